"""The page of the tournament: every setting that was played, and the advice for each network."""

from __future__ import annotations

import itertools
from dataclasses import astuple, replace

import numpy as np

from course_utils.data import ImageData
from course_utils.experiments import stored
from course_utils.experiments.tournament import Setting
from course_utils.explorers.controls import Choice
from course_utils.explorers.tournament.experiment import Results, advised, outcome, words
from course_utils.explorers.tournament.figure import draw
from course_utils.explorers.tournament.widget import (
    KEYS,
    LABELS,
    in_words,
    options_of,
    picture_of,
    table_of,
)
from pages.frame import Page
from pages.numbers import to_text

START = Setting("tanh", depth=50, width=32, rule="adam")

FILE = "explorer_tournament.html"
TITLE = "Which start would you bet on? A tournament of initializations"
ABOUT = """Choose a network, its optimizer and its budget: every start was trained at its own
learning rate, from five seeds. Is the best one told apart from the others, and does it stay the
best in a deeper network?"""
NOTE = """Nothing is computed here: these are the stored runs of the course on initialization. Tuned
with seed 0 on images that were held out, then raced with seeds 1 to 5; what counts is the accuracy
on test images after the last step. Told apart: a paired t-test at 5 %, with Holm's correction for
all comparisons of a setting. What was not played is answered by the nearest setting that was."""


def measure_page(mnist: ImageData | None = None) -> dict:
    """Gather all that the page holds: the runs are stored with the package."""
    results = Results(stored("tournament")["rows"])
    race = results.race(START)
    return {"data": data_of(results), "still": draw(race, dpi=100), "words": words(race)}


def page(**measured) -> Page:
    """Put the page together from what was gathered."""
    return Page(
        name="tournament",
        file=FILE,
        folder="tournament",
        title=TITLE,
        about=ABOUT,
        note=NOTE,
        spec=spec(),
        start=start(),
        **measured,
    )


def start() -> dict:
    """Return the setting at first, as the lists of the page call it."""
    return {name: str(value) for name, value in vars(START).items()}


def spec() -> dict:
    """Return the controls of the page."""
    results = Results(stored("tournament")["rows"])
    lists = [Choice(name, LABELS[name], options_of(results, name)).spec for name in LABELS]
    label = "Explorer: the tournament of starts"
    return {"prefix": "tournament", "label": label, "rows": [lists[:3], lists[3:]], "keys": KEYS}


def data_of(results: Results) -> dict:
    """Return the settings that were played, which of them answers which, and the advice."""
    played = list(results.rows)
    return {
        "choices": {name: [str(v) for v in results.values(name)] for name in LABELS},
        "settings": [[str(value) for value in astuple(setting)] for setting in played],
        "looks": [look_of(results, setting) for setting in played],
        "nearest": to_text(nearest(results, played)),
        "advice": advice(results),
    }


def look_of(results: Results, setting: Setting) -> dict:
    """Return what a played setting looks like, without advice: that is for what was asked."""
    race = replace(results.race(setting), advice=None)
    look = {"picture": picture_of(race), "outcome": outcome(race), "alt": in_words(race)}
    return look | {"table": vars(table_of(race))}


def nearest(results: Results, played: list[Setting]) -> np.ndarray:
    """Return the place of the setting that answers each choice, the last list varying first."""
    place = {setting: i for i, setting in enumerate(played)}
    asked = itertools.product(*(results.values(name) for name in LABELS))
    return np.array([place[results.race(Setting(*choice)).setting] for choice in asked], np.uint8)


def advice(results: Results) -> dict:
    """Return family → optimizer → depth → the start that is advised, and the advice in words."""
    table = {}
    for family, rule in itertools.product(results.values("family"), results.values("rule")):
        by_depth = {}
        for depth in results.values("depth"):
            race = results.race(Setting(family, depth, START.width, rule))
            by_depth[depth] = [race.advised, advised(race.advice)]
        table.setdefault(family, {})[rule] = by_depth
    return table
