"""A stored table as Markdown or HTML that fits a slide; a long one on several."""

from __future__ import annotations

import html
import re

import nbformat

ROWS, COLUMNS, CELLS = 9, 6, 60
"""So many rows of a Markdown table on a slide; so many columns, and cells of an HTML one."""


def tables_of(output: nbformat.NotebookNode) -> list[str]:
    """Return the tables to show of one output; none if it is too wide or too full for a slide."""
    data = output.data
    if "text/html" in data:
        shown = _plain(data["text/html"])
        return [shown] if 0 < len(re.findall(r"<t[dh]\b", shown)) <= CELLS else []
    head, _, *rows = data["text/markdown"].strip().split("\n")
    columns = head.count("|") - 1
    if columns >= COLUMNS:
        return []
    line = "|" + " :--- |" * columns
    return ["\n".join([head, line, *rows[i : i + ROWS]]) for i in range(0, len(rows), ROWS)]


def _plain(text: str) -> str:
    """Leave of an HTML table its rows and cells: no styles, no script, nothing from outside."""
    table = re.search(r"<table.*?</table>", text, flags=re.DOTALL)
    if table is None:
        return ""
    kept = re.sub(r"<(/?)(\w+)([^>]*)>", _tag, table[0])
    return re.sub(r"\n\s*", "", kept)


def _tag(match: re.Match) -> str:
    if match[2] not in ("table", "thead", "tbody", "tr", "td", "th"):
        return ""
    spans = "".join(
        f' {name}="{html.escape(value)}"'
        for name, value in re.findall(r'\b(rowspan|colspan)="(\d+)"', match[3])
    )
    return f"<{match[1]}{match[2]}{spans}>"
