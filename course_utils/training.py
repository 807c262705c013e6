"""Train a network on tensors in memory: the lecture's loop without its detours.

>>> data = load_mnist()
>>> test = (data.test_images, data.test_labels)
>>> history = fit(network, data.train_images, data.train_labels, test=test, epochs=3)
>>> history.test_accuracy
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice
from numbers import Integral

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from tqdm import tqdm

_WATCH_ON_GPU = 50  # steps between two looks at the loss: each look makes the GPU wait


@dataclass(frozen=True, eq=False)
class History:
    """What happened during one :func:`fit`.

    ``loss`` and ``accuracy`` hold one mean an epoch, over the training batches as they went by,
    each before its update; an epoch cut short counts with the batches it had, and the accuracy is
    nan if the labels are not classes. ``test_accuracy`` is measured after each epoch: nan if it was
    interrupted or diverged, empty without a test set. ``step_losses`` (steps,) are the losses of
    the batches one by one; each was followed by an update, except a last one that diverged.
    ``seconds`` is wall time, tests included; ``outcome`` is ``"finished"``, ``"interrupted"`` or
    ``"diverged"``.
    """

    loss: tuple[float, ...]
    accuracy: tuple[float, ...]
    test_accuracy: tuple[float, ...]
    step_losses: Tensor = field(repr=False)
    steps: int
    seconds: float
    outcome: str


def fit(
    network: nn.Module,
    images: Tensor,
    labels: Tensor,
    *,
    test: tuple[Tensor, Tensor] | None = None,
    epochs: int = 1,
    steps: int | None = None,
    batch_size: int = 100,
    lr: float = 1e-3,
    optimizer: Callable[[list[nn.Parameter]], torch.optim.Optimizer] | None = None,
    loss: Callable[[Tensor, Tensor], Tensor] = F.cross_entropy,
    seed: int = 0,
    progress: bool = True,
    after_step: Callable[[int], object] | None = None,
) -> History:
    """Train ``network`` in place, the same for the same seed, and return its :class:`History`.

    Each epoch is a new permutation of the images; an incomplete last batch is dropped. The order
    comes from a generator of its own, dropout from the global one, which is seeded for this call
    and then put back, as are the training flags. Gradients are cleared at the end.

    A keyboard interrupt, also one raised by ``after_step``, ends the training with what it has. A
    loss that is not finite ends it before that batch's update (on a GPU up to 50 steps later, so
    that it need not wait at each). Both print one line and are the history's ``outcome``.

    Parameters
    ----------
    network
        Maps (batch, …) to class scores (batch, classes).
    images, labels
        (n, …) of the network's dtype and device, and int64 (n,).
    test
        A pair of images and labels to measure after each epoch.
    epochs, steps
        How long; ``steps``, if given, replaces ``epochs`` and cuts the last epoch short.
    batch_size, lr
        Images a step; Adam's learning rate, used if there is no ``optimizer``.
    optimizer
        Makes an optimizer from a list of parameters: ``lambda p: torch.optim.SGD(p, lr=0.1)``.
    loss
        Maps (scores, labels) of a batch to a scalar; other than cross entropy, any labels serve.
    seed
        Fixes the order of the images and the dropout.
    progress
        Whether a bar shows on stderr after the first second; it wipes itself out at the end.
    after_step
        Called after each update with their number so far: 1, 2, …

    Raises
    ------
    TypeError, ValueError
        If data, network and options do not go together; the message says what to try.
    """
    _check(network, images, labels, classes=loss is F.cross_entropy)
    if test is not None:
        if not isinstance(test, tuple | list) or len(test) != 2:
            raise TypeError("test must be a pair: try test=(test_images, test_labels)")
        _check(network, *test, classes=True)
    total, per_epoch = _plan(len(images), batch_size, epochs, steps)
    rule = _rule([p for p in network.parameters() if p.requires_grad], optimizer, lr)
    run = _Run(network, images, labels, loss, rule, after_step, test, batch_size)
    order, started = torch.Generator().manual_seed(seed), time.perf_counter()
    bar = tqdm(total=total, leave=False, disable=not progress, delay=1, unit="step")
    with bar, _flags(network, training=True), _seeded(seed, images.device), torch.enable_grad():
        try:
            while len(run.losses) < total and run.outcome == "finished":
                rows = torch.randperm(len(images), generator=order).to(images.device)
                run.epoch(rows, min(per_epoch, total - len(run.losses)), bar)
        except KeyboardInterrupt:
            run.outcome = "interrupted"
    network.zero_grad()
    if run.outcome != "finished":
        print(run.last_words())
    epochs_seen = (tuple(column) for column in (run.loss, run.accuracy, run.test_accuracy))
    step_losses = torch.tensor(run.losses, dtype=images.dtype)
    seconds = time.perf_counter() - started
    return History(*epochs_seen, step_losses, len(run.losses), seconds, run.outcome)


def accuracy(network: nn.Module, images: Tensor, labels: Tensor, batch_size: int = 1000) -> float:
    """Return the fraction of ``images`` (n, …) whose greatest score is at the label, int64 (n,).

    Measured in evaluation mode, ``batch_size`` images at a time. Raises like :func:`fit`.
    """
    _check(network, images, labels, classes=True)
    with _flags(network, training=False), torch.no_grad():
        batches = zip(images.split(batch_size), labels.split(batch_size), strict=True)
        hits = [(network(x).argmax(1) == y).sum() for x, y in batches]
    return torch.stack(hits).sum().item() / len(images)


class _Run:
    """The state of one training: its ingredients, and what happened so far."""

    def __init__(self, network, images, labels, loss, rule, after_step, test, batch_size) -> None:
        self.network, self.images, self.labels = network, images, labels
        self.loss_function, self.rule, self.after_step = loss, rule, after_step
        self.test, self.batch_size = test, batch_size
        self.parameters = list(network.parameters())
        self.classes = labels.ndim == 1 and labels.dtype == torch.int64
        self.watch = 1 if images.device.type == "cpu" else _WATCH_ON_GPU
        self.outcome = "finished"
        self.losses: list[float] = []  # one a step; the next three are one an epoch
        self.loss: list[float] = []
        self.accuracy: list[float] = []
        self.test_accuracy: list[float] = []

    def epoch(self, rows: Tensor, count: int, bar: tqdm) -> None:
        """Take ``count`` steps through the images in the order of ``rows`` (n,)."""
        labels = self.labels[rows]
        batches = zip(rows.split(self.batch_size), labels.split(self.batch_size), strict=True)
        losses, guesses, updates = [], [], 0
        try:
            for chosen, target in islice(batches, count):
                scores = self.network(self.images.index_select(0, chosen))  # (batch, classes)
                value = self.loss_function(scores, target)
                losses.append(value.detach())
                guesses += [scores.detach().argmax(1)] if self.classes else []
                recent = losses[-self.watch :] if len(losses) % self.watch == 0 else []
                if not all(map(math.isfinite, recent)):
                    break
                for parameter in self.parameters:
                    parameter.grad = None
                value.backward()
                self.rule.step()
                updates += 1
                bar.update()
                if self.after_step is not None:
                    self.after_step(len(self.losses) + updates)
        except KeyboardInterrupt:
            self.outcome, losses, guesses = "interrupted", losses[:updates], guesses[:updates]
        if losses:
            self._close(torch.stack(losses).tolist(), guesses, labels)

    def _close(self, losses: list[float], guesses: list[Tensor], labels: Tensor) -> None:
        """Add an epoch, whole or cut short, to what happened."""
        bad = next((i for i, value in enumerate(losses) if not math.isfinite(value)), None)
        if bad is not None:
            self.outcome, losses, guesses = "diverged", losses[: bad + 1], guesses[: bad + 1]
        self.losses += losses
        self.loss.append(sum(losses) / len(losses))
        right = torch.cat(guesses) == labels[: len(losses) * self.batch_size] if guesses else None
        self.accuracy.append(math.nan if right is None else right.double().mean().item())
        if self.test is not None:
            self.test_accuracy.append(math.nan)
            if self.outcome == "finished":
                self.test_accuracy[-1] = accuracy(self.network, *self.test)

    def last_words(self) -> str:
        """Say in one line why the training stopped early."""
        steps = len(self.losses)
        if self.outcome == "interrupted":
            return f"Interrupted after {steps} steps: the network keeps what it learned in them."
        advice = "Try a smaller learning rate, or weights of smaller variance."
        return f"Stopped at step {steps}: the loss is {self.losses[-1]}. {advice}"


class _Adam:
    """``torch.optim.Adam(parameters, lr, fused=True)`` on a CPU, bit for bit.

    It calls the same kernel; ``step`` only skips the bookkeeping for options not used here.
    """

    def __init__(self, parameters: list[nn.Parameter], lr: float) -> None:
        self.lr, self.counts = lr, torch.zeros(len(parameters))  # updates of each weight
        moments = ([torch.zeros_like(p) for p in parameters] for _ in range(2))
        self.rows = list(zip(parameters, *moments, self.counts.unbind(), strict=True))

    @torch.no_grad()
    def step(self) -> None:
        rows = [(row[0].grad, *row) for row in self.rows if row[0].grad is not None]
        gradients, parameters, mean, square, counts = zip(*rows, strict=True)
        if len(rows) == len(self.rows):
            self.counts += 1
        else:
            torch._foreach_add_(counts, 1)
        rates = {"lr": self.lr, "beta1": 0.9, "beta2": 0.999, "eps": 1e-8, "weight_decay": 0.0}
        tensors = (parameters, gradients, mean, square, [], counts)
        torch._fused_adam_(*tensors, **rates, amsgrad=False, maximize=False)


def _rule(parameters: list[nn.Parameter], optimizer: Callable | None, lr: float):
    """Return the object whose ``step()`` updates ``parameters``."""
    if not parameters:
        raise ValueError("the network has no weights to train: is requires_grad off everywhere?")
    if not 0 < lr < math.inf:
        raise ValueError(f"lr must be a positive finite number, got {lr}: try 1e-3")
    if optimizer is None:
        kind = parameters[0].device.type
        adam = torch.optim.Adam
        return (
            _Adam(parameters, lr) if kind == "cpu" else adam(parameters, lr, fused=kind == "cuda")
        )
    rule = optimizer(parameters) if callable(optimizer) else None
    if not hasattr(rule, "step"):
        example = "lambda parameters: torch.optim.SGD(parameters, lr=0.1)"
        raise TypeError(f"optimizer must make one, as {example} does; got {optimizer!r}")
    return rule


@contextmanager
def _flags(network: nn.Module, *, training: bool) -> Iterator[None]:
    """Switch to training or evaluation mode, then put every module's own flag back."""
    flags = [(module, module.training) for module in network.modules()]
    network.train(training)
    try:
        yield
    finally:
        for module, flag in flags:
            module.training = flag


