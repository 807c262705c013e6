import io
import math
import sys

import pytest
import torch
from helpers.answers import said, stub
from hypothesis import given
from hypothesis import strategies as st

from course_utils.exercises import judging
from course_utils.exercises.judging import (
    NotAttempted,
    answers,
    close,
    explanation,
    judge,
    judge_number,
    layers_until,
    report,
)
from course_utils.exercises.lab_mnist_xavier import check_logit_size, logit_size
from course_utils.exercises.xavier_derivation import check_conv_std, check_sin_gain

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


def test_an_explanation_can_compare_anything():
    known = {"Upside down.": lambda n: {-n}, "Doubled.": lambda n: {2 * n}}
    assert explanation([{2}, {4}], [(1,), (2,)], known, list.__eq__) == "Doubled."
    assert explanation([{2}, {5}], [(1,), (2,)], known, list.__eq__) is None


def test_a_mistake_can_be_made_in_several_ways():
    known = {"Doubled or halved.": (lambda n: 2 * n, lambda n: n / 2)}
    for number in (4, 1):
        assert explanation([number], [(2,)], known) == "Doubled or halved."
    assert explanation([3], [(2,)], known) is None


def test_close_lists_agree_in_every_number():
    assert close([1.0, 2.0], [1.005, 1.99]) and not close([1.0, 2.0], [1.0, 2.1])


@given(st.floats(1e-9, 0.99), st.floats(1e-3, 0.99))
def test_the_number_of_layers_is_the_first_that_leaves_less_than_the_share(share, factor):
    n = layers_until(share, factor)
    assert factor**n < share * (1 + 1e-9)
    assert n == 0 or factor ** (n - 1) >= share * (1 - 1e-9)


@pytest.mark.parametrize("factor", [1.0, 2.0, 0.0])
def test_what_does_not_shrink_is_never_below(factor):
    assert layers_until(0.01, factor) == -1


def test_an_answer_gets_copies_and_may_use_them_up(capsys):
    numbers = [1, 2, 3]
    assert answers(lambda case: case.pop(), [(numbers,), (numbers,)]) == [3, 3]
    assert numbers == [1, 2, 3]

    def using_up(sizes, std, pixel_size):
        right = logit_size(sizes, std, pixel_size)
        sizes.clear()
        return right

    assert said(capsys, check_logit_size, using_up) == "Exercise 3: correct"


def test_an_answer_that_returns_nothing_for_one_case_was_attempted():
    words = product(lambda a, b: a * b if a == 1 else None)
    assert words == "The answer is one finite number, but for 3, 4 yours is None."


class Mute(Exception):
    def __str__(self):
        raise ValueError("no words")


class Leaving(Exception):
    def __str__(self):
        raise SystemExit


class Foreign(BaseException):
    pass


@pytest.mark.parametrize(
    "error, words",
    [
        (ZeroDivisionError("by\n zero"), "ZeroDivisionError: by zero"),
        (Mute(), "Mute"),
        (Leaving(), "Leaving"),
        (KeyError(), "KeyError"),
        (SystemExit(), "SystemExit"),
        (SystemExit(2), "SystemExit: 2"),
        (GeneratorExit(), "GeneratorExit"),
        (Foreign("far"), "Foreign: far"),
    ],
)
def test_whatever_stops_the_code_is_told_in_words(error, words, capsys):
    def attempt():
        raise error

    line = said(capsys, report, "Exercise 9", attempt)
    assert line == f"Exercise 9: not yet. your code stopped with {words}"


def test_an_interrupt_is_told_and_goes_on_to_stop_further_cells(capsys):
    def attempt():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        report("Exercise 9", attempt)
    words = "Exercise 9: interrupted, so nothing was judged. Run the cell again."
    assert capsys.readouterr().out == words + "\n"


def test_a_stub_that_says_so_is_not_attempted(capsys):
    def attempt():
        raise NotImplementedError

    assert said(capsys, report, "Exercise 9", attempt) == "Exercise 9: not attempted yet"


def own_words():
    with torch.no_grad():
        raise NotImplementedError("to do")


class Misspelled(torch.nn.Module):
    def forwards(self, x):
        return x


def test_a_stub_of_the_learners_own_may_have_words(capsys):
    assert said(capsys, report, "Exercise 9", own_words) == "Exercise 9: not attempted yet"


@pytest.mark.parametrize(
    "attempt",
    [
        lambda: torch.softmax(torch.arange(3), 0),
        lambda: torch.nn.ModuleList()(torch.ones(1)),
        lambda: Misspelled()(torch.ones(1)),
        lambda: torch.eye(2).to_sparse().argmax(),
        torch.no_grad()(lambda: torch.softmax(torch.arange(3), 0)),
        lambda: torch.distributions.Distribution(validate_args=False).sample(),  # without words
    ],
)
def test_what_torch_does_not_implement_is_told_and_no_stub(attempt, capsys):
    with pytest.raises(NotImplementedError):
        attempt()
    line = said(capsys, report, "Exercise 9", attempt)
    assert line.startswith("Exercise 9: not yet. your code stopped with NotImplementedError")


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252", "cp949", "utf-8"])
@pytest.mark.parametrize("answer", [3.0, 1, math.nan, "√2 → ∞", "\ud800"])
def test_the_line_is_printed_on_any_terminal(encoding, answer, monkeypatch):
    terminal = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    monkeypatch.setattr(sys, "stdout", terminal)
    check_sin_gain(answer)
    terminal.seek(0)
    assert terminal.read().startswith("Exercise 1: not yet. ")


def test_an_attempt_is_made_on_the_processor_whatever_the_default_device():
    made = []
    torch.set_default_device("meta")
    try:
        report("Exercise 9", lambda: made.append(torch.ones(2).device.type))
        assert torch.ones(2).device.type == "meta" and made == ["cpu"]
    finally:
        torch.set_default_device(None)


def test_an_attempt_that_draws_at_random_is_judged_alike_each_time(capsys):
    drawn = []
    for seed in (1, 2):
        torch.manual_seed(seed)
        report("Exercise 9", lambda: drawn.append(torch.rand(3).tolist()))
    assert drawn[0] == drawn[1]


def test_the_newest_judgement_of_each_exercise_counts(monkeypatch, capsys):
    monkeypatch.setattr(judging, "_solved", {})
    lines = []
    for check, answer in [
        (check_sin_gain, 1.52087),
        (check_sin_gain, 1.52087),  # the same exercise again
        (check_conv_std, lambda i, o, k: math.sqrt(2 / ((i + o) * k**2))),
        (check_sin_gain, 3.0),
        (check_conv_std, lambda i, o, k: math.sqrt(2 / ((i + o) * k**2))),
        (check_sin_gain, ...),
        (check_sin_gain, 1.52087),
    ]:
        check(answer)
        lines.append(capsys.readouterr().out.strip())
    assert [line.partition(". ")[0] for line in lines] == [
        "Exercise 1: correct (1 of 3 solved)",
        "Exercise 1: correct (1 of 3 solved)",
        "Exercise 2: correct (2 of 3 solved)",
        "Exercise 1: not yet",
        "Exercise 2: correct (1 of 3 solved)",
        "Exercise 1: not attempted yet",
        "Exercise 1: correct (2 of 3 solved)",
    ]


def test_an_interrupted_check_leaves_the_count_as_it_was(monkeypatch, capsys):
    def attempt():
        raise KeyboardInterrupt

    monkeypatch.setattr(judging, "_solved", {__name__: {"Exercise 9"}})
    with pytest.raises(KeyboardInterrupt):
        report("Exercise 9", attempt)
    assert judging._solved == {__name__: {"Exercise 9"}}
