"""Weights that are computed: `initialize_` sets what is behind them, or says why it could not."""

from __future__ import annotations

import math
import warnings

import pytest
import torch
from helpers.numbers import seeded
from torch import nn
from torch.nn.utils import parametrizations, parametrize, prune, spectral_norm, weight_norm

from course_utils.initializers import (
    MUP,
    SCHEMES,
    gpt2_,
    initialize_,
    looks_linear_,
    parametrize_,
    start_,
)
from course_utils.networks import mlp, residual_mlp, transformer

old_weight_norm = pytest.mark.filterwarnings("ignore:.*weight_norm. is deprecated:FutureWarning")
WEIGHT_NORMS = {"parametrization": parametrizations.weight_norm, "older": weight_norm}
SPECTRAL_NORMS = {"parametrization": parametrizations.spectral_norm, "older": spectral_norm}
LAYERS = {
    "linear": lambda: nn.Linear(12, 10),
    "convolution": lambda: nn.Conv2d(6, 8, 3),
    "transposed": lambda: nn.ConvTranspose1d(6, 4, 4, stride=2),
}


@pytest.fixture(autouse=True)
def same_random_numbers():
    """Let layers begin alike in each run: power iterations start from random vectors."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        yield


class Doubled(nn.Module):
    def forward(self, w):
        return 2 * w

    def right_inverse(self, w):
        return w / 2


class Symmetric(nn.Module):
    def forward(self, w):
        return w.triu() + w.triu(1).T

    def right_inverse(self, w):
        return w.triu()


class Positive(nn.Module):
    def forward(self, w):
        return w.exp()

    def right_inverse(self, w):
        return w.log()


class OneWay(nn.Module):
    def forward(self, w):
        return w.tanh()


class LowRank(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Parameter(torch.randn(6, 2)), nn.Parameter(torch.randn(2, 6))

    def forward(self, w):
        return w + self.a @ self.b

    def right_inverse(self, w):
        return w - self.a @ self.b


def own(parametrization, layer=None):
    """Return a square layer, weights positive, with a parametrization."""
    layer = layer or nn.Linear(6, 6)
    with torch.no_grad():
        layer.weight.abs_()
    return parametrize.register_parametrization(layer, "weight", parametrization)


def said(network, scheme="he_normal", **options):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        initialize_(network, scheme, generator=seeded(0), **options)
    assert len(caught) <= 1
    return str(caught[0].message) if caught else ""


def computed(layer):
    """Return the weight that the layer computes with in a forward pass."""
    shape = layer.in_features if isinstance(layer, nn.Linear) else (layer.in_channels, 5, 5)
    shape = shape[:2] if isinstance(layer, nn.ConvTranspose1d) else shape
    layer(torch.zeros(1, *([shape] if isinstance(shape, int) else shape)))
    return layer.weight.detach()


@old_weight_norm
@pytest.mark.parametrize("norm", WEIGHT_NORMS)
@pytest.mark.parametrize("kind", LAYERS)
@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_weight_norm_computes_what_the_scheme_draws(norm, kind, scheme):
    layer, plain = WEIGHT_NORMS[norm](LAYERS[kind]()), LAYERS[kind]()
    assert said(layer, scheme) == "" == said(plain, scheme)
    torch.testing.assert_close(computed(layer), plain.weight.detach())
    assert torch.equal(layer.bias, plain.bias)


@old_weight_norm
@pytest.mark.parametrize("norm", WEIGHT_NORMS)
def test_a_weight_norm_of_zero_can_be_trained_and_drawn_again(norm):
    network = nn.Sequential(WEIGHT_NORMS[norm](nn.Linear(12, 10)))
    assert said(network, "zero") == ""
    x = torch.randn(5, 12, generator=seeded(0))
    out = network(x)
    assert (out == 0).all()
    (out - 1).square().sum().backward()
    assert all(p.grad.isfinite().all() for p in network.parameters())
    initialize_(network, "constant", value=0.5)
    torch.testing.assert_close(computed(network[0]), torch.full((10, 12), 0.5))


@pytest.mark.parametrize("norm", SPECTRAL_NORMS)
def test_a_spectral_norm_divides_what_is_drawn_by_its_largest_singular_value_and_it_is_said(norm):
    network = nn.Sequential(SPECTRAL_NORMS[norm](nn.Linear(12, 10)), nn.Linear(10, 2)).eval()
    words = said(network, "he_normal")
    assert "0.weight: parametrized by SpectralNorm, which makes another weight" in words
    w = SCHEMES["he_normal"](torch.empty(10, 12), generator=seeded(0))
    expected = w / torch.linalg.matrix_norm(w, 2)
    torch.testing.assert_close(computed(network[0]), expected, rtol=0.01, atol=0)


@pytest.mark.parametrize("norm", SPECTRAL_NORMS)
def test_a_spectral_norm_has_nothing_to_divide_where_the_largest_singular_value_is_one(norm):
    layer = SPECTRAL_NORMS[norm](nn.Linear(12, 10))
    assert said(layer, "orthogonal") == ""
    expected = SCHEMES["orthogonal"](torch.empty(10, 12), generator=seeded(0))
    torch.testing.assert_close(computed(layer), expected)


@pytest.mark.parametrize("norm", SPECTRAL_NORMS)
def test_a_spectral_norm_of_zero_is_no_weight_and_the_layer_stays_as_it_was(norm):
    layer = SPECTRAL_NORMS[norm](nn.Linear(12, 10)).eval()
    before = computed(layer).clone()
    state = {name: value.clone() for name, value in layer.state_dict().items()}
    assert "weight: parametrized by SpectralNorm, which makes no finite weight" in said(
        layer, "zero"
    )
    torch.testing.assert_close(computed(layer), before)
    assert all(torch.equal(layer.state_dict()[n], v) for n, v in state.items() if n != "bias")


@pytest.mark.parametrize("shape", [(8, 8), (12, 5), (5, 12)])
@pytest.mark.parametrize("how", ["matrix_exp", "cayley", "householder"])
def test_an_orthogonal_parametrization_takes_what_is_orthogonal_and_says_what_it_does_else(
    how, shape
):
    layer = parametrizations.orthogonal(nn.Linear(*shape), orthogonal_map=how)
    before = torch.get_rng_state()
    assert said(layer, "orthogonal") == ""
    expected = SCHEMES["orthogonal"](torch.empty(layer.weight.shape), generator=seeded(0))
    torch.testing.assert_close(layer.weight.detach(), expected, atol=1e-4, rtol=0)
    assert "parametrized by Orthogonal, which makes another weight" in said(layer, "he_normal")
    w = layer.weight.detach()
    product = w @ w.T if len(w) <= w.shape[1] else w.T @ w
    torch.testing.assert_close(product, torch.eye(len(product)), atol=1e-4, rtol=0)
    assert torch.equal(torch.get_rng_state(), before)


def test_a_parametrization_that_refuses_is_quoted_and_stays_as_it_was():
    layer = parametrizations.orthogonal(
        nn.Linear(6, 6), orthogonal_map="cayley", use_trivialization=False
    )
    before = layer.weight.detach().clone()
    assert "weight: parametrized by Orthogonal, which refuses what it is given (" in said(layer)
    assert torch.equal(layer.weight, before)


@pytest.mark.parametrize("parametrization", [Doubled, LowRank])
def test_a_parametrization_of_ones_own_is_set_through_its_right_inverse(parametrization):
    layer = own(parametrization())
    inner = [p.detach().clone() for p in layer.parametrizations.weight[0].parameters()]
    words = said(layer)
    expected = SCHEMES["he_normal"](torch.empty(6, 6), generator=seeded(0))
    torch.testing.assert_close(layer.weight.detach(), expected)
    assert ("weight.0.a, " in words) == (parametrization is LowRank)  # parameters of its own
    for p, value in zip(layer.parametrizations.weight[0].parameters(), inner, strict=True):
        assert torch.equal(p, value)


def test_a_chain_is_set_through_all_of_its_right_inverses():
    layer = own(Doubled(), own(LowRank()))
    said(layer, "constant", value=3.0)
    torch.testing.assert_close(layer.weight.detach(), torch.full((6, 6), 3.0))


def test_a_parametrization_that_makes_another_weight_is_named():
    layer = own(Symmetric())
    assert "weight: parametrized by Symmetric, which makes another weight" in said(layer)
    drawn = SCHEMES["he_normal"](torch.empty(6, 6), generator=seeded(0))
    torch.testing.assert_close(layer.weight.detach(), drawn.triu() + drawn.triu(1).T)


def test_a_parametrization_that_makes_no_finite_weight_stays_as_it_was():
    layer = own(Positive())
    before = layer.weight.detach().clone()
    assert "weight: parametrized by Positive, which makes no finite weight" in said(layer)
    assert torch.equal(layer.weight, before)


@pytest.mark.parametrize("chain", [(OneWay,), (Doubled, OneWay)])
def test_a_parametrization_without_right_inverse_is_left_alone_and_named(chain):
    network = nn.Sequential(nn.Linear(6, 6), nn.Linear(6, 6))
    for step in chain:
        parametrize.register_parametrization(network[0], "weight", step())
    before = network[0].weight.detach().clone()
    words = said(network)
    assert "0.weight: parametrized by OneWay, which has no right_inverse" in words
    assert torch.equal(network[0].weight, before) and not network[0].bias.any()
    expected = SCHEMES["he_normal"](torch.empty(6, 6), generator=seeded(0))
    assert torch.equal(network[1].weight, expected)


def test_a_parametrized_bias_becomes_zero_too():
    layer = parametrize.register_parametrization(nn.Linear(6, 6), "bias", Doubled())
    assert said(layer) == "" and not layer.bias.any()


def test_training_mode_hooks_and_gradients_are_left_alone():
    layer = spectral_norm(
        parametrizations.weight_norm(nn.LSTM(4, 5), "weight_hh_l0"), "weight_ih_l0"
    )
    hooks = dict(layer._forward_pre_hooks)
    said(layer)
    assert layer.training and all(m.training for m in layer.modules())
    assert layer._forward_pre_hooks == hooks
    assert all(p.requires_grad and p.is_leaf and p.grad is None for p in layer.parameters())
    layer(torch.randn(3, 4))[0].sum().backward()
    assert all(p.grad.isfinite().all() for p in layer.parameters())


# ---------------------------------------------------------------- what is stopped midway


def small_mlp():
    return mlp([6, 8, 8, 3])


def everything():
    parts = nn.Linear(6, 6), nn.BatchNorm1d(6), parametrizations.weight_norm(nn.Linear(6, 6))
    return nn.Sequential(*parts, prune.l1_unstructured(nn.Linear(6, 6), "weight", 0.5), small_mlp())


BEGINNINGS = {
    "initialize_": (small_mlp, lambda net: initialize_(net, "he_normal")),
    "of all kinds": (everything, lambda net: initialize_(net, "orthogonal")),
    "pytorch_default": (small_mlp, lambda net: initialize_(net, "pytorch_default")),
    "looks_linear_": (small_mlp, looks_linear_),
    "parametrize_": (small_mlp, lambda net: parametrize_(net, MUP, 8)),
    "gpt2_": (lambda: transformer(2, width=8), gpt2_),
    "fixup": (lambda: residual_mlp([6, 8, 3], 2), lambda net: start_(net, "fixup")),
    "rezero": (lambda: residual_mlp([6, 8, 3], 2), lambda net: start_(net, "rezero")),
}


@pytest.mark.parametrize("name", BEGINNINGS)
@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError])
def test_a_beginning_that_is_stopped_midway_leaves_the_network_as_it_was(name, error, monkeypatch):
    make, begin_ = BEGINNINGS[name]
    network, other, calls = make(), make(), []
    before = {key: value.clone() for key, value in network.state_dict().items()}
    stop_after = [math.inf]
    for kind in ("normal_", "uniform_", "zero_", "copy_", "mul_"):
        ordinary = getattr(torch.Tensor, kind)

        def counted(tensor, *given, _ordinary=ordinary, **options):
            calls.append(tensor)
            if len(calls) == stop_after[0]:
                raise error
            return _ordinary(tensor, *given, **options)

        monkeypatch.setattr(torch.Tensor, kind, counted)
    begin_(other)
    assert len(calls) > 2
    stop_after[0], calls[:] = 2 * len(calls) // 3, []
    with pytest.raises(error):
        begin_(network)
    assert network.state_dict().keys() == before.keys()
    assert all(torch.equal(value, before[key]) for key, value in network.state_dict().items())


def test_a_function_that_fails_at_the_second_weight_changes_none():
    network, seen = small_mlp(), []
    before = [p.detach().clone() for p in network.parameters()]

    def fails(weight, generator):
        seen.append(weight.fill_(7))
        if len(seen) == 2:
            raise RuntimeError("no")

    with pytest.raises(RuntimeError, match="no"):
        initialize_(network, fails)
    assert all(map(torch.equal, network.parameters(), before))


def test_what_is_lazy_beside_the_layers_is_no_obstacle():
    network = nn.Sequential(nn.Linear(6, 6), nn.LazyBatchNorm1d())
    assert initialize_(network, "zero") is network and not network[0].weight.any()
