"""The tournament of starts behind notebook 12: families × contestants × settings.

Run ``python benchmarks/tournament.py --workers 2``, with the environment variable ``COURSE_DATA``
if MNIST lies there: about two hours of two cores. The rules are those of
`course_utils.experiments.tournament`, written there before the first run. A setting is one tile:
how a run goes on after a kill, and how it runs on a cluster, is told in
``course_utils/experiments/tiles.py``. On a GPU: ``--device cuda``.

The settings are `PLAN`, the contested ones first; ``--minutes`` ends a run early, and the same
command goes on. Others are added to the file:

    python benchmarks/tournament.py --family tanh --depth 75 --width 64 --rule sgd --steps 1000

``--wide`` adds every combination of the grid (days). Does the advice hold between the settings of
the grid? This draws ten others, plays them into a file of their own, and says it:

    python benchmarks/tournament.py --random 10 --seed 0 --workers 2 --file random_0.json
"""

from __future__ import annotations

import argparse
import random
import time
from collections.abc import Iterable, Sequence
from dataclasses import astuple
from functools import partial
from itertools import product

import torch

from course_utils.experiments import advise, find, judge, stored, stored_path
from course_utils.experiments.advice import Line
from course_utils.experiments.contestants import FAMILIES
from course_utils.experiments.tiles import Tiles, add_options
from course_utils.experiments.tournament import BUDGETS, DATA, RATES, Setting, images, play
from course_utils.terminal import any_terminal

FILE = stored_path("tournament")
DEPTHS, WIDTHS = (3, 10, 20, 30, 50, 100), (32, 128)
SHORT, LONG = STEPS = BUDGETS["short"], BUDGETS["long"]
RULES = tuple(RATES)
PLAIN = ("relu", "leaky_relu", "tanh", "sigmoid", "selu", "gelu", "silu")


def grid(
    families: Iterable[str],
    depths: Iterable[int],
    widths: Iterable[int],
    steps: Iterable[int] = (SHORT,),
    data: Iterable[str] = ("MNIST",),
) -> list[Setting]:
    """Return the settings of all combinations, with both optimizers."""
    lists = product(families, depths, widths, RULES, steps, data)
    return [Setting(*one) for one in lists]


PLAN = [
    # contested: advice that was refuted, or that two sides claim
    *grid(["relu", "tanh"], (3, 10, 20, 30, 50), [32]),
    *grid(["relu"], (10, 30), [128]),
    *grid(["tanh"], [10], [128]),
    # what the advice needs: every family, from shallow to where it ends
    *grid(["sigmoid", "selu", "gelu", "silu", "leaky_relu"], (3, 10, 30), [32]),
    *grid(["residual", "residual, layer norm"], (10, 30), [32]),
    *grid(["transformer", "transformer, post-norm"], [2], [32]),
    *grid(["LSTM"], [1], [32]),
    *grid(["convolution"], (5, 10), [8]),
    *grid(["residual, batch norm"], [10], [32]),
    # what no advice may rest on: one data set, one width, one budget
    *grid(["relu", "tanh", "gelu"], (10, 30), [32], data=DATA[1:]),
    *grid(["relu", "tanh"], [10], [32], [LONG]),
    *grid(["relu", "tanh"], [30], [32], [LONG]),
    # where lines end: deeper, wider
    *grid(["sigmoid", "selu", "gelu", "silu"], [50], [32]),
    *grid(["tanh", "relu"], [100], [32]),
    *grid(["relu"], [20], [128]),
    *grid(["LSTM"], [2], [64]),
    *grid(["convolution"], [20], [8]),
    *grid(["sigmoid", "selu", "gelu", "silu"], [10], [128]),
    *grid(["tanh"], [30], [128]),
    *grid(["gelu", "selu"], [100], [32]),
    *grid(["residual, batch norm"], [30], [32]),
    *grid(["transformer", "transformer, post-norm"], [6], [32]),
    *grid(["tanh", "relu"], [50], [128]),
]

WIDE = [
    *grid(PLAIN, DEPTHS, (*WIDTHS, 256), STEPS, DATA),
    *grid(["residual", "residual, batch norm", "residual, layer norm"], DEPTHS, WIDTHS, STEPS),
    *grid(["convolution"], DEPTHS[:4], (8, 16), STEPS),
    *grid(["transformer", "transformer, post-norm"], (2, 6, 12), (32, 64), STEPS),
    *grid(["LSTM"], (1, 2), (32, 64), STEPS),
]


def tile(setting: Setting, device: str) -> list[dict]:
    """Play one setting, in whichever process: it gets the data by itself."""
    started = time.perf_counter()
    rows = play(setting, images(setting.data), device=device)
    print(f"{setting} took {time.perf_counter() - started:.0f} s", flush=True)
    return rows


