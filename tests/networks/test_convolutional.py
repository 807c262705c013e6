"""The plain stack of convolutions: what it computes, what cannot be built."""

import pytest
import torch
import torch.nn.functional as F
from helpers.numbers import noise
from torch import nn

from course_utils.networks import convolutional, weight_layers


def test_it_is_the_stack_written_by_hand():
    network = convolutional([1, 3, 5, 4], "tanh")
    first, second, last = weight_layers(network)
    x = noise(6, 32 * 32)
    h = x.view(6, 1, 8, 4, 8, 4).mean((3, 5))  # means of 4 × 4 pixels
    for layer in (first, second):
        h = F.conv2d(F.pad(h, (1, 1, 1, 1)), layer.weight, layer.bias).tanh()
    scores = h.mean((2, 3)) @ last.weight.T + last.bias
    torch.testing.assert_close(network(x), scores, rtol=1e-4, atol=1e-5)


def test_it_works_member_by_member_in_an_ensemble():
    from course_utils.networks import Ensemble

    networks = [convolutional([1, 3, 4]) for _ in range(3)]
    x = noise(5, 784)
    together = Ensemble(networks)(x)
    for alone, scores in zip(networks, together, strict=True):
        torch.testing.assert_close(alone(x), scores, rtol=1e-4, atol=1e-5)


def test_what_cannot_be_built_is_refused_in_words():
    with pytest.raises(ValueError, match="channels needs a hidden layer, got \\[1, 10\\]"):
        convolutional([1, 10])
    with pytest.raises(ValueError, match="unknown activation 'mish': choose one of linear"):
        convolutional([1, 8, 10], "mish")
    assert isinstance(convolutional([1, 8, 10])[1], nn.Conv2d)
