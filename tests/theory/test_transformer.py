"""The theory of the transformer's stream: its closed forms, and against random networks."""

import numpy as np
import pytest
import torch
from helpers.numbers import seeded
from helpers.residual import with_and_without_the_factor
from hypothesis import given, settings
from hypothesis import strategies as st

from course_utils.initializers import gpt2_
from course_utils.networks import transformer
from course_utils.probes import measure_stream
from course_utils.theory.transformer import token_grams, transformer_path
from course_utils.theory.variance import activation_mean_square, gradient_map

law = settings(deadline=None, derandomize=True, max_examples=6)
depths, stds, widths = st.integers(1, 20), st.floats(1e-3, 0.1), st.integers(8, 800)


def block_adds(width, std):
    """What a block adds to the mean square of a single token, by the formulas of the docstring."""
    gain = width * std**2
    return gain**2, 4 * gain * float(activation_mean_square(gain, "gelu"))


@law
@given(depths, widths, stds, st.floats(1e-3, 10), st.booleans())
def test_one_token_makes_a_straight_line_of_two_steps_a_block(depth, width, std, q, causal):
    path = transformer_path([[[q]]], depth, width=width, std=std, scaled=False, causal=causal)
    steps = np.diff(path.signal)
    attention, mlp = block_adds(width, std)
    rounding = 1e-12 * path.signal[-1]
    np.testing.assert_allclose(steps[::2], attention, rtol=1e-6, atol=rounding)
    np.testing.assert_allclose(steps[1::2], mlp, rtol=1e-6, atol=rounding)


@law
@given(depths, widths, stds, st.floats(1e-3, 10))
def test_scaled_the_whole_stack_adds_half_an_unscaled_block_whatever_its_depth(
    depth, width, std, q
):
    path = transformer_path([[[q]]], depth, width=width, std=std, scaled=True)
    added = path.signal[-1] - q
    assert added == pytest.approx(sum(block_adds(width, std)) / 2, rel=1e-6, abs=1e-12 * q)


@law
@given(depths, widths, stds, st.floats(1e-3, 10))
def test_the_gradient_of_one_token_is_multiplied_branch_by_branch(depth, width, std, q):
    path = transformer_path([[[q]]], depth, width=width, std=std, scaled=False)
    gain = width * std**2
    slope = 4 * gain**2 * float(gradient_map(gain, 1.0, "gelu"))
    factors = 1 + np.tile([gain**2, slope], depth) / path.signal[:-1]
    expected = np.cumprod([1, *factors[::-1]])[::-1]
    np.testing.assert_allclose(path.gradient, expected, rtol=1e-6)


def test_equal_tokens_are_as_one_and_unlike_ones_are_averaged_away():
    options = {"width": 64, "std": 0.069, "scaled": False}
    one = transformer_path([[[1.0]]], 3, **options).signal
    equal = transformer_path(np.ones((1, 9, 9)), 3, **options).signal
    unlike = transformer_path(np.eye(9)[None], 3, **options).signal
    np.testing.assert_allclose(equal, one)
    assert unlike[1] - 1 == pytest.approx((one[1] - 1) / 9)  # the mean of 9 is a ninth as large
    causal = transformer_path(np.eye(9)[None], 3, causal=True, **options).signal
    harmonic = np.mean(1 / np.arange(1, 10))
    assert causal[1] - 1 == pytest.approx((one[1] - 1) * harmonic)


def test_token_grams_are_the_mean_products_of_tokens():
    x = torch.randn(3, 4, 50, generator=torch.Generator().manual_seed(0))
    grams = token_grams(x)
    assert grams.shape == (3, 4, 4) and grams.dtype == np.float64
    assert grams[1, 2, 3] == pytest.approx((x[1, 2] * x[1, 3]).mean().item(), rel=1e-5)


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("std", [0.05])
def test_random_transformers_do_on_average_what_theory_says(causal, std):
    """Mean squares of 5 draws of width 96, of tokens that resemble each other."""
    generator = torch.Generator().manual_seed(3)
    images = torch.randn(24, 64, generator=generator)
    images = images + 2 * torch.randn(24, 1, 8, generator=generator).expand(24, 8, 8).flatten(1)
    depth, shape = 8, {"width": 96, "heads": 4, "tokens": 8, "pixels": 8}
    measured, predicted = {True: [], False: []}, {True: [], False: []}
    for seed in range(5):
        options = {"std": std, "causal": causal}
        network = transformer(depth, causal=causal, **shape)
        gpt2_(network, std=std, generator=seeded(seed))
        grams = token_grams(network.stem(images).detach())
        both = with_and_without_the_factor(depth, images, seed=seed, **shape, **options)
        for scaled, m in both.items():
            p = transformer_path(grams, depth, width=96, scaled=scaled, **options)
            measured[scaled].append([m.signal**2, m.gradient**2 / m.gradient[-1] ** 2])
            predicted[scaled].append([p.signal, p.gradient])
    for scaled in (True, False):
        signal, gradient = np.mean(measured[scaled], axis=0)
        expected_signal, expected_gradient = np.mean(predicted[scaled], axis=0)
        np.testing.assert_allclose(signal, expected_signal, rtol=0.05 if scaled else 0.15)
        np.testing.assert_allclose(gradient, expected_gradient, rtol=0.05 if scaled else 0.2)


@pytest.mark.parametrize("causal", [False, True])
def test_where_attention_is_uniform_theory_holds_for_large_weights_too(causal):
    """Queries and keys are zero: no approximation is left but the width. Tokens differ in size."""
    depth, width, std = 3, 320, 0.056  # width · std² is 1
    sizes = torch.tensor([0.3, 1, 3, 0.3, 1, 3]).repeat_interleave(4)
    images = sizes * torch.randn(16, 24, generator=torch.Generator().manual_seed(0))
    runs = []
    for seed in range(6):
        network = transformer(depth, width=width, causal=causal, tokens=6, pixels=4)
        gpt2_(network, std=std, scaled=False, generator=seeded(seed)).requires_grad_(False)
        for block in network.blocks[::2]:
            block.branch[1].query_key_value.weight[: 2 * width] = 0
        m = measure_stream(network, images, seed=seed)
        p = transformer_path(
            token_grams(network.stem(images)), depth, width=width, std=std, scaled=False,
            causal=causal,
        )  # fmt: skip
        ratios = m.gradient**2 / m.gradient[-1] ** 2 / p.gradient
        runs.append([m.signal**2 / p.signal, ratios])
    np.testing.assert_allclose(np.mean(runs, axis=0), 1, atol=0.06)


@pytest.mark.parametrize("grams", [1.0, np.ones((3, 3)), np.ones((1, 2, 3)), np.zeros((1, 2, 2))])
def test_what_is_no_gram_matrix_is_refused_in_words(grams):
    with pytest.raises(ValueError, match="take them from token_grams"):
        transformer_path(grams, 2, width=8, std=0.1, scaled=True)
