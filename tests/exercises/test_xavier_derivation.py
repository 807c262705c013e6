import math
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
import sympy
import torch
from helpers.answers import said

from course_utils import theory
from course_utils.exercises.xavier_derivation import (
    RIGHT_LINES,
    SIN_SQUARED,
    WRONG,
    check_conv_std,
    check_sin_gain,
    check_wrong_steps,
)


def test_what_is_still_open_is_not_attempted(capsys):
    assert said(capsys, check_sin_gain, ...) == "Exercise 1: not attempted yet"
    for answer in (..., dict.fromkeys("ABC", ...), dict.fromkeys("ABC")):
        assert said(capsys, check_wrong_steps, answer) == "Exercise 3: not attempted yet"


def test_quadrature_and_sympy_find_the_gain_of_sin(capsys):
    mean_square = theory.gaussian_mean(lambda x: np.sin(x) ** 2, 1.0)
    assert math.isclose(mean_square, SIN_SQUARED, rel_tol=1e-9)
    z = sympy.Symbol("z", real=True)
    density = sympy.exp(-(z**2) / 2) / sympy.sqrt(2 * sympy.pi)
    exact = sympy.integrate((1 - sympy.cos(2 * z)) / 2 * density, (z, -sympy.oo, sympy.oo))
    found = 1 / math.sqrt(mean_square)
    for gain in (found, np.array([found]), Decimal(found), 1 / sympy.sqrt(exact)):
        assert said(capsys, check_sin_gain, gain) == "Exercise 1: correct"


def test_an_estimate_of_the_gain_of_sin_by_many_draws_is_good_enough(capsys):
    z = torch.randn(1_000_000, generator=torch.Generator().manual_seed(0))
    gain = z.sin().square().mean().rsqrt()
    assert said(capsys, check_sin_gain, gain) == "Exercise 1: correct"


def test_the_gain_of_sin_keeps_thirty_wide_layers(capsys):
    generator = torch.Generator().manual_seed(0)
    std, z = math.sqrt(2 / (1 - math.exp(-2)) / 512), torch.randn(64, 512, generator=generator)
    squares = []
    for _ in range(30):
        w = torch.randn(512, 512, generator=generator) * std
        z = z.sin() @ w.T
        squares.append(z.square().mean().item())
    assert 0.9 < np.mean(squares[10:]) < 1.1


@pytest.mark.parametrize(
    "wrong, hint",
    [
        (1, "critical gain"),
        (2 / (1 - math.exp(-2)), "That is σ_w²"),
        ((1 - math.exp(-2)) / 2, "That is E[sin²]"),
        (math.sqrt((1 - math.exp(-2)) / 2), "take the reciprocal"),
        (float(1 / np.sqrt(theory.activation_mean_square(1.0, "tanh"))), "gain of tanh"),
        (5 / 3, "PyTorch's gain for tanh"),
        (theory.gaussian_mean(lambda x: np.cos(x) ** 2, 1.0) ** -0.5, "backward gain"),
        (math.sqrt(2), "whole turns"),
        (math.sqrt(2 / (1 - math.exp(-1))), "twice the frequency"),
        (3.0, "(1 − cos 2z)/2"),
        (-1.5209, "(1 − cos 2z)/2"),
        (math.nan, "one finite number, but yours is nan"),
        ("√2", "one finite number"),
        (torch.ones(3), "a Tensor of shape (3,)"),
        (math.sin, "a function"),
    ],
)
def test_a_wrong_gain_of_sin_is_explained(capsys, wrong, hint):
    line = said(capsys, check_sin_gain, wrong)
    assert line.startswith("Exercise 1: not yet. ") and hint in line


def test_the_std_that_torch_draws_for_a_convolution_is_right(capsys):
    def drawn(in_channels, out_channels, kernel_size):
        layer = torch.nn.Conv2d(in_channels, out_channels, kernel_size)
        draws = [torch.nn.init.xavier_uniform_(layer.weight) for _ in range(20)]
        return torch.stack([w.detach().max() for w in draws]).max() / math.sqrt(3)

    torch.manual_seed(0)
    assert said(capsys, check_conv_std, drawn) == "Exercise 2: correct"


