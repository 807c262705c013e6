"""The picture of the tournament's explorer, as it is stored for readers without a kernel."""

from __future__ import annotations

from typing import TYPE_CHECKING

import matplotlib
from matplotlib.figure import Figure

from course_utils.explorers.still import MATPLOTLIB_DEFAULTS, as_png
from course_utils.explorers.tournament.experiment import name_of, note_of
from course_utils.plotting import intervals
from course_utils.plotting.intervals import BEST, LESS, NOTHING

if TYPE_CHECKING:
    from course_utils.explorers.tournament.experiment import Race

LEGEND = (
    (0.02, BEST, "● best, or not told apart from it"),
    (0.29, LESS, "● told apart from the best"),
    (0.52, NOTHING, "○ learns nothing"),
    (0.68, LESS, "small dots: seeds; bars: 95 % for the mean"),
)


def draw(race: Race, *, dpi: int = 200) -> bytes:
    """Draw :func:`figure_of` a race as PNG bytes."""
    return as_png(figure_of(race, dpi=dpi))


def figure_of(race: Race, *, dpi: int) -> Figure:
    """Draw every contestant as an interval, the best on top.

    Parameters
    ----------
    race
        What to draw; the advice is marked by an arrow.
    dpi
        Pixels an inch; the figure is 10 inches wide.
    """
    with matplotlib.rc_context(MATPLOTLIB_DEFAULTS):
        figure = Figure(figsize=(10, 1.1 + 0.3 * len(race.rows)), dpi=dpi)
        low, high = 0.65 / figure.get_figheight(), 1 - 0.35 / figure.get_figheight()
        axes = figure.add_axes((0.27, low, 0.54, high - low))
        values = {r["contestant"]: [100 * a for a in r["accuracy"]] for r in race.rows}
        notes = {r["contestant"]: note_of(r) for r in race.rows}
        if race.advised in notes:
            notes[race.advised] += "  ◀ advised"
        found = race.verdict
        options = {"best": found.not_told_apart, "nothing": found.learn_nothing}
        intervals(values, notes=notes, limits=(0, 100), ax=axes, **options)
        axes.grid(axis="x", color="0.9")
        axes.set_title(name_of(race.setting), fontsize=11, loc="left")
        for x, color, text in LEGEND:
            figure.text(x, 0.015, text, color=color, fontsize=9)
        for side in ("top", "right"):
            axes.spines[side].set_visible(False)
        return figure
