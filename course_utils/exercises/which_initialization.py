"""Checkers of notebook 12: paired tests, many comparisons, a bet on a network of one's own."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache

import numpy as np
from scipy import stats

from course_utils.exercises.judging import NotAttempted, answers, judge, no_function, report
from course_utils.exercises.reading import is_open, read_set, shown
from course_utils.experiments.contestants import FAMILIES
from course_utils.experiments.tournament import Setting, images, play, verdict

_ONE = [0.84, 0.79, 0.88, 0.71, 0.81]
_OTHER = [0.86, 0.80, 0.91, 0.72, 0.84]
_LONGER = [0.61, 0.70, 0.52, 0.55, 0.66, 0.68, 0.59], [0.60, 0.66, 0.53, 0.55, 0.60, 0.67, 0.58]


def check_p_value(answer: Callable[[list, list], float]) -> None:
    """Check the p-value of a paired two-sided t-test.

    Parameters
    ----------
    answer
        ``answer(one, other)`` returns p for two lists of accuracies, one number a seed each.
    """

    def t(one: list, other: list) -> float:
        difference = np.subtract(one, other)
        return float(difference.mean() / (difference.std(ddof=1) / math.sqrt(len(difference))))

    def right(one: list, other: list) -> float:
        return float(stats.ttest_rel(one, other).pvalue)

    known = {
        "You compare two heaps. The seeds are pairs: test one minus other against 0.": (
            lambda one, other: float(stats.ttest_ind(one, other).pvalue)
        ),
        "You compare two heaps, of unequal spread. The seeds are pairs.": (
            lambda one, other: float(stats.ttest_ind(one, other, equal_var=False).pvalue)
        ),
        "That is one-sided. Before the race nobody knew which of the two would be ahead.": (
            lambda one, other: right(one, other) / 2,
            lambda one, other: float(stats.ttest_rel(one, other, alternative="less").pvalue),
            lambda one, other: float(stats.ttest_rel(one, other, alternative="greater").pvalue),
        ),
        "That is the normal distribution; with so few seeds the tails of Student's t count.": (
            lambda one, other: float(2 * stats.norm.sf(abs(t(one, other))))
        ),
        "That is t itself. Asked is the probability of one at least as far from 0.": t,
        "That takes n degrees of freedom; the mean has used up one.": (
            lambda one, other: float(2 * stats.t.sf(abs(t(one, other)), len(one)))
        ),
    }
    hint = "Take the differences, then scipy.stats.ttest_1samp(differences, 0).pvalue."
    cases = [(_ONE, _OTHER), _LONGER]
    report("Exercise 1", lambda: judge(answer, cases, right, known, hint))


_P = (
    [0.001, 0.02, 0.04, 0.012],
    [0.03, 0.9, 0.001],
    [0.011, 0.013, 0.024, 0.049],
    [0.04, 0.3, 0.6, 0.9],
    [0.015, 0.016, 0.9, 0.8],
)


def _steps(p: list, limit: Callable[[int], float], *, stop: bool = True) -> set[int]:
    """Go through the p-values from the smallest; return the places of those below their limits."""
    found: set[int] = set()
    for i, place in enumerate(np.argsort(p).tolist()):
        if p[place] <= limit(i):
            found.add(place)
        elif stop:
            break
    return found


def _holm(p: list) -> set[int]:
    return _steps(p, lambda i: 0.05 / (len(p) - i))


def _benjamini_hochberg(p: list) -> set[int]:
    order = np.argsort(p).tolist()
    passed = [i for i, place in enumerate(order) if p[place] <= 0.05 * (i + 1) / len(p)]
    return set(order[: max(passed, default=-1) + 1])


_MISTAKES: dict[str, Callable[[list], set[int]]] = {
    "That is no correction: of twenty equal contestants one would be told apart by luck.": (
        lambda p: _steps(p, lambda i: 0.05)
    ),
    "That is Bonferroni's: safe, but stricter than it must be. After each p that convinces one "
    "comparison fewer is left.": lambda p: _steps(p, lambda i: 0.05 / len(p)),
    "That is Benjamini and Hochberg's: it limits the share of false discoveries, not the chance "
    "of any.": _benjamini_hochberg,
    "Once a p does not convince, none that is larger does.": (
        lambda p: _steps(p, lambda i: 0.05 / (len(p) - i), stop=False)
    ),
}


def check_holm(answer: Callable[[list], set]) -> None:
    """Check which of many comparisons convince at 5 %, by Holm's correction.

    Parameters
    ----------
    answer
        ``answer(p)`` returns the places (from 0) of those p-values of a list that are significant.
    """

    def attempt() -> str | None:
        if wrong := no_function(answer):
            return wrong
        given = answers(answer, [(p,) for p in _P])
        sets = [read_set(value) for value in given]
        if None in sets:
            one = shown(given[sets.index(None)])
            return f"Return a set of places, such as {{0, 2}}, not {one}."
        expected = [_holm(p) for p in _P]
        if sets == expected:
            return None
        if any(not found <= set(range(len(p))) for found, p in zip(sets, _P, strict=True)):
            return "Some of your places do not exist: count places from 0 to len(p) − 1."
        for words, formula in _MISTAKES.items():
            if sets == [formula(p) for p in _P]:
                return words
        i = next(i for i, (a, b) in enumerate(zip(sets, expected, strict=True)) if a != b)
        return (
            f"For p = {_P[i]} yours are {shown(sets[i])}. The smallest p is compared with 0.05 "
            "over how many there are, the next with 0.05 over one less, until one does not "
            "convince."
        )

    report("Exercise 2", attempt)


BET = Setting("gelu", 14, 24, "adam", 150, "digits")
"""The network of exercise 3: its depth and width are none of the tournament's."""

RIVALS = ("mirrored pairs", "orthogonal × √2", "He", "PyTorch's default")


@cache
def played(names: tuple[str, ...]) -> tuple[dict, ...]:
    """Return what contestants reach on the network of exercise 3: each is trained once."""
    return tuple(play(BET, images(BET.data), only=names))


def check_bet(answer: str) -> None:
    """Check a bet on the start of a network that the tournament did not play, by playing it.

    Parameters
    ----------
    answer
        The name of a contestant of the family "gelu".
    """

    def attempt() -> str | None:
        if is_open(answer):
            raise NotAttempted
        names = FAMILIES[BET.family].contestants(BET.depth)
        if not isinstance(answer, str) or answer not in names:
            return f"Choose one of {', '.join(names)}; yours is {shown(answer)}."
        rows = played(RIVALS) + (() if answer in RIVALS else played((answer,)))
        found = verdict(rows, 0.11)
        if answer in found.not_told_apart:
            return None
        points = 100 * found.behind[answer]
        return (
            f"{answer} stays {points:.0f} points behind {found.winner}, with each at its own "
            "best rate. What does the table advise for GELU of 3 to 10 layers, and of 30?"
        )

    report("Exercise 3", attempt)


EXERCISES = (check_p_value, check_holm, check_bet)
