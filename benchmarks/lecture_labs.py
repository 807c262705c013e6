"""The lecture's two labs at the lecture's own settings, with several seeds: the table of 07 and 08.

Run ``python benchmarks/lecture_labs.py``, with the environment variable ``COURSE_DATA`` if MNIST
lies there; five seeds take about an hour on two quiet cores. Batches of 100, Adam with
learning rate 0.001, 15 epochs. What is stored already (`course_utils.experiments.stored`) is not
computed again: an interrupted run is continued, more seeds are added, ``--again`` starts anew.

- *xavier*: 784-256-256-10, nine initializations, trained side by side (same order of images);
- *deep_printed*: the deep lab as it runs when typed in: three layers, 784-512-512-512;
- *deep_meant*: the deep lab as declared, 784-512-512-512-512-10.

Seed s fixes the draw of the weights and the order of the images. Biases start at zero, with
PyTorch's default at PyTorch's. ``test_accuracy`` is measured after each epoch on pixels in [0, 1],
``unscaled`` after the last one on pixels in [0, 255], as the lecture does. ``steps_to_95`` is the
first multiple of 25 steps, within three epochs, at which 95 % of the first 2,000 test images are
right; null if there is none.
"""

from __future__ import annotations

import argparse
import statistics
import time

import torch
from stored_runs import earlier, mnist
from torch import nn

from course_utils.data import ImageData
from course_utils.experiments import stored_path
from course_utils.experiments.stored import as_text, write_whole
from course_utils.initializers import initialize_
from course_utils.networks import Ensemble, mlp
from course_utils.terminal import any_terminal
from course_utils.training import accuracy, fit, interrupts_passed_on

FILE = stored_path("lecture_labs")
EPOCHS, BATCH, LR = 15, 100, 0.001
LOOK_EVERY, LOOK_EPOCHS = 25, 3
LABS = {
    "xavier": [784, 256, 256, 10],
    "deep_printed": [784, 512, 512, 512],
    "deep_meant": [784, 512, 512, 512, 512, 10],
}
SCHEMES = {  # name in the file → scheme and options
    "zero": ("zero", {}),
    "normal": ("normal", {"std": 1.0}),
    "normal_001": ("normal", {"std": 0.01}),
    "uniform": ("uniform", {}),
    "pytorch_default": ("pytorch_default", {}),
    "xavier_uniform": ("xavier_uniform", {}),
    "he_normal": ("he_normal", {}),
    "lecun_normal": ("lecun_normal", {}),
    "orthogonal": ("orthogonal", {}),
}
TRAINED = {
    "xavier": list(SCHEMES),
    "deep_printed": ["xavier_uniform"],
    "deep_meant": ["xavier_uniform"],
}


def build(lab: str, name: str, seed: int) -> nn.Sequential:
    """Make one network of a lab."""
    scheme, options = SCHEMES[name]
    generator = torch.Generator().manual_seed(seed)
    return initialize_(mlp(LABS[lab]), scheme, generator=generator, **options)


def train(lab: str, seed: int, data: ImageData) -> list[dict]:
    """Train all networks of a lab for one seed, and return a row for each."""
    names = TRAINED[lab]
    ensemble = Ensemble([build(lab, name, seed) for name in names])
    images, labels = data.train_images, data.train_labels
    test = (data.test_images, data.test_labels)
    look_until, reached = LOOK_EPOCHS * (len(images) // BATCH), [None] * len(names)

    def look(step: int, loss: torch.Tensor) -> None:
        if step % LOOK_EVERY == 0 and step <= look_until and None in reached:
            for i, value in enumerate(accuracy(ensemble, *(t[:2000] for t in test))):
                if reached[i] is None and value >= 0.95:
                    reached[i] = step

    options = {"epochs": EPOCHS, "batch_size": BATCH, "lr": LR, "seed": seed, "after_step": look}
    histories = fit(ensemble, images, labels, test=test, **options)
    unscaled = accuracy(ensemble, test[0] * 255, test[1])
    return [
        {
            "lab": lab,
            "scheme": name,
            "seed": seed,
            "outcome": history.outcome,
            "test_accuracy": [round(value, 4) for value in history.test_accuracy],
            "unscaled": round(unscaled[i], 4),
            "steps_to_95": reached[i],
        }
        for i, (name, history) in enumerate(zip(names, histories, strict=True))
    ]


def report(runs: list[dict]) -> None:
    """Print mean and std over seeds of every lab and scheme."""
    print(f"{'lab':<13} {'scheme':<16} seeds  epoch 1           epoch {EPOCHS:<10} steps to 95 %")
    for lab, names in TRAINED.items():
        for name in names:
            rows = [run for run in runs if (run["lab"], run["scheme"]) == (lab, name)]
            if len(rows) < 2:
                continue
            columns = [[row["test_accuracy"][i] for row in rows] for i in (0, -1)]
            cells = [f"{statistics.fmean(c):.4f} ± {statistics.stdev(c):.4f}" for c in columns]
            steps = [row["steps_to_95"] for row in rows]
            text = "never" if None in steps else f"{statistics.fmean(steps):.0f}"
            print(f"{lab:<13} {name:<16} {len(rows):<6} {cells[0]:<17} {cells[1]:<16} {text}")


@interrupts_passed_on()  # what was interrupted is no row
def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seeds", type=int, default=5, help="seeds 0 to this number, less one")
    parser.add_argument("--again", action="store_true", help="forget what is stored")
    arguments = parser.parse_args()
    data = mnist()
    runs = earlier(FILE, "runs", again=arguments.again)
    done = {(run["lab"], run["seed"]) for run in runs}
    setting = {"data": data.name, "epochs": EPOCHS, "batch_size": BATCH, "optimizer": "Adam"}
    setting |= {"lr": LR, "torch": torch.__version__.split("+")[0]}
    for lab in LABS:
        for seed in range(arguments.seeds):
            if (lab, seed) in done:
                continue
            started = time.perf_counter()
            runs += train(lab, seed, data)
            write_whole(FILE, as_text(setting, runs=runs))
            print(f"{lab}, seed {seed}: {time.perf_counter() - started:.0f} s")
    report(runs)


if __name__ == "__main__":
    any_terminal()
    main()
