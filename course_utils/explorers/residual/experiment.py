"""The settings of the residual explorer, with their limits, and its experiment: a stack of blocks.

The weights are drawn once and kept: another scale multiplies the same branches, another depth cuts
the same stack, so that pictures of neighbouring settings differ only by what was changed. A branch
is ReLU and one linear layer, behind a normalization if there is one.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch

from course_utils.data import as_images
from course_utils.generators import seeded
from course_utils.initializers import start_
from course_utils.networks import ResidualNetwork, one_thread, ordinary_torch, residual_mlp
from course_utils.probes import measure_stream
from course_utils.theory import Stack, stream_gradient_path, stream_path

MAX_DEPTH, MAX_SCALE = 50, 3.0
NORMALIZATION_CHOICES = {"none": None, "layer": "layer", "batch": "batch"}
"""What the control says → what :func:`course_utils.networks.residual_mlp` takes."""

START_CHOICES = {
    "he": "He",
    "fixup": "last layers zero (Fixup)",
    "rezero": "scales zero (ReZero)",
}
"""A start of :func:`course_utils.initializers.start_` → its name for readers."""


@dataclass(frozen=True)
class ResidualSetting:
    """What the residual explorer's controls say.

    Attributes
    ----------
    depth
        Number of blocks, 1 to :data:`MAX_DEPTH`.
    scale
        The factor s of every branch, 0 to :data:`MAX_SCALE`; ReZero starts at 0 instead.
    normalization
        A key of :data:`NORMALIZATION_CHOICES`, at the beginning of each branch.
    start
        A key of :data:`START_CHOICES`.
    """

    depth: int = 20
    scale: float = 1.0
    normalization: str = "none"
    start: str = "he"

    @property
    def silent(self) -> bool:
        """Whether no branch adds anything."""
        return self.start != "he" or self.scale == 0

    @property
    def stack(self) -> Stack:
        """The same for the theory."""
        scale = 0.0 if self.silent else self.scale
        return Stack(self.depth, scale, 1, NORMALIZATION_CHOICES[self.normalization])


@dataclass(frozen=True)
class ResidualMeasurement:
    """What flowed along the stream of one :class:`ResidualSetting`.

    Attributes
    ----------
    setting
        The setting that was measured.
    signal, gradient
        Root mean square of the stream x and of ∂L/∂x, after the stem and after each block,
        ``(depth + 1,)``.
    predicted_signal, predicted_gradient
        The same from :mod:`course_utils.theory.residual`, which knows the size of the stream after
        the stem and of the gradient at the top, ``(depth + 1,)``.
    share
        Root mean square of what each block added, over that of the stream after it, ``(depth,)``.
    """

    setting: ResidualSetting
    signal: np.ndarray
    gradient: np.ndarray
    predicted_signal: np.ndarray
    predicted_gradient: np.ndarray
    share: np.ndarray


class ResidualPath:
    """Residual stacks over one draw of weights, fed with the same images.

    The images are multiplied by one number, so that their mean square is 1. The gradient that
    enters at the top of the stream is N(0, 1) noise.

    Parameters
    ----------
    images
        ``(n_images, n_pixels)``, at least 2: a tensor, an array or lists.
    width
        Numbers in the stream.
    seed
        Of the weights and of the gradient.

    Raises
    ------
    ValueError
        If there are no two images, or if all pixels are 0 or one is not finite.
    """

    @ordinary_torch()
    def __init__(self, images: torch.Tensor, *, width: int = 128, seed: int = 0) -> None:
        images = as_images(images).detach().cpu()
        if images.ndim != 2 or len(images) < 2:
            raise ValueError(
                f"images must have shape (n_images, n_pixels), n_images from 2, got "
                f"{tuple(images.shape)}: try data.train_images[:256]"
            )
        size = float(images.square().mean().sqrt())
        if not 0 < size < float("inf"):
            raise ValueError(f"the root mean square of the images is {size}: it must be above 0")
        self.inputs, self.width, self.seed = images / size, width, seed
        self._networks: dict[tuple[str, str], ResidualNetwork] = {}

    @ordinary_torch()
    def measure(self, setting: ResidualSetting) -> ResidualMeasurement:
        """Run one forward and one backward pass, on one thread, and compare them with theory."""
        with one_thread():
            network = self._network(setting)
            m = measure_stream(network, self.inputs, seed=self.seed)
            stem = network.stem(self.inputs)  # (n_images, width)
        sizes = {"v_first": float(m.signal[0] ** 2)}
        if setting.normalization == "batch":
            sizes["v_first"] = stem.var(dim=0, correction=0).double().numpy()  # (width,)
        return ResidualMeasurement(
            setting,
            m.signal,
            m.gradient,
            np.sqrt(stream_path(setting.stack, float(m.signal[0] ** 2))),
            m.gradient[-1] * np.sqrt(stream_gradient_path(setting.stack, **sizes)),
            m.added / m.signal[1:],
        )

    def _network(self, setting: ResidualSetting) -> ResidualNetwork:
        key = (setting.normalization, setting.start)
        if key not in self._networks:
            with torch.random.fork_rng(devices=[]):  # torch draws weights of its own first
                network = residual_mlp(
                    [self.inputs.shape[1], self.width, 1],
                    MAX_DEPTH,
                    normalization=NORMALIZATION_CHOICES[setting.normalization],
                )
            generator = seeded(self.seed)
            start_(network, setting.start, generator=generator)
            self._networks[key] = network.requires_grad_(False)
        whole = self._networks[key]
        if setting.start != "rezero":
            for block in whole.blocks:
                block.scale = setting.scale
        return ResidualNetwork(whole.stem, whole.blocks[: setting.depth], whole.head)


def residual_verdict(measurement: ResidualMeasurement) -> str:
    """Say what the blocks do to signal and gradient, why, and what was measured."""
    m, s = measurement, measurement.setting
    up, down = (_becomes(path) for path in (m.signal, m.gradient[::-1]))
    blocks = "1 block" if s.depth == 1 else f"{s.depth} blocks"
    words = f"{_law(s)} Measured over {blocks}: going up, the signal {up}; "
    words += f"coming down, the gradient {down}."
    measured = np.concatenate([m.signal, m.gradient])
    predicted = np.concatenate([m.predicted_signal, m.predicted_gradient])
    astray = np.exp(np.abs(np.log(measured / predicted)).max())
    if astray > 1.5:
        words += " Theory speaks of very wide layers and independent images: this draw strays from "
        words += f"it by a factor of up to {astray:.2g}."
    return words


def _law(setting: ResidualSetting) -> str:
    """Say what theory knows of the sizes, which are root mean squares."""
    if setting.silent:
        how = {
            "he": "The scale is 0",
            "fixup": "The last layer of every branch begins at zero",
            "rezero": "The scale of every branch is learned and begins at 0 (not at the slider's)",
        }[setting.start]
        return (
            f"{how}: every block hands on what it gets, and signal and gradient stay as they are."
        )
    if setting.normalization == "none":
        return _growth(setting)
    law = (
        f"Behind the {setting.normalization} norm every branch adds equally much, however large "
        "the stream is: the signal grows more and more slowly, and later blocks matter less and "
        "less."
    )
    if setting.normalization == "batch":
        return law + " The gradient, coming down, grows more than the signal."
    return law + " The gradient, coming down, grows by as much in all."


def _growth(setting: ResidualSetting) -> str:
    """Say how soon blocks without a normalization double signal and gradient."""
    block = math.sqrt(1 + setting.scale**2)  # what one block multiplies both by
    whole, depth = block**setting.depth, setting.depth
    blocks = math.log(2) / math.log(block) if block > 1 else math.inf  # for a factor of two
    if depth >= 5 and abs(setting.scale**2 * depth - 1) < 0.05:
        return (
            f"All {depth} blocks together make signal and gradient only {whole:.2g} times as "
            "large: with s = 1/√depth that hardly depends on the depth."
        )
    if 1.1 <= blocks <= depth:
        return (
            f"The signal doubles about every {blocks:.2g} blocks on its way up, and so does the "
            "gradient on its way down."
        )
    if block > 1.1:
        return (
            f"Every block makes the signal {block:.2g} times as large on its way up, and the "
            "gradient on its way down."
        )
    size = "keep their size" if whole < 1.05 else f"become only {whole:.2g} times as large"
    return f"A branch adds so little that over all blocks together signal and gradient {size}."


def _becomes(path: np.ndarray) -> str:
    """Say what became of the first value of a path in its last."""
    factor = float(path[-1] / path[0])
    if abs(math.log(factor)) < math.log(1.05):
        return "keeps its size"
    if factor < 1:
        return f"shrinks to {100 * factor:.2g} % of its size"
    if factor > 1e15:
        return f"is multiplied by a number of {len(f'{factor:.0f}')} digits"
    return f"becomes {_in_words(factor)} times as large"


def _in_words(factor: float) -> str:
    """Write a factor in two digits: 1.4, 950, 34,000, 34 million."""
    factor = float(f"{factor:.2g}")
    sizes = {" trillion": 1e12, " billion": 1e9, " million": 1e6, "": 0.0}
    name, size = next((name, size) for name, size in sizes.items() if factor >= size)
    return f"{factor / (size or 1):,.12g}{name}"
