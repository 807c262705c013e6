"""Which start wins? A tournament: every contestant at its own learning rate, with new seeds.

The rules, written before the first run:

1. **Setting.** A family of networks, a depth, a width, an optimizer, a number of steps and a data
   set. All contestants of the family take part (`contestants.FAMILIES`).
2. **Training.** Cross-entropy, batches of `BATCH_SIZE`, a fixed rate; stochastic gradient descent
   with momentum 0.9, or Adam. Nothing else: no decay, no clipping, no warm-up, no augmentation.
3. **Tuning.** The last sixth of the training images is held out. With seed 0 every contestant tries
   the five rates of `RATES`; while its best rate is the first or the last that it tried, it tries
   the next beyond, at most `BEYOND` times at either end. The rate of the best held-out accuracy is
   taken, of equal ones that with the smaller held-out loss.
4. **Race.** At this rate it is trained from `SEEDS` (1 to 5): other draws, other batches. What
   counts is the accuracy on test images after the last step; the loss is noted too.
5. **Accidents.** A run whose loss is not finite counts as one that guesses, and is counted. No run
   is dropped.
6. **Verdict** (`verdict`). The winner has the best mean accuracy. A contestant is *told apart* from
   it if a paired t-test over the seeds says so at 5 %, with Holm's correction for all comparisons
   of the setting. It *learns nothing* if its mean does not pass the most frequent class's share by
   `NOTHING`.

Within a seed all contestants see the same batches. At most `IMAGES` images measure an accuracy, the
first of each part: held out and test. Weights are drawn on the CPU: the same on any device.
"""

from __future__ import annotations

import copy
import math
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import cache

import numpy as np
import torch
import torch.nn.functional as F
from scipy import stats
from torch import Tensor, nn

from course_utils.data import ImageData, load_mnist, shapeset
from course_utils.experiments.contestants import FAMILIES
from course_utils.generators import seeded
from course_utils.names import which
from course_utils.networks import Ensemble, mode, one_thread, ordinary_torch
from course_utils.training import MemberRates, fit, interrupts_passed_on

BATCH_SIZE, IMAGES, HELD_OUT = 64, 2000, 1 / 6
SEEDS = (1, 2, 3, 4, 5)
RATES = {"sgd": range(-6, -1), "adam": range(-8, -3)}
"""Rule → the exponents k tried first: rates 10^(k/2), so that two steps are a factor of ten."""

BEYOND = 3
BUDGETS = {"short": 150, "long": 1000}
"""Name of a budget → training steps."""

LEVEL, NOTHING = 0.05, 0.05

DATA = ("MNIST", "digits", "Shapeset-3×2")
"""The data sets: handwriting twice, large and small, and shapes (`data.shapeset`)."""


def images(name: str) -> ImageData:
    """Return a data set of the tournament; in place of an MNIST that is not there, the digits.

    It is kept, until ``COURSE_DATA`` names another place. Raises ValueError for a name that is not
    in `DATA`.
    """
    if name not in DATA:
        raise ValueError(f"unknown data {name!r}: {which(name, DATA)}")
    if name == "Shapeset-3×2":
        return _shapes()
    return _digits() if name == "digits" else _mnist(os.environ.get("COURSE_DATA"))


@cache
def _shapes() -> ImageData:
    return shapeset(seed=0)


@cache
def _digits() -> ImageData:
    return load_mnist("digits", log=None)


@cache
def _mnist(place: str | None) -> ImageData:
    """Return what `load_mnist` finds while ``COURSE_DATA`` is `place`."""
    return load_mnist(log=None)


@dataclass(frozen=True)
class Setting:
    """One setting of the tournament.

    Attributes
    ----------
    family
        A key of `contestants.FAMILIES`.
    depth, width
        As the family counts them: at least 2 (of plain stacks) and 1.
    rule
        ``"sgd"`` (momentum 0.9) or ``"adam"``.
    steps
        Training steps.
    data
        The name of the data set.
    """

    family: str
    depth: int
    width: int
    rule: str = "adam"
    steps: int = BUDGETS["short"]
    data: str = "MNIST"

    def __post_init__(self) -> None:
        """Raise ValueError for a family or a rule that there is not, or an impossible number."""
        for name, value, known in (
            ("family", self.family, FAMILIES),
            ("rule", self.rule, RATES),
        ):
            if value not in known:
                raise ValueError(f"unknown {name} {value!r}: {which(value, known)}")
        for name, least in {"depth": 1, "width": 1, "steps": 1}.items():
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or value < least:
                raise ValueError(
                    f"{name} must be a whole number of at least {least}, got {value!r}"
                )


