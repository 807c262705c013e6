"""What runs in the browser: scripts and a style sheet, put together without any build tool."""

from __future__ import annotations

from pathlib import Path

HERE = Path(__file__).parent

STYLE = (HERE / "style.css").read_text(encoding="utf-8")
"""The look of all explorers."""


def script(explorer: str, last: str | None = "kernel.js") -> str:
    """Return all that the view of an explorer needs, as one script.

    Parameters
    ----------
    explorer
        The folder in which its ``picture.js`` lies: it defines ``draw``.
    last
        The file that sets the view up; None if another does.
    """
    picture = HERE.parent / explorer / "picture.js"
    files = [HERE / "svg.js", picture, HERE / "view.js", *([HERE / last] if last else [])]
    return "\n".join(file.read_text(encoding="utf-8") for file in files)
