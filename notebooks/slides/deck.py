"""Write the slides of a notebook: an HTML page, with its pictures and explorers beside it.

nbconvert makes the page from a notebook of Markdown cells with their ``slide_type``; no address in
it leads out of the folder.
"""

from __future__ import annotations

import base64
import html
import re
from pathlib import Path

import nbformat
from explorer_pages import FIGURES, address_of
from nbconvert import SlidesExporter
from packages import MATHJAX, REVEAL, copy, fetch

from slides.compose import Slide, compose
from slides.pieces import Piece, without_links

HERE = Path(__file__).parent


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
    address = address_of(piece.output.data["text/plain"], piece.code)
    page = address.partition("#")[0]
    copy([FIGURES / page], folder / "explorers")
    link = html.escape(f"explorers/{address}")
    return f'Move it: <a href="{link}" target="_blank">{html.escape(address)}</a>'
