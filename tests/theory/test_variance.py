"""The theory against closed forms, adaptive quadrature, Monte-Carlo, torch, and real networks."""

from __future__ import annotations

import math
import warnings
from dataclasses import FrozenInstanceError
from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad
from torch import nn

from course_utils import theory
from course_utils.networks import ACTIVATIONS
from course_utils.theory import ACTIVATION_FUNCTIONS, Activation, leaky_relu
from course_utils.theory.variance import FixedPoint

NAMES = list(ACTIVATION_FUNCTIONS)
TORCH = {name: make() for name, make in ACTIVATIONS.items()} | {"erf": torch.erf}
each_activation = pytest.mark.parametrize("name", NAMES)
some_q = st.floats(-12, 6).map(lambda power: 10.0**power)  # the range that the docstring promises
some_sigma = st.floats(0.01, 10)


# ---------------------------------------------------------------- Gaussian means

CLOSED_FORMS = {  # name: (E[φ²], E[φ'²]) for a variance q
    "linear": (lambda q: q, lambda q: 1.0),
    "relu": (lambda q: q / 2, lambda q: 0.5),
    "leaky_relu": (lambda q: q * (1 + 0.01**2) / 2, lambda q: (1 + 0.01**2) / 2),
    # Williams (1997), "Computing with infinite networks": the arcsine kernel on its diagonal
    "erf": (
        lambda q: 2 / math.pi * math.asin(2 * q / (1 + 2 * q)),
        lambda q: 4 / math.pi / math.sqrt(1 + 4 * q),
    ),
}


@pytest.mark.parametrize("name", CLOSED_FORMS)
@given(q=some_q)
@settings(deadline=None, derandomize=True)
def test_quadrature_equals_the_closed_form(name, q):
    mean_square, slope_mean_square = CLOSED_FORMS[name]
    assert theory.activation_mean_square(q, name) == pytest.approx(mean_square(q), rel=1e-11)
    assert theory.gradient_map(q, 1.0, name) == pytest.approx(slope_mean_square(q), rel=1e-11)


@given(q=some_q)
@settings(deadline=None, derandomize=True)
def test_mean_activation_equals_the_closed_form(q):
    relu = math.sqrt(q / (2 * math.pi))
    assert theory.activation_mean(q, "relu") == pytest.approx(relu, rel=1e-11)
    assert theory.activation_mean(q, "leaky_relu") == pytest.approx(0.99 * relu, rel=1e-11)
    gelu = q / math.sqrt(2 * math.pi * (1 + q))  # Stein: E[x Φ(x)] = q E[Φ'(x)]
    assert theory.activation_mean(q, "gelu") == pytest.approx(gelu, rel=1e-8)
    assert theory.activation_mean(q, "sigmoid") == pytest.approx(0.5, rel=1e-14)
    assert theory.activation_mean(q, "tanh") == pytest.approx(0, abs=1e-14)


def adaptive_mean(f, q):
    """E[f(√q z)] by scipy's adaptive quadrature, told where f may change."""
    scale = math.sqrt(q)
    cuts = {k / scale for k in (0.01, 0.1, 0.5, 1, 2, 4, 8, 16, 32)}
    edges = sorted({0.0, 1e-3, 0.1, 1, 3, 6, 12} | {c for c in cuts if c < 12})

    def integrand(z, sign):
        return float(f(np.array([sign * scale * z]))[0]) * math.exp(-z * z / 2)

    pieces = [
        quad(integrand, low, high, args=(sign,), epsabs=0, epsrel=1e-12, limit=200)[0]
        for sign in (-1, 1)
        for low, high in pairwise(edges)
    ]
    return sum(pieces) / math.sqrt(2 * math.pi)


