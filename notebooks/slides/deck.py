"""Write the slides of a notebook: an HTML page, with its pictures and explorers beside it.

nbconvert makes the page from a notebook of Markdown cells with their ``slide_type``; no address in
it leads out of the folder.
"""

from __future__ import annotations

import ast
import base64
import contextlib
import html
import math
import re
from pathlib import Path
from urllib.parse import urlencode

import nbformat
from nbconvert import SlidesExporter

from slides.compose import Slide, compose
from slides.packages import MATHJAX, REVEAL, copy, fetch
from slides.pieces import Piece, without_links

HERE = Path(__file__).parent
FIGURES = HERE.parents[1] / "figures"
PAGES = {
    "ActivationExplorer": "explorer.html",
    "DreamExplorer": "explorer_dream.html",
    "FunnelExplorer": "explorer_funnel.html",
    "LiveTrainingExplorer": "explorer_training.html",
    "ResidualExplorer": "explorer_residual.html",
    "TournamentExplorer": "explorer_tournament.html",
}
"""Explorer → its page without a kernel."""

PAGE_WIDTH = 256
"""Of the layers on the page of the ActivationExplorer."""


def write_decks(notebooks: list[Path], folder: Path) -> None:
    """Write the slides of each notebook into a folder, and what all of them need."""
    copy([*fetch(REVEAL, MATHJAX), HERE / "deck.css"], folder / "assets")
    for path in notebooks:
        slides = compose(nbformat.read(path, as_version=4).cells)
        made = _notebook(slides, path.stem, folder)
        (folder / f"{path.stem}.html").write_text(_page(made, path.stem), encoding="utf-8")


def _page(notebook: nbformat.NotebookNode, name: str) -> str:
    exporter = SlidesExporter(template_file=str(HERE / "deck.html.j2"))
    return exporter.from_notebook_node(notebook, {"metadata": {"name": name}})[0]


def _notebook(slides: list[Slide], name: str, folder: Path) -> nbformat.NotebookNode:
    """Return the slides as a notebook; their pictures are written into the folder."""
    title = f"{slides[0].title} · slides"
    notebook = nbformat.v4.new_notebook(metadata={"title": title})
    for place, slide in enumerate(slides, start=1):
        heading = f"{'#' if slide.look == 'title' else '##'} {slide.title}" if slide.title else ""
        notebook.cells.append(_cell(heading, "slide", "heading", sheet=slide.look))
        if slide.notes:
            notebook.cells.append(_cell(without_links(slide.notes), "notes", "notes"))
        for part in slide.parts:
            text = part.text
            if part.figure:
                text = _figure(part.figure, folder, f"{name}-{place}.png")
            notebook.cells.append(_cell(text, "fragment" if part.later else "-", part.look))
            if part.look == "explorer":
                notebook.cells.append(_cell(_address(part.figure, folder), "-", "address"))
    return notebook


def _cell(text: str, kind: str, look: str, sheet: str = "") -> nbformat.NotebookNode:
    text = re.sub(r"\$[^$]+\$", lambda formula: formula[0].replace(r"\_", "_"), text)
    metadata = {"slideshow": {"slide_type": kind}, "look": look, "sheet": sheet}
    return nbformat.v4.new_markdown_cell(text, metadata=metadata)


def _figure(piece: Piece, folder: Path, name: str) -> str:
    """Write a picture; return the element that shows it."""
    (folder / "pictures").mkdir(exist_ok=True)
    picture = base64.b64decode(piece.output.data["image/png"])
    (folder / "pictures" / name).write_bytes(picture)
    return f'<img src="pictures/{name}" alt="{html.escape(piece.text)}">'


def _address(piece: Piece, folder: Path) -> str:
    """Copy the page of the explorer that is shown; return a link to it, set as in the notebook."""
    explorer = piece.output.data["text/plain"].partition(":")[0]
    page = PAGES[explorer]
    copy([FIGURES / page], folder / "explorers")
    controls = re.findall(r'"name": "(\w+)"', (FIGURES / page).read_text(encoding="utf-8"))
    setting = on_page(setting_of(explorer, piece.code), set(controls))
    hash_ = f"#{urlencode(setting)}" if setting else ""
    address = html.escape(f"explorers/{page}{hash_}")
    return f'Move it: <a href="{address}" target="_blank">{html.escape(page + hash_)}</a>'


def on_page(setting: dict, controls: set[str]) -> dict[str, str]:
    """Return of a setting what the page has a control for, written as it stands in its address.

    A std means another gain in layers of another width: where the width of the page is fixed, the
    gain is kept.
    """
    if "std" in setting and "width" in setting and "width" not in controls:
        setting = setting | {"std": setting["std"] * math.sqrt(setting["width"] / PAGE_WIDTH)}
    return {
        name: f"{value:.4g}" if isinstance(value, float) else str(value)
        for name, value in setting.items()
        if name in controls
    }


def setting_of(explorer: str, code: str) -> dict[str, str | float]:
    """Return the numbers and words that the explorer is given where it is made for the last time.

    What a cell spells out counts; what it computes from data is not for the page to know.
    """
    known: dict = {"math": math, "__builtins__": {}}
    given: dict = {}
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            with contextlib.suppress(ValueError):
                known[node.targets[0].id] = ast.literal_eval(node.value)
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == explorer:
            given = {}
            for keyword in node.keywords:
                with contextlib.suppress(NameError, TypeError, AttributeError):
                    value = eval(compile(ast.Expression(keyword.value), "", "eval"), known)
                    given.update(value if keyword.arg is None else {keyword.arg: value})
    return {k: value for k, value in given.items() if isinstance(value, str | int | float)}
