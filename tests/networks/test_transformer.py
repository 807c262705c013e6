"""The small transformer: what it computes, what cannot be built."""

import pytest
import torch
from helpers.numbers import noise, seeded
from torch import nn

from course_utils.initializers import gpt2_
from course_utils.networks import transformer, weight_layers
from course_utils.networks.transformer import Attention

SMALL = {"width": 16, "heads": 2, "tokens": 5, "pixels": 4, "classes": 3}


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
    network = gpt2_(transformer(2, causal=causal, **SMALL), std=0.3, generator=seeded())
    x = noise(1, 20)
    other = x.clone()
    other[:, 12:16] += 1  # row 3 of 0 … 4
    before, after = (network.blocks(network.stem(images)) for images in (x, other))
    changed = (before != after).any(-1)[0].tolist()
    assert changed == ([False] * 3 + [True] * 2 if causal else [True] * 5)


@pytest.mark.parametrize("causal", [False, True])
def test_the_network_is_the_one_written_by_hand(causal):
    network = gpt2_(transformer(2, causal=causal, **SMALL), std=0.3, generator=seeded()).double()
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


@pytest.mark.parametrize("norm_first", [True, False])
def test_a_block_is_that_of_torch(norm_first):
    """Independent oracle: nn.TransformerEncoderLayer with the same weights."""
    network = gpt2_(transformer(1, norm_first=norm_first, **SMALL), std=0.3, generator=seeded())
    options = {"activation": "gelu", "batch_first": True, "norm_first": norm_first}
    layer = nn.TransformerEncoderLayer(16, 2, 64, 0.0, **options)
    attention, mlp = network.blocks
    first, *ours = weight_layers(attention.branch) + weight_layers(mlp.branch)
    theirs = [layer.self_attn.out_proj, layer.linear1, layer.linear2]
    with torch.no_grad():
        layer.self_attn.in_proj_weight.copy_(first.weight)
        for to, source in zip(theirs, ours, strict=True):
            to.weight.copy_(source.weight)
            to.bias.zero_()
        for block, norm in ((attention, layer.norm1), (mlp, layer.norm2)):
            own = block.branch[0] if norm_first else block.norm
            for tensor in (own.weight, own.bias):
                tensor.normal_(generator=seeded(1))
            norm.load_state_dict(own.state_dict())
    x = noise(3, 5, 16)
    torch.testing.assert_close(network.blocks(x), layer(x), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    "options, words",
    [
        ({"depth": 0}, "depth must be a whole number of at least 1, got 0"),
        ({"tokens": 2.5}, "tokens .* got 2.5"),
        ({"classes": True}, "classes .* got True"),
        ({"width": 64, "heads": 3}, "multiple of heads, got 64 and 3: try heads=1, 2 or 4"),
    ],
)
def test_what_cannot_be_built_is_refused_in_words(options, words):
    with pytest.raises(ValueError, match=words):
        transformer(**{"depth": 2, **options})
