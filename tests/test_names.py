"""Names as PyTorch and Keras write them, and what they are called here."""

import numpy as np
import pytest
import torch
from torch import nn

from course_utils.experiments import five_layers
from course_utils.initializers import start_
from course_utils.names import called_here, meant, which
from course_utils.networks import ACTIVATIONS, mlp, residual_mlp
from course_utils.plotting import scheme_style
from course_utils.theory import critical_gain, forward_gain


@pytest.mark.parametrize(
    "given, here",
    [
        ("ReLU", "relu"),
        (" Leaky ReLU", "leaky_relu"),
        ("leaky-relu", "leaky_relu"),
        ("swish", "silu"),
        ("identity", "linear"),
        (nn.Identity, "linear"),
        (nn.ReLU(), "relu"),
        (nn.functional.gelu, "gelu"),
        (torch.tanh, "tanh"),
        (np.tanh, "tanh"),
    ],
)
def test_an_activation_by_any_name_is_called_by_that_of_the_course(given, here):
    assert meant(given, ACTIVATIONS) == [here]
    assert called_here(given, ACTIVATIONS).endswith(f" is called '{here}' here")
    with pytest.raises(ValueError, match=f"is called '{here}' here"):
        forward_gain(given)


@pytest.mark.parametrize("given", ["mish", "", "_", None, 3, lambda z: z, nn.Mish()])
def test_what_has_no_name_here_is_answered_with_all(given):
    assert called_here(given, ACTIVATIONS) == ""
    assert which(given, ["a", "b"]) == "choose one of a, b"


def test_a_leaky_slope_of_ones_own_is_told_where_it_goes():
    with pytest.raises(ValueError, match=r"slope 0.01; .* theory.leaky_relu\(0.2\)"):
        forward_gain(nn.LeakyReLU(0.2))


@pytest.mark.parametrize(
    "call, words",
    [
        (lambda: critical_gain("Tanh"), "'Tanh' is called 'tanh' here"),
        (lambda: mlp([2, 2, 2], "Swish"), "'Swish' is called 'silu' here"),
        (lambda: mlp([2, 2, 2], normalization="BatchNorm1d"), "is called 'batch' here"),
        (lambda: five_layers.play("Softsign", "MNIST"), "'Softsign' is called 'softsign' here"),
        (lambda: scheme_style("GlorotUniform"), "is called 'xavier_uniform' here"),
        (lambda: start_(residual_mlp([3, 3, 3], 1), "ReZero"), "'ReZero' is called 'rezero' here"),
    ],
)
def test_every_function_that_takes_a_name_says_what_it_is_called_here(call, words):
    with pytest.raises(ValueError, match=words):
        call()