def place(row: dict) -> tuple:
    """Return what tells a row from others: the setting and the contestant."""
    fields = Setting.__dataclass_fields__
    return *(row[name] for name in fields), row["contestant"]


def cost(setting: Setting) -> float:
    """Return about how long a setting takes, in steps of a layer of 32 units, all contestants."""
    per_layer = {"convolution": 7, "LSTM": 60, "residual": 5, "residual, layer norm": 6}
    per_layer |= {"residual, batch norm": 12, "transformer": 60, "transformer, post-norm": 60}
    width = 1 + (setting.width / 32) ** 2 / 4 if setting.family in PLAIN else 1
    return (6 + setting.depth * per_layer.get(setting.family, 1)) * width * setting.steps


def drawn(count: int, seed: int) -> list[Setting]:
    """Draw settings whose depths and widths lie between those of the grid."""
    draw, settings = random.Random(seed), []
    while len(settings) < count:
        family = draw.choice(list(FAMILIES))
        least, most = SPANS.get(family, (3, 50))
        depth = round(least * (most / least) ** draw.random())
        width = 2 * draw.randint(3, 7) if family == "convolution" else 4 * draw.randint(5, 24)
        setting = Setting(family, depth, width, draw.choice(RULES))
        if not {(s.depth, s.width) for s in PLAN if s.family == family} & {(depth, width)}:
            settings.append(setting)
    return settings


SPANS = {"LSTM": (1, 2), "convolution": (4, 16), "transformer": (2, 6)}
SPANS |= {"transformer, post-norm": (2, 6), "residual": (5, 30), "residual, layer norm": (5, 30)}
SPANS |= {"residual, batch norm": (5, 20)}


def report(rows: Sequence[dict], table: Sequence[Line]) -> None:
    """Print for each setting whether the advice of the table was the best or not told apart."""
    held = 0
    for setting, found in judge(rows).items():
        line = find(table, setting.family, setting.depth, setting.rule)
        advised = line.start if line else "no advice"
        holds = advised in found.not_told_apart
        held += holds
        points = f", {100 * found.behind[advised]:.1f} points behind" if line else ""
        best = found.winner + " (learns nothing)" * (found.winner in found.learn_nothing)
        where = astuple(setting)[:4]
        print(f"{'holds' if holds else 'FAILS'}  {where}: {advised}{points}; best: {best}")
    print(f"The advice is the best or not told apart from it in {held} of {len(judge(rows))}")


def arguments(line: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    add_options(parser, FILE)
    parser.add_argument("--device", default="cpu", help="where it is computed: cpu, cuda")
    parser.add_argument("--minutes", type=float, default=1e9, help="begin no setting after these")
    parser.add_argument("--wide", action="store_true", help="every combination of the grid")
    parser.add_argument("--random", type=int, help="draw so many settings between the grid's")
    parser.add_argument("--seed", type=int, default=0, help="of that draw")
    parser.add_argument("--family", nargs="+", choices=list(FAMILIES), help="play these instead")
    parser.add_argument("--depth", type=int, nargs="+", default=[10])
    parser.add_argument("--width", type=int, nargs="+", default=[32])
    parser.add_argument("--rule", nargs="+", choices=RULES, default=RULES)
    parser.add_argument("--steps", type=int, nargs="+", default=[SHORT])
    parser.add_argument("--data", nargs="+", choices=DATA, default=["MNIST"])
    return parser.parse_args(line)


def main(line: Sequence[str] | None = None) -> None:
    given = arguments(line)
    plan = [*PLAN, *WIDE] if given.wide else PLAN
    if given.family:
        lists = (given.family, given.depth, given.width, given.rule, given.steps, given.data)
        plan = [Setting(*one) for one in product(*lists)]
    if given.random:
        plan = drawn(given.random, given.seed)
        if given.file == FILE:
            raise SystemExit("--random plays for a file of its own: --file random_0.json")
    for name in sorted({setting.data for setting in plan}):
        if images(name).name != name:
            raise SystemExit(f"{name} was not found: set COURSE_DATA to a folder that holds it")
    tiles = Tiles(given, {"torch": torch.__version__.split("+")[0]}, place)
    there = {key[:-1] for key in tiles.rows}
    missing = [setting for setting in dict.fromkeys(plan) if astuple(setting) not in there]
    print(f"{len(plan) - len(missing)} of {len(plan)} settings are there already", flush=True)
    jobs = ((f"{one}", partial(tile, one, given.device), cost(one)) for one in missing)
    tiles.compute(jobs, given.minutes)
    if given.random:
        report(list(tiles.rows.values()), advise(stored("tournament")["rows"]))


if __name__ == "__main__":
    any_terminal()
    main()
