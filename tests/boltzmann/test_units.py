"""Draws, means and biases of Bernoulli and Gaussian units."""

import itertools
import math

import numpy as np
import pytest
import torch

from course_utils.boltzmann import all_states
from course_utils.boltzmann.units import sample_bernoulli, sample_gaussian


def test_bernoulli_and_gaussian_draws_have_their_means_and_deviations():
    generator = torch.Generator().manual_seed(0)
    p = torch.tensor([0.0, 0.1, 0.5, 0.9, 1.0]).expand(40_000, 5)
    ones = sample_bernoulli(p, generator)
    assert set(ones.unique().tolist()) == {0.0, 1.0}
    assert (ones.mean(0) - p[0]).abs().max() < 0.01
    assert ones[:, 0].sum() == 0 and ones[:, 4].all()
    reals = sample_gaussian(3 * p, generator, std=2.0)
    assert (reals.mean(0) - 3 * p[0]).abs().max() < 0.05
    assert (reals.std(0) - 2).abs().max() < 0.03


def test_bfloat16_draws_keep_small_probabilities():
    p = torch.full((1_000_000,), 1e-3, dtype=torch.bfloat16)
    ones = sample_bernoulli(p, torch.Generator().manual_seed(0))
    assert ones.dtype == torch.bfloat16 and set(ones.unique().tolist()) == {0.0, 1.0}
    assert abs(ones.float().sum().item() - 1e6 * p[0].item()) < 5 * math.sqrt(1000)


@pytest.mark.parametrize("n", [1, 3, np.int64(3)])
def test_all_states_are_counted_in_order(n):
    expected = torch.tensor(list(itertools.product((0.0, 1.0), repeat=n)), dtype=torch.float64)
    assert torch.equal(all_states(n), expected) and all_states(n).dtype == torch.float64
    assert torch.equal(all_states(n, torch.float32), expected.float())


@pytest.mark.parametrize("n", [0, 25, 2.0, True, "3", None])
def test_so_many_states_are_not_listed(n):
    with pytest.raises(ValueError, match="n_units must be a whole number from 1 to 24, got"):
        all_states(n)
