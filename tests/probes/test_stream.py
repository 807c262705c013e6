"""What flows along the stream of residual networks and transformers, and back."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from helpers.numbers import noise, seeded
from helpers.residual import drawn, with_and_without_the_factor

from course_utils import theory
from course_utils.initializers import gpt2_, start_
from course_utils.networks import residual_mlp, transformer
from course_utils.probes import measure_stream


def test_the_measurement_is_that_of_autograd_by_hand():
    network, x, y = drawn("he", 3), noise(9, 20), torch.arange(9) % 10
    h = [network.stem(x)]
    for block in network.blocks:
        h.append(block(h[-1]))
    goal = F.cross_entropy(network.head(h[-1]), y)
    m = measure_stream(network, x, y)
    for i, gradient in enumerate(torch.autograd.grad(goal, h)):
        assert m.signal[i] == pytest.approx(h[i].square().mean().sqrt().item(), rel=1e-5)
        assert m.gradient[i] == pytest.approx(gradient.square().mean().sqrt().item(), rel=1e-4)
    for i in range(3):
        added = network.blocks[i].branch(h[i])
        assert m.added[i] == pytest.approx(added.square().mean().sqrt().item(), rel=1e-4)


def test_without_labels_noise_of_size_1_enters_at_the_top_and_the_seed_decides_which():
    network, x = drawn("he", 3), noise(50, 20)
    m, again, other = (measure_stream(network, x, seed=seed) for seed in (0, 0, 1))
    assert m.gradient[-1] == pytest.approx(1, rel=0.03)
    np.testing.assert_array_equal(m.gradient, again.gradient)
    assert (m.gradient != other.gradient).all()
    np.testing.assert_array_equal(m.signal, other.signal)


def test_a_measurement_leaves_no_gradient_and_no_randomness_behind():
    network, state = drawn("he", 3), torch.get_rng_state()
    measure_stream(network, noise(5, 20))
    assert all(p.grad is None for p in network.parameters())
    assert torch.equal(torch.get_rng_state(), state)
    network.requires_grad_(False)  # a frozen network can be measured too
    assert measure_stream(network, noise(5, 20)).gradient.all()


CASES = [
    (8, 1.0, 1, None, 0.12),
    (8, 1.0, 2, None, 0.12),
    (12, 12**-0.5, 1, None, 0.08),
    (30, 1.0, 1, "layer", 0.06),
    (30, 0.4, 2, "layer", 0.06),
    (30, 1.0, 1, "batch", 0.12),
    (30, 0.4, 2, "batch", 0.12),
]


@pytest.mark.parametrize("depth, scale, layers, normalization, tolerance", CASES)
def test_signal_and_gradient_grow_as_theory_says(depth, scale, layers, normalization, tolerance):
    """Mean squares over draws of 300 units, noise as inputs; tolerances on the mean square."""
    stack = theory.Stack(depth, scale, layers, normalization)
    x, runs = noise(200, 100, seed=9), []
    for seed in range(4 if normalization else 24):  # without, a draw's luck is multiplied
        network = residual_mlp(
            [100, 300, 10], depth, branch_layers=layers, scale=scale, normalization=normalization
        )
        start_(network, "he", generator=seeded(seed))
        m = measure_stream(network, x, seed=seed)
        runs.append([m.signal**2, m.gradient**2])
    signal, gradient = np.mean(runs, axis=0)
    np.testing.assert_allclose(signal, theory.stream_path(stack, signal[0]), rtol=tolerance)
    predicted = theory.stream_gradient_path(stack, signal[0]) * gradient[-1]
    np.testing.assert_allclose(gradient, predicted, rtol=1.5 * tolerance)


def test_both_streams_are_measured_after_the_stem_and_after_every_branch():
    images = noise(20, 784)
    measured = with_and_without_the_factor(3, images, seed=5)
    for scaled, m in measured.items():
        network = gpt2_(transformer(3), scaled=scaled, generator=seeded(5))
        np.testing.assert_array_equal(m.signal, measure_stream(network, images, seed=5).signal)
        assert m.signal.shape == m.gradient.shape == (7,)
    assert measured[True].signal[0] == measured[False].signal[0]


@pytest.mark.parametrize("causal", [False, True])
def test_without_the_factor_the_stream_grows_with_depth_and_with_it_hardly(causal):
    images, growth = noise(40, 784), {True: [], False: []}
    for depth in (4, 16):
        measured = with_and_without_the_factor(depth, images, std=0.069, causal=causal)
        for scaled, m in measured.items():
            growth[scaled].append(m.signal[-1] ** 2 - m.signal[0] ** 2)
    assert 3 < growth[False][1] / growth[False][0] < 5.5  # four times the branches
    assert growth[True][1] / growth[True][0] == pytest.approx(1, abs=0.25)
    assert growth[True][0] < growth[False][0] / 4
