"""The activation explorer's settings, with their limits, and the experiment behind them.

The random numbers are drawn once and kept ("common random numbers"): a new std rescales the same
draw, and a new depth cuts or extends the same stack, so that pictures of neighbouring settings
differ only by what was changed.
"""

from __future__ import annotations

import math
from contextlib import nullcontext
from dataclasses import dataclass

import numpy as np
import torch

from course_utils import theory
from course_utils.data import as_images
from course_utils.generators import seeded
from course_utils.networks import from_weights, one_thread, ordinary_torch
from course_utils.probes import Probe, contrast, fraction_saturated

MAX_DEPTH = 50
LARGE = 2_000_000
"""Weights from which two threads save more than they cost where something else computes too."""
DISTRIBUTIONS = ("normal", "uniform")
INPUTS = ("images", "noise")
HISTOGRAM_RANGES = {
    "linear": (-3.0, 3.0),
    "tanh": (-1.0, 1.0),
    "sigmoid": (0.0, 1.0),
    "relu": (0.0, 3.0),
    "leaky_relu": (-1.0, 3.0),
    "elu": (-1.0, 3.0),
    "selu": (-2.0, 3.0),
    "gelu": (-1.0, 3.0),
    "silu": (-1.0, 3.0),
}
TWO_FLAT_ENDS = ("tanh", "sigmoid")
"""Activations that can saturate: rectifiers have no two flat ends between which a unit lives."""


@dataclass(frozen=True)
class ActivationSetting:
    """What the explorer's controls say.

    Attributes
    ----------
    std
        Standard deviation of every weight, in every layer; 0 or more.
    depth
        Number of layers, 1 to :data:`MAX_DEPTH`.
    width
        Units per layer.
    activation
        A key of :data:`course_utils.networks.ACTIVATIONS`, applied after every layer.
    distribution
        ``"normal"``, or ``"uniform"`` on (−√3 std, √3 std), which has the same std.
    source
        ``"images"``, or ``"noise"``: unit Gaussian noise with as many images and pixels.
    """

    std: float = 0.05
    depth: int = 10
    width: int = 256
    activation: str = "tanh"
    distribution: str = "normal"
    source: str = "images"


@dataclass(frozen=True)
class ActivationMeasurement:
    """What flowed through the network of one :class:`ActivationSetting`.

    Attributes
    ----------
    setting
        The setting that was measured.
    signal, gradient
        Std of the activations, and of the loss's gradient by the pre-activations, ``(depth,)``.
    predicted_signal, predicted_gradient
        The same from :mod:`course_utils.theory`, which knows only the size of the input,
        ``(depth,)``.
    contrast
        Share of the last layer's std that comes from the inputs being different, 0 to 1: near 0
        every input ends in the same activations.
    saturated
        Share of the last layer's activations at the flat ends of their curve, 0 to 1.
    layers
        Which layers the histograms show, counted from 1, ``(n_shown,)``.
    counts, edges
        Histograms of the activations of these layers, ``(n_shown, n_bins)`` and ``(n_bins + 1,)``;
        the outer bins also hold what lies outside.
    """

    setting: ActivationSetting
    signal: np.ndarray
    gradient: np.ndarray
    predicted_signal: np.ndarray
    predicted_gradient: np.ndarray
    contrast: float
    saturated: float
    layers: np.ndarray
    counts: np.ndarray
    edges: np.ndarray


