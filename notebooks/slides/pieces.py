"""A notebook as a row of pieces: headings, paragraphs, formulas, predictions, figures, claims."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

import nbformat
from reading import ANSWER, CONTENTS, PREDICTION, figures, is_folded

ANSWERS = (ANSWER, "**What the sliders show", "**Read the table")
"""How the paragraph begins that says what is to be seen."""

PICTURE, TABLE = "image/png", ("text/html", "text/markdown")
NOTE = re.compile(r"<!--\s*Slide:\s*(.*?)\s*-->", re.DOTALL)
SAYS, END = "\0slide: ", "\1"  # what the author says to the slides; a sentence in brackets ends
FORMULA = re.compile(r"^\$\$.*?\$\$[ ]*$", re.DOTALL | re.MULTILINE)
COMMENT = re.compile(r"<!--.*?-->\n?", re.DOTALL)


@dataclass(frozen=True)
class Piece:
    """A piece of a notebook.

    Attributes
    ----------
    kind
        ``heading``, ``text``, ``list``, ``formula``, ``prediction``, ``answer``, ``options``,
        ``picture``, ``explorer``, ``table``, ``claims``, or ``slide``: what the author says there.
    text
        Markdown; of a picture its alternative text; of a claim each sentence in a line.
    rank
        Of a heading: 1, 2 or 3. Of a text that stands in one paragraph with a prediction: 1.
    output, code
        Of a figure: its output, and all code down to it.
    """

    kind: str
    text: str = ""
    rank: int = 0
    output: nbformat.NotebookNode | None = field(default=None, compare=False)
    code: str = ""


def pieces(cells: list[nbformat.NotebookNode]) -> Iterator[Piece]:
    """Yield the pieces of a notebook in order."""
    alt = {id(cell): text for cell, text in figures(cells)}
    code = ""
    for cell in cells:
        if cell.cell_type == "code":
            code += f"{cell.source}\n"
            yield from _of_code(cell, alt.get(id(cell), ""), code)
        elif not cell.source.startswith(CONTENTS):
            yield from _of_text(cell.source)


def _of_text(source: str) -> Iterator[Piece]:
    source = NOTE.sub(lambda note: f"\n\n{SAYS}{' '.join(note[1].split())}\n\n", source)
    source = FORMULA.sub(r"\n\n\g<0>\n\n", COMMENT.sub("", without_links(source)))
    for block in re.split(r"\n\s*\n", source):
        block = block.strip()
        if block.startswith(SAYS):
            yield Piece("slide", block.removeprefix(SAYS))
        elif heading := re.match(r"(#+) (.*)", block):
            yield Piece("heading", heading[2], rank=len(heading[1]))
        elif block.startswith("$$"):
            yield Piece("formula", block)
        elif PREDICTION in block:
            before, _, after = block.partition(PREDICTION)
            if before.strip():
                yield Piece(_kind(before), before.strip(), rank=1)
            yield Piece("prediction", PREDICTION + after)
        elif block:
            yield Piece(_kind(block), block)


def _kind(block: str) -> str:
    if block.startswith(ANSWERS):
        return "answer"
    return "list" if re.match(r"(-|\d\.) ", block) else "text"


def _of_code(cell: nbformat.NotebookNode, alt: str, code: str) -> Iterator[Piece]:
    if options := _options(cell):
        yield Piece("options", "\n".join(options))
    for output in cell.outputs:
        data = output.get("data", {})
        if PICTURE in data:
            kind = "explorer" if "Explorer: " in data.get("text/plain", "") else "picture"
            yield Piece(kind, alt, output=output, code=code)
        elif set(TABLE) & set(data) and not is_folded(cell):
            yield Piece("table", output=output)
        claims = re.findall(r"^✓ (.*)", output.get("text", ""), re.MULTILINE)
        if claims:
            plain = [re.sub(r"([_*`<])", r"\\\1", claim) for claim in claims]  # no Markdown in it
            yield Piece("claims", "\n".join(plain))


def _options(cell: nbformat.NotebookNode) -> list[str]:
    """Return what a ``guess(..., (…))`` lets the reader choose from, if it is spelled out."""
    if "guess(" not in cell.source:
        return []
    known: dict[str, ast.expr] = {}
    for node in ast.walk(ast.parse(cell.source)):
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            known[node.targets[0].id] = node.value
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "guess":
            given = node.args[1]
            given = known.get(given.id, given) if isinstance(given, ast.Name) else given
            if isinstance(given, ast.Tuple):
                return [str(ast.literal_eval(option)) for option in given.elts]
    return []


def without_links(text: str) -> str:
    """Leave of a link its words: a slide leads nowhere."""
    return re.sub(r"\[([^\]]+)\]\((?:\([^)]*\)|[^()])*\)", r"\1", text)


def words(text: str) -> int:
    """Count words; a formula or a piece of code is one."""
    shown = re.sub(r"\$\$?.*?\$\$?|`.*?`", "x", COMMENT.sub("", text), flags=re.DOTALL)
    return len([word for word in shown.split() if re.search(r"\w", word)])


def sentences(text: str) -> list[str]:
    """Cut a paragraph into sentences; formulas, code and brackets stay whole."""
    whole = re.compile(r"\$[^$]*\$|`[^`]*`|\([^()]*\)")
    kept: list[str] = []

    def hide(match: re.Match) -> str:
        kept.append(match[0])
        end = END if match[0].endswith((".)", "?)", "!)")) else ""
        return f"\0{len(kept) - 1}\0{end}"

    def show(text: str) -> str:
        while "\0" in text:
            text = re.sub(r"\0(\d+)\0", lambda match: kept[int(match[1])], text)
        return text

    hidden = whole.sub(hide, " ".join(text.split()))
    hidden = re.sub(r"\([^()]*\)", hide, hidden)  # a bracket that held a formula
    ends = rf"(?:(?<=[.?!{END}])|(?<=[.?!]\*\*)|(?<=[.?!]\*))(?<!\beq\.)(?<!\bal\.)\s+"
    return [show(one).replace(END, "") for one in re.split(ends, hidden) if one]


def opening(text: str, most: int) -> str:
    """Return the first sentences of a text, at most so many words; at least one."""
    said = " ".join(_some(sentences(text), most))
    return said[1:] if said.startswith("*") and said.count("*") % 2 else said  # cut in italics


def closing(text: str, most: int) -> str:
    """Return the last sentences of a text, at most so many words; at least one."""
    return " ".join(_some(sentences(text)[::-1], most)[::-1])


def _some(said: list[str], most: int) -> list[str]:
    kept: list[str] = []
    for sentence in said:
        if kept and words(" ".join([*kept, sentence])) > most:
            break
        kept.append(sentence)
    return kept
