"""Make an edition of the course: ``python notebooks/editions.py students FOLDER``.

``students`` is the course to hand out: no outputs, the exercises open, no solutions. ``teachers``
is the teacher's own: stored outputs, and each solution in its place. ``slides`` are slides to show,
of 01, 02, 05, 06 and 12, or of the notebooks named after the folder.

An edition is made, never written: change the notebooks and make it again. It goes into a folder
that is new or empty, or that holds the same edition as it was made; and it is written whole, or
not at all.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import re
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import nbformat
from address import completed, repository
from solved import solve, without_pointer

from course_utils.terminal import any_terminal

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
SHOWN = ("01", "02", "05", "06", "12")
"""The notebooks whose slides are made where none is named."""

MARK = "EDITION.txt"
OUTSIDE = re.compile(r"\]\((\.\./[^)#]+)")
"""A link to a file that is not in the folder of the notebooks."""


def main(arguments: list[str] | None = None) -> None:
    """Make the edition that the arguments name."""
    parser = argparse.ArgumentParser(description="Make an edition of the course.")
    parser.add_argument("edition", choices=("students", "teachers", "slides"))
    parser.add_argument(
        "folder", type=Path, help="a new folder, or the same edition as it was made"
    )
    parser.add_argument("notebooks", nargs="*", help="for slides: 03 04a …, instead of the usual")
    asked = parser.parse_args(arguments)
    if asked.notebooks and asked.edition != "slides":
        parser.error(f"the {asked.edition}' edition holds all notebooks: leave out the names")
    try:
        with edition(asked.folder, asked.edition) as folder:
            if asked.edition == "slides":
                paths = chosen(asked.notebooks or SHOWN)
                from slides.deck import write_decks  # it needs nbconvert

                write_decks(paths, folder)
            else:
                write_notebooks(folder, solved=asked.edition == "teachers")
    except (OSError, ValueError) as error:
        sys.exit(f"nothing was written: {error}")
    print(f"{asked.edition}: written into {asked.folder}")


def chosen(names: list[str] | tuple[str, ...]) -> list[Path]:
    """Return the notebooks whose file begins with one of the names: "04" is not "04a"."""
    known = {path.stem.split("_")[0]: path for path in sorted(HERE.glob("[0-9]*.ipynb"))}
    unknown = [name for name in names if name.split("_")[0] not in known]
    if unknown:
        raise ValueError(f"there is no notebook {', '.join(unknown)}: there are {', '.join(known)}")
    return [known[name.split("_")[0]] for name in names]


def write_notebooks(folder: Path, *, solved: bool) -> None:
    """Write all notebooks: open and without outputs, or solved and with them."""
    for path in sorted(HERE.glob("*.ipynb")):
        notebook = nbformat.read(path, as_version=4)
        without_pointer(notebook.cells)
        solution = HERE / "solutions" / path.name
        if solved and solution.exists():
            cells = nbformat.read(solution, as_version=4).cells
            try:
                notebook.cells = solve(notebook.cells, cells)
            except ValueError as error:
                raise ValueError(f"{path.name}: {error}") from None
        for cell in notebook.cells:
            cell.source = at_home(cell.source, folder)
            cell.source = completed(cell.source, repository())
        if solved:
            number(notebook.cells)
        else:
            empty(notebook.cells)
        nbformat.write(notebook, folder / path.name)


def empty(cells: list[nbformat.NotebookNode]) -> None:
    """Take away what was computed, in place, and what its metadata says of it."""
    for cell in cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
        folds = {k: v for k, v in cell.metadata.get("jupyter", {}).items() if k == "source_hidden"}
        tags = [tag for tag in cell.metadata.get("tags", []) if tag != "hide-output"]
        kept = {"tags": tags} if tags else {}
        cell.metadata = nbformat.from_dict(kept | ({"jupyter": folds} if folds else {}))


def number(cells: list[nbformat.NotebookNode]) -> None:
    """Count the executed cells anew: they come from two notebooks."""
    count = 0
    for cell in cells:
        if cell.cell_type == "code" and cell.execution_count is not None:
            count += 1
            cell.execution_count = count
            for output in cell.outputs:
                if output.output_type == "execute_result":
                    output.execution_count = count


def at_home(source: str, folder: Path) -> str:
    """Copy the files outside the notebooks' folder to which a text links; return it with new links.

    And where the first cell says how to install the course, the clone is no longer above.
    """
    for link in OUTSIDE.findall(source):
        inside = Path("files") / (HERE / link).resolve().relative_to(ROOT)
        (folder / inside).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(HERE / link, folder / inside)
        source = source.replace(f"]({link}", f"]({inside.as_posix()}")
    return source.replace(
        "In a clone of the course:  %pip install -e ..",
        "With a clone of the course in FOLDER:  %pip install -e FOLDER",
    )


@contextmanager
def edition(folder: Path, name: str) -> Iterator[Path]:
    """Give a folder to write an edition into; it takes its place when all is written.

    Raises
    ------
    ValueError
        If the folder holds anything but this edition as it was made.
    """
    folder = folder.expanduser().resolve()
    _may_be_replaced(folder, name)
    folder.parent.mkdir(parents=True, exist_ok=True)
    fresh, old = (
        folder.with_name(f".{folder.name}.{word}-{os.getpid()}") for word in ("new", "old")
    )
    try:
        fresh.mkdir()
        yield fresh
        (fresh / MARK).write_text(_mark(fresh, name), encoding="utf-8")
        _exchange(folder, fresh, old)
    finally:
        for left in (fresh, old):
            if not [*left.glob(".*")]:  # what is not ours is never deleted
                shutil.rmtree(left, ignore_errors=True)


def _exchange(folder: Path, fresh: Path, old: Path) -> None:
    """Put the fresh folder in its place; what stood there moves, or stays if that fails.

    What is hidden there, such as ``.git``, is the reader's own, and goes on to the new one.
    """
    if folder.exists():
        folder.rename(old)
    try:
        fresh.rename(folder)
    except OSError:
        if old.exists():
            old.rename(folder)
        raise
    for hidden in old.glob(".*"):
        hidden.rename(folder / hidden.name)


def _may_be_replaced(folder: Path, name: str) -> None:
    if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
        return
    mark = folder / MARK if folder.is_dir() else folder
    if mark == folder or not mark.is_file():
        raise ValueError(f"{folder} holds something else: give a folder that is new or empty")
    if mark.read_text(encoding="utf-8") != _mark(folder, name):
        raise ValueError(
            f"{folder} holds another edition, or was changed since it was made: "
            "give a new folder, or delete this one"
        )


def _mark(folder: Path, name: str) -> str:
    """Say what the folder is, and what is in it: so what was changed by hand is recognized."""
    own = [path for path in folder.glob("[!.]*") if path.name != MARK]
    files = sorted(path for top in own for path in [top, *top.rglob("*")] if path.is_file())
    sums = (
        f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.relative_to(folder).as_posix()}"
        for path in files
    )
    made = f"python notebooks/editions.py {name} FOLDER"
    return "\n".join(
        [
            f"Made by: {made}",
            "To change it, change the notebooks of the course, and make it again.",
            "",
            *sums,
            "",
        ]
    )


if __name__ == "__main__":
    any_terminal()
    main()
