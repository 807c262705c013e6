from decimal import Decimal

import numpy as np
import pytest
import torch
from helpers.answers import said

from course_utils.exercises.start_here import check_fans, check_std_for_tanh
from course_utils.explorers.activation.experiment import ActivationSetting, SignalPath


@pytest.mark.parametrize(
    "answer, words",
    [
        ((..., ..., ...), "not attempted yet"),
        ((300, ..., (100, 300)), "not attempted yet"),
        ((300, 100, (100, 300)), "correct"),
        ((300, 100, torch.Size([100, 300])), "correct"),
        ((np.int64(300), torch.tensor([100]), np.array([100, 300])), "correct"),
        ((300.0, 100.0, [100, 300]), "correct"),
        ((100, 300, (300, 100)), "swapped"),
        ((300, 100, (300, 100)), "one row for each unit"),
        ((30000, 1, (300, 100)), "number of inputs"),
        ((300, 100, 30000), "a pair of whole numbers, such as (3, 2); yours is 30000."),
        ((300, 100, {300, 100}), "a pair of whole numbers"),
        ((300, 100, "100x300"), "yours is '100x300'."),
        (("many", 100, (100, 300)), "fan_in is a whole number, yours is 'many'."),
        ((300, 100.5, (100, 300)), "fan_out is a whole number, yours is 100.5."),
        ((True, 100, (100, 300)), "fan_in is a whole number, yours is True."),
    ],
)
def test_fans(answer, words, capsys):
    assert words in said(capsys, check_fans, *answer)


@pytest.mark.parametrize(
    "answer, words",
    [
        (..., "not attempted yet"),
        (0.08, "correct"),
        (np.array([0.08]), "correct"),
        (Decimal("0.08"), "correct"),
        (torch.tensor([[0.08]], requires_grad=True), "correct"),
        (1 / 16, "right for linear layers"),
        (True, "positive number"),
        (np.array([0.08, 0.09]), "yours is a ndarray of shape (2,)"),
        (0.0064, "looks like a variance"),
        (0.05, "still shrinks"),
        (0.1, "grows"),
        (-1, "positive"),
        ("large", "positive number"),
    ],
)
def test_std_for_tanh(answer, words, capsys):
    assert words in said(capsys, check_std_for_tanh, answer)


@pytest.mark.parametrize(
    "std, right", [(0.0625, False), (0.077, True), (0.085, True), (0.1, False)]
)
def test_what_is_judged_right_is_right_in_the_explorer(std, right, capsys):
    measured = SignalPath(torch.zeros(256, 784)).measure(ActivationSetting(std, 30, source="noise"))
    kept = measured.gradient[0] / measured.gradient[-1]
    assert (0.5 <= kept <= 2) == right == ("correct" in said(capsys, check_std_for_tanh, std))
