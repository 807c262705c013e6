"""The looks of the runs, and the picture that is stored for readers without a kernel.

It shows loss and test accuracy against steps, run beside run. Colour and marker of a run are
decided here for the browser too, so that a run looks the same everywhere.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.colors import to_hex, to_rgb
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from course_utils.explorers.still import MATPLOTLIB_DEFAULTS, as_png
from course_utils.plotting import scheme_style

if TYPE_CHECKING:
    from course_utils.explorers.live_training.experiment import LiveRun, LiveTrainingSetting

SHOWN = 9
"""Runs in the picture: the newest, and the last 8 before it."""

MARKERS = "os^DvPX<>"
"""The number of a run decides its marker, so that two runs of one scheme can be told apart."""

GROUNDS = {"light": "#FFFFFF", "dark": "#1E1E1E"}
"""What the curves are drawn on: the dark one is the lightest of the dark themes that are common."""

CONTRASTS = (3.1, 12.0)
"""Contrasts to the ground, as WCAG 2 counts them: the least of a curve, and the most of a shade."""

LOWEST, HIGHEST = 1e-3, 1e12
"""Losses between which the axis may end."""


# ---------------------------------------------------------------------- how a run looks


@dataclass(frozen=True)
class RunLook:
    """What tells a run from the others.

    Attributes
    ----------
    colors
        Ground, ``"light"`` or ``"dark"`` → the colour on it.
    dashed
        Whether its scheme draws uniformly.
    marker
        In Matplotlib's letters.
    """

    colors: dict[str, str]
    dashed: bool
    marker: str


def looks_of(runs: Sequence[LiveRun]) -> list[RunLook]:
    """Return the look of each run, in a picture of just these runs.

    A run has the colour of its scheme. Runs of one scheme that differ in their std have shades of
    it: the larger the std, the stronger the contrast to the ground.
    """
    stds = sorted({_std(run.setting) for run in runs} - {None})
    looks = []
    for run in runs:
        std, style = _std(run.setting), scheme_style(run.setting.scheme)
        place = None if std is None or len(stds) == 1 else stds.index(std) / (len(stds) - 1)
        colors = {ground: color_on(style["color"], ground, place) for ground in GROUNDS}
        marker = MARKERS[(run.number - 1) % len(MARKERS)]
        looks.append(RunLook(colors, style["linestyle"] == "--", marker))
    return looks


def _std(setting: LiveTrainingSetting) -> float | None:
    """Return the std that counts; None where the scheme has a rule of its own."""
    return setting.std if setting.scheme == "normal" else None


def color_on(color: str, ground: str, place: float | None = None) -> str:
    """Return a colour as it is drawn on a ground, mixed with black or white where it must be.

    Parameters
    ----------
    color
        As the rest of the course has it.
    ground
        ``"light"`` or ``"dark"``.
    place
        Of a shade between the faintest, 0, and the strongest, 1. Without it the colour stays as
        it is, unless it is too faint.
    """
    least, most = CONTRASTS
    behind = luminance(GROUNDS[ground]) + 0.05  # the 0.05 is the glare of a screen, in WCAG 2
    own = luminance(color) + 0.05
    contrast = behind / own if ground == "light" else own / behind
    if place is not None:
        contrast = least * (most / least) ** place
    elif contrast >= least:
        return color.lower()
    contrast = max(contrast, least)
    return _mixed(color, behind / contrast if ground == "light" else behind * contrast)


def _mixed(color: str, brightness: float) -> str:
    """Mix a colour with black or with white until luminance + 0.05 is ``brightness``."""
    other = "black" if luminance(color) + 0.05 > brightness else "white"
    start, end = (np.array(to_rgb(name)) for name in (color, other))
    low, high = 0.0, 1.0  # shares of the other, between which the right one lies
    for _ in range(20):
        share = (low + high) / 2
        mixed = to_hex(start + share * (end - start))
        too_little = luminance(mixed) + 0.05 > brightness
        if too_little == (other == "black"):
            low = share
        else:
            high = share
    return to_hex(start + high * (end - start))


def luminance(color: str) -> float:
    """Return the relative luminance of a colour, as WCAG 2 defines it: black is 0, white 1."""
    rgb = np.array(to_rgb(color))
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])


def title(run: LiveRun) -> str:
    """Name a run as the legend does."""
    stopped = run.history is not None and run.history.outcome == "stopped"
    return f"{run.setting.label} (stopped)" if stopped else run.setting.label


# ---------------------------------------------------------------------- the still picture


def draw(runs: Sequence[LiveRun], *, dpi: int = 200) -> bytes:
    """Draw the last of the runs, the newest strongly, and return the picture as PNG bytes.

    Parameters
    ----------
    runs
        Oldest first.
    dpi
        Pixels an inch; the figure is 10 inches wide.
    """
    with matplotlib.rc_context(MATPLOTLIB_DEFAULTS):
        return as_png(figure_of(runs, dpi=dpi))


def figure_of(runs: Sequence[LiveRun], *, dpi: int = 200) -> Figure:
    """Return the figure that :func:`draw` draws: a panel of the loss, and one of the accuracy."""
    runs = runs[-SHOWN:]
    figure = Figure(figsize=(10, 4.8), dpi=dpi)
    loss = figure.add_axes((0.062, 0.1, 0.425, 0.65))
    accuracy = figure.add_axes((0.56, 0.1, 0.425, 0.65))
    last_step = max((run.last_step for run in runs), default=100)
    _panel(loss, "training loss, batch by batch (thin) and smoothed", last_step)
    _panel(accuracy, "test accuracy, on 1,000 images at most", last_step)
    _limit_losses(loss, runs)
    accuracy.set_ylim(0, 1.02)
    _set_ticks(accuracy.yaxis, [0, 0.2, 0.4, 0.6, 0.8, 1])
    _guess(loss, math.log(10), "guessing: ln 10", above=5)
    _guess(accuracy, 0.1, "guessing: 0.1", above=-13)
    for i, (run, look) in enumerate(zip(runs, looks_of(runs), strict=True)):
        _run(figure, i, run, look, newest=i == len(runs) - 1)
    return figure


def _run(figure: Figure, i: int, run: LiveRun, look: RunLook, *, newest: bool) -> None:
    """Draw run ``i`` of those shown into both panels and into the legend."""
    loss, accuracy = figure.axes
    style = {"color": look.colors["light"], "linestyle": "--" if look.dashed else "-", "ms": 5}
    style |= {"marker": look.marker, "lw": 2.4 if newest else 1.5}
    if newest:
        loss.plot(*_against_steps(run.losses), lw=0.7, alpha=0.45, color=style["color"], zorder=1.5)
    measured = [*run.accuracies]
    steps, losses = _against_steps(run.smooth)
    marked = [step - 1 for step, _ in measured if 0 < step <= len(steps)]
    loss.plot(steps, losses, markevery=marked, **style)
    accuracy.plot(*np.array(measured, dtype=float).reshape(-1, 2).T, **style)
    x, y = 0.01 + 0.332 * (i % 3), 0.965 - 0.052 * (i // 3)
    figure.add_artist(Line2D([x, x + 0.016, x + 0.032], [y, y, y], markevery=[1], **style))
    words = {"fontsize": 9.5, "va": "center_baseline", "color": "black" if newest else "0.35"}
    figure.text(x + 0.037, y, title(run), **words)


def _panel(ax: Axes, heading: str, last_step: int) -> None:
    ax.set_title(heading, fontsize=11, loc="left", pad=6)
    ax.set_xlabel("step", fontsize=10, labelpad=2)
    ax.tick_params(length=3, color="0.4", pad=3, labelsize=9, labelcolor="0.2")
    ax.grid(True, color="0.9", lw=0.8)
    ax.set_xlim(-0.02 * last_step, 1.02 * last_step)
    steps = MaxNLocator(5, integer=True).tick_values(0, last_step)
    _set_ticks(ax.xaxis, [step for step in steps if 0 <= step <= last_step])


def _guess(ax: Axes, level: float, words: str, *, above: float) -> None:
    """Draw where a network stands that has learned nothing; words ``above`` it, in points."""
    ax.axhline(level, color="0.35", lw=1.3, ls=(0, (4, 2)))
    place = {"xycoords": ax.get_yaxis_transform(), "textcoords": "offset points", "ha": "right"}
    ax.annotate(words, (0.99, level), (0, above), fontsize=9, color="0.35", **place)


def _limit_losses(ax: Axes, runs: Sequence[LiveRun]) -> None:
    """Fit the axis of the loss to what is to be drawn."""
    losses = [loss for run in runs for loss in (*run.smooth, *run.losses[-1:])]
    losses += runs[-1].losses if runs else []
    low, high = _round_limits(losses)
    ticks = _round_numbers(low, high)
    if len(ticks) > 10:
        ticks = [tick for tick in ticks if f"{tick:e}".startswith("1.0")]
        ticks = ticks[:: -(-len(ticks) // 9)]
    ax.set_yscale("log")
    ax.minorticks_off()
    ax.set_ylim(0.95 * low, 1.05 * high)
    _set_ticks(ax.yaxis, ticks)


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
