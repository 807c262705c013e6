"""Checkers of notebook 02: the std that keeps a signal, how fast one dies, bound and std."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch

from course_utils.exercises.judging import attempted, judge, layers_until, report
from course_utils.exercises.reading import read_number, shown


def check_keeping_std(answer: Callable[[int, int], float]) -> None:
    """Check the std with which a linear layer keeps the size of its signal: 1 / √fan_in.

    Parameters
    ----------
    answer
        ``answer(fan_in, fan_out)`` returns the std of the weights.
    """
    layers = [(100, 400), (784, 256), (64, 64)]
    known = {
        "That is the variance that keeps the signal; its square root is the std.": (
            lambda fan_in, fan_out: 1 / fan_in
        ),
        "You counted the outputs: one output is a sum over the inputs, so fan_in decides.": (
            lambda fan_in, fan_out: 1 / math.sqrt(fan_out)
        ),
        "That is the compromise of Xavier between forward and backward; here only the way forward "
        "counts.": lambda fan_in, fan_out: math.sqrt(2 / (fan_in + fan_out)),
        "That is He's std, made for ReLU, which throws half of the signal away; a linear layer "
        "throws nothing away.": lambda fan_in, fan_out: math.sqrt(2 / fan_in),
    }

    def right(fan_in: int, fan_out: int) -> float:
        return 1 / math.sqrt(fan_in)

    hint = "Set the gain √fan_in · std to 1 and solve for std."
    report("Exercise 1", lambda: judge(answer, layers, right, known, hint))


def check_layers_until_lost(answer: Callable[[int, float], int]) -> None:
    """Check after how many linear layers less than 1 % of the signal's std is left.

    Parameters
    ----------
    answer
        ``answer(width, std)`` returns the number of layers, where the gain √width · std is below 1.
    """
    settings = [(256, 0.01), (256, 0.03), (400, 0.04), (100, 0.05), (256, 0.06)]

    def right(width: int, std: float) -> int:
        return layers_until(0.01, math.sqrt(width) * std)

    known = {
        "You multiplied by std alone: a layer's gain is √width · std.": (
            lambda width, std: layers_until(0.01, std)
        ),
        "That is when the variance falls below 1 %; asked is the std, the root of it.": (
            lambda width, std: layers_until(0.01, width * std**2)
        ),
        "One layer too few: there 1 % or more is still left. Round up, to the first layer below.": (
            lambda width, std: right(width, std) - 1
        ),
    }

    hint = "After n layers gainⁿ is left: which is the first n with gainⁿ < 0.01?"
    report("Exercise 2", lambda: judge(answer, settings, right, known, hint, whole=True))


def check_uniform_bound(answer: Callable[[float], float]) -> None:
    """Check the bound a with which U(−a, a) has the std asked for: √3 · std.

    Parameters
    ----------
    answer
        ``answer(std)`` returns the bound.
    """
    stds = [(0.05,), (1.0,), (2.0,)]
    known = {
        "Then all numbers lie within one std of zero, and their std is smaller than asked: √3 "
        "times.": lambda std: std,
        "About two std hold nearly all of a bell curve, but a uniform draw is no bell: integrate "
        "u² over it.": lambda std: 2 * std,
        "√12 · std is the width of the whole interval; from −a to a it is 2a wide.": (
            lambda std: math.sqrt(12) * std
        ),
        "That bound is right for the variance std; asked is the standard deviation std.": (
            lambda std: math.sqrt(3 * std)
        ),
    }

    hint = "The variance of U(−a, a) is a²/3: set it to std² and solve for a."
    report("Exercise 3", lambda: judge(answer, stds, lambda std: math.sqrt(3) * std, known, hint))


def check_tanh_std(answer: float) -> None:
    """Check a std that leaves 30 tanh layers of 256 units at a std between 0.45 and 0.55.

    Parameters
    ----------
    answer
        The std of all weights; it is tried on unit Gaussian noise.
    """

    def attempt() -> str | None:
        std = read_number(attempted(answer))
        if std is None or std <= 0:
            return f"A std is a positive number, yours is {shown(answer)}."
        left = tanh_stack_std(std)
        if 0.45 <= left <= 0.55:
            return None
        if math.isclose(std, 1 / 256, rel_tol=0.02):
            return "That is 1/256, a variance; the signal dies. Its square root is where to begin."
        if math.isclose(std, 1 / 16, rel_tol=0.02):
            return (
                "1/√256 keeps a linear signal, but every tanh shrinks it a little: too little is "
                "left. Make up for it."
            )
        if math.isclose(std, 5 / 3 / 16, rel_tol=0.02):
            return "That is PyTorch's recommended gain for tanh, 5/3: it keeps more than asked."
        if left > 0.9:
            return "The units saturate at ±1: far too large."
        return (
            f"The last layer's std is too {'small: raise' if left < 0.45 else 'large: lower'} it."
        )

    report("Exercise 4", attempt)


def tanh_stack_std(std: float, *, depth: int = 30, width: int = 256) -> float:
    """Return the std of the last of ``depth`` tanh layers that are fed unit Gaussian noise."""
    generator = torch.Generator().manual_seed(2)
    h = torch.randn(256, width, generator=generator)  # (batch, width)
    for _ in range(depth):
        h = torch.tanh(h @ torch.randn(width, width, generator=generator).mul_(std).T)
    return h.std().item()


EXERCISES = (check_keeping_std, check_layers_until_lost, check_uniform_bound, check_tanh_std)
