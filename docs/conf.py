"""The site of the course: ``sphinx-build -W docs build/site``. Its own extensions are in _ext."""

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE / "_ext"), str(HERE.parent / "notebooks"), str(HERE.parent)]

from address import repository  # noqa: E402
from packages import MATHJAX, fetch  # noqa: E402

project = "How neural networks are initialized"
author = "the authors of the course"
copyright = "text and figures CC BY 4.0, code MIT"
extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx.ext.mathjax",
    "course",
]
exclude_patterns = ["_ext", "_static", "jupyterhub/*.py"]
course_repository = repository()  # or -D course_repository=https://github.com/OWNER/NAME

nb_execution_mode = "off"  # the outputs are those that were tested
nb_merge_streams = True
nb_render_markdown_format = "myst"  # a table that a cell prints is a table
myst_enable_extensions = ["amsmath", "attrs_inline", "colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 3
myst_heading_slug_func = "links.slug"

default_role = "py:obj"
autodoc_member_order = "bysource"
autodoc_default_options = {"no-value": True}
autodoc_typehints = "none"
napoleon_google_docstring = False
napoleon_use_ivar = True

html_theme = "sphinx_book_theme"
html_title = project
html_static_path = ["_static", str(fetch(MATHJAX)[0].parent)]
html_css_files = ["site.css"]
html_js_files = ["site.js"]
html_context = {"default_mode": "auto"}
html_copy_source = False
html_show_sphinx = False
html_theme_options = {
    "use_download_button": False,
    "navbar_persistent": [],
    "show_navbar_depth": 1,
    "show_toc_level": 2,
    "article_header_end": ["article-header-buttons"],
}
mathjax_path = "tex-svg.js"
mathjax3_config = {"options": {"enableMenu": False}, "svg": {"fontCache": "global"}}
