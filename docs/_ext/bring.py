"""Bring the course into the folder of the site, before Sphinx looks for pages.

Notebooks, the guide for contributors, the pictures of the course and the pages of the package are
written below ``docs``, where git ignores them: they are made, and their sources are elsewhere.
"""

from __future__ import annotations

import html
import re
import shutil
from pathlib import Path

import example
import nbformat
from address import completed
from api import write_api
from explorer_pages import address_of
from folds import entitle
from glossary import read_terms, write_glossary
from links import at_site
from sphinx.application import Sphinx

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOKS = ROOT / "notebooks"
MADE = ("notebooks", "figures", "api")
"""The folders of the site that are made; whatever else lies there is taken away."""


def bring(app: Sphinx) -> None:
    """Write all that is made."""
    site, address = Path(app.srcdir), app.config.course_repository
    for folder in MADE:
        shutil.rmtree(site / folder, ignore_errors=True)
    for path in lessons():
        home = path.parent.relative_to(ROOT).as_posix()
        notebook = nbformat.read(path, as_version=4)
        notebook.cells = [shown for cell in notebook.cells for shown in _shown(cell, home, address)]
        _write(site / path.relative_to(ROOT), nbformat.writes(notebook))
        if path == NOTEBOOKS / example.SOURCE:
            _write(site / "your_network.ipynb", nbformat.writes(example.example(notebook)))
    guide = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    _write(site / "contributing.md", at_site(guide, "", address))
    for path in pictures():
        copy(path, site / "figures" / path.name)
    app.config.course_terms = read_terms(NOTEBOOKS / "00_start_here.ipynb")
    write_glossary(app.config.course_terms, site / "glossary.md")
    write_api(ROOT / "course_utils", site / "api")


def lead_to_pages(app: Sphinx, docname: str, source: list[str]) -> None:
    """Let the links of a page that stands below ``docs`` for good lead to pages of the site."""
    if docname in ("teachers", "jupyterhub/README"):
        home = f"docs/{docname}".rpartition("/")[0]
        source[0] = at_site(source[0], home, app.config.course_repository)


def lessons() -> list[Path]:
    """Return the notebooks that have a page: lessons, appendices and solutions."""
    return sorted([*NOTEBOOKS.glob("[0-9]*.ipynb"), *NOTEBOOKS.glob("solutions/*.ipynb")])


def pictures() -> list[Path]:
    """Return the pictures of the course."""
    return sorted([*(ROOT / "figures").glob("*.png"), *(ROOT / "figures").glob("*.gif")])


def copy(path: Path, target: Path) -> None:
    """Copy a file into a folder that may not exist yet."""
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(path, target)


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def _shown(cell: nbformat.NotebookNode, home: str, address: str) -> list[nbformat.NotebookNode]:
    """Return a cell as the site shows it, and what stands below it there."""
    if cell.cell_type == "markdown":
        cell.source = _set(at_site(cell.source, home, address))
        return [cell]
    cell.source = completed(cell.source, address)
    entitle(cell)
    for output in cell.outputs:
        said = output.get("data", {}).get("text/plain", "")
        if said.partition(":")[0].endswith("Explorer"):
            cell.metadata.tags = [*cell.metadata.get("tags", []), "explorer"]
            return [cell, _frame(address_of(said, cell.source), said)]
    return [cell]


def _set(text: str) -> str:
    """Return Markdown whose formulas MathJax sets: in words it takes ``_`` as it stands."""
    return re.sub(r"\\text\{[^{}]*\}", lambda words: words[0].replace(r"\_", "_"), text)


def _frame(address: str, said: str) -> nbformat.NotebookNode:
    """Return a cell that embeds the page of an explorer, set as the notebook sets it."""
    title = html.escape(said.partition(".")[0], quote=True)
    text = f"```{{explorer}} {address}\n:title: {title}\n```"
    return nbformat.v4.new_markdown_cell(text)
