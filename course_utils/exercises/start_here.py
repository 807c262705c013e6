"""Checkers of notebook 00: the first settings, and what they predict."""

from __future__ import annotations

import math
from typing import Any

from course_utils import theory
from course_utils.exercises.judging import attempted, report
from course_utils.exercises.reading import read_number, read_shape, read_whole, shown

PIXELS, WIDTH, DEPTH = 784, 256, 30


def check_fans(fan_in: Any, fan_out: Any, weight_shape: Any) -> None:
    """Judge the fans and the weight's shape of ``nn.Linear(300, 100)``."""

    def judge() -> str | None:
        given = (fan_in, fan_out)
        fans = tuple(read_whole(attempted(fan)) for fan in given)
        shape = read_shape(attempted(weight_shape))
        if None in fans:
            name, value = ("fan_in", fan_in) if fans[0] is None else ("fan_out", fan_out)
            return f"{name} is a whole number, yours is {shown(value)}."
        if shape is None:
            words = shown(weight_shape)
            return f"A shape is a pair of whole numbers, such as (3, 2); yours is {words}."
        if fans == (100, 300):
            return "The fans are swapped: nn.Linear(300, 100) takes in 300 numbers."
        if fans != (300, 100):
            return "fan_in is the number of inputs, fan_out the number of units."
        if shape == (300, 100):
            return "The weight has one row for each unit, not for each input."
        if shape != (100, 300):
            return "The weight's shape is (fan_out, fan_in)."
        return None

    report("Exercise 1", judge)


def check_std_for_tanh(std: Any) -> None:
    """Judge whether a std keeps the gradient's size through 30 layers of 256 tanh units.

    Theory decides, with a margin of a tenth on both sides for the luck of a finite network.
    """

    def judge() -> str | None:
        value = read_number(attempted(std))
        if value is None or not 0 < value < 10:
            return f"A std is a positive number, and here it is below 10; yours is {shown(std)}."
        sigma_w = value * math.sqrt(WIDTH)
        q = theory.variance_path(PIXELS * value**2, DEPTH, sigma_w, 0.0, "tanh")  # unit noise
        kept = math.sqrt(theory.gradient_path(q, sigma_w, "tanh")[0])
        if abs(value - 1 / 16) < 1e-3:
            return (
                "1/√256 is right for linear layers, but tanh passes on a little less than it gets."
            )
        if abs(value - 0.08**2) < 1e-3:
            return "That looks like a variance. The std is its square root."
        if kept < 0.45:
            return "The gradient still shrinks on its way down. Move the std up."
        if kept > 2.2:
            return "The gradient grows on its way down. Move the std down."
        return None

    report("Exercise 2", judge)


EXERCISES = (check_fans, check_std_for_tanh)
