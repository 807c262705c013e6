"""Jacobians against matrices written by hand, finite differences, and the theory of wide layers."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from course_utils import theory
from course_utils.initializers import initialize_
from course_utils.networks import mlp
from course_utils.probes import layer_singular_values, singular_values
from course_utils.probes.jacobian import jacobians


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def test_the_jacobian_of_a_linear_layer_is_its_weight_at_every_input():
    layer = nn.Linear(5, 3).double()
    found = jacobians(layer, torch.randn(4, 5, dtype=torch.float64))
    torch.testing.assert_close(found, layer.weight.detach().expand(4, 3, 5))
    assert not found.requires_grad


@settings(max_examples=20)
@given(st.sampled_from(["tanh", "sigmoid", "gelu", "silu", "selu", "elu"]), st.integers(0, 99))
def test_the_jacobian_of_a_stack_equals_finite_differences(activation, seed):
    network = mlp([4, 6, 3], activation).double()
    initialize_(network, "normal", std=0.7, generator=generator(seed))
    x = torch.randn(2, 4, dtype=torch.float64, generator=generator(seed + 100))
    steps = 1e-6 * torch.eye(4, dtype=torch.float64)
    with torch.no_grad():
        columns = [(network(x + d) - network(x - d)) / 2e-6 for d in steps]
    torch.testing.assert_close(
        jacobians(network, x), torch.stack(columns, dim=2), atol=1e-7, rtol=1e-6
    )


def test_the_jacobian_of_a_convolution_is_flattened_and_right():
    layer = nn.Conv2d(2, 3, 3, padding=1, bias=False).double()
    x = torch.randn(2, 2, 4, 4, dtype=torch.float64)
    found = jacobians(layer, x)
    assert found.shape == (2, 3 * 16, 2 * 16)
    torch.testing.assert_close(found[0] @ x[0].flatten(), layer(x)[0].flatten())


def test_singular_values_are_sorted_float64_and_those_of_the_matrix():
    layer = nn.Linear(3, 3, bias=False)
    with torch.no_grad():
        layer.weight.copy_(torch.diag(torch.tensor([2.0, -5.0, 0.5])))
    found = singular_values(layer, torch.randn(2, 3))
    assert found.dtype == np.float64
    np.testing.assert_allclose(found, [[5, 2, 0.5]] * 2, rtol=1e-6)


def test_an_orthogonal_linear_stack_has_only_ones():
    network = initialize_(mlp([20] * 9, "linear"), "orthogonal", generator=generator())
    np.testing.assert_allclose(singular_values(network, torch.randn(2, 20)), 1, atol=1e-5)


def test_layer_steps_multiply_to_the_whole_stack_behind_the_first_layer():
    network = initialize_(mlp([5, 4, 4, 4], "tanh"), "xavier_normal", generator=generator())
    network, x = network.double(), torch.randn(3, 5, dtype=torch.float64)
    steps = layer_singular_values(network, x)
    whole = singular_values(network[1:], network[:1](x))
    assert [s.shape for s in steps] == [(3, 4), (3, 4)]
    product = np.prod([s.prod(axis=1) for s in steps], axis=0)  # |det AB| = |det A| · |det B|
    np.testing.assert_allclose(product, whole.prod(axis=1), rtol=1e-10)


@pytest.mark.parametrize("activation", ["linear", "tanh", "relu", "gelu"])
def test_mean_square_of_wide_layers_is_what_theory_says(activation):
    n, sigma_w = 400, 1.3
    network = initialize_(
        mlp([n, n, n], activation), "normal", std=sigma_w / math.sqrt(n), generator=generator()
    )
    x = torch.randn(3, n, generator=generator(1))
    (step,) = layer_singular_values(network, x)
    predicted = theory.gradient_map(sigma_w**2, sigma_w, activation)
    assert (step**2).mean() == pytest.approx(predicted, rel=0.05)


def test_mean_singular_value_of_a_wide_gaussian_matrix_is_the_quarter_circles():
    layer = initialize_(nn.Linear(500, 500), "lecun_normal", generator=generator())
    found = singular_values(layer, torch.zeros(1, 500))
    assert found.mean() == pytest.approx(8 / (3 * math.pi), rel=0.01)
    assert (found**2).mean() == pytest.approx(1, rel=0.02)


def test_chi_is_the_mean_square_in_a_deep_stack_that_has_settled():
    n, gain = 300, 5 / 3
    network = initialize_(mlp([n] * 15, "tanh"), "xavier_normal", gain=gain, generator=generator())
    steps = layer_singular_values(network, torch.randn(4, n, generator=generator(1)))
    mean_squares = [(step**2).mean() for step in steps[4:]]  # one varies by 5 %, ten by less
    assert np.mean(mean_squares) == pytest.approx(theory.chi(gain, 0.0, "tanh"), rel=0.05)


@pytest.mark.parametrize("bad", [torch.zeros(5), torch.zeros(0, 5), [[1.0]], None])
def test_what_is_no_batch_is_refused_in_words(bad):
    with pytest.raises(ValueError, match="inputs must have shape"):
        singular_values(nn.Linear(5, 3), bad)


def test_whole_numbers_are_refused_in_words():
    with pytest.raises(ValueError, match="int64.*float"):
        singular_values(nn.Linear(5, 3), torch.zeros(2, 5, dtype=torch.int64))


@pytest.mark.parametrize(
    "bad", [nn.Linear(5, 3), mlp([5, 3]), nn.Sequential(mlp([5, 4, 3])), nn.ReLU(), None]
)
def test_what_is_no_stack_is_refused_in_words(bad):
    with pytest.raises(ValueError, match="nn.Sequential with two or more"):
        layer_singular_values(bad, torch.zeros(2, 5))
