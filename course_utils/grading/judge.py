"""The judge's process: call the course's checkers on the answers of one notebook.

It never ran the notebook, and is a fresh one for each. What an answer might reach for is taken
hold of before the first answer is loaded, and looked at after each: see `tampering`.
"""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable
from importlib import import_module
from typing import Any

import torch
from tqdm import tqdm

from course_utils.exercises.judging import CORRECT, WRONG, judgement, words_of
from course_utils.grading import handover
from course_utils.grading.child import limit_memory
from course_utils.grading.tampering import Watch

TAMPERED, STOPPED = "tampered", "stopped"


def main(settings: dict, tell: Callable[..., None]) -> None:
    """Judge one answer after the other; tell when each begins, and the verdict.

    Parameters
    ----------
    settings
        ``notebook``, the name of the module of its checkers; ``answers``, number of the exercise
        and file of each; ``memory``, bytes; ``nonce``, a word that no answer is given, with which
        each message is signed.
    tell
        Sends a message home.
    """
    judged, leave, nonce = judge_of(settings["notebook"]), os._exit, settings["nonce"]
    limit_memory(settings["memory"])
    tell(nonce=nonce, ready=True)
    for exercise, path in settings["answers"]:
        tell(nonce=nonce, exercise=exercise, state="begun")
        result, sentence = judged(exercise, path)
        tell(nonce=nonce, exercise=exercise, state="ended", result=result, sentence=sentence)
        if result == TAMPERED:
            leave(0)  # nothing here can be trusted any more
    tell(nonce=nonce, end=True)
    leave(0)


def judge_of(notebook: str) -> Callable[[int, str], tuple[str, str]]:
    """Return the judge of a notebook's answers: ``judge(exercise, path)``, result and sentence.

    All that it needs it holds itself: an answer that replaces a function of the package replaces
    none of these.
    """
    module = import_module(f"course_utils.exercises.{notebook}")
    checkers = {check.__name__: check for check in module.EXERCISES}
    load, attempt_at, judgement_of, told = handover.load, handover.attempt_at, judgement, words_of
    tqdm.monitor_interval = 0  # no thread beside ours
    for check in checkers.values():
        accepted_nonsense(module, check)  # so that all that loads late is loaded
    watch, base, nonsense, kind = Watch(), BaseException, accepted_nonsense, type

    def judge(exercise: int, path: str) -> tuple[str, str]:
        try:
            with watch.looking():
                name, given, options = load(path)
                check = checkers[name]
                given = tuple(watch.guarded(value) for value in given)
                options = {key: watch.guarded(value) for key, value in options.items()}
                number, attempt = attempt_at(module, check, given, options)
                result, sentence = judgement_of(attempt)
        except base as error:
            result, sentence = WRONG, f"the answer could not be taken over: {told(error)}"
            number = exercise
        if number != exercise:
            return TAMPERED, "it hands over the answer of another exercise."
        if words := watch.thorough():
            return TAMPERED, f"{words}."
        if result == CORRECT and nonsense(module, check):
            return TAMPERED, "behind it the checker calls nonsense correct."
        return (result, sentence) if kind(sentence) is str else (STOPPED, "")

    return judge


def accepted_nonsense(module: Any, check: Callable[..., None]) -> bool:
    """Say whether a checker takes for correct what cannot be: stubs, objects, a constant."""
    names = inspect.signature(check).parameters

    def constant(*given: Any, **options: Any) -> Any:
        return torch.tensor(0.123)

    for value in (..., object(), constant, 0.123):
        answer = tuple(value if name != "number" else 1 for name in names)
        _, attempt = handover.attempt_at(module, check, answer, {})
        if judgement(attempt)[0] == CORRECT:
            return True
    return False
