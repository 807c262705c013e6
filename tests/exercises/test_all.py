"""What every checker that asks for a function answers, whatever the exercise."""

import inspect
import json
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
from helpers.project import ROOT

from course_utils import exercises, load_mnist
from course_utils.exercises import judging, which_initialization
from course_utils.exercises.which_initialization import played


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


def exercises_of(notebook):
    """Return the checkers of a notebook, exercise by exercise."""
    return import_module(f"{exercises.__name__}.{notebook.stem.partition('_')[2]}").EXERCISES


every_checker = pytest.mark.parametrize("check", checkers_of_a_function())


def test_the_checkers_are_found():
    assert len(checkers_of_a_function()) >= 26


@pytest.mark.parametrize("solutions", SOLUTIONS, ids=lambda path: path.stem)
def test_each_exercise_of_a_notebook_has_a_checker_that_counts(solutions, capsys):
    cells = json.loads((ROOT / "notebooks" / solutions.name).read_text(encoding="utf-8"))["cells"]
    text = "\n\n".join("".join(c["source"]) for c in cells if c["cell_type"] == "markdown")
    numbers = [int(number) for number in re.findall(r"^\*\*Exercise (\d+)\*\*", text, re.MULTILINE)]
    assert numbers == list(range(1, len(exercises_of(solutions)) + 1))
    module = import_module(exercises_of(solutions)[0].__module__)
    written = [check for name, check in vars(module).items() if name.startswith("check_")]
    assert list(dict.fromkeys(exercises_of(solutions))) == written
    for number, check in enumerate(exercises_of(solutions), start=1):
        known = {"number": number, "data": load_mnist("digits", log=None)}
        answer = [known.get(name, ...) for name in inspect.signature(check).parameters]
        assert said(capsys, check, *answer) == f"Exercise {number}: not attempted yet"


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
    monkeypatch.setattr(judging, "_solved", {})
    monkeypatch.setattr(which_initialization, "played", played.__wrapped__)  # not what was kept
    with torch_state("no gradients, float64"):
        run_solutions(notebook)
    verdicts = re.findall(r"^(Exercise \d): (.*)$", capsys.readouterr().out, re.MULTILINE)
    n = len(exercises_of(notebook))
    assert n >= 2 and [words for _, words in verdicts] == [
        f"correct ({i} of {n} solved)" for i in range(1, n + 1)
    ]


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