@dataclass(frozen=True)
class Result:
    """What one trained network does on images that it was not trained on."""

    accuracy: float
    loss: float
    diverged: bool


@ordinary_torch()
def play(
    setting: Setting,
    data: ImageData,
    *,
    seeds: Sequence[int] = SEEDS,
    only: Iterable[str] | None = None,
    device: torch.device | str = "cpu",
) -> list[dict]:
    """Play one setting by the rules; return a row for each contestant, in the family's order.

    Parameters
    ----------
    setting
        What is played.
    data
        The images: ``data.name`` must be ``setting.data``.
    seeds
        Of the race; two or more for a verdict.
    only
        Names of contestants, all of the family's if not given.
    device
        Where the training is computed.

    Returns
    -------
    list of dict
        The setting's entries, ``contestant``, ``rate``, ``at_the_end`` (whether the rate is the
        last that the rules allow), ``diverged`` (how many of the seeds), and ``accuracy`` and
        ``loss``, one number a seed. One thread computes it: the same on any number of cores.

    Raises
    ------
    ValueError
        If the data are not the setting's, or a contestant is not the family's.
    KeyboardInterrupt
        If it was interrupted: half a race is no row.
    """
    if data.name != setting.data:
        raise ValueError(f"the setting is about {setting.data}, the images are {data.name}")
    names = list(FAMILIES[setting.family].contestants(setting.depth))
    if only is not None:
        unknown = [name for name in only if name not in names]
        if unknown:
            known = ", ".join(names)
            raise ValueError(f"no contestant {unknown[0]!r} in {setting.family!r}: one of {known}")
        names = [name for name in names if name in set(only)]
    arena = _Arena(setting, data, device)
    with one_thread(), interrupts_passed_on(), no_denormals():
        tried = _tune(arena, names, setting.rule)
        best = {name: max(results, key=results.get) for name, results in tried.items()}
        races = [arena.train(best, seed, test=True) for seed in seeds]
    ends = _ends(setting.rule)
    return [
        {
            **asdict(setting),
            "contestant": name,
            "rate": rate_at(best[name]),
            "at_the_end": best[name] in ends,
            "diverged": sum(race[name].diverged for race in races),
            "accuracy": [round(race[name].accuracy, 4) for race in races],
            "loss": [float(f"{race[name].loss:.4g}") for race in races],
        }
        for name in names
    ]


def _tune(arena: _Arena, names: list[str], rule: str) -> dict[str, dict[int, tuple]]:
    """Return what each contestant reached at each exponent tried: (accuracy, minus loss)."""
    tried: dict[str, dict[int, tuple]] = {name: {} for name in names}
    wanted = dict.fromkeys(names, [*RATES[rule]])
    while any(wanted.values()):
        for k in sorted({k for ks in wanted.values() for k in ks}):
            at = {name: k for name, ks in wanted.items() if k in ks}
            for name, result in arena.train(at, seed=0, test=False).items():
                tried[name][k] = (result.accuracy, -result.loss)
        wanted = {name: beyond(results, _ends(rule)) for name, results in tried.items()}
    return tried


def beyond(tried: dict[int, tuple], ends: tuple[int, int]) -> list[int]:
    """Return the exponent beyond, if the best of those tried stands at an end short of ``ends``."""
    best = max(tried, key=tried.get)
    if best in ends:
        return []
    return [best - 1] if best == min(tried) else [best + 1] if best == max(tried) else []


def _ends(rule: str) -> tuple[int, int]:
    return RATES[rule][0] - BEYOND, RATES[rule][-1] + BEYOND


