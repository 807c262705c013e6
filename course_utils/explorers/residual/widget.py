"""The controls of the residual explorer: depth, branch scale, normalization, start."""

from __future__ import annotations

import math

import ipywidgets as w
import torch

from course_utils.explorers.base import (
    Explorer,
    Look,
    corrected_choice,
    corrected_number,
    corrected_whole,
)
from course_utils.explorers.residual.experiment import (
    MAX_DEPTH,
    MAX_SCALE,
    NORMALIZATION_CHOICES,
    START_CHOICES,
    ResidualPath,
    ResidualSetting,
    residual_verdict,
)
from course_utils.explorers.residual.figure import ResidualFigure

SCALE_STEPS = (-100, 24)
"""Where the slider of the scale ends, in fiftieths of a power of ten: 0.01 and 3.0."""

JUMPS = {"1": lambda depth: 1.0, "1/√depth": lambda depth: 1 / math.sqrt(depth)}
"""Button → the scale that it sets for a stack of ``depth`` blocks."""

CHOICES = {"normalization": NORMALIZATION_CHOICES, "start": START_CHOICES}
"""Field of the setting → what can be chosen there."""


class ResidualExplorer(Explorer):
    """Move depth and branch scale of a residual stack; see stream and gradient follow, and theory.

    Parameters
    ----------
    images
        Real input images ``(n_images, n_pixels)``, as a tensor, an array or lists; 256 of them are
        plenty.
    width
        Numbers in the stream.
    seed
        Of the weights and the gradient; the same draw is cut and rescaled as the sliders move.
    **setting
        The state at the start: fields of :class:`ResidualSetting`.

    Examples
    --------
    >>> explorer = ResidualExplorer(data.train_images[:256], depth=50, scale=1.0)
    >>> explorer.set(normalization="layer")
    >>> print(explorer.readout())
    """

    def __init__(self, images: torch.Tensor, *, width: int = 128, seed: int = 0, **setting) -> None:
        self.path = ResidualPath(images, width=width, seed=seed)
        self.drawing = ResidualFigure()
        super().__init__(ResidualSetting(), "residual-explorer", "residual")
        self.set(**setting)

    def readout(self) -> str:
        """State the stack and what is left of signal and gradient, in two significant digits."""
        m, s = self.measurement, self.setting
        return (
            f"depth {s.depth}, {_rule(s)}, start: {START_CHOICES[s.start]}: "
            f"signal {m.signal[0]:.2g} after the stem, {m.signal[-1]:.2g} at the top; "
            f"gradient {m.gradient[-1]:.2g} at the top, {m.gradient[0]:.2g} after the stem"
        )

    def _rows(self) -> list[list[w.Widget]]:
        depth = self._whole_number("depth", "depth", 1, MAX_DEPTH)
        scale = self._log_number("scale", "scale s", *SCALE_STEPS)
        starts = [(label, name) for name, label in START_CHOICES.items()]
        self.choices = {
            "normalization": self._choice(
                "normalization", "norm", [*NORMALIZATION_CHOICES], "200px"
            ),
            "start": self._choice("start", "start", starts, "270px"),
        }
        jumps = self._jumps("scale", "Jump to the scale", JUMPS, of="depth")
        return [[depth, scale], [*self.choices.values(), *jumps]]

    def _corrected(self, name: str, value, previous) -> tuple:
        if name == "depth":
            return corrected_whole(value, previous, 1, MAX_DEPTH, "depth")
        if name == "scale":
            return corrected_number(value, previous, 0.0, MAX_SCALE, "scale")
        return corrected_choice(value, previous, CHOICES[name], name)

    def _look(self) -> Look:
        m = self.path.measure(self.setting)
        return Look(self.drawing.png(m, _rule(self.setting)), residual_verdict(m), m)


def _rule(setting: ResidualSetting) -> str:
    """Write what a block computes: ``x + 0.3 · W relu(layer norm(x))``."""
    read = "x" if setting.normalization == "none" else f"{setting.normalization} norm(x)"
    scale = 0.0 if setting.start == "rezero" else setting.scale
    weights = "0" if setting.start == "fixup" else "W"
    return f"x + {scale:.3g} · {weights} relu({read})"
