"""How the branches of a residual network begin, and what the first step moves."""

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from helpers.numbers import noise, seeded
from helpers.residual import drawn
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from course_utils.initializers import STARTS, start_
from course_utils.networks import Ensemble, Residual, residual_mlp, weight_layers
from course_utils.probes import measure_stream
from course_utils.training import accuracy, fit

law = settings(deadline=None, derandomize=True, max_examples=25)


@pytest.mark.parametrize("start", STARTS)
def test_weights_have_the_stds_of_their_start_and_biases_are_zero(start):
    network, depth = drawn(start), 6
    expected = {"he": [2 / 300, 2 / 300], "rezero": [2 / 300, 2 / 300]}
    expected["fixup"] = [2 / 300 / depth, 0.0]  # L^(-1/2) on the std, two layers a branch
    for block in network.blocks:
        for layer, variance in zip(weight_layers(block.branch), expected[start], strict=True):
            error = math.sqrt(2 / layer.weight.numel())
            assert layer.weight.var().item() == pytest.approx(variance, rel=5 * error)
        assert torch.as_tensor(block.scale).item() == (0.0 if start == "rezero" else 1.0)
        assert isinstance(block.scale, nn.Parameter) == (start == "rezero")
    assert network.stem.weight.var().item() == pytest.approx(1 / 20, rel=0.1)
    head = weight_layers(network.head)[-1].weight.var().item()
    assert head == (0.0 if start == "fixup" else pytest.approx(1 / 300, rel=0.15))
    assert not any(layer.bias.any() for layer in weight_layers(network))


@law
@given(st.integers(1, 9), st.integers(2, 4))
def test_fixup_rescales_by_the_depth_to_minus_one_over_2m_minus_2(depth, layers):
    """Branches of any number of layers m, against He's draw of the same numbers."""
    widths = [nn.Linear(8, 8) for _ in range(layers)]
    network = drawn("he", depth)
    network.blocks = nn.Sequential(
        *(Residual(nn.Sequential(*[nn.Linear(8, 8) for _ in widths])) for _ in range(depth))
    )
    weights = {}
    for start in ("he", "fixup"):
        start_(network, start, generator=seeded(1))
        weights[start] = [layer.weight.clone() for layer in weight_layers(network.blocks)]
    for i, (he, fixup) in enumerate(zip(weights["he"], weights["fixup"], strict=True)):
        last = i % layers == layers - 1
        factor = 0 if last else depth ** (-1 / (2 * layers - 2))
        torch.testing.assert_close(fixup, factor * he)


@pytest.mark.parametrize("start", ["fixup", "rezero"])
@pytest.mark.parametrize("normalization", [None, "layer", "batch"])
@pytest.mark.parametrize("layers", [1, 2])
def test_with_silent_branches_the_stream_is_the_stem_from_end_to_end(start, normalization, layers):
    network = drawn(start, 5, layers, normalization=normalization)
    x = noise(8, 20)
    assert torch.equal(network.blocks(network.stem(x)), network.stem(x))
    m = measure_stream(network, x)
    assert not m.added.any()
    np.testing.assert_array_equal(m.gradient, m.gradient[-1])


def gradients(network, x, y):
    F.cross_entropy(network(x), y).backward()
    return [[p.grad.norm().item() for p in block.parameters()] for block in network.blocks]


def test_at_the_first_step_rezero_moves_the_scales_only_and_fixup_the_head_only():
    x, y = noise(30, 20), torch.arange(30) % 10
    network = drawn("rezero", 3)
    gradients(network, x, y)
    for block in network.blocks:
        assert block.scale.grad.abs() > 1e-4
        assert not any(p.grad.any() for p in block.branch.parameters())
    network = drawn("fixup", 3)
    assert not np.any(gradients(network, x, y))  # the zero head sends nothing down
    assert weight_layers(network.head)[-1].weight.grad.any()
    with torch.no_grad():
        weight_layers(network.head)[-1].weight.normal_(generator=seeded())
    first, _, last, _ = np.transpose(gradients(network, x, y))  # weight and bias, twice
    assert not first.any() and last.all()


def test_of_two_depths_the_deeper_begins_with_the_blocks_of_the_other():
    short, long = drawn("he", 2), drawn("he", 5)
    for a, b in zip(short.blocks, long.blocks, strict=False):
        for p, q in zip(a.parameters(), b.parameters(), strict=True):
            assert torch.equal(p, q)


def test_fit_trains_them_alone_and_side_by_side_and_the_scales_begin_to_move():
    x = noise(400, 20)
    y = (x[:, 0] > 0).long()
    options = {"epochs": 10, "batch_size": 40, "lr": 1e-2, "log": None}
    networks = [
        start_(residual_mlp([20, 30, 2], 3), "rezero", generator=seeded(seed)) for seed in (0, 1)
    ]
    side_by_side = Ensemble(networks)
    fit(side_by_side, x, y, **options)
    fit(networks[0], x, y, **options)
    assert min(accuracy(side_by_side, x, y)) > 0.95 and accuracy(networks[0], x, y) > 0.95
    assert all(block.scale.item() != 0 for block in networks[0].blocks)


def test_an_unknown_start_is_refused_in_words():
    with pytest.raises(ValueError, match="unknown start 'zero': choose one of he, fixup, rezero"):
        start_(residual_mlp([7, 6, 3], 2), "zero")
