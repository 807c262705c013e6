"""The controls of the activation explorer: sliders, buttons that jump, what can be chosen."""

from __future__ import annotations

import math

import numpy as np
import torch

from course_utils.explorers.activation.experiment import (
    DISTRIBUTIONS,
    INPUTS,
    MAX_DEPTH,
    ActivationMeasurement,
    ActivationSetting,
    SignalPath,
)
from course_utils.explorers.activation.figure import draw
from course_utils.explorers.base import Explorer, Look, Table
from course_utils.explorers.controls import STD_STEPS, Choice, Jumps, log_number, whole_number
from course_utils.explorers.values import corrected_choice, corrected_number, corrected_whole
from course_utils.explorers.verdict import verdict
from course_utils.networks import ACTIVATIONS
from course_utils.plotting import bar_heights

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

    folder, prefix = "activation", "explorer"

    def __init__(self, images: torch.Tensor, *, seed: int = 0, **setting) -> None:
        self.path = SignalPath(images, seed=seed)
        super().__init__(ActivationSetting(), "Explorer: signal and gradient along depth")
        self.set(**setting)

    def readout(self) -> str:
        """State std, depth and what is left of signal and gradient, in two significant digits."""
        m, s = self.measurement, self.setting
        return (
            f"{s.depth} {s.activation} layers, std {s.std:.3g}: "
            f"signal {m.signal[0]:.2g} at layer 1, {m.signal[-1]:.2g} at layer {s.depth}; "
            f"gradient {m.gradient[-1]:.2g} at layer {s.depth}, {m.gradient[0]:.2g} at layer 1"
        )

    def _rows(self) -> list[list]:
        choices = [
            Choice(name, label, {option: str(option) for option in options})
            for name, (label, options) in CHOICES.items()
        ]
        sliders = [
            log_number("std", "std", *STD_STEPS),
            whole_number("depth", "depth", 1, MAX_DEPTH, "layers"),
        ]
        return [sliders, [*choices, Jumps("std", "Jump to the std of", JUMPS, of="width")]]

    def _corrected(self, name: str, value, previous) -> tuple:
        if name == "std":
            return corrected_number(value, previous, 0.0, 10.0, "std")
        if name == "depth":
            return corrected_whole(value, previous, 1, MAX_DEPTH, "depth")
        return corrected_choice(value, previous, CHOICES[name][1], name)

    def _look(self, setting: ActivationSetting) -> Look:
        m = self.path.measure(setting)
        words = verdict(m.signal, m.gradient, m.contrast, m.saturated)
        return Look(picture_of(m), words, in_words(m), table_of(m), m)

    def _still(self) -> bytes:
        return draw(self.measurement)


CURVES = ("signal", "gradient", "predicted_signal", "predicted_gradient")


def picture_of(measurement: ActivationMeasurement) -> dict:
    """Return what ``picture.js`` draws of a measurement."""
    m = measurement
    return {
        "layers": m.layers,
        "stds": [f"{m.signal[layer - 1]:.2g}" for layer in m.layers],
        "heights": np.round(bar_heights(m.counts), 4),
        "low": m.edges[0],
        "high": m.edges[-1],
        **{name: getattr(m, name) for name in CURVES},
    }


def in_words(measurement: ActivationMeasurement) -> str:
    """Say what the picture shows: the histograms from layer to layer, then the two curves."""
    m, depth = measurement, measurement.setting.depth
    first, last = (_histogram_in_words(m, i) for i in (0, -1))
    shown = f"{len(m.layers)} of {depth} layers" if len(m.layers) < depth else f"{depth} layers"
    return (
        f"Histograms of the activations of {shown}. Layer 1: {first}. Layer {depth}: {last}. "
        "Below, on a log axis along depth, the std of the activations, "
        f"{_size(m.signal[0])} at layer 1 and {_size(m.signal[-1])} at layer {depth}, and of the "
        f"gradients, {_size(m.gradient[-1])} at layer {depth} and {_size(m.gradient[0])} at "
        "layer 1; dashed, what theory expects."
    )


def _size(std: float) -> str:
    return f"{std:.2g}" if math.isfinite(std) else "too large for float32"


def _histogram_in_words(m: ActivationMeasurement, i: int) -> str:
    """Name the middle and the ends of one histogram by the shares of values that lie there."""
    share = m.counts[i] / max(m.counts[i].sum(), 1)  # (n_bins,)
    low, high = m.edges[0], m.edges[-1]
    fullest = int(np.argmax(share))
    where = (m.edges[fullest] + m.edges[fullest + 1]) / 2
    ends = 100 * (share[0] + share[-1])
    words = (
        f"the fullest of {len(share)} bars, near {where:.2g}, holds {100 * share[fullest]:.0f} %"
    )
    return words + (f", {ends:.0f} % at or beyond {low:g} and {high:g}" if ends >= 1 else "")


def table_of(measurement: ActivationMeasurement) -> Table:
    """Return std of activations and gradients, measured and from theory, a row a layer."""
    m = measurement
    heads = ("layer", "std of activations", "by theory", "std of gradients", "gradients by theory")
    rows = zip(m.signal, m.predicted_signal, m.gradient, m.predicted_gradient, strict=True)
    cells = [[f"{layer}", *(f"{x:.3g}" for x in row)] for layer, row in enumerate(rows, start=1)]
    return Table("Std along depth, layer 1 next to the input", heads, cells)
