"""The mean field of two signals: against closed forms, Monte-Carlo, and networks of width 1,000."""

from __future__ import annotations

import math
from dataclasses import FrozenInstanceError

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import dblquad

from course_utils import theory
from course_utils.theory import ACTIVATION_FUNCTIONS
from course_utils.theory import correlation as mean_field

NAMES = list(ACTIVATION_FUNCTIONS)
WIDTH = 1000  # of the real networks
each_activation = pytest.mark.parametrize("name", NAMES)
some_q = st.floats(-6, 2).map(lambda power: 10.0**power)  # the range that the docstring promises
some_c = st.one_of(st.floats(-1, 1), st.floats(-12, 0).map(lambda power: 1 - 10.0**power))


def product(f):
    return lambda a, b: f(a) * f(b)


# ---------------------------------------------------------------- the quadrature


def relu_kernel(q, c):
    """Cho & Saul (2009), "Kernel methods for deep learning": the arc-cosine kernel of degree 1."""
    angle = math.acos(c)
    return q / (2 * math.pi) * (math.sin(angle) + (math.pi - angle) * c)


def erf_kernel(q, c):
    """Williams (1997), "Computing with infinite networks": the arcsine kernel."""
    return 2 / math.pi * math.asin(2 * q * c / (1 + 2 * q))


@given(q=some_q, c=some_c)
@settings(derandomize=True, max_examples=60)
def test_products_equal_the_closed_forms(q, c):
    for name, kernel in (("relu", relu_kernel), ("erf", erf_kernel)):
        size = theory.activation_mean_square(q, name)
        measured = mean_field.pair_mean(product(ACTIVATION_FUNCTIONS[name].phi), q, c)
        assert measured == pytest.approx(kernel(q, c), rel=0, abs=1e-11 * size)


@given(q=some_q, c=some_c)
@settings(derandomize=True, max_examples=60)
def test_products_of_slopes_equal_the_closed_forms(q, c):
    steps = mean_field.pair_mean(product(ACTIVATION_FUNCTIONS["relu"].dphi), q, c)
    assert steps == pytest.approx((math.pi - math.acos(c)) / (2 * math.pi), rel=1e-12, abs=1e-12)
    bells = mean_field.pair_mean(product(ACTIVATION_FUNCTIONS["erf"].dphi), q, c)
    exact = 4 / math.pi / math.sqrt((1 + 2 * q) ** 2 - (2 * q * c) ** 2)
    assert bells == pytest.approx(exact, rel=1e-9)


@each_activation
@pytest.mark.parametrize("q", [1e-6, 0.3, 4.0, 100.0])
def test_one_signal_and_two_unrelated_ones_are_what_theory_says(name, q):
    for f in (ACTIVATION_FUNCTIONS[name].phi, ACTIVATION_FUNCTIONS[name].dphi):
        square = theory.gaussian_mean(lambda x, f=f: f(x) ** 2, q)
        assert mean_field.pair_mean(product(f), q, 1.0) == pytest.approx(square, rel=1e-9)
        opposite = theory.gaussian_mean(lambda x, f=f: f(x) * f(-x), q)
        measured = mean_field.pair_mean(product(f), q, -1.0)
        assert measured == pytest.approx(opposite, rel=0, abs=1e-9 * square)
        unrelated = theory.gaussian_mean(f, q) ** 2
        measured = mean_field.pair_mean(product(f), q, 0.0)
        assert measured == pytest.approx(unrelated, rel=0, abs=1e-9 * square)


@pytest.mark.parametrize(("q", "c"), [(0.5, 0.6), (3.0, -0.4)])
def test_tanh_equals_adaptive_integration_in_two_dimensions(q, c):
    def integrand(y, x):
        other = c * x + math.sqrt(1 - c * c) * y
        bell = math.exp(-(x * x + y * y) / 2) / (2 * math.pi)
        return math.tanh(math.sqrt(q) * x) * math.tanh(math.sqrt(q) * other) * bell

    exact = dblquad(integrand, -9, 9, -9, 9, epsabs=1e-10, epsrel=1e-9)[0]
    assert mean_field.pair_mean(product(np.tanh), q, c) == pytest.approx(exact, rel=1e-8)


