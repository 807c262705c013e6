"""Which slides a notebook makes: one rule for every notebook.

A notebook is cut into scenes: one begins with each heading and with each prediction. A scene gives

- the question, if the class is to commit to a prediction: the prediction and its options;
- its formulas, step by step, each with the words that lead to it;
- its figures, as large as the slide; below, one after the other, what is to be seen and the claims;
- without a figure, its claims alone.

Before the scenes stand the title with its promise and what the lecture says; behind them, what was
found and the exercises. Optional sections are left out. All text of a scene is in the speaker
notes. If that makes more than ``MOST`` slides, those of the lowest rank are left out, the last
first.

The author may say more where a reader does not see it. ``<!-- Slide: One short sentence. -->`` in
the text below a figure is shown in place of the first sentence of "What we see", and
``<!-- Slide: none -->`` leaves the figure out; where no figure is above, the claims. In the text of
a prediction it says what the class must know for the question.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

import nbformat

from slides.pieces import ANSWERS, Piece, closing, opening, sentences, words
from slides.room import WORDS, broken, lines_below, together
from slides.scenes import Scene, Shown, figures_of, scenes_of
from slides.tables import tables_of

MOST = 25
"""So many slides at the most."""

FOUND, EXERCISES = "What we found", "Exercises"
STEP_WORDS, LABEL_WORDS = 34, 16
"""So many words a step of a derivation has at the most, and a sentence that leads to a formula."""


@dataclass(frozen=True)
class Part:
    """A part of a slide: Markdown or a figure; ``later`` is what appears at a key."""

    text: str = ""
    later: bool = False
    look: str = ""
    figure: Piece | None = None


@dataclass(frozen=True)
class Slide:
    """A slide: its heading, its parts, the speaker's notes, and how easily it is left out."""

    title: str
    parts: tuple[Part, ...]
    notes: str = ""
    rank: int = 1
    look: str = ""


def compose(cells: list[nbformat.NotebookNode]) -> list[Slide]:
    """Return the slides of a notebook."""
    first, *rest = scenes_of(cells)
    asking = {scene.section for scene in rest if scene.of("prediction", "explorer")}
    made = _opening(first)
    for scene in rest:
        if scene.section == FOUND:
            made += _found(scene)
        elif scene.section == EXERCISES:
            made += _exercises(rest)
            break
        else:
            made += _of_scene(scene, alone=scene.section not in asking)
            asking.add(scene.section)
    return _most(made)


def _most(slides: list[Slide]) -> list[Slide]:
    """Leave out the slides of the lowest rank, the last first, until they are few enough."""
    order = sorted(range(len(slides)), key=lambda i: (slides[i].rank, i))
    kept = set(order[:MOST])
    return [slide for i, slide in enumerate(slides) if i in kept]


def _opening(scene: Scene) -> list[Slide]:
    """Make the title with its promise, and what the lecture says."""
    promise, *said = [piece.text for piece in scene.of("text")]
    parts = (Part(promise.strip("*"), look="promise"),)
    made = [Slide(scene.title, parts, "\n\n".join(said), rank=0, look="title")]
    if len(said) > 1:
        hook = opening(said[-1], WORDS)
        made.append(Slide("", (Part(hook, look="quote"),), said[-1], rank=3, look="hook"))
    return made


def _of_scene(scene: Scene, *, alone: bool) -> list[Slide]:
    """Make the slides of a scene; ``alone``: no other of its section asks, so it speaks for it."""
    steps = _steps(scene)
    told = scene.pieces[:1] and scene.pieces[0].kind == "slide"
    if scene.of("prediction") and len(steps) == 1 and not told:
        made = _question(scene, steps)
    else:
        made = _derivation(scene, steps)
        made += _question(scene, [], begun=bool(made))
    shown = figures_of(scene)
    derived = bool(made) and made[0].rank <= 2
    for place, figure in enumerate(shown):
        speaks = alone and not place and not derived
        first = figure.answers or figure.piece.kind == "explorer"
        made += _figure(scene, figure, 1 if first else 2 if speaks else 4)
    claims = [line for piece in scene.of("claims") for line in piece.text.split("\n")]
    asked = bool(scene.of("prediction"))
    if not shown and len(claims) > 1 - asked and not scene.left_out:
        rank = 1 if asked else 5
        made.append(Slide(scene.title, _claims(claims, WORDS), scene.notes, rank, "finding"))
    return made


def _question(scene: Scene, steps: list[str], *, begun: bool = False) -> list[Slide]:
    """Make the slide on which the class commits itself; a formula of the scene stands above it.

    ``begun``: other slides have told already what the class must know.
    """
    made = []
    for piece in scene.of("prediction"):
        asked = [one for one in sentences(piece.text) if "..." not in one]
        text = opening(" ".join(asked), WORDS)
        options = scene.of("options")
        room = WORDS - words(text) - sum(words(piece.text) for piece in options[:1])
        parts = [Part(said, look="setting") for said in _setting(scene, steps, room, begun)]
        parts.append(Part(text, look="question"))
        if options:
            given = options[0].text.split("\n")
            listed = "\n".join(f"- {option}" for option in given)
            short = len(given) > 3 or bool(steps)  # then they stand in a row
            parts.append(Part(listed, look="options row" if short else "options"))
        made.append(Slide(scene.title, tuple(parts), scene.notes, look="ask"))
    return made


