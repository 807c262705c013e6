"""Table 1 of Glorot & Bengio (2010), played again: five hidden layers, with "N" and without.

"Understanding the difficulty of training deep feedforward neural networks" compares tanh, softsign
and sigmoid networks that begin as was usual (eq. 1) with the same networks begun by the normalized
initialization (N, eq. 16), which is Xavier's uniform scheme. `PAPER` holds its test errors; `play`
measures them again.

As in the paper: five hidden layers of one width; biases 0; cross-entropy; stochastic gradient
descent without momentum, 10 images a step; a fixed learning rate for each contestant, the best on
images held out from training; test error at the end.

Not as in the paper: 100 units a layer in place of 1,000; 12,000 steps in place of 5 million;
Shapeset-3×2 (`data.shapeset`) from 50,000 training images in place of an endless stream; five new
seeds, so that there are intervals; sigmoid with N too. The digits are ours, CIFAR-10 and
Small-ImageNet are left out. Pixels lie in [0, 1], those of Shapeset in [-1, 1], as in the example
that comes with the paper's generator (github.com/glorotxa/Shapeset).

Tuning follows the tournament: from seed 0 each contestant tries the five rates of `RATES`, and
while its best is the first or the last, the next beyond, at most `BEYOND` times at either end.
Within a seed all see the same batches, and N and standard begin with the same random numbers, at
two scales.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import torch
from torch import Generator, Tensor, nn

from course_utils.data import ImageData, shapeset
from course_utils.experiments import tournament
from course_utils.experiments.contestants import classes
from course_utils.experiments.tournament import (
    BEYOND,
    HELD_OUT,
    Result,
    beyond,
    measure,
    no_denormals,
    rate_at,
)
from course_utils.generators import seeded
from course_utils.initializers import initialize_
from course_utils.names import which
from course_utils.networks import Ensemble, mlp, one_thread, ordinary_torch
from course_utils.training import MemberRates, fit, interrupts_passed_on

DEPTH, WIDTH, STEPS, BATCH_SIZE = 5, 100, 12_000, 10
SEEDS = (1, 2, 3, 4, 5)
RATES = range(-4, 1)
"""The exponents k tried first: rates 10^(k/2), from 0.01 to 1."""

ACTIVATIONS = {"tanh": nn.Tanh, "softsign": nn.Softsign, "sigmoid": nn.Sigmoid}


def standard_(weight: Tensor, *, generator: Generator) -> Tensor:
    """Fill a weight (fan_out, fan_in) from U(-1/√fan_in, 1/√fan_in): the paper's eq. 1."""
    bound = 1 / math.sqrt(weight.shape[1])
    return nn.init.uniform_(weight, -bound, bound, generator=generator)


STARTS = {"standard": standard_, "N": "xavier_uniform"}

PAPER = {
    "MNIST": {
        "tanh": {"standard": 1.76, "N": 1.64},
        "softsign": {"standard": 1.64, "N": 1.72},
        "sigmoid": {"standard": 2.21},
    },
    "Shapeset-3×2": {
        "tanh": {"standard": 27.15, "N": 15.60},
        "softsign": {"standard": 16.27, "N": 16.06},
        "sigmoid": {"standard": 82.61},
    },
}
"""Test error, %, in Table 1 of the paper: data → activation → start."""


def in_the_paper(row: dict) -> float:
    """Return what `PAPER` has for the contestant of a row as `play` returns it; nan for nothing."""
    return PAPER.get(row["data"], {}).get(row["activation"], {}).get(row["start"], math.nan)


def images(name: str) -> ImageData:
    """Return a data set of `tournament.DATA`, Shapeset-3×2 larger and in [-1, 1] here."""
    return _shapes() if name == "Shapeset-3×2" else tournament.images(name)


@cache
def _shapes() -> ImageData:
    drawn = shapeset(60_000, 10_000, seed=0)  # 50,000 are left when a sixth is held out
    train, test = (2 * pixels - 1 for pixels in (drawn.train_images, drawn.test_images))
    return ImageData(train, drawn.train_labels, test, drawn.test_labels, drawn.name)