def test_arrays_broadcast_and_equal_their_scalars():
    q, c = np.array([[0.1], [2.0]]), np.array([-0.5, 0.0, 0.9])
    means = mean_field.pair_mean(product(np.tanh), q, c)
    mapped = mean_field.correlation_map(c, q, 1.5, 0.2)
    slopes = mean_field.correlation_slope(c, q, 1.5)
    assert means.shape == mapped.shape == slopes.shape == (2, 3)
    for i in range(2):
        for j in range(3):
            one = mean_field.pair_mean(product(np.tanh), q[i, 0], c[j])
            assert means[i, j] == pytest.approx(one, rel=1e-14)
            one = mean_field.correlation_map(c[j], q[i, 0], 1.5, 0.2)
            assert isinstance(one, np.float64) and mapped[i, j] == pytest.approx(one, rel=1e-14)


# ---------------------------------------------------------------- the map and its path


@each_activation
@given(q=some_q, c=st.floats(-1, 1), sigma_w=st.floats(0.1, 4), sigma_b=st.floats(0, 2))
@settings(derandomize=True, max_examples=10)
def test_a_correlation_stays_one_and_that_of_one_signal_with_itself_is_one(
    name, q, c, sigma_w, sigma_b
):
    following = mean_field.correlation_map(c, q, sigma_w, sigma_b, name)
    assert -1 - 1e-9 <= following <= 1
    assert mean_field.correlation_map(1.0, q, sigma_w, sigma_b, name) == 1
    assert mean_field.correlation_slope(1.0, q, sigma_w, name) == pytest.approx(
        theory.gradient_map(q, sigma_w, name), rel=1e-9
    )


@pytest.mark.parametrize("name", ["tanh", "gelu", "selu", "relu"])
@pytest.mark.parametrize("c", [-0.6, 0.2, 0.95])
def test_where_q_has_settled_the_slope_is_the_derivative_of_the_map(name, c):
    sigma_w, sigma_b = 1.1, 0.4
    q = theory.settled_point(sigma_w, sigma_b, name).q
    up, down = mean_field.correlation_map([c + 1e-4, c - 1e-4], q, sigma_w, sigma_b, name)
    slope = mean_field.correlation_slope(c, q, sigma_w, name)
    assert slope == pytest.approx((up - down) / 2e-4, rel=1e-5)


def test_a_small_gap_keeps_its_digits():
    gap = 1e-9
    following = mean_field.correlation_map(1 - gap, 0.5, 1.2, 0.3)
    q_next = theory.variance_map(0.5, 1.2, 0.3)
    factor = theory.gradient_map(0.5, 1.2) * 0.5 / q_next
    assert (1 - following) / gap == pytest.approx(factor, rel=1e-6)


def test_a_path_is_the_map_iterated_and_theory_gives_its_q():
    q_path = theory.variance_path(2.0, 6, 1.3, 0.3)
    path = mean_field.correlation_path([0.1, 0.9], q_path[:, None], 1.3, 0.3)
    assert path.shape == (6, 2)
    np.testing.assert_array_equal(path[0], [0.1, 0.9])
    for layer in range(5):
        following = mean_field.correlation_map(path[layer], q_path[layer], 1.3, 0.3)
        np.testing.assert_allclose(path[layer + 1], following, rtol=1e-14)


def test_relu_without_bias_turns_every_angle_towards_zero_at_any_gain():
    q_path = theory.variance_path(1.0, 400, 1.0, 0.0, "relu")
    path = mean_field.correlation_path(0.0, q_path, 1.0, 0.0, "relu")
    inverse = 1 / np.arccos(path)  # the angle falls as 3π/l, more slowly than any exponential
    assert (np.diff(path) > 0).all()
    assert inverse[399] - inverse[199] == pytest.approx(200 / (3 * math.pi), rel=0.01)


