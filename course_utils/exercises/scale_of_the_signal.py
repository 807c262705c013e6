"""Checkers of notebook 02: the std that keeps a signal, how fast one dies, bound and std."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch

from course_utils.checks import attempted, report


def check_keeping_std(answer: Callable[[int, int], float]) -> None:
    """Check the std with which a linear layer keeps the size of its signal: 1 / √fan_in.

    Parameters
    ----------
    answer
        ``answer(fan_in, fan_out)`` returns the std of the weights.
    """
    layers = [(100, 400), (784, 256), (64, 64)]
    known = {
        "That is the variance that keeps the signal; its square root is the std.": (
            lambda fan_in, fan_out: 1 / fan_in
        ),
        "You counted the outputs: one output is a sum over the inputs, so fan_in decides.": (
            lambda fan_in, fan_out: 1 / math.sqrt(fan_out)
        ),
        "That is the compromise of Xavier between forward and backward; here only the way forward "
        "counts.": lambda fan_in, fan_out: math.sqrt(2 / (fan_in + fan_out)),
        "That is He's std, made for ReLU, which throws half of the signal away; a linear layer "
        "throws nothing away.": lambda fan_in, fan_out: math.sqrt(2 / fan_in),
    }

    def attempt() -> str | None:
        given = _numbers(answer, layers)
        if _close(given, [1 / math.sqrt(fan_in) for fan_in, _ in layers]):
            return None
        for words, formula in known.items():
            if _close(given, [formula(*layer) for layer in layers]):
                return words
        return "Set the gain √fan_in · std to 1 and solve for std."

    report("Exercise 1", attempt)


def check_layers_until_lost(answer: Callable[[int, float], int]) -> None:
    """Check after how many linear layers less than 1 % of the signal's std is left.

    Parameters
    ----------
    answer
        ``answer(width, std)`` returns the number of layers, where the gain √width · std is below 1.
    """
    settings = [(256, 0.01), (256, 0.03), (400, 0.04), (100, 0.05), (256, 0.06)]
    known = {
        "You multiplied by std alone: a layer's gain is √width · std.": (
            lambda width, std: _first_below(0.01, std)
        ),
        "That is when the variance falls below 1 %; asked is the std, the root of it.": (
            lambda width, std: _first_below(0.01, width * std**2)
        ),
        "One layer too few: there 1 % or more is still left. Round up, to the first layer below.": (
            lambda width, std: _first_below(0.01, math.sqrt(width) * std) - 1
        ),
    }

    def attempt() -> str | None:
        given = _numbers(answer, settings)
        if given == [_first_below(0.01, math.sqrt(width) * std) for width, std in settings]:
            return None
        for words, formula in known.items():
            if given == [formula(*setting) for setting in settings]:
                return words
        if any(number != round(number) for number in given):
            return "Layers come whole: return the first whole number with less than 1 % left."
        return "After n layers gainⁿ is left: which is the first n with gainⁿ < 0.01?"

    report("Exercise 2", attempt)


def check_uniform_bound(answer: Callable[[float], float]) -> None:
    """Check the bound a with which U(−a, a) has the std asked for: √3 · std.

    Parameters
    ----------
    answer
        ``answer(std)`` returns the bound.
    """
    stds = [0.05, 1.0, 2.0]
    known = {
        "Then all numbers lie within one std of zero, and their std is smaller than asked: √3 "
        "times.": lambda std: std,
        "About two std hold nearly all of a bell curve, but a uniform draw is no bell: integrate "
        "u² over it.": lambda std: 2 * std,
        "√12 · std is the width of the whole interval; from −a to a it is 2a wide.": (
            lambda std: math.sqrt(12) * std
        ),
        "That bound is right for the variance std; asked is the standard deviation std.": (
            lambda std: math.sqrt(3 * std)
        ),
    }

    def attempt() -> str | None:
        given = _numbers(answer, [(std,) for std in stds])
        if _close(given, [math.sqrt(3) * std for std in stds]):
            return None
        for words, formula in known.items():
            if _close(given, [formula(std) for std in stds]):
                return words
        return "The variance of U(−a, a) is a²/3: set it to std² and solve for a."

    report("Exercise 3", attempt)


def check_tanh_std(answer: float) -> None:
    """Check a std that leaves 30 tanh layers of 256 units at a std between 0.45 and 0.55.

    Parameters
    ----------
    answer
        The std of all weights; it is tried on unit Gaussian noise.
    """

    def attempt() -> str | None:
        std = float(attempted(answer))
        if not (math.isfinite(std) and std > 0):
            return "A std is a positive number."
        left = tanh_stack_std(std)
        if 0.45 <= left <= 0.55:
            return None
        if math.isclose(std, 1 / 256, rel_tol=0.02):
            return "That is 1/256, a variance; the signal dies. Its square root is where to begin."
        if math.isclose(std, 1 / 16, rel_tol=0.02):
            return (
                "1/√256 keeps a linear signal, but every tanh shrinks it a little: too little is "
                "left. Make up for it."
            )
        if math.isclose(std, 5 / 3 / 16, rel_tol=0.02):
            return "That is PyTorch's recommended gain for tanh, 5/3: it keeps more than asked."
        if left > 0.9:
            return "The units saturate at ±1: far too large."
        return (
            f"The last layer's std is too {'small: raise' if left < 0.45 else 'large: lower'} it."
        )

    report("Exercise 4", attempt)


def tanh_stack_std(std: float, *, depth: int = 30, width: int = 256) -> float:
    """Return the std of the last of ``depth`` tanh layers that are fed unit Gaussian noise."""
    generator = torch.Generator().manual_seed(2)
    h = torch.randn(256, width, generator=generator)  # (batch, width)
    for _ in range(depth):
        h = torch.tanh(h @ torch.randn(width, width, generator=generator).mul_(std).T)
    return h.std().item()


def _first_below(share: float, gain: float) -> int:
    """Return the first whole number n with gainⁿ < share, for a gain below 1 (else -1)."""
    return math.floor(math.log(share) / math.log(gain)) + 1 if 0 < gain < 1 else -1


def _numbers(answer: Callable, arguments: Sequence[tuple]) -> list[float]:
    """Call the learner's function once for each tuple of arguments."""
    return [float(attempted(answer(*values))) for values in arguments]


def _close(given: Sequence[float], wanted: Sequence[float]) -> bool:
    return all(math.isclose(a, b, rel_tol=0.01) for a, b in zip(given, wanted, strict=True))