@pytest.mark.filterwarnings("ignore::scipy.integrate.IntegrationWarning")
@pytest.mark.parametrize("q", [1e-12, 1e-5, 0.04, 1.0, 30.0, 1e6])
@each_activation
def test_quadrature_equals_adaptive_integration_within_1e_11(name, q):
    phi, dphi = ACTIVATION_FUNCTIONS[name].phi, ACTIVATION_FUNCTIONS[name].dphi
    for f in (lambda x: phi(x) ** 2, lambda x: dphi(x) ** 2):
        assert theory.gaussian_mean(f, q) == pytest.approx(adaptive_mean(f, q), rel=1e-11)
    size = math.sqrt(theory.activation_mean_square(q, name))  # the mean itself may vanish
    assert theory.activation_mean(q, name) == pytest.approx(
        adaptive_mean(phi, q), rel=0, abs=1e-11 * size
    )


def test_gauss_hermite_would_not_have_been_enough():
    nodes, weights = np.polynomial.hermite_e.hermegauss(100)
    weights = weights / weights.sum()

    def error(f, q):
        exact = theory.gaussian_mean(f, q)
        return abs(weights @ f(math.sqrt(q) * nodes) / exact - 1)

    assert error(lambda x: np.tanh(x) ** 2, 0.1) < 1e-12  # smooth and slow: perfect
    assert error(ACTIVATION_FUNCTIONS["relu"].phi, 1.0) > 1e-3  # a kink
    assert (
        error(lambda x: ACTIVATION_FUNCTIONS["tanh"].dphi(x) ** 2, 1e6) > 0.5
    )  # faster than its nodes


@each_activation
def test_monte_carlo_agrees_within_five_standard_errors(name):
    samples = 1_000_000
    z = np.random.default_rng(1).standard_normal(samples)
    for q in (0.1, 1.0, 9.0):
        x = math.sqrt(q) * z
        phi, slope = ACTIVATION_FUNCTIONS[name].phi(x), ACTIVATION_FUNCTIONS[name].dphi(x)
        for values, exact in (
            (phi, theory.activation_mean(q, name)),
            (phi**2, theory.activation_mean_square(q, name)),
            (slope**2, theory.gradient_map(q, 1.0, name)),
        ):
            standard_error = values.std() / math.sqrt(samples)
            assert abs(values.mean() - exact) <= 5 * standard_error + 1e-12


def test_own_activation_is_taken_with_constant_slope_too():
    doubled = Activation("doubled", lambda x: 2 * x, lambda x: 2.0)
    assert theory.variance_map(3.0, 0.5, 1.0, doubled) == pytest.approx(4.0, rel=1e-13)
    assert theory.gradient_map([3.0, 4.0], 0.5, doubled) == pytest.approx([1.0, 1.0], rel=1e-13)
    sine = Activation("sin", np.sin, np.cos)
    expected = 1 / math.sqrt((1 - math.exp(-2)) / 2)
    assert theory.forward_gain(sine) == pytest.approx(expected, rel=1e-12)


# ---------------------------------------------------------------- maps and paths


@each_activation
def test_arrays_broadcast_and_equal_their_scalars(name):
    q = np.array([0.0, 1e-3, 1.0, 50.0])  # (4,)
    sigma_w = np.array([[0.5], [1.0], [2.0]])  # (3, 1)
    sigma_b = np.array([[0.1], [0.0], [0.3]])  # (3, 1)
    forward = theory.variance_map(q, sigma_w, sigma_b, name)
    backward = theory.gradient_map(q, sigma_w, name)
    path = theory.variance_path(q, 4, sigma_w, sigma_b, name)
    slopes = theory.gradient_path(path, sigma_w, name)
    assert forward.shape == backward.shape == (3, 4) and path.shape == slopes.shape == (4, 3, 4)
    for i in range(3):
        for j in range(4):
            w, b = sigma_w[i, 0], sigma_b[i, 0]
            assert forward[i, j] == pytest.approx(theory.variance_map(q[j], w, b, name), rel=1e-14)
            assert backward[i, j] == pytest.approx(theory.gradient_map(q[j], w, name), rel=1e-14)
            alone = theory.variance_path(q[j], 4, w, b, name)
            np.testing.assert_allclose(path[:, i, j], alone, rtol=1e-13)
            np.testing.assert_allclose(slopes[:, i, j], theory.gradient_path(alone, w, name), 1e-13)