# ---------------------------------------------------------------- where it settles


@pytest.mark.parametrize("name", ["tanh", "erf", "sigmoid", "selu", "relu"])
@given(sigma_w=st.floats(0.1, 4), sigma_b=st.floats(0.05, 2))
@settings(derandomize=True, max_examples=10)
def test_what_has_settled_is_handed_on_and_attracts(name, sigma_w, sigma_b):
    if name in ("relu", "selu"):
        sigma_w /= 4  # below the gain from which on the signal explodes
    found = mean_field.settle(sigma_w, sigma_b, name)
    assert theory.variance_map(found.q, sigma_w, sigma_b, name) == pytest.approx(found.q, rel=1e-9)
    following = mean_field.correlation_map(found.c, found.q, sigma_w, sigma_b, name)
    assert following == pytest.approx(found.c, abs=1e-8)
    assert found.chi == theory.chi(sigma_w, sigma_b, name)
    slope = mean_field.correlation_slope(found.c, found.q, sigma_w, name)
    assert found.chi_c == pytest.approx(slope, rel=1e-8)
    assert found.chi_c <= 1 and 0 <= found.c <= 1
    assert (found.c == 1) == (found.phase == "ordered") == (found.chi < 1)
    assert found.xi_c == pytest.approx(-1 / math.log(slope), rel=1e-6)


def test_q_and_c_approach_their_fixed_points_at_their_depth_scales():
    for sigma_w, sigma_b in [(1.0, 0.3), (2.0, 0.6)]:
        found = mean_field.settle(sigma_w, sigma_b)
        off_q = theory.variance_path(1.01 * found.q, 4, sigma_w, sigma_b) - found.q
        assert -1 / np.log(off_q[1:] / off_q[:-1]) == pytest.approx(found.xi_q, rel=0.02)
        start = 0.99 * found.c
        off_c = mean_field.correlation_path(start, np.full(9, found.q), sigma_w, sigma_b) - found.c
        assert -1 / np.log(off_c[1:] / off_c[:-1]) == pytest.approx(found.xi_c, rel=0.03)


def test_the_scale_of_q_is_that_of_schoenholz():
    found = mean_field.settle(1.5, 0.4)  # they write the slope with φ'': integrate by parts
    curvature = theory.gaussian_mean(lambda x: -2 * np.tanh(x) ** 2 / np.cosh(x) ** 2, found.q)
    assert -1 / math.log(found.chi + 1.5**2 * curvature) == pytest.approx(found.xi_q, rel=1e-9)


def test_unrelated_signals_stay_so_in_chaos_without_bias():
    found = mean_field.settle(1.5, 0.0)
    assert found.phase == "chaotic" and found.c == 0
    slope = 1.5**2 * theory.gaussian_mean(lambda x: 1 - np.tanh(x) ** 2, found.q) ** 2
    assert found.chi_c == pytest.approx(slope, rel=1e-9)  # unrelated: the mean of a product


def test_the_edge_itself_has_infinite_depth_scales_where_nothing_decays_exponentially():
    found = mean_field.settle(1.0, 0.0, "tanh")
    assert found.phase == "critical" and found.c == 1
    assert found.xi_q == found.xi_c == math.inf
    found = mean_field.settle(math.sqrt(2), 0.0, "relu")
    assert found.phase == "critical" and found.xi_c == math.inf


def test_a_dead_signal_has_the_limits_of_a_small_bias():
    found, limit = mean_field.settle(0.7, 0.0), mean_field.settle(0.7, 1e-6)
    assert found.q == 0 and found.phase == limit.phase == "ordered"
    assert found.xi_c == pytest.approx(limit.xi_c, rel=1e-6)
    assert found.xi_q == pytest.approx(limit.xi_q, rel=1e-6)
    assert mean_field.settle(0.0, 0.3).xi_c == 0  # after one layer nothing is left of the input


