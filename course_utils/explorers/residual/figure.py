"""The picture of the residual explorer: what each block adds above, the stream's sizes below."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import matplotlib
import numpy as np
from matplotlib.figure import Figure

from course_utils.explorers.depth_curves import DepthCurves
from course_utils.explorers.live_figure import MATPLOTLIB_DEFAULTS, LiveFigure
from course_utils.plotting import BACKWARD, FORWARD

if TYPE_CHECKING:
    from course_utils.explorers.residual.experiment import ResidualMeasurement


class ResidualFigure:
    """A live figure of one step a block over two curves, on one axis of blocks.

    Parameters
    ----------
    dpi
        Pixels an inch; the figure is 10 inches wide.
    """

    def __init__(self, *, dpi: int = 200) -> None:
        with matplotlib.rc_context(MATPLOTLIB_DEFAULTS):
            self._build(dpi)

    def _build(self, dpi: int) -> None:
        self.figure = Figure(figsize=(10, 5.2), dpi=dpi)
        self.steps = self.figure.add_axes((0.075, 0.695, 0.91, 0.225))
        self.steps.set(ylim=(0, 1.1), xticks=[], yticks=[0, 0.5, 1], ylabel="share")
        self.steps.tick_params(labelsize=8)
        for side in ("top", "right"):
            self.steps.spines[side].set_visible(False)
        (self.shares,) = self.steps.fill([0], [0], color="0.75", lw=0)
        self.rule = self.figure.text(0.03, 0.96, "", fontsize=11, va="center")
        note = "below: what each block adds, as a share of what the stream then holds"
        self.figure.text(0.985, 0.96, note, fontsize=8, color="0.35", va="center", ha="right")
        self.along_depth = DepthCurves(
            self.figure.add_axes((0.075, 0.09, 0.91, 0.505)),
            labels=("stream x, going up →", "← gradient ∂L/∂x, coming down"),
            ylabel="root mean square",
            legend_at=(0.985, 0.635),
        )
        axes = self.along_depth.ax
        axes.set_xlabel("after block")
        self.live = LiveFigure(
            self.figure,
            moving=[self.shares, self.rule, *self.along_depth.curves.values()],
            settled=[axes.xaxis, axes.yaxis],
            colors=[FORWARD, BACKWARD],
        )

    def png(self, measurement: ResidualMeasurement, rule: str) -> bytes:
        """Draw a measurement and return the picture as PNG bytes.

        Parameters
        ----------
        measurement
            What to draw; the sizes after the stem are left out.
        rule
            What a block computes, to be written above.
        """
        m = measurement
        names = ("signal", "gradient", "predicted_signal", "predicted_gradient")
        blocks = replace(m, **{name: getattr(m, name)[1:] for name in names})
        with matplotlib.rc_context(MATPLOTLIB_DEFAULTS), self.live.painting() as trusted:
            if self.along_depth.show(blocks, trusted=trusted):
                self.steps.set_xlim(self.along_depth.ax.get_xlim())
                self.live.unsettle()
            self.shares.set_xy(_steps(m.share))
            self.rule.set_text(rule)
            return self.live.png()


def _steps(heights: np.ndarray) -> np.ndarray:
    """Return the outline of one bar a block, ``(4 · depth, 2)``; a tenth between bars is free."""
    middle = np.arange(1, len(heights) + 1)
    x = np.column_stack([middle - 0.45, middle - 0.45, middle + 0.45, middle + 0.45])
    y = np.column_stack([0 * heights, heights, heights, 0 * heights]) + 0.012  # above the spine
    return np.column_stack([x.ravel(), y.ravel()])
