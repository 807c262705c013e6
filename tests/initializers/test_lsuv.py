"""LSUV: every measured std is 1 within the tolerance, or nothing at all has happened."""

from __future__ import annotations

import copy
import math
import warnings

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn.utils import parametrizations, parametrize

from course_utils.initializers import initialize_, lsuv_
from course_utils.networks import mlp, weight_layers
from course_utils.probes import Probe

law = settings(deadline=None, derandomize=True, max_examples=60)
seeds = st.integers(0, 2**31)
widths = st.lists(st.integers(2, 40), min_size=1, max_size=5)
HOMOGENEOUS = ["linear", "relu", "leaky_relu"]


def seeded(seed):
    return torch.Generator().manual_seed(seed)


def conv_net():
    return nn.Sequential(
        nn.Conv2d(2, 6, 3, padding=1),
        nn.ReLU(inplace=True),
        nn.Sequential(nn.Conv2d(6, 4, 3, stride=2, bias=False), nn.LeakyReLU(0.2, inplace=True)),
        nn.Flatten(),
        nn.Linear(36, 10),
    )


def weights(network):
    return [p.detach().clone() for p in network.parameters()]


# ---------------------------------------------------------------- the defining property


@law
@given(
    hidden=widths,
    ends=st.tuples(st.integers(3, 30), st.integers(3, 10)),
    activation=st.sampled_from([*HOMOGENEOUS, "tanh", "selu", "gelu", "sigmoid"]),
    tolerance=st.floats(0.001, 0.5),
    scale=st.floats(1e-4, 1e4),
    seed=seeds,
)
def test_every_std_is_one_within_the_tolerance_after_one_division_at_most(
    hidden, ends, activation, tolerance, scale, seed
):
    network = mlp([ends[0], *hidden, ends[1]], activation)
    images = scale * torch.randn(50, ends[0], generator=seeded(seed))
    report = lsuv_(network, images, tolerance=tolerance, generator=seeded(seed))
    with Probe(network) as probe:
        network(images)
    measured = probe.stds("pre_activation")
    assert (abs(measured - 1) < tolerance).all() and max(report.iterations) <= 1
    np.testing.assert_allclose(report.after, measured, rtol=1e-4)


@law
@given(hidden=widths, activation=st.sampled_from(HOMOGENEOUS[1:]), seed=seeds)
def test_after_the_activation_its_std_is_one_and_the_last_layers_own(hidden, activation, seed):
    network = mlp([8, *[4 * n for n in hidden], 5], activation)
    images = 0.1 * torch.randn(50, 8, generator=seeded(seed))
    report = lsuv_(network, images, after_activation=True, tolerance=0.01, generator=seeded(seed))
    with Probe(network) as probe:
        network(images)
    assert (abs(probe.stds("activation") - 1) < 0.01).all() and max(report.iterations) <= 1
    np.testing.assert_allclose(report.after, probe.stds("activation"), rtol=1e-4)


