"""The command on a class of made-up submissions, each in its two real processes."""

import csv
import os
import subprocess
import sys
import time

import pytest
from helpers.project import ROOT
from helpers.submissions import (
    RIGHT_00,
    RIGHT_02,
    SCALED,
    STARTED,
    exercises_of,
    hand_in,
    lesson,
    notebook,
    solutions,
)

from course_utils.grading.confinement import landlock_version
from course_utils.grading.table import RESULTS

SECONDS = 100  # for a notebook: 50 for a cell, 20 for an answer
TRIES = """
import os, pathlib, signal, socket, sys, torch
done = []
def attempt(name, call):
    try:
        call()
        done.append(name)
    except Exception:
        pass
attempt("write", lambda: pathlib.Path({outside!r}, "new").write_text("x"))
attempt("submission", lambda: pathlib.Path({outside!r}, "in", "b", "00.ipynb").write_text("x"))
attempt("read", lambda: pathlib.Path({outside!r}, "in", "b", "00.ipynb").read_text())
attempt("package", lambda: open(sys.modules["course_utils"].__file__, "a").close())
attempt("connect", lambda: socket.create_connection(("127.0.0.1", {port})))
attempt("signal", lambda: os.kill(os.getppid(), 0))
attempt("environment", lambda: os.environ["SECRET_OF_THE_TEACHER"])
attempt("forty terabytes", lambda: torch.ones(10**13))
attempt("forty terabytes of bytes", lambda: bytearray(40 * 10**12))
attempt("a scratch file", lambda: pathlib.Path("mine.txt").write_text("x"))
"""
ODD_CELLS = [
    "%pip install nothing-of-this-name",
    "!touch {outside}/by_a_shell",
    "%%bash\ntouch {outside}/by_a_shell",
    "files = !ls",
    "%matplotlib inline\nimport matplotlib.pyplot as plt\nplt.plot([1, 2]); plt.show()",
    "import sys\nsys.exit()",
    "exit()",
    "quit",
    "input('Name?')",
    "1 / 0",
    "this is no Python",
    "    indented",
    "%no_such_magic",
    "raise KeyboardInterrupt",
    "class Nasty(Exception):\n    def __str__(self): raise SystemExit\nraise Nasty",
    "for i in range(300_000): print(i)",
    "await __import__('asyncio').sleep(0)",
    "display({{'a': 1}})",
    "import os; os.close(0); os.close(1); os.close(2)",
    "for i in range(3000):\n    os.mkdir('deep'); os.chdir('deep')",
]
LOOPS = [
    SCALED,
    "import time\nwhile True: time.sleep(0.01)\n" + RIGHT_02[0],
    RIGHT_02[1],
    "import ctypes; ctypes.string_at(0)",
    RIGHT_02[2],
]
ANSWERS = [
    SCALED,
    "import time\ndef forever(*given):\n    while True: time.sleep(0.01)\n"
    "exercises.check_keeping_std(forever)",
    "import os\ndef leave(*given): os._exit(0)\nexercises.check_layers_until_lost(leave)",
    "import math\ndef patch(std):\n    math.isclose = lambda *a, **k: True\n    return 1.0\n"
    "exercises.check_uniform_bound(patch)",
    RIGHT_02[3],
]
GREEDY = [
    SCALED,
    RIGHT_02[0],
    "def hoard(*given):\n    heap = []\n    while True: heap.append(bytearray(10**9))\n"
    "exercises.check_layers_until_lost(hoard)",
    "file = open('x', 'w')\nexercises.check_uniform_bound(lambda std: file)",
    "import os, time\nfor i in range(8):\n    if not os.fork():\n"
    "        heap = bytearray(b'x') * 700_000_000\n        time.sleep(60)\ntime.sleep(60)",
]
BOMB = [STARTED, RIGHT_00[0], "import os\nwhile True:\n    os.fork()", RIGHT_00[1]]
FILLER = [
    STARTED,
    "for i in range(20_000): open(f'file{i}', 'w').close()\nimport time; time.sleep(60)",
]
HIDER = [
    STARTED,
    "import os, time\nif not os.fork():\n    os.setsid()\n    if os.fork(): os._exit(0)\n"
    "    for i in range(600):\n        os.utime('.'); time.sleep(0.1)\n"
    "with open('/dev/null') as file: time.sleep(1)",
    *RIGHT_00,
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Hand in honest, unfinished and hostile notebooks."""
    place = tmp_path_factory.mktemp("class")
    with_outside = [cell.format(outside=str(place)) for cell in ODD_CELLS]
    tries = TRIES.format(outside=str(place), port=9)
    files = {
        "honest/00_start_here.ipynb": solutions("00").read_bytes(),
        "honest/01.ipynb": solutions("01").read_bytes(),
        "honest/02.ipynb": solutions("02").read_bytes(),
        "honest/04.ipynb": solutions("04").read_bytes(),
        "open/00.ipynb": exercises_of(lesson("00")),
        "b/00.ipynb": notebook(STARTED, RIGHT_00[0], "# exercises.check_std_for_tanh(0.08)"),
        "odd.ipynb": notebook(*with_outside, STARTED, *RIGHT_00),
        "tries.ipynb": notebook(STARTED, tries, "exercises.check_std_for_tanh(done)"),
    }
    if os.name == "posix":
        files |= {
            "loops.ipynb": notebook(*LOOPS),
            "answers.ipynb": notebook(*ANSWERS),
            "greedy.ipynb": notebook(*GREEDY),
            "bomb.ipynb": notebook(*BOMB),
            "filler.ipynb": notebook(*FILLER),
            "hider.ipynb": notebook(*HIDER),
        }
    hand_in(place / "in", files)
    return place


@pytest.fixture(scope="module")
def rows(folder):
    """Run the command; return result and sentence by student, notebook and exercise."""
    command = [sys.executable, "-m", "course_utils.grading", "in", "table.csv"]
    command += ["--seconds", str(SECONDS), "--memory", "3", "--jobs", "2"]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "SECRET_OF_THE_TEACHER": "x"}
    (folder / "scratch").mkdir()
    scratch = dict.fromkeys(("TMPDIR", "TEMP", "TMP"), str(folder / "scratch"))
    environment |= {"COURSE_DATA": "digits"} | scratch
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    with (folder / "table.csv").open(encoding="utf-8-sig", newline="") as file:
        found = list(csv.DictReader(file))
    assert {row["result"] for row in found} <= set(RESULTS)
    return {
        (r["student"], r["notebook"][:2], r["exercise"]): (r["result"], r["sentence"])
        for r in found
    }


def results(rows, student):
    return [result for (name, _, _), (result, _) in rows.items() if name == student]


posix = pytest.mark.skipif(os.name != "posix", reason="forks, and signals")


def test_the_solutions_are_all_correct(rows):
    """Exercise 1 of 04 asks whether tensors share memory; 01 hands over decorated functions."""
    honest = {place: verdict for place, verdict in rows.items() if place[0] == "honest"}
    assert len(honest) == 2 + 3 + 4 + 4 and set(honest.values()) == {("correct", "")}


def test_stubs_are_not_attempted_and_deleted_cells_are_missing(rows):
    assert results(rows, "open") == ["not attempted"] * 2
    assert rows["b", "00", "1"] == ("correct", "")
    assert rows["b", "00", "2"] == ("missing", "No cell calls check_std_for_tanh.")


def test_cells_that_fail_leave_or_ask_do_not_hinder_the_next_ones(rows, folder):
    assert results(rows, "odd") == ["correct"] * 2
    assert not (folder / "by_a_shell").exists()


def test_what_a_notebook_may_not_do_it_cannot(rows, folder):
    if landlock_version() < 6:
        pytest.skip("this kernel cannot confine it")
    words = "A std is a positive number, and here it is below 10; yours is ['a scratch file']."
    assert rows["tries", "00", "2"] == ("not yet", words)
    assert rows["tries", "00", "1"] == ("missing", "No cell calls check_fans.")
    assert not (folder / "new").exists()


@posix
def test_an_endless_cell_is_interrupted_and_a_crash_ends_the_notebook_only(rows):
    assert rows["loops", "02", "1"] == (
        "stopped",
        "time: cell 2 took too long and was interrupted.",
    )
    assert rows["loops", "02", "2"] == ("correct", "")
    crash = "crash: its process was ended by SIGSEGV (in cell 4)."
    assert rows["loops", "02", "3"] == ("stopped", crash)
    assert rows["loops", "02", "4"][0] == "missing"


@posix
def test_an_answer_that_stops_its_judge_costs_no_other(rows):
    words = "time: judging the answer took longer than 20 s."
    assert rows["answers", "02", "1"] == ("stopped", words)
    words = "crash: its process ended by itself, with code 0."
    assert rows["answers", "02", "2"] == ("stopped", words)
    assert rows["answers", "02", "3"] == ("tampered", "it replaced math.isclose.")
    assert rows["answers", "02", "4"] == ("correct", "")


@posix
def test_memory_processes_and_files_have_their_limits(rows):
    assert rows["greedy", "02", "1"] == ("correct", "")
    assert rows["greedy", "02", "2"] == ("not yet", "your code stopped with MemoryError")
    assert rows["greedy", "02", "3"][0] == "stopped"
    assert rows["greedy", "02", "3"][1].startswith("output: its answer could not be handed over")
    assert rows["greedy", "02", "4"][0] == "missing"
    assert rows["bomb", "00", "1"] == ("correct", "")
    assert rows["bomb", "00", "2"][0] == "stopped"
    assert rows["bomb", "00", "2"][1].startswith(("processes: it started", "memory: it used"))
    assert rows["bomb", "00", "2"][1].endswith(" (in cell 3).")
    assert results(rows, "filler") == ["missing"] * 2
    assert results(rows, "hider") == ["correct"] * 2


@posix
def test_nothing_of_it_is_left(rows, folder):
    psutil = pytest.importorskip("psutil")
    time.sleep(0.5)
    scratch = str(folder / "scratch")
    left = [p for p in psutil.process_iter(["cwd"]) if (p.info["cwd"] or "").startswith(scratch)]
    assert not left and not os.listdir(scratch)
    assert sorted(os.listdir(folder)) == ["in", "scratch", "table.csv"]