class SignalPath:
    """Random networks over one draw of random numbers, fed with the same inputs.

    Parameters
    ----------
    images
        Input images ``(n_images, n_pixels)``, pixels in [0, 1]: a tensor, an array or lists.
    seed
        Of the weights, the noise and the gradient that enters at the top.
    bins, panels
        Histogram bins, and how many layers get a histogram.
    """

    @ordinary_torch()
    def __init__(
        self, images: torch.Tensor, *, seed: int = 0, bins: int = 60, panels: int = 10
    ) -> None:
        images = as_images(images).detach().cpu()
        if images.ndim != 2 or len(images) == 0:
            raise ValueError(
                f"images must have shape (n_images, n_pixels), got {tuple(images.shape)}: "
                "try data.train_images[:256]"
            )
        self.seed, self.bins, self.panels = seed, bins, panels
        generator = seeded(seed)
        self.inputs = {
            "images": images,
            "noise": torch.randn(images.shape, generator=generator),
        }
        self._draws: dict[tuple[int, str], list[torch.Tensor]] = {}

    @ordinary_torch()
    def measure(self, setting: ActivationSetting) -> ActivationMeasurement:
        """Run one forward and one backward pass, and compare them with theory.

        The loss is the sum of the last activations, each times a fixed N(0, 1) number: a
        gradient of size 1 enters at the top, as if from layers above. Small networks run on one
        thread, those of :data:`LARGE` many weights and more on all that torch has.
        """
        large = setting.depth * setting.width**2 >= LARGE
        with nullcontext() if large else one_thread():
            return self._measure(setting)

    def _measure(self, setting: ActivationSetting) -> ActivationMeasurement:
        draws = self._unit_draws(setting)[: setting.depth]
        network = from_weights([draw * setting.std for draw in draws], setting.activation)
        inputs = self.inputs[setting.source]
        top = self._top_gradient(setting.width)
        with Probe(network) as probe:
            output = network(inputs.detach().requires_grad_())
            (output * top).sum().backward()
        layers = np.unique(np.linspace(1, setting.depth, self.panels).round().astype(int))
        low, high = HISTOGRAM_RANGES[setting.activation]
        counts, edges = probe.histograms(
            "activation", bins=self.bins, low=low, high=high, layers=list(layers - 1)
        )
        saturated = 0.0
        if setting.activation in TWO_FLAT_ENDS:
            saturated = fraction_saturated(network[-1], probe.values("pre_activation")[-1])
        predicted_signal, predicted_gradient = predict(setting, inputs)
        return ActivationMeasurement(
            setting=setting,
            signal=probe.stds("activation"),
            gradient=probe.stds("gradient"),
            predicted_signal=predicted_signal,
            predicted_gradient=predicted_gradient,
            contrast=contrast(probe.values("activation")[-1]),
            saturated=saturated,
            layers=layers,
            counts=np.asarray(counts),
            edges=np.asarray(edges),
        )

    def _unit_draws(self, setting: ActivationSetting) -> list[torch.Tensor]:
        """Weights of mean 0 and std 1 per layer; the uniform ones are the normal ones, bent."""
        key = (setting.width, setting.distribution)
        if key not in self._draws:
            generator = seeded(self.seed + 1)
            n_pixels = self.inputs["images"].shape[1]
            fans = [n_pixels] + [setting.width] * (MAX_DEPTH - 1)
            draws = [torch.randn(setting.width, fan_in, generator=generator) for fan_in in fans]
            if setting.distribution == "uniform":
                draws = [math.sqrt(3) * torch.erf(draw / math.sqrt(2)) for draw in draws]
            self._draws[key] = draws
        return self._draws[key]

    def _top_gradient(self, width: int) -> torch.Tensor:
        generator = seeded(self.seed + 2)
        return torch.randn(len(self.inputs["images"]), width, generator=generator)


def predict(setting: ActivationSetting, inputs: torch.Tensor) -> tuple[np.ndarray, np.ndarray]:
    """Predict the std of activations and gradients per layer from the size of the inputs alone.

    Parameters
    ----------
    setting
        The network.
    inputs
        ``(n_images, n_pixels)``; only the mean of their squared lengths is used.

    Returns
    -------
    signal, gradient : numpy.ndarray
        Both ``(depth,)``.
    """
    activation, sigma_w = setting.activation, setting.std * math.sqrt(setting.width)
    q_first = setting.std**2 * float(inputs.square().sum(dim=1).mean())
    q = theory.variance_path(q_first, setting.depth, sigma_w, 0.0, activation)
    mean = theory.activation_mean(q, activation)
    variance = theory.activation_mean_square(q, activation) - mean**2
    top = theory.gradient_map(q[-1], 1.0, activation)
    gradient = top * theory.gradient_path(q, sigma_w, activation)
    return np.sqrt(np.maximum(variance, 0)), np.sqrt(gradient)
