"""The table: a row for each exercise of each notebook that was handed in, as CSV.

It is written as a whole, and put into its place at once, so that there is never half of one. A
spreadsheet opens it with every alphabet, and takes none of its words for a formula.
"""

from __future__ import annotations

import csv
import os
import re
from dataclasses import astuple, dataclass, fields
from pathlib import Path

LONGEST = 500  # characters of a cell
UNSEEN = r"[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff]"
FORMULA = tuple("=+-@|%＝＋－＠\t\r\n")


@dataclass(frozen=True)
class Row:
    """One line of the table, all of it words.

    Attributes
    ----------
    student, notebook, exercise
        Who, which notebook and which exercise; the last two are empty where it is no notebook.
    result
        One of `RESULTS`.
    sentence
        The checker's, or what happened.
    file
        Its path in the folder of submissions.
    fingerprint
        Which content was graded by which checkers: how the next run knows what is done.
    """

    student: str
    notebook: str
    exercise: str
    result: str
    sentence: str
    file: str
    fingerprint: str


RESULTS = (
    "correct",
    "not yet",
    "not attempted",
    "missing",
    "stopped",
    "tampered",
    "not a notebook",
)

COLUMNS = [field.name for field in fields(Row)]


class NotOurs(ValueError):
    """Raised for a file at the table's place that is not a table of this program."""


def row(**words: str) -> Row:
    """Return a row of words that may come from anywhere: on one line, short, and no formulas."""
    return Row(**{name: _cell(text) for name, text in words.items()})


def _cell(text: str) -> str:
    text = text.encode("utf-8", "replace").decode("utf-8")  # half characters of file names
    text = " ".join(re.sub(UNSEEN, " ", text).split())
    text = text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"
    return f"'{text}" if text.startswith(FORMULA) else text


def write(path: Path, rows: list[Row]) -> bytes:
    """Put a table of these rows at a path; return its bytes.

    Raises
    ------
    OSError
        If it cannot be written there: then what stood there stands.
    """
    part = path.with_name(f".{path.name}.part")
    with part.open("w", encoding="utf-8-sig", newline="") as file:
        table = csv.writer(file)
        table.writerow(COLUMNS)
        table.writerows(map(astuple, rows))
        file.flush()
        os.fsync(file.fileno())
    os.replace(part, path)
    return path.read_bytes()


def read(path: Path) -> list[Row]:
    """Read a table that an earlier run has written; of none that is there, no rows.

    Raises
    ------
    NotOurs
        If something else lies there.
    """
    if not os.path.lexists(path):
        return []
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            lines = list(csv.reader(file))
    except (OSError, ValueError, csv.Error) as error:
        raise NotOurs(f"{path} cannot be read as a table: {error}") from error
    whole = all(len(line) == len(COLUMNS) for line in lines)
    if not lines or lines[0] != COLUMNS or not whole:
        raise NotOurs(
            f"{path} is not a table of this program (its columns would be {', '.join(COLUMNS)}), "
            "and stays as it is: give another name"
        )
    return [Row(*line) for line in lines[1:]]
