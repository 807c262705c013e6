"""Let a page show its text before what only helps later, and load nothing twice.

The theme brings its icons as a font, which is enough, and once more as a script of 1.5 MB; and the
index of the search, which nobody needs before a word is typed, would be read before the text.
"""

from __future__ import annotations

import re
from pathlib import Path

from sphinx.application import Sphinx

ICONS_AGAIN = re.compile(r'\s*<script defer src="[^"]*/fontawesome\.js[^"]*"></script>')
SEARCH = re.compile(r'<script (src="[^"]*(?:searchtools|language_data|searchindex)\.js[^"]*")>')


def lighten(app: Sphinx, exception: Exception | None) -> None:
    """Change the scripts of all pages that are written."""
    if exception:
        return
    for path in Path(app.outdir).rglob("*.html"):
        page = path.read_text(encoding="utf-8")
        light = SEARCH.sub(r"<script defer \1>", ICONS_AGAIN.sub("", page))
        if light != page:
            path.write_text(light, encoding="utf-8")
    for path in Path(app.outdir).glob("_static/scripts/fontawesome.js*"):
        path.unlink()
