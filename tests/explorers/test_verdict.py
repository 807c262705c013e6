import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from course_utils.explorers.verdict import amount, verdict


def geometric(factor, depth, start=1.0):
    return start * factor ** np.arange(depth)


@pytest.mark.parametrize(
    "factor, depth, words",
    [
        (
            0.5 ** (1 / 3),
            19,
            "The signal halves about every 3 layers: after 19 layers 2 % is left.",
        ),
        (
            0.5,
            10,
            "The signal halves at about every layer: after 10 layers one part in 510 is left.",
        ),
        (
            0.5 ** (1 / 2.5),
            21,
            "The signal halves about every 2.5 layers: after 21 layers one part in 260 is left.",
        ),
        (
            0.1,
            5,
            "The signal shrinks 10-fold at every layer: after 5 layers one part in 10,000 is left.",
        ),
        (
            2 ** (1 / 4),
            13,
            "The signal doubles about every 4 layers: after 13 layers it is 8 times as large.",
        ),
        (
            16.0,
            11,
            "The signal grows 16-fold at every layer: after 11 layers it is 10¹² times as large.",
        ),
        (1.0, 50, "The signal keeps its size: after 50 layers about as much is left."),
        (0.99, 20, "The signal keeps its size: after 20 layers 83 % is left."),
    ],
)
def test_the_signal_is_put_into_words(factor, depth, words):
    assert verdict(geometric(factor, depth), np.ones(depth)).startswith(words)


def test_the_gradient_is_followed_from_the_top_down():
    shrinks_down = geometric(0.5, 11)[::-1]  # small at layer 1, 1 at the top
    assert verdict(np.ones(11), shrinks_down).endswith(
        "The gradient halves at about every layer: going down 11 layers one part in 1,000 is left."
    )


def test_inputs_that_have_become_alike_are_mentioned():
    same = np.ones(5)
    assert "only 4 % tells them apart" in verdict(same, same, 0.04)
    assert "alike" not in verdict(same, same, 0.5)


def test_saturation_is_mentioned_where_the_std_hides_it():
    same = np.ones(5)
    assert verdict(same, same, saturated=0.83).startswith(
        "The signal keeps its size: after 5 layers about as much is left. "
        "But 83 % of the last layer's activations are saturated. The gradient"
    )
    both = verdict(same, same, contrast=0.04, saturated=0.83)
    assert "are saturated. And all inputs look alike there: of" in both
    assert "saturated" not in verdict(same, same, saturated=0.2)
    assert "saturated" not in verdict(np.array([1, 1e30, np.nan]), np.ones(3), saturated=1.0)


def test_of_inputs_that_never_arrive_nothing_is_said_to_get_through_or_to_look_alike():
    ones, dies, bursts = np.ones(3), np.array([1, 1e-30, 0]), np.array([1, 1e30, np.nan])
    assert verdict(dies, np.zeros(3), 0.0) == (
        "The signal vanishes: from layer 3 on it is too small for float32. "
        "No gradient comes back: nothing can be learned."
    )
    for lost in (dies, bursts):
        assert "alike" not in verdict(lost, ones, 0.0)


def test_zero_one_layer_and_overflow_have_their_own_words():
    zero, one = np.zeros(3), np.ones(3)
    assert "nothing can be learned" in verdict(zero, zero)
    assert "no gradient comes back" in verdict(one, zero)
    assert "One layer" in verdict(one[:1], one[:1])
    assert "from layer 2 on" in verdict(np.array([1, np.inf, np.nan]), one)
    assert "from layer 2 down" in verdict(one, np.array([np.nan, np.inf, 1]))
    assert "from layer 3 on it is too small" in verdict(np.array([1, 0.1, 0]), one)


finite = arrays(np.float64, st.integers(1, 50), elements=st.floats(0, 1e300))


@given(finite, st.booleans())
def test_every_row_of_numbers_gets_a_sentence_without_nan_or_inf(values, down):
    words = verdict(values, values[::-1] if down else np.ones(len(values)))
    assert words.endswith(".") and not re.search(r"\b(nan|inf)", words)


@pytest.mark.parametrize(
    "ratio, words",
    [
        (0.05, "5 % is left"),
        (1.2, "it is 1.2 times as large"),
        (0.001, "one part in 1,000 is left"),
        (30.2, "it is 30 times as large"),
        (2.3e-9, "one part in 4 · 10⁸ is left"),
        (3.7e6, "it is 4 · 10⁶ times as large"),
        (9.7e6, "it is 10⁷ times as large"),
    ],
)
def test_amounts_in_words(ratio, words):
    assert amount(np.log10(ratio)) == words