@law
@given(
    channels=st.lists(st.integers(1, 8), min_size=2, max_size=4),
    kernel=st.integers(1, 4),
    dims=st.integers(1, 3),
    after=st.booleans(),
    seed=seeds,
)
def test_convolutions_are_scaled_too(channels, kernel, dims, after, seed):
    conv = (nn.Conv1d, nn.Conv2d, nn.Conv3d)[dims - 1]
    layers = [
        m
        for a, b in zip(channels[:-1], channels[1:], strict=True)
        for m in (conv(a, b, kernel, padding=kernel // 2), nn.LeakyReLU(0.3))
    ]
    network = nn.Sequential(*layers)
    images = torch.rand(6, channels[0], *[5] * dims, generator=seeded(seed))
    options = {"after_activation": after, "tolerance": 0.02, "generator": seeded(seed)}
    report = lsuv_(network, images, **options)
    with Probe(network) as probe:
        network(images)
    stds = probe.stds("activation" if after else "pre_activation")
    assert (abs(stds - 1) < 0.02).all() and (abs(report.after - 1) < 0.02).all()


def test_each_weight_is_a_multiple_of_the_orthonormal_start_and_biases_are_zero():
    network = lsuv_net = conv_net()
    start = initialize_(copy.deepcopy(network), "orthogonal", generator=seeded(3))
    lsuv_(lsuv_net, torch.rand(20, 2, 8, 8), generator=seeded(3))
    for a, b in zip(weight_layers(start), weight_layers(network), strict=True):
        ratio = b.weight / a.weight
        torch.testing.assert_close(ratio, ratio.mean().expand_as(ratio), rtol=1e-4, atol=0)
        assert b.bias is None or not b.bias.any()


def test_without_the_orthonormal_start_each_weight_is_a_multiple_of_its_own_and_biases_stay():
    network = initialize_(mlp([20, 30, 30, 5], "tanh"), "normal", std=2.0, generator=seeded(1))
    with torch.no_grad():
        for layer in weight_layers(network):
            layer.bias.normal_(0, 0.3, generator=seeded(2))
    start = copy.deepcopy(network)
    report = lsuv_(network, torch.randn(100, 20), orthonormal=False, tolerance=0.001)
    assert max(report.iterations) > 1  # a bias makes the std no multiple of the weight
    for a, b in zip(weight_layers(start), weight_layers(network), strict=True):
        ratio = b.weight / a.weight
        torch.testing.assert_close(ratio, ratio.mean().expand_as(ratio), rtol=1e-4, atol=0)
        assert torch.equal(a.bias, b.bias)


def test_a_layer_within_the_tolerance_is_left_alone():
    network, images = mlp([20, 30, 5]), torch.randn(100, 20)
    lsuv_(network, images)
    before = weights(network)
    report = lsuv_(network, images, orthonormal=False)
    assert report.iterations == (0, 0)
    assert all(torch.equal(a, b) for a, b in zip(before, weights(network), strict=True))


def test_the_report_tells_the_stds_of_the_orthonormal_network():
    network, images = mlp([20, 30, 30, 5], "tanh"), 0.01 * torch.randn(100, 20)
    report = lsuv_(network, images, generator=seeded(5))
    initialize_(network, "orthogonal", generator=seeded(5))
    with Probe(network) as probe:
        network(images)
    np.testing.assert_allclose(report.before, probe.stds("pre_activation"), rtol=1e-4)
    assert report.names == ("0", "2", "4") and report.iterations == (1, 1, 1)


def test_a_batch_is_drawn_from_the_generator_and_only_its_stds_are_one():
    images = torch.randn(1000, 20, generator=seeded(0))
    images[500:] *= 100
    networks = [mlp([20, 30, 5]) for _ in range(3)]
    reports = [
        lsuv_(network, images, batch=4, generator=seeded(s))
        for network, s in zip(networks, (1, 1, 2), strict=True)
    ]
    assert torch.equal(networks[0][0].weight, networks[1][0].weight)
    assert reports[0].before[0] == reports[1].before[0] != reports[2].before[0]
    with torch.no_grad():
        of_all = networks[0][0](images).std(correction=0)
    assert abs(reports[0].after[0] - 1) < 0.1 < abs(of_all - 1)


@pytest.mark.parametrize("training", [True, False])
def test_flags_statistics_gradients_and_the_random_state_are_left_alone(training):
    network = nn.Sequential(
        nn.Linear(6, 5), nn.BatchNorm1d(5), nn.ReLU(), nn.Dropout(0.5), nn.Linear(5, 3)
    ).train(training)
    state, mean = torch.get_rng_state(), network[1].running_mean.clone()
    report = lsuv_(network, torch.randn(30, 6, generator=seeded(0)), generator=seeded(0))
    assert torch.equal(torch.get_rng_state(), state) and torch.equal(network[1].running_mean, mean)
    assert all(m.training == training for m in network.modules()) and report.names == ("0", "4")
    assert all(p.requires_grad and p.grad is None and p.is_leaf for p in network.parameters())
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in network.modules())


def test_layers_are_taken_in_the_order_of_execution_and_one_activation_may_serve_them_all():
    class Backwards(nn.Module):
        def __init__(self):
            super().__init__()
            self.last, self.first, self.act = nn.Linear(7, 3), nn.Linear(5, 7), nn.ReLU()

        def forward(self, x):
            return self.act(self.last(self.act(self.first(x))))

    network, images = Backwards(), torch.randn(40, 5)
    report = lsuv_(network, images, after_activation=True, tolerance=1e-3)
    assert report.names == ("first", "last")
    assert network(images).std(correction=0).item() == pytest.approx(1, abs=1e-3)


def test_two_branches_that_meet_are_scaled_each_at_its_own_output():
    class Sum(nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.b, self.act = nn.Linear(5, 7), nn.Linear(5, 7), nn.ReLU()

        def forward(self, x):
            return self.act(self.a(x) + self.b(x))

    network, images = Sum(), torch.randn(40, 5)
    lsuv_(network, images, after_activation=True, tolerance=1e-3)
    for branch in (network.a, network.b):
        assert branch(images).std(correction=0).item() == pytest.approx(1, abs=1e-3)


# ---------------------------------------------------------------- refused, and nothing half-done


def dead_middle():
    network = initialize_(mlp([6, 5, 4, 3], "relu"), "he_normal", generator=seeded(0))
    with torch.no_grad():
        network[2].weight.zero_()
    return network


def all_negative():
    network = mlp([6, 5, 4, 3], "relu")
    with torch.no_grad():
        network[0].bias.fill_(-1e6)
    return network


class Twice(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(6, 6)

    def forward(self, x):
        return self.layer(self.layer(x))


class Tied(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Linear(6, 6), nn.Linear(6, 6)
        self.second.weight = self.first.weight

    def forward(self, x):
        return self.second(self.first(x) ** 3)


class Unused(nn.Sequential):
    def forward(self, x):
        return self[0](x)


KEEP = {"orthonormal": False}


@pytest.mark.parametrize(
    ("network", "options", "message"),
    [
        (dead_middle(), KEEP, "layer '2' is dead: the std of its output is 0.0"),
        (all_negative(), {**KEEP, "after_activation": True}, "layer '0' is dead: .* is 0.0"),
        (mlp([6, 8, 3], "sigmoid"), {"after_activation": True}, "'0' is 0.* after 10 divisions"),
        (mlp([6, 8, 3], "tanh"), {"after_activation": True, "tolerance": 0.01}, "10 divisions"),
        (Twice(), {}, "layer 'layer' is called twice"),
        (Tied(), {}, "layer 'first' is .* again .* share its weight"),
        (Unused(nn.Linear(6, 5), nn.Linear(5, 4)), {}, "never calls layer '1'"),
    ],
)
def test_a_network_that_cannot_be_scaled_is_named_and_left_as_it_was(network, options, message):
    before = weights(network)
    images = torch.randn(30, 6, generator=seeded(1))
    with pytest.raises(ValueError, match=message):
        lsuv_(network, images, **options)
    assert all(torch.equal(a, b) for a, b in zip(before, weights(network), strict=True))
    assert all(m.training and not m._forward_hooks for m in network.modules())


@pytest.mark.parametrize("value", [math.nan, math.inf, 0.0])
def test_images_without_a_finite_std_make_the_first_layer_dead(value):
    network = mlp([6, 5, 3])
    before = weights(network)
    with pytest.raises(ValueError, match="layer '0' is dead"):
        lsuv_(network, torch.full((4, 6), value))
    assert all(torch.equal(a, b) for a, b in zip(before, weights(network), strict=True))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"tolerance": 0}, r"tolerance must lie in \(0, 1\), got 0"),
        ({"tolerance": math.nan}, "tolerance must lie"),
        ({"max_iterations": 0}, "max_iterations must be a whole number of at least 1, got 0"),
        ({"batch": 31}, "batch must be a whole number from 1 to 30, got 31"),
        ({"batch": 2.0}, "batch must be a whole number from 1 to 30, got 2.0"),
    ],
)
def test_impossible_options_are_named(options, message):
    with pytest.raises(ValueError, match=message):
        lsuv_(mlp([6, 5, 3]), torch.randn(30, 6), **options)


