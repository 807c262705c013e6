"""What a learner's lab does, judged by behaviour: how it builds, trains and tests a network.

No source is read. A network is right if it computes what a stack of ReLU layers with its weights
computes; a training, if it sees all images and follows the gradient of their cross-entropy.
"""

from __future__ import annotations

import math
import weakref
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from itertools import permutations, product
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from course_utils.exercises.reading import read_number, shown
from course_utils.networks import mlp, ordinary_torch

SIZES = [784, 64, 64, 64, 64, 10]
IMAGES = 800
KEPT = 10  # steps of a training of which weights and gradients are looked at


def log_scores(outputs: Tensor) -> Tensor:
    """Return outputs (n, classes), or their logarithms if a softmax has made them probabilities."""
    sums = outputs.sum(-1)
    is_probability = (outputs >= 0).all() and torch.allclose(sums, torch.ones_like(sums), atol=1e-4)
    return outputs.clamp(min=1e-30).log() if is_probability else outputs


# ------------------------------------------------------------------------------------------ build


@ordinary_torch()
def faults_of_build(bench: Any) -> list[str]:
    """Say what is wrong with the network that ``bench.build()`` makes."""
    network = bench.build()
    if not isinstance(network, nn.Module):
        return [f"(build) It must return the network, not {shown(network)}."]
    x = torch.rand(50, SIZES[0], generator=torch.Generator().manual_seed(0))
    outputs = network(x.to(next(network.parameters(), x).dtype))  # (batch, classes)
    if not isinstance(outputs, Tensor) or outputs.shape[:-1] != (50,):
        return [f"(build) For 50 images it must give 50 rows of scores, not {shown(outputs)}."]
    faults = []
    if (n := outputs.shape[-1]) != SIZES[-1]:
        faults.append(f"(build, outputs) The network has {n} outputs for ten classes.")
    F.cross_entropy(outputs, torch.arange(50) % min(10, n)).backward()
    matrices = [p for p in network.parameters() if p.ndim == 2]
    wanted, found = (
        zip(SIZES[1:-1] + [n], SIZES[:-1], strict=True),
        [sorted(p.shape) for p in matrices],
    )
    learning = [p.grad is not None for p in matrices]
    if learning != [True] * 5:
        inside = f"{sum(learning)} of 5 weight layers get a gradient"
        faults.append(f"(build, layers) Only {inside}: print the network and count.")
    elif sorted(found) != sorted(map(sorted, wanted)):
        faults.append("(build, layers) The four hidden layers should have 64 units each.")
    elif words := _fault_of_activations(network, matrices, x):
        faults.append(f"(build, activations) {words}")
    return faults


@torch.no_grad()
def _fault_of_activations(network: nn.Module, matrices: list[Tensor], x: Tensor) -> str | None:
    """Compare with the stack of ReLU layers that has the same matrices, biases being set to zero.

    The matrices may stand in any order, and either way round: so all orders are tried.
    """
    for parameter in network.parameters():
        if parameter.ndim != 2:
            parameter.zero_()
    _enlarge_(network)
    x = x.to(matrices[0].dtype)
    given = log_scores(network(x)).log_softmax(-1)

    def computes(relus: tuple[bool, ...]) -> bool:
        stacks = (_stack(order, x, relus) for order in _orders(matrices))
        return any(torch.allclose(given, z.log_softmax(-1), rtol=1e-4, atol=1e-4) for z in stacks)

    if computes((True, True, True, True, False)):
        return None
    for relus in product([True, False], repeat=5):
        if computes(relus):
            if relus[-1]:
                return "A ReLU follows the last layer too: negative scores are cut off."
            return f"Only {sum(relus)} of the 4 hidden layers are followed by a ReLU."
    return "Behind each of the four hidden layers belongs a ReLU, and nothing else."


