"""Words on any terminal: what it cannot show is written with what it can."""

from __future__ import annotations

import codecs
import sys

PLAIN = {
    "✓": "OK",
    "×": "x",
    "·": "*",
    "√": "sqrt ",
    "−": "-",
    "–": "-",
    "→": "->",
    "²": "^2",
    "³": "^3",
    "±": "+-",
    "≤": "<=",
    "≥": ">=",
    "≈": "~",
    "½": "1/2",
    "¼": "1/4",
    "…": "...",
    "’": "'",
    "“": '"',
    "”": '"',
    "α": "alpha",
    "σ": "sigma",
    "φ": "phi",
    "π": "pi",
    "′": "'",
}
"""What stands for a character where it cannot be shown; for any other "?"."""


def _plain(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    lost = error.object[error.start : error.end]
    return "".join(PLAIN.get(character, "?") for character in lost), error.end


codecs.register_error("course_utils.plain", _plain)


def say(line: str) -> None:
    """Print one line; never fail for a character that the terminal lacks (see `PLAIN`)."""
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    print(line.encode(encoding, "course_utils.plain").decode(encoding))