def test_more_values_of_q_than_one_block_holds():
    q = np.linspace(0, 3, 1001)
    np.testing.assert_allclose(theory.activation_mean_square(q, "relu"), q / 2, rtol=1e-13)
    assert theory.activation_mean_square(np.empty((0, 3)), "relu").shape == (0, 3)


def test_a_scalar_gives_a_float64():
    assert isinstance(theory.variance_map(1, 1, 1), np.float64)
    assert isinstance(theory.gradient_map(1, 1), np.float64)
    assert theory.variance_path(np.float32(1), 3, 1).dtype == np.float64


@each_activation
@given(q=some_q, sigma_w=some_sigma, sigma_b=some_sigma, depth=st.integers(1, 6))
@settings(deadline=None, derandomize=True, max_examples=25)
def test_paths_are_the_maps_iterated(name, q, sigma_w, sigma_b, depth):
    path = theory.variance_path(q, depth, sigma_w, sigma_b, name)
    gradients = theory.gradient_path(path, sigma_w, name)
    assert path.shape == gradients.shape == (depth,)
    assert path[0] == q and gradients[-1] == 1
    for layer in range(depth - 1):
        following = theory.variance_map(path[layer], sigma_w, sigma_b, name)
        assert path[layer + 1] == pytest.approx(following, rel=1e-14)
        factor = theory.gradient_map(path[layer], sigma_w, name)
        assert gradients[layer] == pytest.approx(factor * gradients[layer + 1], rel=1e-13)


@pytest.mark.parametrize("name", ["linear", "relu", "leaky_relu"])
@given(q=some_q, scale=st.floats(1e-3, 1e3), sigma_w=some_sigma)
@settings(deadline=None, derandomize=True)
def test_homogeneous_activations_scale_with_q_and_their_gradient_does_not_see_it(
    name, q, scale, sigma_w
):
    scaled = theory.variance_map(scale * q, sigma_w, 0, name)
    assert scaled == pytest.approx(scale * theory.variance_map(q, sigma_w, 0, name), rel=1e-11)
    # what one layer does to the signal it does to the gradient: the reason why He needs one fan
    assert scaled == pytest.approx(theory.gradient_map(q, sigma_w, name) * scale * q, rel=1e-11)


@each_activation
@given(low=some_q, factor=st.floats(1.001, 100), sigma_w=some_sigma)
@settings(deadline=None, derandomize=True, max_examples=25)
def test_a_larger_signal_stays_larger(name, low, factor, sigma_w):
    assert theory.variance_map(low * factor, sigma_w, 0.1, name) >= (1 - 1e-12) * (
        theory.variance_map(low, sigma_w, 0.1, name)
    )


@each_activation
def test_explosion_is_infinite_or_bounded_and_never_a_warning_or_nan(name):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        path = theory.variance_path(1.0, 200, 1e4, 0.0, name)
        gradients = theory.gradient_path(path, 1e4, name)
        mean = theory.activation_mean(path, name)
    assert not np.isnan(path).any() and not np.isnan(gradients).any()
    assert not np.isnan(mean[np.isfinite(path)]).any()  # ∞ - ∞ has no mean
    bounded = name in ("tanh", "sigmoid", "erf")
    assert np.isinf(path[-1]) != bounded


def test_zero_weights_leave_the_bias_alone_and_pass_no_gradient():
    assert theory.variance_path(1.0, 3, 0.0, 0.5, "tanh") == pytest.approx([1, 0.25, 0.25])
    assert theory.gradient_path([1, 0.25, 0.25], 0.0, "tanh") == pytest.approx([0, 0, 1])


