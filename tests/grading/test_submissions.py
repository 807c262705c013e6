"""What is read from a folder: who, which notebook, and what is none."""

import json
import os
import time

import pytest
from helpers.project import ROOT
from helpers.submissions import RIGHT_00, STARTED, hand_in, lesson, notebook

from course_utils.exercises import NOTEBOOKS
from course_utils.grading.submissions import LARGEST, submissions


def read(folder):
    return submissions(folder, NOTEBOOKS, folder / "table.csv")


def only(folder, name, data):
    (found,) = read(hand_in(folder, {name: data}))
    return found


def test_the_notebooks_with_exercises_are_those_of_the_course():
    numbered = [f"{i:02d}_{name}" for i, name in enumerate(NOTEBOOKS)]
    assert numbered == sorted(p.stem for p in (ROOT / "notebooks" / "solutions").glob("*.ipynb"))


def test_a_folder_or_a_file_is_a_student_and_hidden_files_are_nobodys(tmp_path):
    text = notebook(STARTED)
    names = ["zoe/deep/er/00.ipynb", "anna/00_start_here.ipynb", "bert.ipynb", "anna/notes.pdf"]
    names += [".DS_Store", "anna/.ipynb_checkpoints/00-checkpoint.ipynb", "table.csv"]
    hand_in(tmp_path, dict.fromkeys(names, text))
    (tmp_path / "empty").mkdir()
    assert [(s.student, s.file, s.notebook) for s in read(tmp_path)] == [
        ("anna", "anna/00_start_here.ipynb", "start_here"),
        ("anna", "anna/notes.pdf", ""),
        ("bert", "bert.ipynb", "start_here"),
        ("empty", "empty", ""),
        ("zoe", "zoe/deep/er/00.ipynb", "start_here"),
    ]


@pytest.mark.parametrize(
    "name, cells, wanted",
    [
        ("03.ipynb", [STARTED], "start_here"),
        (
            "x.ipynb",
            ["import course_utils.exercises.lab_bench, course_utils.exercises.start_here"],
            "start_here",
        ),
        (
            "x.ipynb",
            ["from course_utils.exercises import (\n    start_here as e,\n)"],
            "start_here",
        ),
        ("x.ipynb", ["from course_utils.exercises.start_here import check_fans"], "start_here"),
        ("02_scale_of_the_signal (1).ipynb", ["x = 1"], "scale_of_the_signal"),
        ("kim_12.ipynb", [], "which_initialization"),
        ("homework 2026-02.ipynb", [], "scale_of_the_signal"),
        ("03a_true_likelihood.ipynb", ["x = 1"], ""),
        ("99.ipynb", [], ""),
        ("essay.ipynb", [], ""),
    ],
)
def test_what_it_imports_says_which_notebook_it_is_and_else_its_name(name, cells, wanted, tmp_path):
    found = only(tmp_path, f"anna/{name}", notebook(*cells))
    assert found.notebook == wanted and bool(found.fault) == (not wanted)


@pytest.mark.parametrize(
    "data, words",
    [
        (b"", "empty"),
        (b" \n", "empty"),
        (b"\x00\xff\x13garbage", "UTF-8"),
        ("größe".encode("latin-1"), "UTF-8"),
        (b"<!DOCTYPE html><html></html>", "HTML"),
        (b"[" * 100_000, "JSON"),
        (b'{"cells": [}', "JSON"),
        (b"[1, 2]", "not a notebook"),
        (b'{"cells": []}', "not a notebook"),
        (notebook(cells={"a": 1}), "no list of cells"),
        (notebook(nbformat=3, worksheets=[]), "format 3"),
        (notebook(nbformat=5), "format 5"),
        (notebook(nbformat="4"), "not a notebook"),
    ],
)
def test_a_file_that_is_no_notebook_is_told_in_words(data, words, tmp_path):
    found = only(tmp_path, "anna/00.ipynb", data)
    assert words in found.fault and not found.cells


def test_a_cell_of_blanks_is_read_in_no_time(tmp_path):
    blanks = " " * 1_000_000
    cells = [f"from course_utils.exercises{blanks}", f"from course_utils.exercises import{blanks}"]
    started = time.perf_counter()
    assert not only(tmp_path, "x.ipynb", notebook(*cells)).notebook
    assert time.perf_counter() - started < 5


def test_what_a_notebook_should_not_hold_is_passed_over(tmp_path):
    cells = [
        {"cell_type": "code", "source": ["a = 1\n", "b = 2", 7]},
        {"cell_type": "hologram", "source": "x"},
        "no cell",
        {"cell_type": "code"},
        {"cell_type": "code", "source": {"x": 1}},
        {"cell_type": "markdown", "source": STARTED},
    ]
    found = only(tmp_path, "anna/00.ipynb", b"\xef\xbb\xbf" + notebook(cells=cells).encode())
    assert found.cells == ((1, "a = 1\nb = 2"), (4, ""), (5, "")) and not found.fault


def test_a_file_of_two_gigabytes_is_not_read(tmp_path):
    path = hand_in(tmp_path, {"anna/00.ipynb": b""}) / "anna" / "00.ipynb"
    with path.open("wb") as file:
        file.truncate(2 << 30)
    (found,) = read(tmp_path)
    assert f"larger than {LARGEST >> 20} MB" in found.fault and found.data is None


def test_folders_links_and_pipes_with_the_name_of_a_notebook_are_none(tmp_path):
    if os.name != "posix":
        pytest.skip("links and pipes need rights here")
    hand_in(tmp_path, {"anna/real.ipynb/inside.ipynb": notebook(STARTED), "outside": "secret"})
    (tmp_path / "anna" / "link.ipynb").symlink_to(tmp_path / "outside")
    (tmp_path / "anna" / "loop").symlink_to(tmp_path)
    os.mkfifo(tmp_path / "anna" / "pipe.ipynb")
    assert {s.file: s.fault for s in read(tmp_path)} == {
        "anna/link.ipynb": "It is a symbolic link; links are not followed.",
        "anna/loop": "It is a symbolic link; links are not followed.",
        "anna/pipe.ipynb": "It is no ordinary file.",
        "anna/real.ipynb": "It is a folder, not a notebook.",
        "outside": "Its name does not end with .ipynb.",
    }


def test_a_change_of_content_student_or_place_is_another_submission(tmp_path):
    files = {"a/00.ipynb": notebook(STARTED), "b/00.ipynb": notebook(STARTED)}
    files |= {"a/1/00.ipynb": notebook(STARTED), "c/00.ipynb": notebook(STARTED, RIGHT_00[0])}
    digests = [s.digest for s in read(hand_in(tmp_path, files))]
    assert len(set(digests)) == 4
    assert digests == [s.digest for s in read(tmp_path)]


def test_each_notebook_of_the_course_is_known_by_its_content(tmp_path):
    for number in range(len(NOTEBOOKS)):
        text = lesson(f"{number:02d}").read_text(encoding="utf-8")
        assert only(tmp_path, "x.ipynb", text).notebook == NOTEBOOKS[number]
        assert json.loads(text)["nbformat"] == 4
