"""Values from anywhere: numbers however they are written, choices, and corrections in words."""

from __future__ import annotations

import math
import re
import reprlib
from collections.abc import Collection, Mapping, Sequence, Set
from typing import Any


def read_number(value) -> float:
    """Return the real number that ``value`` is or spells; nan if it is none, whatever it is.

    An array or tensor of one number is that number. A truth value is none. Text may have a comma
    for its point, ``"0,1"``, but not where a comma may part thousands: ``"1,000"`` is none.
    """
    try:
        value = _only(value)
        if isinstance(value, bool):
            return math.nan
        if isinstance(value, str):
            value = _with_point(value)
        try:
            return float(value)
        except OverflowError:
            return math.inf if value > 0 else -math.inf
    except Exception:  # of a class of anybody's: it is no number then
        return math.nan


def _with_point(text: str) -> str:
    """Turn a decimal comma into a point; other commas stay, and are refused with the text."""
    decimal = re.fullmatch(r"\s*[+-]?(\d*),(\d+)([eE][+-]?\d+)?\s*", text)
    thousands = decimal and len(decimal[2]) == 3 and decimal[1].strip("0")
    return text.replace(",", ".") if decimal and not thousands else text


def read_choice(value, allowed: Collection) -> Any:
    """Return the one of ``allowed`` that ``value`` equals, else spells; None if there is none.

    Text spells a number, and a name also with other capitals and between blanks.
    """
    for same in (_equal, _spells):
        found = [choice for choice in allowed if same(value, choice)]
        if found:
            return found[0] if len(found) == 1 else None
    return None


def _only(value):
    """Take what an array or a tensor of one element holds out of it."""
    shape = getattr(value, "shape", None)
    return value.item() if isinstance(shape, tuple) and math.prod(shape) == 1 else value


def _equal(value, choice) -> bool:
    try:
        value = _only(value)
        return not isinstance(value, bool) and (value == choice) is True  # of arrays, it is neither
    except Exception:  # of a class of anybody's
        return False


def _spells(value, choice) -> bool:
    try:
        value = _only(value)
        if not isinstance(value, str):
            return False
        if isinstance(choice, str):
            return value.strip().casefold() == choice.casefold()
        return read_number(value) == choice
    except Exception:  # of a class of anybody's
        return False


def corrected_number(value, previous, low: float, high: float, name: str) -> tuple[float, str]:
    """Return ``value`` as a number from ``low`` to ``high``, and a sentence if it was not one."""
    number = read_number(value)
    if math.isnan(number):
        hint = ": write it without the comma" if isinstance(value, str) and "," in value else ""
        return previous, f"{name} must be a number; {brief(value)} was ignored{hint}."
    used = min(max(number, low), high)
    if used != number:
        given = f"{number:g}" if math.isfinite(number) else brief(value)
        return used, f"{name} goes from {low:g} to {high:g}: {given} was changed to {used:g}."
    return used, ""


def corrected_whole(value, previous: int, low: int, high: int, name: str) -> tuple[int, str]:
    """Return ``value`` as a whole number from ``low`` to ``high``, and a sentence if changed."""
    number, note = corrected_number(value, previous, low, high, name)
    if number != int(number):
        note = f"{name} is a whole number: {number:g} was changed to {int(number)}."
    return int(number), note


def corrected_choice(value, previous, allowed: Collection, name: str) -> tuple[Any, str]:
    """Return that of ``allowed`` which equals ``value``, else ``previous`` and a sentence."""
    choice = read_choice(value, allowed)
    if choice is not None:
        return choice, ""
    known = ", ".join(str(choice) for choice in allowed)
    return previous, f"{name} can be {known}; {brief(value)} was ignored."


MOST_LETTERS = 60
"""So much of a value at most is repeated in a sentence."""


class _Brief(reprlib.Repr):
    """Python's own abbreviated ``repr``, which here also writes no long collection or number."""

    def repr1(self, x, level):
        """Write ``x``, which lies ``level`` levels above the deepest that is still written."""
        if isinstance(x, int) and x.bit_length() > 4 * MOST_LETTERS:
            return f"a whole number of about {round(x.bit_length() * math.log10(2)):,} digits"
        if isinstance(x, Mapping | Sequence | Set) and not isinstance(x, str) and len(x) > 6:
            return f"a {type(x).__name__} of {len(x):,}"
        return super().repr1(x, level)


_BRIEF = _Brief()
_BRIEF.maxlevel, _BRIEF.maxstring, _BRIEF.maxother = 3, MOST_LETTERS, MOST_LETTERS


def brief(value) -> str:
    """Return ``repr(value)`` in at most 60 letters, soon; what has none is called by its class."""
    try:
        text = " ".join(_BRIEF.repr(value).split())
    except Exception:  # of a class of anybody's
        text = f"something of the class {type(value).__name__}"
    return text if len(text) <= MOST_LETTERS else f"{text[: MOST_LETTERS - 1]}…"
