"""What the long benchmarks share: MNIST or a word, and a file that is never seen half written."""

from __future__ import annotations

import json
from pathlib import Path

from course_utils.data import ImageData, load_mnist


def mnist() -> ImageData:
    """Return MNIST; end with a word where only the embedded digits are found."""
    data = load_mnist(verbose=False)
    if data.name != "MNIST":
        raise SystemExit("MNIST was not found: set COURSE_DATA to a folder that holds it")
    return data


def write_whole(file: Path, setting: dict, **tables: list[dict]) -> None:
    """Replace the file at once, one line a row: a run that is killed leaves a whole one."""
    parts = [f'"setting": {json.dumps(setting)}']
    for name, rows in tables.items():
        lines = ",\n    ".join(map(json.dumps, rows))
        parts.append(f'"{name}": [\n    {lines}\n  ]')
    scratch = file.with_suffix(".part")
    scratch.write_text("{\n  " + ",\n  ".join(parts) + "\n}\n")
    scratch.replace(file)
