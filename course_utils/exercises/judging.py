"""What all checkers share: calling an answer, knowing a mistake by its value, the line printed."""

from __future__ import annotations

import copy
import dis
import math
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn

from course_utils.exercises.reading import is_open, read_number, shown
from course_utils.networks import ordinary_torch
from course_utils.terminal import say
from course_utils.training import interrupts_passed_on

CORRECT, WRONG, OPEN = "correct", "not yet", "not attempted"

Formulas = Callable[..., Any] | tuple[Callable[..., Any], ...]
"""What one mistake leads to: a function of a case, or several where it can be made in many ways."""

LIBRARIES = ("torch", "numpy", "scipy", "sympy", "pandas")
"""Their ``raise NotImplementedError`` is no stub of a learner's."""

_solved: dict[str, set[str]] = {}
"""Module of checkers → its exercises whose newest judgement in this Python was "correct"."""


def close(given: Sequence[float], wanted: Sequence[float]) -> bool:
    """Say whether two lists agree, number by number, within 1 %."""
    return all(math.isclose(a, b, rel_tol=0.01) for a, b in zip(given, wanted, strict=True))


def no_function(answer: Any) -> str | None:
    """Return words for an answer that cannot be called; NotAttempted if it is still a stub."""
    if callable(attempted(answer)):
        return None
    return f"Hand over the function itself, not {shown(answer)}."


def answers(answer: Callable[..., Any], cases: Sequence[tuple]) -> list:
    """Return what a learner's function returns for each case, called with copies of the arguments.

    Raises
    ------
    NotAttempted
        If all that it returns is still ``...`` or ``None``.
    """
    given = [answer(*copy.deepcopy(case)) for case in cases]
    if all(map(is_open, given)):
        raise NotAttempted
    return given


