"""Serve the page of explorers to a class: voila, and on Linux a nursery of kernels behind it."""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from course_utils.classroom import launcher

CULLED = 60
"""Seconds without connection after which the kernel of a visitor who has left is ended."""

OPTIONS = {
    "--MappingKernelManager.cull_idle_timeout": CULLED,
    "--MappingKernelManager.cull_interval": 10,
}
"""What voila is told unless the teacher tells it otherwise."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run ``python -m course_utils.classroom NOTEBOOK``; what else is given goes to voila.

    Returns
    -------
    int
        The exit status.
    """
    parser = argparse.ArgumentParser(
        prog="python -m course_utils.classroom",
        description="Serve the page of explorers to a class.",
        epilog="Everything else is handed to voila: --port=8866, --Voila.ip=0.0.0.0 to be seen "
        "from other machines, --no-browser.",
    )
    parser.add_argument("notebook", type=Path, help="notebooks/explorers.ipynb, or one like it")
    asked, rest = parser.parse_known_args(arguments)
    if not asked.notebook.is_file():
        parser.error(f"{str(asked.notebook)!r} is no file: try notebooks/explorers.ipynb")
    if importlib.util.find_spec("voila") is None:
        parser.error('voila is not installed: pip install -e ".[teach]"')
    environment = {**os.environ, "OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", "1")}
    own = [f"{name}={value}" for name, value in OPTIONS.items() if not _given(name, rest)]
    command = [sys.executable, "-m", "voila", str(asked.notebook), *own, *rest]
    try:
        with _ended_in_order(), kernels(environment) as environment:
            return _served(command, environment)
    except KeyboardInterrupt:  # before the server was there
        return 130


def _served(command: Sequence[str], environment: dict[str, str]) -> int:
    server = subprocess.Popen(command, env=environment)
    try:
        return server.wait()
    except KeyboardInterrupt:  # in a terminal the server gets it too
        return _end(server, wait=3)
    finally:
        _end(server)


@contextmanager
def _ended_in_order() -> Iterator[None]:
    """Take a closed window, or a polite kill, for Ctrl-C, so that nothing is left running.

    Ctrl-C itself is ignored in what a script starts in the background: here it is heard again.
    """
    names = ("SIGINT", "SIGTERM", "SIGHUP")
    numbers = [getattr(signal, name) for name in names if hasattr(signal, name)]
    before = [signal.signal(number, signal.default_int_handler) for number in numbers]
    try:
        yield
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)


def _end(server: subprocess.Popen, wait: float = 0) -> int:
    """Ask the server to end, if it does not by itself; kill it if it will not."""
    steps = [(None, wait), (signal.SIGINT, 10), (signal.SIGTERM, 5)]
    for number, seconds in steps if os.name == "posix" else steps[::2]:
        if number is not None and server.poll() is None:
            server.send_signal(number)
        with suppress(subprocess.TimeoutExpired):
            return server.wait(timeout=seconds)
    server.kill()
    return server.wait()


def _given(name: str, options: Sequence[str]) -> bool:
    return any(option.split("=")[0] == name for option in options)


@contextmanager
def kernels(environment: dict[str, str], modules: Sequence[str] = ()) -> Iterator[dict[str, str]]:
    """Give the environment of a server whose kernels come from a nursery, where there can be one.

    Parameters
    ----------
    environment
        Of the server and its kernels; it is not changed.
    modules
        Names of the modules that the nursery loads; without any, all that the page needs.
    """
    if sys.platform != "linux":
        yield environment
        return
    with tempfile.TemporaryDirectory(prefix="course-") as folder:
        address = str(Path(folder, "nursery"))
        asked = f"{address!r}, {tuple(modules)}"
        code = f"from course_utils.classroom.nursery import nursery; nursery({asked})"
        process = subprocess.Popen(
            [sys.executable, "-c", code], stdin=subprocess.PIPE, env=environment
        )
        try:
            while not os.path.exists(address) and process.poll() is None:
                time.sleep(0.1)
            if process.poll() is None:
                environment = {**environment, "JUPYTER_PATH": _kernel_spec(folder, environment)}
            yield environment
        finally:
            process.stdin.close()  # that ends it
            try:
                process.wait(timeout=20)
            except subprocess.TimeoutExpired:  # of a machine with too much to do
                process.kill()
                process.wait()


def _kernel_spec(folder: str, environment: dict[str, str]) -> str:
    """Write what stands for the kernel "python3"; return the path on which Jupyter finds it."""
    place = Path(folder, "kernels", "python3")
    place.mkdir(parents=True)
    command = [sys.executable, "-S", "-E", launcher.__file__, str(Path(folder, "nursery"))]
    spec = {
        "argv": [*command, "{connection_file}"],
        "display_name": "Python 3 (ipykernel)",
        "language": "python",
    }
    (place / "kernel.json").write_text(json.dumps(spec), encoding="utf-8")
    before = environment.get("JUPYTER_PATH")
    return os.pathsep.join([folder, before] if before else [folder])