def rate_at(k: int) -> float:
    """Return the learning rate of an exponent: two steps are a factor of ten."""
    return float(f"{10 ** (k / 2):.2g}")


class _Arena:
    """Trains contestants of one setting side by side, those of one architecture as an ensemble."""

    def __init__(self, setting: Setting, data: ImageData, device: torch.device | str) -> None:
        self.setting, self.data, self.device = setting, data, torch.device(device)
        self.family = FAMILIES[setting.family]
        self.starts = self.family.contestants(setting.depth)
        images, labels = data.train_images, data.train_labels
        kept = len(images) - int(HELD_OUT * len(images))
        self.drawn = images[:kept]  # what a start may look at, on the CPU
        parts = (images[:kept], labels[:kept]), (images[kept:], labels[kept:])
        parts = (*parts, (data.test_images, data.test_labels))
        parts = parts[0], *((x[:IMAGES], y[:IMAGES]) for x, y in parts[1:])
        self.train_part, self.held_out, self.test = (
            (x.to(self.device), y.to(self.device)) for x, y in parts
        )
        self.started: dict[tuple[str, int], nn.Module] = {}

    def network(self, name: str, seed: int) -> nn.Module:
        """Return a network as this contestant starts it; drawn once for all rates."""
        if (name, seed) not in self.started:
            generator = seeded(seed)
            with torch.random.fork_rng(devices=[]):  # torch's own weights, replaced at once
                network = self.family.make(self.setting.depth, self.setting.width, self.data)
            self.starts[name](network, self.drawn, generator)
            self.started[name, seed] = network
        return copy.deepcopy(self.started[name, seed])

    def train(self, exponents: dict[str, int], seed: int, *, test: bool) -> dict[str, Result]:
        """Train each contestant at the rate of its exponent; measure it on one of the parts."""
        by_rate = sorted(exponents, key=exponents.get)  # equal rates side by side: quicker
        groups: dict[object, list[tuple[str, nn.Module]]] = {}
        for name in by_rate:
            network = self.network(name, seed).to(self.device)
            groups.setdefault(_architecture(network, name), []).append((name, network))
        if test:
            self.started.clear()  # no other race begins with these
        results: dict[str, Result] = {}
        for members in groups.values():
            names, networks = zip(*members, strict=True)
            rates = [rate_at(exponents[name]) for name in names]
            part = self.test if test else self.held_out
            outcomes = self._fit(list(networks), rates, seed, part)
            results |= dict(zip(names, outcomes, strict=True))
        return results

    def _fit(self, networks: list[nn.Module], rates: list[float], seed: int, part) -> list[Result]:
        alone = not _can_stand_together(networks[0])
        whole = networks[0] if alone else Ensemble(networks)

        def rule(parameters: list[nn.Parameter]) -> object:
            if alone:
                return self._optimizer(parameters, rates[0])
            each = [[rate] * len(parameters) for rate in rates]
            return MemberRates(parameters, each, self._optimizer)

        options = {"steps": self.setting.steps, "batch_size": BATCH_SIZE, "seed": seed}
        histories = fit(whole, *self.train_part, optimizer=rule, log=None, **options)
        histories = [histories] if alone else histories
        finished = [history.outcome == "finished" for history in histories]
        return measure(whole, *part, finished)

    def _optimizer(self, tensors: list[Tensor], lr: float) -> torch.optim.Optimizer:
        if self.setting.rule == "sgd":
            return torch.optim.SGD(tensors, lr=lr, momentum=0.9, fused=True)
        return torch.optim.Adam(tensors, lr=lr, fused=True)


def _can_stand_together(network: nn.Module) -> bool:
    alone = nn.modules.batchnorm._NormBase, nn.RNNBase
    return not any(isinstance(module, alone) for module in network.modules())


def _architecture(network: nn.Module, name: str) -> object:
    """Return what networks share that can be one ensemble; a name, where none can be."""
    if not _can_stand_together(network):
        return name
    return tuple((label, p.shape) for label, p in network.named_parameters())


