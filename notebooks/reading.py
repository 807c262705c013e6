"""What a reader of a notebook meets: ``python notebooks/reading.py`` prints it as a table.

Words are those of the Markdown cells, formulas and tables too; code is what is not folded, lines
are those that are not empty. Time is counted at 180 words a minute and 6 seconds a line of code;
exercises take the minutes that they name. A section is optional whose first line after the heading
begins with ``*Optional``. By what stands here ``store.py`` writes the contents, the folds and the
figures' texts, and ``tests/course/test_reading.py`` holds the budgets.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import nbformat

from course_utils.terminal import any_terminal

HERE = Path(__file__).parent
FOLDED = ("# Tested: ", "# Installed: ", "# Imported: ")
"""How the first line of a folded cell begins: proof, the look for the package, the imports."""

PREDICTION, ANSWER = "**Commit to", "**What we see"
CONTENTS = "**Contents.**"
LIMITS = {"words": 3800, "cells": 45, "lines": 300, "longest": 18, "claims": 30, "core": 45}


@dataclass(frozen=True)
class Section:
    """A section of a notebook: its heading, whether it may be left out, and its minutes."""

    title: str
    optional: bool
    minutes: float


def is_folded(cell: nbformat.NotebookNode) -> bool:
    """Return whether JupyterLab shows of this cell one line and three dots."""
    return cell.cell_type == "code" and cell.source.startswith(FOLDED)


def words(cells: list[nbformat.NotebookNode]) -> int:
    """Return the number of words in the Markdown cells; a formula counts by its pieces."""
    texts = [c.source for c in cells if c.cell_type == "markdown"]
    texts = [text for text in texts if not text.startswith(CONTENTS)]
    return sum(len(re.sub(r"<!--.*?-->", "", text, flags=re.DOTALL).split()) for text in texts)


def visible_lines(cells: list[nbformat.NotebookNode]) -> list[int]:
    """Return the lines that are not empty of each code cell that is not folded."""
    shown = [c.source for c in cells if c.cell_type == "code" and not is_folded(c)]
    return [sum(bool(line.strip()) for line in source.splitlines()) for source in shown]


def minutes(cells: list[nbformat.NotebookNode]) -> float:
    """Return the time that the cells take to read: 180 words a minute, 6 seconds a line."""
    return words(cells) / 180 + sum(visible_lines(cells)) / 10


def sections(cells: list[nbformat.NotebookNode]) -> list[Section]:
    """Cut a notebook at its headings of the second rank and return what the contents name.

    The exercises take the minutes that they name, ``**Exercise 1** (5 minutes).``; the sources are
    for looking up, and what stands before the first heading belongs to no section.
    """
    found = []
    for part in re.split(r"^## ", _text(cells), flags=re.MULTILINE)[1:]:
        title, _, rest = part.partition("\n")
        inside = [_cell(piece) for piece in rest.split(_CUT)]
        time = minutes(inside)
        if title == "Exercises":
            time = sum(map(float, re.findall(r"^\*\*Exercise[^(\n]*\((\d+) minutes\)", rest, re.M)))
        optional = title == "Sources" or rest.lstrip("\n").startswith("*Optional")
        found.append(Section(title, optional, time))
    return found


_CUT, _CODE = "\n\0\n", "\1"  # between two cells, and before a code cell that is not folded


def _text(cells: list[nbformat.NotebookNode]) -> str:
    """Write the cells one behind the other; a code cell shows no heading to who looks for one."""
    pieces = []
    for cell in cells:
        if cell.cell_type == "markdown":
            pieces.append(cell.source)
        elif not is_folded(cell):
            pieces.append(_CODE + cell.source.replace("\n", "\n "))
    return _CUT.join(pieces)


def _cell(piece: str) -> nbformat.NotebookNode:
    if piece.startswith(_CODE):
        return nbformat.v4.new_code_cell(piece[1:])
    return nbformat.v4.new_markdown_cell(piece)


def contents(cells: list[nbformat.NotebookNode]) -> str:
    """Return the contents of a notebook in Markdown, with links and minutes."""
    parts = sections(cells)
    core = sum(part.minutes for part in parts if not part.optional and part.title != "Exercises")
    beside = sum(part.minutes for part in parts if part.optional and part.title != "Sources")
    work = sum(part.minutes for part in parts if part.title == "Exercises")
    times = [f"what is optional {beside:.0f}"] * (beside >= 1)
    times += [f"the exercises {work:.0f}"] * (work >= 1)
    times.insert(0, f"{'The core' if times else 'It'} takes {core:.0f} minutes")
    lines = []
    for part in parts:
        anchor = re.sub(r"[`*]", "", part.title).replace(" ", "-")
        link = f"[{part.title}](#{anchor})"
        if part.title == "Sources":
            lines.append(f"- {link}")
        else:
            mark = "optional, " * part.optional
            lines.append(f"- {link} ({mark}{max(part.minutes, 1):.0f} min)")
    return f"{CONTENTS} {', '.join(times)}.\n\n" + "\n".join(lines)


def predicted(cells: list[nbformat.NotebookNode]) -> Iterator[nbformat.NotebookNode]:
    """Yield the code cells between a prediction and its answer: their outputs are folded."""
    waiting = False
    for cell in cells:
        if cell.cell_type == "markdown":
            waiting = (waiting and ANSWER not in cell.source) or (
                cell.source.rfind(PREDICTION) > cell.source.rfind(ANSWER)
            )
        elif waiting:
            yield cell


def figures(cells: list[nbformat.NotebookNode]) -> Iterator[tuple[nbformat.NotebookNode, str]]:
    """Yield each cell with a picture, and the sentence that says what is to be seen there.

    The sentences stand in the next Markdown cell, where a reader does not see them, in the order
    of the pictures: ``<!-- Figure: Five curves; only that of He stays level. -->``. What lacks its
    sentence has "".
    """
    waiting: list[nbformat.NotebookNode] = []
    for cell in [*cells, nbformat.v4.new_markdown_cell("")]:
        if cell.cell_type == "code":
            if any("image/png" in output.get("data", {}) for output in cell.outputs):
                waiting.append(cell)
            continue
        said = re.findall(r"<!--\s*Figure:\s*(.*?)\s*-->", cell.source, flags=re.DOTALL)
        texts = [" ".join(text.split()) for text in said]
        if len(texts) > len(waiting):
            raise ValueError(f"more sentences than figures above: {texts[len(waiting) :]}")
        for figure in waiting:
            yield figure, texts.pop(0) if texts else ""
        waiting = []


def measures(cells: list[nbformat.NotebookNode]) -> dict[str, int]:
    """Return what has a limit: words, code cells, lines, the longest cell, claims, core minutes."""
    lines = visible_lines(cells)
    parts = [p for p in sections(cells) if not p.optional and p.title != "Exercises"]
    code = [cell.source for cell in cells if cell.cell_type == "code"]
    return {
        "words": words(cells),
        "cells": len(lines),
        "lines": sum(lines),
        "longest": max(lines, default=0),
        "claims": sum(len(re.findall(r"\bclaim\(", source)) for source in code),
        "core": round(sum(part.minutes for part in parts)),
    }


def main() -> None:
    """Print the measures of every notebook, and which are over the limit."""
    total = 0
    print(f"{'':40}" + "".join(f"{name:>9}" for name in LIMITS))
    for path in sorted(HERE.glob("[0-9]*.ipynb")):
        found = measures(nbformat.read(path, as_version=4).cells)
        marks = (f"{n}{'!' if n > LIMITS[name] else ' '}" for name, n in found.items())
        print(f"{path.stem:40}" + "".join(f"{mark:>9}" for mark in marks))
        total += found["words"] * path.stem[:3].endswith("_")  # not the appendices
    print(f"{'words without the appendices':40}{total:>8}")


if __name__ == "__main__":
    any_terminal()
    sys.exit(main())
