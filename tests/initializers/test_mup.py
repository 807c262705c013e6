"""μP: its powers of the width one by one, against the table and another formulation of it."""

from __future__ import annotations

import copy

import pytest
import torch
import torch.nn.functional as F
from helpers.numbers import seeded
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from course_utils.initializers import MUP, STANDARD, parameter_groups, parametrize_
from course_utils.networks import mlp, weight_layers

# ---------------------------------------------------------------- variances and rates, exactly


@pytest.mark.parametrize(
    "kind, expected", [(STANDARD, (1, 1, 1, 1)), (MUP, (1, 1, 1, 1 / 8))], ids=["standard", "mup"]
)
def test_the_variance_of_each_layer_is_that_of_the_table(kind, expected):
    network = mlp([300, 512, 512, 512, 100], "tanh")
    parametrize_(network, kind, 64, sigma_w2=1.5, generator=seeded(0))
    for layer, factor in zip(weight_layers(network), expected, strict=True):
        variance = layer.weight.var().item() * layer.in_features
        assert variance == pytest.approx(1.5 * factor, rel=0.05)
        assert layer.bias.count_nonzero() == 0


@pytest.mark.parametrize(
    "kind, rule, weights, biases",
    [
        (STANDARD, "adam", (1, 1, 1, 1), (1, 1, 1, 1)),
        (STANDARD, "sgd", (1, 1, 1, 1), (1, 1, 1, 1)),
        (MUP, "adam", (1, 1 / 4, 1 / 4, 1 / 4), (1, 1, 1, 1)),
        (MUP, "sgd", (4, 1, 1, 1 / 4), (4, 4, 4, 1)),
    ],
    ids=["standard-adam", "standard-sgd", "mup-adam", "mup-sgd"],
)
def test_the_learning_rate_of_each_weight_and_bias_is_that_of_the_table(
    kind, rule, weights, biases
):
    network = mlp([9, 32, 32, 32, 3])
    groups = parameter_groups(network, kind, 8, 0.1, rule=rule)
    expected = [0.1 * factor for pair in zip(weights, biases, strict=True) for factor in pair]
    assert [group["lr"] for group in groups] == pytest.approx(expected)
    for group, parameter in zip(groups, network.parameters(), strict=True):
        assert len(group["params"]) == 1 and group["params"][0] is parameter


@settings(max_examples=25)
@given(
    width=st.integers(1, 40),
    depth=st.integers(1, 4),
    rule=st.sampled_from(["adam", "sgd"]),
    bias=st.booleans(),
    seed=st.integers(0, 99),
)
def test_at_the_base_width_all_parametrizations_are_one(width, depth, rule, bias, seed):
    drawn, rates = [], []
    for kind in (STANDARD, MUP):
        network = mlp([5] + [width] * depth + [3], bias=bias)
        drawn.append(parametrize_(network, kind, width, generator=seeded(seed)))
        rates.append([g["lr"] for g in parameter_groups(network, kind, width, 0.3, rule=rule)])
    assert rates[0] == rates[1] == [0.3] * (1 + bias) * (depth + 1)
    for one, other in zip(*(network.parameters() for network in drawn), strict=True):
        assert torch.equal(one, other)


class Divided(nn.Module):
    """A layer whose output is multiplied by a constant, as in Table 8 of Tensor Programs V."""

    def __init__(self, layer, multiplier):
        super().__init__()
        self.layer, self.multiplier = layer, multiplier

    def forward(self, h):
        return self.multiplier * F.linear(h, self.layer.weight) + self.layer.bias


@pytest.mark.parametrize("rule", ["adam", "sgd"])
def test_training_is_that_of_the_formulation_with_a_divided_output(rule):
    """There the output's weights are drawn as at the base width, and its scores divided by n/b."""
    ratio, lr = 4, 0.01
    network = parametrize_(mlp([6, 32, 32, 3], "tanh").double(), MUP, 8, generator=seeded(1))
    other = copy.deepcopy(network)
    with torch.no_grad():
        other[4].weight.mul_(ratio)
    other[4] = Divided(other[4], 1 / ratio)
    # in the order of the parameters: weight and bias of the input, hidden and output layer
    factors = {"adam": (1, 1, 1 / ratio, 1, 1, 1), "sgd": (ratio, ratio, 1, ratio, ratio, 1)}[rule]
    pairs = zip(other.parameters(), factors, strict=True)
    theirs = [{"params": [p], "lr": lr * factor} for p, factor in pairs]
    make = (
        (lambda groups: torch.optim.Adam(groups, eps=1e-30)) if rule == "adam" else torch.optim.SGD
    )
    ours = parameter_groups(network, MUP, 8, lr, rule=rule)
    x, y = torch.randn(20, 6, generator=seeded(2)).double(), torch.arange(20) % 3
    start = network(x).detach()
    for net, optimizer in ((network, make(ours)), (other, make(theirs))):
        for _ in range(5):
            optimizer.zero_grad()
            F.cross_entropy(net(x), y).backward()
            optimizer.step()
    torch.testing.assert_close(network(x), other(x), rtol=1e-9, atol=1e-9)
    assert (network(x) - start).abs().max() > 0.01


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_torchs_global_state_changes_no_weight_and_no_rate(dtype):
    networks = [mlp([9, 32, 32, 3]) for _ in range(2)]
    parametrize_(networks[0], MUP, 8, generator=seeded(0))
    rates = [group["lr"] for group in parameter_groups(networks[0], MUP, 8, 0.1)]
    try:
        torch.set_grad_enabled(False)
        torch.set_default_dtype(dtype)
        parametrize_(networks[1], MUP, 8, generator=seeded(0))
        assert [group["lr"] for group in parameter_groups(networks[1], MUP, 8, 0.1)] == rates
    finally:
        torch.set_grad_enabled(True)
        torch.set_default_dtype(torch.float32)
    for one, other in zip(*(network.parameters() for network in networks), strict=True):
        assert torch.equal(one, other) and other.requires_grad


# ---------------------------------------------------------------- refusals


@pytest.mark.parametrize(
    "network, options, message",
    [
        (mlp([4, 3]), {}, "two linear layers or more"),
        (mlp([4, 8, 9, 3]), {}, r"one width, got \[8, 9\]"),
        (nn.Sequential(nn.Conv2d(1, 2, 3), nn.Linear(2, 2)), {}, "two linear layers or more"),
        (mlp([4, 8, 3]), {"base_width": 0}, "at least 1 unit, got 0"),
        (mlp([4, 8, 3]), {"sigma_w2": -1.0}, "non-negative and finite, got -1.0"),
    ],
)
def test_networks_without_a_width_and_impossible_numbers_are_refused(network, options, message):
    with pytest.raises(ValueError, match=message):
        parametrize_(network, MUP, **{"base_width": 8, **options})


def test_unknown_rules_and_impossible_rates_are_refused():
    with pytest.raises(ValueError, match="'adam' or 'sgd', got 'lion'"):
        parameter_groups(mlp([4, 8, 3]), MUP, 8, 0.1, rule="lion")
    with pytest.raises(ValueError, match="positive finite number, got 0"):
        parameter_groups(mlp([4, 8, 3]), MUP, 8, 0.0)
