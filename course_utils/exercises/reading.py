"""Read what a learner hands over: numbers, sets, shapes and arrays of any library, or None.

Each function returns the plain Python value, or None if the answer is of another kind: so a checker
says in words what is wanted and, with `shown`, what was given.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Set
from itertools import islice
from typing import Any

import numpy as np
import torch
from torch import Tensor

LONGEST = 10_000  # elements of a list; an endless generator is none


def is_open(value: Any) -> bool:
    """Say whether ``value`` is still what a stub holds or returns."""
    return value is None or value is Ellipsis


def read_number(value: Any, *, infinite: bool = False, nan: float | None = None) -> float | None:
    """Return one number as a float: of Python, NumPy, SymPy, or of a tensor or array of one.

    Truth values and words are no numbers, nor is nan, except where ``nan`` says what it stands
    for; ``infinite`` says whether inf is a number.
    """
    value = _element(value)
    if isinstance(value, bool | np.bool_ | str | bytes | bytearray):
        return None
    try:
        number = float(value)
    except Exception:  # whatever a foreign object raises, it is no number
        return None
    if math.isnan(number):
        return nan
    return number if infinite or math.isfinite(number) else None


def read_whole(value: Any) -> int | None:
    """Return one whole number; 3.0 is one, 3.5 and True are not."""
    number = read_number(value)
    return int(number) if number is not None and number.is_integer() else None


def read_truth(value: Any) -> bool | None:
    """Return one truth value: of Python, NumPy, or of a tensor or array of one."""
    value = _element(value)
    return bool(value) if isinstance(value, bool | np.bool_) else None


def read_list(value: Any) -> list | None:
    """Return the elements of anything with an order: a list, a tuple, an array, a generator."""
    return None if isinstance(value, Set | Mapping) else _elements(value)


def read_numbers(value: Any) -> list[float] | None:
    """Return a list of finite numbers, from anything with an order."""
    return _each(read_number, read_list(value))


def read_shape(value: Any) -> tuple[int, ...] | None:
    """Return a shape, such as (3, 2), from anything with an order."""
    sizes = _each(read_whole, read_list(value))
    return None if sizes is None else tuple(sizes)


def read_set(value: Any) -> set[int] | None:
    """Return a set of whole numbers, from anything that lists them, in whatever order.

    A dict of truth values is none: its keys may be all numbers, and not those that are meant.
    """
    if isinstance(value, Mapping) and any(read_truth(v) is not None for v in value.values()):
        return None
    numbers = _each(read_whole, _elements(value))
    return None if numbers is None else set(numbers)


def read_tensor(value: Any) -> Tensor | None:
    """Return real numbers as a float64 tensor without gradient: of a tensor, an array, of lists."""
    try:
        value = _array(value)
        if isinstance(value, np.ndarray) and value.dtype.kind in "iuf":
            value = torch.from_numpy(value.astype(np.float64))
        if isinstance(value, Tensor):
            real = not (value.is_complex() or value.dtype == torch.bool)
            return value.detach().to("cpu", torch.float64) if real else None
        if (rows := read_list(value)) is not None:
            return torch.stack([read_tensor(row) for row in rows])
        return torch.tensor(read_number(value), dtype=torch.float64)
    except Exception:  # rows of different lengths, and what is no number
        return None


def _array(value: Any) -> Any:
    """Return a table of pandas, or of its kind, as an array; any other value as it is.

    Who goes through a table gets the names of its columns.
    """
    to_numpy = getattr(value, "to_numpy", None)
    return value if to_numpy is None or isinstance(value, type) else to_numpy()


def _element(value: Any) -> Any:
    """Return what a tensor or an array of one element holds; any other value as it is."""
    try:
        value = value.detach() if isinstance(value, Tensor) else _array(value)
        one = isinstance(value, Tensor) and value.numel() == 1 or getattr(value, "size", 0) == 1
        return value.item() if one else value
    except Exception:
        return value


def _elements(value: Any) -> list | None:
    """Return the elements of anything that can be gone through, words excepted."""
    if isinstance(value, str | bytes | bytearray):
        return None
    try:
        elements = list(islice(iter(_array(value)), LONGEST + 1))
    except TypeError:
        return None
    return elements if len(elements) <= LONGEST else None


def _each(read: Any, values: list | None) -> list | None:
    found = None if values is None else [read(value) for value in values]
    return None if found is None or None in found else found


def shown(value: Any) -> str:
    """Return ``value`` as a few words on one line; of an array the kind and the shape."""
    try:
        if getattr(value, "shape", ()):
            return f"a {type(value).__name__} of shape {tuple(value.shape)}"
        if callable(value):
            return "a function"
        text = " ".join(repr(value).split())
    except Exception:  # of a foreign object that cannot say what it is
        return f"something of the type {type(value).__name__}"
    return text if len(text) <= 40 else f"{text[:40]}…"
