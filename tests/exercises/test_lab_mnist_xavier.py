import math

import numpy as np
import pytest
import torch
from helpers.answers import said
from scipy import stats

from course_utils.exercises import lab_mnist_xavier as checkers
from course_utils.exercises.lab_mnist_xavier import (
    check_logit_size,
    check_paired_interval,
    check_steps_to,
)
from course_utils.initializers import initialize_
from course_utils.networks import mlp

CHECKERS = [check_steps_to, check_paired_interval, check_logit_size]


@pytest.mark.parametrize("check", CHECKERS)
@pytest.mark.parametrize("strange", [lambda *given: "many", lambda *given: [1, 2]])
def test_what_is_no_answer_is_told_what_is_asked(capsys, check, strange):
    line = said(capsys, check, strange)
    assert "not yet. " in line and "your code stopped" not in line


@pytest.mark.parametrize("check", CHECKERS)
def test_an_unusual_wrong_answer_gets_a_hint(capsys, check):
    wrong = (1.0, 2.0, 3.0) if check is check_paired_interval else 0.123
    assert ": not yet. " in said(capsys, check, lambda *given: wrong)


def by_loop(steps, accuracies, level):
    in_a_row = 0
    for i, value in enumerate(accuracies):
        in_a_row = in_a_row + 1 if value >= level else 0
        if in_a_row == 3:
            return steps[i - 2]
    return math.inf


def never(value):
    return lambda *given: value if by_loop(*given) == math.inf else by_loop(*given)


def by_argmax(steps, accuracies, level):
    good = accuracies >= level
    three = good[:-2] & good[1:-1] & good[2:]
    return steps[three.argmax()]


def crossing(steps, accuracies, level):
    return next((s for s, a in zip(steps, accuracies) if a >= level), math.inf)  # noqa: B905


@pytest.mark.parametrize(
    "answer",
    [
        by_loop,
        checkers.steps_to,
        never(np.float32("inf")),
        never(torch.tensor(math.inf)),
        never(np.array([np.inf])),
        lambda *given: torch.tensor([float(by_loop(*given))]),
    ],
)
def test_three_in_a_row_are_accepted_by_loop_and_by_array(capsys, answer):
    assert said(capsys, check_steps_to, answer) == "Exercise 1: correct"


@pytest.mark.parametrize(
    ("wrong", "hint"),
    [
        (crossing, "One lucky measurement"),
        (lambda s, a, y: s[(a >= y).argmax()], "One lucky measurement"),
        (by_argmax, "np.argmax returns 0"),
        (lambda s, a, y: min(by_loop(s, a, y), s[-1]), "has no such step"),
        (
            lambda s, a, y: (
                max(-1, -by_loop(s, a, y)) if by_loop(s, a, y) > 200 else by_loop(s, a, y)
            ),
            "has no such step",
        ),
        (
            lambda s, a, y: None if by_loop(s, a, y) > 200 else by_loop(s, a, y),
            "math.inf for never",
        ),
        (
            lambda s, a, y: math.nan if by_loop(s, a, y) > 200 else by_loop(s, a, y),
            "math.inf for never",
        ),
        (lambda s, a, y: by_loop(s[:-1], a[:-1], y), "The first of them"),
        (never(-math.inf), "has no such step"),
        (never("inf"), "math.inf for never. One of yours is 'inf'."),
        (lambda s, a, y: by_loop(range(len(s)), a, y), "a position"),
        (lambda s, a, y: by_loop(s, a, y) + 50, "the last of the three"),
        (lambda s, a, y: by_loop(s, a, y + 1e-9), "compare with >="),
        (lambda s, a, y: s[0], "three measurements in a row"),
    ],
)
def test_a_misread_curve_is_explained(capsys, wrong, hint):
    line = said(capsys, check_steps_to, wrong)
    assert line.startswith("Exercise 1: not yet. ") and hint in line


def by_scipy(a, b):
    shared = sorted(set(a) & set(b))
    test = stats.ttest_rel([a[s] for s in shared], [b[s] for s in shared])
    low, high = test.confidence_interval(0.95)
    return (low + high) / 2, low, high


def students_t(n):
    return stats.t.ppf(0.975, n - 1)


def by_hand(a, b, *, ddof=1, factor=students_t, root=True):
    d = np.array([a[seed] - b[seed] for seed in a if seed in b])
    n = len(d)
    half = (
        (factor(n) if callable(factor) else factor)
        * d.std(ddof=ddof)
        / (math.sqrt(n) if root else 1)
    )
    return d.mean(), d.mean() - half, d.mean() + half


def by_position(a, b):
    n = min(len(a), len(b))
    numbered = [dict(enumerate(list(values.values())[:n])) for values in (a, b)]
    return by_hand(*numbered)


