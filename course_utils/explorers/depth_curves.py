"""Signal and gradient along depth, on one log axis, with theory dashed through both."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes

from course_utils.plotting import BACKWARD, FORWARD, THEORY

DECADES = (1, 2, 3, 6, 12, 18, 24, 36, 45)
"""The axis ends at the first of these powers of ten, up and down, that shows everything."""


def draw_depth_curves(
    ax: Axes,
    measurement,
    *,
    labels: tuple[str, str] = ("activations", "gradients"),
    ylabel: str = "std",
    legend_at: tuple[float, float],
    first: int = 1,
) -> None:
    """Draw the four curves of a measurement.

    Parameters
    ----------
    ax
        Where to draw; the legend goes onto its figure.
    measurement
        Anything with ``signal``, ``gradient``, ``predicted_signal`` and ``predicted_gradient``,
        each ``(depth,)``; what is not finite or not above 0 is a gap.
    labels
        Names of the two measured curves, the signal's first.
    ylabel
        What is measured.
    legend_at
        The middle of the legend's right end, in the figure's coordinates.
    first
        The first level that has a place on the axis: 1, or 0 to leave room for the input.
    """
    ax.set(yscale="log", xlabel="layer", ylabel=ylabel)
    ax.minorticks_off()
    ax.grid(True, color="0.9", lw=0.8)
    ax.tick_params(labelsize=8)
    measured = {"marker": "o", "markersize": 4.5, "lw": 1.6}
    theory = {"color": THEORY, "ls": "--", "lw": 1.2, "dashes": (4, 2)}
    looks = {
        "signal": {"color": FORWARD, "label": labels[0], **measured},
        "gradient": {"color": BACKWARD, "label": labels[1], **measured},
        "predicted_signal": {"label": "theory", **theory},
        "predicted_gradient": theory,
    }
    decades = [0.0]
    for name, look in looks.items():
        values = np.asarray(getattr(measurement, name), dtype=float)
        values = np.where(np.isfinite(values) & (values > 0), values, np.nan)
        ax.plot(np.arange(1, len(values) + 1), values, **look)
        decades.extend(np.log10(values[~np.isnan(values)]))
    _limit(ax, len(values), first, _enough(-min(decades)), _enough(max(decades)))
    ax.figure.legend(
        loc="center right",
        bbox_to_anchor=legend_at,
        ncols=3,
        fontsize=9,
        frameon=False,
        borderpad=0,
    )


def _limit(ax: Axes, depth: int, first: int, down: int, up: int) -> None:
    step = -(-(down + up) // 7)
    exponents = np.arange(-down - -down % step, up + 1, step)
    ax.set_yticks(10.0 ** exponents[exponents >= -down], minor=False)
    ax.set_ylim(0.7 * 10.0**-down, 10.0**up / 0.7)
    ax.set_xlim(first - 0.5, max(depth, 2) + 0.5)
    ax.set_xticks(round_layers(depth, 10))


def round_layers(depth: int, most: int) -> list[int]:
    """Return at most ``most`` layers of ``depth``: all, or the first and each fifth, or tenth."""
    if depth <= most:
        return [*range(1, depth + 1)]
    steps = (step for step in (5, 10, 20, 50, 100, 200, 500, 1000) if depth // step < most)
    step = next(steps, depth)
    return [1, *range(step, depth + 1, step)]


def _enough(decades: float) -> int:
    return next((n for n in DECADES if n >= decades), DECADES[-1])