@pytest.mark.parametrize(
    "wrong, hint",
    [
        (lambda i, o, k: 2 / ((i + o) * k * k), "the variance"),
        (lambda i, o, k: math.sqrt(2 / (i + o)), "forgot the kernel"),
        (lambda i, o, k: math.sqrt(2 / ((i + o) * k)), "not k"),
        (lambda i, o, k: math.sqrt(2 / (i * k * k)), "He's std"),
        (lambda i, o, k: math.sqrt(1 / (i * k * k)), "the signal alone"),
        (lambda i, o, k: math.sqrt(1 / (o * k * k)), "the gradient alone"),
        (lambda i, o, k: math.sqrt(2 / (i * k * k + o)), "Only fan_in got"),
        (lambda i, o, k: math.sqrt(1 / ((i + o) * k * k)), "lost the 2"),
        (lambda i, o, k: math.sqrt(6 / ((i + o) * k * k)), "the bound a"),
        (lambda i, o, k: (i * o) ** -0.25 / k, "geometric mean"),
        (lambda i, o, k: 0.05, "Count"),
        (lambda i, o, k: (0.1, 0.2), "yours is (0.1, 0.2)"),
        (lambda i, o, k: math.nan, "for 3, 16, 5 yours is nan"),
        (0.1, "the function itself"),
        (lambda i, o: 0.1, "TypeError"),
    ],
)
def test_a_wrong_std_of_a_convolution_is_explained(capsys, wrong, hint):
    line = said(capsys, check_conv_std, wrong)
    assert line.startswith("Exercise 2: not yet. ") and hint in line


def test_the_three_wrong_lines_are_recognized(capsys):
    for three in (3, 3.0, np.int64(3), torch.tensor(3), Fraction(3), np.array([3])):
        answer = {"A": three, "B": 2, "C": 3}
        assert said(capsys, check_wrong_steps, answer) == "Exercise 3: correct"


@pytest.mark.parametrize("letter, lines", [("A", 5), ("B", 4), ("C", 5)])
def test_every_other_line_gets_its_own_defence(capsys, letter, lines):
    heard = set()
    for line in set(range(1, lines + 1)) - {WRONG[letter]}:
        words = said(capsys, check_wrong_steps, WRONG | {letter: line})
        assert words.startswith(f"Exercise 3: not yet. {letter}, line {line}, is right: ")
        heard.add(words)
    assert len(heard) == lines - 1 == len(RIGHT_LINES[letter])


@pytest.mark.parametrize(
    "wrong, hint",
    [
        ({"A": 3, "B": ..., "C": 3}, "Right so far: A and C. Still open: B."),
        ({"A": ..., "B": 2, "C": None}, "Right so far: B. Still open: A and C."),
        ({"A": ..., "B": 1, "C": ...}, "B, line 1, is right"),
        (WRONG | {"B": 5}, "Derivation B has the lines 1 to 4; your answer is 5."),
        (WRONG | {"A": 0}, "lines 1 to 5"),
        (WRONG | {"A": [3]}, "your answer is [3]"),
        (WRONG | {"A": 2.5}, "your answer is 2.5"),
        (WRONG | {"B": torch.tensor(1)}, "B, line 1, is right"),
        (WRONG | {"A": "3"}, "your answer is '3'"),
        (WRONG | {"A": True}, "your answer is True"),
        (WRONG | {"A": math.nan}, "your answer is nan"),
        (WRONG | {"A": torch.ones(2)}, "shape (2,)"),
        ({"A": 3, "B": 2}, "three letters"),
        ({"a": 3, "b": 2, "c": 3}, "three letters"),
        ([3, 2, 3], "three letters"),
    ],
)
def test_wrong_lines_are_answered_in_words(capsys, wrong, hint):
    line = said(capsys, check_wrong_steps, wrong)
    assert line.startswith("Exercise 3: not yet. ") and hint in line


def test_the_printed_lines_are_wrong_and_their_neighbours_right():
    u = torch.randn(1_000_000, generator=torch.Generator().manual_seed(0)).double()
    h = u.clamp(min=0)
    assert abs(h.square().mean() / u.square().mean() - 1 / 2) < 0.01  # A, line 2
    assert abs(h.var() / u.var() - (1 - 1 / math.pi) / 2) < 0.01  # A, line 3 says 1/2
    draws = torch.rand(1_000_000, generator=torch.Generator().manual_seed(0)).double() * 2 - 1
    assert abs(draws.var() - 1 / 3) < 0.01  # B, line 2 says 4/3
    h, w = torch.ones(7, requires_grad=True), torch.ones(5, 7)  # n_in is 7, n_out is 5
    (w @ h).sum().backward()
    assert (h.grad == 5).all()  # C, line 3 says 7
