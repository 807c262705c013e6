"""A whole folder: the order of the table, what is done already, what was interrupted."""

import csv
import threading

import pytest
from helpers.submissions import STARTED, hand_in, notebook

from course_utils.grading import guard, whole_class
from course_utils.grading.grade import Limits
from course_utils.grading.whole_class import Unable, grade_all

EXERCISES = {"start_here": ["check_fans", "check_std_for_tanh"]}
LIMITS = Limits()


@pytest.fixture
def package(tmp_path, monkeypatch):
    """Let a made-up file stand for the package's sources."""
    path = tmp_path / "package" / "__init__.py"
    path.parent.mkdir()
    path.write_text("version 1")
    monkeypatch.setattr(guard.course_utils, "__file__", str(path))
    return path


@pytest.fixture
def graded(monkeypatch, package):
    """Grade without a process; the list names who was graded."""
    names, lock = [], threading.Lock()

    def grade(submission, checkers, limits, stop, put_back):
        with lock:
            names.append(submission.student)
        return [("correct", ""), ("not yet", "=1+1")]

    monkeypatch.setattr(whole_class, "_contents", lambda limits: EXERCISES)
    monkeypatch.setattr(whole_class, "grade", grade)
    return names


@pytest.fixture
def folder(tmp_path):
    files = {f"{name}/00.ipynb": notebook(STARTED) for name in ("zoe", "anna", "김서연")}
    return hand_in(tmp_path / "in", files | {"bert.ipynb": "no notebook"})


def lines(path):
    with path.open(encoding="utf-8-sig", newline="") as file:
        return [tuple(row.values()) for row in csv.DictReader(file)]


@pytest.mark.parametrize("jobs", [1, 3])
def test_every_exercise_of_every_file_has_a_row_in_the_order_of_the_files(
    jobs, folder, graded, tmp_path, capsys
):
    grade_all(folder, tmp_path / "table.csv", LIMITS, jobs=jobs)
    found = [line[:5] for line in lines(tmp_path / "table.csv")]
    assert found[2] == ("bert", "", "", "not a notebook", found[2][4])
    rows = [(s, "00_start_here", e) for s in ("anna", "zoe", "김서연") for e in "12"]
    assert [line[:3] for line in found[:2] + found[3:]] == rows
    assert {line[3:] for line in found[:2] + found[3:]} == {("correct", ""), ("not yet", "'=1+1")}
    assert "anna  00_start_here  1 of 2 correct" in capsys.readouterr().out
    assert sorted(graded) == ["anna", "zoe", "김서연"]


def test_what_is_done_is_not_done_again_unless_it_or_the_checkers_changed(
    folder, graded, package, tmp_path
):
    path = tmp_path / "table.csv"
    grade_all(folder, path, LIMITS)
    first = path.read_bytes()
    grade_all(folder, path, LIMITS)
    assert len(graded) == 3 and path.read_bytes() == first
    hand_in(folder, {"zoe/00.ipynb": notebook(STARTED, "x = 1"), "new.ipynb": notebook(STARTED)})
    grade_all(folder, path, LIMITS)
    assert graded[3:] == ["new", "zoe"]
    grade_all(folder, path, LIMITS, again=True)
    assert len(graded) == 9
    package.write_text("version 2")
    grade_all(folder, path, LIMITS)
    assert len(graded) == 13


def test_an_interrupt_leaves_a_table_from_which_it_goes_on(folder, graded, tmp_path, monkeypatch):
    honest, path = whole_class.grade, tmp_path / "table.csv"

    def interrupted(submission, *rest):
        if submission.student == "zoe":
            raise KeyboardInterrupt
        return honest(submission, *rest)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(whole_class, "grade", interrupted)
        grade_all(folder, path, LIMITS)
    assert [line[0] for line in lines(path)] == ["anna", "anna", "bert"]
    grade_all(folder, path, LIMITS)
    assert graded == ["anna", "zoe", "김서연"]


def test_a_notebook_with_which_the_grader_itself_ended_is_tried_twice_and_marked(
    folder, graded, tmp_path, monkeypatch
):
    path = tmp_path / "table.csv"
    kept = {}

    def killing(submission, *rest):
        if submission.student == "anna":  # as the table would be found after a power cut
            kept["table"] = path.read_bytes()
        return [("correct", ""), ("correct", "")]

    monkeypatch.setattr(whole_class, "grade", killing)
    for tries in (1, 2):
        grade_all(folder, path, LIMITS)
        path.write_bytes(kept["table"])
        row = lines(path)[0]
        assert row[:4] == ("anna", "00_start_here", "1", "stopped")
        assert "the grader itself ended" in row[4] and row[6].startswith(f"running {tries} ")
    kept.clear()
    grade_all(folder, path, LIMITS)
    assert not kept and lines(path)[0][3] == "stopped"  # no third time
    assert [line[3] for line in lines(path) if line[0] == "zoe"] == ["correct"] * 2
    grade_all(folder, path, LIMITS, again=True)
    assert kept


def test_files_that_change_meanwhile_are_put_back_and_told(
    folder, graded, package, tmp_path, monkeypatch
):
    path = tmp_path / "table.csv"

    def hostile(submission, *rest):
        if submission.student == "anna":
            package.write_text("all is correct")
            (folder / "zoe" / "00.ipynb").write_text("{}")
            put_back = rest[-1]
            put_back()
            assert package.read_text() == "version 1"  # before it is judged
            path.write_text("anna,correct")
        return [("correct", ""), ("not yet", "Think.")]

    before = (folder / "zoe" / "00.ipynb").read_bytes()
    monkeypatch.setattr(whole_class, "grade", hostile)
    grade_all(folder, path, LIMITS)
    told = [line[4] for line in lines(path) if line[0] == "anna"]
    words = "While it ran, files were changed and put back: 00.ipynb, __init__.py, table.csv. "
    assert told == [words.rstrip(), words + "Think."]
    assert not [line for line in lines(path) if line[0] == "zoe" and "While" in line[4]]
    assert package.read_text() == "version 1"
    assert (folder / "zoe" / "00.ipynb").read_bytes() == before


def test_what_cannot_be_graded_is_said(folder, graded, tmp_path):
    other = hand_in(tmp_path, {"grades.csv": "name,grade\nanna,1\n"}) / "grades.csv"
    with pytest.raises(Unable, match="not a table of this program"):
        grade_all(folder, other, LIMITS)
    assert other.read_text() == "name,grade\nanna,1\n"
    (tmp_path / "nobody").mkdir()
    with pytest.raises(Unable, match="holds no submissions"):
        grade_all(tmp_path / "nobody", tmp_path / "table.csv", LIMITS)
    with pytest.raises(Unable, match="No such file"):
        grade_all(tmp_path / "nowhere", tmp_path / "table.csv", LIMITS)
    with pytest.raises(Unable, match="cannot be written"):
        grade_all(folder, tmp_path / "nowhere" / "table.csv", LIMITS)
    assert not graded
