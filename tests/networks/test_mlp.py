"""The plain network: what it computes; normalized, what it does not feel and what it costs."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from helpers.numbers import seeded
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from course_utils.initializers import initialize_
from course_utils.networks import (
    ACTIVATIONS,
    NORMALIZATIONS,
    Ensemble,
    convolutional,
    from_weights,
    mlp,
    residual_mlp,
    weight_layers,
)
from course_utils.probes import Probe
from course_utils.theory.variance import activation_mean, activation_mean_square, gradient_map
from course_utils.training import accuracy, fit

law = settings(deadline=None, derandomize=True, max_examples=40)


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_mlp_is_linear_activation_linear_and_computes_that(activation):
    network = mlp([5, 4, 3], activation).double()
    first, act, last = network
    x = torch.randn(7, 5, dtype=torch.float64)
    by_hand = act(x @ first.weight.T + first.bias) @ last.weight.T + last.bias
    torch.testing.assert_close(network(x), by_hand)
    assert type(act) is type(ACTIVATIONS[activation]())


def test_mlp_without_bias_has_none():
    assert all(layer.bias is None for layer in weight_layers(mlp([5, 4, 3], bias=False)))


def test_one_layer_is_logistic_regression():
    assert [type(m) for m in mlp([784, 10])] == [nn.Linear]


@pytest.mark.parametrize("sizes", [[], [5], [5, 0], [5, 2.5], [5, -1, 3]])
def test_impossible_sizes_are_named(sizes):
    with pytest.raises(ValueError, match="size"):
        mlp(sizes)


def test_an_unknown_activation_is_answered_with_the_known_ones():
    with pytest.raises(ValueError, match="'mish'.*tanh"):
        mlp([5, 4, 3], "mish")


def test_mlp_takes_a_function_that_makes_a_module_a_new_one_for_each_layer():
    network = mlp([5, 4, 4, 3], lambda: nn.PReLU(init=0.3))
    _, first, _, second, _ = network
    assert first is not second and first.weight.item() == pytest.approx(0.3)
    with pytest.raises(TypeError):
        mlp([5, 4, 3], lambda: torch.tanh)


def test_from_weights_multiplies_and_bends_and_shares_the_weights():
    first, second = torch.randn(4, 5), torch.randn(3, 4)
    network, x = from_weights([first, second], "tanh"), torch.randn(7, 5)
    torch.testing.assert_close(network(x), torch.tanh(torch.tanh(x @ first.T) @ second.T))
    assert [layer.weight.data_ptr() for layer in weight_layers(network)] == [
        first.data_ptr(),
        second.data_ptr(),
    ]
    assert not any(p.requires_grad for p in network.parameters())


def without_eps(network):
    """Make the constant that guards a division by zero so small that rounding swallows it."""
    for module in network:
        if hasattr(module, "eps"):
            module.eps = 1e-100  # zero itself is refused by torch
    return network


def scaled_copy(network, factors):
    """Return outputs-to-be-compared: a twin whose hidden weights are multiplied by factors."""
    twin = mlp(*network.recipe[0], **network.recipe[1]).double()
    twin.load_state_dict(network.state_dict())
    with torch.no_grad():
        for layer, factor in zip(weight_layers(twin)[:-1], factors, strict=True):
            layer.weight.mul_(factor)
    return without_eps(twin)


def build(sizes, seed, **options):
    network = mlp(sizes, "tanh", bias=False, **options).double()
    initialize_(network, "lecun_normal", generator=seeded(seed))
    network.recipe = (sizes, "tanh"), {"bias": False, **options}
    return without_eps(network)


# ---------------------------------------------------------------- normalized: what it computes


@pytest.mark.parametrize("name", NORMALIZATIONS)
def test_it_stands_before_or_after_each_activation_but_not_at_the_scores(name):
    kind, sizes = type(NORMALIZATIONS[name](4)), [5, 4, 4, 3]
    before = [type(m) for m in mlp(sizes, normalization=name)]
    after = [type(m) for m in mlp(sizes, normalization=name, after_activation=True)]
    assert before == [nn.Linear, kind, nn.ReLU] * 2 + [nn.Linear]
    assert after == [nn.Linear, nn.ReLU, kind] * 2 + [nn.Linear]


def test_batch_normalizes_each_unit_and_layer_each_image():
    z = torch.randn(50, 8, dtype=torch.float64, generator=seeded(0)) * 3 + 2
    for name, axis in (("batch", 0), ("layer", 1)):
        by_hand = (z - z.mean(axis, keepdim=True)) / z.std(axis, correction=0, keepdim=True)
        module = without_eps([NORMALIZATIONS[name](8).double()])[0]
        torch.testing.assert_close(module(z), by_hand, rtol=1e-12, atol=1e-12)


def test_an_unknown_normalization_is_answered_with_the_known_ones():
    with pytest.raises(ValueError, match="'group': choose None or one of batch, layer"):
        mlp([5, 4, 3], normalization="group")


# ---------------------------------------------------------------- normalized: what it does not feel


@law
@given(
    hidden=st.lists(st.integers(3, 20), min_size=1, max_size=4),
    exponents=st.lists(st.floats(-6, 6), min_size=4, max_size=4),
    name=st.sampled_from(list(NORMALIZATIONS)),
    seed=st.integers(0, 2**31),
)
def test_the_scale_of_the_weights_before_it_does_not_matter_to_float_tolerance(
    hidden, exponents, name, seed
):
    network = build([6, *hidden, 4], seed, normalization=name)
    x = torch.randn(30, 6, dtype=torch.float64, generator=seeded(seed))
    twin = scaled_copy(network, [10.0**e for e in exponents[: len(hidden)]])
    torch.testing.assert_close(twin(x), network(x), rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize("name", NORMALIZATIONS)
def test_a_power_of_two_changes_no_bit(name):
    network = build([6, 9, 9, 4], 0, normalization=name)
    x = torch.randn(30, 6, dtype=torch.float64, generator=seeded(1))
    assert torch.equal(scaled_copy(network, [2.0**-20, 2.0**15])(x), network(x))


def test_batch_normalization_does_not_feel_a_scale_of_its_own_for_each_unit_and_layer_norm_does():
    x = torch.randn(30, 6, dtype=torch.float64, generator=seeded(1))
    factors = [torch.logspace(-2, 2, 9, dtype=torch.float64).unsqueeze(1)]  # one a row
    batch, layer = (build([6, 9, 4], 0, normalization=n) for n in ("batch", "layer"))
    torch.testing.assert_close(scaled_copy(batch, factors)(x), batch(x), rtol=1e-10, atol=1e-10)
    assert (scaled_copy(layer, factors)(x) - layer(x)).abs().max() > 0.1


def test_with_eps_a_smaller_scale_shrinks_the_output_by_what_eps_adds_to_the_variance():
    module, alpha = nn.BatchNorm1d(8).double(), 0.01
    z = torch.randn(50, 8, dtype=torch.float64, generator=seeded(0))
    variance = z.var(0, correction=0)
    shrink = ((variance + module.eps) / (variance + module.eps / alpha**2)).sqrt()
    torch.testing.assert_close(module(alpha * z), shrink * module(z), rtol=1e-12, atol=1e-12)
    assert shrink.max() < 0.97  # eps is no detail where the weights are small


@law
@given(
    exponent=st.floats(-4, 4),
    name=st.sampled_from(list(NORMALIZATIONS)),
    seed=st.integers(0, 2**31),
)
def test_the_gradient_shrinks_as_the_weight_grows_and_stands_at_right_angles_to_it(
    exponent, name, seed
):
    network, alpha = build([6, 9, 9, 4], seed, normalization=name), 10.0**exponent
    twin = scaled_copy(network, [alpha, alpha])
    x = torch.randn(30, 6, dtype=torch.float64, generator=seeded(seed))
    y = torch.arange(30) % 4
    for net in (network, twin):
        F.cross_entropy(net(x), y).backward()
    for a, b in zip(weight_layers(network)[:-1], weight_layers(twin)[:-1], strict=True):
        scale = a.weight.grad.abs().max().item()
        torch.testing.assert_close(alpha * b.weight.grad, a.weight.grad, rtol=0, atol=1e-7 * scale)
        along = (a.weight * a.weight.grad).sum().abs()
        assert along < 1e-10 * a.weight.norm() * a.weight.grad.norm()


# ---------------------------------------------------------------- normalized: along depth


def growth(name, activation, batch, seed=0):
    """Return the factor a layer on the mean square of the gradient, going down 10 layers.

    Inputs and layers are wide: the theory takes the variances of all units to be the same, and they
    are only if the images vary in many directions, which become fewer with depth.
    """
    network = mlp([400] * 15 + [10], activation, normalization=name)
    initialize_(network, "he_normal", generator=seeded(seed))
    x = torch.randn(batch, 400, generator=seeded(seed + 100))
    with Probe(network) as probe:
        F.cross_entropy(network(x), torch.arange(batch) % 10).backward()
    squares = probe.mean_squares("gradient")
    return (squares[2] / squares[12]) ** (1 / 10)


@pytest.mark.parametrize("activation", ["relu", "tanh", "linear", "gelu"])
def test_gradients_grow_by_the_slopes_over_the_variance_of_the_activation_per_layer(activation):
    slopes, square = gradient_map(1.0, 1.0, activation), activation_mean_square(1.0, activation)
    variance = square - activation_mean(1.0, activation) ** 2
    batch, layer = (
        np.mean([growth(name, activation, 512, seed) for seed in range(3)])
        for name in ("batch", "layer")
    )
    assert batch == pytest.approx(slopes / variance, rel=0.02)
    assert layer == pytest.approx(slopes / square, rel=0.02)


def test_with_relu_the_rate_is_pi_over_pi_minus_one_and_tiny_batches_are_worse():
    square, mean = activation_mean_square(1.0, "relu"), activation_mean(1.0, "relu")
    assert 0.5 / (square - mean**2) == pytest.approx(math.pi / (math.pi - 1), rel=1e-9)
    rates = [np.mean([growth("batch", "relu", b, seed) for seed in range(3)]) for b in (4, 16, 256)]
    assert rates[0] > 1.2 * rates[1] > 1.2 * 1.05 * rates[2]


# ---------------------------------------------------------------- normalized: the rest of it


def test_initialize_leaves_the_normalization_alone_and_the_probe_sees_what_it_hands_on():
    network = initialize_(mlp([20, 30, 30, 5], normalization="batch"), "normal", std=100.0)
    assert all((network[i].weight == 1).all() and not network[i].bias.any() for i in (1, 4))
    with Probe(network) as probe:
        network(torch.randn(64, 20)).sum().backward()
    np.testing.assert_allclose(probe.stds("pre_activation")[:2], 1, rtol=1e-3)
    assert probe.layer_names == ["0", "3", "6"] and len(probe.values("gradient")) == 3


def test_fit_trains_both_and_an_ensemble_takes_layers_and_refuses_batches_in_words():
    x = torch.randn(400, 20, generator=seeded(0))
    y = (x[:, 0] > 0).long()
    for name in NORMALIZATIONS:
        network = mlp([20, 30, 30, 2], normalization=name)
        fit(network, x, y, epochs=10, batch_size=40, lr=1e-2, log=None)
        assert accuracy(network, x, y) > 0.95
    ensemble = Ensemble([mlp([20, 30, 2], normalization="layer") for _ in range(2)])
    fit(ensemble, x, y, epochs=10, batch_size=40, lr=1e-2, log=None)
    assert min(accuracy(ensemble, x, y)) > 0.95
    with pytest.raises(ValueError, match="BatchNorm1d: in an ensemble the members would not"):
        Ensemble([mlp([20, 30, 2], normalization="batch") for _ in range(2)])


BUILDERS = {
    "mlp": lambda activation: mlp([4, 3, 2], activation),
    "from_weights": lambda activation: from_weights([torch.ones(3, 4)], activation),
    "convolutional": lambda activation: convolutional([1, 3, 2], activation),
    "residual_mlp": lambda activation: residual_mlp([4, 3, 2], 1, activation=activation),
}


@pytest.mark.parametrize("build", BUILDERS.values(), ids=BUILDERS)
@pytest.mark.parametrize(
    "activation, words",
    [
        (
            nn.ReLU(),
            r"the module ReLU\(\), .* share: try its class nn.ReLU, .* lambda: .* 'relu'",
        ),
        (nn.LeakyReLU(0.2), r"try its class nn.LeakyReLU, or .* lambda: nn.LeakyReLU\(0.2\)"),
        (nn.Threshold(0.1, 0.2), r"try lambda: copy.deepcopy\(activation\), or a name"),
        (nn.Sequential(nn.ReLU()), r"try lambda: copy.deepcopy\(activation\), or a name"),
        (nn.functional.relu, "got relu: try a class such as nn.ReLU, .* a name such as 'relu'"),
        (nn.functional.gelu, "got gelu: .* a name such as 'gelu'"),
        (torch.tanh, "got tanh: .* a name such as 'tanh'"),
        (np.tanh, "got tanh: .* a name such as 'tanh'"),
        (lambda x: x, "got <lambda>: try a class such as nn.ReLU"),
        (lambda: torch.tanh, "got <lambda>: try a class such as nn.ReLU"),
        (nn.Threshold, "got Threshold: try a class"),
        (None, "got None: try a class"),
    ],
)
def test_what_makes_no_module_is_refused_in_words(build, activation, words):
    with pytest.raises(TypeError, match=words):
        build(activation)


@pytest.mark.parametrize("build", BUILDERS.values(), ids=BUILDERS)
def test_every_builder_takes_a_function_that_makes_a_module(build):
    slopes = [
        m.negative_slope
        for m in build(lambda: nn.LeakyReLU(0.2)).modules()
        if isinstance(m, nn.LeakyReLU)
    ]
    assert slopes == [0.2]


def test_an_error_inside_a_function_of_ones_own_stays_its_own():
    with pytest.raises(TypeError, match="unsupported operand"):
        mlp([4, 3, 2], lambda: 1 + "one")
