"""What the site of the course adds to Sphinx: read `bring` first.

`bring` writes the pages that are made, with the links of `links`: the lessons, an `example` from
one of them, the `glossary`, and the package's own (`api`). `embed` shows an explorer in a page,
`folds` entitles what is folded, `names` links code to the package, `launch` opens a lesson
elsewhere.
"""

from pathlib import Path

import api
import bring
import embed
import folds
import glossary
import launch
import lighter
import names
from myst_nb.sphinx_ext import add_global_html_resources
from sphinx.application import Sphinx


def setup(app: Sphinx) -> dict:
    """Connect the parts to what Sphinx does."""
    app.add_config_value("course_repository", "", "env", str)
    app.add_config_value(
        "course_pdf", "", "html", str
    )  # its name in the site, if it will lie there
    app.add_config_value("course_terms", [], "", list)
    app.add_directive("explorer", embed.Explorer)
    # what Sphinx remembers of a build stays out of what is published
    app.doctreedir = Path(app.outdir).with_name(f"{Path(app.outdir).name}.doctrees")
    app.connect("config-inited", launch.check)
    app.connect("builder-inited", bring.bring)
    app.connect("builder-inited", styles_first)
    app.connect("source-read", bring.lead_to_pages)
    app.connect("autodoc-process-docstring", api.plain, priority=400)
    app.connect("doctree-resolved", glossary.link_terms)
    app.connect("html-page-context", folds.call_by_title)
    app.connect("html-page-context", names.link_names)
    app.connect("html-page-context", glossary.say_on_hover)
    app.connect("html-page-context", launch.add_buttons, priority=600)
    app.connect("build-finished", lighter.lighten)
    app.connect("build-finished", embed.copy_pages)
    app.connect("build-finished", launch.copy_notebooks)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def styles_first(app: Sphinx) -> None:
    """Write MyST-NB's style sheet before the pages, which name its sum, and not behind them."""
    (Path(app.outdir) / "_static").mkdir(exist_ok=True)
    add_global_html_resources(app, None)
