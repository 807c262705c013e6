"""A notebook cut into scenes: one begins with each heading, and with each prediction."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

import nbformat

from slides.pieces import Piece, opening, pieces, sentences

FIGURES = ("picture", "explorer", "table")
NONE = "none"
"""What the author says of a figure that no slide shall show."""


@dataclass
class Scene:
    """What stands under one heading, or from one prediction to the next."""

    section: str
    title: str
    pieces: list[Piece] = field(default_factory=list)

    def of(self, *kinds: str) -> list[Piece]:
        """Return the pieces of these kinds."""
        return [piece for piece in self.pieces if piece.kind in kinds]

    @property
    def left_out(self) -> bool:
        """Say if the author wants no slide of the claims."""
        return any(piece.text == NONE for piece in self.of("slide"))

    @property
    def notes(self) -> str:
        """All that is said in the scene."""
        said = self.of("text", "list", "formula", "prediction", "answer")
        claims = ["\n".join(f"- ✓ {c}" for c in p.text.split("\n")) for p in self.of("claims")]
        return "\n\n".join([piece.text for piece in said] + claims)


def scenes_of(cells: list[nbformat.NotebookNode]) -> list[Scene]:
    """Cut a notebook into scenes; those of optional sections are left out."""
    scenes: list[Scene] = []
    for piece in pieces(cells):
        if piece.kind == "heading" and piece.rank <= 2:
            scenes.append(Scene(piece.text, piece.text))
        elif piece.kind == "heading":
            scenes.append(Scene(scenes[-1].section, piece.text))
        elif piece.kind == "prediction" and scenes[-1].of("prediction", "claims", *FIGURES):
            before = scenes[-1]
            scenes.append(Scene(before.section, before.title, [*_told(before), piece]))
        else:
            scenes[-1].pieces.append(piece)
    optional = {
        scene.section for scene in scenes if scene.pieces and "*Optional" in scene.pieces[0].text
    }
    return [scene for scene in scenes if scene.section not in optional]


def _told(scene: Scene) -> list[Piece]:
    """Take from a scene's end what belongs to the prediction that follows in the same text."""
    if not (scene.pieces and (scene.pieces[-1].rank or scene.pieces[-1].kind == "slide")):
        return []
    return [scene.pieces.pop()]


@dataclass
class Shown:
    """A figure of a scene, the sentence to show with it, the claims below, and if it answers."""

    piece: Piece
    said: str = ""
    claims: list[str] = field(default_factory=list)
    answers: bool = False


def figures_of(scene: Scene) -> list[Shown]:
    """Return the figures of a scene; those between its prediction and the answer are answers."""
    made: list[Shown] = []
    waiting: list[Shown] = []
    open_question = False
    for piece in scene.pieces:
        if piece.kind == "prediction":
            open_question = True
        elif piece.kind in FIGURES:
            made.append(Shown(piece, answers=open_question))
            waiting.append(made[-1])
        elif piece.kind == "slide" and waiting:
            waiting.pop(0).said = piece.text
        elif piece.kind == "answer":
            for figure in waiting:
                figure.said = _seen(piece.text)
            waiting, open_question = [], False
        elif piece.kind in ("text", "list", "formula"):
            waiting = []
        elif piece.kind == "claims" and made:
            made[-1].claims.extend(piece.text.split("\n"))
    return [figure for figure in made if figure.said != NONE]


def _seen(text: str) -> str:
    """Return the first sentence that says what is to be seen, without those in brackets."""
    text = re.sub(r"^\*\*.+?\*\*\s*", "", text)
    said = [one for one in sentences(text) if not one.startswith("(")]
    return opening(" ".join(said), 24) if said else ""
