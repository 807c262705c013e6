"""The picture of the tournament's explorer: every contestant of one setting as an interval."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import matplotlib
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from course_utils.explorers.live_figure import MATPLOTLIB_DEFAULTS
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

ROWS = 13
"""Of the family with most contestants: the picture keeps its height."""


def picture(race: Race, title: str, *, dpi: int = 160) -> bytes:
    """Return the picture of a race as PNG bytes, ten inches wide.

    Parameters
    ----------
    race
        What to draw; the advice is marked by an arrow.
    title
        Over the picture.
    dpi
        Pixels an inch.
    """
    with matplotlib.rc_context(MATPLOTLIB_DEFAULTS):
        figure = Figure(figsize=(10, 1.1 + 0.3 * ROWS), dpi=dpi)
        FigureCanvasAgg(figure)
        axes = figure.add_axes((0.24, 0.16, 0.6, 0.77))
        values = {r["contestant"]: [100 * a for a in r["accuracy"]] for r in race.rows}
        notes = {r["contestant"]: f"rate {r['rate']:g}{_accidents(r)}" for r in race.rows}
        if race.advice is not None and race.advice.start in notes:
            notes[race.advice.start] += "  ◀ advised"
        found = race.verdict
        options = {"best": found.not_told_apart, "nothing": found.learn_nothing}
        intervals(values, notes=notes, limits=(0, 100), ax=axes, **options)
        axes.set_ylim(len(values) - ROWS - 0.6, len(values) - 0.4)
        axes.grid(axis="x", color="0.9")
        axes.set_title(title, fontsize=11, loc="left")
        for x, color, text in LEGEND:
            figure.text(x, 0.015, text, color=color, fontsize=9)
        for side in ("top", "right"):
            axes.spines[side].set_visible(False)
        file = io.BytesIO()
        figure.savefig(file, format="png", pil_kwargs={"compress_level": 1})
    return file.getvalue()


def _accidents(row: dict) -> str:
    return f", {row['diverged']} of {len(row['accuracy'])} diverged" if row["diverged"] else ""
