"""Names of the package in code lead to their pages.

What a name stands for is read from the imports of all cells of a page, as Python would; then each
mention of it in the highlighted code becomes a link, ``plotting.table`` as one.
"""

from __future__ import annotations

import ast
import html
import re
from collections.abc import Iterator

from sphinx.application import Sphinx

BLOCK = re.compile(
    r'(<div class="highlight-i?python3? notranslate">.*?<pre>)(.*?)(</pre>)', re.DOTALL
)
_NAME = r'<span class="nn?">([\w.]+)</span>'
_DOT = r'<span class="o">\.</span><span class="n[nfcb]?">\w+</span>'
MENTION = re.compile(
    rf'(?<!<span class="o">\.</span>){_NAME}((?:{_DOT})*)(?!</a>|<span class="o">=</span>)'
)
"""A name and what is taken from it; not the name of an argument."""


def link_names(app: Sphinx, pagename: str, templatename: str, context: dict, doctree) -> None:
    """Link the names in the code of a page."""
    if "body" not in context or pagename.startswith("api/"):
        return
    known = app.env.domains.python_domain.objects
    bound = dict(_bound(_code(block[2]) for block in BLOCK.finditer(context["body"])))

    def link(found: re.Match) -> str:
        place = _place(found, bound, known)
        if not place:
            return found[0]
        docname, anchor, full = place
        page = app.builder.get_relative_uri(pagename, docname)
        return f'<a class="name" href="{page}#{anchor}" title="{full}">{found[0]}</a>'

    context["body"] = BLOCK.sub(
        lambda block: block[1] + MENTION.sub(link, block[2]) + block[3], context["body"]
    )


def _code(highlighted: str) -> str:
    """Return the text of highlighted code."""
    return html.unescape(re.sub(r"<[^>]+>", "", highlighted))


def _bound(codes: Iterator[str]) -> Iterator[tuple[str, str]]:
    """Yield each name that an import binds, and what it stands for: ``mlp``, its full name."""
    for code in codes:
        try:
            tree = ast.parse(code)
        except SyntaxError:
            continue  # a line for a notebook, or an excerpt
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("course_utils"):
                for alias in node.names:
                    yield alias.asname or alias.name, f"{node.module}.{alias.name}"
                yield node.module, node.module


def _place(found: re.Match, bound: dict, known: dict) -> tuple[str, str, str] | None:
    """Return the page, the anchor and the full name of the longest part that has a place."""
    taken = re.findall(r">(\w+)</span>", found[2])
    if found[1] not in bound:
        return None
    parts = [bound[found[1]], *taken]
    for length in range(len(parts), 0, -1):
        full = ".".join(parts[:length])
        if full in known:
            return known[full].docname, known[full].node_id, full
    return None
