"""Checkers of notebook 08: five planted bugs, a ranking at depth 20, thirty layers that learn."""

from __future__ import annotations

import math
import weakref
from collections.abc import Callable, Mapping, Sequence
from contextlib import redirect_stdout
from io import StringIO
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from course_utils import theory
from course_utils.data import ImageData
from course_utils.exercises.judging import (
    NotAttempted,
    attempted,
    initialization_problem,
    is_number,
    is_open,
    report,
    shown,
)
from course_utils.networks import mlp, weight_layers
from course_utils.training import accuracy, fit

METHODS = ("build", "train", "test")
DEPTH, WIDTH, STEPS = 30, 64, 100  # of exercise 3
WANTED = 0.35  # accuracy; He reaches 0.4 to 0.7, Xavier 0.1 to 0.3, guessing is 0.1
PER_LAYER = {
    "he_normal": math.sqrt(2.0),
    "xavier_normal": 1.0,
    "pytorch_default": math.sqrt(1 / 3),
    "normal": 8.0,
}
"""Scheme of exercise 2 → sigma_w in its 64 × 64 layers; the order is that of the losses."""


def check_repaired_lab(lab: type) -> None:
    """Check five behaviours of a lab, and name those that are still wrong.

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
        remaining = _faults_of_build(bench) + _faults_of_train(bench) + _faults_of_test(bench)
        if not remaining:
            return None
        count = "1 bug remains" if len(remaining) == 1 else f"{len(remaining)} bugs remain"
        return f"{count}. " + " ".join(remaining)

    report("Exercise 1", attempt)


def _faults_of_build(bench: Any) -> list[str]:
    torch.manual_seed(0)
    network = bench.build()
    if not isinstance(network, nn.Module):
        return [f"(build) It must return the network, not {shown(network)}."]
    scores = network(torch.rand(50, 784))  # (batch, classes)
    faults = []
    if (n := scores.shape[-1]) != 10:
        faults.append(f"(build, outputs) The network has {n} outputs for ten classes.")
    F.cross_entropy(scores, torch.arange(50) % min(10, n)).backward()
    layers = [p.grad is not None for p in network.parameters() if p.ndim == 2]
    if layers != [True] * 5:
        inside = f"{sum(layers)} of 5 weight layers get a gradient"
        faults.append(f"(build, layers) Only {inside}: print the network and count.")
    elif [layer.out_features for layer in weight_layers(network)[:-1]] != [WIDTH] * 4:
        faults.append("(build, layers) The four hidden layers should have 64 units each.")
    return faults


class _Spy(nn.Module):
    """A network that notes what is done with it."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(1)
        self.linear = nn.Linear(784, 10)
        self.graphs, self.most_graphs = weakref.WeakSet(), 0
        self.old_gradients: list[bool] = []  # at each backward pass: is an old one still there?
        self.greatest_pixel = 0.0
        self.linear.weight.register_hook(self._on_gradient)

    def _on_gradient(self, gradient: Tensor) -> None:
        old = self.linear.weight.grad
        self.old_gradients.append(old is not None and bool(old.any()))

    def forward(self, x: Tensor) -> Tensor:
        self.greatest_pixel = max(self.greatest_pixel, x.max().item())
        scores = self.linear(x)
        if scores.requires_grad:
            scores = _Mark.apply(scores)
            self.graphs.add(scores.grad_fn)
            self.most_graphs = max(self.most_graphs, len(self.graphs))
        return scores


class _Mark(torch.autograd.Function):
    """Hand a tensor through, as a node whose life can be watched."""

    @staticmethod
    def forward(ctx, tensor):
        return tensor.view_as(tensor)

    @staticmethod
    def backward(ctx, gradient):
        return gradient