def judge(
    answer: Callable[..., Any],
    cases: Sequence[tuple],
    right: Callable[..., float],
    known: Mapping[str, Formulas],
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
        For each common mistake the words that explain it, and the formula it leads to, or several.
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
    given = answers(answer, cases)
    numbers = [read_number(value) for value in given]
    if None in numbers:
        i = numbers.index(None)
        where = ", ".join(map(shown, cases[i]))
        return f"The answer is one finite number, but for {where} yours is {shown(given[i])}."
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
    number = read_number(attempted(answer))
    if number is None:
        return f"The answer is one finite number, but yours is {shown(answer)}."
    if close([number], [right]):
        return None
    formulas = {words: lambda value=value: value for words, value in known.items()}
    return explanation([number], [()], formulas) or hint


def explanation(
    given: list,
    cases: Sequence[tuple],
    known: Mapping[str, Formulas],
    same: Callable[[list, list], bool] = close,
) -> str | None:
    """Return the words of the first known mistake that leads to what was given, or None.

    ``given`` holds one value a case; ``same`` compares two such lists, by default with `close`.
    """
    for words, formulas in known.items():
        for formula in formulas if isinstance(formulas, tuple) else (formulas,):
            if same(given, [formula(*case) for case in cases]):
                return words
    return None


def layers_until(share: float, factor: float) -> int:
    """Return the first whole number n with factorⁿ < share, for a factor below 1 (else -1)."""
    return math.floor(math.log(share) / math.log(factor)) + 1 if 0 < factor < 1 else -1


def initialization_problem(initialize: Any, network: nn.Module) -> str | None:
    """Let a learner initialize a network, and say what else was changed than its numbers.

    Parameters
    ----------
    initialize
        The learner's ``initialize(network, generator)``, which changes weights and biases in place.
        It may draw from torch's global generator too, which is seeded here.
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
    tampered, parameters = tampering(network), list(network.parameters())
    before = [p.detach().clone() for p in parameters]
    torch.default_generator.manual_seed(0)
    given = initialize(network, torch.Generator().manual_seed(0))
    if words := tampered(given):
        return words
    if not all(p.isfinite().all() for p in parameters):
        return "Some weights are not finite numbers."
    if all(map(torch.equal, before, parameters)):
        raise NotAttempted
    return None


def tampering(network: nn.Module, *, in_place: bool = True) -> Callable[[Any], str | None]:
    """Remember a network that a learner will be given, to find later what may not be changed.

    Returns
    -------
    A function of what the learner's function has returned: words if the network has other modules
    or hooks than now, or, with ``in_place``, other parameters or some that share their memory;
    otherwise None.
    """
    plan, parameters = _plan(network), list(network.parameters())

    def tampered(returned: Any) -> str | None:
        if _plan(network) != plan or isinstance(returned, nn.Module) and returned is not network:
            return "The network has been rebuilt: only its numbers may change, not its layers."
        kept = zip(parameters, network.parameters(), strict=True)
        memory = {p.untyped_storage().data_ptr() for p in parameters}
        same = all(a is b and b.requires_grad for a, b in kept) and len(memory) == len(parameters)
        if in_place and not same:
            return "Change the weights in place, layer.weight for each layer, and leave all else."
        if _hooked(network):
            return "Leave hooks out of it: change the weights in place, and leave all else."
        return None

    return tampered


def _plan(network: nn.Module) -> tuple:
    """Return what may not change: the modules, their order, and what holds their numbers."""
    tensors = [(name, p.shape, p.dtype) for name, p in network.named_parameters()]
    return repr(network), tensors, [type(module).forward for module in network.modules()]


def _hooked(network: nn.Module) -> bool:
    kinds = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")
    kinds += ("_post_accumulate_grad_hooks",)  # of a parameter
    holders = [*network.modules(), *network.parameters()]
    if any(getattr(holder, kind, None) for holder in holders for kind in kinds):
        return True
    return any("forward" in vars(module) for module in network.modules())


def report(exercise: str, attempt: Callable[[], str | None]) -> None:
    """Judge one exercise and print one line: correct, not attempted yet, or what is wrong.

    Behind "correct" stands how many exercises of the notebook are solved in this Python. Of each
    exercise the newest judgement counts.

    Parameters
    ----------
    exercise
        The name that the line begins with, such as ``"Exercise 1"``.
    attempt
        What `judgement` runs. How many exercises there are says ``EXERCISES`` of the module that
        defines it.

    Raises
    ------
    KeyboardInterrupt
        If the learner interrupts the check, so that no further cell is run; the line says that
        nothing was judged. A training that is interrupted ends the check, too.
    """
    try:
        result, sentence = judgement(attempt)
    except KeyboardInterrupt:
        say(f"{exercise}: interrupted, so nothing was judged. Run the cell again.")
        raise
    solved = _solved.setdefault(attempt.__module__, set())
    (solved.add if result == CORRECT else solved.discard)(exercise)
    if result == CORRECT:
        checkers = getattr(sys.modules.get(attempt.__module__), "EXERCISES", ())
        count = f" ({len(solved)} of {len(checkers)} solved)" if checkers else ""
        say(f"{exercise}: correct{count}")
    elif result == OPEN:
        say(f"{exercise}: not attempted yet")
    else:
        say(f"{exercise}: not yet. {sentence}")


def judgement(attempt: Callable[[], str | None]) -> tuple[str, str]:
    """Run one exercise's check; return `CORRECT`, `WRONG` or `OPEN`, and a sentence if it is wrong.

    Whatever the learner has switched, torch is in its ordinary state meanwhile: gradients are
    recorded, new tensors are float32 on the CPU, and the global generator begins at one seed.
    Afterwards all that is as it was before.

    Parameters
    ----------
    attempt
        Returns ``None`` when the answer is right, a sentence when it is wrong, and raises
        :class:`NotAttempted` (or lets the ``NotImplementedError`` through that the learner's own
        ``raise`` made) for a stub. Any other exception is told in words, not as a traceback.

    Raises
    ------
    KeyboardInterrupt
        If the learner interrupts the check.
    """
    try:
        with _ordinary_state(), interrupts_passed_on():
            problem = attempt()
    except NotAttempted:
        return OPEN, ""
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # SystemExit is none of Exception
        if _is_stub(error):
            return OPEN, ""
        problem = f"your code stopped with {words_of(error)}"
    return (CORRECT, "") if problem is None else (WRONG, problem)


def _is_stub(error: BaseException) -> bool:
    """Say whether it is a NotImplementedError that a ``raise`` of the learner's own has raised.

    What torch does not implement it refuses with the same kind of error: from inside, where the
    line that was run last is a call and no ``raise``, or in a file of its own.
    """
    end = error.__traceback__
    if not isinstance(error, NotImplementedError) or end is None:
        return False
    while end.tb_next is not None:
        end = end.tb_next
    code, home = end.tb_frame.f_code.co_code, str(end.tb_frame.f_globals.get("__name__"))
    is_raise = dis.opname[code[end.tb_lasti]] == "RAISE_VARARGS"
    return is_raise and home.partition(".")[0] not in LIBRARIES


def words_of(error: BaseException) -> str:
    """Return an exception's kind and words on one line; the kind alone if it has no words."""
    try:
        words = " ".join(str(error).split())
    except BaseException:  # its words are the learner's code, too
        words = ""
    return f"{type(error).__name__}: {words}" if words else type(error).__name__


@contextmanager
def _ordinary_state() -> Iterator[None]:
    """Compute as in a fresh Python, with a seeded generator; then put everything back."""
    with ordinary_torch(), torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(0)
        yield


class NotAttempted(Exception):
    """Raised by a checker when the learner has not replaced the ``...`` of a stub."""


def attempted(answer: Any) -> Any:
    """Return ``answer``, or raise :class:`NotAttempted` if it is still ``...`` or ``None``."""
    if is_open(answer):
        raise NotAttempted
    return answer
