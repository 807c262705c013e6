"""Grade a made-up class of thirty: the table, the time and the memory it takes.

Run ``python benchmarks/grading.py [--jobs 2]``; some minutes. Twenty students hand in notebook 00,
01 or 02, cut to their exercises: solved, half solved, open, or with a cell deleted. Ten are
hostile: endless loops and output, crashes, forty terabytes, more memory than allowed, a fork bomb,
a change of the package, answers that replace the checkers, a file that is no notebook. Printed: how
often each result came out, each hostile one's rows, seconds a notebook, and the most memory of the
grader itself and of one notebook's processes.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import psutil

from course_utils.grading.grade import Limits
from course_utils.grading.watch import Process, adopt_orphans
from course_utils.grading.whole_class import grade_all
from course_utils.terminal import any_terminal

NOTEBOOKS = Path(__file__).parents[1] / "notebooks"
LIMITS = Limits(seconds=60, memory=3 * 2**30, threads=1)

START = "import math\nfrom course_utils.exercises import scale_of_the_signal as exercises"
ONE = "exercises.check_keeping_std(lambda fan_in, fan_out: fan_in**-0.5)"
TWO = (
    "def layers(width, std):\n    gain = width**0.5 * std\n"
    "    return math.floor(math.log(0.01) / math.log(gain)) + 1\n"
    "exercises.check_layers_until_lost(layers)"
)
THREE = "exercises.check_uniform_bound(lambda std: 3**0.5 * std)"
FOUR = "exercises.check_tanh_std(1.3 / 16)"

HOSTILE = {
    "loops": [START, f"{ONE}\nwhile True: pass", TWO, THREE, FOUR],
    "prints": [START, ONE, "while True: print('x' * 10_000)", TWO, THREE, FOUR],
    "crashes": [START, ONE, TWO, "import ctypes\nctypes.string_at(0)", THREE, FOUR],
    "allocates": [START, "import torch\ntorch.ones(10**13)", ONE, TWO, THREE, FOUR],
    "hoards": [
        START,
        ONE,
        "heap = []\nwhile True: heap.append(bytearray(10**8))",
        TWO,
        THREE,
        FOUR,
    ],
    "forks": [START, ONE, TWO, "import os\nwhile True: os.fork()", THREE, FOUR],
    "leaves": [START, ONE, TWO, THREE, "import os\nos._exit(0)", FOUR],
    "writes": [
        START,
        "import pathlib, sys\nhere = pathlib.Path(sys.modules['course_utils'].__file__).parent\n"
        "(here / 'exercises' / 'judging.py').write_text('def report(*a): print(1)')",
        ONE,
        TWO,
        THREE,
        FOUR,
    ],
    "cheats": [
        START,
        "def patch(*given):\n    math.isclose = lambda *a, **k: True\n    return 1.0\n"
        "exercises.check_keeping_std(patch)",
        "from course_utils.exercises import judging\njudging.judge = lambda *a, **k: None\n"
        "exercises.check_layers_until_lost(lambda *a: 0)",
        "def forever(std):\n    while True: pass\nexercises.check_uniform_bound(forever)",
        "class Any(float):\n    def __eq__(self, other): return True\n"
        "exercises.check_tanh_std(Any(1))",
    ],
}


def main() -> None:
    """Hand in, grade, print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--jobs", type=int, default=1)
    jobs = parser.parse_args().jobs
    adopt_orphans()
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place, "in")
        hand_in(folder)
        started = time.perf_counter()
        rows = grade_all(folder, Path(place, "table.csv"), LIMITS, jobs=jobs)
        seconds = time.perf_counter() - started
    hostile = {*HOSTILE, "garbage"}
    for honest in (True, False):
        found = Counter(row.result for row in rows if (row.student not in hostile) == honest)
        print("twenty students:" if honest else "ten hostile ones:", dict(found))
    for row in rows:
        if row.student in hostile:
            print(f"{row.student} {row.exercise}: {row.result}. {row.sentence}".rstrip(". "))
    print(f"{seconds:.0f} s for 30 submissions, {jobs} at a time: {seconds / 30:.1f} s each")
    print(f"memory at most: the grader {peak_of_this_process() / 2**20:.0f} MB,", end=" ")
    print(f"the largest notebook with its processes {Process.peak / 2**20:.0f} MB")
    print(f"cores: {os.cpu_count()}")


def peak_of_this_process() -> int:
    """Return the most bytes that this process has used."""
    try:
        import resource
    except ImportError:  # Windows
        return psutil.Process().memory_info().peak_wset
    unit = 1 if sys.platform == "darwin" else 1024
    return unit * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def hand_in(folder: Path) -> None:
    """Write thirty submissions."""
    for number in range(20):
        prefix, kind = ("00", "01", "02")[number % 3], number % 4
        stubs, solved = (cells_of(NOTEBOOKS / place, prefix) for place in ("", "solutions"))
        cells = (solved, [*solved[:2], *stubs[2:]], stubs, solved[:-1])[kind]
        write(folder / f"student_{number:02d}" / f"{prefix}.ipynb", cells)
    for name, cells in HOSTILE.items():
        write(folder / name / "02.ipynb", cells)
    (folder / "garbage").mkdir()
    (folder / "garbage" / "02.ipynb").write_bytes(os.urandom(10_000))


def cells_of(folder: Path, prefix: str) -> list[str]:
    """Return the cells of a notebook that import or call its checkers."""
    (path,) = folder.glob(f"{prefix}_*.ipynb")
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    sources = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
    return [source for source in sources if "exercises" in source]


def write(path: Path, cells: list[str]) -> None:
    """Write a notebook of code cells."""
    path.parent.mkdir(parents=True)
    rest = {"cell_type": "code", "metadata": {}, "outputs": [], "execution_count": None}
    made = [rest | {"source": cell} for cell in cells]
    notebook = {"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": made}
    path.write_text(json.dumps(notebook), encoding="utf-8")


if __name__ == "__main__":
    any_terminal()
    main()
