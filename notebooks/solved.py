"""The exercises of a notebook and their solutions: found, taken out, put in their places.

An exercise begins in a Markdown cell with its name, ``**Exercise 2**``; its stub is the code cell
below that calls a checker, ``exercises.check_…``. In the notebook of solutions the same name begins
all that belongs to it: a sentence, code, an explanation. What stands there before the first
exercise is what the solutions need: their imports.
"""

from __future__ import annotations

import re

import nbformat

EXERCISE = re.compile(r"^\*\*Exercise (\d+)", re.MULTILINE)
POINTER = re.compile(r" ?\b(?:Worked s|S)olutions(?: are in|:) \[solutions/[^\]]*\]\([^)]*\)\.")
"""The sentence that names the notebook of solutions."""

INSTALLED, IMPORTED = "# Installed: ", "# Imported: "
FOLDED = {"tags": ["hide-input"], "jupyter": {"source_hidden": True}}


def stubs(cells: list[nbformat.NotebookNode]) -> dict[int, nbformat.NotebookNode]:
    """Return the open cell of each exercise, by number.

    Raises
    ------
    ValueError
        If an exercise has no cell that calls a checker, or two.
    """
    found: dict[int, list[nbformat.NotebookNode]] = {}
    number = None
    for cell in cells:
        if cell.cell_type == "markdown":
            for name in EXERCISE.findall(cell.source):
                number = int(name)
                found[number] = []
        elif number is not None and re.search(r"^exercises\.check_", cell.source, re.MULTILINE):
            found[number].append(cell)
    for number, called in found.items():
        if len(called) != 1:
            raise ValueError(
                f"exercise {number} has {len(called)} cells that call a checker: give it one, "
                "with a line that begins with exercises.check_"
            )
    return {number: cell for number, (cell,) in found.items()}


def solutions(
    cells: list[nbformat.NotebookNode],
) -> tuple[list[nbformat.NotebookNode], dict[int, list[nbformat.NotebookNode]]]:
    """Cut a notebook of solutions: the code they need, and the cells of each, by number."""
    needed: list[nbformat.NotebookNode] = []
    found: dict[int, list[nbformat.NotebookNode]] = {}
    into = needed
    for cell in cells:
        if cell.cell_type == "code":
            if not cell.source.startswith(INSTALLED):
                into.append(cell)
            continue
        start, *rest = re.split(r"(?=^\*\*Exercise \d)", cell.source, flags=re.MULTILINE)
        if start.strip() and into is not needed:
            into.append(nbformat.v4.new_markdown_cell(start.strip()))
        for text in rest:
            into = found.setdefault(int(EXERCISE.match(text)[1]), [])
            into.append(nbformat.v4.new_markdown_cell(text.strip()))
    return needed, found


def without_pointer(cells: list[nbformat.NotebookNode]) -> None:
    """Take out the sentence that says where the solutions are, in place."""
    for cell in cells:
        if cell.cell_type == "markdown" and POINTER.search(cell.source):
            cell.source = re.sub(r"\n{3,}", "\n\n", POINTER.sub("", cell.source))


def solve(
    cells: list[nbformat.NotebookNode], solution: list[nbformat.NotebookNode]
) -> list[nbformat.NotebookNode]:
    """Return the cells of a notebook with each exercise's solution in place of its stub.

    Raises
    ------
    ValueError
        If an exercise has no solution, or a solution no exercise.
    """
    open_cells = stubs(cells)
    needed, found = solutions(solution)
    if set(open_cells) != set(found):
        raise ValueError(
            f"the exercises are {sorted(open_cells)}, and the solutions {sorted(found)}: "
            "each needs the other, under the same number"
        )
    number_of = {id(cell): number for number, cell in open_cells.items()}
    made: list[nbformat.NotebookNode] = []
    for cell in cells:
        if id(cell) not in number_of:
            made.append(cell)
            continue
        made += [_needed(one) for one in needed]
        needed = []
        made += _marked(number_of[id(cell)], found[number_of[id(cell)]])
    for place, cell in enumerate(made):
        cell["id"] = f"cell-{place}"  # those of two notebooks may be the same
    return made


def _needed(cell: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """Fold a cell that only imports."""
    if cell.source.startswith(("import ", "from ")):
        cell.source = f"{IMPORTED}what the solutions need\n{cell.source}"
        cell.metadata = nbformat.from_dict(FOLDED)
    return cell


def _marked(number: int, cells: list[nbformat.NotebookNode]) -> list[nbformat.NotebookNode]:
    """Say of each cell of a solution that it is one: text is quoted, code begins with a line."""
    for cell in cells:
        if cell.cell_type == "code":
            cell.source = f"# Solution of exercise {number}, for the teacher\n{cell.source}"
            continue
        text = re.sub(
            rf"^\*\*Exercise {number}\.?\*\*\.?",
            f"**For the teacher: the solution of exercise {number}.**",
            cell.source,
        )
        cell.source = "\n".join(f"> {line}".rstrip() for line in text.splitlines())
    return cells