@contextmanager
def _seeded(seed: int, device: torch.device) -> Iterator[None]:
    """Seed the generators of the CPU and of ``device``, then put their states back."""
    gpus = [device.index] if device.type == "cuda" else []
    with torch.random.fork_rng(devices=gpus):
        for generator in [
            torch.default_generator,
            *(torch.cuda.default_generators[i] for i in gpus),
        ]:
            generator.manual_seed(seed)
        yield


def _plan(n: int, batch_size: int, epochs: int, steps: int | None) -> tuple[int, int]:
    """Return the number of steps in all, and in one epoch."""
    for name, value in {"batch_size": batch_size, "epochs": epochs, "steps": steps}.items():
        if not (isinstance(value, Integral) and value >= 1 or name == "steps" and value is None):
            raise ValueError(f"{name} must be a whole number of at least 1, got {value!r}")
    if batch_size > n:
        raise ValueError(f"batch_size {batch_size} is more than the {n} images: try {n} or less")
    return steps or epochs * (n // batch_size), n // batch_size


def _check(network: nn.Module, images: Tensor, labels: Tensor, *, classes: bool) -> None:
    for name, given in (("images", images), ("labels", labels)):
        if not isinstance(given, Tensor):
            kind = type(given).__name__
            raise TypeError(f"{name} must be a tensor, got {kind}: try torch.as_tensor({name})")
    shapes = f"{tuple(images.shape)} and {tuple(labels.shape)}"
    if images.ndim < 2 or labels.ndim < 1 or len(images) != len(labels) or len(images) == 0:
        raise ValueError(f"images (n, …) and labels (n,) need the same n >= 1, got {shapes}")
    if classes and (labels.ndim != 1 or labels.dtype != torch.int64 or labels.min() < 0):
        rule = "labels must be classes 0, 1, … as torch.int64 (n,)"
        raise ValueError(f"{rule}, got {labels.dtype} {tuple(labels.shape)}: try labels.long()")
    weight = next(network.parameters(), images)
    places = [f"{t.dtype} on {t.device}" for t in (weight, images)]
    if places[0] != places[1] or labels.device != images.device:
        wish = f"try images.to({weight.dtype}).to('{weight.device}'), and labels beside them"
        raise ValueError(f"the network's weights are {places[0]}, the images {places[1]}: {wish}")