def simulate(name, sigma_w, sigma_b, *, width=1000, depth=6, inputs=16, seeds=4):
    """Mean square of pre-activations and gradients per layer of real networks: (seeds, depth)."""
    forward, backward = np.empty((seeds, depth)), np.empty((seeds, depth))
    for seed in range(seeds):
        generator = torch.Generator().manual_seed(seed)
        h = torch.randn(inputs, width, generator=generator)
        pre_activations = []
        for _ in range(depth):
            layer = nn.Linear(width, width, device="meta")
            weight = torch.randn(width, width, generator=generator) * sigma_w / math.sqrt(width)
            layer.weight = nn.Parameter(weight, requires_grad=False)
            layer.bias = nn.Parameter(torch.randn(width, generator=generator) * sigma_b)
            z = layer(h)  # (inputs, width)
            z.retain_grad()
            pre_activations.append(z)
            h = TORCH[name](z)
        top = torch.randn(inputs, width, generator=generator)
        (pre_activations[-1] * top).sum().backward()
        forward[seed] = [z.detach().square().mean() for z in pre_activations]
        backward[seed] = [z.grad.square().mean() for z in pre_activations]
    return forward, backward


@pytest.mark.parametrize(
    ("name", "sigma_w", "sigma_b"),
    [
        ("linear", 0.9, 0.3),
        ("tanh", 5 / 3, 0.0),
        ("tanh", 1.0, 0.2),
        ("sigmoid", 3.0, 0.1),
        ("relu", math.sqrt(2), 0.0),
        ("leaky_relu", 1.3, 0.2),
        ("selu", 1.0, 0.0),
        ("gelu", 1.6, 0.1),
        ("erf", 1.5, 0.1),
    ],
)
def test_real_networks_of_width_1000_follow_the_theory(name, sigma_w, sigma_b):
    forward, backward = simulate(name, sigma_w, sigma_b)
    path = theory.variance_path(sigma_w**2 + sigma_b**2, 6, sigma_w, sigma_b, name)
    gradients = theory.gradient_path(path, sigma_w, name)
    # One network strays: a layer's mean square has a relative variance of up to 5/width (ReLU,
    # 2/width of it from the weights), and the strays add up. Four networks of six layers:
    standard_error = math.sqrt(5 * 6 / 1000 / 4)  # 0.087, the worst case, in the last layer
    assert np.abs(forward.mean(axis=0) / path - 1).max() < 3 * standard_error
    assert np.abs(backward.mean(axis=0) / gradients - 1).max() < 3 * standard_error
    # Layer by layer, from the measured q of the layer below, 20 steps average out: 0.016.
    step = forward[:, 1:] / theory.variance_map(forward[:, :-1], sigma_w, sigma_b, name)
    back_step = backward[:, :-1] / (
        theory.gradient_map(forward[:, :-1], sigma_w, name) * backward[:, 1:]
    )
    assert abs(step.mean() - 1) < 0.04
    assert abs(back_step.mean() - 1) < 0.04


@pytest.mark.parametrize("name", ["relu", "sigmoid"])
def test_pooled_std_of_activations_is_root_of_mean_square_minus_squared_mean(name):
    generator = torch.Generator().manual_seed(0)
    q, width = 2.0, 1000
    inputs = torch.randn(64, width, generator=generator)
    weight = torch.randn(width, width, generator=generator) * math.sqrt(q / width)
    activations = TORCH[name](inputs @ weight.T)  # (inputs, units), weights shared by all inputs
    mean, mean_square = theory.activation_mean(q, name), theory.activation_mean_square(q, name)
    assert activations.std().item() == pytest.approx(math.sqrt(mean_square - mean**2), rel=0.02)


# ---------------------------------------------------------------- gains


@pytest.mark.parametrize("name", ["linear", "relu", "leaky_relu"])
def test_forward_gain_equals_torchs_where_the_activation_is_homogeneous(name):
    expected = nn.init.calculate_gain(name)
    assert theory.forward_gain(name) == pytest.approx(expected, rel=1e-13)
    assert theory.critical_gain(name) == pytest.approx(expected, rel=1e-13)


