"""What each process of the grader begins with: its settings, a private line home, its confinement.

Nothing heavy is imported before: a process that has threads cannot be confined as a whole.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

import course_utils
from course_utils.grading.confinement import confine, die_with_parent, limit

LARGEST_FILE = 1 << 30  # bytes that one file may have

ROOT = str(Path(course_utils.__file__).absolute().parent.parent)
START = f"import sys; sys.path[:] = [*filter(None, sys.path), {ROOT!r}]; "
START += "from course_utils.grading.child import main; main()"
"""What Python is told: the folder that it starts in is no place to import from."""


def main() -> None:
    """Read one line of settings from the standard input, and do what they say.

    The line is a JSON object: ``task``, the module whose ``main(settings, tell)`` is called;
    ``parent``, the process that waits; ``readable`` and ``writable``, or None where the task is
    not to be confined; and what the task itself wants to know.
    """
    settings = json.loads(sys.stdin.buffer.readline())
    tell = _line_home()
    die_with_parent(settings["parent"])
    limit("RLIMIT_CORE", 0)
    if settings["writable"] is not None:
        limit("RLIMIT_FSIZE", LARGEST_FILE)
        confine(settings["readable"], settings["writable"])
    import_module(settings["task"]).main(settings, tell)


def _line_home() -> Callable[..., None]:
    """Take the standard output for messages, and leave nothing where input and output were.

    Returns
    -------
    ``tell(**message)`` sends one line of JSON to the process that waits.
    """
    home, nothing = os.dup(1), os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nothing, stream)

    def tell(**message: object) -> None:
        line = json.dumps(message).encode() + b"\n"
        while line:
            line = line[os.write(home, line) :]

    return tell


def limit_memory(most: int) -> None:
    """Refuse this process more memory shortly before it, by itself, uses so many bytes."""
    import psutil

    now = psutil.Process().memory_info()
    limit("RLIMIT_AS", now.vms + max(0, int(0.9 * most) - now.rss))