def _faults_of_train(bench: Any) -> list[str]:
    generator = torch.Generator().manual_seed(0)
    images = torch.rand(800, 784, generator=generator)
    labels = torch.randint(10, (800,), generator=generator)
    spy, faults = _Spy(), []
    cost = bench.train(spy, images, labels)
    if not spy.old_gradients:
        return ["(train) It took no step: nobody called backward."]
    if any(spy.old_gradients):
        faults.append("(train, gradients) They are never cleared: those of all steps add up.")
    if spy.most_graphs > 2 or getattr(cost, "requires_grad", False):
        what = "a sum of costs that still know how they were computed: .item() or .detach()"
        faults.append(f"(train, memory) The graph of every step stays alive in {what}.")
    elif not is_number(cost):
        faults.append(f"(train) It must return the mean cost, one number, not {shown(cost)}.")
    elif not (any(spy.old_gradients) or 1 < float(cost) < 6):
        faults.append("(train) What it returns is not the mean over the batches.")
    return faults


def _faults_of_test(bench: Any) -> list[str]:
    generator = torch.Generator().manual_seed(3)
    pixels = torch.randint(256, (400, 784), generator=generator, dtype=torch.uint8)
    spy = _Spy()
    with torch.no_grad():
        labels = spy(pixels.float() / 255).argmax(dim=1)
    labels[:100] = (labels[:100] + 1) % 10  # a quarter is wrong
    spy.greatest_pixel = 0.0
    reached = bench.test(spy, pixels, labels)
    if spy.greatest_pixel > 2:
        return ["(test, pixels) They reach the network as 0 … 255, but it learned from 0 … 1."]
    if spy.greatest_pixel < 0.5:
        return ["(test, pixels) They are too small now: divide by 255, and only once."]
    if not is_number(reached) or abs(float(reached) - 0.75) > 0.02:
        return ["(test) What it returns is not the fraction of right answers."]
    return []


def check_ranking(ranking: Sequence[str], loss_after: Callable[[str], float]) -> None:
    """Compare a predicted order of four schemes with theory, and with the learner's own runs.

    Parameters
    ----------
    ranking
        The four names in `PER_LAYER`, lowest loss first.
    loss_after
        Returns the training loss after a short training with a scheme; it is called once for each
        scheme when the order is given.
    """
    right = list(PER_LAYER)

    def attempt() -> str | None:
        given = attempted(ranking)
        if not isinstance(given, list | tuple) or sorted(map(str, given)) != sorted(right):
            return f"Give a list of these four names, best first: {', '.join(sorted(right))}."
        if list(given) != right:
            pairs = zip(given[:-1], given[1:], strict=True)
            best, next_best = next(p for p in pairs if right.index(p[0]) > right.index(p[1]))
            return (
                f"You expect {best} before {next_best}. Theory for 20 layers: {_words(best)}; "
                f"{_words(next_best)}."
            )
        measured = {scheme: loss_after(scheme) for scheme in right}
        if any(is_open(loss) for loss in measured.values()):
            return "Your order agrees with theory. Now write loss_after, and see whether it is so."
        wrong = next((s for s, loss in measured.items() if not is_number(loss)), None)
        if wrong is not None:
            return (
                f"loss_after must return one number; for {wrong} it gave {shown(measured[wrong])}."
            )
        return _compare_runs(measured)

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
    losses = [float(loss) for loss in measured.values()]
    if losses == sorted(losses) and losses[2] < 3 < losses[3]:
        return None
    if max(losses) < 3:
        return agrees + (
            "even N(0, 1) ends near or below ln 10. Does loss_after use the scheme that it is "
            "given, and 20 layers of 64?"
        )
    if losses[2] < 2.2:
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
        with redirect_stdout(StringIO()):  # fit's own words, if the loss is not finite
            fit(network, data.train_images, data.train_labels, steps=STEPS, batch_size=50)
        reached = accuracy(network, data.test_images[:1000], data.test_labels[:1000])
        return None if reached > WANTED else _diagnosis(start)

    report("Exercise 3", attempt)


def _thirty() -> nn.Sequential:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(8)
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
