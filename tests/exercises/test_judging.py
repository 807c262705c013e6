import math

import numpy as np
import pytest
import sympy
import torch
from helpers.answers import stub
from hypothesis import given
from hypothesis import strategies as st

from course_utils.exercises.judging import (
    NotAttempted,
    close,
    explanation,
    is_number,
    judge,
    judge_number,
    layers_until,
    shown,
)

CASES = [(1, 2), (3, 4)]
KNOWN = {"You added.": lambda a, b: a + b, "You subtracted.": lambda a, b: a - b}


def product(answer, **options):
    return judge(answer, CASES, lambda a, b: a * b, KNOWN, "Think again.", **options)


def test_a_right_formula_a_known_mistake_and_another_one_are_told_apart():
    assert product(lambda a, b: a * b) is None
    assert product(lambda a, b: a + b) == "You added."
    assert product(lambda a, b: a - b) == "You subtracted."
    assert product(lambda a, b: a / b) == "Think again."


def test_one_percent_is_forgiven_except_where_whole_numbers_are_asked():
    assert product(lambda a, b: 1.005 * a * b) is None
    assert product(lambda a, b: 1.02 * a * b) == "Think again."
    assert "whole number" in product(lambda a, b: 1.005 * a * b, whole=True)
    assert product(lambda a, b: float(a * b), whole=True) is None
    assert product(lambda a, b: 7, whole=True) == "Think again."


@pytest.mark.parametrize("answer", [..., None, stub, lambda a, b: None])
def test_what_is_still_open_is_not_attempted(answer):
    with pytest.raises(NotAttempted):
        product(answer)


def test_a_value_in_the_place_of_a_function_is_told():
    assert product(0.5) == "Hand over the function itself, not 0.5."


def test_an_answer_that_is_no_number_is_told_with_the_arguments_it_came_from():
    words = product(lambda a, b: math.nan if a == 3 else a * b)
    assert words == "The answer is one finite number, but for 3, 4 yours is nan."


def test_a_single_number_is_judged_alike():
    def judged(answer):
        return judge_number(answer, 2.0, {"The root is left.": 4.0}, "Think again.")

    assert judged(2.01) is None and judged(torch.tensor([2.0])) is None
    assert judged(4) == "The root is left."
    assert judged(3) == "Think again."
    assert judged("two") == "The answer is one finite number, but yours is 'two'."
    with pytest.raises(NotAttempted):
        judged(...)


@pytest.mark.parametrize(
    "number",
    [2, 2.0, np.float64(2), np.array(2.0), torch.tensor(2), sympy.sqrt(2), sympy.Rational(1, 2)],
)
def test_numbers_of_every_kind_are_numbers(number):
    assert is_number(number)


@pytest.mark.parametrize(
    "value",
    [
        math.nan,
        math.inf,
        10**400,
        2j,
        True,
        "2",
        None,
        [2.0],
        np.ones(2),
        torch.ones(2),
        sympy.Symbol("n"),
        math.sqrt,
    ],
)
def test_everything_else_is_not(value):
    assert not is_number(value)


def test_an_explanation_can_compare_anything():
    known = {"Upside down.": lambda n: {-n}, "Doubled.": lambda n: {2 * n}}
    assert explanation([{2}, {4}], [(1,), (2,)], known, list.__eq__) == "Doubled."
    assert explanation([{2}, {5}], [(1,), (2,)], known, list.__eq__) is None


def test_close_lists_agree_in_every_number():
    assert close([1.0, 2.0], [1.005, 1.99]) and not close([1.0, 2.0], [1.0, 2.1])


@pytest.mark.parametrize(
    "value, words",
    [
        (torch.ones(2, 3), "a Tensor of shape (2, 3)"),
        (math.sqrt, "a function"),
        ([1, 2], "[1, 2]"),
        ("x" * 99, "'" + "x" * 39 + "…"),
        ("two\nlines", "'two\\nlines'"),
    ],
)
def test_any_value_is_shown_on_one_short_line(value, words):
    assert shown(value) == words


@given(st.floats(1e-9, 0.99), st.floats(1e-3, 0.99))
def test_the_number_of_layers_is_the_first_that_leaves_less_than_the_share(share, factor):
    n = layers_until(share, factor)
    assert factor**n < share * (1 + 1e-9)
    assert n == 0 or factor ** (n - 1) >= share * (1 - 1e-9)


@pytest.mark.parametrize("factor", [1.0, 2.0, 0.0])
def test_what_does_not_shrink_is_never_below(factor):
    assert layers_until(0.01, factor) == -1
