"""What the long benchmarks share: MNIST or a word, and what an earlier run has stored."""

from __future__ import annotations

import json
from pathlib import Path

from course_utils import load_mnist
from course_utils.data import ImageData


def mnist() -> ImageData:
    """Return MNIST; end with a word where only the embedded digits are found."""
    data = load_mnist(log=None)
    if not data.is_mnist:
        raise SystemExit("MNIST was not found: set COURSE_DATA to a folder that holds it")
    return data


def earlier(file: Path, table: str, *, again: bool) -> list[dict]:
    """Return the rows of one table of a file; none if there is no file, or to begin anew."""
    if again or not file.exists():
        return []
    return json.loads(file.read_text(encoding="utf-8"))[table]
