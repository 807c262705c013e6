"""A page: the view of an explorer, what answers it in the kernel's place, and a still picture."""

from __future__ import annotations

import base64
import html
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from course_utils.explorers.base import plain
from course_utils.explorers.front_end import STYLE, script

HERE = Path(__file__).parent
FIGURES = HERE.parent


@dataclass(frozen=True)
class Page:
    """What a page is made of.

    Attributes
    ----------
    name
        Of ``NAME.js``, which defines ``class Source``: it answers what is asked.
    file
        Where the page is written, beside ``figures/draw.py``.
    folder
        Of the explorer whose ``picture.js`` draws.
    title, about, note
        Head line, a paragraph above the explorer and a small one below, as HTML.
    spec
        As of :class:`course_utils.explorers.base.Explorer`: ``prefix``, ``label``, ``rows``. A
        slider's ``stops`` are the values that its places mean; it may know ``more`` of them.
    start
        The setting at first.
    data
        What the source needs, as JSON or by :func:`course_utils.explorers.base.plain`.
    still, words
        A picture of the start as PNG bytes, and what it shows, for browsers without JavaScript.
    """

    name: str
    file: str
    folder: str
    title: str
    about: str
    note: str
    spec: Mapping
    start: Mapping
    data: Mapping
    still: bytes
    words: str

    @property
    def path(self) -> Path:
        """Where the page lies."""
        return FIGURES / self.file

    def write(self) -> None:
        """Write the page."""
        self.path.write_text(self.html(), encoding="utf-8", newline="\n")

    def html(self) -> str:
        """Return the page."""
        held = {"spec": self.spec, "start": self.start, "data": self.data}
        still = base64.b64encode(self.still).decode()
        return fill(
            {
                "TITLE": html.escape(self.title),
                "STYLE": STYLE + (HERE / "page.css").read_text(encoding="utf-8"),
                "ABOUT": self.about,
                "NOTE": self.note,
                "STILL": f"data:image/png;base64,{still}",
                "WORDS": html.escape(self.words),
                "HELD": lines_of(plain(held)),
                "SCRIPT": page_script(self.name, self.folder),
            }
        )


def fill(parts: Mapping[str, str]) -> str:
    """Put the parts into the frame of all pages."""
    frame = (HERE / "page.html.in").read_text(encoding="utf-8")
    pieces = re.split(r"@([A-Z]+)@", frame)
    names, texts = pieces[1::2], pieces[::2]
    filled = [text + parts[name] for text, name in zip(texts, names, strict=False)]
    return "".join(filled) + texts[-1]


def page_script(name: str, folder: str) -> str:
    """Return all that runs in a page, in one script."""
    source = (HERE / f"{name}.js").read_text(encoding="utf-8")
    view, last = script(folder, last=None), (HERE / "page.js").read_text(encoding="utf-8")
    return "\n".join(["{", view, source, last, "}"])


def lines_of(held: Mapping) -> str:
    """Write what a page holds as JSON, a line for each name of its data."""
    data = ",\n".join(f"{json.dumps(k)}: {json.dumps(v)}" for k, v in held["data"].items())
    head = ",\n".join(f"{json.dumps(k)}: {json.dumps(held[k])}" for k in ("spec", "start"))
    return f'{{\n{head},\n"data": {{\n{data}\n}}}}'.replace("</", "<\\/")


def kept(path: Path) -> dict:
    """Return what was measured for a page that is written: ``data``, ``still`` and ``words``."""
    page = path.read_text(encoding="utf-8")
    still, words = re.search(r'class="still" src="data:[^,]*,([^"]*)" alt="([^"]*)"', page).groups()
    still, words = base64.b64decode(still), html.unescape(words)
    return {"data": held(page)["data"], "still": still, "words": words}


def held(page: str) -> dict:
    """Return what a page holds: its spec, its start and its data."""
    return json.loads(re.search(r'<script[^>]* id="held"[^>]*>(.*?)</script>', page, re.DOTALL)[1])
