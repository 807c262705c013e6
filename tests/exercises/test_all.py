"""What every checker that asks for a function answers, whatever the exercise."""

import inspect
import pkgutil
import re
from importlib import import_module

import pytest
from helpers.answers import crash, said, stub

from course_utils import exercises


def checkers_of_a_function():
    """Return every checker whose one argument is the learner's function."""
    checkers = []
    for notebook in pkgutil.iter_modules(exercises.__path__):
        module = import_module(f"{exercises.__name__}.{notebook.name}")
        for name, check in vars(module).items():
            if name.startswith("check_"):
                kinds = [p.annotation for p in inspect.signature(check).parameters.values()]
                if len(kinds) == 1 and kinds[0].startswith("Callable"):
                    checkers.append(pytest.param(check, id=f"{notebook.name}.{name}"))
    return checkers


every_checker = pytest.mark.parametrize("check", checkers_of_a_function())


def test_the_checkers_are_found():
    assert len(checkers_of_a_function()) >= 26


@every_checker
@pytest.mark.parametrize("answer", [..., None, stub, lambda *arguments, **options: None])
def test_what_is_still_open_is_not_attempted_yet(check, answer, capsys):
    assert re.fullmatch(r"Exercise \d: not attempted yet", said(capsys, check, answer))


@every_checker
def test_a_crash_is_told_in_one_line(check, capsys):
    line = said(capsys, check, crash)
    assert line.startswith("Exercise ")
    assert line.endswith(": not yet. your code stopped with ZeroDivisionError: division by zero")


@every_checker
def test_a_number_in_place_of_the_function_is_refused(check, capsys):
    line = said(capsys, check, 0.5)
    assert line.endswith(": not yet. Hand over the function itself, not 0.5.")
