"""One notebook: the order of things, and the words where there is no answer."""

import threading
from pathlib import Path

import pytest

from course_utils.grading import grade as module
from course_utils.grading.grade import Limits, Run, cells_of, grade
from course_utils.grading.submissions import Submission

CELLS = (
    (1, "from course_utils.exercises import your_own_network as exercises"),
    (3, "exercises.check_fault(1, where)\n# exercises.check_fault(2, where)"),
    (5, "exercises.check_fault( 2, where)"),
    (8, "exercises.check_fault(2, other)"),
    (9, "x = exercises.check_init_weights(\n    init_weights\n)"),
)
CHECKERS = ["check_fault", "check_fault", "check_fault", "check_init_weights"]


def graded(run, monkeypatch, *, left=()):
    """Grade without processes: the run is made up, and so is what it has left."""
    order = []

    def run_cells(submission, folder, limits, stop):
        order.append("run")
        for name, data in left:
            (folder / "answers" / name).write_bytes(data)
        return run

    def judge(notebook, answers, folder, limits, stop):
        order.append("judge")
        assert {path.parent.parent.name for path in answers.values()} <= {"judge"}
        return {number: ("correct", path.read_text()) for number, path in answers.items()}

    monkeypatch.setattr(module, "_run", run_cells)
    monkeypatch.setattr(module, "_judge", judge)
    submission = Submission("a", "a.ipynb", Path("a.ipynb"), b"", "", "your_own_network", CELLS)
    put_back = lambda: order.append("put back")  # noqa: E731
    verdicts = grade(submission, CHECKERS, Limits(), threading.Event(), put_back)
    assert order == ["run", "put back", "judge"]
    return verdicts


def test_each_exercise_has_a_verdict_or_the_reason_why_not(monkeypatch):
    run = Run(errors={8: "NameError: name 'other'", 9: ""})
    left = [("1.pt", b"answer"), ("7.pt", b"no exercise")]
    assert graded(run, monkeypatch, left=left) == [
        ("correct", "answer"),
        ("not yet", "Cell 8 stopped with NameError: name 'other'."),
        ("missing", "No cell calls check_fault."),
        ("missing", "Cell 9 ran, but did not call the course's check_init_weights."),
    ]


def test_what_stopped_the_notebook_is_told_with_its_cell(monkeypatch):
    run = Run(errors={3: ""}, interrupted={8}, ended="memory: it used more than 4 GB", last=9)
    left = [("1.txt", b"TypeError: no\xff"), ("1.pt.part", b"")]
    assert graded(run, monkeypatch, left=left) == [
        ("stopped", "output: its answer could not be handed over: TypeError: no\ufffd."),
        ("stopped", "time: cell 8 took too long and was interrupted."),
        ("missing", "No cell calls check_fault."),
        ("stopped", "memory: it used more than 4 GB (in cell 9)."),
    ]


@pytest.mark.parametrize("number, found", [(1, [3]), (2, [5, 8]), (3, []), (None, [3, 5, 8])])
def test_the_cells_of_an_exercise_are_those_that_call_its_checker(number, found):
    assert cells_of(CELLS, "check_fault", number) == found


def test_an_answer_that_is_a_link_or_too_large_is_not_taken(tmp_path, monkeypatch):
    for who in ("student", "judge"):
        (tmp_path / who / "answers").mkdir(parents=True)
    (tmp_path / "secret").write_text("secret")
    (tmp_path / "student" / "answers" / "1.pt").symlink_to(tmp_path / "secret")
    (tmp_path / "student" / "answers" / "2.pt").write_bytes(b"x" * 100)
    monkeypatch.setattr(module, "LARGEST_ANSWER", 99)
    answers, faults = module._collect(tmp_path, 2)
    assert not answers and list(faults) == [2]
    (tmp_path / "student" / "answers").rename(tmp_path / "elsewhere")
    (tmp_path / "student" / "answers").symlink_to(tmp_path / "elsewhere")
    monkeypatch.setattr(module, "LARGEST_ANSWER", 1000)
    assert module._collect(tmp_path, 2) == ({}, {})
