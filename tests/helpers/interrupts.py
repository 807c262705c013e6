"""Interrupt the explorers' own code wherever it is."""

import sys
from contextlib import contextmanager
from pathlib import Path

from course_utils import explorers


@contextmanager
def interrupted_after(lines):
    """Raise KeyboardInterrupt after so many lines of the explorers' own code; 0 means never."""
    folder, before = str(Path(explorers.__file__).parent), sys.gettrace()

    def count(frame, event, _):
        nonlocal lines
        lines -= event == "line"
        if lines == 0 and event == "line":
            raise KeyboardInterrupt
        return count

    sys.settrace(lambda frame, *_: count if frame.f_code.co_filename.startswith(folder) else None)
    try:
        yield
    finally:
        sys.settrace(before)
