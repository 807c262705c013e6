"""Intervals over seeds against SciPy's t-tests, and how often they hold what they promise."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats

from course_utils.experiments import interval, paired_interval, seeded

measurements = st.integers(2, 12).flatmap(
    lambda n: arrays(np.float64, (2, n), elements=st.integers(-999, 999).map(float))
)


@given(measurements, st.floats(0.05, 0.99))
def test_both_intervals_are_those_of_scipy(values, level):
    one, other = values
    mean, half = interval(one, level)
    assert mean == pytest.approx(one.mean(), abs=1e-9)
    if np.ptp(one) > 0:
        low, high = stats.ttest_1samp(one, 0).confidence_interval(level)
        assert [mean - half, mean + half] == pytest.approx([low, high], rel=1e-6, abs=1e-9)
    if np.ptp(one - other) > 0:
        low, high = stats.ttest_rel(one, other).confidence_interval(level)
        expected = [(one - other).mean(), low, high]
        assert paired_interval(one, other, level) == pytest.approx(expected, rel=1e-6, abs=1e-9)


def test_an_interval_of_95_percent_holds_the_mean_in_95_percent_of_all_experiments():
    draws = np.random.default_rng(0).normal(3.0, 2.0, (4000, 5))
    found = [abs(mean - 3.0) < half for mean, half in map(interval, draws)]
    assert np.mean(found) == pytest.approx(0.95, abs=4 * math.sqrt(0.95 * 0.05 / 4000))


def test_a_seed_gives_the_same_draws_each_time_and_leaves_the_global_generator_alone():
    state = torch.get_rng_state()
    first, again, other = (torch.rand(4, generator=seeded(seed)) for seed in (3, 3, 4))
    assert torch.equal(first, again) and not torch.equal(first, other)
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize(
    "values, options, words",
    [
        ([1.0], {}, r"at least two, got shape \(1,\)"),
        (3.0, {}, r"got shape \(\)"),
        ([[1.0, 2.0]], {}, r"got shape \(1, 2\)"),
        ([1.0, 2.0], {"level": 95}, "between 0 and 1, got 95: try 0.95"),
        ([1.0, 2.0], {"level": 0.0}, "between 0 and 1, got 0.0"),
    ],
)
def test_what_has_no_interval_is_refused_in_words(values, options, words):
    with pytest.raises(ValueError, match=words):
        interval(values, **options)


def test_unequal_numbers_of_seeds_make_no_pairs():
    with pytest.raises(ValueError, match=r"each seed in both, got \(2,\) and \(3,\)"):
        paired_interval([1.0, 2.0], [1.0, 2.0, 3.0])
