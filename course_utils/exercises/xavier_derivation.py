"""Checkers of notebook 05: the gain of sin, Xavier's std of a convolution, three wrong lines."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from course_utils.exercises.judging import (
    NotAttempted,
    attempted,
    judge,
    judge_number,
    report,
)
from course_utils.exercises.reading import is_open, read_whole, shown

SIN_SQUARED = (1 - math.exp(-2)) / 2  # E[sin² z] for z ~ N(0, 1)


def check_sin_gain(answer: float) -> None:
    """Check the sigma_w that keeps the pre-activations' mean square at 1 for φ = sin.

    Parameters
    ----------
    answer
        The gain 1/√E[sin² z] = √(2 / (1 − e⁻²)), z ~ N(0, 1); 1 % is allowed for an estimate.
    """
    known = {
        "1 is the slope of sin at 0, the critical gain: it keeps only signals so small that sin z "
        "is z. At mean square 1 every sin takes something off.": 1.0,
        "That is σ_w², the factor on the mean square: 1/E[sin²]. The gain σ_w is its root.": (
            1 / SIN_SQUARED
        ),
        "That is E[sin²], what sin leaves of a mean square of 1. The gain has to make up for it.": (
            SIN_SQUARED
        ),
        "That is the root mean square of sin z, what sin leaves. The gain has to make up for it: "
        "take the reciprocal.": math.sqrt(SIN_SQUARED),
        "That is the gain of tanh that keeps a mean square of 1. sin z bends less than tanh z at "
        "small z and turns back at large z: average sin² itself.": 1.5925,
        "5/3 is PyTorch's gain for tanh. Every activation has its own: average sin².": 5 / 3,
        "That is the backward gain, 1/√E[cos²], which keeps the gradient. Asked is the signal: the "
        "next layer adds up sin z, not its slope.": math.sqrt(2 / (1 + math.exp(-2))),
        "You took 1/2 for E[sin²]. That is the mean over whole turns, all angles alike; a bell "
        "curve prefers small angles.": math.sqrt(2),
        "Nearly: in sin² z = (1 − cos 2z)/2 the cosine has twice the frequency, and E[cos kz] is "
        "exp(−k²/2), with k squared.": math.sqrt(2 / (1 - math.exp(-1))),
    }
    hint = (
        "The gain is 1/√E[sin² z], z ~ N(0, 1). Write sin² z as (1 − cos 2z)/2, or average over "
        "many draws of z."
    )
    report("Exercise 1", lambda: judge_number(answer, SIN_SQUARED**-0.5, known, hint))


def check_conv_std(answer: Callable[[int, int, int], float]) -> None:
    """Check Xavier's std of a square convolution: √(2 / ((in + out) · k²)).

    Parameters
    ----------
    answer
        ``answer(in_channels, out_channels, kernel_size)`` returns the std of the weights.
    """
    layers = [(3, 16, 5), (64, 32, 3), (8, 8, 7)]
    known: Mapping[str, Callable[[int, int, int], float]] = {
        "That is the variance. Its square root is the std.": lambda i, o, k: 2 / ((i + o) * k**2),
        "You forgot the kernel: one output adds up k² pixels of every input channel.": (
            lambda i, o, k: math.sqrt(2 / (i + o))
        ),
        "The kernel is square: it covers k² pixels, not k.": (
            lambda i, o, k: math.sqrt(2 / ((i + o) * k))
        ),
        "That is He's std, made for ReLU and for one direction; Xavier takes both fans into "
        "account.": lambda i, o, k: math.sqrt(2 / (i * k**2)),
        "That keeps the signal alone (fan_in only, LeCun's std). Xavier's compromise needs fan_out "
        "too.": lambda i, o, k: 1 / math.sqrt(i * k**2),
        "That keeps the gradient alone (fan_out only). Xavier's compromise needs fan_in too.": (
            lambda i, o, k: 1 / math.sqrt(o * k**2)
        ),
        "Only fan_in got its k². On the way back, too, a pixel hears from k² positions of every "
        "output channel.": lambda i, o, k: math.sqrt(2 / (i * k**2 + o)),
        "You lost the 2: the compromise divides by the mean of the two fans, not by their sum.": (
            lambda i, o, k: 1 / math.sqrt((i + o) * k**2)
        ),
        "That is the bound a of the uniform draw U(−a, a). Its std is a/√3.": (
            lambda i, o, k: math.sqrt(6 / ((i + o) * k**2))
        ),
        "That takes the geometric mean of the two fans. A sound idea, but not Xavier's, who takes "
        "the arithmetic one.": lambda i, o, k: 1 / math.sqrt(math.sqrt(i * o) * k**2),
    }

    def right(in_channels: int, out_channels: int, kernel_size: int) -> float:
        return math.sqrt(2 / ((in_channels + out_channels) * kernel_size**2))

    hint = "Count: how many numbers does one output add up? In how many outputs is one input used?"
    report("Exercise 2", lambda: judge(answer, layers, right, known, hint))


WRONG = {"A": 3, "B": 2, "C": 3}

# Why each of the other lines is right.
RIGHT_LINES = {
    "A": {
        1: "it says what h is, and symmetry is no leap: with weights as often negative as positive "
        "u is as likely as −u.",
        2: "u² is spread evenly over both signs of u, and h keeps the positive side, so E[h²] is "
        "half of E[u²].",
        4: "with weights of mean 0 the variance of the sum needs the mean square of h, whatever "
        "the mean of h is.",
        5: "it builds on line 2, and E[u²] is Var(u) since u has mean 0. He's result is true; one "
        "line above is not, and nothing rests on it.",
    },
    "B": {
        1: "it is what Xavier wants of the variance.",
        3: "setting the two variances equal is the way. But are both of them right?",
        4: "it solves line 3 without a mistake. The mistake was in what it was given.",
    },
    "C": {
        1: "it only says what a layer computes.",
        2: "h_j acts on the loss through every z_i, so the chain rule adds up all i.",
        4: "it is the step of the forward half once more, with the gradients in the place of the "
        "inputs.",
        5: "one over the number of terms does keep the variance. But how many terms are there?",
    },
}


def check_wrong_steps(answer: Mapping[str, int]) -> None:
    """Check which line is the wrong one in each of three printed derivations.

    Parameters
    ----------
    answer
        For each of the letters A, B and C the number of the line. A letter whose value is still
        ``...`` is left open; the others are judged.
    """

    def attempt() -> str | None:
        if not isinstance(attempted(answer), Mapping) or set(answer) != set(WRONG):
            return 'Answer with a dict of the three letters: {"A": line, "B": line, "C": line}.'
        given = {letter: answer[letter] for letter in WRONG}
        open_letters = [x for x in given if is_open(given[x])]
        if len(open_letters) == len(WRONG):
            raise NotAttempted
        for letter in (x for x in given if x not in open_letters):
            problem = _problem(letter, given[letter])
            if problem:
                return problem
        if open_letters:
            found = " and ".join(x for x in given if x not in open_letters)
            return f"Right so far: {found}. Still open: {' and '.join(open_letters)}."
        return None

    report("Exercise 3", attempt)


def _problem(letter: str, line: Any) -> str | None:
    """Say why ``line`` is not the wrong one of a derivation; None if it is."""
    last, number = max(WRONG[letter], *RIGHT_LINES[letter]), read_whole(line)
    if number not in range(1, last + 1):
        return f"Derivation {letter} has the lines 1 to {last}; your answer is {shown(line)}."
    if number == WRONG[letter]:
        return None
    return f"{letter}, line {number}, is right: {RIGHT_LINES[letter][number]}"


EXERCISES = (check_sin_gain, check_conv_std, check_wrong_steps)
