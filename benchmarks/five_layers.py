"""Table 1 of Glorot & Bengio (2010), played again: the first picture of appendix 05a.

Run ``python benchmarks/five_layers.py``, with the environment variable ``COURSE_DATA`` if MNIST
lies there: about half an hour of one core. What is measured, and what differs from the paper, is
told in `course_utils.experiments.five_layers`. A data set and an activation are one tile: how a
run goes on after a kill, and how it runs on a cluster, is told in
``course_utils/experiments/tiles.py``.

Nearer to the paper, in a file of its own (days):

    python benchmarks/five_layers.py --width 1000 --steps 5000000 --file large.json
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from functools import partial
from itertools import product

import torch

from course_utils.experiments import stored_path
from course_utils.experiments.five_layers import (
    ACTIVATIONS,
    BATCH_SIZE,
    DEPTH,
    SEEDS,
    STARTS,
    STEPS,
    WIDTH,
    images,
    play,
)
from course_utils.experiments.tiles import Tiles, add_options
from course_utils.experiments.tournament import DATA
from course_utils.terminal import any_terminal

FILE = stored_path("five_layers")


def tile(data: str, activation: str, width: int, steps: int) -> list[dict]:
    """Play one activation on one data set, in whichever process: it gets the data by itself."""
    started = time.process_time()
    rows = play(activation, images(data), width=width, steps=steps)
    seconds = time.process_time() - started
    print(f"{activation} on {data} took {seconds:.0f} s of a core", flush=True)
    return rows


def place(row: dict) -> tuple:
    """Return what tells a row from others, in the order of the paper's question."""
    order = DATA.index(row["data"]), [*ACTIVATIONS].index(row["activation"])
    return *order, [*STARTS].index(row["start"])


def arguments(line: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    add_options(parser, FILE)
    parser.add_argument("--data", nargs="+", choices=DATA, default=DATA)
    parser.add_argument("--width", type=int, default=WIDTH, help="units of a hidden layer")
    parser.add_argument("--steps", type=int, default=STEPS, help="training steps")
    return parser.parse_args(line)


def main(line: Sequence[str] | None = None) -> None:
    given = arguments(line)
    for name in given.data:
        if images(name).name != name:
            raise SystemExit(f"{name} was not found: set COURSE_DATA to a folder that holds it")
    setting = {
        "hidden_layers": DEPTH,
        "width": given.width,
        "steps": given.steps,
        "batch_size": BATCH_SIZE,
        "seeds": SEEDS,
        "torch": torch.__version__.split("+")[0],
    }
    tiles = Tiles(given, setting, place)
    there = {(row["data"], row["activation"]) for row in tiles.rows.values()}
    plan = [*product(given.data, ACTIVATIONS)]
    missing = [one for one in plan if one not in there]
    print(f"{len(plan) - len(missing)} of {len(plan)} tiles are there already", flush=True)
    jobs = (
        (f"{activation} on {data}", partial(tile, data, activation, given.width, given.steps), 1.0)
        for data, activation in missing
    )
    tiles.compute(jobs)


if __name__ == "__main__":
    any_terminal()
    main()
