"""Activations and slopes against torch, at kinks and far out; the slopes of the leaky family."""

import math
import warnings
from dataclasses import FrozenInstanceError

import numpy as np
import pytest
import torch
from torch.nn import functional

from course_utils.networks import ACTIVATIONS
from course_utils.theory import ACTIVATION_FUNCTIONS, Activation, leaky_relu
from course_utils.theory.activations import resolve

TORCH = {
    "linear": lambda x: x * 1,
    "tanh": torch.tanh,
    "sigmoid": torch.sigmoid,
    "relu": functional.relu,
    "leaky_relu": functional.leaky_relu,
    "elu": functional.elu,
    "selu": functional.selu,
    "gelu": functional.gelu,
    "silu": functional.silu,
    "erf": torch.erf,
}
each_activation = pytest.mark.parametrize("name", list(ACTIVATION_FUNCTIONS))


@each_activation
def test_activation_equals_torch(name):
    x = np.concatenate([np.linspace(-30, 30, 2001), [-1e-9, 1e-9, -1e4, 1e4]])
    expected = TORCH[name](torch.from_numpy(x)).numpy()
    np.testing.assert_allclose(ACTIVATION_FUNCTIONS[name].phi(x), expected, rtol=1e-12, atol=1e-15)


@each_activation
def test_slope_equals_torch_autograd_also_at_the_kink(name):
    x = torch.cat([torch.linspace(-30, 30, 2001, dtype=torch.float64), torch.zeros(1)])
    x = x.double().requires_grad_()
    (expected,) = torch.autograd.grad(TORCH[name](x).sum(), x)
    slope = ACTIVATION_FUNCTIONS[name].dphi(x.detach().numpy())
    np.testing.assert_allclose(slope, expected.numpy(), rtol=1e-12, atol=1e-15)


@each_activation
def test_huge_inputs_give_numbers_without_a_warning(name):
    x = np.array([-1e300, -1e160, -800.0, -40.0, 40.0, 800.0, 1e160, 1e300])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        phi, slope = ACTIVATION_FUNCTIONS[name].phi(x), ACTIVATION_FUNCTIONS[name].dphi(x)
    assert np.isfinite(phi).all() and np.isfinite(slope).all()


def test_every_activation_of_the_networks_has_its_theory():
    x = np.linspace(-5, 5, 101)
    for name, module in ACTIVATIONS.items():
        expected = module()(torch.from_numpy(x)).numpy()
        np.testing.assert_allclose(
            ACTIVATION_FUNCTIONS[name].phi(x), expected, rtol=1e-12, atol=1e-15
        )


@pytest.mark.parametrize("slope", [0, 0.01, 0.25, 1, -0.5])
def test_leaky_relu_of_any_slope_equals_torch(slope):
    x = np.linspace(-3, 3, 101)
    expected = functional.leaky_relu(torch.from_numpy(x), slope).numpy()
    np.testing.assert_allclose(leaky_relu(slope).phi(x), expected, rtol=1e-15)
    np.testing.assert_array_equal(leaky_relu(slope).dphi(x), np.where(x > 0, 1, slope))
    assert leaky_relu(slope).name == f"leaky_relu({slope})"


@pytest.mark.parametrize("bad", [math.nan, math.inf, "0.1", None])
def test_a_slope_that_is_no_number_is_refused_in_words(bad):
    with pytest.raises(ValueError, match="slope must be a finite number"):
        leaky_relu(bad)


def test_resolve_takes_a_name_or_an_activation_and_names_what_it_knows():
    sine = Activation("sin", np.sin, np.cos)
    assert resolve(sine) is sine and resolve("tanh") is ACTIVATION_FUNCTIONS["tanh"]
    for unknown in ("swish", None, np.tanh):
        with pytest.raises(ValueError, match="tanh.*silu.*got"):
            resolve(unknown)


def test_an_activation_cannot_be_changed():
    with pytest.raises(FrozenInstanceError):
        ACTIVATION_FUNCTIONS["relu"].phi = np.tanh
