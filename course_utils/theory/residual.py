"""How the stream of a wide residual network grows, and its gradient, in closed form or nearly.

A block computes x + s · branch(x). The last weights of the branch have mean zero and know nothing
of x, so the mean squares simply add: q_next = q + s² (mean square of the branch). The same holds
for the gradient on its way down. With He's weights and ReLU a branch hands on what it reads, and
with q₀ at the stem, blocks l = 0 … L:

=============  =====================  ===========================================================
normalization  q_l                    mean square of ∂L/∂x_l, in units of that at the top
=============  =====================  ===========================================================
none           q₀ (1 + s²)^l          (1 + s²)^(L - l); 2^L for s = 1, about e for s = 1/√L
layer          q₀ + s² l              q_L / q_l: the same straight line, read backwards
batch          q₀ + s² l              a power of the depth: Π (1 + s² / v_k), v_k = v₀ + s² (1 -
                                      1/π) k, the part of q_k that differs between images
zero branches  q₀                     1
=============  =====================  ===========================================================

The branches begin with the normalization, if there is one: what they read has size 1 however large
the stream is, so that later branches matter less and less. (De & Smith, 2020, "Batch normalization
biases residual blocks towards the identity function in deep networks"; Yang & Schoenholz, 2017,
"Mean field residual networks: on the edge of chaos".) NumPy float64.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from course_utils import theory
from course_utils.theory.activations import Activation
from course_utils.theory.correlation import correlation_map

_NORMALIZATIONS = (None, "layer", "batch")


@dataclass(frozen=True)
class Stack:
    """A stack of residual blocks, as far as its theory needs to know it.

    Attributes
    ----------
    depth
        Number of blocks L, at least 1.
    scale
        The factor s of each branch; 0 stands for zero-initialized branches too.
    branch_layers
        Layers in a branch, each an activation and then weights; at least 1.
    normalization
        None, ``"layer"`` or ``"batch"``, at the beginning of each branch.
    activation
        A name in `ACTIVATION_FUNCTIONS`, or an activation of your own.
    sigma_w
        Std of a weight times √fan_in; √2 is He's.
    """

    depth: int
    scale: float = 1.0
    branch_layers: int = 1
    normalization: str | None = None
    activation: str | Activation = "relu"
    sigma_w: float = math.sqrt(2)

    def __post_init__(self) -> None:
        """Refuse what is no stack."""
        for name in ("depth", "branch_layers"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or value < 1:
                raise ValueError(f"{name} must be a whole number of at least 1, got {value!r}")
        if self.normalization not in _NORMALIZATIONS:
            known = "None, 'layer' or 'batch'"
            raise ValueError(f"normalization must be {known}, got {self.normalization!r}")


def branch_maps(stack: Stack, q: float) -> tuple[float, float]:
    """Return what a branch makes of a signal and of a gradient, without its scale.

    Parameters
    ----------
    stack
        Which activation and weights, how many layers.
    q
        Mean square of what enters the first activation.

    Returns
    -------
    mean_square, slope : float
        Mean square at the branch's output; factor on the mean square of a gradient that passes it
        downwards.
    """
    slope = 1.0
    for _ in range(stack.branch_layers):
        slope *= float(theory.gradient_map(q, stack.sigma_w, stack.activation))
        q = float(theory.variance_map(q, stack.sigma_w, 0.0, stack.activation))
    return q, slope


def branch_contrast(stack: Stack) -> float:
    """Return the share of a branch's mean square that differs from image to image.

    For images that are independent where they enter, with size 1, as behind a batch normalization.
    ReLU gives all images a part in common: 1 - 1/π is left after one layer.
    """
    q, c = 1.0, 0.0
    for _ in range(stack.branch_layers):
        c = float(correlation_map(c, q, stack.sigma_w, 0.0, stack.activation))
        q = float(theory.variance_map(q, stack.sigma_w, 0.0, stack.activation))
    return 1 - c


def stream_path(stack: Stack, q_first: float = 1.0) -> NDArray:
    """Return the mean square of the stream after the stem and after each block, (depth + 1,).

    ``q_first`` is that after the stem, a positive finite number: ValueError if it is not.
    """
    return _walk(stack, _positive(q_first))[0]


def stream_gradient_path(stack: Stack, v_first: ArrayLike = 1.0) -> NDArray:
    """Return the mean square of ∂L/∂x after the stem and after each block, in units of the top.

    The gradients of different images are taken to be independent of each other, and all of them of
    the weights (as everywhere in mean field theory).

    Parameters
    ----------
    stack
        The blocks.
    v_first
        What the first normalization divides by, squared: the mean square of the stream after the
        stem; for ``"batch"`` its variance over the images, a number or one for each unit
        ``(units,)``. (Units that vary little are magnified most: the mean of 1/v counts.)

    Returns
    -------
    numpy.ndarray, shape (depth + 1,)
        Ends in 1.

    Raises
    ------
    ValueError
        If ``v_first`` is not positive and finite.
    """
    factors = _walk(stack, _positive(v_first))[1]
    with np.errstate(over="ignore"):
        return np.cumprod(np.append(factors, 1.0)[::-1])[::-1]


def _positive(value: ArrayLike) -> NDArray:
    array = np.asarray(value, dtype=np.float64)
    if not (np.isfinite(array) & (array > 0)).all():
        raise ValueError(f"the stream must begin with positive finite numbers, got {value!r}")
    return array


@np.errstate(over="ignore", invalid="ignore")
def _walk(stack: Stack, first: NDArray) -> tuple[NDArray, NDArray]:
    """Return the stream, ``(depth + 1,)``, and the gradient's factor per block, ``(depth,)``."""
    s2, levels = stack.scale**2, np.arange(stack.depth + 1)
    if stack.normalization is not None:  # every branch reads size 1: the stream is a straight line
        out, slope = branch_maps(stack, 1.0)
        share = branch_contrast(stack) if stack.normalization == "batch" else 1.0
        divided_by = first.reshape(-1, 1) + s2 * share * out * levels[:-1]  # (units, depth)
        return first.mean() + s2 * out * levels, 1 + s2 * slope * (1 / divided_by).mean(axis=0)
    path, factors = [float(first.mean())], []
    for _ in range(stack.depth):
        out, slope = branch_maps(stack, path[-1])
        path.append(path[-1] + s2 * out)
        factors.append(1 + s2 * slope)
    return np.array(path), np.array(factors)
