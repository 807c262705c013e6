"""The most memory that each notebook's kernel takes: what a user of a JupyterHub needs.

Run ``python benchmarks/notebook_memory.py``, or with the numbers of notebooks, ``00 03``. Each is
executed from top to bottom in a kernel of its own, whose memory is read four times a second: the
unique set size, which is what the machine gains when the kernel ends.
"""

from __future__ import annotations

import sys
import threading
from pathlib import Path

import nbformat
import psutil
from nbclient import NotebookClient

from course_utils.terminal import any_terminal

NOTEBOOKS = Path(__file__).parents[1] / "notebooks"
GB = 2**30


def peak(path: Path) -> float:
    """Execute a notebook; return the most memory that its kernel had for itself, in GB."""
    notebook = nbformat.read(path, as_version=4)
    client = NotebookClient(notebook, timeout=600, resources={"metadata": {"path": path.parent}})
    done, seen = threading.Event(), [0]

    def watch() -> None:
        while not done.wait(0.25):
            try:
                kernel = psutil.Process(client.km.provisioner.pid)
                processes = [kernel, *kernel.children(recursive=True)]
                seen.append(sum(one.memory_full_info().uss for one in processes))
            except (psutil.Error, AttributeError):  # it does not run yet, or no more
                continue

    threading.Thread(target=watch, daemon=True).start()
    try:
        client.execute()
    finally:
        done.set()
    return max(seen) / GB


def main(numbers: list[str]) -> None:
    """Measure the notebooks whose names begin so, or all."""
    for path in sorted(NOTEBOOKS.glob("[0-9]*.ipynb")):
        if not numbers or path.name.startswith(tuple(numbers)):
            print(f"{path.stem:36} {peak(path):5.2f} GB", flush=True)


if __name__ == "__main__":
    any_terminal()
    main(sys.argv[1:])
