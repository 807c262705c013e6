"""Look at a process from outside: what it says, how long it takes, how much memory; and end it.

A process may start others, and these may try to outlive it. All of them count, and all are ended.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import queue
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psutil

from course_utils.grading.child import START

EVERY = 0.1  # seconds between two looks
START_SECONDS = 180  # until a process has imported all that it needs
MOST_PROCESSES, MOST_MESSAGES, LONGEST_MESSAGE = 64, 20_000, 5_000
MOST_FILES, MOST_BYTES = 10_000, 1 << 30  # in the folder that a process may write to

PASSED_ON = """APPDATA COMSPEC HOME LANG LANGUAGE LC_ALL LC_CTYPE LD_LIBRARY_PATH
LOCALAPPDATA NUMBER_OF_PROCESSORS PATH PATHEXT PROGRAMDATA PYTHONHOME PYTHONPATH SYSTEMDRIVE
SYSTEMROOT TZ USERPROFILE WINDIR XDG_CACHE_HOME XDG_CONFIG_HOME""".split()
"""Variables of the environment that a process is given; others may hold secrets."""


class Process:
    """A task in a Python of its own: see `child.main`.

    Parameters
    ----------
    task
        The module to run.
    settings
        What it is told, beside ``task`` and ``parent``.
    folder
        It may write there; it starts in ``work`` there, and keeps its temporary files in that.
    memory
        Bytes that it and all that it starts may use together.
    threads
        For numerical work.
    """

    peak = 0
    """Bytes of the largest process with its family, over all processes so far."""

    adopting = False
    """Whether this program is the parent of all whose own parent has ended: see `adopt_orphans`."""

    _mine: set[int] = set()
    _lock = threading.Lock()

    def __init__(
        self, task: str, settings: dict, folder: Path, *, memory: int, threads: int
    ) -> None:
        self.ended = ""
        self._folder, self._memory = folder, memory
        self._messages: queue.Queue[dict] = queue.Queue()
        options = {"start_new_session": True} if os.name == "posix" else {}
        with Process._lock:
            self._process = subprocess.Popen(
                [sys.executable, "-B", "-c", START],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                cwd=folder / "work",
                env=_environment(folder / "work", threads),
                **options,
            )
            Process._mine.add(self._process.pid)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        settings = settings | {"task": task, "parent": os.getpid()}
        with contextlib.suppress(OSError):  # it has ended already
            self._process.stdin.write(json.dumps(settings).encode() + b"\n")
            self._process.stdin.close()

    def _read(self) -> None:
        """Take its messages; of one that never stops talking only so many."""
        for _ in range(MOST_MESSAGES):
            line = self._process.stdout.readline(LONGEST_MESSAGE)
            if not line:
                return
            with contextlib.suppress(ValueError, RecursionError):  # not a message of ours
                message = json.loads(line)
                if isinstance(message, dict):
                    self._messages.put(message)

    def messages(self) -> Iterator[dict | None]:
        """Yield each message, and None at each look, until it has ended or was ended.

        Then ``ended`` says why, if it was not by itself: "time: …", "memory: …", "output: …",
        "processes: …", "crash: …".
        """
        try:
            finished = False
            while not finished:
                running = self._process.poll() is None
                if not running:
                    self._reader.join(timeout=1)
                while not self._messages.empty():
                    message = self._messages.get()
                    finished |= message.get("end") is True
                    yield message
                yield None
                if not running:
                    break
                self.ended = self.ended or self._excess()
                finished |= bool(self.ended)
                if not finished:
                    time.sleep(EVERY)
            if not self.ended and not finished:
                self.ended = _words_of_exit(self._process.returncode)
        finally:
            self.close()

    def stop(self, reason: str) -> None:
        """End it at the next look, for this reason."""
        self.ended = self.ended or reason

    def interrupt(self) -> None:
        """Do what Ctrl-C does in a notebook, where the system can send it to one process."""
        if os.name == "posix":
            self._process.send_signal(signal.SIGINT)

    def close(self) -> None:
        """End it, with all that it has started."""
        for _ in range(100):
            family = self._family()
            if os.name == "posix":
                with contextlib.suppress(OSError):
                    os.killpg(self._process.pid, signal.SIGKILL)
            for process in family:
                with contextlib.suppress(psutil.Error):
                    process.kill()
            self._process.wait()
            if not (_end_orphans() or any(map(_lives, family))):
                break
            time.sleep(0.02)
        self._reader.join(timeout=1)
        if not self._reader.is_alive():
            self._process.stdout.close()
        with Process._lock:
            Process._mine.discard(self._process.pid)

    def _family(self) -> list[psutil.Process]:
        try:
            process = psutil.Process(self._process.pid)
            return [process, *process.children(recursive=True)]
        except psutil.Error:
            return []

    def _excess(self) -> str:
        """Return words if it, with all that it has started, uses more than it may."""
        _end_orphans()
        family, used = self._family(), 0
        for process in family:
            with contextlib.suppress(psutil.Error):
                used += process.memory_info().rss
        Process.peak = max(Process.peak, used)
        if len(family) > MOST_PROCESSES:
            return f"processes: it started more than {MOST_PROCESSES}"
        if used > self._memory:
            return f"memory: it used more than {self._memory / 2**30:.2g} GB"
        return _excess_of(self._folder)


def _environment(folder: Path, threads: int) -> dict[str, str]:
    kept = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
    places = dict.fromkeys(
        ("TMPDIR", "TEMP", "TMP", "IPYTHONDIR", "JUPYTER_CONFIG_DIR"), str(folder)
    )
    fixed = {
        "MPLBACKEND": "agg",
        "CUDA_VISIBLE_DEVICES": "",
        "PYTHONHASHSEED": "0",
        "MALLOC_ARENA_MAX": "4",
    }
    return kept | places | fixed | {"OMP_NUM_THREADS": str(threads), "COURSE_DATA": course_data()}


def course_data() -> str:
    """Return ``COURSE_DATA`` such that it means the same in every folder."""
    asked = os.environ.get("COURSE_DATA", "").strip()
    kind, colon, folder = asked.rpartition("images:")
    if folder in ("", "digits"):
        return asked
    return f"{kind}{colon}{Path(folder.strip()).expanduser().absolute()}"


def _excess_of(folder: Path) -> str:
    """Return words if there is too much in a folder."""
    files = used = 0
    waiting = [str(folder)]
    while waiting and files <= MOST_FILES and used <= MOST_BYTES:
        with contextlib.suppress(OSError), os.scandir(waiting.pop()) as inside:
            for entry in inside:
                files += 1
                if entry.is_dir(follow_symlinks=False):
                    waiting.append(entry.path)
                else:
                    used += entry.stat(follow_symlinks=False).st_size
                if files > MOST_FILES:
                    break
    if files > MOST_FILES:
        return f"output: it wrote more than {MOST_FILES:,} files"
    return f"output: it wrote more than {MOST_BYTES >> 30} GB" if used > MOST_BYTES else ""


def _words_of_exit(code: int) -> str:
    if code >= 0:
        return f"crash: its process ended by itself, with code {code}"
    try:
        name = signal.Signals(-code).name
    except ValueError:
        name = f"signal {-code}"
    return f"crash: its process was ended by {name}"


def _lives(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


def remove(folder: Path) -> None:
    """Remove what a process has left, also a thousand folders in each other."""
    try:
        shutil.rmtree(folder, ignore_errors=True)
    except RecursionError:
        with Process._lock, contextlib.suppress(OSError):  # no process of ours is an orphan then
            subprocess.run(["rm", "-rf", str(folder)], stderr=subprocess.DEVNULL, check=False)


# ------------------------------------------------------------------------------ who hides from it


def adopt_orphans() -> None:
    """Let processes whose parent has ended become children of this one, on Linux, to be ended.

    Only for a program that starts no other processes than these.
    """
    if sys.platform.startswith("linux"):
        Process.adopting = not ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)  # PR_SET_CHILD_SUBREAPER


def _end_orphans() -> bool:
    """End the processes that were adopted; say whether there were any."""
    if not Process.adopting:
        return False
    found = False
    with Process._lock:
        for process in psutil.Process().children():
            if process.pid in Process._mine:
                continue
            found = True
            with contextlib.suppress(psutil.Error):
                process.kill()
            with contextlib.suppress(OSError):
                os.waitpid(process.pid, os.WNOHANG)
    return found
