"""The controls of the residual explorer: depth, branch scale, normalization, start."""

from __future__ import annotations

import math
from dataclasses import replace

import torch

from course_utils.explorers.base import Explorer, Look, Table
from course_utils.explorers.controls import (
    STEPS_PER_DECADE,
    Choice,
    Jumps,
    log_number,
    whole_number,
)
from course_utils.explorers.residual.experiment import (
    MAX_DEPTH,
    MAX_SCALE,
    NORMALIZATION_CHOICES,
    START_CHOICES,
    ResidualMeasurement,
    ResidualPath,
    ResidualSetting,
    residual_verdict,
)
from course_utils.explorers.residual.figure import CURVES, draw, rule_of
from course_utils.explorers.values import corrected_choice, corrected_number, corrected_whole
from course_utils.explorers.verdict import plainly

LABEL = "Explorer: the stream of a residual network"
SCALE_STEPS = (-100, 24)
"""Where the slider of the scale ends, in fiftieths of a power of ten: 0.01 and 3.0."""

JUMPS = {"1": lambda depth: 1.0, "1/√depth": lambda depth: 1 / math.sqrt(depth)}
"""Button → the scale that it sets for a stack of ``depth`` blocks."""

CHOICES = {
    "normalization": ("norm", {name: name for name in NORMALIZATION_CHOICES}),
    "start": ("start", START_CHOICES),
}
"""Field of the setting → the label of its list, and what can be chosen there."""


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

    folder, prefix = "residual", "residual"

    def __init__(self, images: torch.Tensor, *, width: int = 128, seed: int = 0, **setting) -> None:
        self.path = ResidualPath(images, width=width, seed=seed)
        super().__init__(ResidualSetting(), LABEL)
        self.set(**setting)

    def readout(self) -> str:
        """State the stack and what is left of signal and gradient, in two significant digits."""
        m, s = self.measurement, self.setting
        return (
            f"depth {s.depth}, {rule_of(s)}, start: {START_CHOICES[s.start]}: "
            f"signal {m.signal[0]:.2g} after the stem, {m.signal[-1]:.2g} at the top; "
            f"gradient {m.gradient[-1]:.2g} at the top, {m.gradient[0]:.2g} after the stem"
        )

    def _rows(self) -> list[list]:
        depth = whole_number("depth", "depth", 1, MAX_DEPTH, "blocks")
        scale = replace(log_number("scale", "scale s", *SCALE_STEPS), at=scale_at)
        choices = [Choice(name, *look) for name, look in CHOICES.items()]
        return [[depth, scale], [*choices, Jumps("scale", "Jump to the scale", JUMPS, of="depth")]]

    def _corrected(self, name: str, value, previous) -> tuple:
        if name == "depth":
            return corrected_whole(value, previous, 1, MAX_DEPTH, "depth")
        if name == "scale":
            return corrected_number(value, previous, 0.0, MAX_SCALE, "scale")
        return corrected_choice(value, previous, CHOICES[name][1], name)

    def _look(self, setting: ResidualSetting) -> Look:
        m = self.path.measure(setting)
        return Look(picture_of(m), residual_verdict(m), in_words(m), table_of(m), m)

    def _still(self) -> bytes:
        return draw(self.measurement)


def scale_at(step: int) -> float:
    """Return the scale at a place of the slider, in fiftieths of a power of ten."""
    return min(10 ** (step / STEPS_PER_DECADE), MAX_SCALE)


def picture_of(measurement: ResidualMeasurement) -> dict:
    """Return what ``picture.js`` draws of a measurement: sizes after each block, not the stem's."""
    m = measurement
    curves = {name: getattr(m, name)[1:] for name in CURVES}
    return {"rule": rule_of(m.setting), "share": m.share, **curves}


def in_words(measurement: ResidualMeasurement) -> str:
    """Say what the picture shows: what the blocks add, then the two curves."""
    m, depth = measurement, measurement.setting.depth
    above = f"{plainly(m.share[0])} by block 1"
    if depth > 1:
        above += f" and {plainly(m.share[-1])} by block {depth}"
    up = [plainly(x) for x in (m.signal[1], m.signal[-1], m.predicted_signal[-1])]
    down = [plainly(x) for x in (m.gradient[-1], m.gradient[1], m.predicted_gradient[1])]
    return (
        f"Each block computes {rule_of(m.setting)}. Bars: what a block adds, as a share of what "
        f"the stream then holds: {above}. Below, on a log axis along the blocks, root mean "
        f"squares: of the stream, going up, {up[0]} after block 1 and {up[1]} after block {depth}, "
        f"where theory expects {up[2]}; of the gradient, coming down, {down[0]} after block "
        f"{depth} and {down[1]} after block 1, where theory expects {down[2]}."
    )


def table_of(measurement: ResidualMeasurement) -> Table:
    """Return shares and root mean squares, measured and from theory: the stem, a row a block."""
    m = measurement
    heads = (
        "after",
        "share added",
        "rms of stream",
        "by theory",
        "rms of gradient",
        "gradient by theory",
    )
    rows = zip(m.signal, m.predicted_signal, m.gradient, m.predicted_gradient, strict=True)
    names = ["stem", *(f"block {block}" for block in range(1, m.setting.depth + 1))]
    shares = ["–", *(f"{share:.3g}" for share in m.share)]
    cells = [
        [name, share, *(f"{x:.3g}" for x in row)]
        for name, share, row in zip(names, shares, rows, strict=True)
    ]
    return Table("The stream after the stem and after each block", heads, cells)
