"""The picture of the activation explorer, as it is stored for readers without a kernel."""

from __future__ import annotations

from typing import TYPE_CHECKING

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from course_utils.explorers.depth_curves import draw_depth_curves
from course_utils.explorers.still import MATPLOTLIB_DEFAULTS, as_png
from course_utils.plotting import FORWARD, bar_heights

if TYPE_CHECKING:
    from course_utils.explorers.activation.experiment import ActivationMeasurement


def draw(measurement: ActivationMeasurement, *, dpi: int = 200) -> bytes:
    """Draw :func:`figure_of` a measurement as PNG bytes."""
    return as_png(figure_of(measurement, dpi=dpi))


def figure_of(measurement: ActivationMeasurement, *, dpi: int) -> Figure:
    """Draw histograms of the activations over curves along depth.

    Parameters
    ----------
    measurement
        What to draw.
    dpi
        Pixels an inch; the figure is 10 inches wide.
    """
    m = measurement
    with matplotlib.rc_context(MATPLOTLIB_DEFAULTS):
        figure = Figure(figsize=(10, 5.6), dpi=dpi)
        box = {"left": 0.03, "right": 0.985, "top": 0.95, "bottom": 0.545}
        grid = figure.add_gridspec(2, 5, hspace=0.42, wspace=0.1, **box)
        heights = bar_heights(m.counts)  # (n_shown, n_bins)
        for i, layer in enumerate(m.layers):
            ax = figure.add_subplot(grid[i // 5, i % 5])
            _histogram(ax, heights[i], m.edges)
            look = {"fontsize": 9, "pad": 3}
            ax.set_title(f"layer {layer}", loc="left", **look)
            ax.set_title(f"std {m.signal[layer - 1]:.2g}", loc="right", **look)
        note = "above: activations; height = √share of values, the outer bins hold the rest"
        figure.text(0.03, 0.452, note, fontsize=8, color="0.35", va="center")
        along_depth = figure.add_axes((0.075, 0.085, 0.91, 0.35))
        draw_depth_curves(along_depth, m, legend_at=(0.985, 0.452))
        return figure


def _histogram(ax: Axes, heights: np.ndarray, edges: np.ndarray) -> None:
    low, high = edges[0], edges[-1]
    ax.stairs(heights, edges, fill=True, color=FORWARD)
    middle = 0.0 if low < 0 else (low + high) / 2
    ax.set(xlim=(low, high), xticks=[low, middle, high], ylim=(0, 1.06), yticks=[])
    ax.tick_params(labelsize=7, length=2, pad=1.5)
    for label, side in zip(ax.get_xticklabels(), ("left", "center", "right"), strict=True):
        label.set_horizontalalignment(side)  # neighbouring panels do not touch
    for side in ("top", "right", "left"):
        ax.spines[side].set_visible(False)
