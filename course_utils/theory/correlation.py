"""How alike two inputs stay in a wide network: correlation map, edge of chaos, depth scales.

`theory` follows the size q of one signal. Here two signals of the same q go through the same
random layers. Their pre-activations are jointly Gaussian, so one more number says all: their
correlation c, in [-1, 1]. One line carries it to the next layer:

    c_next = (sigma_w² E[φ(u₁) φ(u₂)] + sigma_b²) / q_next,    u₁, u₂ ~ N(0, q), correlated by c.

Where q has settled above 0, c = 1 is a fixed point, and its slope is chi: where chi is below 1,
neighbours become one (ordered phase, gradients vanish); where it is above 1, they part (chaotic
phase, gradients explode) and settle at a smaller c. Between the two, on the edge of chaos, neither
happens, and a signal travels deepest. How deep, the depth scales say: q and c approach their fixed
points as exp(-layers / xi). A signal that dies, q = 0, has a last correlation of its own: see
`settle`.

Poole, Lahiri, Raghu, Sohl-Dickstein & Ganguli (2016), "Exponential expressivity in deep neural
networks through transient chaos"; Schoenholz, Gilmer, Ganguli & Sohl-Dickstein (2017), "Deep
information propagation", where the depth scales are defined; Hayou, Doucet & Rousseau (2019), "On
the impact of the activation function on deep neural networks training", where the edge is a curve
for smooth activations and one point for ReLU.

>>> settle(1.3, 0.3)  # tanh: q*, c*, chi, depth scales, phase
>>> edge_of_chaos(0.3)  # the sigma_w at which chi is 1
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import brentq

from course_utils import theory
from course_utils.theory.activations import Activation, resolve
from course_utils.theory.variance import TINY_Q, non_negative, variance_slope

_RADII = np.exp(np.arange(math.log(1e-7), math.log(12), 0.1))  # (radii,), see pair_mean
_RADIUS_WEIGHTS = 0.1 * _RADII**2 * np.exp(-(_RADII**2) / 2)
_STEPS = 0.08 * np.arange(-40, 41)
_FROM_END = np.exp(math.pi * np.sinh(_STEPS))  # the ratio of the two distances to the ends
_ALONG = _FROM_END / (1 + _FROM_END)  # (angles,), tanh-sinh nodes between 0 and 1
_ANGLE_WEIGHTS = 0.08 * math.pi * np.cosh(_STEPS) * _ALONG * _ALONG[::-1]


def _correlation(c: ArrayLike) -> NDArray:
    """Return ``c`` as a float64 array, or raise ValueError if it is no correlation."""
    try:
        array = np.asarray(c, dtype=np.float64)
    except (TypeError, ValueError):
        array = np.asarray(np.nan)
    if not (np.abs(array) <= 1).all():
        raise ValueError(f"c must hold correlations, from -1 to 1, got {c!r}")
    return array


def _mean_of_pair(g: Callable, q: float, c: float) -> float:
    root, angle = math.sqrt(q), math.acos(c)
    total = 0.0
    sectors = [(math.pi - angle, 1, 1, 1), (math.pi - angle, -1, -1, 1), (angle, -1, 1, 2)]
    for width, sign_1, sign_2, times in sectors:
        u_1 = np.outer(np.sin(width * _ALONG), root * _RADII)  # (angles, radii)
        values = g(sign_1 * u_1, sign_2 * u_1[::-1])
        total += times * width * (_ANGLE_WEIGHTS @ values @ _RADIUS_WEIGHTS)
    return total / (2 * math.pi)


def pair_mean(
    g: Callable[[NDArray, NDArray], NDArray], q: ArrayLike, c: ArrayLike
) -> NDArray | np.float64:
    """Return E[g(u₁, u₂)] of two Gaussians of variance q and correlation c, by quadrature.

    In polar coordinates every kink at u₁ = 0 or u₂ = 0 is a ray, and the four rays cut the plane
    into sectors inside which our activations are analytic. Each is integrated over the angle by
    the tanh-sinh rule, dense at the rays where a tanh of large q changes fast, and over the
    logarithm of the radius by the trapezoid rule, as in `theory.gaussian_mean`. Products of two
    activations or of two slopes are right within 1e-9 of E[φ²] or E[φ'²] for q up to 100.

    Parameters
    ----------
    g : callable
        Elementwise on two float64 arrays of shape (angles, radii), and symmetric: g(a, b) must be
        g(b, a).
    q, c : array_like
        Variance, non-negative and finite, and correlation, from -1 to 1. They broadcast; the
        result has their common shape. Anything else raises ValueError.
    """
    q, c = np.broadcast_arrays(non_negative("q", q), _correlation(c))
    means = [_mean_of_pair(g, *one) for one in zip(q.flat, c.flat, strict=True)]
    return np.array(means, dtype=np.float64).reshape(q.shape)[()]


def correlation_map(
    c: ArrayLike,
    q: ArrayLike,
    sigma_w: ArrayLike,
    sigma_b: ArrayLike = 0.0,
    activation: str | Activation = "tanh",
) -> NDArray | np.float64:
    """Return the correlation of two signals in the next layer, both of mean square q in this one.

    It is computed as 1 - sigma_w² E[(φ(u₁) - φ(u₂))²] / (2 q_next), so that 1 - c keeps its digits
    where c is nearly 1. At q = 0 it is the limit of small q.

    Parameters
    ----------
    c : array_like
        Correlation of the pre-activations, from -1 to 1.
    q : array_like
        Their mean square, the same for both signals, non-negative, finite.
    sigma_w, sigma_b : array_like
        Std of a weight times √fan_in, and std of a bias: non-negative, finite.
    activation : str or Activation
        As in `theory.variance_map`. All arrays broadcast; anything impossible raises ValueError.
        Where both sigmas are 0 nothing is left to correlate, and the result is nan.
    """
    q = np.maximum(non_negative("q", q), TINY_Q)
    phi = resolve(activation).phi
    q_next = theory.variance_map(q, sigma_w, sigma_b, activation)
    half_distance = pair_mean(lambda a, b: (phi(a) - phi(b)) ** 2 / 2, q, c)
    with np.errstate(invalid="ignore"):
        return 1 - np.square(sigma_w) * half_distance / q_next


def correlation_slope(
    c: ArrayLike, q: ArrayLike, sigma_w: ArrayLike, activation: str | Activation = "tanh"
) -> NDArray | np.float64:
    """Return sigma_w² E[φ'(u₁) φ'(u₂)]: d c_next / d c where q has settled; at c = 1 it is chi.

    Arguments and errors as in `correlation_map`.
    """
    sigma_w, dphi = non_negative("sigma_w", sigma_w), resolve(activation).dphi
    q = np.maximum(non_negative("q", q), TINY_Q)
    return sigma_w**2 * pair_mean(lambda a, b: dphi(a) * dphi(b), q, c)


def correlation_path(
    c_first: ArrayLike,
    q_path: ArrayLike,
    sigma_w: ArrayLike,
    sigma_b: ArrayLike = 0.0,
    activation: str | Activation = "tanh",
) -> NDArray:
    """Return the correlation c of the layers of ``q_path``, the first being given.

    ``q_path`` (depth, ...) is what `theory.variance_path` returns for either signal; the result
    has shape (depth, ...), broadcast with ``c_first``. For inputs x₁, x₂ of the same length,
    ``c_first`` is (fan_in · Var(W) · mean(x₁ x₂) + sigma_b²) / q of the first layer. Errors as in
    `correlation_map`.
    """
    q_path = non_negative("q_path", q_path)
    if q_path.ndim < 1 or len(q_path) < 1:
        raise ValueError("q_path needs one entry a layer: take it from theory.variance_path")
    path = [
        np.broadcast_to(
            _correlation(c_first), np.broadcast_shapes(np.shape(c_first), q_path.shape[1:])
        )
    ]
    for q in q_path[:-1]:
        following = correlation_map(path[-1], q, sigma_w, sigma_b, activation)
        path.append(np.clip(following, -1, 1))  # rounding may step over the border
    return np.stack(np.broadcast_arrays(*path))


@dataclass(frozen=True)
class Settled:
    """Where two signals settle in a deep network, and how fast.

    Attributes
    ----------
    q
        Mean square of the pre-activations that the layers hand on: q*.
    c
        Correlation of any two signals, after many layers: c*. It is 1 in the ordered phase and on
        the edge, and below 1 in the chaotic phase. (Where q is 0, see `settle`.)
    chi
        d c_next / d c at c = 1, also the mean squared singular value of a layer's Jacobian.
    chi_c
        The same slope at c*; below 1, or 1 on the edge.
    xi_q, xi_c
        Depth scales, in layers: small deviations from q* and from c* shrink as exp(-layers / xi).
        Infinite where they shrink more slowly than that, or not at all.
    """

    q: float
    c: float
    chi: float
    chi_c: float
    xi_q: float
    xi_c: float

    @property
    def phase(self) -> str:
        """``"ordered"``, ``"critical"`` or ``"chaotic"``: chi below 1, 1 to 1e-9, above 1."""
        if abs(self.chi - 1) < 1e-9:
            return "critical"
        return "ordered" if self.chi < 1 else "chaotic"


def _depth_scale(slope: float) -> float:
    """Return the number of layers in which a deviation shrinks by e, if a layer keeps ``slope``."""
    slope = abs(slope)
    if slope == 0:
        return 0.0
    return math.inf if slope > 1 - 1e-9 else -1 / math.log(slope)


def _settled_correlation(q: float, sigma_w: float, sigma_b: float, activation: Activation) -> float:
    """Return the fixed point below c = 1 in the chaotic phase: there is exactly one from 0 on.

    c_next is a power series of c with no negative coefficient, so convex from c = 0 on.
    """

    def growth(log_gap: float) -> float:  # log of the factor on 1 - c in one layer
        gap = math.exp(log_gap)
        following = correlation_map(1 - gap, q, sigma_w, sigma_b, activation)
        return float((1 - following) / gap - 1)

    if growth(0.0) >= -1e-12:  # no bias, and an odd activation: unrelated signals stay so
        return 0.0
    low = math.log(1e-10)
    return 1 - math.exp(brentq(growth, low, 0.0, xtol=1e-10)) if growth(low) > 0 else 1.0


def settle(sigma_w: float, sigma_b: float = 0.0, activation: str | Activation = "tanh") -> Settled:
    """Return where the size and the correlation of signals settle, their depth scales, the phase.

    q is the `theory.settled_point` that `theory.chi` takes. Where it is 0, all numbers are the
    limits for a small bias: without one a correlation need not settle at c, nor at that speed.
    tanh at sigma_w ≤ 1 becomes linear as its signal dies, and keeps what its first layers have
    left of the correlation; ReLU takes it to 1 as a power of the depth, at any sigma_w. At its
    critical gain ReLU without bias keeps every q; then 0 stands for all of them.

    Raises
    ------
    ValueError
        Where the signal explodes and never settles, and as in `theory.fixed_points`.
    """
    activation = resolve(activation)
    point = theory.settled_point(sigma_w, sigma_b, activation)
    q, chi = point.q, float(theory.gradient_map(max(point.q, TINY_Q), sigma_w, activation))
    if chi <= 1 + 1e-9:
        c, chi_c = 1.0, chi
    else:
        c = _settled_correlation(q, sigma_w, sigma_b, activation)
        chi_c = float(correlation_slope(c, q, sigma_w, activation))
    return Settled(q, c, chi, chi_c, _depth_scale(point.slope), _depth_scale(chi_c))


def edge_of_chaos(
    sigma_b: ArrayLike, activation: str | Activation = "tanh"
) -> NDArray | np.float64:
    """Return the sigma_w at which chi is 1, for each ``sigma_b`` (...): above it there is chaos.

    Along the edge q runs from 0 to infinity: sigma_w is `theory.backward_gain` of q, and
    sigma_b² what is then missing to hold q. It counts where q is stable, which with GELU begins at
    sigma_b = 0.42, with SiLU at 0.75; below that their signals die or explode. Where the slope of φ
    has one mean square at every q (linear, ReLU, leaky ReLU) the edge is that one sigma_w; with a
    bias q grows without end on it, and above it the signal explodes.

    Raises
    ------
    ValueError
        If ``sigma_b`` is negative or not finite, or where no stable q up to 1e6 lies on the edge.
    """
    sigma_b, activation = non_negative("sigma_b", sigma_b), resolve(activation)
    log_q = np.log(np.geomspace(1e-12, 1e6, 181))
    sigma_w = theory.backward_gain(activation, np.exp(log_q))
    if np.ptp(sigma_w) < 1e-9 * sigma_w[0]:
        return np.full(sigma_b.shape, sigma_w[0])[()]

    def missing(log_q: NDArray | float) -> NDArray | float:  # the sigma_b² that would hold q
        q = np.exp(log_q)
        return q - theory.variance_map(q, theory.backward_gain(activation, q), 0.0, activation)

    on_grid, edge = missing(log_q), np.empty(sigma_b.size)
    for i, b in enumerate(sigma_b.flat):
        settles = False
        rises = np.flatnonzero((on_grid[:-1] < b**2) & (on_grid[1:] >= b**2))
        if b == 0 and activation.phi(np.zeros(1))[0] == 0:
            edge[i] = theory.critical_gain(activation)
            settles = theory.fixed_points(edge[i], 0.0, activation)[0].stable
        elif rises.size:
            cell = log_q[rises[-1] : rises[-1] + 2]
            q = math.exp(brentq(lambda x, b=b: missing(x) - b**2, *cell, xtol=1e-13))
            edge[i] = theory.backward_gain(activation, q)
            settles = variance_slope(q, edge[i], activation) < 1
        if not settles:
            raise ValueError(
                f"{activation.name} with sigma_b={b:g} has no edge of chaos: at no q up to 1e6 "
                "does the signal settle with chi = 1; try a larger sigma_b"
            )
    return edge.reshape(sigma_b.shape)[()]
