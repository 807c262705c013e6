"""Read a folder of submissions: who handed in what, and which notebook of the course it is."""

from __future__ import annotations

import hashlib
import json
import os
import re
import stat
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

LARGEST = 50 * 2**20  # bytes of a notebook


@dataclass(frozen=True, eq=False)
class Submission:
    """One file that was handed in.

    Attributes
    ----------
    student
        The name of the folder, or of the file.
    file
        Its path in the folder of submissions, with ``/``.
    path
        Where it lies.
    data
        What it holds; None if it was not read.
    fault
        Why it is not a notebook of the course; "" if it is one.
    notebook
        The name of the notebook's checkers, such as ``"start_here"``; "" if it has none.
    cells
        Number, from 1, and source of each code cell.
    """

    student: str
    file: str
    path: Path
    data: bytes | None = None
    fault: str = ""
    notebook: str = ""
    cells: tuple[tuple[int, str], ...] = ()

    @property
    def digest(self) -> str:
        """What tells this submission from every other, and from an older one at its place."""
        about = f"{self.student}\0{self.file}\0{self.fault}\0".encode(errors="surrogatepass")
        return hashlib.sha256(about + (self.data or b"")).hexdigest()


def submissions(folder: Path, notebooks: Iterable[str], passed_over: Path) -> list[Submission]:
    """Read every file below a folder; hidden ones are passed over, links are not followed.

    Parameters
    ----------
    folder
        Holds ``STUDENT/….ipynb``, however deep, or ``STUDENT.ipynb``.
    notebooks
        The names of the course's notebooks with exercises, from 00 on.
    passed_over
        A file that is none of the submissions: the table.

    Raises
    ------
    OSError
        If the folder cannot be read.
    """
    names = tuple(notebooks)
    return [
        _read(folder, path, names)
        for path in _files(folder)
        if path.absolute() != passed_over.absolute()
    ]


def _files(folder: Path) -> Iterator[Path]:
    """Yield what lies below a folder, in the order of the names; an empty folder itself."""
    with os.scandir(folder) as inside:
        entries = sorted((e for e in inside if not e.name.startswith(".")), key=lambda e: e.name)
    for entry in entries:
        path = Path(entry.path)
        if not entry.is_dir(follow_symlinks=False) or path.suffix == ".ipynb":
            yield path
            continue
        try:
            below = list(_files(path))
        except OSError:
            below = []
        yield from below or [path]


def _read(folder: Path, path: Path, names: tuple[str, ...]) -> Submission:
    parts = path.relative_to(folder).parts
    alone = len(parts) == 1 and path.suffix == ".ipynb" or not path.is_dir() and len(parts) == 1
    student = path.stem if alone else parts[0]
    file = "/".join(parts)
    data, fault = _bytes(path)
    cells: tuple = ()
    notebook = ""
    if not fault:
        cells, fault = code_cells(data)
    if not fault:
        notebook, fault = which(path.name, cells, names)
    return Submission(student, file, path, data, fault, notebook, cells)


def _bytes(path: Path) -> tuple[bytes | None, str]:
    """Return what a file holds, or why it was not read."""
    try:
        about = path.lstat()
        kind = about.st_mode
        if stat.S_ISLNK(kind):
            return None, "It is a symbolic link; links are not followed."
        if stat.S_ISDIR(kind):
            words = "It is a folder" if path.suffix == ".ipynb" else "The folder is empty"
            return None, f"{words}, not a notebook."
        if not stat.S_ISREG(kind):
            return None, "It is no ordinary file."
        if path.suffix.lower() != ".ipynb":
            return None, "Its name does not end with .ipynb."
        if about.st_size > LARGEST:
            return None, f"It is larger than {LARGEST >> 20} MB: clear its outputs."
        with path.open("rb") as file:
            return file.read(LARGEST + 1), ""
    except OSError as error:
        return None, f"It cannot be read: {error.strerror or type(error).__name__}."


def code_cells(data: bytes) -> tuple[tuple[tuple[int, str], ...], str]:
    """Return number and source of a notebook's code cells, and why it is not one, or "".

    Cells of a kind that nobody knows are passed over.
    """
    if not data.strip():
        return (), "The file is empty."
    try:
        notebook = json.loads(data.decode("utf-8-sig"))
    except UnicodeDecodeError:
        return (), "It is not written in UTF-8."
    except (ValueError, RecursionError):
        return (), "It is not a notebook: no JSON. Was it saved as HTML, or renamed?"
    version = notebook.get("nbformat") if isinstance(notebook, dict) else None
    if not isinstance(version, int):
        return (), "It is JSON, but not a notebook."
    if version != 4:
        return (), f"It has the format {version}, not 4: open it in JupyterLab and save it."
    cells = notebook.get("cells")
    if not isinstance(cells, list):
        return (), "It is JSON, but not a notebook: it has no list of cells."
    found = []
    for number, cell in enumerate(cells, start=1):
        if isinstance(cell, dict) and cell.get("cell_type") == "code":
            source = cell.get("source", "")
            lines = source if isinstance(source, list) else [source]
            found.append((number, "".join(line for line in lines if isinstance(line, str))))
    return tuple(found), ""


def which(file: str, cells: tuple[tuple[int, str], ...], names: tuple[str, ...]) -> tuple[str, str]:
    """Return which notebook it is, and why that is not known, or "".

    The checkers that it imports decide; if there are none, its name, or the number in it.
    """
    text = "\n".join(source for _, source in cells)
    pattern = r"course_utils\.exercises(?:[ \t]{1,9}import[ \t]{1,9}\(?\s{0,99}|\.)(\w+)"
    found = Counter(name for name in re.findall(pattern, text) if name in names)
    if found:
        return found.most_common(1)[0][0], ""
    for name in names:
        if name in file:
            return name, ""
    for number in re.findall(r"(?<![0-9])([0-9]{2})(?![0-9a-z])", file):
        if int(number) < len(names):
            return names[int(number)], ""
    return "", "Neither what it imports nor its name says which notebook of the course it is."
