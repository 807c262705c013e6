"""The funnel explorer's settings, with their limits: layers whose widths go to and fro.

A layer from n_in to n_out units multiplies the mean square of the signal by n_in Var(W) on the way
up, and that of the gradient by n_out Var(W) on the way down (linear units). Where n_in and n_out
differ, no Var(W) makes both factors 1. The random numbers are drawn once and kept: another width
cuts another corner out of the same draw, and another rule rescales it, so that pictures of
neighbouring settings differ only by what was changed.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from course_utils import theory
from course_utils.explorers.verdict import amount
from course_utils.generators import seeded
from course_utils.networks import from_weights, one_thread, ordinary_torch
from course_utils.probes import Probe

MIN_WIDTH, MAX_WIDTH, MIN_DEPTH, MAX_DEPTH = 16, 800, 2, 30
N_INPUTS = 64
GAINS = {"linear": 1.0, "tanh": 1.0, "relu": 2.0}
"""Activation → what every rule is multiplied by: ReLU halves the mean square, so its is doubled."""


@dataclass(frozen=True)
class Rule:
    """A rule for Var(W): its formula in words, what it is for, and the formula itself."""

    formula: str
    purpose: str
    variance: Callable[[int, int], float]


RULES = {
    "fan_in": Rule("1/n_in", "keeps the signal", lambda n_in, n_out: 1 / n_in),
    "fan_out": Rule("1/n_out", "keeps the gradient", lambda n_in, n_out: 1 / n_out),
    "xavier": Rule("2/(n_in + n_out)", "Xavier", lambda n_in, n_out: 2 / (n_in + n_out)),
    "geometric": Rule(
        "1/√(n_in·n_out)", "geometric mean", lambda n_in, n_out: 1 / math.sqrt(n_in * n_out)
    ),
}
"""Name → rule, before the factor of :data:`GAINS`."""


@dataclass(frozen=True)
class FunnelSetting:
    """What the funnel explorer's controls say.

    Attributes
    ----------
    width_a, width_b
        The two widths, :data:`MIN_WIDTH` to :data:`MAX_WIDTH`: the input has ``width_a`` numbers,
        layer 1 ``width_b`` units, layer 2 ``width_a`` again, and so on.
    depth
        Number of layers, :data:`MIN_DEPTH` to :data:`MAX_DEPTH`.
    rule
        A key of :data:`RULES`: the variance of the weights.
    activation
        A key of :data:`GAINS`, applied after every layer but the last.
    """

    width_a: int = 784
    width_b: int = 100
    depth: int = 20
    rule: str = "xavier"
    activation: str = "linear"

    @property
    def widths(self) -> list[int]:
        """Size of the input and of each layer, ``depth + 1`` numbers."""
        return [(self.width_a, self.width_b)[level % 2] for level in range(self.depth + 1)]

    @property
    def fans(self) -> list[tuple[int, int]]:
        """``(n_in, n_out)`` of each layer."""
        return list(zip(self.widths[:-1], self.widths[1:], strict=True))

    @property
    def variances(self) -> list[float]:
        """Var(W) of each layer, the activation's factor included."""
        rule, factor = RULES[self.rule].variance, GAINS[self.activation]
        return [factor * rule(n_in, n_out) for n_in, n_out in self.fans]


@dataclass(frozen=True)
class FunnelMeasurement:
    """What flowed through the network of one :class:`FunnelSetting`.

    Attributes
    ----------
    setting
        The setting that was measured.
    signal, gradient
        Root mean square of the pre-activations z, and of ∂L/∂z, of each layer, ``(depth,)``.
    predicted_signal, predicted_gradient
        The same from :func:`predict`, ``(depth,)``.
    """

    setting: FunnelSetting
    signal: np.ndarray
    gradient: np.ndarray
    predicted_signal: np.ndarray
    predicted_gradient: np.ndarray


class Funnel:
    """Random networks cut from one draw of random numbers, fed with the same noise.

    The inputs are :data:`N_INPUTS` rows of N(0, 1) noise, and so is the gradient ∂L/∂z that enters
    at the last layer.

    Parameters
    ----------
    seed
        Of the weights, the inputs and the gradient.
    """

    @ordinary_torch()
    def __init__(self, *, seed: int = 0) -> None:
        self.seed = seed
        generator = seeded(seed)
        self._inputs, self._top = (_draw(N_INPUTS, generator) for _ in range(2))
        # weights a layer, (MAX_WIDTH, MAX_WIDTH) each, and the generator's state after them
        self._drawn: tuple[list[torch.Tensor], torch.Tensor] = ([], generator.get_state())

    @ordinary_torch()
    def measure(self, setting: FunnelSetting) -> FunnelMeasurement:
        """Run one forward and one backward pass, on one thread, and compare them with theory."""
        with one_thread():
            return self._measure(setting)

    def _measure(self, setting: FunnelSetting) -> FunnelMeasurement:
        inputs = self._inputs[:, : setting.widths[0]]  # (N_INPUTS, width_a)
        top = self._top[:, : setting.widths[-1]]  # (N_INPUTS, width of the last layer)
        network = self._network(setting)
        with Probe(network) as probe:
            network(inputs.clone().requires_grad_()).backward(top)
        sizes = (float(t.double().square().mean()) for t in (inputs, top))
        return FunnelMeasurement(
            setting,
            np.sqrt(probe.mean_squares("pre_activation")),
            np.sqrt(probe.mean_squares("gradient")),
            *predict(setting, *sizes),
        )

    def _network(self, setting: FunnelSetting) -> nn.Sequential:
        weights = []
        plan = zip(setting.variances, setting.fans, strict=True)
        for i, (variance, (n_in, n_out)) in enumerate(plan):
            weights.append(math.sqrt(variance) * self._unit_weight(i)[:n_out, :n_in])
        network = from_weights(weights, setting.activation)
        return network[:-1]  # the gradient enters at the last pre-activations

    def _unit_weight(self, i: int) -> torch.Tensor:
        """Return the weight of layer ``i``, N(0, 1); it is drawn when it is first asked for."""
        weights, state = self._drawn
        if i == len(weights):
            generator = torch.Generator()
            generator.set_state(state)
            weights = [*weights, _draw(MAX_WIDTH, generator)]
            self._drawn = weights, generator.get_state()
        return weights[i]


