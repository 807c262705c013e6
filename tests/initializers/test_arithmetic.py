"""The fans of a layer's arithmetic: counted by autograd, and met by the variance of the output."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from helpers.numbers import seeded
from torch import nn
from torch.nn import init
from torch.nn.utils.parametrizations import weight_norm

from course_utils.initializers import arithmetic_fans, fans, initialize_

CONVOLUTIONS = {
    "plain": (nn.Conv2d(6, 8, 3), (54, 72)),
    "oblong": (nn.Conv2d(6, 8, (3, 5)), (90, 120)),
    "grouped": (nn.Conv2d(6, 8, 3, groups=2), (27, 36)),
    "depthwise": (nn.Conv1d(6, 12, 5, groups=6), (5, 10)),
    "strided": (nn.Conv2d(6, 8, 4, stride=2), (96, 32)),
    "strided, not whole": (nn.Conv1d(6, 4, 3, stride=2), (18, 6)),
    "dilated": (nn.Conv1d(4, 6, 3, dilation=2), (12, 18)),
    "transposed": (nn.ConvTranspose2d(6, 8, 3), (54, 72)),
    "transposed, strided": (nn.ConvTranspose2d(6, 8, 4, stride=2), (24, 128)),
    "transposed, not whole": (nn.ConvTranspose1d(6, 4, 5, stride=3), (10, 20)),
    "transposed, grouped": (nn.ConvTranspose1d(6, 4, 4, stride=2, groups=2), (6, 8)),
    "transposed, unequal strides": (nn.ConvTranspose2d(4, 2, (3, 2), stride=(1, 2)), (12, 12)),
}


def interior(images):
    """Cut off the border, 6 pixels, and leave whole multiples of 6: of all strides here."""
    return images[(..., *[slice(6, 6 + (side - 12) // 6 * 6) for side in images.shape[2:]])]


def without_border(layer, z):
    """Return the numbers that a layer without padding computes from a whole kernel."""
    return interior(z) if isinstance(layer, nn.modules.conv._ConvTransposeNd) else z


@pytest.mark.parametrize("name", CONVOLUTIONS)
def test_fans_of_a_convolution_are_the_products_that_are_summed(name):
    layer, (fan_in, fan_out) = CONVOLUTIONS[name]
    x = torch.ones(1, layer.in_channels, *[24] * len(layer.kernel_size), requires_grad=True)
    # all weights and inputs are 1: an output counts its products, and so does a gradient of the sum
    with torch.no_grad():
        init.ones_(layer.weight), init.zeros_(layer.bias)
    z = layer(x)
    z.sum().backward()
    assert without_border(layer, z).mean().item() == pytest.approx(fan_in)
    assert interior(x.grad).mean().item() == pytest.approx(fan_out)
    assert arithmetic_fans(layer) == (fan_in, fan_out)


@pytest.mark.parametrize("name", CONVOLUTIONS)
def test_output_variance_of_a_convolution_is_fan_in_times_that_of_the_weights(name):
    layer, (fan_in, _) = CONVOLUTIONS[name]
    ratios = []
    for seed in range(60):
        initialize_(layer, "normal", std=0.5, generator=seeded(seed))
        shape = 2, layer.in_channels, *[24] * len(layer.kernel_size)
        z = layer(torch.randn(shape, generator=seeded(1000 + seed)))
        ratios.append(without_border(layer, z).square().mean().item() / 0.5**2)
    error = np.std(ratios) / math.sqrt(len(ratios))
    assert abs(np.mean(ratios) - fan_in) < 5 * error < 0.25 * fan_in


@pytest.mark.parametrize(
    ("layer", "name", "expected"),
    [
        (nn.Linear(5, 3), "weight", (5, 3)),
        (nn.Bilinear(3, 4, 5), "weight", (12, 20)),
        (nn.LSTM(5, 7, 2), "weight_ih_l0", (5, 7)),
        (nn.LSTM(5, 7, 2), "weight_ih_l1", (7, 7)),
        (nn.LSTM(5, 7, 2, bidirectional=True), "weight_ih_l1_reverse", (14, 7)),
        (nn.LSTM(5, 7, proj_size=3), "weight_hh_l0", (3, 7)),
        (nn.LSTM(5, 7, proj_size=3), "weight_hr_l0", (7, 3)),
        (nn.GRU(5, 7), "weight_hh_l0", (7, 7)),
        (nn.RNN(5, 7), "weight_ih_l0", (5, 7)),
        (nn.LSTMCell(5, 7), "weight_ih", (5, 7)),
        (nn.GRUCell(5, 7), "weight_hh", (7, 7)),
        (nn.RNNCell(5, 7), "weight_ih", (5, 7)),
        (nn.MultiheadAttention(8, 2), "in_proj_weight", (8, 8)),
        (nn.MultiheadAttention(8, 2, kdim=3, vdim=5), "q_proj_weight", (8, 8)),
        (nn.MultiheadAttention(8, 2, kdim=3, vdim=5), "k_proj_weight", (3, 8)),
        (nn.MultiheadAttention(8, 2, kdim=3, vdim=5), "v_proj_weight", (5, 8)),
        (weight_norm(nn.Linear(5, 3)), "weight", (5, 3)),
        (
            weight_norm(nn.GRU(5, 7), "weight_ih_l0"),
            "weight_ih_l0",
            (5, 7),
        ),
    ],
)
def test_fans_are_those_of_each_matrix(layer, name, expected):
    found = arithmetic_fans(layer, name)
    assert found == expected and all(isinstance(fan, int) for fan in found)


def test_torchs_count_stays_what_it_was():
    assert fans(nn.ConvTranspose2d(6, 8, 4, stride=2).weight) == (128, 96)
    assert fans(nn.Conv2d(6, 8, 3, groups=2).weight) == (27, 72)


@pytest.mark.parametrize(
    ("layer", "name", "message"),
    [
        (
            nn.LSTM(3, 4),
            "weight",
            "LSTM has no weight 'weight' with fans: try weight_ih_l0",
        ),
        (nn.Linear(3, 4), "bias", "Linear has no weight 'bias' with fans: try weight"),
        (nn.Embedding(3, 4), "weight", "Embedding has no weight .* try a Linear"),
        (nn.LazyLinear(4), "weight", "a lazy layer has no shape yet"),
        (nn.LazyConv2d(4, 3), "weight", "a lazy layer has no shape yet"),
    ],
)
def test_what_has_no_fans_is_refused_in_words(layer, name, message):
    with pytest.raises(ValueError, match=message):
        arithmetic_fans(layer, name)
