"""The picture of the funnel explorer: the widths above, signal and gradient along depth below."""

from __future__ import annotations

from typing import TYPE_CHECKING

import matplotlib
import numpy as np
from matplotlib.figure import Figure

from course_utils.explorers.depth_curves import DepthCurves
from course_utils.explorers.live_figure import MATPLOTLIB_DEFAULTS, LiveFigure
from course_utils.plotting import BACKWARD, FORWARD

if TYPE_CHECKING:
    from course_utils.explorers.funnel.experiment import FunnelMeasurement, FunnelSetting

MARGIN = 1.45
"""Height of the silhouette's axes, in units of the greatest width: room for numbers above."""


class FunnelFigure:
    """A live figure of a network's silhouette over two curves, on one axis of layers.

    Parameters
    ----------
    max_width
        The greatest width that the silhouette must hold, in units.
    dpi
        Pixels an inch; the figure is 10 inches wide.
    """

    def __init__(self, *, max_width: int, dpi: int = 200) -> None:
        self.max_width = max_width
        with matplotlib.rc_context(MATPLOTLIB_DEFAULTS):
            self._build(dpi)

    def _build(self, dpi: int) -> None:
        self.figure = Figure(figsize=(10, 5.2), dpi=dpi)
        self.silhouette = self.figure.add_axes((0.075, 0.665, 0.91, 0.255))
        half = self.max_width / 2
        self.silhouette.set(yticks=[], ylim=(-1.05 * half, (2 * MARGIN - 1.05) * half), xticks=[0])
        self.silhouette.set_xticklabels(["input"], fontsize=8)
        self.silhouette.tick_params(length=0, pad=2)
        for side in self.silhouette.spines.values():
            side.set_visible(False)
        (self.shape,) = self.silhouette.fill([0], [0], color="0.88")
        (self.levels,) = self.silhouette.plot([], [], color="0.45", lw=2, solid_capstyle="butt")
        number = {"fontsize": 9, "ha": "center", "va": "bottom"}
        self.numbers = [self.silhouette.text(level, 0, "", **number) for level in (0, 1)]
        self.rule = self.figure.text(0.03, 0.955, "", fontsize=11, va="center")
        self.shares = self.figure.text(0.985, 0.955, "", fontsize=10, va="center", ha="right")
        self.along_depth = DepthCurves(
            self.figure.add_axes((0.075, 0.09, 0.91, 0.475)),
            labels=("signal z, going up →", "← gradient ∂L/∂z, coming down"),
            ylabel="root mean square",
            legend_at=(0.985, 0.605),
            first=0,
            most_ticks=10,
        )
        axes = self.along_depth.ax
        self.live = LiveFigure(
            self.figure,
            moving=[
                *(self.shape, self.levels, *self.numbers, self.rule, self.shares),
                *self.along_depth.curves.values(),
            ],
            settled=[self.silhouette.xaxis, axes.xaxis, axes.yaxis],
            colors=[FORWARD, BACKWARD],
        )

    def png(self, measurement: FunnelMeasurement, formula: str) -> bytes:
        """Draw a measurement and return the picture as PNG bytes.

        Parameters
        ----------
        measurement
            What to draw.
        formula
            The rule for Var(W), to be written above.
        """
        with matplotlib.rc_context(MATPLOTLIB_DEFAULTS), self.live.painting() as trusted:
            if self.along_depth.show(measurement, trusted=trusted):
                self.silhouette.set_xlim(self.along_depth.ax.get_xlim())
                self.live.unsettle()
            self._draw_widths(measurement.setting)
            self._write(measurement.setting, formula)
            return self.live.png()

    def _draw_widths(self, setting: FunnelSetting) -> None:
        half = np.array(setting.widths) / 2  # (depth + 1,)
        levels = np.arange(len(half))
        outline = np.concatenate([half, -half[::-1]])
        self.shape.set_xy(np.column_stack([np.concatenate([levels, levels[::-1]]), outline]))
        bars = np.column_stack([half, -half, np.full(len(half), np.nan)])
        self.levels.set_data(np.repeat(levels, 3), bars.ravel())
        for level, number in enumerate(self.numbers):
            number.set_text(f"{setting.widths[level]}")
            number.set_y(half[level] + 0.03 * self.max_width)

    def _write(self, setting: FunnelSetting, formula: str) -> None:
        self.rule.set_text(f"Var(W) = {formula}")
        shares = zip(setting.fans[:2], setting.variances[:2], strict=True)
        texts = [f"{n_in} → {n_out}: Var(W) = 1/{1 / v:.4g}" for (n_in, n_out), v in shares]
        self.shares.set_text("        ".join(texts))