def test_without_a_bias_a_dying_tanh_keeps_a_correlation_and_relu_does_not():
    q_path = theory.variance_path(1.0, 300, 1.0, 0.0)
    path = mean_field.correlation_path(0.3, q_path, 1.0)
    assert path[29] == pytest.approx(0.26, abs=5e-4)
    assert path[-1] == pytest.approx(0.2587, abs=1e-4)  # not 1, though chi is 1 at q = 0
    q_path = theory.variance_path(1.0, 30, 1.0, 0.0, "relu")
    left = 1 - mean_field.correlation_path(0.0, q_path, 1.0, 0.0, "relu")[-1]
    assert left == pytest.approx(0.03, abs=1e-3)  # not χ²⁹, 2e-9


@pytest.mark.parametrize(
    ("setting", "c"), [(("tanh", 1.0), 0.2586), (("tanh", 0.7), None), (("relu", 1.0), 0.97)]
)
def test_networks_without_bias_keep_the_correlations_that_the_paths_foretell(setting, c):
    name, sigma_w = setting
    rng = np.random.default_rng(2)
    ends = []
    for _ in range(4):
        pair = np.linalg.qr(rng.standard_normal((WIDTH, 2)))[0] * math.sqrt(WIDTH)
        h = pair @ np.array([[1, 0.3], [0, math.sqrt(1 - 0.3**2)]])  # correlated by 0.3
        for _ in range(30):
            weight = rng.standard_normal((WIDTH, WIDTH), dtype=np.float32)
            z = sigma_w / math.sqrt(WIDTH) * weight @ h
            h = ACTIVATION_FUNCTIONS[name].phi(z)
        ends.append(z[:, 0] @ z[:, 1] / np.linalg.norm(z, axis=0).prod())
    q_path = theory.variance_path(sigma_w**2, 30, sigma_w, 0.0, name)
    foretold = mean_field.correlation_path(0.3, q_path, sigma_w, 0.0, name)[-1]
    assert np.mean(ends) == pytest.approx(foretold, abs=0.12)  # single networks stray by 0.1
    assert c is None or foretold == pytest.approx(c, abs=5e-3)


def test_close_to_the_edge_the_depth_scale_grows_without_end():
    edge = mean_field.edge_of_chaos(0.3)
    scales = [mean_field.settle(edge * (1 + off), 0.3).xi_c for off in (-1e-2, -1e-4, 1e-4, 1e-2)]
    assert scales[1] > 50 * scales[0] > 500 and scales[2] > 50 * scales[3] > 500


# ---------------------------------------------------------------- the edge of chaos


@pytest.mark.parametrize("name", ["tanh", "erf", "sigmoid", "selu", "elu", "gelu", "silu"])
def test_chi_is_one_on_the_edge(name):
    sigma_b = np.array([0.8, 1.0, 2.0] if name in ("gelu", "silu") else [0.05, 0.3, 1.0])
    edge = mean_field.edge_of_chaos(sigma_b, name)
    assert edge.shape == (3,)
    for w, b in zip(edge, sigma_b, strict=True):
        assert theory.chi(w, b, name) == pytest.approx(1, abs=1e-9)
        assert mean_field.settle(0.99 * w, b, name).phase == "ordered"
        assert mean_field.settle(1.001 * w, b, name).phase == "chaotic"


def test_the_edge_of_tanh_starts_at_gain_one_and_rises_with_the_bias():
    edge = mean_field.edge_of_chaos(np.linspace(0, 2, 9))
    assert edge[0] == 1 and (np.diff(edge) > 0).all()
    assert mean_field.edge_of_chaos(math.sqrt(0.05)) ** 2 == pytest.approx(1.7610, abs=1e-4)


