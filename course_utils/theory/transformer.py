"""How the stream of a wide pre-norm transformer grows, and its gradient, in float64.

Every branch reads the stream through a layer norm, so it reads size 1 however large the stream is,
and adds the same again and again. With weights of variance std², last layers of (f · std)², width n
and a single token, an attention branch adds f² (n std²)² to the mean square and an MLP branch
4 n f² std² E[φ(√(n std²) z)²]. The sum over L blocks grows in proportion to L if f is 1; with
GPT-2's f² = 1/(2 L) it is half of what one unscaled block adds, whatever L is.

With several tokens, attention adds less, as it averages tokens that differ. So the theory follows
the products of all pairs of tokens, their Gram matrix (one image: (tokens, tokens)), up the stream,
and those of the gradients down. Where attention's comparisons are small, n std² well below 1, the
softmax is nearly uniform: every token takes the plain mean of those that it may read, and no
gradient to speak of passes through the comparisons. That is the one approximation beside great
width.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.interpolate import CubicSpline

from course_utils.theory.activations import ACTIVATION_FUNCTIONS
from course_utils.theory.correlation import pair_mean

_GRID = np.cos(np.linspace(math.pi, 0, 33))  # correlations, dense at both ends


@dataclass(frozen=True)
class TransformerPath:
    """Mean squares along the stream, after the stem and after each branch, ``(2 · depth + 1,)``.

    Attributes
    ----------
    signal
        Of the stream, over images, tokens and units.
    gradient
        Of ∂L/∂x, in units of that at the top.
    """

    signal: NDArray
    gradient: NDArray


def token_grams(stream: ArrayLike) -> NDArray:
    """Return the mean products of all pairs of tokens, ``(images, tokens, tokens)``.

    ``stream`` is ``(images, tokens, width)``, for instance what the stem gives.
    """
    x = np.asarray(stream, dtype=np.float64)
    return x @ x.swapaxes(-1, -2) / x.shape[-1]


def transformer_path(
    grams: ArrayLike, depth: int, *, width: int, std: float, scaled: bool, causal: bool = False
) -> TransformerPath:
    """Predict signal and gradient along the stream from the tokens at its beginning.

    The gradient enters at the top as independent noise of one size for all tokens, as in
    `course_utils.probes.measure_stream` without labels.

    Parameters
    ----------
    grams
        What :func:`token_grams` gives for the stream after the stem, ``(images, tokens, tokens)``.
    depth, width, std, scaled, causal
        As in `course_utils.networks.transformer` and `course_utils.initializers.gpt2_`.

    Raises
    ------
    ValueError
        If ``grams`` is no stack of square matrices with positive diagonals.
    """
    gram = np.asarray(grams, dtype=np.float64)
    square = gram.ndim == 3 and gram.shape[1] == gram.shape[2]
    if not square or not (np.diagonal(gram, axis1=1, axis2=2) > 0).all():
        raise ValueError(
            "grams must be (images, tokens, tokens) with positive diagonals, got shape "
            f"{gram.shape}: take them from token_grams(network.stem(images).detach())"
        )
    sees = _uniform_attention(gram.shape[-1], causal)  # (reader, read)
    gain = width * std**2  # of a layer from width units, on mean products
    last = gain / (2 * depth if scaled else 1)  # of a layer that ends a branch
    gelu, slope = ACTIVATION_FUNCTIONS["gelu"].phi, ACTIVATION_FUNCTIONS["gelu"].dphi
    up, down = _pair_means(gelu, gain), _pair_means(slope, gain)
    grams_along = [gram]
    for branch in range(2 * depth):
        c = _correlations(grams_along[-1])
        if branch % 2 == 0:
            added = gain * last * (sees @ c @ sees.T)
        else:
            added = 4 * last * up(c)
        grams_along.append(grams_along[-1] + added)
    gradient = np.zeros_like(gram) + np.eye(gram.shape[-1])  # mean products of pairs of tokens
    gradients = [gradient]
    for branch in reversed(range(2 * depth)):
        below = grams_along[branch]
        if branch % 2 == 0:
            passed = gain * last * (sees.T @ gradient @ sees)
        else:
            passed = 4 * gain * last * down(_correlations(below)) * gradient
        gradient = gradient + passed / _sizes(below)
        gradients.append(gradient)
    return TransformerPath(_means(grams_along), _means(gradients)[::-1])


def _uniform_attention(tokens: int, causal: bool) -> NDArray:
    """Return the weights with which each token (row) reads each token (column)."""
    allowed = np.ones((tokens, tokens))
    allowed = np.tril(allowed) if causal else allowed
    return allowed / allowed.sum(axis=1, keepdims=True)


def _pair_means(f: Callable[[NDArray], NDArray], q: float) -> Callable[[NDArray], NDArray]:
    """Return c → E[f(u₁) f(u₂)], u of variance q and correlation c, as a spline."""
    return CubicSpline(_GRID, pair_mean(lambda u, v: f(u) * f(v), q, _GRID))


def _sizes(gram: NDArray) -> NDArray:
    root = np.sqrt(np.diagonal(gram, axis1=1, axis2=2))  # (images, tokens)
    return root[:, :, None] * root[:, None, :]


def _correlations(gram: NDArray) -> NDArray:
    return np.clip(gram / _sizes(gram), -1, 1)


def _means(grams: list[NDArray]) -> NDArray:
    return np.array([np.diagonal(g, axis1=1, axis2=2).mean() for g in grams])
