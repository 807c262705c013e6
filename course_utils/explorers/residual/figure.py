"""The picture of the residual explorer, as it is stored for readers without a kernel."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import matplotlib
import numpy as np
from matplotlib.figure import Figure

from course_utils.explorers.depth_curves import draw_depth_curves
from course_utils.explorers.still import MATPLOTLIB_DEFAULTS, as_png

if TYPE_CHECKING:
    from course_utils.explorers.residual.experiment import ResidualMeasurement, ResidualSetting

CURVES = ("signal", "gradient", "predicted_signal", "predicted_gradient")


def draw(measurement: ResidualMeasurement, *, dpi: int = 200) -> bytes:
    """Draw :func:`figure_of` a measurement as PNG bytes."""
    return as_png(figure_of(measurement, dpi=dpi))


def figure_of(measurement: ResidualMeasurement, *, dpi: int) -> Figure:
    """Draw a bar a block over two curves, on one axis of blocks.

    Parameters
    ----------
    measurement
        What to draw; the sizes after the stem are left out.
    dpi
        Pixels an inch; the figure is 10 inches wide.
    """
    m = measurement
    with matplotlib.rc_context(MATPLOTLIB_DEFAULTS):
        figure = Figure(figsize=(10, 5.2), dpi=dpi)
        figure.text(0.03, 0.96, rule_of(m.setting), fontsize=11, va="center")
        note = "below: what each block adds, as a share of what the stream then holds"
        figure.text(0.985, 0.96, note, fontsize=8, color="0.35", va="center", ha="right")
        along_depth = figure.add_axes((0.075, 0.09, 0.91, 0.505))
        draw_depth_curves(
            along_depth,
            replace(m, **{name: getattr(m, name)[1:] for name in CURVES}),
            labels=("stream x, going up →", "← gradient ∂L/∂x, coming down"),
            ylabel="root mean square",
            legend_at=(0.985, 0.635),
        )
        along_depth.set_xlabel("after block")
        shares = figure.add_axes((0.075, 0.695, 0.91, 0.225))
        shares.bar(np.arange(1, len(m.share) + 1), m.share, width=0.9, color="0.55")
        shares.set(ylim=(0, 1.1), xticks=[], yticks=[0, 0.5, 1], ylabel="share")
        shares.set_xlim(along_depth.get_xlim())
        shares.tick_params(labelsize=8)
        for side in ("top", "right"):
            shares.spines[side].set_visible(False)
        return figure


def rule_of(setting: ResidualSetting) -> str:
    """Write what a block computes: ``x + 0.3 · W relu(layer norm(x))``."""
    read = "x" if setting.normalization == "none" else f"{setting.normalization} norm(x)"
    scale = 0.0 if setting.start == "rezero" else setting.scale
    weights = "0" if setting.start == "fixup" else "W"
    return f"x + {scale:.3g} · {weights} relu({read})"