def unpaired(a, b, shared_only):
    shared = set(a) & set(b)
    if shared_only:
        a, b = ({seed: values[seed] for seed in shared} for values in (a, b))
    x, y = np.array(list(a.values())), np.array(list(b.values()))
    test = stats.ttest_ind(x, y, equal_var=False).confidence_interval()
    return x.mean() - y.mean(), test.low, test.high


@pytest.mark.parametrize(
    "answer",
    [
        by_scipy,
        by_hand,
        lambda a, b: np.array(by_hand(a, b)),
        lambda a, b: [*by_hand(a, b)],
        lambda a, b: torch.tensor(by_hand(a, b)),
        lambda a, b: map(np.array, by_hand(a, b)),
    ],
)
def test_the_paired_interval_is_accepted_by_hand_and_by_scipy(capsys, answer):
    assert said(capsys, check_paired_interval, answer) == "Exercise 2: correct"


@pytest.mark.parametrize(
    ("wrong", "hint"),
    [
        (lambda a, b: by_hand(b, a), "a − b"),
        (by_position, "by position"),
        (lambda a, b: unpaired(a, b, True), "unrelated groups"),
        (lambda a, b: unpaired(a, b, False), "unrelated groups"),
        (lambda a, b: by_hand(a, b, root=False), "how far one seed strays"),
        (lambda a, b: by_hand(a, b, factor=1.96), "1.96"),
        (lambda a, b: by_hand(a, b, ddof=0), "n − 1"),
        (lambda a, b: by_hand(a, b, ddof=0, factor=1.96), "1.96"),
        (lambda a, b: by_hand(a, b, factor=1.0), "The mean is right"),
        (lambda a, b: by_hand(a, b)[0], "three numbers"),
        (lambda a, b: by_hand(a, b)[:2], "three numbers"),
        (lambda a, b: set(by_hand(a, b)), "three numbers"),
        (lambda a, b: (by_hand(a, b)[0], -math.inf, math.inf), "three numbers"),
        (lambda a, b: "mean, low, high", "three numbers"),
    ],
)
def test_a_wrong_interval_is_explained(capsys, wrong, hint):
    line = said(capsys, check_paired_interval, wrong)
    assert line.startswith("Exercise 2: not yet. ") and hint in line


MISTAKES = [  # in the order of the checker's explanations
    lambda a, b: by_hand(b, a),
    by_position,
    lambda a, b: unpaired(a, b, True),
    lambda a, b: unpaired(a, b, False),
    lambda a, b: by_hand(a, b, root=False),
    lambda a, b: by_hand(a, b, factor=stats.norm.ppf(0.975)),
    lambda a, b: by_hand(a, b, ddof=0),
    lambda a, b: by_hand(a, b, ddof=0, factor=stats.norm.ppf(0.975)),
    lambda a, b: by_hand(a, b, factor=lambda n: stats.t.ppf(0.95, n - 1)),
    lambda a, b: by_hand(a, b, factor=lambda n: stats.t.ppf(0.975, n)),
]


def test_every_known_mistake_gets_its_own_explanation_and_no_other(capsys):
    for mistake, (words, _) in zip(MISTAKES, checkers.MISREADINGS, strict=True):
        line = said(capsys, check_paired_interval, mistake)
        assert line == f"Exercise 2: not yet. {words}"


def size(sizes, std, pixels, per_relu=2**-0.5):
    for n in sizes[:-1]:
        pixels *= math.sqrt(n) * std
    return pixels * per_relu ** (len(sizes) - 2)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (size, "Exercise 3: correct"),
        (lambda s, w, x: torch.tensor(size(s, w, x)), "Exercise 3: correct"),
        (lambda s, w, x: size(s, w, x, 1.0), "forgot ReLU"),
        (lambda s, w, x: size(s, w, x, 0.5), "not 2"),
        (lambda s, w, x: size(s, w, x) / math.sqrt(2), "after the last layer"),
        (lambda s, w, x: size([n * n for n in s], w, x), "random signs cancel"),
        (lambda s, w, x: size(s[1:] + [1], w, x), "fan_in decides"),
        (lambda s, w, x: size(s, w, x) ** 2, "asked is its root"),
        (lambda s, w, x: size(s, w, 1.0), "forgot how large the pixels are"),
    ],
)
def test_the_logits_are_the_pixels_times_gains_and_relus(capsys, answer, words):
    assert words in said(capsys, check_logit_size, answer)


@pytest.mark.parametrize(("sizes", "std"), [([784, 256, 256, 10], 1.0), ([784, 100, 10], 0.1)])
def test_the_predicted_size_of_the_logits_is_the_measured_one(sizes, std):
    pixels = 0.3 * torch.randn(200, 784, generator=torch.Generator().manual_seed(100))
    measured = []
    for seed in range(20):
        generator = torch.Generator().manual_seed(seed)
        network = initialize_(mlp(sizes), "normal", std=std, generator=generator)
        measured.append(network(pixels).square().mean().item())
    assert np.sqrt(np.mean(measured)) == pytest.approx(
        checkers.logit_size(sizes, std, 0.3), rel=0.1
    )