@pytest.mark.parametrize(
    ("name", "torchs", "ours"),
    [("tanh", 5 / 3, 1.5925), ("selu", 3 / 4, 1.0), ("sigmoid", 1, 1.8462)],
)
def test_forward_gain_differs_from_torchs_for_tanh_selu_and_sigmoid(name, torchs, ours):
    assert nn.init.calculate_gain(name) == torchs
    assert theory.forward_gain(name) == pytest.approx(ours, abs=5e-5)


@each_activation
def test_forward_gain_holds_the_mean_square_at_one(name):
    gain = theory.forward_gain(name)
    assert theory.variance_map(1.0, gain, 0.0, name) == pytest.approx(1, rel=1e-13)


@each_activation
def test_forward_gain_holds_any_mean_square(name):
    q = np.array([[0.01, 0.5], [3.0, 40.0]])
    gain = theory.forward_gain(name, q)
    assert gain.shape == q.shape
    np.testing.assert_allclose(theory.variance_map(q, gain, 0.0, name), q, rtol=1e-13)


@each_activation
def test_backward_gain_holds_the_gradient(name):
    q = np.array([0.01, 1.0, 40.0])
    gain = theory.backward_gain(name, q)
    np.testing.assert_allclose(theory.gradient_map(q, gain, name), 1, rtol=1e-13)


@pytest.mark.parametrize("slope", [0, 0.01, 0.25, 1, -0.5])
def test_a_leaky_slope_has_one_gain_for_both_directions_and_any_q(slope):
    expected = math.sqrt(2 / (1 + slope**2))
    for gain in (theory.forward_gain, theory.backward_gain):
        np.testing.assert_allclose(gain(leaky_relu(slope), [0.1, 1.0, 9.0]), expected, rtol=1e-12)
    assert expected == pytest.approx(nn.init.calculate_gain("leaky_relu", slope))


def test_both_gains_of_a_smooth_activation_tend_to_the_critical_one_for_small_signals():
    for name in ("tanh", "gelu", "silu", "elu"):
        critical = theory.critical_gain(name)
        assert theory.forward_gain(name, 1e-8) == pytest.approx(critical, rel=1e-3)
        assert theory.backward_gain(name, 1e-8) == pytest.approx(critical, rel=1e-3)


def test_the_two_gains_differ_at_q_one_where_the_docstring_says():
    assert theory.forward_gain("tanh") == pytest.approx(1.59, abs=5e-3)
    assert theory.backward_gain("tanh") == pytest.approx(1.47, abs=5e-3)
    assert theory.backward_gain("selu") == pytest.approx(0.97, abs=5e-3)


@pytest.mark.parametrize("bad", [-1.0, math.nan, math.inf, "one"])
def test_gains_refuse_an_impossible_q(bad):
    for gain in (theory.forward_gain, theory.backward_gain):
        with pytest.raises(ValueError, match="q must hold non-negative finite"):
            gain("tanh", bad)
    with pytest.raises(ValueError, match="critical_gain"):
        theory.forward_gain("tanh", 0.0)


# ---------------------------------------------------------------- chi


@pytest.mark.parametrize("sigma_w", [0.5, 0.9])
def test_chi_of_a_signal_that_dies_is_the_slope_at_zero_squared(sigma_w):
    assert theory.chi(sigma_w, 0.0, "tanh") == pytest.approx(sigma_w**2, rel=1e-9)
    assert theory.chi(sigma_w, 0.0, "relu") == pytest.approx(sigma_w**2 / 2, rel=1e-9)


def test_chi_is_one_at_the_critical_gain():
    for name in ("linear", "relu", "leaky_relu", "tanh"):
        gain = theory.critical_gain(name)
        assert theory.chi(gain, 0.0, name) == pytest.approx(1, rel=1e-9)


