"""Draws, means and biases of Bernoulli and Gaussian units."""

import itertools
import math

import numpy as np
import pytest
import torch

from course_utils.boltzmann import all_states, log_bernoulli
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


def test_the_log_probability_of_every_state_is_torchs_and_they_add_up_to_one():
    generator = torch.Generator().manual_seed(1)
    logits = 4 * torch.randn(6, 5, generator=generator, dtype=torch.float64)
    states = all_states(5)
    found = log_bernoulli(states, logits)  # (rows, states)
    oracle = torch.distributions.Bernoulli(logits=logits[:, None]).log_prob(states).sum(-1)
    torch.testing.assert_close(found, oracle, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(found.exp().sum(1), torch.ones(6, dtype=torch.float64))


def test_states_and_log_odds_of_different_units_are_refused():
    with pytest.raises(ValueError, match="as many units, got 5 and 4"):
        log_bernoulli(all_states(5), torch.zeros(2, 4, dtype=torch.float64))
