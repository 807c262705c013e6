"""What training does to the true likelihood of an RBM, and what the usual metrics say: notebook 03.

Run ``python benchmarks/rbm_likelihood.py``, with the environment variable ``COURSE_DATA`` if MNIST
lies there; a seed takes about six minutes of one quiet thread. What is stored already
(`course_utils.experiments.stored`) is not computed again: an interrupted run is continued, more
seeds are added, ``--again`` starts anew.

784 visible and 500 hidden units, 60,000 images, batches of 100, 20 epochs, learning rate 0.05, no
momentum and no weight decay, weights from N(0, 0.01²), visible biases from the data's log-odds:

- *CD-1*: contrastive divergence at a constant rate;
- *PCD-1*: 100 persistent chains; the rate falls linearly from 0.05 to 0 over the 20 epochs.

All images are binarized once: a pixel is 1 with its grey value as probability, drawn with seed 0.
So training and test images are of one kind, and the model gives them a probability. Seed s fixes
the weights, the order of the images and the chains.

A row holds, after each of the epochs ``epochs``: ``test`` and ``train``, the mean log-likelihood
(nats an image) of the 10,000 test and of the first 10,000 training images, log Z by annealing both
ways (`course_utils.boltzmann.two_way_log_partition`, 100 chains and 1,000 temperatures each way);
``error``, its standard deviation; ``least`` and ``most``, the ends between which the two ways leave
``test``. The way down starts from chains after 1,000 Gibbs steps from PCD's particles, or for CD
from training images, and is worth as much as these are samples of the model. ``pseudo`` is the
pseudo-log-likelihood over all bits of the first 1,000 test images (nats an image);
``reconstruction``, the mean squared error a pixel on the test images; ``gap``, the mean free energy
of the test images less that of the training images.
"""

from __future__ import annotations

import argparse
import statistics
import time

import torch
from stored_runs import earlier, mnist
from torch import Tensor

from course_utils.boltzmann import RBM, TwoWayLogPartition, two_way_log_partition
from course_utils.experiments import stored_path
from course_utils.experiments.stored import as_text, write_whole
from course_utils.terminal import any_terminal
from course_utils.training import interrupts_passed_on

FILE = stored_path("rbm_likelihood")
HIDDEN, BATCH, RATE = 500, 100, 0.05
MEASURED = (1, 2, 3, 5, 10, 15, 20)  # epochs
CHAINS, TEMPERATURES, STEPS = 100, 1000, 1000
ARMS = {  # name in the file → options of RBM.fit
    "CD-1": {"k": 1, "lr": RATE},
    "PCD-1": {"k": 1, "persistent": True, "lr": (RATE, 0.0)},
}


def binarized(images: Tensor) -> Tensor:
    """Draw each pixel as 0 or 1, with its grey value as probability; the same at each call."""
    return torch.bernoulli(images, generator=torch.Generator().manual_seed(0))


def both_ways(rbm: RBM, train: Tensor) -> TwoWayLogPartition:
    """Estimate log Z of a model that has learned, and leave its generator as it was."""
    chains, state = rbm.learner.chains, rbm.generator.get_state()
    samples = rbm.sample(CHAINS, STEPS, start=train[:CHAINS] if chains is None else chains)
    rbm.generator.set_state(state)
    return two_way_log_partition(rbm, train, samples, n_temperatures=TEMPERATURES, log=None)


def metrics(rbm: RBM, train: Tensor, test: Tensor) -> dict[str, float]:
    """Measure a model: what a row holds for one epoch."""
    log_z = both_ways(rbm, train)
    free_test, free_train = (rbm.free_energy(v).mean().item() for v in (test, train[: len(test)]))
    return {
        "test": -free_test - log_z.value,
        "train": -free_train - log_z.value,
        "error": log_z.error,
        "least": -free_test - log_z.high,
        "most": -free_test - log_z.low,
        "pseudo": rbm.pseudo_log_likelihood(test[:1000], exact=True).mean().item(),
        "reconstruction": (rbm.reconstruct(test) - test).square().mean().item(),
        "gap": free_test - free_train,
    }


def train_and_measure(arm: str, seed: int, train: Tensor, test: Tensor) -> dict:
    """Train one model and return its row."""
    rbm, measured = RBM(train.shape[1], HIDDEN, seed=seed), []

    def measure(epoch: int) -> None:
        if epoch in MEASURED:
            measured.append(metrics(rbm, train, test))

    plain = {"momentum": 0.0, "weight_decay": 0.0, "batch_size": BATCH, "log": None}
    options = {"epochs": MEASURED[-1], "after_epoch": measure, **plain, **ARMS[arm]}
    history = rbm.fit(train, **options)
    row = {"arm": arm, "seed": seed, "outcome": history.outcome, "epochs": MEASURED}
    return row | {name: [round(m[name], 5) for m in measured] for name in measured[0]}


def report(runs: list[dict]) -> None:
    """Print the means over seeds of every arm."""
    names = ("test", "train", "error", "least", "most", "pseudo", "reconstruction", "gap")
    print(f"{'arm':<6} {'seeds':<6}{'epoch':<6}" + "".join(f"{name:>15}" for name in names))
    for arm in ARMS:
        rows = [run for run in runs if run["arm"] == arm]
        for i, epoch in enumerate(MEASURED if rows else ()):
            means = [statistics.fmean(row[name][i] for row in rows) for name in names]
            cells = "".join(f"{mean:>15.4g}" for mean in means)
            print(f"{arm:<6} {len(rows):<6}{epoch:<6}{cells}")


@interrupts_passed_on()  # what was interrupted is no row
def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seeds", type=int, default=3, help="seeds 0 to this number, less one")
    parser.add_argument("--again", action="store_true", help="forget what is stored")
    arguments = parser.parse_args()
    data = mnist()
    train, test = binarized(data.train_images), binarized(data.test_images)
    runs = earlier(FILE, "runs", again=arguments.again)
    setting = {"data": "MNIST, binarized", "hidden": HIDDEN, "batch_size": BATCH}
    setting |= {"lr": RATE, "torch": torch.__version__.split("+")[0]}
    done = {(run["arm"], run["seed"]) for run in runs}
    for seed in range(arguments.seeds):
        for arm in ARMS:
            if (arm, seed) not in done:
                started = time.perf_counter()
                runs.append(train_and_measure(arm, seed, train, test))
                write_whole(FILE, as_text(setting, runs=runs))
                print(f"{arm}, seed {seed}: {time.perf_counter() - started:.0f} s", flush=True)
    report(runs)


if __name__ == "__main__":
    any_terminal()
    main()
