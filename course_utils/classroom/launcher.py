"""A small process that stands for a forked kernel: a server starts, interrupts and ends it.

``python launcher.py SOCKET CONNECTION_FILE`` imports nothing but a little of the standard library.
If no nursery answers, it becomes an ordinary kernel.
"""

import json
import os
import signal
import socket
import sys


def main(address, connection_file):
    """Ask the nursery for a kernel; hand on the signals; end with the kernel, or the server."""
    asked = {
        "connection_file": connection_file,
        "folder": os.getcwd(),
        "environment": dict(os.environ),
    }
    line = socket.socket(socket.AF_UNIX)
    try:
        line.connect(address)
        line.sendall(json.dumps(asked).encode() + b"\n")
        kernel = int(line.makefile().readline())
    except (OSError, ValueError):
        own = [sys.executable, "-m", "ipykernel_launcher", "-f", connection_file]
        os.execv(sys.executable, own)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda number, frame: os.kill(kernel, number))
    server = os.getppid()
    line.settimeout(2)
    while os.getppid() == server:  # a server that was killed could not say goodbye
        try:
            if not line.recv(1024):
                break
        except TimeoutError:
            continue


if __name__ == "__main__":
    main(*sys.argv[1:])