@ordinary_torch()
def play(
    activation: str,
    data: ImageData,
    *,
    width: int = WIDTH,
    steps: int = STEPS,
    seeds: Sequence[int] = SEEDS,
) -> list[dict]:
    """Tune and train the networks of one activation, with both starts; return a row for each.

    Parameters
    ----------
    activation
        A key of `ACTIVATIONS`.
    data
        The images; the last sixth of those for training chooses the learning rate.
    width, steps
        Units of a hidden layer, and training steps.
    seeds
        Of the runs at the chosen rate.

    Returns
    -------
    list of dict
        ``data``, ``activation``, ``start``, ``rate``, ``at_the_end`` (whether the rate is the last
        that may be tried), ``tried`` (pairs: rate, held-out error in %), ``diverged`` (how many
        seeds; they count as guesses), and ``error`` (test error in %) and ``loss``, one number a
        seed. One thread computes it: the same on any number of cores.

    Raises
    ------
    ValueError
        If there is no such activation.
    KeyboardInterrupt
        If it was interrupted: half a row is none.
    """
    if activation not in ACTIVATIONS:
        raise ValueError(f"unknown activation {activation!r}: {which(activation, ACTIVATIONS)}")
    trial = _Trial(activation, data, width, steps)
    with one_thread(), interrupts_passed_on(), no_denormals():
        tried = _tune(trial)
        best = {start: max(results, key=results.get) for start, results in tried.items()}
        races = [trial.train([*best.items()], seed, test=True) for seed in seeds]
    rows = []
    for start, k in best.items():
        results = [race[start, k] for race in races]
        rows.append(
            {
                "data": data.name,
                "activation": activation,
                "start": start,
                "rate": rate_at(k),
                "at_the_end": k in ENDS,
                "tried": [[rate_at(j), _percent(tried[start][j][0])] for j in sorted(tried[start])],
                "diverged": sum(result.diverged for result in results),
                "error": [_percent(result.accuracy) for result in results],
                "loss": [float(f"{result.loss:.4g}") for result in results],
            }
        )
    return rows


ENDS = (RATES[0] - BEYOND, RATES[-1] + BEYOND)


def _percent(accuracy: float) -> float:
    return round(100 * (1 - accuracy), 2)


def _tune(trial: _Trial) -> dict[str, dict[int, tuple]]:
    """Return what each start reached at each exponent tried: (held-out accuracy, minus loss)."""
    tried: dict[str, dict[int, tuple]] = {start: {} for start in STARTS}
    wanted = {start: [*RATES] for start in STARTS}
    while runs := [(start, k) for start, ks in wanted.items() for k in ks]:
        for (start, k), result in trial.train(runs, seed=0, test=False).items():
            tried[start][k] = (result.accuracy, -result.loss)
        wanted = {start: beyond(results, ENDS) for start, results in tried.items()}
    return tried


@dataclass(frozen=True)
class _Trial:
    activation: str
    data: ImageData
    width: int
    steps: int

    def train(
        self, runs: list[tuple[str, int]], seed: int, *, test: bool
    ) -> dict[tuple[str, int], Result]:
        """Train networks side by side, each a start and the exponent of a rate; measure them."""
        runs = sorted(runs, key=lambda run: run[1])  # equal rates stand together: quicker
        whole = Ensemble([self._network(start, seed) for start, _ in runs])

        def rule(parameters: list[nn.Parameter]) -> MemberRates:
            rates = [[rate_at(k)] * len(parameters) for _, k in runs]
            return MemberRates(parameters, rates, _plain_sgd)

        images, labels = self.data.train_images, self.data.train_labels
        kept = len(images) - int(HELD_OUT * len(images))
        options = {"steps": self.steps, "batch_size": BATCH_SIZE, "seed": seed, "log": None}
        histories = fit(whole, images[:kept], labels[:kept], optimizer=rule, **options)
        finished = [history.outcome == "finished" for history in histories]
        held_out = images[kept:], labels[kept:]
        part = (self.data.test_images, self.data.test_labels) if test else held_out
        return dict(zip(runs, measure(whole, *part, finished), strict=True))

    def _network(self, start: str, seed: int) -> nn.Module:
        pixels = self.data.train_images.shape[1]
        sizes = [pixels, *[self.width] * DEPTH, classes(self.data)]
        with torch.random.fork_rng(devices=[]):  # torch's own weights, replaced at once
            network = mlp(sizes, ACTIVATIONS[self.activation])
        return initialize_(network, STARTS[start], generator=seeded(seed))


def _plain_sgd(tensors: list[Tensor], lr: float) -> torch.optim.Optimizer:
    return torch.optim.SGD(tensors, lr=lr, fused=True)
