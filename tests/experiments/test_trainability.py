"""The networks of the trainability map, and its rows."""

import pytest
import torch

from course_utils import load_mnist, theory
from course_utils.experiments import MapSetting, train_row
from course_utils.experiments.trainability import random_tanh_network
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
