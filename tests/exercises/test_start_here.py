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
        ((100, 300, (300, 100)), "swapped"),
        ((300, 100, (300, 100)), "one row for each unit"),
        ((30000, 1, (300, 100)), "number of inputs"),
        ((300, 100, 400), "TypeError"),
    ],
)
def test_fans(answer, words, capsys):
    assert words in said(capsys, check_fans, *answer)


@pytest.mark.parametrize(
    "answer, words",
    [
        (..., "not attempted yet"),
        (0.08, "correct"),
        (1 / 16, "right for linear layers"),
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
