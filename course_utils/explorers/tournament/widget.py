"""The controls of the tournament's explorer: drop-downs for network, optimizer, budget, data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import ipywidgets as w

from course_utils.experiments import stored
from course_utils.experiments.advice import RULES, name_of_family
from course_utils.explorers.base import Explorer, Look, corrected_choice
from course_utils.explorers.tournament.experiment import STEPS, Results, name_of, words
from course_utils.explorers.tournament.figure import picture

LABELS = {
    "family": "network",
    "depth": "depth",
    "width": "width",
    "rule": "optimizer",
    "steps": "budget",
    "data": "data",
}
"""Field of the setting → what its drop-down is called."""


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

    def __init__(self, rows: Sequence[dict] | None = None, **setting) -> None:
        self.results = Results(stored("tournament")["rows"] if rows is None else rows)
        self.allowed = {name: self.results.values(name) for name in LABELS}
        first = replace(next(iter(self.results.rows)))
        super().__init__(first, "tournament-explorer", "tournament")
        self.set(**setting)

    def readout(self) -> str:
        """State the setting that is shown and its winner."""
        race = self.measurement
        return f"{name_of(race.setting)}: {race.verdict.winner} is best"

    def _rows(self) -> list[list[w.Widget]]:
        shown = {"family": name_of_family, "rule": RULES.get, "steps": STEPS.get}
        self.choices = {}
        for name, label in LABELS.items():
            options = [(shown.get(name, str)(value), value) for value in self.allowed[name]]
            self.choices[name] = self._choice(name, label, options, "300px")
            self._name(self.choices[name], name)
        boxes = list(self.choices.values())
        return [boxes[:3], boxes[3:]]

    def _corrected(self, name: str, value, previous) -> tuple:
        return corrected_choice(value, previous, self.allowed[name], name)

    def _look(self) -> Look:
        race = self.results.race(self.setting)
        return Look(picture(race, name_of(race.setting)), words(race), race)
