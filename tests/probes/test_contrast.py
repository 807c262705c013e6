"""Contrast between inputs, and the fraction of units that no longer answer."""

import pytest
import torch
from helpers.numbers import noise
from torch import nn

from course_utils.probes import contrast, fraction_saturated


def test_contrast_is_1_for_centred_independent_inputs_and_0_for_equal_ones():
    inputs = noise(500, 200)
    assert contrast(inputs) == pytest.approx(1, abs=0.01)
    assert contrast(inputs[:1].expand(50, -1)) == pytest.approx(0, abs=1e-6)
    assert contrast(torch.zeros(3, 4)) == 0
    assert contrast(torch.tensor([[0.0], [2.0]])) == 1  # two inputs are all there are
    # by construction: half of the variance between units, half within
    units = noise(1, 4000, seed=1)
    rest = noise(500, 4000, seed=2)
    assert contrast(units + rest) == pytest.approx(0.5**0.5, abs=0.02)


def test_saturated_is_what_lies_beyond_the_99_percent_of_tanh():
    z = torch.tensor([-9.0, -2.6, -1.0, 0.0, 2.6, 2.7])  # tanh 2.6 = 0.989, tanh 2.7 = 0.991
    assert fraction_saturated(nn.Tanh(), z) == pytest.approx(2 / 6)
    assert fraction_saturated(nn.Sigmoid(), 2 * z) == pytest.approx(2 / 6)  # tanh, rescaled
    assert fraction_saturated(nn.Identity(), z) == 0


@pytest.mark.parametrize("threshold", [0.0, -0.1, 1.1, float("nan")])
def test_an_impossible_threshold_is_named(threshold):
    with pytest.raises(ValueError, match=r"threshold must lie in \(0, 1\], got"):
        fraction_saturated(nn.Tanh(), torch.zeros(2), threshold)
