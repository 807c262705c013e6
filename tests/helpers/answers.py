"""What the tests of all exercises share: the line that a checker prints, and some answers."""

import json
import re
import sys
from contextlib import contextmanager

import torch
from helpers.project import ROOT
from helpers.states import strange_torch

SOLUTIONS = sorted((ROOT / "notebooks" / "solutions").glob("*.ipynb"))


def said(capsys, check, *answer):
    """Return the one line that a checker prints, without how many exercises are solved by now."""
    check(*answer)
    out = capsys.readouterr().out
    assert out.count("\n") == 1 and out.endswith("\n")
    return re.sub(r"(?<=: correct) \(\d of \d solved\)$", "", out[:-1])


def stub(*arguments, **options):
    return ...


def crash(*arguments, **options):
    raise ZeroDivisionError("division by zero")


def leave(*arguments, **options):
    sys.exit()


def run_solutions(notebook):
    """Run the code of a notebook of solutions, cell by cell, in one namespace, as a kernel does."""
    names = {"__name__": "__main__"}
    for cell in json.loads(notebook.read_text(encoding="utf-8"))["cells"]:
        if cell["cell_type"] == "code":
            exec("".join(cell["source"]), names)


STATES = {  # what a learner may have switched: gradients, and the dtype of new tensors
    "ordinary": (True, torch.float32),
    "no gradients": (False, torch.float32),
    "float64": (True, torch.float64),
    "no gradients, float64": (False, torch.float64),
    "bfloat16": (True, torch.bfloat16),
}


@contextmanager
def torch_state(name):
    """Switch torch's global state as in `STATES`; afterwards it must still be so, and is put back.

    The global generator must not have been drawn from, either.
    """
    gradients, dtype = STATES[name]
    before = torch.get_rng_state()
    try:
        with strange_torch(dtype, gradients):
            yield
    finally:
        torch.set_rng_state(before)
