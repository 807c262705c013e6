"""What every checker that asks for a function answers, whatever the exercise."""

import inspect
import pkgutil
import re
from importlib import import_module

import pytest
import torch
from helpers.answers import (
    SOLUTIONS,
    crash,
    leave,
    run_solutions,
    said,
    stub,
    torch_state,
)

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


@every_checker
def test_an_answer_that_ends_python_is_told_and_ends_nothing(check, capsys):
    assert said(capsys, check, leave).endswith(": not yet. your code stopped with SystemExit")


@pytest.mark.parametrize("notebook", SOLUTIONS, ids=lambda path: path.stem)
def test_the_solutions_are_right_in_a_strange_state_of_torch(notebook, monkeypatch, capsys):
    monkeypatch.setenv("COURSE_DATA", "digits")
    with torch_state("no gradients, float64"):
        run_solutions(notebook)
    verdicts = re.findall(r"^(Exercise \d): (.*)$", capsys.readouterr().out, re.MULTILINE)
    assert len(verdicts) >= 2 and {words for _, words in verdicts} == {"correct"}


@every_checker
@pytest.mark.parametrize("state", ["no gradients, float64"])
def test_a_wrong_answer_is_wrong_in_every_state_of_torch(check, state, capsys):
    def wrong(*arguments, **options):
        return torch.tensor(0.5)

    lines = []
    for name in ("ordinary", state):
        with torch_state(name):
            lines.append(said(capsys, check, wrong))
    assert lines[0] == lines[1] and ": not yet. " in lines[0]


@every_checker
def test_an_answer_that_switches_torch_for_itself_leaves_no_trace(check, capsys):
    def switching(*arguments, **options):
        torch.set_grad_enabled(False)
        torch.set_default_dtype(torch.float64)
        torch.rand(3)

    state = torch.get_rng_state()
    with torch_state("ordinary"):
        check(switching)
        assert torch.equal(torch.get_rng_state(), state)
