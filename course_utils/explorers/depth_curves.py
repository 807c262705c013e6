"""Signal and gradient along depth, on one log axis, with theory dashed through both."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes

from course_utils.plotting import BACKWARD, FORWARD, THEORY

DECADES = (1, 2, 3, 6, 12, 18, 24, 36, 45)
"""The axis ends at the first of these powers of ten, up and down, that shows everything."""


class DepthCurves:
    """The curves of a live figure, and an axis that changes only when it must.

    Parameters
    ----------
    ax
        Where to draw; the legend goes onto its figure.
    labels
        Names of the two measured curves, the signal's first.
    ylabel
        What is measured.
    legend_at
        The middle of the legend's right end, in the figure's coordinates.
    first
        The first level that has a place on the axis: 1, or 0 to leave room for the input.
    most_ticks
        So many layers at most get a number on the axis.

    Attributes
    ----------
    curves
        The four lines: signal, gradient, predicted_signal, predicted_gradient.
    """

    def __init__(
        self,
        ax: Axes,
        *,
        labels: tuple[str, str] = ("activations", "gradients"),
        ylabel: str = "std",
        legend_at: tuple[float, float],
        first: int = 1,
        most_ticks: int = 10,
    ) -> None:
        self.ax, self.first, self.most_ticks = ax, first, most_ticks
        self._limits: tuple = ()
        ax.set(yscale="log", xlabel="layer", ylabel=ylabel)
        ax.minorticks_off()
        ax.grid(True, color="0.9", lw=0.8)
        ax.tick_params(labelsize=8)
        measured = {"marker": "o", "markersize": 4.5, "lw": 1.6}
        theory = {"color": THEORY, "ls": "--", "lw": 1.2, "dashes": (4, 2)}
        self.curves = {
            "signal": ax.plot([], [], color=FORWARD, label=labels[0], **measured)[0],
            "gradient": ax.plot([], [], color=BACKWARD, label=labels[1], **measured)[0],
            "predicted_signal": ax.plot([], [], label="theory", **theory)[0],
            "predicted_gradient": ax.plot([], [], **theory)[0],
        }
        ax.figure.legend(
            handles=[*self.curves.values()][:3],
            loc="center right",
            bbox_to_anchor=legend_at,
            ncols=3,
            fontsize=9,
            frameon=False,
            borderpad=0,
        )

    def show(self, measurement, *, trusted: bool = True) -> bool:
        """Show a measurement; return whether the axes changed, so that they must be drawn again.

        Parameters
        ----------
        measurement
            Anything with ``signal``, ``gradient``, ``predicted_signal`` and
            ``predicted_gradient``, each ``(depth,)``; what is not finite or not above 0 is a gap.
        trusted
            Whether the axes are as the last call left them; if not, they are set again.
        """
        decades = [0.0]
        for name, curve in self.curves.items():
            values = np.asarray(getattr(measurement, name), dtype=float)
            values = np.where(np.isfinite(values) & (values > 0), values, np.nan)
            curve.set_data(np.arange(1, len(values) + 1), values)
            decades.extend(np.log10(values[~np.isnan(values)]))
        limits = (len(values), _enough(-min(decades)), _enough(max(decades)))
        if trusted and limits == self._limits:
            return False
        self._limits = limits
        self._limit_axes(*limits)
        return True

    def _limit_axes(self, depth: int, down: int, up: int) -> None:
        step = -(-(down + up) // 7)
        exponents = np.arange(-down - -down % step, up + 1, step)
        self.ax.set_yticks(10.0 ** exponents[exponents >= -down], minor=False)
        self.ax.set_ylim(0.7 * 10.0**-down, 10.0**up / 0.7)
        self.ax.set_xlim(self.first - 0.5, max(depth, 2) + 0.5)
        self.ax.set_xticks(round_layers(depth, self.most_ticks))


def round_layers(depth: int, most: int) -> list[int]:
    """Return at most ``most`` layers of ``depth``: all, or the first and each fifth, or tenth."""
    if depth <= most:
        return [*range(1, depth + 1)]
    steps = (step for step in (5, 10, 20, 50, 100, 200, 500, 1000) if depth // step < most)
    step = next(steps, depth)
    return [1, *range(step, depth + 1, step)]


def _enough(decades: float) -> int:
    return next((n for n in DECADES if n >= decades), DECADES[-1])
