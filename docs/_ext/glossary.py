"""The glossary: a page made from the table at the end of notebook 00, and words that lead there.

In a lesson the first mention of each term is linked to its line; with the pointer or the keyboard
on it, its one-line meaning shows.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import nbformat
from docutils import nodes
from links import at_site
from sphinx.application import Sphinx

ROW = re.compile(
    r"^\| ([^|]+) \| ([^|]*[가-힣][^|]*) \| ((?:\\\||[^|])+) \| (here|\[\d[^|]+) \|$", re.MULTILINE
)
NOT_IN = (nodes.title, nodes.reference, nodes.literal, nodes.literal_block, nodes.math, nodes.raw)


@dataclass(frozen=True)
class Term:
    """A row of the table."""

    english: str
    korean: str
    meaning: str
    where: str

    @property
    def anchor(self) -> str:
        """The place of its line on the page."""
        return nodes.make_id(f"term-{self.english}")

    @property
    def names(self) -> list[str]:
        """What it is called in a text: each of several names, and the letters in parentheses."""
        outside, short = re.fullmatch(r"([^(]+?)(?: \(([^)]+)\))?", self.english).groups()
        return [*outside.split(", "), *([short] if short else [])]

    @property
    def said(self) -> str:
        """What shows on it: the Korean name and the meaning, without marks and dollars."""
        plain = re.sub(r"[$`*\\]", "", self.meaning.replace(r"\varphi", "φ"))
        return f"{self.korean}: {plain}"


def read_terms(notebook: Path) -> list[Term]:
    """Return the rows of the table, in its order."""
    cells = nbformat.read(notebook, as_version=4).cells
    text = next(c.source for c in cells if c.source.startswith("## Glossary"))
    return [Term(*(part.strip() for part in row)) for row in ROW.findall(text)]


def write_glossary(terms: list[Term], page: Path) -> None:
    """Write the page: English, Korean, what it means, where it is explained."""
    lines = []
    for term in terms:
        start = "[00](00_start_here.ipynb)" if term.where == "here" else term.where
        where = at_site(start, "notebooks")
        lines += [
            f'[{term.english}]{{#{term.anchor} .english}} [{term.korean}]{{.korean lang="ko"}}',
            f": {term.meaning}. Explained in {where}.",
            "",
        ]
    page.write_text("\n".join([PREFACE, *lines]), encoding="utf-8")


PREFACE = """# Glossary

The words of the course, their usual Korean names, what they mean in one line, and the notebook that
explains them. The search finds both languages.
"""


def link_terms(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """Link the first mention of each term in a lesson."""
    if not re.match(r"notebooks/\d", docname) or app.builder.format != "html":
        return
    page = app.builder.get_relative_uri(docname, "glossary")
    waiting = {name.lower(): term for term in app.config.course_terms for name in term.names}
    for link in doctree.findall(nodes.reference):  # those that lead to the table of notebook 00
        term = waiting.get(link.astext().lower())
        if term and link.get("refuri", "").endswith("#glossary"):
            link.attributes |= {"refuri": f"{page}#{term.anchor}", "reftitle": term.said}
            link["classes"] = [*link["classes"], "term"]
            _forget(term, waiting)
    for text in [*doctree.findall(nodes.Text)]:
        if waiting and not _is_inside(text, NOT_IN):
            pieces = [*_linked(str(text), waiting, page)]
            if len(pieces) > 1:
                text.parent.replace(text, pieces)


def _is_inside(node: nodes.Node, kinds: tuple[type, ...]) -> bool:
    while node is not None:
        if isinstance(node, kinds):
            return True
        node = node.parent
    return False


def _linked(text: str, waiting: dict[str, Term], page: str) -> Iterator[nodes.Node]:
    """Yield a text in pieces, those that name a term for the first time as links."""
    names = sorted(waiting, key=len, reverse=True)
    pattern = rf"(?<![\w-])({'|'.join(map(re.escape, names))})(?![\w-])"
    start = 0
    for found in re.finditer(pattern, text, re.IGNORECASE):
        term = waiting.get(found[0].lower())
        if term is None:
            continue  # named a moment ago
        _forget(term, waiting)
        if found.start() > start:
            yield nodes.Text(text[start : found.start()])
        link = nodes.reference(
            "", found[0], refuri=f"{page}#{term.anchor}", internal=True, reftitle=term.said
        )
        link["classes"].append("term")
        yield link
        start = found.end()
    if start < len(text):
        yield nodes.Text(text[start:])


def _forget(term: Term, waiting: dict[str, Term]) -> None:
    """Take a term from those that wait for their first mention, with all of its names."""
    for name in term.names:
        waiting.pop(name.lower(), None)


def say_on_hover(app, pagename, templatename, context, doctree) -> None:
    """Let the style sheet show what a browser would show late, and only to a mouse."""
    if "body" in context:
        link = r'(<a class="term [^>]*) title="([^"]*)"'
        context["body"] = re.sub(link, r'\1 data-says="\2"', context["body"])
