"""How GPT-2 would begin a transformer, and that it can be trained from there."""

import math

import pytest
import torch
from helpers.numbers import noise, seeded

from course_utils.initializers import gpt2_
from course_utils.initializers.gpt2 import POSITION_STD, STD
from course_utils.networks import Ensemble, transformer, weight_layers
from course_utils.networks.transformer import BRANCHES_PER_BLOCK
from course_utils.training import accuracy, fit


@pytest.mark.parametrize("scaled", [False, True])
@pytest.mark.parametrize("depth", [1, 6])
def test_only_the_last_layer_of_each_branch_is_scaled_by_one_over_root_2l(depth, scaled):
    network = gpt2_(transformer(depth), scaled=scaled, generator=seeded())
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
    one, other = (gpt2_(transformer(3), scaled=s, generator=seeded(4)) for s in (True, False))
    for a, b in zip(one.blocks, other.blocks, strict=True):
        (a_first, a_last), (b_first, b_last) = weight_layers(a), weight_layers(b)
        assert torch.equal(a_first.weight, b_first.weight)
        torch.testing.assert_close(a_last.weight * math.sqrt(6), b_last.weight)


def test_fit_trains_it_alone_and_side_by_side():
    x = noise(300, 20)
    y = (x[:, :4].sum(1) > 0).long()  # the sum of the first row
    small = {"width": 16, "heads": 2, "tokens": 5, "pixels": 4, "classes": 3}
    networks = [gpt2_(transformer(2, **small), std=0.1, generator=seeded(s)) for s in (0, 1)]
    together = Ensemble(networks)
    options = {"epochs": 8, "batch_size": 30, "lr": 3e-3, "log": None}
    fit(together, x, y, **options)
    fit(networks[0], x, y, **options)
    assert min(accuracy(together, x, y)) > 0.9 and accuracy(networks[0], x, y) > 0.9


def test_an_impossible_std_is_refused_in_words():
    with pytest.raises(ValueError, match="std must be a finite number of at least 0, got -1.0"):
        gpt2_(transformer(2), std=-1.0)
