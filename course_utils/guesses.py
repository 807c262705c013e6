"""Guesses: the reader commits to an answer before the experiment gives it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Real
from typing import Any

from course_utils.terminal import say


@dataclass(frozen=True)
class Guess:
    """What a reader expects, one of several options, or nothing: ``answer`` is then ``None``."""

    answer: str | None
    options: tuple[str, ...]

    def compare(self, measured: Any) -> None:
        """Say how the guess compares with what was measured; say nothing if none was made.

        Parameters
        ----------
        measured
            The option that the experiment found.

        Raises
        ------
        ValueError
            If ``measured`` is none of the options.
        """
        measured = str(measured)
        if measured not in self.options:
            raise ValueError(f"measured must be one of {_listed(self.options)}, got {measured!r}")
        if self.answer is not None:
            right = self.answer == measured
            say(f"{'✓' if right else '×'} You guessed {self.answer}. Measured: {measured}.")


def guess(answer: Any, options: Sequence[Any]) -> Guess:
    """Commit to one of ``options`` before the experiment: replace the ``...`` by it.

    Parameters
    ----------
    answer
        One of the options, or ``...`` for no guess.
    options
        What may be guessed: two or more different texts or numbers.

    Raises
    ------
    ValueError
        If there are fewer than two options, or the answer is none of them.
    """
    texts = tuple(map(str, options)) if not isinstance(options, str) else ()
    if len(set(texts)) < 2 or len(set(texts)) < len(texts):
        raise ValueError(f"options must be two or more different answers, got {options!r}")
    if answer is ... or answer in ("...", "…"):
        return Guess(None, texts)
    if isinstance(answer, Real):  # 1.0 is 1
        answer = next((option for option in options if option == answer), answer)
    if str(answer) not in texts:
        raise ValueError(
            f"the guess must be one of {_listed(texts)}, got {answer!r}: "
            "write one of them in place of the ..., or leave the ... for no guess"
        )
    return Guess(str(answer), texts)


def _listed(options: tuple[str, ...]) -> str:
    return ", ".join(map(repr, options))
