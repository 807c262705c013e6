"""Values from anywhere: numbers however they are written, choices, corrections in words."""

import math
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from course_utils.explorers.values import (
    MOST_LETTERS,
    brief,
    corrected_choice,
    corrected_number,
    corrected_whole,
    read_choice,
    read_number,
)


@pytest.mark.parametrize(
    "value, number",
    [
        (3, 3.0),
        ("0.1", 0.1),
        ("0,1", 0.1),
        (" 0,05 ", 0.05),
        ("-1,5", -1.5),
        (",5", 0.5),
        ("1,5e-3", 0.0015),
        ("0,125", 0.125),  # no thousand begins with 0
        ("1e-3", 0.001),
        (np.float32(0.25), 0.25),
        (np.array([[7]]), 7.0),
        (torch.tensor(2.5), 2.5),
        (Fraction(1, 4), 0.25),
        (Decimal("0.5"), 0.5),
        (10**400, math.inf),
        (-(10**400), -math.inf),
        ("1e999", math.inf),
    ],
)
def test_what_is_or_spells_a_number(value, number):
    assert read_number(value) == number


NO_NUMBERS = ["1,000", "12,345", "1,2,3", "1.000,5", "", ",", "deep", "1,", None, True, [1], 1j]
NO_NUMBERS += [np.array([1.0, 2.0]), torch.zeros(0), np.bool_(True), object(), float]


@pytest.mark.parametrize("value", NO_NUMBERS)
def test_what_is_none(value):
    assert math.isnan(read_number(value))


@given(st.decimals(-1000, 1000, places=2))
def test_a_decimal_comma_is_a_decimal_point(number):
    assert read_number(str(number).replace(".", ",")) == float(number)


@pytest.mark.parametrize(
    "value, used, words",
    [
        (4, 4.0, ""),
        ("4", 4.0, ""),
        ("4,5", 4.5, ""),
        (-math.inf, 1, "x goes from 1 to 5: -inf was changed to 1."),
        (6, 5, "x goes from 1 to 5: 6 was changed to 5."),
        (math.nan, 2, "x must be a number; nan was ignored."),
        ([], 2, "x must be a number; [] was ignored."),
        ("1,000", 2, "x must be a number; '1,000' was ignored: write it without the comma."),
    ],
)
def test_a_number_is_kept_or_moved_into_its_range(value, used, words):
    assert corrected_number(value, 2, 1, 5, "x") == (used, words)


@pytest.mark.parametrize(
    "value, used, words",
    [
        (4.0, 4, ""),
        ("2.5", 2, "n is a whole number: 2.5 was changed to 2."),  # and not 25
        ("2,5", 2, "n is a whole number: 2.5 was changed to 2."),
        (4.9, 4, "n is a whole number: 4.9 was changed to 4."),
        (90.5, 50, "n goes from 1 to 50: 90.5 was changed to 50."),
        (None, 2, "n must be a number; None was ignored."),
    ],
)
def test_a_whole_number_loses_its_fraction_and_that_is_said(value, used, words):
    number, said = corrected_whole(value, 2, 1, 50, "n")
    assert (number, said) == (used, words) and type(number) is int


def test_a_choice_is_one_of_those_there_are():
    allowed = {"a": 1, "b": 2}
    assert corrected_choice("b", "a", allowed, "letter") == ("b", "")
    for odd in ("c", None, []):
        value, said = corrected_choice(odd, "a", allowed, "letter")
        assert value == "a" and said == f"letter can be a, b; {odd!r} was ignored."


@pytest.mark.parametrize(
    "value, choice",
    [(np.array([64]), 64), (64.0, 64), ("64", 64), (" 64.0 ", 64), ("64,5", None), ("", None)],
)
def test_a_choice_that_is_equal_is_the_one_there_is(value, choice):
    assert read_choice(value, (64, 128)) == choice
    assert type(read_choice(value, (64, 128))) is type(choice)


@pytest.mark.parametrize("value", ["ReLU", " relu", "RELU ", np.array(["Relu"]), np.str_("ReLU")])
def test_a_name_with_other_capitals_or_between_blanks_is_that_name(value):
    assert read_choice(value, ["tanh", "relu"]) == "relu"


def test_an_exact_name_goes_before_one_with_other_capitals():
    assert read_choice("a", ["A", "a"]) == "a" and read_choice("a ", ["A", "a"]) is None


def test_truth_is_not_one_of_the_numbers_and_who_equals_everything_chooses_nothing():
    class AnyEqual:
        __eq__ = lambda self, other: True  # noqa: E731
        __hash__ = object.__hash__

    assert read_choice(True, (0, 1)) is None and read_choice(AnyEqual(), (0, 1)) is None


class Loud:
    def __repr__(self):
        return "loud " * 2_000_000


class Silent:
    def __repr__(self):
        raise RuntimeError("no words")


@pytest.mark.parametrize(
    "value, words",
    [
        ("deep", "'deep'"),
        (10**400, "a whole number of about 400 digits"),
        ({i: "on" for i in range(1_000_000)}, "a dict of 1,000,000"),
        ([1] * 7, "a list of 7"),
        ("two\nlines", r"'two\nlines'"),
    ],
)
def test_what_was_given_is_repeated_in_few_words(value, words):
    assert brief(value) == words


def test_what_has_no_words_is_called_by_its_class():
    assert "Silent" in brief(Silent())


@pytest.mark.parametrize("value", [Loud(), "x" * 10**6, [["y" * 99] * 5] * 5, -(10**70)], ids=type)
def test_it_never_takes_more_than_a_line(value):
    assert len(brief(value)) <= MOST_LETTERS
