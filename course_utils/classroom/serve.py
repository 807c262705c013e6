"""Serve the page of explorers to a class: voila, and on Linux a nursery of kernels behind it."""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
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
    with kernels(environment) as environment:
        own = [f"{name}={value}" for name, value in OPTIONS.items() if not _given(name, rest)]
        command = [sys.executable, "-m", "voila", str(asked.notebook), *own, *rest]
        server = subprocess.Popen(command, env=environment)
        try:
            return server.wait()
        except KeyboardInterrupt:  # the server has got it too, and says goodbye
            return server.wait()
        finally:
            server.terminate()


def _given(name: str, options: Sequence[str]) -> bool:
    return any(option.split("=")[0] == name for option in options)


@contextmanager
def kernels(environment: dict[str, str]) -> Iterator[dict[str, str]]:
    """Give the environment of a server whose kernels come from a nursery, where there can be one.

    Parameters
    ----------
    environment
        Of the server and its kernels; it is not changed.
    """
    if sys.platform != "linux":
        yield environment
        return
    with tempfile.TemporaryDirectory(prefix="course-") as folder:
        address = str(Path(folder, "nursery"))
        code = f"from course_utils.classroom.nursery import nursery; nursery({address!r})"
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
            process.stdin.close()
            process.wait(timeout=20)


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
