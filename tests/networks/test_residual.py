"""Residual networks: what they compute, what cannot be built."""

import math

import pytest
import torch
from helpers.numbers import noise, seeded
from torch import nn

from course_utils.initializers import start_
from course_utils.networks import Residual, residual_mlp, weight_layers


def test_a_block_adds_its_scaled_branch_to_the_stream():
    branch, x = nn.Linear(5, 5), noise(3, 5)
    torch.testing.assert_close(Residual(branch, 0.3)(x), x + 0.3 * branch(x))
    assert not [p for p in Residual(nn.Identity(), 0.3).parameters()]
    learned = nn.Parameter(torch.tensor(0.2))
    block = Residual(branch, learned)
    torch.testing.assert_close(block(x), x + 0.2 * branch(x))
    assert any(parameter is learned for parameter in block.parameters())


@pytest.mark.parametrize("normalization", [None, "layer", "batch"])
@pytest.mark.parametrize("layers", [1, 2])
def test_the_network_is_the_one_written_by_hand(normalization, layers):
    network = residual_mlp(
        [7, 6, 3], 4, branch_layers=layers, activation="tanh", scale=0.5,
        normalization=normalization,
    )  # fmt: skip
    start_(network.double(), "he", generator=seeded())
    x = noise(9, 7).double()

    def normalized(h):
        if normalization is None:
            return h
        axis = {"layer": 1, "batch": 0}[normalization]
        h = h - h.mean(axis, keepdim=True)
        return h / (h.square().mean(axis, keepdim=True) + 1e-5).sqrt()

    stem, *weights, head = (layer.weight for layer in weight_layers(network))
    h = x @ stem.T
    for i in range(4):
        z = normalized(h)
        for weight in weights[layers * i : layers * (i + 1)]:
            z = z.tanh() @ weight.T
        h = h + 0.5 * z
    torch.testing.assert_close(network(x), normalized(h) @ head.T)


@pytest.mark.parametrize(
    "sizes, options, words",
    [
        ([784, 10], {}, r"sizes are input, width and output, .* got \[784, 10\]: try"),
        ([784, 0, 10], {}, "got .784, 0, 10."),
        ([7, 6, 3], {"depth": 0}, "depth must be a whole number of at least 1, got 0"),
        ([7, 6, 3], {"depth": True}, "depth .* got True"),
        ([7, 6, 3], {"branch_layers": 3}, "branch_layers must be 1 or 2, got 3"),
        ([7, 6, 3], {"scale": math.nan}, "scale must be a finite number, .* got nan"),
        ([7, 6, 3], {"activation": "relu6"}, "unknown activation 'relu6': choose one of linear"),
        ([7, 6, 3], {"normalization": "group"}, "'group': choose None or one of batch, layer"),
    ],
)
def test_what_cannot_be_built_is_refused_in_words(sizes, options, words):
    with pytest.raises(ValueError, match=words):
        residual_mlp(sizes, **{"depth": 2, **options})