def _orders(matrices: list[Tensor]) -> Iterator[list[Tensor]]:
    """Give every way to make a stack 784-64-64-64-64-n of five matrices, each (fan_out, fan_in)."""
    first = next(w for w in matrices if SIZES[0] in w.shape)
    last = next((w for w in matrices if SIZES[-1] in w.shape), matrices[-1])
    middle = [w for w in matrices if w is not first and w is not last]
    ends = [w if w.shape[1] == n else w.T for w, n in ((first, SIZES[0]), (last, SIZES[-2]))]
    for order in permutations(middle):
        for turned in product([False, True], repeat=3):
            inner = [w.T if turn else w for w, turn in zip(order, turned, strict=True)]
            yield [ends[0], *inner, ends[1]]


def _stack(matrices: list[Tensor], x: Tensor, relus: tuple[bool, ...]) -> Tensor:
    for w, relu in zip(matrices, relus, strict=True):
        x = x @ w.T  # (batch, fan_out)
        x = x.relu() if relu else x
    return x


@torch.no_grad()
def _enlarge_(network: nn.Module) -> nn.Module:
    """Give the matrices He's size: only where scores differ, a wrong loss has a wrong gradient."""
    generator = torch.Generator().manual_seed(0)
    for w in network.parameters():
        if w.ndim == 2:
            w.normal_(0, math.sqrt(2 / max(w.shape)), generator=generator)
    return network


# ------------------------------------------------------------------------------------------ train


@dataclass(eq=False)
class _Pass:
    """A forward pass that may be differentiated."""

    x: Tensor  # (batch, 784), as the network got it
    rows: Tensor  # (batch,): which images these are; -1 for none of them
    loss: float  # cross-entropy
    weights: list[Tensor] | None  # copies, of the first passes


@dataclass(eq=False)
class _Step:
    """A backward pass, through one forward pass or more."""

    passes: list[_Pass]
    stale: bool = False  # was an old gradient still there?
    gradients: dict[int, Tensor] = field(default_factory=dict)  # number of the parameter → new one


class _Watch:
    """Notes what happens to a network while a learner trains it."""

    def __init__(self, network: nn.Module, images: Tensor, labels: Tensor) -> None:
        self.network, self.images, self.labels = network, images, labels
        self.parameters = list(network.parameters())
        self.steps: list[_Step] = []
        self.arriving: list[_Pass] = []  # the gradient has come to their scores, not to the weights
        self.graphs, self.most_graphs, self.passes = weakref.WeakSet(), 0, 0
        self.greatest_pixel = 0.0
        self.forward, network.forward = network.forward, self._forward
        self.hooks = [
            p.register_hook(partial(self._on_gradient, i))
            for i, p in enumerate(self.parameters)
            if p.requires_grad
        ]

    def _forward(self, *given: Any, **options: Any) -> Any:
        scores = self.forward(*given, **options)
        x = [*given, *options.values()][0].detach()
        self.greatest_pixel = max(self.greatest_pixel, float(x.max()))
        if not (isinstance(scores, Tensor) and scores.requires_grad):
            return scores
        rows = _rows(x, self.images)
        with torch.no_grad():
            loss = F.cross_entropy(log_scores(scores), self.labels[rows]).item()
        kept = self.copy() if len(self.steps) < KEPT else None
        scores = _Mark.apply(scores, self.arriving, _Pass(x, rows, loss, kept))
        self.passes += 1
        self.graphs.add(scores.grad_fn)
        self.most_graphs = max(self.most_graphs, len(self.graphs))
        return scores

    def _on_gradient(self, i: int, gradient: Tensor) -> None:
        if self.arriving:
            self.steps.append(_Step(self.arriving.copy()))
            self.arriving.clear()
        step, old = self.steps[-1], self.parameters[i].grad
        step.stale |= old is not None and bool(old.any())
        if len(self.steps) <= KEPT:
            step.gradients[i] = gradient.detach().clone()

    def copy(self) -> list[Tensor]:
        return [p.detach().clone() for p in self.parameters]

    def stop(self) -> None:
        """Look on no longer."""
        self.network.forward = self.forward
        for hook in self.hooks:
            hook.remove()

    def right_gradients(self, step: _Step) -> list[Tensor | None]:
        """Return the gradients of the cross-entropy of the images of a step, at its weights."""
        with torch.no_grad():
            for parameter, value in zip(self.parameters, step.passes[-1].weights, strict=True):
                parameter.copy_(value)
        losses = [
            F.cross_entropy(log_scores(self.forward(p.x)), self.labels[p.rows]) for p in step.passes
        ]
        learning = [p for p in self.parameters if p.requires_grad]
        found = iter(torch.autograd.grad(sum(losses), learning, allow_unused=True))
        return [next(found) if p.requires_grad else None for p in self.parameters]


