import numpy as np
import pytest
from helpers.answers import said
from scipy import stats

from course_utils.exercises.which_initialization import check_bet, check_holm, check_p_value

# ---------------------------------------------------------------- exercise 1


def by_hand(one, other):
    """Student's t by hand, its tail by integrating the density."""
    d = np.subtract(one, other)
    n = len(d)
    t = abs(d.mean()) / (d.std(ddof=1) / n**0.5)
    x = np.linspace(-t, t, 200_001)
    return 1 - np.trapezoid(stats.t.pdf(x, n - 1), x)


@pytest.mark.parametrize(
    "answer",
    [
        lambda a, b: stats.ttest_rel(a, b).pvalue,
        lambda a, b: stats.ttest_1samp(np.subtract(b, a), 0).pvalue,
        by_hand,
    ],
)
def test_the_p_value_of_pairs_is_right(answer, capsys):
    assert said(capsys, check_p_value, answer) == "Exercise 1: correct"


def t_of(a, b):
    return stats.ttest_rel(a, b).statistic


@pytest.mark.parametrize(
    "wrong, hint",
    [
        (lambda a, b: stats.ttest_ind(a, b).pvalue, "You compare two heaps"),
        (lambda a, b: stats.ttest_ind(a, b, equal_var=False).pvalue, "You compare two heaps"),
        (
            lambda a, b: min(
                stats.ttest_rel(a, b, alternative=side).pvalue for side in ("less", "greater")
            ),
            "one-sided",
        ),
        (lambda a, b: stats.ttest_rel(a, b, alternative="less").pvalue, "one-sided"),
        (lambda a, b: stats.ttest_rel(a, b, alternative="greater").pvalue, "one-sided"),
        (lambda a, b: 2 * stats.norm.sf(abs(t_of(a, b))), "normal distribution"),
        (t_of, "That is t itself"),
        (lambda a, b: 2 * stats.t.sf(abs(t_of(a, b)), len(a)), "n degrees of freedom"),
        (lambda a, b: 0.05, "Take the differences"),
        (lambda a, b: "small", "one finite number"),
    ],
)
def test_a_wrong_p_value_is_explained(wrong, hint, capsys):
    line = said(capsys, check_p_value, wrong)
    assert line.startswith("Exercise 1: not yet. ") and hint in line


# ---------------------------------------------------------------- exercise 2


def holm(p):
    """By adjusted p-values, another way than the checker's."""
    order = np.argsort(p)
    adjusted = np.maximum.accumulate(np.sort(p) * np.arange(len(p), 0, -1))
    return {int(place) for place, value in zip(order, adjusted, strict=True) if value <= 0.05}


def as_array(p):
    return np.array(sorted(holm(p)), dtype=int)


@pytest.mark.parametrize("answer", [holm, lambda p: list(holm(p)), as_array])
def test_holms_correction_is_right(answer, capsys):
    assert said(capsys, check_holm, answer) == "Exercise 2: correct"


def without_an_end(p):
    order = np.argsort(p)
    return {int(k) for i, k in enumerate(order) if p[k] <= 0.05 / (len(p) - i)}


@pytest.mark.parametrize(
    "wrong, hint",
    [
        (lambda p: {i for i, x in enumerate(p) if x <= 0.05}, "no correction"),
        (lambda p: {i for i, x in enumerate(p) if x <= 0.05 / len(p)}, "Bonferroni's"),
        (
            lambda p: {
                i for i, x in enumerate(stats.false_discovery_control(p)) if x <= 0.05 + 1e-12
            },
            "Benjamini and Hochberg",
        ),
        (without_an_end, "none that is larger does"),
        (lambda p: set(), "The smallest p is compared"),
        (lambda p: "0, 1", "Return a set of places"),
        (lambda p: {i: i in holm(p) for i in range(len(p))}, "Return a set of places"),
        (lambda p: {i + 1 for i in holm(p)}, "count places from 0"),
        (lambda p: {i + 1 for i, x in enumerate(p) if x <= 0.05}, "count places from 0"),
    ],
)
def test_a_wrong_correction_is_explained(wrong, hint, capsys):
    line = said(capsys, check_holm, wrong)
    assert line.startswith("Exercise 2: not yet. ") and hint in line


# ---------------------------------------------------------------- exercise 3


def test_a_bet_is_played(capsys):
    assert said(capsys, check_bet, "mirrored pairs") == "Exercise 3: correct"
    line = said(capsys, check_bet, "truncated 0.02")
    assert line.startswith("Exercise 3: not yet. truncated 0.02 stays ")
    assert "points behind mirrored pairs" in line


@pytest.mark.parametrize("bad", ["he_normal", 3, ["He"]])
def test_a_name_that_does_not_take_part_is_refused_with_those_that_do(bad, capsys):
    line = said(capsys, check_bet, bad)
    assert line.startswith("Exercise 3: not yet. Choose one of PyTorch's default, Xavier, He")


@pytest.mark.parametrize("still_open", [..., None])
def test_a_bet_can_stay_open(still_open, capsys):
    assert said(capsys, check_bet, still_open) == "Exercise 3: not attempted yet"
