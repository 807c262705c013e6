"""Checkers of notebook 07: read a learning curve, compare over seeds, predict the logits."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from scipy import stats

from course_utils.exercises.judging import (
    answers,
    judge,
    no_function,
    report,
)
from course_utils.exercises.reading import read_number, read_numbers, shown

STEPS = np.arange(25, 225, 25)
CURVES = (  # accuracies at the steps above; asked is 0.95
    [0.80, 0.90, 0.94, 0.95, 0.96, 0.96, 0.97, 0.97],  # exactly 0.95 at the fourth
    [0.80, 0.96, 0.93, 0.94, 0.96, 0.95, 0.97, 0.97],  # lucky at the second, real at the fifth
    [0.97, 0.96, 0.95, 0.94, 0.96, 0.96, 0.96, 0.97],  # real at the first, unlucky later
    [0.96, 0.97, 0.94, 0.96, 0.96, 0.96, 0.97, 0.97],  # two are not three
    [0.80, 0.85, 0.90, 0.91, 0.92, 0.93, 0.93, 0.94],  # never
    [0.80, 0.85, 0.90, 0.96, 0.92, 0.94, 0.96, 0.97],  # too late to be sure
    [0.80, 0.85, 0.90, 0.92, 0.93, 0.95, 0.96, 0.97],  # the last three, just in time
)
LEVEL = 0.95


def check_steps_to(answer: Callable[[np.ndarray, np.ndarray, float], float]) -> None:
    """Check the number of steps until an accuracy is reached for good.

    Parameters
    ----------
    answer
        ``answer(steps, accuracies, level)``, with arrays (n,) and (n,), returns the first step at
        which the accuracy and the next two are at least the level; ``math.inf`` if there is none.
    """

    def attempt() -> str | None:
        if words := no_function(answer):
            return words
        given = answers(answer, [(STEPS, np.array(curve), LEVEL) for curve in CURVES])
        wanted = [steps_to(STEPS, curve, LEVEL) for curve in CURVES]
        numbers = [read_number(value, infinite=True) for value in given]
        if None in numbers:
            which = shown(given[numbers.index(None)])
            return (
                f"The answer is a number: a step, or math.inf for never. One of yours is {which}."
            )
        return None if numbers == wanted else _misread(numbers, wanted)

    report("Exercise 1", attempt)


def steps_to(steps: Sequence[int], accuracies: Sequence[float], level: float) -> float:
    """Return the first of ``steps`` that begins three accuracies >= level; inf if none does."""
    good = np.asarray(accuracies) >= level
    starts = np.flatnonzero(good[:-2] & good[1:-1] & good[2:])
    return float(steps[starts[0]]) if len(starts) else math.inf


def _misread(given: list[float], wanted: list[float]) -> str:
    """Explain a wrong reading of the curves."""
    crossing = [_first(STEPS, np.array(curve) >= LEVEL) for curve in CURVES]
    pairs = list(zip(given, wanted, strict=True))
    if all(g == w for g, w in pairs if math.isfinite(w)):
        if given[4] == STEPS[0]:
            return (
                "For a curve that never gets there yours says the first step: np.argmax returns 0 "
                "where nothing is True. Return math.inf."
            )
        return (
            "A curve that never gets there, or too late for three in a row, has no such step: "
            "return math.inf."
        )
    if all(g == c for g, c in zip(given, crossing, strict=True) if math.isfinite(c)):
        return (
            "One lucky measurement is not enough: the accuracy and the next two must all be at "
            "least the level."
        )
    if all(g == STEPS.tolist().index(w) for g, w in pairs if math.isfinite(w)):
        return "You return a position in the list; asked is the step that stands there."
    if all(g == w + STEPS[2] - STEPS[0] for g, w in pairs if math.isfinite(w)):
        return "You return the last of the three; asked is the first of them."
    if given == [_strictly(curve) for curve in CURVES]:
        return "Exactly the level counts, too: compare with >=."
    return "Which steps begin three measurements in a row of at least the level? The first of them."


def _first(steps: np.ndarray, good: np.ndarray) -> float:
    return float(steps[good.argmax()]) if good.any() else math.inf


def _strictly(curve: Sequence[float]) -> float:
    return steps_to(STEPS, np.array(curve) > LEVEL, 1)


def check_paired_interval(
    answer: Callable[[Mapping[int, float], Mapping[int, float]], tuple[float, float, float]],
) -> None:
    """Check the mean paired difference over seeds and its 95 % interval by Student's t.

    Parameters
    ----------
    answer
        ``answer(a, b)`` gets two dictionaries seed → accuracy, and returns the mean of a − b over
        the seeds that are in both, and the low and the high end of its interval.
    """

    def attempt() -> str | None:
        if words := no_function(answer):
            return words
        returned = answers(answer, PAIRS)
        given = [read_numbers(value) for value in returned]
        for value, triple in zip(returned, given, strict=True):
            if triple is None or len(triple) != 3:
                return f"Return three numbers: mean, low, high. One of yours is {shown(value)}."
        if _same(given, _intervals()):
            return None
        for words, options in MISREADINGS:
            if _same(given, _intervals(**options)):
                return words
        if _same([value[:1] for value in given], [value[:1] for value in _intervals()]):
            return (
                "The mean is right, its interval is not: mean ± t · s / √n, with s the std of the "
                "n differences and t of n − 1 degrees of freedom."
            )
        return "Take a − b for each seed that both have. Their mean is the first number."

    report("Exercise 2", attempt)


PAIRS = (  # the seeds stand in another order, and not all are in both
    (
        {0: 0.9812, 1: 0.9795, 2: 0.9805, 3: 0.9821, 4: 0.9790, 7: 0.9832},
        {4: 0.9781, 2: 0.9789, 0: 0.9790, 5: 0.9760, 1: 0.9786, 3: 0.9801},
    ),
    (
        {3: 0.931, 1: 0.952, 2: 0.925, 9: 0.941},
        {1: 0.956, 2: 0.931, 3: 0.932, 8: 0.911},
    ),
    (
        {seed: 0.97 + 0.004 * math.sin(3 * seed) for seed in range(10)},
        {seed: 0.97 + 0.003 * math.sin(3 * seed + 0.5) for seed in range(11, 1, -1)},
    ),
)

MISREADINGS = (  # what is said, and the options of _interval that lead there
    ("The sign is turned: asked is a − b.", {"sign": -1}),
    (
        "You paired by position; the dictionaries list their seeds in different orders. Pair by "
        "seed: a[seed] − b[seed].",
        {"pairing": "position"},
    ),
    (
        "That is the interval of two unrelated groups. The runs of one seed saw the same images in "
        "the same order: take the differences seed by seed, then the spread of these.",
        {"pairing": "none"},
    ),
    (
        "That is the interval of two unrelated groups. The runs of one seed saw the same images in "
        "the same order: take the differences seed by seed, then the spread of these.",
        {"pairing": "all"},
    ),
    (
        "You used the std of the differences: that is how far one seed strays. The mean of n seeds "
        "strays less: divide by √n.",
        {"root_n": False},
    ),
    (
        "1.96 is for a spread that is known exactly. Yours is estimated from a few seeds: use "
        "stats.t.ppf(0.975, n - 1).",
        {"quantile": "z"},
    ),
    (
        "You divided by n, NumPy's default, where the std of a sample divides by n − 1: "
        "std(ddof=1).",
        {"ddof": 0},
    ),
    (
        "1.96 is for a spread that is known exactly, and NumPy's std divides by n: use "
        "stats.t.ppf(0.975, n - 1) and std(ddof=1).",
        {"quantile": "z", "ddof": 0},
    ),
    (
        "You left 5 % out at one end; 95 % in the middle leaves 2.5 % at each: the quantile 0.975.",
        {"quantile": "one end"},
    ),
    ("The degrees of freedom are n − 1, one less than the seeds.", {"quantile": "n"}),
)


def _interval(
    a: Mapping[int, float],
    b: Mapping[int, float],
    *,
    pairing: str = "seed",
    quantile: str = "t",
    ddof: int = 1,
    root_n: bool = True,
    sign: int = 1,
) -> tuple[float, float, float]:
    """Return mean, low and high; the options make the known mistakes."""
    shared = [seed for seed in a if seed in b]
    first, second = ([values[seed] for seed in shared] for values in (a, b))
    if pairing in ("position", "all"):
        first, second = list(a.values()), list(b.values())
    if pairing in ("none", "all"):
        test = stats.ttest_ind(first, second, equal_var=False).confidence_interval(0.95)
        return float(np.mean(first) - np.mean(second)), float(test.low), float(test.high)
    d = sign * np.subtract(first, second)  # (seeds,)
    n = len(d)
    factor = {
        "t": stats.t.ppf(0.975, n - 1),
        "z": stats.norm.ppf(0.975),
        "one end": stats.t.ppf(0.95, n - 1),
        "n": stats.t.ppf(0.975, n),
    }[quantile]
    half = factor * d.std(ddof=ddof) / (math.sqrt(n) if root_n else 1)
    return float(d.mean()), float(d.mean() - half), float(d.mean() + half)


def _intervals(**options: Any) -> list[tuple[float, float, float]]:
    return [_interval(a, b, **options) for a, b in PAIRS]


def _same(given: Sequence[Sequence[float]], wanted: Sequence[Sequence[float]]) -> bool:
    """Say whether all numbers agree within a hundred-thousandth: a hundredth of a half width."""
    pairs = zip(np.concatenate(given), np.concatenate(wanted), strict=True)
    return all(math.isclose(g, w, abs_tol=1e-5) for g, w in pairs)


def check_logit_size(answer: Callable[[Sequence[int], float, float], float]) -> None:
    """Check the predicted size of the logits of a ReLU network with N(0, std²) weights.

    Parameters
    ----------
    answer
        ``answer(sizes, std, pixel_size)`` returns the root mean square of the logits, from that of
        the pixels; ReLU follows each layer but the last.
    """
    cases = [([784, 256, 256, 10], 1.0, 0.3), ([784, 100, 10], 0.1, 0.5)]
    cases += [([64, 32, 16, 128, 5], 0.5, 1.0)]
    known = {
        "You forgot ReLU: it sets half of each hidden layer to 0, which halves the mean square.": (
            lambda *case: logit_size(*case, per_relu=1.0)
        ),
        "ReLU halves the mean square; the root mean square loses a factor √2, not 2.": (
            lambda *case: logit_size(*case, per_relu=0.5)
        ),
        "You counted a ReLU after the last layer, too: the logits have none.": (
            lambda *case: logit_size(*case) * math.sqrt(0.5)
        ),
        "You multiplied by fan_in; random signs cancel, and a sum of n grows as √n only.": (
            lambda sizes, std, pixels: logit_size([n**2 for n in sizes], std, pixels)
        ),
        "You used fan_out: a unit adds up its inputs, so fan_in decides.": (
            lambda sizes, std, pixels: logit_size(sizes[1:] + [0], std, pixels)
        ),
        "That is the mean square; asked is its root.": lambda *case: logit_size(*case) ** 2,
        "You forgot how large the pixels are.": lambda *case: logit_size(*case) / case[2],
    }
    hint = (
        "Each layer multiplies by √fan_in · std, and each ReLU takes a factor √2 away; begin with "
        "the size of the pixels."
    )
    report("Exercise 3", lambda: judge(answer, cases, logit_size, known, hint))


def logit_size(
    sizes: Sequence[int], std: float, pixel_size: float, per_relu: float = math.sqrt(0.5)
) -> float:
    """Return the predicted root mean square of the logits: the gains and the ReLUs multiplied."""
    gains = math.prod(math.sqrt(fan_in) * std for fan_in in sizes[:-1])
    return pixel_size * gains * per_relu ** (len(sizes) - 2)


EXERCISES = (check_steps_to, check_paired_interval, check_logit_size)
