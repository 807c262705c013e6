"""Made-up submissions: notebooks of a few cells, honest and hostile."""

import json

from helpers.project import ROOT

STARTED = "from course_utils.exercises import start_here as exercises"
SCALED = "import math\nfrom course_utils.exercises import scale_of_the_signal as exercises"
RIGHT_00 = ("exercises.check_fans(300, 100, (100, 300))", "exercises.check_std_for_tanh(0.08)")
RIGHT_02 = (
    "exercises.check_keeping_std(lambda fan_in, fan_out: fan_in**-0.5)",
    "exercises.check_layers_until_lost(\n"
    "    lambda n, s: math.floor(math.log(0.01) / math.log(n**0.5 * s)) + 1\n)",
    "exercises.check_uniform_bound(lambda std: 3**0.5 * std)",
    "exercises.check_tanh_std(1.3 / 16)",
)


def notebook(*cells, **changed):
    """Return the text of a notebook with these code cells."""
    rest = {"cell_type": "code", "metadata": {}, "outputs": [], "execution_count": None}
    made = [rest | {"source": cell} for cell in cells]
    return json.dumps({"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": made} | changed)


def hand_in(folder, files):
    """Write files, path → text or bytes, below a folder; return the folder."""
    for name, data in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data if isinstance(data, bytes) else data.encode())
    return folder


def exercises_of(path):
    """Return the text of a notebook of the course, cut to its exercises and what they need."""
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    sources = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
    return notebook(*(source for source in sources if "exercises" in source))


def solutions(number):
    """Return the path of a notebook of solutions."""
    (path,) = (ROOT / "notebooks" / "solutions").glob(f"{number}_*.ipynb")
    return path


def lesson(number):
    """Return the path of a notebook of the course."""
    return ROOT / "notebooks" / solutions(number).name
