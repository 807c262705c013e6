"""Checkers of the exercises of notebook 00."""

from __future__ import annotations

from typing import Any

import torch

from course_utils.checks import attempted, report
from course_utils.exercises.answers import is_number
from course_utils.signal_path import Setting, predict

NOISE = torch.ones(1, 784)  # as long as unit Gaussian noise of 784 pixels is on average


def check_fans(fan_in: Any, fan_out: Any, weight_shape: Any) -> None:
    """Judge the fans and the weight's shape of ``nn.Linear(300, 100)``."""

    def judge() -> str | None:
        fans = (attempted(fan_in), attempted(fan_out))
        shape = tuple(attempted(weight_shape))
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
        if not (is_number(attempted(std)) and 0 < std < 10):
            return "A std is a positive number, and here it is below 10."
        value = float(std)
        _, gradient = predict(Setting(value, 30, 256, "tanh"), NOISE)
        kept = gradient[0] / gradient[-1]
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