def _draw(rows: int, generator: torch.Generator) -> torch.Tensor:
    return torch.randn(rows, MAX_WIDTH, generator=generator, dtype=torch.float32)


def predict(
    setting: FunnelSetting, input_mean_square: float = 1.0, top_mean_square: float = 1.0
) -> tuple[np.ndarray, np.ndarray]:
    """Predict the rms of pre-activations and gradients per layer, each layer with its own fans.

    Parameters
    ----------
    setting
        The network.
    input_mean_square, top_mean_square
        Mean square of the input's numbers, and of ∂L/∂z at the last layer.

    Returns
    -------
    signal, gradient : numpy.ndarray
        Root mean squares, both ``(depth,)``.
    """
    n_in, n_out = np.transpose(setting.fans)  # (depth,) each
    sigma_up, sigma_down = np.sqrt(setting.variances * n_in), np.sqrt(setting.variances * n_out)
    q = [sigma_up[0] ** 2 * input_mean_square]
    for sigma_w in sigma_up[1:]:
        q.append(theory.variance_map(q[-1], sigma_w, 0.0, setting.activation))
    factors = theory.gradient_map(q[:-1], sigma_down[1:], setting.activation)  # (depth - 1,)
    gradient = np.cumprod([top_mean_square, *factors[::-1]])[::-1]
    return np.sqrt(q), np.sqrt(gradient)


def funnel_verdict(measurement: FunnelMeasurement) -> str:
    """Say what two layers do by the rule, whether that loses anything, and what was measured."""
    setting = measurement.setting
    pairs = list(zip(setting.variances[:2], setting.fans[:2], strict=True))
    halved = 1 / GAINS[setting.activation]
    up = [halved * variance * n_in for variance, (n_in, _) in pairs]
    down = [halved * variance * n_out for variance, (_, n_out) in pairs]
    condition, end = {
        "linear": ("Two layers", ""),
        "tanh": ("Where tanh is nearly linear, two layers", " Where it bends, less is left."),
        "relu": ("With the factor 2 that relu needs, two layers", ""),
    }[setting.activation]
    return (
        f"{condition} multiply the signal's mean square by {_factor(math.prod(up))} and the "
        f"gradient's by {_factor(math.prod(down))}: {_meaning(up, down)}.{end} "
        f"{_measured(measurement)}"
    )


def _meaning(up: list[float], down: list[float]) -> str:
    """Say what the factors on the mean squares do, in one kind of layer and in the other."""
    steady_up, steady_down = _is_one(up[0]), _is_one(down[0])
    if steady_up and steady_down:
        return "the widths are equal, the four rules agree, and nothing is lost"
    if not _is_one(math.prod(up)):
        return "the compromise loses in both directions"
    if steady_up:
        return f"the signal keeps its size in every layer, and the gradient's {_zigzag(down)}"
    if steady_down:
        return f"the gradient keeps its size in every layer, and the signal's {_zigzag(up)}"
    return f"each {_zigzag(up)}"


def _zigzag(factors: list[float]) -> str:
    by = _factor(max(factors))
    return f"zigzags, times {by} in one layer and divided by {by} in the next, and does not decay"


def _measured(measurement: FunnelMeasurement) -> str:
    """Say what is left of signal and gradient, and how far this one draw is from theory."""
    m = measurement
    up, down = _left(m.signal), _left(m.gradient[::-1])
    words = f"Measured over {m.setting.depth} layers, in rms: signal, going up: {up}; "
    words += f"gradient, coming down: {down}."
    measured = np.concatenate([m.signal, m.gradient])
    predicted = np.concatenate([m.predicted_signal, m.predicted_gradient])
    alive = measured > 0
    astray = np.exp(np.abs(np.log(measured[alive] / predicted[alive])).max())
    if astray > 1.5:
        words += " The factors are averages over many draws of the weights: one draw of layers "
        words += f"this narrow strays from them, here by a factor of up to {astray:.2g}."
    return words


def _left(values: np.ndarray) -> str:
    """Say what is left of the first value in the last."""
    if not values[-1] > 0:
        return "nothing is left"
    return amount(float(np.log10(values[-1]) - np.log10(values[0])))


def _is_one(factor: float) -> bool:
    return abs(factor - 1) < 1e-9


def _factor(value: float) -> str:
    """Write a factor in two digits, or in as many as tell it from 1."""
    if _is_one(value):
        return "1"
    texts = (f"{value:#.{digits}g}".rstrip(".") for digits in range(2, 12))
    return next(text for text in texts if float(text) != 1)
