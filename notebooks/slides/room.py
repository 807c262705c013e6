"""How much has room on a slide: words, lines, a picture with text below it or beside it."""

from __future__ import annotations

import base64
import io
import re

from PIL import Image

from slides.pieces import Piece, words

WORDS = 60
"""So many words on a slide at the most, but for a table."""

LINES = 12.0
"""So many lines of text have room on a slide."""

WIDTH, HEIGHT, LINE = 1740, 850, 62
"""Pixels between the margins of a slide, and of a line of text below a picture."""

TALL = 1.7
"""A picture that is less than so many times as wide as high has its text beside it."""


def together(texts: list[str], most: int, lines: float = LINES) -> list[list[str]]:
    """Share texts among as few slides as can hold them, as evenly as can be."""

    def cut(share: float) -> list[list[str]]:
        groups: list[list[str]] = []
        for text in texts:
            full = groups and [*groups[-1], text]
            if full and words(" ".join(full)) <= most * share and height(full) <= lines * share:
                groups[-1].append(text)
            else:
                groups.append([text])
        return groups

    fewest = len(cut(1.0))
    return next(groups for i in range(1, 21) if len(groups := cut(i / 20)) == fewest)


def height(texts: list[str]) -> float:
    """Estimate the height of Markdown on a slide, in lines of text."""
    lines = 0.0
    for block in re.split(r"\n\s*\n", "\n\n".join(texts)):
        if block.startswith("$$"):
            lines += 1.0 + 1.7 * (1 + block.count(r"\\"))
        else:
            shown = re.sub(r"\\[a-zA-Z]+|[{}$]", "", block)
            lines += 0.7 + sum(1 + len(line) // 80 for line in shown.split("\n"))
    return lines


def broken(formula: str) -> str:
    """Break a formula that is too wide for a slide where the author left a wide space."""
    body = formula.strip("$ \n").replace(r"\qquad\Rightarrow\qquad", r"\qquad\Rightarrow\;")
    parts = re.split(r"\s*\\qquad\s*", body)
    wide = len(re.sub(r"[{}^_\\]|\s", "", re.sub(r"\\[a-zA-Z]+", "x", body))) > 55
    if len(parts) == 1 or not wide:
        return formula
    return "$$\\begin{gathered}" + r" \\[0.6em] ".join(parts) + "\\end{gathered}$$"


def lines_below(picture: Piece) -> float:
    """Return for how many lines of text a picture leaves room below it; 0 if it is tall."""
    image = Image.open(io.BytesIO(base64.b64decode(picture.output.data["image/png"])))
    shape = image.width / image.height
    return 0 if shape < TALL else max(3, (HEIGHT - WIDTH / shape) // LINE)