def test_chi_is_that_of_the_fixed_point():
    (_, point) = theory.fixed_points(5 / 3)
    assert theory.chi(5 / 3) == theory.gradient_map(point.q, 5 / 3, "tanh")
    sigma_w, sigma_b = 1.5, 0.3
    q = theory.variance_path(1.0, 500, sigma_w, sigma_b, "tanh")[-1]
    assert theory.chi(sigma_w, sigma_b) == pytest.approx(
        theory.gradient_map(q, sigma_w, "tanh"), rel=1e-9
    )


def test_chi_refuses_a_signal_that_explodes():
    with pytest.raises(ValueError, match="explodes and never settles"):
        theory.chi(2.0, 0.0, "relu")


@pytest.mark.parametrize(
    ("name", "expected"), [("tanh", 1), ("gelu", 2), ("erf", math.sqrt(math.pi) / 2)]
)
def test_critical_gain_of_a_smooth_activation_is_one_over_its_slope_at_zero(name, expected):
    assert theory.critical_gain(name) == pytest.approx(expected, rel=1e-11)
    assert 1 / ACTIVATION_FUNCTIONS[name].dphi(np.zeros(1))[0] == pytest.approx(expected, rel=1e-11)


@pytest.mark.parametrize("name", [n for n in NAMES if n != "sigmoid"])
def test_critical_gain_keeps_a_tiny_signal(name):
    gain = theory.critical_gain(name)
    path = theory.variance_path(1e-16, 10, gain, 0.0, name)
    np.testing.assert_allclose(path, 1e-16, rtol=1e-6)


def test_critical_gain_of_selu_averages_the_two_slopes_of_its_kink():
    scale, alpha = 1.0507009873554805, 1.6732632423543772
    expected = math.sqrt(2 / (scale**2 * (1 + alpha**2)))
    assert theory.critical_gain("selu") == pytest.approx(expected, rel=1e-11)


def test_critical_gain_refuses_what_has_none():
    with pytest.raises(ValueError, match=r"sigmoid\(0\) is not 0"):
        theory.critical_gain("sigmoid")
    with pytest.raises(ValueError, match="flat at 0"):
        theory.critical_gain(Activation("dead", np.zeros_like, np.zeros_like))


# ---------------------------------------------------------------- fixed points


def test_torchs_tanh_gain_settles_at_a_mean_square_of_0_42():
    zero, settled = theory.fixed_points(5 / 3, 0.0, "tanh")
    assert zero == FixedPoint(0.0, zero.slope, stable=False)
    assert zero.slope == pytest.approx(25 / 9, rel=1e-12)
    assert settled.stable and settled.q == pytest.approx(1.17848, abs=1e-5)
    assert theory.activation_mean_square(settled.q, "tanh") == pytest.approx(0.42425, abs=1e-5)
    for start in (1e-3, 1.0, 100.0):
        assert theory.variance_path(start, 60, 5 / 3)[-1] == pytest.approx(settled.q, rel=1e-9)


def test_tanh_with_gain_one_decays_like_one_over_two_l_without_a_plateau():
    (only,) = theory.fixed_points(1.0, 0.0, "tanh")
    assert only.q == 0 and only.stable is True and only.isolated
    path = theory.variance_path(1.0, 10_001, 1.0)  # path[l] is l layers behind the first
    assert (np.diff(path) < 0).all()
    scaled = 2 * np.array([100, 1000, 10_000]) * path[[100, 1000, 10_000]]
    assert scaled == pytest.approx([1.0138, 1.0023, 1.0003], abs=1e-4)


@given(sigma_w=st.floats(0, 1.40), sigma_b=st.floats(1e-6, 100))
@settings(deadline=None, derandomize=True, max_examples=30)
def test_relu_with_bias_has_the_fixed_point_of_its_geometric_series(sigma_w, sigma_b):
    (point,) = theory.fixed_points(sigma_w, sigma_b, "relu")
    assert point.q == pytest.approx(sigma_b**2 / (1 - sigma_w**2 / 2), rel=1e-8)
    assert point.slope == pytest.approx(sigma_w**2 / 2, rel=1e-11)
    assert point.stable and point.isolated


