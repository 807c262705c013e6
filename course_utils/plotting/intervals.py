"""Contestants as intervals: one row each, a dot a seed, the mean and its 95 % interval."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from scipy import stats

from course_utils.plotting.numbers import as_named_numbers

BEST, LESS, NOTHING = "#0072B2", "#8A8A8A", "#D55E00"
"""Colours: not told apart from the best; told apart from it; learns nothing."""


def intervals(
    values: Mapping[str, Sequence[float]],
    *,
    best: Collection[str] = (),
    nothing: Collection[str] = (),
    notes: Mapping[str, str] | None = None,
    label: str = "accuracy on test images, %",
    limits: tuple[float, float] | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw a row for each name, the best mean on top, and return the Axes.

    Parameters
    ----------
    values
        Name → one measurement a seed, two or more.
    best
        Names drawn in strong colour: the best, and those that are not told apart from it.
    nothing
        Names of those that learn nothing: open dots.
    notes
        Name → a few letters at the right end of its row.
    label, limits
        Of the horizontal axis; its limits are those of the values if not given.
    ax
        Where to draw; a new figure if not given.

    Raises
    ------
    TypeError, ValueError
        If there is no name or nothing to draw, or of a name there are not two or more finite
        numbers.
    """
    values = as_named_numbers(values, "values", "(n_seeds,)")
    for name, x in values.items():
        if len(x) < 2 or not np.isfinite(x).all():
            raise ValueError(
                f"an interval needs two or more finite numbers, got {x.tolist()} of {name!r}: "
                "measure more seeds; count one that diverged as a guess, or leave it out"
            )
    if ax is None:
        _, ax = plt.subplots(figsize=(8, 0.6 + 0.32 * len(values)))
    order = sorted(values, key=lambda name: np.mean(values[name]))  # the best is drawn on top
    for y, name in enumerate(order):
        x = values[name]
        color = BEST if name in best else NOTHING if name in nothing else LESS
        mean, low, high = mean_interval(x)
        ax.plot([low, high], [y, y], color=color, lw=3, alpha=0.45)
        ax.plot(x, np.full(len(x), y), "o", ms=3, color=color, alpha=0.6, mew=0)
        face = "white" if name in nothing else color
        ax.plot(mean, y, "o", ms=8, color=color, mfc=face, mew=1.5)
        if notes and name in notes:
            where = ax.get_yaxis_transform()
            ax.text(1.01, y, notes[name], transform=where, va="center", fontsize=8, color="0.35")
    ax.set_yticks(range(len(order)), order)
    for text, name in zip(ax.get_yticklabels(), order, strict=True):
        text.set_fontweight("bold" if name in best else "normal")
    ax.set(xlabel=label, ylim=(-0.6, len(order) - 0.4))
    if limits is not None:
        ax.set_xlim(*limits)
    ax.grid(axis="y", visible=False)
    return ax


def mean_interval(values: Sequence[float]) -> tuple[float, float, float]:
    """Return the mean of measurements, and the ends of its 95 % interval by Student's t."""
    x = np.asarray(values, dtype=float)
    half = stats.t.ppf(0.975, len(x) - 1) * x.std(ddof=1) / np.sqrt(len(x))
    return float(x.mean()), float(x.mean() - half), float(x.mean() + half)