@pytest.mark.parametrize("name", ["relu", "leaky_relu", "linear"])
def test_a_homogeneous_activation_has_one_critical_gain_at_every_bias(name):
    edge = mean_field.edge_of_chaos([0.0, 0.3], name)
    assert edge == pytest.approx([theory.critical_gain(name)] * 2, rel=1e-12)


@pytest.mark.parametrize(("name", "begins"), [("gelu", 0.42), ("silu", 0.75)])
def test_the_edge_of_gelu_and_silu_begins_at_a_bias(name, begins):
    for sigma_b in (0.0, 0.1, 0.3, begins - 0.01):
        with pytest.raises(ValueError, match=rf"{name} with sigma_b={sigma_b:g} has no edge"):
            mean_field.edge_of_chaos(sigma_b, name)
    for sigma_b in (begins, begins + 0.05, 2.0, 5.0):
        edge = mean_field.edge_of_chaos(sigma_b, name)
        assert 1.39 < edge < math.sqrt(2)
        assert mean_field.settle(edge, sigma_b, name).phase == "critical"


def test_the_edge_of_gelu_and_silu_is_a_little_below_he():
    assert mean_field.edge_of_chaos(0.5, "gelu") == pytest.approx(1.400, abs=5e-4)
    assert mean_field.edge_of_chaos(0.8, "silu") == pytest.approx(1.407, abs=5e-4)


@pytest.mark.parametrize("sigma_w", [2.0, 2.5])
@pytest.mark.parametrize("name", ["gelu", "silu"])
def test_where_the_signal_grows_without_end_nothing_settles(name, sigma_w):
    with pytest.raises(ValueError, match="explodes and never settles"):
        mean_field.settle(sigma_w, 0.0, name)


# ---------------------------------------------------------------- errors


@pytest.mark.parametrize("bad", [1.5, -1.01, math.nan, "high", None])
def test_what_is_no_correlation_is_refused(bad):
    for call in (
        lambda: mean_field.pair_mean(np.multiply, 1.0, bad),
        lambda: mean_field.correlation_map(bad, 1.0, 1.0),
        lambda: mean_field.correlation_slope([0.5, bad], 1.0, 1.0),
        lambda: mean_field.correlation_path(bad, [1.0, 1.0], 1.0),
    ):
        with pytest.raises(ValueError, match="c must hold correlations, from -1 to 1, got"):
            call()


@pytest.mark.parametrize("bad", [-1.0, math.nan, math.inf])
def test_bad_numbers_are_named(bad):
    for name, call in {
        "q must": lambda: mean_field.correlation_map(0.5, bad, 1.0),
        "sigma_w must": lambda: mean_field.correlation_slope(0.5, 1.0, bad),
        "sigma_b must": lambda: mean_field.edge_of_chaos(bad),
        "q_path must": lambda: mean_field.correlation_path(0.5, [1.0, bad], 1.0),
        "sigma_w must ": lambda: mean_field.settle(bad),
    }.items():
        with pytest.raises(ValueError, match=f"{name}.*non-negative finite"):
            call()


def test_a_signal_that_explodes_does_not_settle():
    with pytest.raises(ValueError, match="explodes and never settles"):
        mean_field.settle(1.5, 0.3, "relu")
    with pytest.raises(ValueError, match="one entry a layer"):
        mean_field.correlation_path(0.5, 1.0, 1.0)


def test_results_cannot_be_changed_by_mistake():
    with pytest.raises(FrozenInstanceError):
        mean_field.settle(1.5).q = 3.0


# ---------------------------------------------------------------- real networks of width 1,000

GRID = [("tanh", w, b) for w in (1.0, 1.5, 2.0, 2.5) for b in (0.6, 0.8, 1.0)]
GRID += [("erf", 0.9, 0.5), ("erf", 1.8, 0.8), ("relu", 0.8, 0.3), ("relu", 1.2, 0.5)]
GRID += [("selu", 0.7, 0.4)]
SETTLED = [mean_field.settle(w, b, name) for name, w, b in GRID]