def test_relu_above_its_critical_gain_explodes():
    (zero,) = theory.fixed_points(1.5, 0.0, "relu")
    assert zero.q == 0 and zero.stable is False
    assert theory.fixed_points(1.5, 0.1, "relu") == []
    assert theory.fixed_points(math.sqrt(2), 0.1, "relu") == []


@pytest.mark.parametrize("name", ["linear", "relu", "leaky_relu"])
def test_at_its_critical_gain_a_homogeneous_activation_fixes_every_q(name):
    (zero,) = theory.fixed_points(theory.critical_gain(name), 0.0, name)
    assert zero.q == 0 and zero.slope == pytest.approx(1, rel=1e-12)
    assert zero.stable is None and zero.isolated is False
    path = theory.variance_path([1e-6, 1.0, 1e6], 50, theory.critical_gain(name), 0.0, name)
    np.testing.assert_allclose(path, path[:1].repeat(50, axis=0), rtol=1e-12)


def test_selu_has_a_stable_fixed_point_at_one_with_lecuns_weights():
    zero, one = theory.fixed_points(1.0, 0.0, "selu")
    assert zero.q == 0 and zero.stable is False
    assert one.q == pytest.approx(1, rel=1e-10) and one.stable
    assert theory.activation_mean(1.0, "selu") == pytest.approx(0, abs=1e-12)
    (zero,) = theory.fixed_points(math.sqrt(2), 0.0, "selu")  # He's weights: no way to settle
    assert zero.stable is False


def test_gelu_below_its_critical_gain_has_an_unstable_threshold():
    zero, threshold = theory.fixed_points(1.5, 0.0, "gelu")
    assert zero.stable is True and threshold.stable is False
    below, above = theory.variance_path(
        [0.9 * threshold.q, 1.1 * threshold.q], 100, 1.5, 0, "gelu"
    )[-1]
    assert below < 1e-6 and above > 100


@pytest.mark.parametrize("name", ["gelu", "silu"])
def test_gelu_and_silu_at_their_critical_gain_let_every_signal_grow(name):
    (zero,) = theory.fixed_points(2.0, 0.0, name)  # its slope is 1, as that of tanh is at gain 1
    assert zero.slope == pytest.approx(1, abs=1e-9) and zero.stable is False and zero.isolated
    assert (np.diff(theory.variance_path([1e-4, 0.1], 200, 2.0, 0.0, name), axis=0) > 0).all()
    for ask in (theory.settled_point, theory.chi):
        with pytest.raises(ValueError, match="explodes and never settles"):
            ask(2.0, 0.0, name)


def test_elu_at_its_critical_gain_dies():
    zero = theory.fixed_points(1.0, 0.0, "elu")[0]
    assert zero.q == 0 and zero.stable is True
    assert theory.variance_path(1.0, 3000, 1.0, 0.0, "elu")[-1] < 1e-4


def test_sigmoid_never_falls_to_zero_unless_the_weights_are_zero():
    (point,) = theory.fixed_points(1.0, 0.0, "sigmoid")
    assert point.q == pytest.approx(0.26469, abs=1e-5) and point.stable
    (zero,) = theory.fixed_points(0.0, 0.0, "sigmoid")
    assert zero == FixedPoint(0.0, 0.0, stable=True)


