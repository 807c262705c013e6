"""The small transformer: what it computes, how GPT-2 would begin it, what flows along it."""

import math

import numpy as np
import pytest
import torch
from torch import nn

from course_utils.networks import weight_layers
from course_utils.residual import measure_stream
from course_utils.stacks import Stack
from course_utils.training import accuracy, fit
from course_utils.transformer import (
    BRANCHES_PER_BLOCK,
    POSITION_STD,
    STD,
    Attention,
    measure_scaling,
    transformer,
)

SMALL = {"width": 16, "heads": 2, "tokens": 5, "pixels": 4, "classes": 3}


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def noise(*shape, seed=0):
    return torch.randn(*shape, generator=seeded(seed))


# ---------------------------------------------------------------- what it computes


@pytest.mark.parametrize("causal", [False, True])
def test_attention_is_that_of_torch(causal):
    """Independent oracle: nn.MultiheadAttention with the same weights."""
    ours, theirs = Attention(12, 3, causal=causal), nn.MultiheadAttention(12, 3, batch_first=True)
    with torch.no_grad():
        theirs.in_proj_weight.copy_(ours.query_key_value.weight)
        theirs.in_proj_bias.copy_(ours.query_key_value.bias)
        theirs.out_proj.weight.copy_(ours.projection.weight)
        theirs.out_proj.bias.copy_(ours.projection.bias)
    x = 5 * noise(2, 7, 12)
    mask = torch.ones(7, 7, dtype=torch.bool).triu(1) if causal else None
    expected = theirs(x, x, x, attn_mask=mask, need_weights=False)[0]
    torch.testing.assert_close(ours(x), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("causal", [False, True])
def test_a_causal_row_sees_the_rows_above_it_and_no_other(causal):
    network = transformer(2, causal=causal, std=0.3, generator=seeded(), **SMALL)
    x = noise(1, 20)
    other = x.clone()
    other[:, 12:16] += 1  # row 3 of 0 … 4
    before, after = (network.blocks(network.stem(images)) for images in (x, other))
    changed = (before != after).any(-1)[0].tolist()
    assert changed == ([False] * 3 + [True] * 2 if causal else [True] * 5)


@pytest.mark.parametrize("causal", [False, True])
def test_the_network_is_the_one_written_by_hand(causal):
    network = transformer(2, causal=causal, std=0.3, generator=seeded(), **SMALL).double()
    x = noise(3, 20).double()
    stem, head = network.stem, network.head
    h = x.view(3, 5, 4) @ stem.embed.weight.T + stem.position

    def norm(t):
        t = t - t.mean(-1, keepdim=True)
        return t / (t.square().mean(-1, keepdim=True) + 1e-5).sqrt()

    for attention, mlp in zip(network.blocks[::2], network.blocks[1::2], strict=True):
        h = h + attention.branch[1](norm(h))
        first, second = weight_layers(mlp.branch)
        h = h + nn.functional.gelu(norm(h) @ first.weight.T) @ second.weight.T
    h = norm(h)
    scores = (h[:, -1] if causal else h.mean(1)) @ head.scores.weight.T
    torch.testing.assert_close(network(x), scores)


# ---------------------------------------------------------------- how it begins


@pytest.mark.parametrize("scaled", [False, True])
@pytest.mark.parametrize("depth", [1, 6])
def test_only_the_last_layer_of_each_branch_is_scaled_by_one_over_root_2l(depth, scaled):
    network = transformer(depth, scaled=scaled, generator=seeded())
    assert len(network.blocks) == BRANCHES_PER_BLOCK * depth
    for block in network.blocks:
        first, last = weight_layers(block.branch)
        factor = 1 / math.sqrt(2 * depth) if scaled else 1
        for layer, std in ((first, STD), (last, STD * factor)):
            error = 1 / math.sqrt(2 * layer.weight.numel())
            assert layer.weight.std().item() == pytest.approx(std, rel=5 * error)
            assert not layer.bias.any()
    assert network.stem.embed.weight.std().item() == pytest.approx(STD, rel=0.1)
    assert network.head.scores.weight.std().item() == pytest.approx(STD, rel=0.15)
    assert network.stem.position.std().item() == pytest.approx(POSITION_STD, rel=0.1)


def test_with_and_without_the_factor_the_draw_is_the_same():
    one, other = (transformer(3, scaled=s, generator=seeded(4)) for s in (True, False))
    for a, b in zip(one.blocks, other.blocks, strict=True):
        (a_first, a_last), (b_first, b_last) = weight_layers(a), weight_layers(b)
        assert torch.equal(a_first.weight, b_first.weight)
        torch.testing.assert_close(a_last.weight * math.sqrt(6), b_last.weight)


# ---------------------------------------------------------------- what flows along its stream


def test_both_streams_are_measured_after_the_stem_and_after_every_branch():
    images = noise(20, 784)
    measured = measure_scaling(3, images, seed=5)
    for scaled, m in measured.items():
        network = transformer(3, scaled=scaled, generator=seeded(5))
        np.testing.assert_array_equal(m.signal, measure_stream(network, images, seed=5).signal)
        assert m.signal.shape == m.gradient.shape == (7,)
    assert measured[True].signal[0] == measured[False].signal[0]


@pytest.mark.parametrize("causal", [False, True])
def test_without_the_factor_the_stream_grows_with_depth_and_with_it_hardly(causal):
    images, growth = noise(40, 784), {True: [], False: []}
    for depth in (4, 16):
        for scaled, m in measure_scaling(depth, images, std=0.069, causal=causal).items():
            growth[scaled].append(m.signal[-1] ** 2 - m.signal[0] ** 2)
    assert 3 < growth[False][1] / growth[False][0] < 5.5  # four times the branches
    assert growth[True][1] / growth[True][0] == pytest.approx(1, abs=0.25)
    assert growth[True][0] < growth[False][0] / 4


# ---------------------------------------------------------------- the rest of the package


def test_fit_trains_it_alone_and_side_by_side():
    x = noise(300, 20)
    y = (x[:, :4].sum(1) > 0).long()  # the sum of the first row
    networks = [transformer(2, std=0.1, generator=seeded(s), **SMALL) for s in (0, 1)]
    stack = Stack(networks)
    options = {"epochs": 8, "batch_size": 30, "lr": 3e-3, "progress": False}
    fit(stack, x, y, **options)
    fit(networks[0], x, y, **options)
    assert min(accuracy(stack, x, y)) > 0.9 and accuracy(networks[0], x, y) > 0.9


@pytest.mark.parametrize(
    "options, words",
    [
        ({"depth": 0}, "depth must be a whole number of at least 1, got 0"),
        ({"tokens": 2.5}, "tokens .* got 2.5"),
        ({"classes": True}, "classes .* got True"),
        ({"width": 64, "heads": 3}, "multiple of heads, got 64 and 3: try heads=1, 2 or 4"),
        ({"std": -1.0}, "std must be a finite number of at least 0, got -1.0"),
    ],
)
def test_what_cannot_be_built_is_refused_in_words(options, words):
    with pytest.raises(ValueError, match=words):
        transformer(**{"depth": 2, **options})
