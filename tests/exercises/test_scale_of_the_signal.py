import math
from fractions import Fraction

import numpy as np
import pytest
import torch
from helpers.answers import said

from course_utils.exercises import scale_of_the_signal as checkers


def first_below(share, gain):
    n = 0
    while gain**n >= share:
        n += 1
    return n


FUNCTIONS = [
    checkers.check_keeping_std,
    checkers.check_layers_until_lost,
    checkers.check_uniform_bound,
]


@pytest.mark.parametrize("check", FUNCTIONS)
def test_an_unusual_wrong_answer_gets_a_hint(check, capsys):
    assert ": not yet. " in said(capsys, check, lambda *arguments: 0.123)


@pytest.mark.parametrize(
    "answer, words",
    [
        (lambda fan_in, fan_out: 1 / math.sqrt(fan_in), "Exercise 1: correct"),
        (lambda fan_in, fan_out: fan_in**-0.5, "Exercise 1: correct"),
        (lambda fan_in, fan_out: 1 / fan_in, "is the variance"),
        (lambda fan_in, fan_out: 1 / math.sqrt(fan_out), "fan_in decides"),
        (lambda fan_in, fan_out: math.sqrt(2 / (fan_in + fan_out)), "Xavier"),
        (lambda fan_in, fan_out: math.sqrt(2 / fan_in), "He's std"),
    ],
)
def test_the_std_that_keeps_a_signal_is_one_over_root_fan_in(answer, words, capsys):
    assert words in said(capsys, checkers.check_keeping_std, answer)


@pytest.mark.parametrize(
    "answer, words",
    [
        (lambda width, std: first_below(0.01, math.sqrt(width) * std), "Exercise 2: correct"),
        (
            lambda width, std: math.ceil(math.log(0.01) / math.log(math.sqrt(width) * std)),
            "Exercise 2: correct",
        ),
        (lambda width, std: first_below(0.01, std), "√width · std"),
        (lambda width, std: first_below(0.01, width * std**2), "when the variance"),
        (lambda width, std: first_below(0.01, math.sqrt(width) * std) - 1, "One layer too few"),
        (lambda width, std: math.log(0.01) / math.log(math.sqrt(width) * std), "whole"),
    ],
)
def test_a_signal_is_lost_at_the_first_power_of_the_gain_below_a_hundredth(answer, words, capsys):
    assert words in said(capsys, checkers.check_layers_until_lost, answer)


@pytest.mark.parametrize(
    "answer, words",
    [
        (lambda std: math.sqrt(3) * std, "Exercise 3: correct"),
        (lambda std: std, "smaller than asked"),
        (lambda std: 2 * std, "no bell"),
        (lambda std: math.sqrt(12) * std, "whole interval"),
        (lambda std: math.sqrt(3 * std), "right for the variance"),
    ],
)
def test_the_bound_of_a_uniform_draw_is_root_three_times_its_std(answer, words, capsys):
    assert words in said(capsys, checkers.check_uniform_bound, answer)


@pytest.mark.parametrize(
    "answer, words",
    [
        (..., "not attempted yet"),
        (1.3 / 16, "Exercise 4: correct"),
        (0.08, "Exercise 4: correct"),
        (0.085, "Exercise 4: correct"),
        (np.array([0.08]), "Exercise 4: correct"),
        (torch.tensor(0.08), "Exercise 4: correct"),
        (Fraction(8, 100), "Exercise 4: correct"),
        ([0.08], "positive number, yours is [0.08]"),
        (1 / 16, "keeps a linear signal"),
        (1 / 256, "a variance"),
        (5 / 3 / 16, "recommended gain"),
        (1.0, "saturate"),
        (0.07, "too small"),
        (0.12, "too large"),
        (-1.0, "positive"),
        (math.nan, "positive"),
        ("large", "positive number"),
    ],
)
def test_thirty_tanh_layers_keep_half_at_a_gain_of_about_one_point_three(answer, words, capsys):
    assert words in said(capsys, checkers.check_tanh_std, answer)
