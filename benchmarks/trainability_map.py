"""The fine trainability map of notebook 10: sigma_w² against depth, one number a cell.

Run ``python benchmarks/trainability_map.py --workers 2``, with the environment variable
``COURSE_DATA`` if MNIST lies there; about ten minutes of one core. Each depth is one tile: all its
networks are trained side by side on one thread (`course_utils.experiments.train_row`). joblib
spreads the tiles; the stored file (`course_utils.experiments.stored`) is the same for any number of
workers and any backend (on one kind of processor, with one version of torch).

More ``--depths`` or ``--seeds`` are added to what is there; ``--again`` starts anew. How a run goes
on after a kill, and how it runs on a cluster, is told in ``course_utils/experiments/tiles.py``.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import asdict
from functools import partial

import torch

from course_utils import load_mnist
from course_utils.experiments import MapSetting, stored_path, train_row
from course_utils.experiments.tiles import Tiles, add_options
from course_utils.terminal import any_terminal

FILE = stored_path("trainability_map")
SIGMA_W2 = [round(1 + 0.2 * i, 1) for i in range(16)]  # 1.0 to 4.0
DEPTHS = list(range(10, 101, 10))


def tile(setting: MapSetting, depth: int, seed: int) -> list[dict]:
    """Compute one tile, in whichever process: it gets the data by itself."""
    accuracies = train_row(setting, depth, load_mnist(log=None), seed)
    return [{"depth": depth, "seed": seed, "accuracy": [round(a, 4) for a in accuracies]}]


def place(row: dict) -> tuple[int, int]:
    return row["depth"], row["seed"]


def arguments(line: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--depths", type=int, nargs="+", default=DEPTHS)
    parser.add_argument("--sigma-w2", type=float, nargs="+", default=SIGMA_W2)
    parser.add_argument("--seeds", type=int, default=1, help="seeds 0 to this number, less one")
    parser.add_argument("--width", type=int, default=100)
    parser.add_argument("--steps", type=int, default=500)
    add_options(parser, FILE)
    return parser.parse_args(line)


def main(line: Sequence[str] | None = None) -> None:
    given = arguments(line)
    setting = MapSetting(tuple(given.sigma_w2), width=given.width, steps=given.steps)
    data = load_mnist(log=None)
    if not data.is_mnist and given.file == FILE:
        raise SystemExit(
            "MNIST was not found: set COURSE_DATA to a folder that holds it, or --file"
        )
    described = {"data": data.name, "torch": torch.__version__.split("+")[0], **asdict(setting)}
    tiles = Tiles(given, described, place)
    wanted = {(depth, seed) for depth in given.depths for seed in range(given.seeds)}
    missing = sorted(wanted - tiles.rows.keys(), reverse=True)  # the longest first
    print(f"{len(wanted) - len(missing)} of {len(wanted)} tiles are there already", flush=True)
    tiles.compute((f"{one}", partial(tile, setting, *one), one[0]) for one in missing)


if __name__ == "__main__":
    any_terminal()
    main()