def _setting(scene: Scene, steps: list[str], room: int, begun: bool) -> list[str]:
    """Return what the class must know for the question, if there is room: it stands before it."""
    before = []
    for piece in scene.pieces:
        if piece.kind not in ("text", "list", "formula", "slide"):
            break
        before.append(piece)
    if own := [piece.text for piece in before if piece.kind == "slide"]:
        return own
    if steps:
        said = steps
    elif before and before[-1].rank:
        said = [closing(before[-1].text, room)]
    elif begun or not before or before[0].kind != "text" or _is_step(before[0].text):
        return []
    elif [piece.kind for piece in before[:2]] == ["text", "list"]:
        said = [before[0].text, before[1].text]
    else:
        said = [opening(before[0].text, room)]
    fits = 0 < words(" ".join(said)) <= room and not said[-1].endswith(":")
    return said if fits else []


def _steps(scene: Scene) -> list[str]:
    """Return the formulas of a scene up to its prediction, each with the words that lead to it."""
    steps: list[str] = []
    lead = ""
    for piece in scene.pieces:
        if piece.kind == "prediction":
            break
        if piece.kind == "formula":
            steps.append(f"{_label(lead)}\n\n{broken(piece.text)}".strip())
            lead = ""
        elif piece.kind in ("text", "list"):
            if _is_step(lead):
                steps.append(lead)
            lead = piece.text
    if _is_step(lead):
        steps.append(lead)
    return steps if any("$" in step for step in steps) else []


def _derivation(scene: Scene, steps: list[str]) -> list[Slide]:
    """Make the slides of a derivation: its steps come one after the other."""
    led = sum(step.startswith("**") for step in steps) > 1
    made, rank = [], 2 if led or any("\\boxed" in step for step in steps) else 3
    for some in together(steps, most=WORDS + 6):
        parts = tuple(Part(step, later=bool(i), look="step") for i, step in enumerate(some))
        made.append(Slide(scene.title, parts, scene.notes, rank, "derivation"))
    return made


def _is_step(text: str) -> bool:
    """Say if a paragraph is a step of its own: a few words in bold, a formula, all short."""
    bold = text.startswith(("**", "- **", "1. *"))
    return bold and "$" in text and words(text) <= STEP_WORDS and not text.startswith(ANSWERS)


def _label(text: str) -> str:
    """Return the words that lead to a formula: those in bold, else the last sentence."""
    if bold := re.match(r"\*\*.+?\*\*", text):
        return text if words(text) <= STEP_WORDS else bold[0]
    last = (sentences(text) or [""])[-1]
    return last if words(last) <= LABEL_WORDS else ""


def _figure(scene: Scene, figure: Shown, rank: int) -> list[Slide]:
    """Make the slide of a figure; of a long table several."""
    if figure.piece.kind == "explorer":
        part = Part(figure=figure.piece, look="explorer")
        return [Slide(scene.title, (part,), scene.notes, rank, "move")]
    said = [Part(figure.said, later=True, look="seen")] if figure.said else []
    if figure.piece.kind == "picture":
        room = lines_below(figure.piece)
        said += _below(figure, room) if room else _claims(figure.claims, 30)[:2]
        parts = [Part(figure=figure.piece, look="picture"), *said]
        look = "figure" if room else "figure beside"
        return [Slide(scene.title, tuple(parts), scene.notes, rank, look)]
    said += _below(figure, 3)
    tables = [Part(table, look="table") for table in tables_of(figure.piece.output)]
    made = [Slide(scene.title, (table,), scene.notes, rank, "figure") for table in tables]
    if made:
        made[-1] = replace(made[-1], parts=(tables[-1], *said))
    return made


def _below(figure: Shown, room: float) -> list[Part]:
    """Return the claims for which a figure leaves room: so many lines of text below it in all."""
    lines = len(figure.said) // 82 + 1 if figure.said else 0
    made: list[Part] = []
    for part in _claims(figure.claims, WORDS - words(figure.said))[:3]:
        lines += len(part.text) // 95 + 1
        if lines > room:
            break
        made.append(part)
    return made


def _claims(claims: list[str], most: int) -> tuple[Part, ...]:
    """Return the first claims as parts, at most so many words in all."""
    made: list[Part] = []
    for claim in claims:
        most -= words(claim)
        if most < 0:
            break
        made.append(Part(f"✓ {claim}", later=True, look="claim"))
    return tuple(made)


def _found(scene: Scene) -> list[Slide]:
    """Make the slides of what was found: the first sentences of each point."""
    points = [
        opening(point, 1)
        for piece in scene.of("list")
        for point in re.split(r"^- ", piece.text, flags=re.MULTILINE)
        if point.strip()
    ]
    made = []
    for some in together(points, WORDS):
        parts = tuple(Part(f"- {one}", later=bool(i), look="point") for i, one in enumerate(some))
        made.append(Slide(scene.title, parts, scene.notes, rank=0, look="found"))
    return made


def _exercises(scenes: list[Scene]) -> list[Slide]:
    """Make the slide of the exercises: each with its minutes and its first sentence."""
    tasks = [
        (begun[1], begun[2], piece.text[begun.end() :])
        for scene in scenes
        if scene.section == EXERCISES
        for piece in scene.of("text")
        if (begun := re.match(r"\*\*Exercise (\d+)[^(\n]*\((\d+) minutes\)\.?\s*", piece.text))
    ]
    if not tasks:
        return []
    most = 14 if len(tasks) < 4 else 1
    told = [f"- **{number}** ({time} min) {opening(text, most)}" for number, time, text in tasks]
    listed = "\n".join(told)
    return [Slide(EXERCISES, (Part(listed, look="exercises"),), rank=0, look="found")]
