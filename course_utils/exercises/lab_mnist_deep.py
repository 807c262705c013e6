"""Checkers of notebook 08: five planted bugs, a ranking at depth 20, thirty layers that learn."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor, nn

from course_utils import theory
from course_utils.data import ImageData
from course_utils.exercises.judging import (
    NotAttempted,
    attempted,
    initialization_problem,
    no_function,
    report,
)
from course_utils.exercises.lab_bench import faults_of_build, faults_of_test, faults_of_train
from course_utils.exercises.reading import is_open, read_list, read_number, shown
from course_utils.networks import mlp
from course_utils.training import accuracy, fit

METHODS = ("build", "train", "test")
DEPTH, WIDTH, STEPS = 30, 64, 100  # of exercise 3
GUESSING = 2.2  # a loss from here on is about ln 10, that of ten equal guesses
WANTED = 0.35  # accuracy; He reaches 0.4 to 0.7, Xavier 0.1 to 0.3, guessing is 0.1
PER_LAYER = {
    "he_normal": math.sqrt(2.0),
    "xavier_normal": 1.0,
    "pytorch_default": math.sqrt(1 / 3),
    "normal": 8.0,
}
"""Scheme of exercise 2 → sigma_w in its 64 × 64 layers; the order is that of the losses."""


def check_repaired_lab(lab: type) -> None:
    """Check what a lab builds, and how it trains and tests, and name what is still wrong.

    Parameters
    ----------
    lab
        A class with the methods ``build()``, ``train(network, images, labels)`` and
        ``test(network, pixels, labels)``, pixels from 0 to 255.
    """

    def attempt() -> str | None:
        if not isinstance(attempted(lab), type):
            return f"Hand over the class itself, not {shown(lab)}."
        if not any(name in vars(lab) for name in METHODS):
            raise NotAttempted
        bench = lab()
        remaining = faults_of_build(bench) + faults_of_train(bench) + faults_of_test(bench)
        if not remaining:
            return None
        count = "1 bug remains" if len(remaining) == 1 else f"{len(remaining)} bugs remain"
        return f"{count}. " + " ".join(remaining)

    report("Exercise 1", attempt)


def check_ranking(ranking: Sequence[str], loss_after: Callable[[str], float]) -> None:
    """Compare a predicted order of four schemes with theory, and with the learner's own runs.

    Parameters
    ----------
    ranking
        The four names in `PER_LAYER`, lowest loss first.
    loss_after
        Returns the training loss after a short training with a scheme; it is called once for each
        scheme when the order is given. A loss of inf or nan counts as the highest: it explodes.
    """
    right = list(PER_LAYER)

    def attempt() -> str | None:
        given = read_list(attempted(ranking))
        if given is None or sorted(map(str, given)) != sorted(right):
            return f"Give a list of these four names, best first: {', '.join(sorted(right))}."
        if given != right:
            pairs = zip(given[:-1], given[1:], strict=True)
            best, next_best = next(p for p in pairs if right.index(p[0]) > right.index(p[1]))
            return (
                f"You expect {best} before {next_best}. Theory for 20 layers: {_words(best)}; "
                f"{_words(next_best)}."
            )
        todo = "Your order agrees with theory. Now write loss_after, and see whether it is so."
        if is_open(loss_after):
            return todo
        if words := no_function(loss_after):
            return words
        returned = {scheme: loss_after(scheme) for scheme in right}
        if all(map(is_open, returned.values())):
            return todo
        losses = {
            scheme: read_number(loss, infinite=True, nan=math.inf)  # it explodes
            for scheme, loss in returned.items()
        }
        wrong = next((scheme for scheme, loss in losses.items() if loss is None), None)
        if wrong is not None:
            return (
                f"loss_after must return one number; for {wrong} it gave {shown(returned[wrong])}."
            )
        return _compare_runs(losses)

    report("Exercise 2", attempt)


def _words(scheme: str) -> str:
    """Say what theory expects of the gradient in 20 ReLU layers, in 20 steps."""
    sigma_w = PER_LAYER[scheme]
    q = theory.variance_path(1.0, 21, sigma_w, 0.0, "relu")
    decades = 0.5 * math.log10(theory.gradient_path(q, sigma_w, "relu")[0])
    if abs(decades) < 0.5:
        return f"with {scheme} the gradient keeps its size"
    if decades > 0:
        return f"with {scheme} it grows to 10^{decades:.0f} times, and so do signal and loss"
    return f"with {scheme} 10^{decades:.0f} of it is left"


def _compare_runs(measured: Mapping[str, float]) -> str | None:
    agrees = "Your order agrees with theory, but your runs do not: "
    losses = list(measured.values())
    if losses == sorted(losses) and GUESSING <= losses[2] < 3 < losses[3]:
        return None
    exploded = [scheme for scheme in measured if math.isinf(measured[scheme])]
    if exploded not in ([], ["normal"]):
        return agrees + (
            f"with {exploded[0]} it explodes, the loss is not finite. Does each scheme get a fresh "
            "network, and is the learning rate small enough?"
        )
    if max(losses) < 3:
        return agrees + (
            "even N(0, 1) ends near or below ln 10. Does loss_after use the scheme that it is "
            "given, and 20 layers of 64?"
        )
    if losses[2] < GUESSING:
        return agrees + (
            "PyTorch's default should still be guessing, at ln 10. Are there 20 hidden layers, "
            "and 100 steps of 50 images?"
        )
    return agrees + "check ReLU, the 100 steps, and that each scheme gets a fresh network."


def check_thirty_layers(initialize: Callable, data: ImageData) -> None:
    """Check that a network of 30 ReLU layers learns when only its first numbers are changed.

    Parameters
    ----------
    initialize
        ``initialize(network, generator)`` changes weights and biases in place.
    data
        The images; 100 steps of 50 of them are taken.
    """

    def attempt() -> str | None:
        network = _thirty()
        if words := initialization_problem(initialize, network):
            return words
        start = [p.detach().clone() for p in network.parameters()]
        options = {"steps": STEPS, "batch_size": 50, "log": None}
        fit(network, data.train_images, data.train_labels, **options)
        reached = accuracy(network, data.test_images[:1000], data.test_labels[:1000])
        return None if reached > WANTED else _diagnosis(start)

    report("Exercise 3", attempt)


def _thirty() -> nn.Sequential:
    torch.default_generator.manual_seed(8)
    return mlp([784] + [WIDTH] * DEPTH + [10], "relu")


def _diagnosis(start: Sequence[Tensor]) -> str:
    """Say why a network with these first numbers, weight, bias, weight, …, does not learn."""
    weights = list(start[2:-2:2])  # the 64 × 64 matrices
    gain = math.sqrt(WIDTH * sum(w.square().mean().item() for w in weights) / len(weights))
    guessing = "After 100 steps it still guesses, or nearly. "
    if gain == 0:
        return guessing + "All weights are zero: no gradient gets through."
    if max(w.std(dim=0).max().item() for w in weights) < 1e-6:
        return guessing + "All units of a layer are the same: the weights must be random."
    if abs(sum(w.mean().item() for w in weights) / len(weights)) > 0.3 * gain / WIDTH**0.5:
        return guessing + "The weights of a layer should have mean zero."
    if abs(gain - 1 / math.sqrt(3)) < 0.05:
        return guessing + "The weights have the size of PyTorch's default, 1/(3 fan_in)."
    if abs(gain - 1) < 0.1:
        return guessing + (
            "Their variance is 1/fan_in, as of Xavier, LeCun or orthogonal weights: right for a "
            "linear layer. What does ReLU take away in each of 30 layers?"
        )
    if abs(gain - math.sqrt(2)) < 0.15:
        return guessing + "Weights of this size should do: what about the biases?"
    size = "small: signal and gradient vanish" if gain < 1.4 else "large: they explode"
    return guessing + f"The weights are too {size}. Which variance keeps them, with ReLU?"


EXERCISES = (check_repaired_lab, check_ranking, check_thirty_layers)