@each_activation
@given(sigma_w=st.floats(0.05, 4), sigma_b=st.one_of(st.just(0.0), st.floats(1e-3, 3)))
@settings(deadline=None, derandomize=True, max_examples=15)
def test_fixed_points_are_fixed_and_their_slope_is_the_derivative(name, sigma_w, sigma_b):
    points = theory.fixed_points(sigma_w, sigma_b, name)
    assert [p.q for p in points] == sorted({p.q for p in points})
    for point in points:
        image = theory.variance_map(point.q, sigma_w, sigma_b, name)
        assert image == pytest.approx(point.q, rel=1e-9)
        if abs(point.slope - 1) > 1e-9:
            assert point.stable == (abs(point.slope) < 1)
        if point.q > 0:
            step = 1e-5 * point.q
            high, low = theory.variance_map(
                np.array([point.q + step, point.q - step]), sigma_w, sigma_b, name
            )
            assert point.slope == pytest.approx((high - low) / (2 * step), rel=1e-5, abs=1e-8)


# ---------------------------------------------------------------- errors


@pytest.mark.parametrize("bad", [-1.0, math.nan, [1.0, -2.0], "wide", None])
def test_bad_numbers_are_named(bad):
    for name, call in {
        "q must": lambda: theory.variance_map(bad, 1.0),
        "sigma_w must": lambda: theory.variance_map(1.0, bad),
        "sigma_b must": lambda: theory.variance_map(1.0, 1.0, bad),
        "sigma_w .*must": lambda: theory.gradient_map(1.0, bad),
        "q_first must": lambda: theory.variance_path(bad, 3, 1.0),
        "sigma_w must ": lambda: theory.variance_path(1.0, 1, bad),
        "q_path must": lambda: theory.gradient_path(bad, 1.0),
    }.items():
        with pytest.raises(ValueError, match=f"{name}.*non-negative"):
            call()


def test_an_infinite_sigma_is_refused():
    with pytest.raises(ValueError, match="sigma_w must hold non-negative finite numbers, got inf"):
        theory.variance_map(1.0, math.inf)


@pytest.mark.parametrize("depth", [0, -3, 2.5, True, "deep"])
def test_depth_is_a_whole_number_of_at_least_one(depth):
    with pytest.raises(ValueError, match="depth must be a whole number of at least 1"):
        theory.variance_path(1.0, depth, 1.0)


@pytest.mark.parametrize("unknown", ["swish", None, ["relu"]])
def test_an_unknown_activation_is_answered_with_the_names(unknown):
    for call in (
        lambda: theory.variance_map(1.0, 1.0, 0.0, unknown),
        lambda: theory.variance_path(1.0, 1, 1.0, 0.0, unknown),
        lambda: theory.gradient_map(1.0, 1.0, unknown),
        lambda: theory.forward_gain(unknown),
        lambda: theory.backward_gain(unknown),
        lambda: theory.chi(1.0, 0.0, unknown),
        lambda: theory.critical_gain(unknown),
        lambda: theory.fixed_points(1.0, 0.0, unknown),
    ):
        with pytest.raises(ValueError, match="linear, tanh, sigmoid, relu, .*silu"):
            call()


def test_a_path_needs_layers_and_fixed_points_need_single_numbers():
    with pytest.raises(ValueError, match="one entry a layer"):
        theory.gradient_path(1.0, 1.0)
    with pytest.raises(ValueError, match="not arrays"):
        theory.fixed_points([1.0, 2.0])


def test_results_cannot_be_changed_by_mistake():
    with pytest.raises(FrozenInstanceError):
        theory.fixed_points(1.5)[0].q = 3.0


@pytest.mark.parametrize("name", ["tanh", "relu", "gelu"])
@pytest.mark.parametrize("function", [theory.settled_point, theory.chi, theory.fixed_points])
def test_without_a_bias_named_there_is_none(function, name):
    assert function(1.2, activation=name) == function(1.2, 0.0, name)
    assert theory.settled_point(1.5, 0.0, "tanh") != theory.settled_point(1.5, 1.0, "tanh")


@pytest.mark.parametrize("sigmas", [([1.0, 1.5], 0.0), (1.0, [0.0, 0.1])])
def test_fixed_points_are_those_of_one_setting(sigmas):
    with pytest.raises(ValueError, match="one sigma_w and one sigma_b, not arrays"):
        theory.fixed_points(*sigmas)
