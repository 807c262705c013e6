from pathlib import Path

import nbformat
import numpy as np
import pytest
import torch

from course_utils import claim
from course_utils.claims import claim_on, claims_of
from course_utils.exercises.judging import attempted, report


@pytest.mark.parametrize(
    "truth", [True, np.bool_(True), torch.tensor(True), torch.tensor([True]), np.array(True)]
)
def test_a_claim_that_holds_prints_its_sentence_and_nothing_measured(truth, capsys):
    claim("The signal shrinks", truth, std=0.123)
    assert capsys.readouterr().out == "✓ The signal shrinks\n"


@pytest.mark.parametrize("falsehood", [False, np.bool_(False), torch.tensor(False)])
def test_a_claim_that_fails_raises_with_sentence_and_measured_values(falsehood, capsys):
    with pytest.raises(AssertionError, match="The signal shrinks") as error:
        claim("The signal shrinks", falsehood, stds=torch.tensor([0.5, 0.25]), layer=np.float64(3))
    assert "stds = [0.5, 0.25]" in str(error.value) and "layer = 3" in str(error.value)
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("no_truth", [None, 1, "yes", [True], np.array([True, False]), np.ones(1)])
def test_a_claim_needs_one_truth_value(no_truth):
    with pytest.raises(TypeError, match="one truth value"):
        claim("Something", no_truth)


def test_the_claims_of_a_notebook_are_its_sentences_in_order(tmp_path):
    cells = [
        nbformat.v4.new_markdown_cell('claim("only prose", True)'),
        nbformat.v4.new_code_cell('x = 1\nclaim("One is one", x == 1)\nprint("no claim")'),
        nbformat.v4.new_code_cell('for i in (1, 2):\n    claim(f"{i} grows", True)\n'),
        nbformat.v4.new_code_cell('claim(\n    "Two parts, "\n    "one sentence", True, x=x\n)'),
    ]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), tmp_path / "a.ipynb")
    assert claims_of(tmp_path / "a.ipynb") == ["One is one", "Two parts, one sentence"]


@pytest.mark.parametrize("number", ["02", "04", "05", "08"])
def test_the_claims_of_a_stored_notebook_are_what_it_printed(number):
    path = next((Path(__file__).parents[1] / "notebooks").glob(f"{number}_*.ipynb"))
    text = "".join(
        output.get("text", "")
        for cell in nbformat.read(path, as_version=4).cells
        for output in cell.get("outputs", [])
    )
    printed = {line[2:] for line in text.splitlines() if line.startswith("✓ ")}
    assert len(claims_of(path)) > 10 and set(claims_of(path)) <= printed


def test_a_stub_is_not_attempted_yet(capsys):
    def stub():
        raise NotImplementedError

    report("Exercise 1", lambda: attempted(...) and None)
    report("Exercise 2", stub)
    report("Exercise 3", lambda: attempted(None))
    lines = capsys.readouterr().out.splitlines()
    assert lines == [f"Exercise {i}: not attempted yet" for i in (1, 2, 3)]


def test_a_right_answer_a_wrong_one_and_a_crash_are_told_apart(capsys):
    report("Exercise 1", lambda: None)
    report("Exercise 2", lambda: "The std is twice too large.")
    report("Exercise 3", lambda: 1 / 0)
    assert capsys.readouterr().out.splitlines() == [
        "Exercise 1: correct",
        "Exercise 2: not yet. The std is twice too large.",
        "Exercise 3: not yet. your code stopped with ZeroDivisionError: division by zero",
    ]


def test_a_crash_with_a_long_message_still_takes_one_line(capsys):
    def crash():
        raise ValueError("first line\n  second line")

    report("Exercise 1", crash)
    expected = "Exercise 1: not yet. your code stopped with ValueError: first line second line\n"
    assert capsys.readouterr().out == expected


class Images:
    def __init__(self, name):
        self.name, self.is_foreign = name, name not in ("MNIST", "digits")


@pytest.mark.parametrize("name", ["MNIST", "digits"])
def test_on_the_courses_own_images_a_sentence_that_fails_stops_the_notebook(name, capsys):
    said = claim_on(Images(name))
    said("Two is more than one", 2 > 1)
    assert capsys.readouterr().out == "✓ Two is more than one\n"
    with pytest.raises(AssertionError, match="does not hold here: One is more"):
        said("One is more than two", 1 > 2)


def test_on_other_images_it_says_that_it_does_not_hold_and_the_notebook_goes_on(capsys):
    said = claim_on(Images("FashionMNIST"))
    said("Two is more than one", 2 > 1)
    said("Over 94 % are right", 0.88 > 0.94, right=0.88)
    assert capsys.readouterr().out == (
        "✓ Two is more than one\n"
        "– said of MNIST, not so on FashionMNIST: Over 94 % are right (right = 0.88)\n"
    )
    with pytest.raises(TypeError, match="one truth value"):
        said("A list", [True])
