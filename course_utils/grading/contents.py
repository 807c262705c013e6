"""Say what there is to grade: the exercises of each notebook, and the images."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module

from course_utils import load_mnist
from course_utils.exercises import NOTEBOOKS


def main(settings: dict, tell: Callable[..., None]) -> None:
    """Tell for each notebook the names of its checkers, exercise by exercise, and the data's name.

    The images are loaded once, so that a cache that is empty is filled, where there is a network.
    """
    exercises = {
        name: [
            check.__name__ for check in import_module(f"course_utils.exercises.{name}").EXERCISES
        ]
        for name in NOTEBOOKS
    }
    data = load_mnist(log=None)
    tell(exercises=exercises, data=data.name, words=str(data))
    tell(end=True)
