"""The picture of the activation explorer: histograms above, curves along depth below."""

from __future__ import annotations

from typing import TYPE_CHECKING

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from course_utils.explorers.depth_curves import DepthCurves
from course_utils.explorers.live_figure import MATPLOTLIB_DEFAULTS, LiveFigure
from course_utils.plotting import BACKWARD, FORWARD, bar_heights

if TYPE_CHECKING:
    from course_utils.explorers.activation.experiment import ActivationMeasurement


class ActivationFigure:
    """A live figure of histogram panels over two curves.

    Parameters
    ----------
    panels
        Number of histogram panels, in two rows.
    bins
        Bins of each histogram.
    dpi
        Pixels an inch; the figure is 10 inches wide.
    """

    def __init__(self, *, panels: int = 10, bins: int = 60, dpi: int = 200) -> None:
        with matplotlib.rc_context(MATPLOTLIB_DEFAULTS):
            self._build(panels, bins, dpi)
        self._frame: tuple = ()

    def _build(self, panels: int, bins: int, dpi: int) -> None:
        self.figure = Figure(figsize=(10, 5.6), dpi=dpi)
        columns = -(-panels // 2)
        grid = self.figure.add_gridspec(
            2, columns, left=0.03, right=0.985, top=0.95, bottom=0.545, hspace=0.42, wspace=0.1
        )
        cells = [grid[i // columns, i % columns] for i in range(panels)]
        self.panels = [self.figure.add_subplot(cell) for cell in cells]
        self.bars = [_empty_panel(ax, bins) for ax in self.panels]
        look = {"fontsize": 9, "pad": 3}
        self.names = [ax.set_title(" ", loc="left", **look) for ax in self.panels]
        self.stds = [ax.set_title(" ", loc="right", **look) for ax in self.panels]
        self.covers = [self.figure.add_artist(_cover(ax)) for ax in self.panels]
        self.path = self.figure.add_axes((0.075, 0.085, 0.91, 0.35))
        self.along_depth = DepthCurves(self.path, legend_at=(0.985, 0.452))
        self.curves = self.along_depth.curves
        note = "above: activations; height = √share of values, the outer bins hold the rest"
        self.figure.text(0.03, 0.452, note, fontsize=8, color="0.35", va="center")
        self.live = LiveFigure(
            self.figure,
            moving=[*self.bars, *self.stds, *self.curves.values(), *self.covers],
            settled=[*self.names, self.path.xaxis, self.path.yaxis],
            colors=[FORWARD, BACKWARD],
        )

    def png(self, measurement: ActivationMeasurement) -> bytes:
        """Draw a measurement and return the picture as PNG bytes."""
        with matplotlib.rc_context(MATPLOTLIB_DEFAULTS), self.live.painting() as trusted:
            self._frame_panels(measurement.edges, trusted)
            self._fill_panels(measurement)
            if self.along_depth.show(measurement, trusted=trusted):
                self.live.unsettle()
            return self.live.png()

    def _frame_panels(self, edges: np.ndarray, trusted: bool) -> None:
        low, high = edges[0], edges[-1]
        if trusted and self._frame == (low, high):
            return
        self._frame = (low, high)
        for ax in self.panels:
            middle = 0.0 if low < 0 else (low + high) / 2
            ax.set(xlim=(low, high), xticks=[low, middle, high])
            for label, side in zip(ax.get_xticklabels(), ("left", "center", "right"), strict=True):
                label.set_horizontalalignment(side)  # neighbouring panels do not touch
        self.live.redraw()

    def _fill_panels(self, measurement: ActivationMeasurement) -> None:
        heights = bar_heights(measurement.counts)  # (n_shown, n_bins)
        for i, cover in enumerate(self.covers):
            cover.set_visible(i >= len(heights))
        for i, layer in enumerate(measurement.layers):
            self.bars[i].set_data(heights[i], measurement.edges)
            self.names[i].set_text(f"layer {layer}")  # changes with the depth, as the axes do
            self.stds[i].set_text(f"std {measurement.signal[layer - 1]:.2g}")


def _empty_panel(ax: Axes, bins: int):
    ax.set(ylim=(0, 1.06), yticks=[])
    ax.tick_params(labelsize=7, length=2, pad=1.5)
    for side in ("top", "right", "left"):
        ax.spines[side].set_visible(False)
    return ax.stairs(np.zeros(bins), np.linspace(0, 1, bins + 1), fill=True, color=FORWARD)


def _cover(ax: Axes) -> Rectangle:
    """Make the white patch that hides a panel: to draw it is quicker than to draw all others."""
    box = ax.get_position()
    corner, height = (box.x0 - 0.01, box.y0 - 0.04), box.height + 0.085
    return Rectangle(corner, box.width + 0.02, height, transform=ax.figure.transFigure, fc="w")
