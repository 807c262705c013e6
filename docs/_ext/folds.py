"""What is folded in a notebook is folded on the site, and its title says what is in it."""

from __future__ import annotations

import nbformat


def entitle(cell: nbformat.NotebookNode) -> None:
    """Give a folded cell its title, in place: its first line, or that its output waits."""
    tags = cell.metadata.get("tags", [])
    if "hide-input" in tags:
        title = cell.source.partition("\n")[0].removeprefix("# ")
    elif "hide-output" in tags:
        title = "Show what comes out"
    else:
        return
    title = title.replace("{", "{{").replace("}", "}}")  # MyST-NB fills in what stands in braces
    look = cell.metadata.setdefault("mystnb", {})
    look["code_prompt_show"] = look["code_prompt_hide"] = title


def call_by_title(app, pagename, templatename, context, doctree) -> None:
    """Let a screen reader say the title of a fold, as it is seen."""
    if "body" in context:
        context["body"] = context["body"].replace(' aria-label="Toggle hidden content"', "")