class _Mark(torch.autograd.Function):
    """Hand scores through, as a node whose life can be watched, and note who comes back."""

    @staticmethod
    def forward(ctx, scores, arriving, forward_pass):
        ctx.note = (arriving, forward_pass)
        return scores.view_as(scores)

    @staticmethod
    def backward(ctx, gradient):
        arriving, forward_pass = ctx.note
        arriving.append(forward_pass)
        return gradient, None, None


def _rows(x: Tensor, images: Tensor) -> Tensor:
    """Find which of the images (n, 784) a batch shows, also after pixels were shifted or scaled."""
    x = x.flatten(1).to(images.dtype)
    if x.shape[1] != images.shape[1]:
        return torch.full((len(x),), -1)
    units = [F.normalize(t - t.mean(1, keepdim=True), dim=1) for t in (x, images)]
    likeness, rows = (units[0] @ units[1].T).max(1)
    return torch.where(likeness > 0.5, rows, -1)


@ordinary_torch()
def faults_of_train(bench: Any) -> list[str]:
    """Say what is wrong with how ``bench.train`` trains the lab's network, or one like it."""
    generator = torch.Generator().manual_seed(0)
    images = torch.rand(IMAGES, SIZES[0], generator=generator)
    images *= torch.rand(images.shape, generator=generator) < 0.2  # mostly background
    labels = torch.randint(10, (IMAGES,), generator=generator)
    network = _trainable(bench, images[:2])
    start = [p.detach().clone() for p in network.parameters()]
    watch = _Watch(network, images, labels)
    cost = bench.train(network, images.clone(), labels.clone())
    watch.stop()
    if not watch.steps:
        return ["(train) It took no step: nobody called backward."]
    faults = []
    if any(step.stale for step in watch.steps):
        faults.append("(train, gradients) They are never cleared: those of all steps add up.")
    leaks = watch.most_graphs > max(2, watch.passes // 2)
    if leaks or getattr(cost, "requires_grad", False):
        what = "a sum of costs that still know how they were computed: .item() or .detach()"
        faults.append(f"(train, memory) The graph of every step stays alive in {what}.")
    elif read_number(cost) is None:
        faults.append(f"(train) It must return the mean cost, one number, not {shown(cost)}.")
    words = _fault_of_images(watch) or _fault_of_steps(watch, start)
    if words is None and not faults and not _is_mean_cost(read_number(cost), watch):
        words = "(train) What it returns is not the mean over the batches."
    return faults + ([words] if words else [])


def _trainable(bench: Any, x: Tensor) -> nn.Module:
    """Return the lab's network, or a right one if that has no ten outputs; its scores differ."""
    network = bench.build()
    outputs = network(x) if isinstance(network, nn.Module) else None
    if not isinstance(outputs, Tensor) or outputs.ndim != 2 or outputs.shape[1] < 10:
        network = mlp(SIZES)
    return _enlarge_(network)


def _fault_of_images(watch: _Watch) -> str | None:
    """Say which images a training has missed, and whether it has changed their pixels."""
    rows = [torch.cat([p.rows for p in step.passes]) for step in watch.steps]
    seen, largest = torch.cat(rows).unique(), max(map(len, rows))
    if seen[0] < 0:
        return "(train, images) What reaches the network are not the images that train is given."
    if watch.greatest_pixel < 0.1:
        return "(train, pixels) They are from 0 to 1 already: divide nothing."
    if IMAGES - len(seen) >= largest:  # less may be left over from the last batch
        return f"(train, images) Only {len(seen)} of {IMAGES} images took part in a step."
    return None


def _fault_of_steps(watch: _Watch, start: list[Tensor]) -> str | None:
    """Say whether the weights were not moved, or not by the gradient of the cross-entropy."""
    end, kept = watch.copy(), [step for step in watch.steps if step.passes[-1].weights]
    path = [step.passes[-1].weights for step in kept] + [end]
    if any(all(map(torch.equal, a, b)) for a, b in zip(path[:-1], path[1:], strict=True)):
        return (
            "(train, step) The weights stay as they are: after each backward pass the optimizer "
            "must step, while the gradients are still there."
        )
    right = [watch.right_gradients(step) for step in kept]
    reached = [i for i, g in enumerate(right[0]) if g is not None and g.any()]
    if any(torch.equal(start[i], end[i]) for i in reached):
        return "(train, step) Some layers are not trained: does the optimizer have all parameters?"
    for step, gradients in zip(kept, right, strict=True):
        if (
            _cosine([step.gradients.get(i) for i in reached], [gradients[i] for i in reached])
            < 0.99
        ):
            return (
                "(train, loss) It does not follow the cross-entropy of scores and labels. "
                "F.cross_entropy takes the scores as they are: it has its softmax inside."
            )
    changes = [path[1][i] - path[0][i] for i in reached]
    if _cosine(changes, [right[0][i] for i in reached]) > -0.02:
        return "(train, step) The first step does not lead down the gradient."
    return None


def _cosine(given: list[Tensor | None], wanted: list[Tensor]) -> float:
    """Return the cosine between two lists of tensors; a tensor that is None counts as zero."""
    flat = [torch.zeros_like(w) if g is None else g for g, w in zip(given, wanted, strict=True)]
    a, b = (torch.cat([t.flatten() for t in tensors]).double() for tensors in (flat, wanted))
    return float(a @ b / (a.norm() * b.norm()).clamp(min=1e-300))


def _is_mean_cost(cost: float | None, watch: _Watch) -> bool:
    """Say whether a number is the mean cost: of batches or images, of all or of the last epoch."""
    losses = torch.tensor([sum(p.loss for p in step.passes) for step in watch.steps])
    losses /= torch.tensor([len(step.passes) for step in watch.steps])
    sizes = torch.tensor([sum(len(p.rows) for p in step.passes) for step in watch.steps])
    if cost is None or not losses.isfinite().all():
        return cost is not None
    epochs = max(1, round(int(sizes.sum()) / IMAGES))
    last = len(losses) // epochs
    means = [losses[-n:].mean().item() for n in (len(losses), last)]
    means += [float((losses * sizes)[-n:].sum() / sizes[-n:].sum()) for n in (len(losses), last)]
    return any(math.isclose(cost, mean, rel_tol=0.002) for mean in means)


# ------------------------------------------------------------------------------------------- test


class _Judge(nn.Module):
    """A network whose answers are known, and which notes how large the pixels are that it gets."""

    def __init__(self) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(1)
        self.linear = nn.Linear(SIZES[0], SIZES[-1])
        nn.init.normal_(self.linear.weight, std=SIZES[0] ** -0.5, generator=generator)
        self.greatest_pixel = 0.0

    def forward(self, x: Tensor) -> Tensor:
        self.greatest_pixel = max(self.greatest_pixel, x.max().item())
        return self.linear(x)


@ordinary_torch()
def faults_of_test(bench: Any) -> list[str]:
    """Say what is wrong with how ``bench.test`` measures an accuracy."""
    generator = torch.Generator().manual_seed(3)
    pixels = torch.randint(256, (400, SIZES[0]), generator=generator, dtype=torch.uint8)
    network = _Judge()
    with torch.no_grad():
        labels = network(pixels.float() / 255).argmax(dim=1)
    labels[:100] = (labels[:100] + 1) % 10  # a quarter is wrong
    network.greatest_pixel = 0.0
    reached = read_number(bench.test(network, pixels, labels))
    if reached is None:
        return ["(test) What it returns is not the fraction of right answers."]
    if network.greatest_pixel > 2:
        return ["(test, pixels) They reach the network as 0 … 255, but it learned from 0 … 1."]
    if network.greatest_pixel < 0.5:
        return ["(test, pixels) They are too small now: divide by 255, and only once."]
    if abs(reached - 0.75) > 0.02:
        return ["(test) What it returns is not the fraction of right answers."]
    return []
