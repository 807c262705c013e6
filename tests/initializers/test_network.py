"""`initialize_` on networks of all kinds: each matrix drawn as one, the rest named in a warning."""

from __future__ import annotations

import copy
import math
import warnings

import pytest
import torch
from helpers.numbers import seeded
from torch import nn
from torch.nn import init
from torch.nn.utils import prune
from torch.nn.utils.parametrizations import weight_norm

from course_utils.initializers import (
    SCHEMES,
    STARTS,
    arithmetic_fans,
    gpt2_,
    initialize_,
    lecun_normal_,
    start_,
)
from course_utils.networks import mlp, residual_mlp, transformer

RANDOM = [scheme for scheme in SCHEMES if scheme not in ("zero", "constant", "pytorch_default")]


def said(network, scheme="he_normal", **options):
    """Initialize a network and return the words of its one warning, "" if there is none."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        initialize_(network, scheme, generator=seeded(0), **options)
    assert len(caught) <= 1 and all(w.category is UserWarning for w in caught)
    return str(caught[0].message) if caught else ""


@pytest.mark.names_the_caller
def test_the_warning_names_the_line_that_called():
    with pytest.warns(UserWarning, match="0.weight: an embedding") as caught:
        initialize_(nn.Sequential(weight_norm(nn.Embedding(5, 4)), nn.Linear(4, 3)), "he_normal")
    assert [warning.filename for warning in caught] == [__file__]


def draws(scheme, *shapes):
    """Return what the scheme draws for matrices of those shapes, one after the other."""
    generator = seeded(0)
    return [SCHEMES[scheme](torch.empty(shape), generator=generator) for shape in shapes]


# ---------------------------------------------------------------- each matrix as a layer of its own


@pytest.mark.parametrize("scheme", RANDOM)
@pytest.mark.parametrize(
    ("layer", "gates"),
    [
        (nn.LSTM(5, 8, num_layers=2), 4),
        (nn.LSTM(5, 8, proj_size=3, bidirectional=True), 4),
        (nn.GRU(5, 8, bidirectional=True, num_layers=2), 3),
        (nn.RNN(5, 8, bias=False), 1),
        (nn.LSTMCell(5, 8), 4),
        (nn.GRUCell(5, 8, bias=False), 3),
        (nn.RNNCell(5, 8), 1),
    ],
)
def test_each_gate_is_drawn_as_a_matrix_of_its_own(layer, gates, scheme):
    assert said(layer, scheme) == ""
    blocks = [
        block
        for name, weight in layer.named_parameters()
        if "weight" in name
        for block in weight.chunk(1 if "weight_hr" in name else gates)
    ]
    for block, expected in zip(blocks, draws(scheme, *(b.shape for b in blocks)), strict=True):
        assert torch.equal(block, expected)


@pytest.mark.parametrize("scheme", ["orthogonal", "zero", "xavier_uniform"])
@pytest.mark.parametrize(
    "layer", [nn.LSTM(5, 8, 2, bidirectional=True), nn.LSTMCell(5, 8), nn.LSTM(5, 8, proj_size=2)]
)
def test_the_forget_gate_begins_open_and_all_other_biases_are_zero(layer, scheme):
    initialize_(layer, scheme)
    for name, bias in layer.named_parameters():
        if name.startswith("bias"):
            expected = torch.zeros(4, 8)
            expected[1] = float(name.startswith("bias_ih"))
            assert torch.equal(bias, expected.flatten())


@pytest.mark.parametrize("layer", [nn.GRU(5, 8), nn.RNN(5, 8), nn.GRUCell(5, 8)])
def test_biases_of_layers_without_a_forget_gate_are_zero(layer):
    initialize_(layer, "orthogonal")
    assert not any(bias.any() for name, bias in layer.named_parameters() if "bias" in name)


@pytest.mark.parametrize("scheme", RANDOM)
def test_packed_attention_is_three_layers_and_the_projection(scheme):
    attention = nn.MultiheadAttention(12, 3)
    with torch.no_grad():
        attention.in_proj_bias.fill_(2.0), attention.out_proj.bias.fill_(2.0)
    assert said(attention, scheme) == ""
    blocks = [*attention.in_proj_weight.chunk(3), attention.out_proj.weight]
    for block, expected in zip(blocks, draws(scheme, *[(12, 12)] * 4), strict=True):
        assert torch.equal(block, expected)
    assert not attention.in_proj_bias.any() and not attention.out_proj.bias.any()


@pytest.mark.parametrize("scheme", RANDOM)
def test_attention_with_keys_and_values_of_other_widths_is_drawn_too(scheme):
    attention = nn.MultiheadAttention(12, 3, kdim=5, vdim=7, bias=False)
    assert said(attention, scheme) == ""
    weights = [getattr(attention, f"{part}_proj_weight") for part in "qkv"]
    for weight, expected in zip(weights, draws(scheme, (12, 12), (12, 5), (12, 7)), strict=True):
        assert torch.equal(weight, expected)


@pytest.mark.parametrize("scheme", RANDOM)
@pytest.mark.parametrize("groups", [2, 4, 8])
def test_each_group_of_a_convolution_is_drawn_as_a_convolution_of_its_own(scheme, groups):
    layer = nn.Conv2d(8, 16, 3, groups=groups, stride=2)
    initialize_(layer, scheme, generator=seeded(0))
    shape = 16 // groups, 8 // groups, 3, 3
    assert torch.equal(layer.weight, torch.cat(draws(scheme, *[shape] * groups)))


@pytest.mark.parametrize("scheme", RANDOM)
def test_a_bilinear_layer_is_drawn_and_its_bias_is_zero(scheme):
    layer = nn.Bilinear(3, 4, 5)
    assert said(layer, scheme) == ""
    assert torch.equal(layer.weight, *draws(scheme, (5, 3, 4))) and not layer.bias.any()


TRANSPOSED = [
    nn.ConvTranspose1d(64, 48, 5),
    nn.ConvTranspose2d(48, 32, 4, stride=2, padding=1),
    nn.ConvTranspose2d(48, 32, 3, stride=2, padding=1, output_padding=1),
    nn.ConvTranspose2d(64, 64, 4, stride=2, groups=4),
    nn.ConvTranspose1d(64, 64, 16, stride=8),
    nn.ConvTranspose2d(64, 32, (3, 2), stride=(1, 3)),
    nn.ConvTranspose3d(16, 16, 3, stride=(1, 2, 2)),
]


@pytest.mark.parametrize("layer", TRANSPOSED)
@pytest.mark.parametrize("scheme", ["he_normal", "he_uniform", "lecun_normal", "xavier_normal"])
def test_the_variance_of_a_transposed_convolution_is_that_of_its_fans(layer, scheme):
    fan_in, fan_out = arithmetic_fans(layer)
    expected = {"he": 2 / fan_in, "lecun": 1 / fan_in, "xavier": 2 / (fan_in + fan_out)}
    variance = expected[scheme.split("_")[0]]
    initialize_(layer, scheme, generator=seeded(1))
    error = math.sqrt(2 / layer.weight.numel())  # relative; a normal's, a uniform's is smaller
    assert layer.weight.var().item() / variance == pytest.approx(1, abs=5 * error)


@pytest.mark.parametrize("layer", TRANSPOSED)
def test_fan_out_is_that_of_the_arithmetic_too_and_a_plain_std_is_kept(layer):
    error = math.sqrt(2 / layer.weight.numel())
    initialize_(layer, "he_normal", mode="fan_out", generator=seeded(1))
    variance = 2 / arithmetic_fans(layer)[1]
    assert layer.weight.var().item() / variance == pytest.approx(1, abs=5 * error)
    initialize_(layer, "normal", std=0.02, generator=seeded(1))
    assert layer.weight.var().item() / 0.02**2 == pytest.approx(1, abs=5 * error)


def test_an_orthogonal_transposed_convolution_whose_kernel_is_its_stride_keeps_lengths():
    layer = nn.ConvTranspose2d(12, 8, 2, stride=2, bias=False)  # 12 numbers a pixel become 32
    x = torch.randn(3, 12, 5, 5, generator=seeded(0))
    initialize_(layer, "orthogonal", generator=seeded(0))
    assert layer(x).norm().item() == pytest.approx(x.norm().item(), rel=1e-5)


@pytest.mark.parametrize("layer", [nn.ConvTranspose2d(6, 4, 3), nn.ConvTranspose1d(6, 4, 3)])
def test_a_transposed_convolution_of_stride_one_is_drawn_as_an_ordinary_one(layer):
    initialize_(layer, "orthogonal", generator=seeded(0))
    shape = (4, 6, *layer.kernel_size)
    assert torch.equal(layer.weight.transpose(0, 1), *draws("orthogonal", shape))


def test_a_function_gets_each_matrix_to_fill():
    seen = []

    def mine(weight, *, generator, value):
        seen.append(tuple(weight.shape))
        return init.constant_(weight, value)

    parts = [nn.GRU(3, 4), nn.Conv2d(4, 6, 3, groups=2), nn.ConvTranspose1d(4, 2, 6, stride=3)]
    network = nn.ModuleList(parts)
    initialize_(network, mine, value=0.5)
    assert seen == [(4, 3)] * 3 + [(4, 4)] * 3 + [(3, 2, 3, 3)] * 2 + [(6, 4, 2)]
    assert all((p == 0.5).all() for n, p in network.named_parameters() if "weight" in n)


FUNCTIONS = {
    "zeros_": (init.zeros_, {}, 0.0),
    "constant_": (init.constant_, {"val": 0.5}, 0.5),
    "kaiming_normal_": (init.kaiming_normal_, {}, None),
    "of one's own": (lambda w: w.fill_(2.0), {}, 2.0),
}


@pytest.mark.parametrize(("scheme", "options", "value"), FUNCTIONS.values(), ids=FUNCTIONS)
def test_a_function_need_not_take_a_generator(scheme, options, value):
    network = initialize_(mlp([4, 3, 2]), scheme, generator=seeded(0), **options)
    if value is None:
        torch.testing.assert_close(
            network[0].weight, scheme(torch.empty(3, 4), generator=seeded(0))
        )
    else:
        assert all((layer.weight == value).all() for layer in (network[0], network[2]))


def test_a_class_is_no_scheme():
    with pytest.raises(ValueError, match="there is no scheme <class .*; the schemes are"):
        initialize_(mlp([4, 3, 2]), nn.Linear)


def test_a_function_that_changes_a_transposed_kernel_sees_what_is_there():
    layer = nn.ConvTranspose2d(4, 6, 3, stride=2, groups=2)
    before = layer.weight.detach().clone()
    initialize_(layer, lambda w, generator: w.mul_(2.0))
    assert torch.equal(layer.weight, 2 * before)


@pytest.mark.parametrize("scheme", ["orthogonal", "he_normal"])
def test_the_memory_format_changes_no_draw(scheme):
    plain, last = nn.Conv2d(4, 6, 3), nn.Conv2d(4, 6, 3).to(memory_format=torch.channels_last)
    for layer in (plain, last):
        initialize_(layer, scheme, generator=seeded(0))
    assert torch.equal(plain.weight, last.weight) and not last.weight.is_contiguous()


@pytest.mark.parametrize("layer", [nn.LSTM(9, 16), nn.GRUCell(9, 16), nn.RNN(9, 16)])
def test_pytorch_default_of_a_recurrent_layer_has_pytorchs_bound(layer):
    assert said(layer, "pytorch_default") == ""
    numbers = torch.cat([p.flatten() for p in layer.parameters()])
    assert 0.95 / 4 < numbers.abs().max().item() <= 1 / 4
    assert all(p.any() for p in layer.parameters())


def test_pytorch_default_is_what_fresh_attention_and_bilinear_and_transposed_layers_hold():
    attention, bilinear, transposed = (
        nn.MultiheadAttention(64, 2),
        nn.Bilinear(16, 30, 40),
        nn.ConvTranspose1d(8, 100, 2, stride=2),
    )
    for layer in (attention, bilinear, transposed):
        assert said(layer, "pytorch_default") == ""
    for tensor, bound in (
        (attention.in_proj_weight, math.sqrt(6 / (4 * 64))),
        (bilinear.weight, 1 / 4),
        (bilinear.bias, 1 / 4),
        (transposed.weight, 1 / math.sqrt(200)),
    ):
        assert 0.9 * bound < tensor.abs().max().item() <= bound
    assert not attention.in_proj_bias.any()


# ---------------------------------------------------------------- what is left alone is said


class Own(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding, self.bag = nn.Embedding(9, 4), nn.EmbeddingBag(9, 4)
        self.cls, self.positions = (nn.Parameter(torch.randn(1, n, 4)) for n in (1, 9))
        self.slope, self.many = nn.PReLU(), nn.PReLU(4)
        self.norm, self.head = nn.LayerNorm(4), nn.Linear(4, 3)


def test_each_parameter_that_is_left_alone_is_named_with_its_reason_and_stays():
    network = Own()
    before = copy.deepcopy(network.state_dict())
    words = said(network)
    for sentence in (
        "embedding.weight, bag.weight: an embedding",
        "cls, positions: a parameter of Own itself",
        "slope.weight, many.weight: the slope of an activation",
    ):
        assert sentence in words
    assert words.startswith("initialize_ ") and "head" not in words and "norm" not in words
    for name, value in network.state_dict().items():
        assert torch.equal(value, before[name]) == (not name.startswith("head"))


def test_a_kind_with_many_names_is_shortened():
    network = nn.Sequential(nn.Linear(3, 3), *(nn.PReLU() for _ in range(9)))
    words = said(network)
    assert "1.weight, 2.weight, 3.weight, 4.weight and 5 more: the slope" in words


def test_the_keys_and_values_that_attention_learns_are_left_alone_and_named():
    attention = nn.MultiheadAttention(12, 3, add_bias_kv=True)
    before = attention.bias_k.detach().clone()
    assert "bias_k, bias_v: a key or value that attention learns" in said(attention)
    assert torch.equal(attention.bias_k, before)


def test_a_parameter_beside_the_weight_of_a_known_layer_is_named():
    class Adapted(nn.Linear):
        def __init__(self):
            super().__init__(3, 3)
            self.low_rank = nn.Parameter(torch.zeros(3, 1))

    assert "0.low_rank: a parameter of Adapted itself" in said(nn.Sequential(Adapted()))


class MyRMSNorm(nn.Module):
    def __init__(self, *shape):
        super().__init__()
        self.scale = nn.Parameter(torch.ones(*shape))


@pytest.mark.parametrize(
    "norm",
    [
        nn.BatchNorm2d(4),
        nn.GroupNorm(2, 4),
        nn.LayerNorm((4, 5, 5)),
        nn.InstanceNorm1d(4, affine=True),
        nn.RMSNorm(4),
        MyRMSNorm(4),
        MyRMSNorm(4, 1, 1),
    ],
)
def test_scales_and_shifts_of_a_normalization_are_no_news(norm):
    assert said(nn.Sequential(nn.Linear(4, 4), norm, nn.Linear(4, 4))) == ""


def test_a_table_in_a_module_that_is_called_norm_is_news():
    assert "1.scale" in said(nn.Sequential(nn.Linear(4, 4), MyRMSNorm(4, 4)))


@pytest.mark.parametrize(
    "network",
    [
        mlp([5, 4, 3]),
        mlp([5, 4, 3], normalization="batch"),
        nn.Sequential(
            nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.ConvTranspose2d(4, 3, 3)
        ),
        nn.TransformerEncoderLayer(8, 2, 16),
        nn.Sequential(*[nn.Linear(4, 4)] * 3),  # one module, called three times
    ],
)
def test_nothing_is_said_where_nothing_is_left_alone(network):
    assert said(network) == ""


@pytest.mark.parametrize(
    "start",
    [
        lambda: gpt2_(transformer(1, width=8)),
        *(lambda s=s: start_(residual_mlp([5, 4, 3], 2), s) for s in STARTS),
        lambda: start_(start_(residual_mlp([5, 4, 3], 2), "rezero"), "he"),
    ],
)
def test_the_starts_of_the_course_say_nothing(start):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        start()


def test_frozen_parameters_are_drawn_and_stay_frozen():
    network = mlp([5, 4, 3]).requires_grad_(False)
    assert said(network, "zero") == ""
    assert not any(p.any() or p.requires_grad for p in network.parameters())


# ---------------------------------------------------------------- shared, pruned, lazy, half


class Language(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(50, 16)
        self.head = nn.Linear(16, 50)
        self.head.weight = self.embedding.weight


def test_a_weight_that_an_embedding_shares_is_drawn_once_and_said():
    network = Language()
    assert "embedding.weight: the same tensor as head.weight, which is set once" in said(network)
    assert torch.equal(network.embedding.weight, *draws("he_normal", (50, 16)))
    assert network.embedding.weight is network.head.weight


def test_a_weight_that_two_layers_share_is_drawn_once_and_said():
    network = nn.Sequential(nn.Linear(6, 6), nn.Linear(6, 6), nn.Linear(6, 6))
    network[1].weight = network[0].weight
    assert "1.weight: the same tensor as 0.weight, which is set once" in said(network)
    for i, expected in zip((0, 2), draws("he_normal", (6, 6), (6, 6)), strict=True):
        assert torch.equal(network[i].weight, expected)


def test_a_lazy_layer_is_refused_before_anything_is_drawn():
    network = nn.Sequential(nn.Linear(3, 4), nn.LazyLinear(5))
    before = network[0].weight.detach().clone()
    with pytest.raises(ValueError, match="lazy layer has no shape yet: run one batch"):
        initialize_(network, lambda w, generator: w.zero_())
    assert torch.equal(network[0].weight, before)
    network(torch.zeros(1, 3))
    assert said(network, "zero") == "" and not network[1].weight.any()


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
@pytest.mark.parametrize(
    "layer",
    [nn.LSTM(30, 40), nn.MultiheadAttention(40, 2), nn.ConvTranspose2d(20, 20, 3, stride=2)],
)
def test_other_number_formats_are_drawn_in_their_own(layer, dtype):
    layer = copy.deepcopy(layer).to(dtype)
    name, weight = next(iter(layer.named_parameters()))
    initialize_(layer, "lecun_normal", generator=seeded(0))
    assert weight.dtype == dtype
    expected = 1 / arithmetic_fans(layer, name)[0]
    assert weight.double().var().item() == pytest.approx(expected, rel=0.15)


def test_a_pruned_weight_is_drawn_and_keeps_its_mask():
    layer = nn.Linear(30, 20)
    prune.random_unstructured(layer, "weight", 0.5)
    mask = layer.weight_mask.clone()
    assert said(layer, "lecun_normal") == ""
    (expected,) = draws("lecun_normal", (20, 30))
    assert torch.equal(layer.weight_orig, expected) and torch.equal(layer.weight_mask, mask)
    assert torch.equal(layer.weight, expected * mask)
    assert torch.equal(layer(torch.eye(30)), (expected * mask).T)


def test_a_parametrized_gate_is_drawn_as_a_matrix_of_its_own():
    layer = weight_norm(nn.LSTM(5, 8), "weight_hh_l0")
    assert said(layer, "orthogonal") == ""
    for gate in layer.weight_hh_l0.chunk(4):
        torch.testing.assert_close(gate @ gate.T, torch.eye(8), atol=1e-5, rtol=0)
    assert layer(torch.randn(3, 5))[0].shape == (3, 8)


def test_a_parametrized_embedding_is_named_as_what_it_is():
    network = nn.Sequential(weight_norm(nn.Embedding(5, 4)), nn.Linear(4, 3))
    assert "0.weight: an embedding" in said(network)


def test_a_network_with_nothing_to_initialize_is_told_what_there_could_be():
    with pytest.raises(
        ValueError, match="no nn.Linear and no convolution, no recurrent, attention"
    ):
        initialize_(nn.Sequential(nn.Embedding(3, 4), nn.ReLU()), lecun_normal_)
