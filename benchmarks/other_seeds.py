"""Do the claims of a notebook hold with other seeds? Shift them all, run it, count.

Run ``python benchmarks/other_seeds.py 03 09``, with the environment variable ``COURSE_DATA`` as for
the notebooks; without numbers all notebooks are run. Each is executed once as it stands and once
for each shift: every seed, of generators, of torch and of NumPy, is larger by so much.
A claim that fails is noted, and the notebook goes on. What is printed: each claim that failed, with
its numbers, and how many held. Nothing is stored. A minute a notebook and shift.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

from course_utils.terminal import any_terminal

NOTEBOOKS = Path(__file__).parents[1] / "notebooks"
SHIFTS = (0, 1000, 2000, 3000)
HELD, FAILED = "HELD", "FAILED"

PRELUDE = """
import numpy as _np, torch as _torch

_SHIFT, _manual_seed, _rng = {shift}, _torch.manual_seed, _np.random.default_rng

class _Generator(_torch.Generator):
    def manual_seed(self, seed):
        return super().manual_seed(int(seed) + _SHIFT)

_torch.Generator = _Generator  # before the course is imported: its own generators are such, too
_torch.manual_seed = lambda seed: _manual_seed(int(seed) + _SHIFT)
_np.random.default_rng = lambda seed=None: _rng(seed + _SHIFT if isinstance(seed, int) else seed)

import course_utils.claims as _claims

def _claim(text, holds, **measured):
    fine = _claims._as_bool(holds)
    print("{held}" if fine else "{failed}", text, "" if fine else "| " + _claims._values(measured))

_claims.claim, _claims.claim_on = _claim, lambda data: _claim
"""


def run(path: Path, shift: int) -> tuple[int, list[str]]:
    """Execute a notebook with all seeds shifted; return how many claims held, and what failed."""
    notebook = nbformat.read(path, as_version=4)
    prelude = PRELUDE.format(shift=shift, held=HELD, failed=FAILED)
    notebook.cells.insert(0, nbformat.v4.new_code_cell(prelude))
    folder = {"metadata": {"path": str(path.parent)}}
    client = NotebookClient(notebook, timeout=600, kernel_name="python3", resources=folder)
    stopped = []
    try:
        client.execute()
    except CellExecutionError as error:
        stopped = [f"stopped by {error.ename}: {error.evalue}".splitlines()[0]]
    outputs = [o for cell in notebook.cells for o in cell.get("outputs", [])]
    text = "".join(o.text for o in outputs if o.get("name") == "stdout")
    lines = text.splitlines()
    failed = [line.removeprefix(FAILED).strip() for line in lines if line.startswith(FAILED)]
    return sum(line.startswith(HELD) for line in lines), failed + stopped


def main(line: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("notebooks", nargs="*", help="numbers: 03 09; all if none is given")
    parser.add_argument("--shifts", type=int, nargs="+", default=SHIFTS)
    given = parser.parse_args(line)
    paths = sorted(NOTEBOOKS.glob("[0-9]*.ipynb"))
    chosen = [p for p in paths if not given.notebooks or p.name.startswith(tuple(given.notebooks))]
    if not chosen:
        sys.exit(f"no notebook begins with {' or '.join(given.notebooks)}")
    for path in chosen:
        for shift in given.shifts:
            held, failed = run(path, shift)
            print(f"{path.stem}, seeds + {shift}: {held} held, {len(failed)} failed", flush=True)
            for claim in failed:
                print(f"    {claim}", flush=True)


if __name__ == "__main__":
    any_terminal()
    main()
