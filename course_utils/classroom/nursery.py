"""Kernels that are forked from one process: what it has loaded, all of them share.

Torch alone takes some 300 MB of each kernel that imports it. Here it is imported once; a fork
copies only those pages of memory that it changes. It also begins at once, for there is nothing left
to import. Linux only: elsewhere a fork is not safe with threads around.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import random
import signal
import socket
import sys
import threading
from collections.abc import Sequence

FORKED = "COURSE_FORKED"
"""In the environment of a kernel that was forked."""


def nursery(address: str, modules: Sequence[str] = ()) -> None:
    """Load what the page of explorers needs, then fork a kernel for each launcher that asks.

    Ends when its standard input is closed, and so with the program that has started it. The
    kernels stay: each ends with its own launcher.

    Parameters
    ----------
    address
        Path of the socket to listen at; it appears when everything is loaded.
    modules
        Names of the modules to load in place of all that the page of explorers needs.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the server
    threading.Thread(target=_end_with_the_server, daemon=True).start()  # also while it loads
    _load(modules)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # no kernel stays as a zombie
    door = socket.socket(socket.AF_UNIX)
    door.bind(address + ".new")
    door.listen(64)
    os.rename(address + ".new", address)
    while True:
        line, _ = door.accept()
        if os.fork() == 0:
            door.close()
            _become_a_kernel(line)
        line.close()


def _load(modules: Sequence[str]) -> None:
    """Import and compute once what every kernel would."""
    import ipykernel.kernelapp  # noqa: F401
    import torch

    torch.set_num_threads(1)  # a pool of threads would not survive a fork
    for name in modules:
        importlib.import_module(name)
    if not modules:
        _show_every_explorer()
    gc.collect()
    gc.freeze()  # so that no later collection writes into the pages that all share


def _show_every_explorer() -> None:
    """Compute what every visitor would: each explorer as it begins, and its picture."""
    from course_utils import load_mnist
    from course_utils.classroom.offers import OFFERS

    data = load_mnist(log=None)
    for offer in OFFERS.values():
        explorer = offer.make(data)
        explorer._repr_mimebundle_()
        explorer.close()


def _end_with_the_server() -> None:
    while os.read(0, 1024):
        pass
    os._exit(0)


def _become_a_kernel(line: socket.socket) -> None:
    """Turn this fork into the kernel that a launcher describes, and never return."""
    status = 1
    try:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        os.setsid()
        with line.makefile("r", encoding="utf-8") as sent:
            asked = json.loads(sent.readline())
        os.chdir(asked["folder"])
        os.environ.clear()
        os.environ.update(asked["environment"], **{FORKED: "1"})
        os.environ.pop("JPY_PARENT_PID", None)  # its parent is not the server
        _draw_anew()
        line.sendall(f"{os.getpid()}\n".encode())
        threading.Thread(target=_end_with_the_launcher, args=(line,), daemon=True).start()
        _run_kernel(asked["connection_file"])
        status = 0
    finally:
        os._exit(status)


def _run_kernel(connection_file: str) -> None:
    import ipywidgets
    from ipykernel.kernelapp import IPKernelApp

    kernel = IPKernelApp.instance(parent_handle=1)  # watched by its launcher; so it prints no note
    kernel.initialize(["-f", connection_file])
    ipywidgets.register_comm_target()  # as its import does, but there was no kernel yet
    if "pandas" in sys.modules:  # as its import does in a kernel; here it believed in a terminal
        sys.modules["pandas"].set_option("display.max_columns", 20)
    kernel.start()


def _draw_anew() -> None:
    """Seed the global generators: two visitors must not see the same draws."""
    import numpy as np
    import torch

    random.seed()
    np.random.seed()
    torch.seed()


def _end_with_the_launcher(line: socket.socket) -> None:
    while line.recv(1024):
        pass
    os._exit(0)
