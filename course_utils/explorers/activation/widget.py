"""The controls of the activation explorer: sliders, buttons that jump, what can be chosen."""

from __future__ import annotations

import math

import ipywidgets as w
import torch

from course_utils.explorers.activation.experiment import (
    DISTRIBUTIONS,
    INPUTS,
    MAX_DEPTH,
    ActivationSetting,
    SignalPath,
)
from course_utils.explorers.activation.figure import ActivationFigure
from course_utils.explorers.base import (
    STD_STEPS,
    Explorer,
    Look,
    corrected_choice,
    corrected_number,
    corrected_whole,
)
from course_utils.explorers.verdict import verdict
from course_utils.networks import ACTIVATIONS

WIDTHS = (64, 128, 256, 512)
CHOICES = {
    "activation": ("activation", ACTIVATIONS),
    "distribution": ("weights", DISTRIBUTIONS),
    "width": ("width", WIDTHS),
    "source": ("input", INPUTS),
}
"""Field of the setting → the label of its control, and what can be chosen there."""

JUMPS = {
    "Zero": lambda width: 0.0,
    "Xavier": lambda width: math.sqrt(2 / (width + width)),
    "He": lambda width: math.sqrt(2 / width),
    "LeCun": lambda width: math.sqrt(1 / width),
    "PyTorch default": lambda width: math.sqrt(1 / (3 * width)),
}
"""Button → the std that the scheme gives to a layer of ``width`` inputs and ``width`` units."""


class ActivationExplorer(Explorer):
    """Move std and depth; see every layer's activations and gradients follow, and theory with them.

    Parameters
    ----------
    images
        Real input images ``(n_images, n_pixels)``, pixels in [0, 1], as a tensor, an array or
        lists; 256 of them are plenty.
    seed
        Of the weights. The same draw is rescaled as the sliders move.
    **setting
        The state at the start: fields of :class:`ActivationSetting`.

    Examples
    --------
    >>> explorer = ActivationExplorer(data.train_images[:256], std=0.05, depth=20)
    >>> explorer.set(activation="relu")
    >>> print(explorer.readout())
    """

    def __init__(self, images: torch.Tensor, *, seed: int = 0, **setting) -> None:
        self.path = SignalPath(images, seed=seed)
        self.drawing = ActivationFigure(panels=self.path.panels, bins=self.path.bins)
        super().__init__(ActivationSetting(), "activation-explorer", "explorer")
        self.set(**setting)

    def readout(self) -> str:
        """State std, depth and what is left of signal and gradient, in two significant digits."""
        m, s = self.measurement, self.setting
        return (
            f"{s.depth} {s.activation} layers, std {s.std:.3g}: "
            f"signal {m.signal[0]:.2g} at layer 1, {m.signal[-1]:.2g} at layer {s.depth}; "
            f"gradient {m.gradient[-1]:.2g} at layer {s.depth}, {m.gradient[0]:.2g} at layer 1"
        )

    def _rows(self) -> list[list[w.Widget]]:
        std = self._log_number("std", "std", *STD_STEPS)
        self.std_slider, self.std_text = std.children
        depth = self._whole_number("depth", "depth", 1, MAX_DEPTH)
        self.depth_slider, self.depth_text = depth.children
        self.choices = {
            name: self._choice(name, label, list(options), "200px")
            for name, (label, options) in CHOICES.items()
        }
        jumps = self._jumps("std", "Jump to the std of", JUMPS, of="width")
        return [[std, depth], [*self.choices.values()], jumps]

    def _corrected(self, name: str, value, previous) -> tuple:
        if name == "std":
            return corrected_number(value, previous, 0.0, 10.0, "std")
        if name == "depth":
            return corrected_whole(value, previous, 1, MAX_DEPTH, "depth")
        return corrected_choice(value, previous, CHOICES[name][1], name)

    def _look(self) -> Look:
        m = self.path.measure(self.setting)
        words = verdict(m.signal, m.gradient, m.contrast, m.saturated)
        return Look(self.drawing.png(m), words, m)