def pre_activations(h, depth, rng):
    """Send inputs h (units, settings, inputs) through one network, scaled for every setting."""
    sigma_w, sigma_b = np.array([row[1:] for row in GRID], dtype=np.float32).T[..., None]
    for _ in range(depth):
        weight = rng.standard_normal((WIDTH, WIDTH), dtype=np.float32)
        bias = rng.standard_normal((WIDTH, 1, 1), dtype=np.float32)
        z = (weight @ h.reshape(WIDTH, -1)).reshape(h.shape)
        z = sigma_w / math.sqrt(WIDTH) * z + sigma_b * bias
        yield z
        h = np.empty_like(z)
        for g, (name, _, _) in enumerate(GRID):
            h[:, g] = ACTIVATION_FUNCTIONS[name].phi(z[:, g])


def settled_in_networks(networks=6, depth=50, inputs=8):
    """Mean square and correlation in the second half of the layers: (networks, settings) each."""
    rng = np.random.default_rng(0)
    q, c = np.zeros((2, networks, len(GRID)))
    row, column = np.triu_indices(inputs, 1)
    for i in range(networks):
        h = rng.standard_normal((WIDTH, len(GRID), inputs), dtype=np.float32)
        for layer, z in enumerate(pre_activations(h, depth, rng)):
            if layer >= depth // 2:
                columns = z.transpose(1, 2, 0)  # (settings, inputs, units)
                gram = columns @ columns.transpose(0, 2, 1) / WIDTH
                size = np.diagonal(gram, axis1=1, axis2=2)  # (settings, inputs)
                q[i] += size.mean(1) / (depth - depth // 2)
                size = np.sqrt(size[:, :, None] * size[:, None, :])
                c[i] += (gram / size)[:, row, column].mean(1) / (depth - depth // 2)
    return q, c


def five_inputs(rng, sigma_w, sigma_b, found):
    """One input, two at slightly different angles to it, a longer and a shorter one: (units, 5).

    Their pre-activations in layer 1 have q and c slightly off the fixed point, to both sides.
    """
    one, other = np.linalg.qr(rng.standard_normal((WIDTH, 2)))[0].T * math.sqrt(WIDTH)

    def length(q):  # of an input whose pre-activations have the mean square q
        return math.sqrt((q - sigma_b**2) / sigma_w**2)

    def turned(c):
        cosine = (c * found.q - sigma_b**2) / (found.q - sigma_b**2)
        return length(found.q) * (cosine * one + math.sqrt(max(0, 1 - cosine**2)) * other)

    apart = 0.25 * (1 - found.c)
    angles = (1.0, 1 - 1e-3) if found.c == 1 else (found.c + apart, found.c - apart)
    rows = [turned(1.0), *map(turned, angles), *(length(f * found.q) * one for f in (1.1, 0.9))]
    return np.stack(rows, axis=1)


def depth_scale(gaps):
    """Fit exp(-layer / ξ) to the mean over networks of the gaps (networks, layers), weighted.

    It ends at the first layer whose mean is below eight of its standard errors, or below 1e-6.
    """
    mean, error = gaps.mean(0), gaps.std(0, ddof=1) / math.sqrt(len(gaps))
    clear = (mean > 8 * error) & (mean > 1e-6)
    end = len(clear) if clear.all() else int(np.argmin(clear))
    assert end >= 2
    return -1 / np.polyfit(np.arange(end), np.log(mean[:end]), 1, w=(mean / error)[:end])[0]


def scales_in_networks(networks=10, depth=20, groups=4):
    """Measured depth scales of q and of c: (settings,) each."""
    rng = np.random.default_rng(1)
    q_gap, c_gap = np.zeros((2, len(GRID), networks, depth))
    for i in range(networks):
        settings = zip(GRID, SETTLED, strict=True)
        inputs = [[five_inputs(rng, *row[1:], s) for _ in range(groups)] for row, s in settings]
        h = np.array(inputs, dtype=np.float32).transpose(2, 0, 1, 3)  # (units, settings, groups, 5)
        for layer, z in enumerate(pre_activations(h.reshape(WIDTH, len(GRID), -1), depth, rng)):
            z = z.reshape(h.shape)
            q = np.square(z).mean(0)  # (settings, groups, 5)
            gaps = [np.square(z[..., 0] - z[..., k]).mean(0) for k in (1, 2)]
            near, far = (gap / (q[..., 0] + q[..., k]) for k, gap in enumerate(gaps, 1))  # 1 - c
            q_gap[:, i, layer] = (q[..., 3] - q[..., 4]).mean(1)
            c_gap[:, i, layer] = (far - near).mean(1)
    return [[depth_scale(gaps) for gaps in gap] for gap in (q_gap, c_gap)]


def test_networks_of_width_1000_settle_within_3_percent_of_q_and_c():
    # 6 networks, 25 layers each, 8 inputs: the standard errors are about 1 %
    q, c = settled_in_networks()
    for g, setting in enumerate(GRID):
        assert q[:, g].mean() == pytest.approx(SETTLED[g].q, rel=0.03), setting
        assert c[:, g].mean() == pytest.approx(SETTLED[g].c, rel=0.03), setting


@pytest.mark.parametrize(("name", "sigma_b"), [("gelu", 0.5), ("silu", 0.8)])
def test_networks_of_width_1000_hold_signal_and_gradient_on_the_edge(name, sigma_b):
    edge, act = float(mean_field.edge_of_chaos(sigma_b, name)), ACTIVATION_FUNCTIONS[name]
    for sigma_w in (edge, 0.8 * edge):
        point, rng, depth = mean_field.settle(sigma_w, sigma_b, name), np.random.default_rng(3), 10
        factors, sizes, gaps = [], [], []
        for _ in range(4):
            pair = rng.standard_normal((WIDTH, 1)) + 1e-3 * rng.standard_normal((WIDTH, 8))
            z, delta = math.sqrt(point.q) * pair, rng.standard_normal((WIDTH, 8))
            for _ in range(depth):
                weight = rng.standard_normal((WIDTH, WIDTH), dtype=np.float32)
                weight *= sigma_w / math.sqrt(WIDTH)
                passed = act.dphi(z) * (weight.T @ delta)  # δ that knows nothing of the weights
                factors.append(np.square(passed).mean() / np.square(delta).mean())
                below = np.square(z[:, 1:] - z[:, :1]).mean()
                z = weight @ act.phi(z) + sigma_b * rng.standard_normal((WIDTH, 1))
                sizes.append(np.square(z).mean() / point.q)
                gaps.append(np.square(z[:, 1:] - z[:, :1]).mean() / below)
        assert np.mean(factors) == pytest.approx(point.chi, rel=0.03)
        assert np.mean(gaps) == pytest.approx(point.chi, rel=0.03)  # 1 - c and q together
        assert np.mean(sizes) == pytest.approx(1, rel=0.15)
        assert (abs(point.chi - 1) < 1e-9) == (sigma_w == edge)


def test_networks_of_width_1000_settle_at_the_depth_scales_within_15_percent():
    xi_q, xi_c = scales_in_networks()
    for g, setting in enumerate(GRID):
        assert xi_q[g] == pytest.approx(SETTLED[g].xi_q, rel=0.15), setting
        assert xi_c[g] == pytest.approx(SETTLED[g].xi_c, rel=0.15), setting


@pytest.mark.parametrize(
    "call",
    [
        lambda q: mean_field.pair_mean(product(np.tanh), q, 0.5),
        lambda q: theory.correlation_map(0.5, q, 1.0),
        lambda q: theory.correlation_slope(0.5, q, 1.0),
    ],
)
def test_a_negative_mean_square_is_called_by_its_name(call):
    with pytest.raises(ValueError, match=r"\bq must"):
        call(-1.0)
