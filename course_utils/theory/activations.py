"""Activation functions φ with their slopes φ′ in NumPy float64: what the theory averages.

>>> ACTIVATION_FUNCTIONS["tanh"].dphi(np.zeros(1))
array([1.])
>>> Activation("sin", np.sin, np.cos)  # one of your own

Every function works on arrays of any shape. At a kink, x = 0, the slope is torch's: that of the
negative side. The torch modules of the same names are in `course_utils.networks`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import erf, expit, ndtr

from course_utils.names import called_here


@dataclass(frozen=True)
class Activation:
    """An activation φ and its derivative, both elementwise on float64 arrays of any shape."""

    name: str
    phi: Callable[[NDArray], NDArray]
    dphi: Callable[[NDArray], NDArray]


def leaky_relu(slope: float = 0.01) -> Activation:
    """Return z for z > 0 and slope · z else: ReLU for 0, leaky ReLU, PReLU at its start for 0.25.

    He et al. (2015), "Delving deep into rectifiers", where the slope is learned and called a. Any
    finite slope is allowed, also a negative one; ValueError for anything else.
    """
    if not (isinstance(slope, (int, float)) and math.isfinite(slope)):
        raise ValueError(f"slope must be a finite number, such as 0.01, got {slope!r}")
    return Activation(
        f"leaky_relu({slope:g})",
        lambda x: np.where(x > 0, x, slope * x),
        lambda x: np.where(x > 0, 1.0, float(slope)),
    )


_SELU_SCALE, _SELU_ALPHA = 1.0507009873554804934193349852946, 1.6732632423543772848170429916717


def _elu(x: NDArray, alpha: float = 1.0) -> NDArray:
    return np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0)))


def _elu_slope(x: NDArray, alpha: float = 1.0) -> NDArray:
    return np.where(x > 0, 1.0, alpha * np.exp(np.minimum(x, 0)))


def _gelu_slope(x: NDArray) -> NDArray:
    x = np.clip(x, -40, 40)  # beyond, the slope is 0 or 1 to the last bit
    return ndtr(x) + x * np.exp(-(x**2) / 2) / math.sqrt(2 * math.pi)


def _silu(x: NDArray) -> NDArray:
    return np.maximum(x, -800) * expit(x)  # below -745, expit is 0; -inf · 0 would be nan


def _silu_slope(x: NDArray) -> NDArray:
    x = np.clip(x, -800, 800)
    return expit(x) * (1 + x * expit(-x))


_PHI_AND_SLOPE = {
    "linear": (lambda x: x, np.ones_like),
    "tanh": (np.tanh, lambda x: 1 - np.tanh(x) ** 2),
    "sigmoid": (expit, lambda x: expit(x) * expit(-x)),
    "relu": (lambda x: np.maximum(x, 0), lambda x: np.where(x > 0, 1.0, 0.0)),
    "leaky_relu": (leaky_relu().phi, leaky_relu().dphi),
    "elu": (_elu, _elu_slope),
    "selu": (
        lambda x: _SELU_SCALE * _elu(x, _SELU_ALPHA),
        lambda x: _SELU_SCALE * _elu_slope(x, _SELU_ALPHA),
    ),
    "gelu": (lambda x: np.maximum(x, -40) * ndtr(x), _gelu_slope),
    "silu": (_silu, _silu_slope),
    "erf": (erf, lambda x: 2 / math.sqrt(math.pi) * np.exp(-(np.clip(x, -40, 40) ** 2))),
}
ACTIVATION_FUNCTIONS = {name: Activation(name, *pair) for name, pair in _PHI_AND_SLOPE.items()}
"""Name → φ and φ′ of `networks.ACTIVATIONS`, with the same parameters, and of erf."""


EXAMPLE = 'Activation("softplus", lambda z: np.logaddexp(0, z), lambda z: 1 / (1 + np.exp(-z)))'
"""How to build an activation of one's own, for messages."""


def resolve(activation: str | Activation) -> Activation:
    """Return the activation of that name, or the one given; ValueError names what is allowed."""
    if isinstance(activation, Activation):
        return activation
    if isinstance(activation, str) and activation in ACTIVATION_FUNCTIONS:
        return ACTIVATION_FUNCTIONS[activation]
    names = ", ".join(ACTIVATION_FUNCTIONS)
    hint = called_here(activation, ACTIVATION_FUNCTIONS)
    if "leaky_relu" in hint:
        hint += ", with the slope 0.01; with another one it is theory.leaky_relu(0.2)"
    own = f"build your own of two NumPy functions, such as {EXAMPLE}"
    raise ValueError(
        f"activation must be an Activation or one of {names}, got {activation!r}: {hint or own}"
    )
