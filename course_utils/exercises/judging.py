"""What all checkers share: reading an answer, knowing a mistake by its value, the line printed."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import nn


def close(given: Sequence[float], wanted: Sequence[float]) -> bool:
    """Say whether two lists agree, number by number, within 1 %."""
    return all(math.isclose(a, b, rel_tol=0.01) for a, b in zip(given, wanted, strict=True))


def no_function(answer: Any) -> str | None:
    """Return words for an answer that cannot be called; NotAttempted if it is still a stub."""
    if callable(attempted(answer)):
        return None
    return f"Hand over the function itself, not {shown(answer)}."


def judge(
    answer: Callable[..., Any],
    cases: Sequence[tuple],
    right: Callable[..., float],
    known: Mapping[str, Callable[..., float]],
    hint: str,
    *,
    whole: bool = False,
) -> str | None:
    """Compare a learner's formula with the right one and with the known wrong ones.

    Parameters
    ----------
    answer
        The learner's function; it returns one number for the arguments of a case.
    cases
        The arguments of each call: enough of them to tell all formulas apart.
    right
        The right formula.
    known
        For each common mistake the words that explain it, and the formula it leads to.
    hint
        The words for any other wrong answer.
    whole
        Whether whole numbers are asked for. They must be exact; other numbers within 1 %.

    Returns
    -------
    None for a right answer, otherwise words for the learner.

    Raises
    ------
    NotAttempted
        If the function, or what it returns, is still ``...`` or ``None``.
    """
    if words := no_function(answer):
        return words
    given = [attempted(answer(*case)) for case in cases]
    for case, value in zip(cases, given, strict=True):
        if not is_number(value):
            where = ", ".join(map(str, case))
            return f"The answer is one finite number, but for {where} yours is {shown(value)}."
    numbers = [float(value) for value in given]
    same = list.__eq__ if whole else close
    if same(numbers, [right(*case) for case in cases]):
        return None
    words = explanation(numbers, cases, known, same)
    if words is None and whole and any(number != round(number) for number in numbers):
        return "The answer is a whole number: return the first one that fulfils the condition."
    return words or hint


def judge_number(answer: Any, right: float, known: Mapping[str, float], hint: str) -> str | None:
    """Compare one number with the right one and the known wrong ones, all within 1 %.

    Like `judge`, for an answer that is a number and not a function.
    """
    if not is_number(attempted(answer)):
        return f"The answer is one finite number, but yours is {shown(answer)}."
    if close([float(answer)], [right]):
        return None
    formulas = {words: lambda number=number: number for words, number in known.items()}
    return explanation([float(answer)], [()], formulas) or hint


def explanation(
    given: list,
    cases: Sequence[tuple],
    known: Mapping[str, Callable[..., Any]],
    same: Callable[[list, list], bool] = close,
) -> str | None:
    """Return the words of the first known mistake that leads to what was given, or None.

    ``given`` holds one value a case; ``same`` compares two such lists, by default with `close`.
    """
    for words, formula in known.items():
        if same(given, [formula(*case) for case in cases]):
            return words
    return None


def is_number(value: Any) -> bool:
    """Say whether ``value`` is one finite number: of Python, NumPy, SymPy or a tensor of one."""
    if isinstance(value, bool | str | bytes):
        return False
    try:
        return math.isfinite(float(value))
    except (TypeError, ValueError, OverflowError, RuntimeError):
        return False


def is_open(value: Any) -> bool:
    """Say whether ``value`` is still what a stub holds or returns."""
    return value is None or value is Ellipsis


def shown(value: Any) -> str:
    """Return ``value`` as a few words on one line; of an array the kind and the shape."""
    if getattr(value, "shape", ()):
        return f"a {type(value).__name__} of shape {tuple(value.shape)}"
    if callable(value):
        return "a function"
    text = " ".join(repr(value).split())
    return text if len(text) <= 40 else f"{text[:40]}…"


def layers_until(share: float, factor: float) -> int:
    """Return the first whole number n with factorⁿ < share, for a factor below 1 (else -1)."""
    return math.floor(math.log(share) / math.log(factor)) + 1 if 0 < factor < 1 else -1


def initialization_problem(initialize: Any, network: nn.Module) -> str | None:
    """Let a learner initialize a network, and say what else was changed than its numbers.

    Parameters
    ----------
    initialize
        The learner's ``initialize(network, generator)``, which changes weights and biases in place.
        It may draw from torch's global state too: that is seeded here, and restored.
    network
        The network that it is given.

    Returns
    -------
    None if the numbers have changed, all are finite, and all else is as it was; otherwise words.

    Raises
    ------
    NotAttempted
        If the function is still ``...`` or ``None``, or has changed nothing.
    """
    if words := no_function(initialize):
        return words
    plan, parameters = _plan(network), list(network.parameters())
    before = [p.detach().clone() for p in parameters]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        given = initialize(network, torch.Generator().manual_seed(0))
    if _plan(network) != plan or (isinstance(given, nn.Module) and given is not network):
        return "The network has been rebuilt: only its numbers may change, not its layers."
    kept = zip(parameters, network.parameters(), strict=True)
    if not all(a is b and b.requires_grad for a, b in kept) or _hooked(network):
        return "Change the weights in place, layer.weight for each layer, and leave all else."
    if not all(p.isfinite().all() for p in parameters):
        return "Some weights are not finite numbers."
    if all(map(torch.equal, before, parameters)):
        raise NotAttempted
    return None


def _plan(network: nn.Module) -> tuple:
    """Return what may not change: the modules, their order, and the shapes of their numbers."""
    shapes = [(name, tuple(p.shape)) for name, p in network.named_parameters()]
    return repr(network), shapes, [type(module).forward for module in network.modules()]


def _hooked(network: nn.Module) -> bool:
    kinds = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks")
    return any(
        getattr(m, kind) or "forward" in vars(m) for m in network.modules() for kind in kinds
    )


def report(exercise: str, attempt: Callable[[], str | None]) -> None:
    """Run one exercise's check and print one line: correct, not attempted yet, or what is wrong.

    Parameters
    ----------
    exercise
        The name that the line begins with, such as ``"Exercise 1"``.
    attempt
        Computes the judgement: returns ``None`` when the answer is right, a sentence when it is
        wrong, and raises :class:`NotAttempted` (or lets the learner's ``NotImplementedError``
        through) for a stub. Any other exception is reported in words, not as a traceback.
    """
    try:
        problem = attempt()
    except (NotAttempted, NotImplementedError):
        print(f"{exercise}: not attempted yet")
        return
    except Exception as error:
        words = " ".join(str(error).split())  # on one line
        problem = f"your code stopped with {type(error).__name__}: {words}"
    print(f"{exercise}: correct" if problem is None else f"{exercise}: not yet. {problem}")


class NotAttempted(Exception):
    """Raised by a checker when the learner has not replaced the ``...`` of a stub."""


def attempted(answer: Any) -> Any:
    """Return ``answer``, or raise :class:`NotAttempted` if it is still ``...`` or ``None``."""
    if answer is None or answer is Ellipsis:
        raise NotAttempted
    return answer
