"""The lecture's table of schemes as measured facts: accuracy, data needed, cost, depth reached.

Run ``python benchmarks/schemes_table.py``, with the environment variable ``COURSE_DATA`` if MNIST
lies there; it takes about 40 minutes of one quiet core. What is stored already
(`course_utils.experiments.stored`) is not computed again: an interrupted run is continued,
``--again`` starts anew, ``--report`` only prints what is stored.

Networks of 4, 20 and 50 weight layers, 784-100-…-100-10, tanh and ReLU, biases zero. Adam, batches
of 100, one epoch of the first 50,000 training images (500 steps). Each scheme, activation and depth
is trained with five learning rates from seed 0; the rate that is best on the last 10,000 training
images is taken for seeds 1 to 4 too. ``test`` is measured on the 10,000 test images after the last
step. Seed s fixes the draw of the weights and the order of the images.

The costs are medians: seconds to initialize the network (with LSUV: on 1,024 images), and seconds
of one training step of that network by itself. They are taken at the end, one after the other.
"""

from __future__ import annotations

import argparse
import math
import statistics
import time

import torch
from stored_runs import earlier, mnist
from torch import nn

from course_utils.data import ImageData
from course_utils.experiments import interval, rows_with, stored_path
from course_utils.experiments.stored import as_text, write_whole
from course_utils.initializers import initialize_, looks_linear_, lsuv_
from course_utils.networks import Ensemble, mlp, one_thread
from course_utils.terminal import any_terminal
from course_utils.training import accuracy, fit, interrupts_passed_on

FILE = stored_path("schemes_table")
DEPTHS, WIDTH, BATCH, STEPS, HELD_OUT = (4, 20, 50), 100, 100, 500, 10_000
RATES, SEEDS, LSUV_BATCH = (1e-4, 3e-4, 1e-3, 3e-3, 1e-2), 5, 1024
PLAIN = {  # name in the file → scheme and options; the gain of "orthogonal" is √2 for ReLU
    "normal_001": ("normal", {"std": 0.01}),
    "pytorch_default": ("pytorch_default", {}),
    "lecun_normal": ("lecun_normal", {}),
    "xavier_normal": ("xavier_normal", {}),
    "he_normal": ("he_normal", {}),
    "orthogonal": ("orthogonal", {}),
}
NORMALIZED = {"batch_norm": "batch", "layer_norm": "layer"}  # before the activation
SCHEMES = {  # what is trained side by side, and what one by one
    "tanh": ([*PLAIN, "lsuv"], list(NORMALIZED)),
    "relu": ([*PLAIN, "lsuv", "looks_linear"], list(NORMALIZED)),
}
IMAGES_NEEDED = {"lsuv": f"{LSUV_BATCH} images", "batch_norm": "each batch"}  # the others: none


def make(name: str, activation: str, depth: int) -> nn.Sequential:
    """Make the network that a scheme is for, with torch's own weights."""
    sizes = [784] + [WIDTH] * (depth - 1) + [10]
    return mlp(sizes, activation, normalization=NORMALIZED.get(name))


def start(network: nn.Sequential, name: str, activation: str, seed: int, data: ImageData):
    """Initialize a network in place, and return it."""
    generator = torch.Generator().manual_seed(seed)
    if name == "lsuv":
        images = data.train_images[:-HELD_OUT]
        lsuv_(network, images, batch=LSUV_BATCH, generator=generator)
        return network
    if name == "looks_linear":
        return looks_linear_(network, generator=generator)
    scheme, options = PLAIN.get(name, ("pytorch_default", {}))
    if scheme == "orthogonal" and activation == "relu":
        options = {"gain": math.sqrt(2)}
    return initialize_(network, scheme, generator=generator, **options)


def train(names: list[str], activation: str, depth: int, rate: float, seed: int, data) -> list:
    """Train networks of one architecture side by side, and return a row for each."""
    networks = [start(make(n, activation, depth), n, activation, seed, data) for n in names]
    whole = networks[0] if names[0] in NORMALIZED else Ensemble(networks)
    options = {"steps": STEPS, "batch_size": BATCH, "lr": rate, "seed": seed, "log": None}
    images, labels = data.train_images, data.train_labels
    done = fit(whole, images[:-HELD_OUT], labels[:-HELD_OUT], **options, log=None)
    held_out = accuracy(whole, images[-HELD_OUT:], labels[-HELD_OUT:])
    test = accuracy(whole, data.test_images, data.test_labels)
    columns = [[x] if names[0] in NORMALIZED else x for x in (done, held_out, test)]
    key = {"activation": activation, "depth": depth, "rate": rate, "seed": seed}
    return [
        {
            "scheme": name,
            **key,
            "outcome": h.outcome,
            "validation": round(v, 4),
            "test": round(t, 4),
        }
        for name, h, v, t in zip(names, *columns, strict=True)
    ]


