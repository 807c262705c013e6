"""The networks of the trainability map, and its rows."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from helpers.states import strange_torch

from course_utils import load_mnist, theory
from course_utils.experiments import MapSetting, train_row
from course_utils.experiments.trainability import N_TEST, random_tanh_network
from course_utils.networks import weight_layers


@pytest.fixture(scope="module")
def digits():
    return load_mnist("digits", log=None)


def test_weights_and_biases_have_the_variances_asked_for():
    generator = torch.Generator().manual_seed(0)
    network = random_tanh_network(3, 2.0, 0.05, width=400, generator=generator)
    layers = weight_layers(network)
    assert [tuple(layer.weight.shape) for layer in layers] == [
        (400, 784),
        (400, 400),
        (400, 400),
        (10, 400),
    ]
    for layer in layers[:-1]:
        variance = layer.weight.var().item() * layer.in_features
        assert variance == pytest.approx(2.0, rel=0.02)
    biases = torch.cat([layer.bias for layer in layers])
    assert biases.var().item() == pytest.approx(0.05, rel=0.15)


def test_networks_from_one_seed_are_one_draw_rescaled():
    small, large = (
        random_tanh_network(2, v, width=16, generator=torch.Generator().manual_seed(3))
        for v in (1.0, 4.0)
    )
    for one, other in zip(weight_layers(small), weight_layers(large), strict=True):
        torch.testing.assert_close(2 * one.weight, other.weight)
        torch.testing.assert_close(one.bias, other.bias)


def test_a_wide_network_has_the_mean_square_of_theory():
    generator = torch.Generator().manual_seed(0)
    network = random_tanh_network(4, 1.76, 0.05, width=1000, n_in=1000, generator=generator)
    images = torch.randn(8, 1000, generator=generator)
    with torch.no_grad():
        z = network[:7](images)  # the fourth hidden layer, before its tanh
    q = theory.variance_path(1.76 + 0.05, 4, 1.76**0.5, 0.05**0.5)[-1]
    assert z.square().mean().item() == pytest.approx(q, rel=0.1)


def test_impossible_networks_are_refused():
    with pytest.raises(ValueError, match="non-negative and finite, got sigma_w2=-1"):
        random_tanh_network(2, -1.0)
    with pytest.raises(ValueError, match="at least 1 hidden layer, got 0"):
        random_tanh_network(0, 1.0)


def test_a_row_is_the_same_on_any_number_of_threads_and_a_shallow_one_learns(digits):
    setting = MapSetting(sigma_w2=(0.0, 1.76), width=32, steps=150, lr=0.01)
    row = train_row(setting, 2, digits)
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(2)
        assert train_row(setting, 2, digits) == row
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(threads)
    assert row[0] < 0.3 and row[1] > 0.6  # no weights: only the last layer's bias can learn
    assert train_row(setting, 2, digits, seed=1) != row


SMALL = MapSetting(sigma_w2=(1.0, 3.0), width=16, steps=30, lr=0.05)


@pytest.mark.parametrize("seed", [0, 5, np.int64(5)])
def test_a_row_is_that_of_plain_loops_whose_seed_fixes_weights_and_batches(seed, digits):
    wanted = []
    for sigma_w2 in SMALL.sigma_w2:
        draws, order = (torch.Generator().manual_seed(int(seed)) for _ in range(2))
        network = random_tanh_network(2, sigma_w2, width=16, generator=draws)
        rule = torch.optim.SGD(network.parameters(), lr=0.05, momentum=0.9)
        rows = torch.randperm(len(digits.train_images), generator=order)
        for chosen in rows.split(32)[:30]:
            rule.zero_grad()
            scores = network(digits.train_images[chosen])
            F.cross_entropy(scores, digits.train_labels[chosen]).backward()
            rule.step()
        guesses = network(digits.test_images[:N_TEST]).argmax(1)
        wanted.append((guesses == digits.test_labels[:N_TEST]).double().mean().item())
    assert train_row(SMALL, 2, digits, seed) == pytest.approx(wanted, abs=0.006)  # two images


def test_a_row_is_the_same_in_any_state_of_torch(digits):
    with strange_torch(device="meta"):
        strange = train_row(SMALL, 2, digits)
    assert strange == train_row(SMALL, 2, digits)


def test_the_learners_random_numbers_are_left_alone(digits):
    before = torch.get_rng_state()
    train_row(SMALL, 2, digits)
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("after", [1, 20])
def test_an_interrupted_row_is_no_result(after, digits, interrupt_training):
    interrupt_training(after)
    with pytest.raises(KeyboardInterrupt):
        train_row(SMALL, 2, digits)
