"""Hand an answer from the process that ran the notebook to the one that judges it, as a file.

Functions and classes of the notebook travel as they are (cloudpickle), tensors that share memory
still do afterwards (``torch.save``). The course's images do not travel: both processes have them.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from functools import cache
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import cloudpickle
import torch

from course_utils import load_mnist
from course_utils.data import ImageData


@cache
def course_images(name: str) -> ImageData:
    """Return the images that a notebook has loaded: the embedded digits, or those of everyone."""
    return load_mnist("digits" if name == "digits" else None, log=None)


class _Pickler(cloudpickle.Pickler):
    """Writes down functions and classes, and of the images only their name."""

    def reducer_override(self, value: Any) -> Any:
        if isinstance(value, ImageData):
            return course_images, (value.name,)
        return super().reducer_override(value)


def save(path: Path, answer: Any) -> None:
    """Write an answer; what stood there before is replaced only by a whole one.

    Raises
    ------
    Exception
        Whatever its parts raise if they cannot be written down, such as an open file.
    """
    part = path.with_suffix(".part")
    torch.save(answer, part, pickle_module=SimpleNamespace(Pickler=_Pickler, __name__="pickle"))
    os.replace(part, path)


def load(path: str) -> Any:
    """Read an answer. That runs code of whoever wrote it."""
    return torch.load(path, weights_only=False)


def attempt_at(
    module: ModuleType, check: Callable[..., None], given: tuple, options: dict
) -> tuple[int, Callable[[], str | None]]:
    """Call a checker, but take away what it wants to judge and report.

    Returns
    -------
    The number of the exercise (0 if it has none), and the attempt: see `judging.report`.

    Raises
    ------
    TypeError
        If the checker takes other arguments.
    """
    taken: list[tuple[str, Callable[[], str | None]]] = []
    report, module.report = module.report, lambda *parts: taken.append(parts)
    try:
        check(*given, **options)
    finally:
        module.report = report
    (name, attempt) = taken[-1]
    number = re.fullmatch(r"Exercise (\d{1,3})", name)
    return int(number[1]) if number else 0, attempt
