"""What a process may still do once it has confined itself: Landlock on Linux, resource limits.

Neither can be taken back by the process, and both hold for all that it starts. Landlock is a part
of the Linux kernel, since 5.13; what a kernel does not know yet is left out. Where there is none
(macOS, Windows), nothing is confined, and only `guard` looks after the files.
"""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Iterable
from pathlib import Path

try:
    import resource
except ImportError:  # Windows
    resource = None

CREATE_RULESET, ADD_RULE, RESTRICT_SELF = 444, 445, 446  # the same on all processors
NO_NEW_PRIVILEGES, DIE_WITH_PARENT, KILL = 38, 1, 9

WRITE_FILE, READ_FILE, READ_DIR, TRUNCATE = 1 << 1, 1 << 2, 1 << 3, 1 << 14
WRITING = {1: 0x1FF2, 2: 1 << 13, 3: TRUNCATE}  # ABI → the rights to write, make and remove
NETWORK = {4: 0b11}  # bind and connect of TCP
SCOPES = {6: 0b11}  # abstract sockets and signals reach no process outside


class _Ruleset(ctypes.Structure):
    _fields_ = [(name, ctypes.c_uint64) for name in ("files", "network", "scopes")]


class _PathBeneath(ctypes.Structure):
    _pack_ = 1
    _fields_ = [("allowed", ctypes.c_uint64), ("folder", ctypes.c_int32)]


def landlock_version() -> int:
    """Return what the kernel's Landlock is able to do, as its ABI's number; 0 if there is none."""
    if not sys.platform.startswith("linux"):
        return 0
    return max(0, ctypes.CDLL(None).syscall(CREATE_RULESET, None, 0, 1))


def confine(readable: Iterable[str], writable: Iterable[str]) -> bool:
    """Let this process read files only in some places, write in fewer, and speak to no one else.

    It may still list folders everywhere, as an import does. TCP connections and signals to
    processes outside are refused from the kernels on that know how. It must be called before other
    threads begin, which would not be confined.

    Parameters
    ----------
    readable, writable
        Folders, with all that is in them, and files. What is writable is readable, too; what does
        not exist is passed over.

    Returns
    -------
    Whether the kernel does it.

    Raises
    ------
    OSError
        If the kernel has Landlock and refuses.
    """
    version = landlock_version()
    if not version:
        return False
    writing = _known(WRITING, version)
    handled = _Ruleset(
        writing | READ_FILE | READ_DIR, _known(NETWORK, version), _known(SCOPES, version)
    )
    size = 8 if version < 4 else 16 if version < 6 else 24
    ruleset = _call(CREATE_RULESET, ctypes.byref(handled), size, 0)
    _allow(ruleset, os.sep, READ_DIR)
    for path in readable:
        _allow(ruleset, path, READ_FILE | READ_DIR)
    for path in writable:
        _allow(ruleset, path, writing | READ_FILE | READ_DIR)
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(NO_NEW_PRIVILEGES, 1, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "no_new_privs was refused")
    _call(RESTRICT_SELF, ruleset, 0)
    os.close(ruleset)
    return True


def _known(rights: dict[int, int], version: int) -> int:
    known = 0
    for since, bits in rights.items():
        known |= bits if since <= version else 0
    return known


def _allow(ruleset: int, path: str, rights: int) -> None:
    """Add a rule for a path, if it exists; a file takes no rights that are those of folders."""
    if not os.path.exists(path):
        return
    if not Path(path).is_dir():
        rights &= WRITE_FILE | READ_FILE | TRUNCATE
    place = os.open(path, os.O_PATH | os.O_CLOEXEC)
    try:
        _call(ADD_RULE, ruleset, 1, ctypes.byref(_PathBeneath(rights, place)), 0)
    finally:
        os.close(place)


def _call(number: int, *arguments: object) -> int:
    result = ctypes.CDLL(None, use_errno=True).syscall(number, *arguments)
    if result < 0:
        raise OSError(ctypes.get_errno(), f"Landlock was refused (system call {number})")
    return result


def die_with_parent(parent: int) -> None:
    """Let Linux end this process when the one that started it ends."""
    if sys.platform.startswith("linux"):
        ctypes.CDLL(None).prctl(DIE_WITH_PARENT, KILL, 0, 0, 0)
        if os.getppid() != parent:
            os._exit(1)


def limit(name: str, most: int) -> None:
    """Set a resource limit, such as ``"RLIMIT_AS"``, where the system has it and allows it."""
    kind = getattr(resource, name, None)
    if kind is None:
        return
    try:
        _, hard = resource.getrlimit(kind)
        most = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(kind, (most, most))
    except (OSError, ValueError):  # macOS refuses some
        return
