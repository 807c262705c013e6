"""Counting by ones against the fans of the weight, where these are right, and by hand elsewhere."""

import pytest
import torch
from helpers.states import strange_torch
from torch import nn

from course_utils.experiments import count_by_ones
from course_utils.initializers import fans

WINDOWS = [
    (nn.Linear(30, 7), (30,), (30, 7)),
    (nn.Conv1d(3, 4, 5), (3, 40), (15, 20)),
    (nn.Conv2d(3, 8, 3, padding=1), (3, 24, 24), (27, 72)),
    (nn.Conv2d(2, 5, 3, dilation=2, bias=False), (2, 30, 30), (18, 45)),
    (nn.Conv2d(4, 8, 3, stride=2, padding=1), (4, 32, 32), (36, 18)),
    (nn.Conv2d(4, 8, 3, groups=2), (4, 24, 24), (18, 36)),
    (nn.Conv3d(2, 3, 3), (2, 14, 14, 14), (54, 81)),
    (nn.ConvTranspose2d(4, 6, 4, stride=2, padding=1), (4, 16, 16), (16, 96)),
]


@pytest.mark.parametrize("layer, shape, expected", WINDOWS, ids=repr)
def test_terms_and_uses_are_those_of_the_window(layer, shape, expected):
    assert count_by_ones(layer, shape) == expected
    with strange_torch(device="meta"):
        assert count_by_ones(layer, shape) == expected


def test_without_stride_and_groups_they_are_the_fans_of_the_weight():
    for layer, shape, _ in WINDOWS[:4]:
        assert count_by_ones(layer, shape) == fans(layer.weight)


def test_the_layer_stays_as_it_is():
    layer = nn.Conv2d(3, 8, 3)
    before = [p.clone() for p in layer.parameters()]
    count_by_ones(layer, (3, 20, 20))
    assert all(map(torch.equal, layer.parameters(), before))
    assert all(p.grad is None for p in layer.parameters())


def test_what_has_no_weight_is_refused_in_words():
    with pytest.raises(ValueError, match="needs a layer with a weight, got ReLU"):
        count_by_ones(nn.ReLU(), (3,))
