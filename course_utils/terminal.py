"""Words on any terminal: what it cannot show is written with what it can.

`say` is for one line, from anywhere; a command calls `any_terminal` first, and then prints.
"""

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
    "μ": "mu",
    "ξ": "xi",
    "π": "pi",
    "σ": "sigma",
    "φ": "phi",
    "χ": "chi",
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


def any_terminal() -> None:
    """Let nothing that this process prints fail for a character that the terminal lacks.

    The first line of each command, below ``if __name__ == "__main__":``. So its help, its errors
    and the names of files are written as `say` writes.
    """
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # not of a window without a terminal, nor of a notebook
            stream.reconfigure(errors="course_utils.plain")
