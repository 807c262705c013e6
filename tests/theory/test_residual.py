"""The theory of the stream: its closed forms, its limits, and what it refuses."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from course_utils.theory import Stack, stream_gradient_path, stream_path
from course_utils.theory.residual import branch_contrast, branch_maps

law = settings(deadline=None, derandomize=True, max_examples=30)
depths, scales, firsts = st.integers(1, 40), st.floats(0, 3), st.floats(1e-3, 1e3)


@law
@given(depths, scales, firsts, st.sampled_from([1, 2]))
def test_he_branches_multiply_signal_and_gradient_by_one_plus_s_squared(depth, s, first, layers):
    stack = Stack(depth, s, layers)
    growth = (1 + s**2) ** np.arange(depth + 1)
    np.testing.assert_allclose(stream_path(stack, first), first * growth, rtol=1e-9)
    np.testing.assert_allclose(stream_gradient_path(stack, first), growth[::-1], rtol=1e-9)


def test_that_is_two_to_the_depth_at_scale_1_and_about_e_at_one_over_its_root():
    assert stream_path(Stack(50))[-1] == pytest.approx(2.0**50)
    ends = [stream_path(Stack(depth, depth**-0.5))[-1] for depth in (1, 10, 50, 400)]
    assert ends == sorted(ends) and ends[0] == pytest.approx(2)
    assert ends[-1] == pytest.approx(math.e, rel=2e-3)


@law
@given(depths, scales, firsts, st.sampled_from([1, 2]))
def test_behind_layer_norm_the_stream_is_a_straight_line_and_the_gradient_its_mirror(
    depth, s, first, layers
):
    stack = Stack(depth, s, layers, "layer")
    line = first + s**2 * np.arange(depth + 1)
    np.testing.assert_allclose(stream_path(stack, first), line, rtol=1e-9)
    np.testing.assert_allclose(stream_gradient_path(stack, first), line[-1] / line, rtol=1e-8)


@law
@given(depths, scales, firsts)
def test_behind_batch_norm_the_gradient_grows_by_the_product_in_the_docstring(depth, s, first):
    stack = Stack(depth, s, 1, "batch")
    varying = first + s**2 * (1 - 1 / math.pi) * np.arange(depth)
    product = np.cumprod([1, *(1 + s**2 / varying)[::-1]])[::-1]
    np.testing.assert_allclose(stream_gradient_path(stack, first), product, rtol=1e-6)
    np.testing.assert_allclose(
        stream_path(stack, first), first + s**2 * np.arange(depth + 1), rtol=1e-9
    )


def test_behind_batch_norm_that_is_a_power_of_the_depth():
    ends = [stream_gradient_path(Stack(depth, 1, 1, "batch"))[0] for depth in (1_000, 10_000)]
    exponent = math.log10(ends[1] / ends[0])
    assert exponent == pytest.approx(math.pi / (math.pi - 1), rel=1e-3)


@law
@given(depths, firsts, st.sampled_from([None, "layer", "batch"]), st.sampled_from(["relu", "tanh"]))
def test_silent_branches_change_nothing(depth, first, normalization, activation):
    stack = Stack(depth, 0.0, 2, normalization, activation)
    np.testing.assert_allclose(stream_path(stack, first), first, rtol=1e-12)
    np.testing.assert_array_equal(stream_gradient_path(stack, first), 1)


def test_units_that_vary_little_are_magnified_most():
    stack = Stack(20, 1.0, 1, "batch")
    equal, unequal = (stream_gradient_path(stack, v)[0] for v in ([1.0, 1.0], [0.2, 1.8]))
    assert unequal > 1.1 * equal == 1.1 * stream_gradient_path(stack, 1.0)[0]
    first_block = stream_gradient_path(Stack(1, 1.0, 1, "batch"), [0.2, 1.8])[0]
    assert first_block == pytest.approx(1 + (1 / 0.2 + 1 / 1.8) / 2)


def test_a_tanh_stream_grows_more_slowly_than_linear_units_would():
    tanh, linear = (stream_path(Stack(30, 1, 1, None, a, 1.0)) for a in ("tanh", "linear"))
    np.testing.assert_allclose(linear, 2.0 ** np.arange(31))
    assert (np.diff(tanh) < 1).all() and tanh[-1] < 30  # tanh² is below 1: at most a line


@pytest.mark.parametrize("activation, sigma_w", [("relu", 2**0.5), ("tanh", 1.0), ("gelu", 1.5)])
@pytest.mark.parametrize("layers", [1, 2, 3])
def test_a_branch_of_noise_does_what_the_maps_say(activation, sigma_w, layers):
    """Independent oracle: random matrices and torch's own derivative, 2,000 units."""
    generator = torch.Generator().manual_seed(layers)
    phi = {"relu": torch.relu, "tanh": torch.tanh, "gelu": torch.nn.functional.gelu}[activation]
    x = torch.randn(40, 2000, generator=generator).requires_grad_()
    z = x
    for _ in range(layers):
        z = phi(z) @ (torch.randn(2000, 2000, generator=generator) * sigma_w / 2000**0.5)
    top = torch.randn(z.shape, generator=generator)
    (gradient,) = torch.autograd.grad((z * top).sum(), x)
    out, slope = branch_maps(Stack(1, 1, layers, None, activation, sigma_w), 1.0)
    assert z.square().mean().item() == pytest.approx(out, rel=0.06)
    assert gradient.square().mean().item() == pytest.approx(slope, rel=0.06)
    differing = z.var(0, correction=1).mean() / z.square().mean()
    expected = branch_contrast(Stack(1, 1, layers, None, activation, sigma_w))
    assert differing.item() == pytest.approx(expected, rel=0.06)


def test_what_exploded_is_infinite_and_no_warning():
    assert np.isinf(stream_path(Stack(60, 1e6))[-1])
    assert np.isinf(stream_gradient_path(Stack(60, 1e6))[0])


@pytest.mark.parametrize(
    "options, words",
    [
        ({"depth": 0}, "depth must be a whole number of at least 1, got 0"),
        ({"depth": 2.0}, "depth .* got 2.0"),
        ({"depth": 2, "branch_layers": 0}, "branch_layers .* got 0"),
        ({"depth": 2, "normalization": "group"}, "None, 'layer' or 'batch', got 'group'"),
    ],
)
def test_what_is_no_stack_is_refused_in_words(options, words):
    with pytest.raises(ValueError, match=words):
        Stack(**options)


@pytest.mark.parametrize("first", [0, -1, math.nan, math.inf])
def test_a_stream_must_begin_somewhere(first):
    for path in (stream_path, stream_gradient_path):
        with pytest.raises(ValueError, match="positive finite"):
            path(Stack(3), first)
