"""How many visitors a machine can hold at once, and how many are there.

Each visitor of the page has a kernel, and each kernel takes memory. It leaves a file named after
its process; of those whose process has ended nobody is counted.
"""

from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

import psutil

MB = 2**20
FORKED_COSTS, ALONE_COSTS = 300 * MB, 1150 * MB
"""Bytes that a visitor takes who has opened all explorers, if the kernel was forked, and if not."""

SPARE = 500 * MB
"""Bytes that stay free for all else."""

LIMIT = "COURSE_VISITORS"
"""The environment variable in which a teacher sets another limit."""


@dataclass(frozen=True)
class Visitors:
    """Who is there, the newcomer included, and how many can be.

    Attributes
    ----------
    here, most
        Numbers of visitors.
    """

    here: int
    most: int

    @property
    def is_full(self) -> bool:
        """Whether the newcomer is one too many."""
        return self.here > self.most

    @property
    def words(self) -> str:
        """Say it: how many the page can hold, and how near to that it is."""
        if self.is_full:
            return (
                f"This page is full: this machine can hold {_visitors(self.most)} of it at once, "
                "and all are here. Close it in other windows, or come again in a few minutes. "
                "The pages in the folder figures show the same explorers and need no server."
            )
        nearly = "It is nearly full. " if self.here >= 0.8 * self.most else ""
        return (
            f"{nearly}This machine can hold about {_visitors(self.most)} of this page at once; "
            f"when you came, {self.here} {'was' if self.here == 1 else 'were'} here, with you."
        )


def _visitors(n: int) -> str:
    return "1 visitor" if n == 1 else f"{n} visitors"


def arrive(*, forked: bool) -> Visitors:
    """Count this kernel in if there is room, and say how many are there and how many can be.

    Parameters
    ----------
    forked
        Whether kernels are forked from a nursery, and so cheap.

    Raises
    ------
    ValueError
        If ``COURSE_VISITORS`` is set and is no whole number from 1 on.
    """
    others = len(_others())
    visitors = Visitors(others + 1, _most(others, forked))
    if not visitors.is_full:  # who is turned away is not there
        _leave_a_file()
    return visitors


def _most(others: int, forked: bool) -> int:
    if given := os.environ.get(LIMIT, "").strip():
        if not given.isdecimal() or int(given) == 0:
            raise ValueError(f"{LIMIT} must be a whole number from 1 on, got {given!r}")
        return int(given)
    costs = FORKED_COSTS if forked else ALONE_COSTS
    return others + max(0, (available_memory() - SPARE) // costs)


def available_memory() -> int:
    """Return how many bytes new processes can take, in a container those that it has left."""
    free = psutil.virtual_memory().available
    for most, used in (
        ("memory.max", "memory.current"),  # cgroup 2
        ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes"),  # cgroup 1
    ):
        try:
            limit, taken = (int((_CGROUP / name).read_text()) for name in (most, used))
        except (OSError, ValueError):  # "max" if there is no limit
            continue
        free = min(free, limit - taken)
    return max(0, free)


_CGROUP = Path("/sys/fs/cgroup")


def _folder() -> Path:
    user = os.getuid() if hasattr(os, "getuid") else "all"
    return Path(tempfile.gettempdir(), f"course-visitors-{user}")


def _leave_a_file() -> None:
    folder = _folder()
    folder.mkdir(mode=0o700, exist_ok=True)
    (folder / f"{os.getpid()}").write_text(f"{psutil.Process().create_time():.2f}")


def _others() -> list[Path]:
    """Return the files of other kernels that run; those of kernels that have ended are removed."""
    here = []
    for file in _folder().glob("*"):
        try:
            alive = f"{psutil.Process(int(file.name)).create_time():.2f}" == file.read_text()
        except (psutil.Error, ValueError, OSError):
            alive = False
        if not alive:
            file.unlink(missing_ok=True)
        elif file.name != str(os.getpid()):
            here.append(file)
    return here
