"""How large signal and gradient are, layer by layer, in wide networks: variance maps and gains.

In a layer z = W h + b, h = φ(previous z), with many units, independent weights of variance
sigma_w² / fan_in and biases of variance sigma_b², every pre-activation is a Gaussian of mean zero.
One number says all about it, its mean square q, and one line carries it to the next layer:

    q_next = sigma_w² E[φ(√q z)²] + sigma_b²,                       z ~ N(0, 1).

Backwards, the mean square of ∂L/∂z is multiplied on its way through one square layer by

    sigma_w² E[φ'(√q z)²],

called chi at the fixed point of q, which is also the mean squared singular value of the layer's
Jacobian. (Poole et al., 2016, "Exponential expressivity in deep neural networks through transient
chaos"; Schoenholz et al., 2017, "Deep information propagation".)
Scalars and arrays go in, and broadcast; NumPy float64 comes out.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import brentq

from course_utils.theory.activations import Activation, resolve

# The trapezoid rule on a logarithmic grid of |z|, see gaussian_mean; dz = |z| d log|z|.
_ABS_Z = np.exp(0.1 * np.arange(-300, 26))  # (nodes / 2,), from 1e-13 to 12
_HALF = 0.1 * _ABS_Z * np.exp(-(_ABS_Z**2) / 2) / math.sqrt(2 * math.pi)
_HALF[0] += 0.5 - _HALF.sum()  # the mass between 0 and the first node
_NODES, _WEIGHTS = np.concatenate([-_ABS_Z, _ABS_Z]), np.tile(_HALF, 2)  # (nodes,)
TINY_Q = 1e-24  # here an activation is its two tangents at 0, up to relative terms of 1e-12
_BLOCK = 128  # values of q at a time: keeps the arrays in the processor's cache


def non_negative(name: str, value: ArrayLike, *, finite: bool = True) -> NDArray:
    """Return ``value`` as a float64 array, or raise ValueError if it holds a negative or nan."""
    try:
        array = np.asarray(value, dtype=np.float64)
    except (TypeError, ValueError):
        array = np.asarray(np.nan)
    if not (array >= 0).all() or (finite and np.inf in array):
        kind = "non-negative finite numbers" if finite else "non-negative numbers"
        raise ValueError(f"{name} must hold {kind}, got {value!r}")
    return array


@np.errstate(over="ignore", invalid="ignore")  # an exploded signal is inf, its mean may be nan
def _mean(f: Callable[[NDArray], NDArray], q: NDArray | np.float64) -> NDArray | np.float64:
    """Return what `gaussian_mean` does, for a q that was checked."""
    root_q = np.sqrt(q).reshape(-1, 1)  # (q.size, 1)
    mean = np.empty(q.size)
    for start in range(0, q.size, _BLOCK):
        terms = _WEIGHTS * f(root_q[start : start + _BLOCK] * _NODES)  # (block, nodes)
        mean[start : start + _BLOCK] = terms.sum(axis=-1)
    return mean.reshape(q.shape)[()]


def gaussian_mean(f: Callable[[NDArray], NDArray], q: ArrayLike) -> NDArray | np.float64:
    """Return E[f(√q z)], z ~ N(0, 1), by quadrature.

    Gauss-Hermite quadrature, the usual choice, fits one polynomial to f on the whole line: it
    fails at a kink (slope of ReLU), and where f changes faster than its nodes are dense (tanh at
    large q looks like a step). All our activations bend at 0, so each half-line is integrated for
    itself, over log|z|: a change of q only shifts f along the grid, and all scales of |z| from
    1e-13 to 12 are seen alike. Where f is analytic on either side of 0, the trapezoid rule then
    converges exponentially: for all `ACTIVATIONS`, their slopes and the squares of both the error
    is below 1e-12 of √E[f²] at q from 1e-12 to 1e6. A kink elsewhere costs accuracy (hard tanh:
    about 1e-3), as do many oscillations (sin²: 1e-10 at q = 10, 1e-5 at q = 30).

    Parameters
    ----------
    f : callable
        Elementwise on a float64 array of shape (any, nodes).
    q : array_like, shape (...)
        Variance of the argument, non-negative. The result has the same shape.
    """
    return _mean(f, non_negative("q", q, finite=False))


def activation_mean(q: ArrayLike, activation: str | Activation) -> NDArray | np.float64:
    """Return E[φ(√q z)], the mean activation; q and result of shape (...)."""
    return gaussian_mean(resolve(activation).phi, q)


def activation_mean_square(q: ArrayLike, activation: str | Activation) -> NDArray | np.float64:
    """Return E[φ(√q z)²], the mean square of the activations; q and result of shape (...)."""
    phi = resolve(activation).phi
    return gaussian_mean(lambda x: phi(x) ** 2, q)


@np.errstate(over="ignore")
def variance_map(
    q: ArrayLike,
    sigma_w: ArrayLike,
    sigma_b: ArrayLike = 0.0,
    activation: str | Activation = "tanh",
) -> NDArray | np.float64:
    """Return q of the next layer: sigma_w² E[φ(√q z)²] + sigma_b².

    Parameters
    ----------
    q : array_like
        Mean square of the pre-activations, non-negative; broadcasts with the sigmas.
    sigma_w, sigma_b : array_like
        Std of a weight times √fan_in, and std of a bias: non-negative, finite.
    activation : str or Activation
        A name in `ACTIVATION_FUNCTIONS`, or your own; an unknown name raises ValueError, as
        does a sigma or q that is negative or nan.
    """
    sigma_w, sigma_b = non_negative("sigma_w", sigma_w), non_negative("sigma_b", sigma_b)
    return sigma_w**2 * activation_mean_square(q, activation) + sigma_b**2


def gradient_map(
    q: ArrayLike, sigma_w: ArrayLike, activation: str | Activation = "tanh"
) -> NDArray | np.float64:
    """Return sigma_w² E[φ'(√q z)²], the factor on the gradient's mean square in one square layer.

    It carries mean((∂L/∂z_{l+1})²) to mean((∂L/∂z_l)²), where q is that of z_l. At the fixed
    point of q it is chi: gradients vanish where chi < 1 and explode where chi > 1. Arguments and
    errors as in `variance_map`. At q = 0 a kink has torch's slope: ReLU passes no gradient.
    """
    dphi = resolve(activation).dphi
    return non_negative("sigma_w", sigma_w) ** 2 * gaussian_mean(lambda x: dphi(x) ** 2, q)


@np.errstate(over="ignore")
def variance_path(
    q_first: ArrayLike,
    depth: int,
    sigma_w: ArrayLike,
    sigma_b: ArrayLike = 0.0,
    activation: str | Activation = "tanh",
) -> NDArray:
    """Return q of the layers 1 to ``depth``, the first being given: shape (depth, ...).

    ``q_first`` is fan_in · Var(W) · mean(x²) + sigma_b² for the input x. The other arguments and
    the errors are those of `variance_map`; depth is at least 1.
    """
    if isinstance(depth, bool) or not isinstance(depth, (int, np.integer)) or depth < 1:
        raise ValueError(f"depth must be a whole number of at least 1, got {depth!r}")
    q_first = non_negative("q_first", q_first, finite=False)
    sigma_w, sigma_b = non_negative("sigma_w", sigma_w), non_negative("sigma_b", sigma_b)
    phi = resolve(activation).phi
    path = np.empty((depth, *np.broadcast_shapes(q_first.shape, sigma_w.shape, sigma_b.shape)))
    path[0] = q_first
    for layer in range(1, depth):
        mean_square = _mean(lambda x: phi(x) ** 2, path[layer - 1])
        path[layer] = sigma_w**2 * mean_square + sigma_b**2
    return path


@np.errstate(over="ignore")
def gradient_path(
    q_path: ArrayLike, sigma_w: ArrayLike, activation: str | Activation = "tanh"
) -> NDArray:
    """Return the mean square of ∂L/∂z of each layer, in units of the last layer's.

    ``q_path`` is what `variance_path` returns, shape (depth, ...); the result has the same shape
    and ends in 1. The layers are square: fan_in = fan_out. Errors as in `variance_map`.
    """
    q_path = non_negative("q_path", q_path, finite=False)
    if q_path.ndim < 1 or len(q_path) < 1:
        raise ValueError("q_path needs one entry a layer: take it from variance_path")
    factors = gradient_map(q_path[:-1], sigma_w, activation)  # (depth - 1, ...)
    upwards = np.concatenate([factors, np.ones((1, *factors.shape[1:]))])
    return np.cumprod(upwards[::-1], axis=0)[::-1]


def forward_gain(activation: str | Activation, q: ArrayLike = 1.0) -> NDArray | np.float64:
    """Return the sigma_w that keeps the mean square of the pre-activations at q: √(q / E[φ²]).

    Weights of variance forward_gain² / fan_in hand q on unchanged (no bias). It depends on q
    unless φ is homogeneous, as linear (1), ReLU (√2) and leaky ReLU (√(2 / (1 + slope²))) are:
    there it is `torch.nn.init.calculate_gain`. At q = 1 it is 1.59 for tanh (torch's 5/3 holds q
    at 1.18), 1 for SELU (it is made so; torch's 3/4 is empirical), 1.85 for sigmoid (torch has 1).
    q has any shape (...), as has the result; a q that is not positive and finite is a ValueError.
    """
    q = non_negative("q", q)
    if not q.all():
        raise ValueError("no gain is defined at q = 0: try critical_gain, its limit")
    return np.sqrt(q / activation_mean_square(q, activation))


def backward_gain(activation: str | Activation, q: ArrayLike = 1.0) -> NDArray | np.float64:
    """Return the sigma_w that keeps the gradient's mean square where z has q: 1 / √E[φ′²].

    Weights of variance backward_gain² / fan_out hand the mean square of ∂L/∂z on unchanged. It is
    `forward_gain` where φ is homogeneous and differs elsewhere: at q = 1 tanh asks 1.47, SELU
    0.97. Arguments as there, but at q = 0 it has a value.
    """
    return 1 / np.sqrt(gradient_map(non_negative("q", q), 1.0, activation))


def critical_gain(activation: str | Activation) -> np.float64:
    """Return the sigma_w at which very small signals neither grow nor shrink (sigma_b = 0).

    It is 1/|φ'(0)|, and at a kink 1/√(mean of the squared slopes of the two sides): 1 for linear
    and tanh, √2 for ReLU, 2 for GELU, 0.69 for SELU. A larger one makes the zero signal unstable.
    Raises ValueError where φ(0) is not 0 (sigmoid: small signals do not stay small) or φ is flat.
    """
    activation = resolve(activation)
    if activation.phi(np.zeros(1))[0] != 0:
        raise ValueError(f"{activation.name}(0) is not 0, so no gain is critical")
    slope = gradient_map(TINY_Q, 1.0, activation)
    if slope == 0:
        raise ValueError(f"{activation.name} is flat at 0: no gain keeps a small signal alive")
    return 1 / np.sqrt(slope)


@dataclass(frozen=True)
class FixedPoint:
    """A mean square that the layers hand on unchanged: q = variance_map(q).

    ``slope`` is d q_next / d q: how a small deviation grows from layer to layer. ``stable`` says
    whether |slope| < 1. Where it is 1 to 1e-9, higher orders decide: at q = 0 tanh with sigma_w = 1
    is stable (it falls as 1 / (2 l)), GELU with 2 is not. Where every other q > 0 is a fixed point
    as well (ReLU at sigma_w = √2), ``isolated`` is False and ``stable`` None.
    """

    q: float
    slope: float
    stable: bool | None
    isolated: bool = True


def variance_slope(q: float, sigma_w: float, activation: Activation) -> float:
    """Return d q_next / d q = sigma_w² E[x φ(x) φ'(x)] / q at x = √q z; at 0 the limit."""
    q = max(q, TINY_Q)
    mean = gaussian_mean(lambda x: x * activation.phi(x) * activation.dphi(x), q)
    return float(sigma_w**2 * mean / q)


def fixed_points(
    sigma_w: float, sigma_b: float = 0.0, activation: str | Activation = "tanh"
) -> list[FixedPoint]:
    """Return every q from 0 to 1e30 with q = variance_map(q), in rising order.

    Changes of sign of log(q_next / q) are sought on a logarithmic grid of five points a decade
    from 1e-30, and refined by Brent's method; two solutions inside one cell are missed. The list
    is empty where the signal explodes from any start. Where every q is a fixed point (ReLU at
    sigma_w = √2, no bias) it holds q = 0 alone, with ``isolated=False``. Errors as in
    `variance_map`; the sigmas are single numbers here.
    """
    activation = resolve(activation)
    if np.ndim(sigma_w) or np.ndim(sigma_b):
        raise ValueError("fixed_points takes one sigma_w and one sigma_b, not arrays")

    def growth(log_q: NDArray) -> NDArray:
        return variance_map(np.exp(log_q), sigma_w, sigma_b, activation) / np.exp(log_q) - 1

    log_q = np.log(np.geomspace(1e-30, 1e30, 301))
    on_grid = growth(log_q)
    clear = np.abs(on_grid) > 1e-11  # the rest is rounding: no sign to trust
    log_q, sign = log_q[clear], np.sign(on_grid[clear])
    isolated = bool(clear.any())
    roots = []  # q, and whether what is a little larger grows
    if variance_map(0.0, sigma_w, sigma_b, activation) == 0:
        roots.append((0.0, isolated and sign[0] > 0))
    for i in np.flatnonzero(sign[1:] != sign[:-1]):
        q = math.exp(brentq(growth, log_q[i], log_q[i + 1], xtol=1e-14, rtol=1e-14))
        roots.append((q, sign[i + 1] > 0))
    points = []
    for q, grows in roots:
        slope = variance_slope(q, sigma_w, activation)
        stable = abs(slope) < 1 if abs(abs(slope) - 1) >= 1e-9 else not grows
        points.append(FixedPoint(q, slope, bool(stable) if isolated else None, isolated))
    return points


def settled_point(
    sigma_w: float, sigma_b: float = 0.0, activation: str | Activation = "tanh"
) -> FixedPoint:
    """Return the fixed point at which a signal settles: the largest that is not unstable.

    There may be several, and a signal that begins above an unstable one does not come down: GELU
    with sigma_w between √2 and 2 and no bias lets a weak signal die (q = 0) and a strong one
    explode. Raises ValueError where none is: any signal explodes. Other errors as in
    `fixed_points`.
    """
    attracting = [p for p in fixed_points(sigma_w, sigma_b, activation) if p.stable is not False]
    if not attracting:
        raise ValueError(
            f"with sigma_w={sigma_w:g} the signal explodes and never settles: try a smaller one"
        )
    return attracting[-1]


def chi(sigma_w: float, sigma_b: float = 0.0, activation: str | Activation = "tanh") -> float:
    """Return the mean squared singular value of a layer's Jacobian where the signal has settled.

    The Jacobian ∂z_{l+1}/∂z_l = W · diag(φ′(z_l)) of a square layer has the mean squared singular
    value sigma_w² E[φ′(√q z)²] (its squared Frobenius norm over the number of units): that is
    `gradient_map`, here at the `settled_point` of q. The Jacobian of a stack has the product of
    its layers' values: gradients vanish with depth where chi < 1, and explode where it is above.

    Schoenholz et al. (2017), "Deep information propagation"; Pennington, Schoenholz & Ganguli
    (2017), "Resurrecting the sigmoid in deep learning through dynamical isometry". Raises
    ValueError as `settled_point` does.
    """
    q = settled_point(sigma_w, sigma_b, activation).q
    return float(gradient_map(max(q, TINY_Q), sigma_w, activation))
