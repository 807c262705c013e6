"""Buttons that open a lesson elsewhere: on Colab, on Binder, as a file.

They are there only where the address of the repository is known. Colab opens the copy of the
notebook that stands beside its page, on the branch to which the site is published: in it the line
that installs the course is complete.
"""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote

import nbformat
from address import completed, owner_and_name
from bring import NOTEBOOKS, lessons
from sphinx.application import Sphinx
from sphinx.errors import ConfigError

BRANCH = "gh-pages"
"""To which the site is published."""


def check(app: Sphinx, config) -> None:
    """Refuse an address that no button could open."""
    try:
        if config.course_repository:
            owner_and_name(config.course_repository)
    except ValueError as error:
        raise ConfigError(str(error)) from None


def add_buttons(app: Sphinx, pagename: str, templatename: str, context: dict, doctree) -> None:
    """Add the buttons to the header of a page."""
    address = app.config.course_repository
    if not address or "header_buttons" not in context:
        return
    here = quote(f"{pagename}.ipynb") if pagename.startswith("notebooks/") else FIRST
    on_colab, on_binder = f"{colab(address)}/{here}", f"{binder(address)}{quote(here, '')}"
    buttons = [
        _button("Colab", on_colab, "Run this on Google Colab", "fas fa-play"),
        _button("Binder", on_binder, "Run this on Binder", "fas fa-cube"),
        _button(".ipynb", context["pathto"](here, 1), "Download the notebook", "fas fa-download"),
    ]
    if app.config.course_pdf:
        url = context["pathto"](app.config.course_pdf, 1)
        buttons.append(_button(".pdf", url, "The whole course to print", "fas fa-file-pdf"))
    group = {"type": "group", "buttons": buttons, "label": "launch-buttons"}
    context["header_buttons"].insert(0, group | {"tooltip": "Run it", "icon": "fas fa-rocket"})


FIRST = "notebooks/00_start_here.ipynb"
"""What a page without a notebook opens."""


def _button(text: str, url: str, tooltip: str, icon: str) -> dict:
    label = f"open-{text.strip('.').lower()}"
    look = {"text": text, "tooltip": tooltip, "icon": icon, "label": label}
    return {"type": "link", "url": url} | look


def colab(address: str) -> str:
    """Return where Colab opens the notebooks of the published site."""
    return f"https://colab.research.google.com/github/{owner_and_name(address)}/blob/{BRANCH}"


def binder(address: str) -> str:
    """Return where Binder builds the repository, up to the path of a file to open there."""
    return f"https://mybinder.org/v2/gh/{owner_and_name(address)}/main?urlpath=lab/tree/"


def copy_notebooks(app: Sphinx, exception: Exception | None) -> None:
    """Write the notebooks beside their pages, complete, where there are buttons that open them."""
    address = app.config.course_repository
    if exception or not address:
        return
    for path in lessons():
        notebook = nbformat.read(path, as_version=4)
        for cell in notebook.cells:
            if cell.cell_type == "code":
                cell.source = completed(cell.source, address)
        target = Path(app.outdir) / "notebooks" / path.relative_to(NOTEBOOKS)
        nbformat.write(notebook, target)