@pytest.mark.parametrize(
    ("network", "images", "message"),
    [
        (nn.ReLU(), torch.randn(3, 6), "with Linear or convolution layers, got ReLU"),
        ([1], torch.randn(3, 6), "got list"),
        (mlp([6, 3]), torch.randn(6), r"images must be a tensor \(n, …\), got \(6,\)"),
        (mlp([6, 3]), [[1.0]], "got list"),
    ],
)
def test_what_is_no_network_or_no_images_is_refused_in_words(network, images, message):
    with pytest.raises(ValueError, match=message):
        lsuv_(network, images)


# ---------------------------------------------------------------- other kinds of layers


def quietly(network, images, **options):
    """Run LSUV and return its report and the words of its one warning, "" if there is none."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        report = lsuv_(network, images, generator=seeded(0), **options)
    assert len(caught) <= 1
    return report, str(caught[0].message) if caught else ""


@pytest.mark.filterwarnings("ignore:.*weight_norm. is deprecated:FutureWarning")
@pytest.mark.parametrize("norm", [parametrizations.weight_norm, nn.utils.weight_norm])
@pytest.mark.parametrize("orthonormal", [True, False])
@pytest.mark.parametrize("layer", [lambda: nn.Linear(16, 9), lambda: nn.Linear(16, 32)])
def test_a_weight_norm_is_scaled_by_its_lengths(norm, orthonormal, layer):
    network = nn.Sequential(norm(layer()), nn.Tanh())
    images = 0.01 * torch.randn(200, 16, generator=seeded(1))
    before = {key: value.clone() for key, value in network.state_dict().items()}
    report, words = quietly(network, images, orthonormal=orthonormal, tolerance=0.01)
    assert words == "" and report.left_alone == {} and max(report.iterations) >= 1
    assert network[0](images).std(correction=0).item() == pytest.approx(1, abs=0.01)
    stays = [key for key in before if key.endswith(("weight_v", "original1"))]  # the directions
    same = [torch.equal(network.state_dict()[key], before[key]) for key in stays]
    assert same == [not orthonormal]


def test_a_pruned_weight_is_scaled_and_keeps_its_mask():
    network = nn.Sequential(nn.Linear(16, 9))
    nn.utils.prune.random_unstructured(network[0], "weight", 0.5)
    mask, images = network[0].weight_mask.clone(), torch.randn(200, 16, generator=seeded(1))
    quietly(network, images, tolerance=0.01)
    assert network(images).std(correction=0).item() == pytest.approx(1, abs=0.01)
    assert torch.equal(network[0].weight != 0, mask.bool())


class Doubled(nn.Module):
    def forward(self, w):
        return 2 * w

    def right_inverse(self, w):
        return w / 2


class OneWay(nn.Module):
    def forward(self, w):
        return 0.1 * w


def parametrized(parametrization):
    return parametrize.register_parametrization(nn.Linear(16, 16), "weight", parametrization)


def test_a_parametrization_of_ones_own_is_scaled_through_its_right_inverse():
    network, images = nn.Sequential(parametrized(Doubled())), torch.randn(200, 16)
    report, words = quietly(network, 0.1 * images, tolerance=0.01)
    assert words == "" and report.iterations == (1,)
    assert network(0.1 * images).std(correction=0).item() == pytest.approx(1, abs=0.01)


@pytest.mark.parametrize(
    ("layer", "name"),
    [
        (lambda: parametrizations.spectral_norm(nn.Linear(16, 16)), "SpectralNorm"),
        (lambda: nn.utils.spectral_norm(nn.Linear(16, 16)), "SpectralNorm"),
        (lambda: parametrizations.orthogonal(nn.Linear(16, 16)), "Orthogonal"),
        (lambda: parametrized(OneWay()), "OneWay, which has no right_inverse"),
    ],
)
@pytest.mark.parametrize("orthonormal", [True, False])
def test_a_layer_whose_scale_is_fixed_is_named_with_what_fixes_it_and_stays(
    layer, name, orthonormal
):
    network = nn.Sequential(nn.Linear(16, 16), layer())
    before = {key: value.clone() for key, value in network.state_dict().items()}
    images = torch.randn(200, 16, generator=seeded(1))
    network[1].register_forward_pre_hook(lambda module, inputs: (0.01 * inputs[0],))
    with pytest.raises(ValueError, match=f"'1' is .* its scale is fixed by {name}.*Try lsuv_ bef"):
        lsuv_(network, images, orthonormal=orthonormal, generator=seeded(0))
    assert all(torch.equal(value, before[key]) for key, value in network.state_dict().items())


def test_a_layer_whose_scale_is_fixed_at_one_needs_no_division():
    network = nn.Sequential(parametrizations.orthogonal(nn.Linear(16, 16)))
    report, _ = quietly(network, torch.randn(500, 16, generator=seeded(1)))
    assert report.iterations == (0,)


class Language(nn.Module):
    def __init__(self, recurrent):
        super().__init__()
        self.embedding, self.recurrent = nn.Embedding(50, 16), recurrent
        self.head, self.scale = nn.Linear(32, 3), nn.Parameter(torch.ones(()))

    def forward(self, tokens):
        return self.scale * self.head(self.recurrent(self.embedding(tokens))[0])


@pytest.mark.parametrize("kind", [nn.LSTM, nn.GRU, nn.RNN])
@pytest.mark.parametrize("orthonormal", [True, False])
def test_recurrent_layers_embeddings_and_own_parameters_are_left_alone_and_reported(
    kind, orthonormal
):
    network = Language(kind(16, 32, batch_first=True))
    before = {key: value.clone() for key, value in network.state_dict().items()}
    tokens = torch.randint(50, (30, 7), generator=seeded(1))
    report, words = quietly(network, tokens, orthonormal=orthonormal)
    changed = {key for key, value in network.state_dict().items() if not value.equal(before[key])}
    assert report.names == ("head",) and changed <= {"head.weight", "head.bias"}
    assert set(report.left_alone) == set(before) - {"head.weight", "head.bias"}
    assert report.left_alone["recurrent.weight_hh_l0"].startswith("part of a recurrent layer")
    assert report.left_alone["embedding.weight"].startswith("an embedding")
    assert "scale: a parameter of Language itself" in words and words.startswith("lsuv_ ")


@pytest.mark.names_the_caller
def test_the_warning_names_the_line_that_called():
    network = Language(nn.LSTM(16, 32, batch_first=True))
    with pytest.warns(UserWarning, match="lsuv_") as caught:
        lsuv_(network, torch.randint(50, (30, 7), generator=seeded(1)))
    assert [warning.filename for warning in caught] == [__file__]


@pytest.mark.parametrize("norm_first", [True, False])
def test_in_a_transformer_attention_is_left_alone_and_the_rest_is_scaled(norm_first):
    layer = nn.TransformerEncoderLayer(16, 2, 32, batch_first=True, norm_first=norm_first)
    network = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
    before = {key: value.clone() for key, value in network.state_dict().items()}
    fast = torch.backends.mha.get_fastpath_enabled()
    report, words = quietly(network, torch.randn(30, 5, 16, generator=seeded(1)))
    assert report.names == tuple(f"layers.{i}.linear{j}" for i in (0, 1) for j in (1, 2))
    assert (abs(report.after - 1) < 0.1).all()
    assert set(report.left_alone) == {key for key in before if "self_attn" in key}
    assert "self_attn.in_proj_weight" in words and "part of an attention layer" in words
    assert all(network.state_dict()[key].equal(before[key]) for key in report.left_alone)
    assert torch.backends.mha.get_fastpath_enabled() == fast


def test_a_lazy_layer_is_refused_in_words():
    with pytest.raises(ValueError, match="a lazy layer has no shape yet: run one batch"):
        lsuv_(nn.Sequential(nn.Linear(3, 4), nn.LazyLinear(5)), torch.randn(9, 3))