def best_rate(runs: list[dict], name: str, activation: str, depth: int) -> float | None:
    """Return the rate that was best on the held-out images from seed 0, if all were tried."""
    tried = {run["rate"]: run["validation"] for run in of(runs, name, activation, depth, seed=0)}
    return max(tried, key=tried.get) if len(tried) == len(RATES) else None


def of(runs: list[dict], name: str, activation: str, depth: int, **more) -> list[dict]:
    """Return the stored runs of one scheme, activation and depth."""
    return rows_with(runs, scheme=name, activation=activation, depth=depth, **more)


def chosen(runs: list[dict], name: str, activation: str, depth: int) -> list[dict]:
    """Return the runs, one a seed, with the rate chosen."""
    rate = best_rate(runs, name, activation, depth)
    return of(runs, name, activation, depth, rate=rate)


def cost(name: str, activation: str, depth: int, data: ImageData) -> dict:
    """Measure seconds of one initialization and of one training step: medians of 7 and of 15."""
    starts, marks = [], []
    network = make(name, activation, depth)
    for seed in range(7):
        begun = time.perf_counter()
        start(network, name, activation, seed, data)
        starts.append(time.perf_counter() - begun)
    options = {"steps": 20, "batch_size": BATCH, "log": None}
    after = {"after_step": lambda step, loss: marks.append(time.perf_counter())}
    fit(network, data.train_images, data.train_labels, **options, **after)
    steps = [later - sooner for sooner, later in zip(marks[4:-1], marks[5:], strict=True)]
    seconds = {"start": statistics.median(starts), "step": statistics.median(steps)}
    key = {"scheme": name, "activation": activation, "depth": depth}
    return key | {k: float(f"{v:.3g}") for k, v in seconds.items()}


def report(runs: list[dict], costs: list[dict]) -> None:
    """Print the table: mean and 95 % interval of the test accuracy, in percent, and the costs."""
    for activation, groups in SCHEMES.items():
        print(f"\n{activation:<16} " + "".join(f"{f'depth {d}':>16}" for d in DEPTHS), end="")
        print("   deepest above 90 %   start / step at 50   images needed")
        for name in groups[0] + groups[1]:
            cells, deepest = [], 0
            for depth in DEPTHS:
                tests = [run["test"] for run in chosen(runs, name, activation, depth)]
                if len(tests) < SEEDS:
                    cells.append("…")
                    continue
                middle, half = interval(tests)
                cells.append(f"{100 * middle:.1f} ± {100 * half:.1f}")
                deepest = depth if min(tests) > 0.9 else deepest
            row = of(costs, name, activation, 50)
            text = f"{row[0]['start'] / row[0]['step']:.2f}" if row else "…"
            print(f"{name:<16} " + "".join(f"{c:>16}" for c in cells), end="")
            print(f"{deepest:>20}   {text:>18}   {IMAGES_NEEDED.get(name, 'none')}")


def jobs(runs: list[dict], activation: str, depth: int):
    """Yield what is still to train: names of one architecture, a rate and a seed."""
    together, alone = SCHEMES[activation]
    groups = [together, *([name] for name in alone)]
    for seed in range(SEEDS):
        for rate in RATES:
            for names in groups:
                wanted = [
                    name
                    for name in names
                    if (seed == 0 or best_rate(runs, name, activation, depth) == rate)
                    and not of(runs, name, activation, depth, rate=rate, seed=seed)
                ]
                if wanted:
                    yield wanted, rate, seed


@interrupts_passed_on()  # what was interrupted is no row
def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--again", action="store_true", help="forget what is stored")
    parser.add_argument("--report", action="store_true", help="print what is stored and stop")
    arguments = parser.parse_args()
    runs, costs = (earlier(FILE, table, again=arguments.again) for table in ("runs", "costs"))
    if arguments.report:
        return report(runs, costs)
    data = mnist()
    setting = {"data": data.name, "width": WIDTH, "steps": STEPS, "batch_size": BATCH}
    setting |= {"optimizer": "Adam", "rates": RATES, "torch": torch.__version__.split("+")[0]}
    with one_thread():
        for depth in DEPTHS:
            for activation in SCHEMES:
                for names, rate, seed in jobs(runs, activation, depth):
                    begun = time.perf_counter()
                    runs += train(names, activation, depth, rate, seed, data)
                    write_whole(FILE, as_text(setting, runs=runs, costs=costs))
                    spent = f"{time.perf_counter() - begun:.0f} s"
                    print(
                        f"depth {depth}, {activation}, seed {seed}, {rate:g}: {spent}", flush=True
                    )
        for depth in DEPTHS:
            for activation, groups in SCHEMES.items():
                for name in groups[0] + groups[1]:
                    if not of(costs, name, activation, depth):
                        costs.append(cost(name, activation, depth, data))
                        write_whole(FILE, as_text(setting, runs=runs, costs=costs))
    report(runs, costs)


if __name__ == "__main__":
    any_terminal()
    main()
