"""The picture of the funnel explorer, as it is stored for readers without a kernel."""

from __future__ import annotations

from typing import TYPE_CHECKING

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from course_utils.explorers.depth_curves import draw_depth_curves
from course_utils.explorers.funnel.experiment import GAINS, MAX_WIDTH, RULES
from course_utils.explorers.still import MATPLOTLIB_DEFAULTS, as_png

if TYPE_CHECKING:
    from course_utils.explorers.funnel.experiment import FunnelMeasurement, FunnelSetting

MARGIN = 1.45
"""Height of the silhouette's axes, in units of the greatest width: room for numbers above."""


def draw(measurement: FunnelMeasurement, *, dpi: int = 200) -> bytes:
    """Draw :func:`figure_of` a measurement as PNG bytes."""
    return as_png(figure_of(measurement, dpi=dpi))


def figure_of(measurement: FunnelMeasurement, *, dpi: int) -> Figure:
    """Draw a network's silhouette over two curves, on one axis of layers.

    Parameters
    ----------
    measurement
        What to draw.
    dpi
        Pixels an inch; the figure is 10 inches wide.
    """
    setting = measurement.setting
    with matplotlib.rc_context(MATPLOTLIB_DEFAULTS):
        figure = Figure(figsize=(10, 5.2), dpi=dpi)
        figure.text(0.03, 0.955, f"Var(W) = {formula(setting)}", fontsize=11, va="center")
        variances = "        ".join(variances_in_words(setting))
        figure.text(0.985, 0.955, variances, fontsize=10, va="center", ha="right")
        along_depth = figure.add_axes((0.075, 0.09, 0.91, 0.475))
        draw_depth_curves(
            along_depth,
            measurement,
            labels=("signal z, going up →", "← gradient ∂L/∂z, coming down"),
            ylabel="root mean square",
            legend_at=(0.985, 0.605),
            first=0,
        )
        silhouette = figure.add_axes((0.075, 0.665, 0.91, 0.255))
        _draw_widths(silhouette, setting.widths)
        silhouette.set_xlim(along_depth.get_xlim())
        return figure


def _draw_widths(ax: Axes, widths: list[int]) -> None:
    half = np.array(widths) / 2  # (depth + 1,)
    levels = np.arange(len(half))
    ax.fill_between(levels, -half, half, color="0.88", lw=0)
    ax.vlines(levels, -half, half, color="0.45", lw=2)
    for level in (0, 1):
        above = half[level] + 0.03 * MAX_WIDTH
        ax.text(level, above, f"{widths[level]}", fontsize=9, ha="center", va="bottom")
    largest = MAX_WIDTH / 2
    ax.set(yticks=[], ylim=(-1.05 * largest, (2 * MARGIN - 1.05) * largest), xticks=[0])
    ax.set_xticklabels(["input"], fontsize=8)
    ax.tick_params(length=0, pad=2)
    for side in ax.spines.values():
        side.set_visible(False)


def formula(setting: FunnelSetting) -> str:
    """Write the rule with the activation's factor: ``2 · 1/n_in``."""
    gain, rule = GAINS[setting.activation], RULES[setting.rule].formula
    return rule if gain == 1 else f"{gain:g} · {rule}"


def variances_in_words(setting: FunnelSetting) -> list[str]:
    """Write the variance in one kind of layer and in the other: ``784 → 100: Var(W) = 1/442``."""
    pairs = zip(setting.fans[:2], setting.variances[:2], strict=True)
    return [f"{n_in} → {n_out}: Var(W) = 1/{1 / v:.4g}" for (n_in, n_out), v in pairs]
