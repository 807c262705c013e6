import math
from decimal import Decimal
from fractions import Fraction
from itertools import count

import numpy as np
import pandas
import pytest
import sympy
import torch

from course_utils.exercises.reading import (
    read_list,
    read_number,
    read_numbers,
    read_set,
    read_shape,
    read_tensor,
    read_truth,
    read_whole,
    shown,
)


def forms(number):
    """Return one number as each library hands it out."""
    return [
        number,
        float(number),
        Fraction(number),
        Decimal(number),
        np.float64(number),
        np.float32(number),
        np.array(number),
        np.array([[number]]),
        np.array([Fraction(number)], dtype=object),
        torch.tensor(number),
        torch.tensor([float(number)], requires_grad=True),
        torch.tensor(float(number), dtype=torch.bfloat16),
        sympy.Rational(number),
    ]


def test_a_number_that_has_a_gradient_is_read_without_a_warning(recwarn):
    number = torch.tensor([2.0], requires_grad=True) * 1
    assert read_number(number) == read_number(number[0]) == read_number([number[0]][0]) == 2.0
    assert read_numbers(number) == [2.0] and read_whole(number) == 2
    assert not recwarn.list


def test_nan_is_read_as_what_it_stands_for():
    for value in (math.nan, np.float32("nan"), torch.tensor(math.nan)):
        assert read_number(value, infinite=True, nan=math.inf) == math.inf
    assert read_number("nan", nan=math.inf) is None


class Hostile:
    """An object that answers nothing."""

    def __float__(self):
        raise RuntimeError("no")

    def __repr__(self):
        raise RuntimeError("no")


NO_NUMBERS = [
    math.nan,
    10**400,
    2j,
    True,
    np.bool_(True),
    torch.tensor(True),
    np.array(["2"]),
    "2",
    b"2",
    None,
    [2.0],
    np.ones(2),
    torch.ones(2),
    sympy.Symbol("n"),
    math.sqrt,
    Hostile(),
]


@pytest.mark.parametrize("number", forms(2))
def test_numbers_of_every_kind_are_read(number):
    assert read_number(number) == 2.0 and type(read_number(number)) is float
    assert read_whole(number) == 2 and type(read_whole(number)) is int
    assert read_number(number, infinite=True) == 2.0


@pytest.mark.parametrize("number", [sympy.sqrt(2), Decimal("1.5"), np.float16(0.5)])
def test_what_lies_between_whole_numbers_is_none_of_them(number):
    assert read_number(number) == float(number) and read_whole(number) is None


@pytest.mark.parametrize("value", NO_NUMBERS)
def test_everything_else_is_no_number(value):
    assert read_number(value) is None and read_whole(value) is None
    assert read_number(value, infinite=True) is None


@pytest.mark.parametrize(
    "value", [math.inf, np.float32("inf"), torch.tensor(math.inf), Decimal("Infinity"), sympy.oo]
)
def test_infinity_is_a_number_only_where_it_is_asked_for(value):
    assert read_number(value) is None and read_whole(value) is None
    assert read_number(value, infinite=True) == math.inf


LISTS = [
    [100, 300],
    (100, 300),
    torch.Size([100, 300]),
    range(100, 500, 200),
    np.array([100, 300]),
    torch.tensor([100.0, 300.0]),
    {100: "a", 300: "b"}.keys(),
    (n for n in (100, 300)),
    map(torch.tensor, (100, 300)),
]


@pytest.mark.parametrize("value", [*LISTS, {300, 100}, frozenset([100, 300]), [300, 100, 100]])
def test_a_set_is_read_from_anything_that_lists_whole_numbers(value):
    assert read_set(value) == {100, 300}


@pytest.mark.parametrize("kind", [iter, tuple, np.array, torch.tensor])
def test_a_shape_and_numbers_are_read_in_their_order(kind):
    assert read_shape(kind([300, 100])) == (300, 100)
    assert read_numbers(kind([300.5, -100])) == [300.5, -100.0]
    assert read_set(kind([300, 100])) == {100, 300}


def test_a_table_is_read_by_its_numbers_and_not_by_the_names_of_its_columns():
    assert read_number(pandas.DataFrame([[2.0]], columns=[7])) == 2.0
    assert read_shape(pandas.DataFrame([[300], [100]], columns=[7])) == (300, 100)
    assert read_numbers(pandas.Series([300.5, -100], index=[3, 4])) == [300.5, -100.0]
    assert read_number(pandas.DataFrame) is read_list(pandas.DataFrame) is None


def test_a_dict_of_truth_values_is_no_set():
    assert read_set({1: True, 2: False}) is read_set({1: np.True_}) is None
    assert read_set(dict.fromkeys([300, 100])) == {100, 300}


def test_an_empty_set_and_an_empty_list_are_some():
    assert read_set(()) == read_set(torch.arange(0)) == set() and read_list(()) == []


@pytest.mark.parametrize(
    "value", [3, None, "12", b"12", [1.5], [True], ["1"], [[1, 2]], torch.tensor(3), count(1)]
)
def test_what_lists_no_whole_numbers_is_no_set_and_no_shape(value):
    assert read_set(value) is None and read_shape(value) is None


@pytest.mark.parametrize("value", [{1, 2}, frozenset([1]), {1: 2}])
def test_what_has_no_order_is_no_list(value):
    assert read_list(value) is read_shape(value) is read_numbers(value) is None


@pytest.mark.parametrize("value", [True, np.bool_(True), torch.tensor([True]), np.array(True)])
def test_a_truth_value_is_read(value):
    assert read_truth(value) is True


@pytest.mark.parametrize("value", [1, 1.0, "True", None, torch.tensor(1), torch.ones(2) > 0])
def test_everything_else_is_no_truth_value(value):
    assert read_truth(value) is None


@pytest.mark.parametrize(
    "value",
    [
        torch.tensor([[1, 2]]),
        torch.tensor([[1.0, 2.0]], requires_grad=True),
        np.array([[1, 2]]),
        np.array([[Fraction(1), 2]], dtype=object),
        [[1, 2.0]],
        ([torch.tensor(1.0), np.float32(2)],),
        [torch.tensor([1.0, 2.0])],
        pandas.DataFrame([[1, 2.0]], columns=["a", "b"]),
        pandas.DataFrame([[1, 2]], columns=[7, 8]),
        [pandas.Series([1, 2], index=["a", "b"])],
    ],
)
def test_a_matrix_is_read_from_tensors_arrays_and_lists(value):
    matrix = read_tensor(value)
    assert torch.equal(matrix, torch.tensor([[1.0, 2.0]], dtype=torch.float64))
    assert not matrix.requires_grad and matrix.dtype == torch.float64


@pytest.mark.parametrize(
    "value",
    ["1", None, [[1, 2], [3]], [["1"]], {1, 2}, torch.ones(2) > 0, np.array(["1"]), 1j, Hostile()],
)
def test_what_is_no_matrix_of_real_numbers_is_not_read(value):
    assert read_tensor(value) is None


@pytest.mark.parametrize(
    "value, words",
    [
        (torch.ones(2, 3), "a Tensor of shape (2, 3)"),
        (math.sqrt, "a function"),
        ([1, 2], "[1, 2]"),
        ("x" * 99, "'" + "x" * 39 + "…"),
        ("two\nlines", "'two\\nlines'"),
        (Hostile(), "something of the type Hostile"),
    ],
)
def test_any_value_is_shown_on_one_short_line(value, words):
    assert shown(value) == words