@torch.no_grad()
def measure(
    network: nn.Module | Ensemble, images: Tensor, labels: Tensor, finished: list[bool]
) -> list[Result]:
    """Return accuracy and loss of each member; of one that diverged those of a guess."""
    hits, losses = [], []
    with mode(network, training=False):
        for x, y in zip(images.split(500), labels.split(500), strict=True):
            scores = network(x).reshape(len(finished), len(x), -1).float()  # (members, n, classes)
            hits.append((scores.argmax(-1) == y).sum(1))
            each = F.cross_entropy(scores.flatten(0, 1), y.repeat(len(scores)), reduction="none")
            losses.append(each.view(len(scores), -1).sum(1))
    accuracy = (torch.stack(hits).sum(0).double() / len(images)).tolist()
    loss = (torch.stack(losses).double().sum(0) / len(images)).tolist()
    count = scores.shape[-1]
    return [
        Result(a, b, diverged=False)
        if fine and math.isfinite(b)
        else Result(1 / count, math.log(count), diverged=True)
        for a, b, fine in zip(accuracy, loss, finished, strict=True)
    ]


@contextmanager
def no_denormals() -> Iterator[None]:
    """Take numbers below 1e-38 for 0: vanishing signals would be computed 50 times as slowly."""
    torch.set_flush_denormal(True)
    try:
        yield
    finally:
        torch.set_flush_denormal(False)


# ---------------------------------------------------------------- verdict


@dataclass(frozen=True)
class Verdict:
    """Who wins a setting, and who is not told apart from the winner.

    Attributes
    ----------
    winner
        The best mean accuracy over the seeds.
    not_told_apart
        The winner, and those of whom the seeds do not show that they are worse; the best first.
    learn_nothing
        Those that do not do better than to say the most frequent class.
    behind
        Contestant → points of accuracy, in [0, 1], that it stays behind the winner on average.
    """

    winner: str
    not_told_apart: tuple[str, ...]
    learn_nothing: tuple[str, ...]
    behind: dict[str, float]


def verdict(rows: Sequence[dict], guess: float) -> Verdict:
    """Judge the rows of one setting, as `play` returns them.

    Parameters
    ----------
    rows
        One a contestant, each with as many seeds, two or more.
    guess
        Share of the most frequent class among the test images.

    Raises
    ------
    ValueError
        If there are no rows, or they are of several settings or differ in the seeds.
    """
    keys = [f for f in Setting.__dataclass_fields__]
    if not rows or len({tuple(row[k] for k in keys) for row in rows}) != 1:
        raise ValueError("a verdict is about the rows of one setting: try experiments.rows_with")
    accuracy = {row["contestant"]: np.array(row["accuracy"]) for row in rows}
    if len({len(a) for a in accuracy.values()}) != 1 or len(rows[0]["accuracy"]) < 2:
        raise ValueError("a verdict needs as many seeds of each contestant, two or more")
    order = sorted(accuracy, key=lambda name: -accuracy[name].mean())  # stable: ties keep order
    winner, *others = order
    apart = _holm(_one_is_worse([accuracy[winner] - accuracy[n] for n in others], others), LEVEL)
    return Verdict(
        winner,
        tuple(name for name in order if name not in apart),
        tuple(name for name in order if accuracy[name].mean() < guess + NOTHING),
        {name: float(accuracy[winner].mean() - accuracy[name].mean()) for name in order},
    )


def _one_is_worse(behind: Sequence[np.ndarray], names: Sequence[str]) -> dict[str, float]:
    """Return name → p of a paired two-sided t-test; 0 or 1 where all differences are the same.

    `behind` holds the differences of each name to the winner, one a seed.
    """
    if not names:
        return {}
    differences = np.round(behind, 9)
    p = np.where(differences[:, 0] != 0, 0.0, 1.0)
    vary = np.ptp(differences, axis=1) > 0
    p[vary] = stats.ttest_1samp(differences[vary], 0.0, axis=1).pvalue
    return dict(zip(names, p.tolist(), strict=True))


def _holm(p: dict[str, float], level: float) -> set[str]:
    """Return the names whose p is significant among all of them (Holm, 1979)."""
    significant: set[str] = set()
    for i, name in enumerate(sorted(p, key=p.get)):
        if p[name] > level / (len(p) - i):
            break
        significant.add(name)
    return significant
