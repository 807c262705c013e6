"""The controls of the tournament's explorer: drop-downs for network, optimizer, budget, data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from course_utils.experiments import stored
from course_utils.experiments.advice import RULES, name_of_family
from course_utils.explorers.base import Explorer, Look, Table
from course_utils.explorers.controls import Choice
from course_utils.explorers.tournament.experiment import (
    STEPS,
    Race,
    Results,
    name_of,
    note_of,
    words,
)
from course_utils.explorers.tournament.figure import draw
from course_utils.explorers.values import corrected_choice
from course_utils.plotting.intervals import mean_interval

LABELS = {
    "family": "network",
    "depth": "depth",
    "width": "width",
    "rule": "optimizer",
    "steps": "budget",
    "data": "data",
}
"""Field of the setting → what its drop-down is called."""

STANDINGS = {
    "best": "best, or not told apart from it",
    "less": "told apart from the best",
    "nothing": "learns nothing",
}
"""What the verdict says of a contestant → in words."""

KEYS = "Keys: Tab goes from list to list, ↑ ↓ choose in it, or the first letters of what it offers."


class TournamentExplorer(Explorer):
    """Choose a network, its optimizer and its budget; see every start as an interval, and advice.

    What was not played is answered by the nearest setting that was, in words.

    Parameters
    ----------
    rows
        Of the tournament; those that are stored with the package if not given.
    **setting
        The state at the start: fields of `experiments.tournament.Setting`.

    Examples
    --------
    >>> explorer = TournamentExplorer(family="tanh", depth=50, width=32, rule="adam")
    >>> explorer.set(depth=100)
    >>> print(explorer.readout())
    """

    folder = prefix = "tournament"

    def __init__(self, rows: Sequence[dict] | None = None, **setting) -> None:
        self.results = Results(stored("tournament")["rows"] if rows is None else rows)
        self.allowed = {name: self.results.values(name) for name in LABELS}
        first = replace(next(iter(self.results.rows)))
        super().__init__(first, "Explorer: the tournament of starts")
        self.spec = {**self.spec, "keys": KEYS}
        self.set(**setting)

    def readout(self) -> str:
        """State the setting that is shown and its winner."""
        race = self.measurement
        return f"{name_of(race.setting)}: {race.verdict.winner} is best"

    def _rows(self) -> list[list]:
        choices = [Choice(name, LABELS[name], options_of(self.results, name)) for name in LABELS]
        return [choices[:3], choices[3:]]

    def _corrected(self, name: str, value, previous) -> tuple:
        return corrected_choice(value, previous, self.allowed[name], name)

    def _look(self, setting) -> Look:
        race = self.results.race(setting)
        return Look(picture_of(race), words(race), in_words(race), table_of(race), race)

    def _still(self) -> bytes:
        return draw(self.measurement)


def options_of(results: Results, name: str) -> dict:
    """Return what can be chosen of a field, and how it is written."""
    written = {"family": name_of_family, "rule": RULES.get, "steps": STEPS.get}.get(name, str)
    return {value: written(value) for value in results.values(name)}


def picture_of(race: Race) -> dict:
    """Return what ``picture.js`` draws of a race: its contestants, best first."""
    return {
        "title": name_of(race.setting),
        "contestants": [
            {
                "name": row["contestant"],
                "standing": standing(race, row["contestant"]),
                "advised": row["contestant"] == race.advised,
                "note": note_of(row),
                "seeds": [round(100 * accuracy, 2) for accuracy in row["accuracy"]],
                **dict(zip(("mean", "low", "high"), percent(row), strict=True)),
            }
            for row in best_first(race)
        ],
        "standings": STANDINGS,
    }


def best_first(race: Race) -> list[dict]:
    """Return the rows of a race, the best mean first."""
    return sorted(race.rows, key=lambda row: -mean_interval(row["accuracy"])[0])


def percent(row: dict) -> tuple[float, float, float]:
    """Return mean and interval of a contestant's accuracy, in %."""
    mean, low, high = (round(100 * share, 3) for share in mean_interval(row["accuracy"]))
    return mean, low, high


def standing(race: Race, contestant: str) -> str:
    """Return what the verdict says of a contestant: a key of :data:`STANDINGS`."""
    if contestant in race.verdict.not_told_apart:
        return "best"
    return "nothing" if contestant in race.verdict.learn_nothing else "less"


def in_words(race: Race) -> str:
    """Say what the picture shows: who stands where, with which accuracy."""
    groups = {key: [] for key in STANDINGS}
    for row in best_first(race):
        groups[standing(race, row["contestant"])].append(_contestant_in_words(row))
    parts = [
        f"{len(race.rows)} starts of {name_of(race.setting)}, a row each with its seeds and the "
        "95 % interval of their mean, on an axis of the accuracy on test images from 0 to 100 %."
    ]
    for key, words_of_key in STANDINGS.items():
        if groups[key]:
            parts.append(f"{words_of_key.capitalize()}: {'; '.join(groups[key])}.")
    if any(row["contestant"] == race.advised for row in race.rows):
        parts.append(f"An arrow marks the advised: {race.advised}.")
    return " ".join(parts)


def _contestant_in_words(row: dict) -> str:
    mean, low, high = percent(row)
    return f"{row['contestant']} {mean:.0f} % ({max(low, 0):.0f} to {min(high, 100):.0f})"


def table_of(race: Race) -> Table:
    """Return the numbers of every contestant, best first, a row each."""
    heads = ("start", "accuracy, %", "95 % interval", "seeds", "rate", "diverged", "verdict")
    cells = []
    for row in best_first(race):
        mean, low, high = percent(row)
        name, seeds = row["contestant"], row["accuracy"]
        verdict = STANDINGS[standing(race, name)] + (", advised" if name == race.advised else "")
        measured = [f"{mean:.1f}", f"{low:.1f} to {high:.1f}"]
        each = ", ".join(f"{100 * seed:.1f}" for seed in seeds)
        accidents = f"{row['diverged']} of {len(seeds)}"
        cells.append([name, *measured, each, f"{row['rate']:g}", accidents, verdict])
    return Table(f"Accuracy on test images: {name_of(race.setting)}", heads, cells)
