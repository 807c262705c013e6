"""The picture of the live training: loss and test accuracy against steps, run beside run."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from course_utils.explorers.live_figure import MATPLOTLIB_DEFAULTS, LiveFigure
from course_utils.initializers import SCHEMES
from course_utils.plotting import scheme_style

if TYPE_CHECKING:
    from course_utils.explorers.live_training.experiment import LiveRun

SHOWN = 9
"""Runs in the picture: the newest, and the last 8 before it."""

MARKERS = "os^DvPX<>"
"""The number of a run decides its marker, so that two runs of one scheme can be told apart."""

LOWEST, HIGHEST = 1e-3, 1e12
"""Losses between which the axis may end."""

FONT = "DejaVu Sans"  # comes with Matplotlib
TICKS = {"length": 3, "width": 0.8, "color": "0.4", "pad": 3, "direction": "out", "labelsize": 9}
TICKS |= {"labelcolor": "0.2", "labelfontfamily": FONT, "grid_color": "0.9", "grid_alpha": 1.0}
TICKS |= {"grid_linewidth": 0.8, "grid_linestyle": "-", "zorder": 0}
"""All that a tick is made of: none of it may come from the style that a notebook has set."""


class LiveTrainingFigure:
    """A live figure of two panels and a legend, which may be drawn outside the main thread.

    Matplotlib's settings belong to the whole process, so only the constructor, which the main
    thread calls, sets any.

    Parameters
    ----------
    dpi
        Pixels an inch; the figure is 10 inches wide.
    """

    def __init__(self, *, dpi: int = 200) -> None:
        with matplotlib.rc_context({**MATPLOTLIB_DEFAULTS, "font.family": FONT}):
            self._build(dpi)
        self._limits: tuple = ()
        self._keys: list = []

    def _build(self, dpi: int) -> None:
        self.figure = Figure(figsize=(10, 4.8), dpi=dpi)
        self.loss = self.figure.add_axes((0.062, 0.1, 0.425, 0.65))
        self.loss.set_yscale("log")
        self.accuracy = self.figure.add_axes((0.56, 0.1, 0.425, 0.65))
        self.accuracy.set_ylim(0, 1.02)
        _panel(self.loss, "training loss, batch by batch (thin) and smoothed")
        _panel(self.accuracy, "test accuracy, on 1,000 images at most")
        _set_ticks(self.accuracy.yaxis, [0, 0.2, 0.4, 0.6, 0.8, 1])
        guessing = [
            *_guess(self.loss, math.log(10), "guessing: ln 10", above=5),
            *_guess(self.accuracy, 0.1, "guessing: 0.1", above=-13),
        ]
        (self.raw,) = self.loss.plot([], [], lw=0.7, alpha=0.45)
        self.loss_curves = [self.loss.plot([], [], ms=5)[0] for _ in range(SHOWN)]
        self.accuracy_curves = [self.accuracy.plot([], [], ms=5)[0] for _ in range(SHOWN)]
        slots = [self._slot(i) for i in range(SHOWN)]
        self.samples, self.labels = ([slot[i] for slot in slots] for i in (0, 1))
        axes = [self.loss.xaxis, self.loss.yaxis, self.accuracy.xaxis, self.accuracy.yaxis]
        colors = [scheme_style(scheme)["color"] for scheme in SCHEMES]
        self.live = LiveFigure(
            self.figure,
            moving=[self.raw, *self.loss_curves, *self.accuracy_curves],
            settled=[*axes, *guessing, *self.samples, *self.labels],
            colors=[color for color in dict.fromkeys(colors) if len(set(to_rgb(color))) > 1],
        )

    def _slot(self, i: int) -> tuple:
        """Make the place of a run in the legend: a piece of its line, and its label."""
        x, y = 0.01 + 0.332 * (i % 3), 0.965 - 0.052 * (i // 3)
        sample = self.figure.add_artist(Line2D([x, x + 0.016, x + 0.032], [y, y, y], ms=5))
        sample.set_markevery([1])
        text = self.figure.text(x + 0.037, y, "", fontsize=9.5, va="center_baseline")
        return sample, text

    def png(self, runs: Sequence[LiveRun]) -> bytes:
        """Draw the last of the runs, the newest strongly, and return the picture as PNG bytes.

        Parameters
        ----------
        runs
            Oldest first.
        """
        runs = runs[-SHOWN:]
        with self.live.painting() as trusted:
            self._frame(runs, trusted)
            self._show_all(runs)
            return self.live.png()

    def _show_all(self, runs: Sequence[LiveRun]) -> None:
        for i in range(SHOWN):
            parts = (self.loss_curves[i], self.accuracy_curves[i], self.samples[i], self.labels[i])
            for part in parts:
                part.set_visible(i < len(runs))
            if i < len(runs):
                self._show(runs[i], i, newest=i == len(runs) - 1)
        self.raw.set_visible(bool(runs))
        if runs:
            self.raw.set_color(scheme_style(runs[-1].setting.scheme)["color"])
            self.raw.set_data(*_against_steps(runs[-1].losses))

    def _show(self, run: LiveRun, i: int, *, newest: bool) -> None:
        style = {
            **scheme_style(run.setting.scheme),
            "marker": MARKERS[(run.number - 1) % len(MARKERS)],
        }
        style |= {"lw": 2.4, "alpha": 1.0} if newest else {"lw": 1.5, "alpha": 0.5}
        measured = list(run.accuracies)
        for line in (self.loss_curves[i], self.accuracy_curves[i], self.samples[i]):
            line.set(**style)
        self.loss_curves[i].set_data(*_against_steps(run.smooth))
        seen = len(self.loss_curves[i].get_xdata())
        self.loss_curves[i].set_markevery([step - 1 for step, _ in measured if 0 < step <= seen])
        self.accuracy_curves[i].set_data(np.array(measured, dtype=float).reshape(-1, 2).T)
        self.labels[i].set(text=_title(run), color="black" if newest else "0.35")

    def _frame(self, runs: Sequence[LiveRun], trusted: bool) -> None:
        """Fit the axes to what is to be drawn; have them drawn again if something changed."""
        losses = [loss for run in runs for loss in (*run.smooth, *run.losses[-1:])]
        losses += runs[-1].losses if runs else []
        last_step = max((run.last_step for run in runs), default=100)
        limits = (last_step, *_round_limits(losses))
        keys = [(run.number, _title(run)) for run in runs]
        if not trusted or limits != self._limits:
            self._limit_axes(*limits)
        if limits != self._limits or keys != self._keys:
            self._limits, self._keys = limits, keys
            self.live.unsettle()

    def _limit_axes(self, last_step: int, low: float, high: float) -> None:
        steps = MaxNLocator(5, integer=True).tick_values(0, last_step)
        for ax in (self.loss, self.accuracy):
            ax.set_xlim(-0.02 * last_step, 1.02 * last_step)
            _set_ticks(ax.xaxis, [step for step in steps if 0 <= step <= last_step])
        ticks = _round_numbers(low, high)
        if len(ticks) > 10:
            ticks = [tick for tick in ticks if f"{tick:e}".startswith("1.0")]
            ticks = ticks[:: -(-len(ticks) // 9)]
        self.loss.set_ylim(0.95 * low, 1.05 * high)
        _set_ticks(self.loss.yaxis, ticks)


def _title(run: LiveRun) -> str:
    stopped = run.history is not None and run.history.outcome == "stopped"
    return f"{run.setting.label} (stopped)" if stopped else run.setting.label


def _panel(ax: Axes, title: str) -> None:
    ax.set_title(title, fontsize=11, loc="left", pad=6)
    ax.set_xlabel("step", fontsize=10, labelpad=2)
    ax.minorticks_off()
    ax.tick_params(**TICKS)
    ax.grid(True)


def _guess(ax: Axes, level: float, words: str, *, above: float) -> list:
    """Draw where a network stands that has learned nothing; words ``above`` it, in points."""
    line = ax.axhline(level, color="0.35", lw=1.3, ls=(0, (4, 2)))
    place = {"xycoords": ax.get_yaxis_transform(), "textcoords": "offset points", "ha": "right"}
    return [line, ax.annotate(words, (0.99, level), (0, above), fontsize=9, color="0.35", **place)]


def _against_steps(values: Sequence[float]) -> tuple[np.ndarray, np.ndarray]:
    """Return steps 1, 2, … and ``values``, with gaps where a log axis has no place for them."""
    values = np.array(list(values), dtype=float)
    return np.arange(1, len(values) + 1), np.where(values > 0, values, np.nan)


def _set_ticks(axis: Axis, ticks: Sequence[float]) -> None:
    axis.set_ticks(ticks, labels=[_short(tick) for tick in ticks])


def _short(number: float) -> str:
    """Write 0.05, 200 or, from 10,000 on, 10⁴."""
    if number < 1e4:
        return f"{number:g}"
    return "10" + f"{math.log10(number):.0f}".translate(str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹"))


def _round_numbers(low: float, high: float) -> list[float]:
    """Return the numbers 1, 2 and 5 times a power of ten from ``low`` to ``high``."""
    powers = range(round(math.log10(LOWEST)), round(math.log10(HIGHEST)) + 1)
    numbers = [float(f"{digit}e{power}") for power in powers for digit in (1, 2, 5)]
    return [number for number in numbers if low <= number <= high]


def _round_limits(losses: Sequence[float]) -> tuple[float, float]:
    """Return round numbers around the losses, and around the loss of guessing in any case."""
    losses = [min(max(loss, LOWEST), HIGHEST) for loss in losses if 0 < loss < math.inf]
    low, high = min([0.5, *losses]), max([5, *losses])
    return _round_numbers(LOWEST, low)[-1], _round_numbers(high, 5 * HIGHEST)[0]
