"""Train a network on tensors in memory: the lecture's loop without its detours.

>>> data = load_mnist()
>>> test = (data.test_images, data.test_labels)
>>> history = fit(network, data.train_images, data.train_labels, test=test, epochs=3)
>>> history.test_accuracy
>>> histories = fit(Ensemble(networks), data.train_images, data.train_labels)  # side by side
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from itertools import islice
from numbers import Integral

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.func import vmap
from tqdm import tqdm

from course_utils.data import bytes_up_to, conversion, greatest_pixel
from course_utils.generators import seeded
from course_utils.networks import Ensemble, is_plain, mode
from course_utils.progress import progress
from course_utils.training.history import History, Record, StopTraining, pass_on
from course_utils.training.losses import (
    check_classes,
    check_first,
    check_labels,
    check_loss,
    check_value,
    is_of_classes,
)
from course_utils.training.optimizers import make_optimizer

STEPS_BETWEEN_LOOKS = {"cpu": 1, "cuda": 50}
"""Steps between two looks whether all is finite still: each look makes a GPU wait."""


def fit(
    network: nn.Module | Ensemble,
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
    after_step: Callable[[int, Tensor], object] | None = None,
    log: Callable[[str], object] | None = print,
) -> History | list[History]:
    """Train ``network`` in place, the same for the same seed, and return its :class:`History`.

    Each epoch is a new permutation of the images; an incomplete last batch is dropped. The order
    comes from a generator of its own, dropout from the global one, which is seeded for this call
    and then put back, as are the training flags. (A plain stack of linear layers and activations
    draws nothing: then the global generator is left alone, also for other threads.) Gradients are
    cleared at the end.

    The networks of a :class:`course_utils.networks.Ensemble` are trained side by side, in place,
    each as it would be alone up to rounding; a list of their histories is returned. They see the
    same images in the same order. One whose loss is not finite stops, the others go on. The
    ``optimizer`` must treat each number for itself, as SGD and Adam do.

    A :class:`StopTraining` that ``after_step`` raises ends the training with what it has, and so
    does a keyboard interrupt, if ``log`` says so; without ``log``, or inside
    :func:`interrupts_passed_on`, it is raised again once all is in order. A loss that is not finite
    ends it before that batch's update (on a GPU up to 50 steps later, so that it need not wait at
    each). How it ended is the history's ``outcome``.

    Parameters
    ----------
    network
        Maps (batch, …) to class scores (batch, classes); or an ensemble of such networks.
    images, labels
        (n, …) of the network's dtype and device, and int64 (n,), unless ``loss`` wants others.
    test
        A pair of images and labels to measure after each epoch.
    epochs, steps
        How long; ``steps``, if given, replaces ``epochs`` and cuts the last epoch short.
    batch_size, lr
        Images a step; Adam's learning rate, used if there is no ``optimizer``.
    optimizer
        Makes an optimizer from a list of parameters: ``lambda p: torch.optim.SGD(p, lr=0.1)``.
    loss
        Maps (scores, labels) of a batch to a scalar. With torch's cross-entropies, labels of n
        classes can also be probabilities (n, classes) or classes of places (n, …); with its losses
        of numbers they have the shape of the scores; with a function of your own, any.
    seed
        Fixes the order of the images and the dropout.
    after_step
        Called after each update with their number so far, 1, 2, …, and the loss of its batch
        before the update: a tensor without a gradient, (), or (members,) of an ensemble.
    log
        Called with a line of words for each network that was interrupted or diverged; a bar shows
        after the first second and leaves nothing at the end. None for neither.

    Raises
    ------
    TypeError, ValueError
        If data, network and options do not go together; the message says what to try.
    KeyboardInterrupt
        If it was interrupted, and no ``log`` tells.
    """
    check_loss(loss)
    _check(network, images, labels)
    check_labels(labels, loss)
    if test is not None:
        if not isinstance(test, tuple | list) or len(test) != 2:
            raise TypeError("test must be a pair: try test=(test_images, test_labels)")
        _check(network, *test, learns=False)
        check_classes(test[1])
    total, per_epoch = _plan(len(images), batch_size, epochs, steps)
    with torch.inference_mode(False), images.device:
        rule = make_optimizer([p for p in network.parameters() if p.requires_grad], optimizer, lr)
    run = _Run(network, images, labels, loss, rule, after_step, test, batch_size)
    order, started = seeded(seed), time.perf_counter()
    bar = progress(total=total, quiet=log is None, unit="step")
    draws = not isinstance(network, Ensemble) and not is_plain(network)
    global_state = _seeded(order, images.device) if draws else nullcontext()
    in_training = mode(network, training=True)
    with torch.inference_mode(False), torch.enable_grad(), bar, in_training, global_state:
        try:
            while run.steps < total and run.goes_on():
                rows = torch.randperm(len(images), generator=order, device="cpu").to(images.device)
                run.epoch(rows, min(per_epoch, total - run.steps), bar)
        except KeyboardInterrupt:
            run.end("interrupted")
    network.zero_grad()
    histories = run.finish(time.perf_counter() - started, log)
    for history in histories:
        pass_on(history.outcome, silent=log is None)
    return histories if isinstance(network, Ensemble) else histories[0]


def accuracy(
    network: nn.Module | Ensemble, images: Tensor, labels: Tensor, batch_size: int = 1000
) -> float | list[float]:
    """Return the fraction of ``images`` (n, …) whose greatest score is at the label, int64 (n,).

    Measured in evaluation mode, ``batch_size`` images at a time; for an ensemble a list of
    fractions. Raises like :func:`fit`.
    """
    _check(network, images, labels, learns=False)
    check_classes(labels)
    with mode(network, training=False), torch.no_grad():
        batches = zip(images.split(batch_size), labels.split(batch_size), strict=True)
        hits = [(network(x).argmax(-1) == y).sum(-1) for x, y in batches]
    return (torch.stack(hits).sum(0).double() / len(images)).tolist()


class _Run:
    """The state of one training: its ingredients, and what happened to each network so far."""

    def __init__(self, network, images, labels, loss, rule, after_step, test, batch_size) -> None:
        self.network, self.images, self.labels = network, images, labels
        self.rule, self.after_step = rule, after_step
        self.test, self.batch_size = test, batch_size
        self.is_ensemble = isinstance(network, Ensemble)
        self.members = len(network) if self.is_ensemble else None
        self.loss_function = _for_members(loss) if self.is_ensemble else loss
        self.parameters = list(network.parameters())
        self.classes = labels.ndim == 1 and labels.dtype == torch.int64
        self.loss, self.needs_classes = loss, is_of_classes(loss) and not labels.is_floating_point()
        self.watch = STEPS_BETWEEN_LOOKS.get(images.device.type, 50)
        self.steps = self.epochs = 0
        self.records = [Record() for _ in range(self.members or 1)]

    def goes_on(self) -> bool:
        return any(record.outcome == "finished" for record in self.records)

    def end(self, outcome: str) -> None:
        for record in self.records:
            record.end(outcome)

    def epoch(self, rows: Tensor, count: int, bar: tqdm) -> None:
        """Take ``count`` steps through the images in the order of ``rows`` (n,)."""
        rows = rows[: count * self.batch_size]
        labels = self.labels[rows]
        batches = zip(rows.split(self.batch_size), labels.split(self.batch_size), strict=True)
        losses, guesses, updates = [], [], 0
        try:
            for chosen, target in islice(batches, count):
                scores = self._scores(chosen)  # (…, batch, classes)
                if self.steps == updates == 0:
                    check_first(scores, target, self.loss, self.members)
                    self._check_classes(scores)
                value = self.loss_function(scores, target)  # one number, or (members,)
                if self.steps == updates == 0:
                    check_value(value, self.members)
                losses.append(value.detach())
                guesses += [scores.detach().argmax(-1)] if self.classes else []
                if len(losses) % self.watch == 0 and not self._healthy(losses[-self.watch :]):
                    break
                for parameter in self.parameters:
                    parameter.grad = None
                value.sum().backward()
                self.rule.step()
                updates += 1
                bar.update()
                if self.after_step is not None:
                    self.after_step(self.steps + updates, losses[-1])
        except (KeyboardInterrupt, StopTraining) as end:
            self.end("stopped" if isinstance(end, StopTraining) else "interrupted")
            losses, guesses = losses[:updates], guesses[:updates]
        self.steps += updates
        if losses:
            try:
                self._close(losses, guesses, labels)
            except KeyboardInterrupt:
                self.end("interrupted")
                self._close(losses, guesses, labels)  # what was not written down yet
            self.epochs += 1

    def _scores(self, chosen: Tensor) -> Tensor:
        """Return what the network makes of some images; say how to lay them out if it cannot."""
        images = self.images.index_select(0, chosen)
        try:
            return self.network(images)
        except RuntimeError as error:
            if self.steps or not (way := _way_to_layout(self.network, images)):
                raise
            given = tuple(self.images.shape)
            raise ValueError(f"the network cannot take images {given}: {way}") from error

    def _check_classes(self, scores: Tensor) -> None:
        """Raise, before anything is learned, if a label names a class that has no score."""
        wanted = {}  # name → labels, number of scores
        if self.needs_classes:
            wanted["labels"] = self.labels, scores.shape[1 + self.is_ensemble]
        if self.test is not None:
            wanted["test labels"] = self.test[1], scores.shape[-1]
        for name, (labels, outputs) in wanted.items():
            if (most := int(labels.max())) >= outputs:
                raise ValueError(
                    f"{name} must be from 0 to {outputs - 1}, as the network has {outputs} "
                    f"scores, got up to {most}: count the classes from 0, or give it more scores"
                )

    def _healthy(self, recent: list[Tensor]) -> bool:
        """Keep aside the weights of networks that have just diverged; tell whether any is left."""
        if not self.is_ensemble:
            return all(map(math.isfinite, recent))
        finite = torch.stack(recent).isfinite().all(0)  # (members,)
        for i in (~finite).nonzero().flatten().tolist():
            if self.records[i].weights is None:
                self.records[i].weights = [p[i].detach().clone() for p in self.parameters]
        return any(record.weights is None for record in self.records)

    def _close(self, losses: list[Tensor], guesses: list[Tensor], labels: Tensor) -> None:
        """Add an epoch, whole or cut short, to what happened to each network, if not done yet."""
        right, values = None, torch.stack(losses).reshape(len(losses), -1)  # (steps, members)
        if guesses:
            right = torch.cat(guesses, dim=-1) == labels[: len(losses) * self.batch_size]
            right = right.reshape(len(self.records), len(losses), -1)  # (members, steps, batch)
        tested = self.test is not None
        for i, record in enumerate(self.records):
            if record.open and len(record.loss) == self.epochs:
                hits = None if right is None else right[i]
                record.add(values[:, i].tolist(), hits, tested=tested)
        if tested and self.goes_on():
            measured = np.atleast_1d(accuracy(self.network, *self.test))
            for record, value in zip(self.records, measured.tolist(), strict=True):
                if record.outcome == "finished":
                    record.test_accuracy[-1] = value

    def finish(self, seconds: float, log: Callable[[str], object] | None) -> list[History]:
        """Give diverged networks their last weights back; say who stopped; return histories."""
        with torch.no_grad():
            for i, record in enumerate(self.records):
                for parameter, kept in zip(self.parameters, record.weights or [], strict=False):
                    parameter[i] = kept
        if self.is_ensemble:
            self.network.unstack_()
        for i, record in enumerate(self.records):
            if log is not None and record.outcome in ("interrupted", "diverged"):
                log((f"Network {i}: " if self.is_ensemble else "") + record.last_words())
        return [record.history(self.images.dtype, seconds) for record in self.records]


def _way_to_layout(network: nn.Module | Ensemble, images: Tensor) -> str:
    """Say how to lay out images (n, …) for the first layer of a network; "" if nobody knows."""
    first = network.networks[0] if isinstance(network, Ensemble) else network
    layers = (m for m in first.modules() if isinstance(m, nn.Linear | nn.Conv2d))
    layer, shape = next(layers, None), tuple(images.shape[1:])
    if isinstance(layer, nn.Linear) and len(shape) > 1:
        return "try images.flatten(1)" if math.prod(shape) == layer.in_features else ""
    if isinstance(layer, nn.Conv2d):
        channels = layer.in_channels
        if channels == 1 and len(shape) == 2:
            return "try images[:, None], with one channel"
        if len(shape) == 3 and shape[-1] == channels != shape[0]:
            return "try images.movedim(-1, 1), with the channels first"
    return ""


def _for_members(loss: Callable[[Tensor, Tensor], Tensor]) -> Callable[[Tensor, Tensor], Tensor]:
    """Return the loss of every member: (members, batch, classes) and (batch,) → (members,)."""
    if loss is not F.cross_entropy:
        return vmap(loss, in_dims=(0, None))

    def cross_entropy(scores: Tensor, labels: Tensor) -> Tensor:  # in one call: quicker
        if labels.ndim > 1:
            return vmap(loss, in_dims=(0, None))(scores, labels)
        each = F.cross_entropy(scores.flatten(0, 1), labels.repeat(len(scores)), reduction="none")
        return each.view(len(scores), -1).mean(1)

    return cross_entropy


@contextmanager
def _seeded(order: torch.Generator, device: torch.device) -> Iterator[None]:
    """Seed the generators of the CPU and of ``device`` as ``order``, then put their states back."""
    gpus = [device.index] if device.type == "cuda" else []
    with torch.random.fork_rng(devices=gpus):
        for generator in [
            torch.default_generator,
            *(torch.cuda.default_generators[i] for i in gpus),
        ]:
            generator.manual_seed(order.initial_seed())
        yield


def _plan(n: int, batch_size: int, epochs: int, steps: int | None) -> tuple[int, int]:
    """Return the number of steps in all, and in one epoch."""
    for name, value in {"batch_size": batch_size, "epochs": epochs, "steps": steps}.items():
        if not (isinstance(value, Integral) and value >= 1 or name == "steps" and value is None):
            raise ValueError(f"{name} must be a whole number of at least 1, got {value!r}")
    if batch_size > n:
        raise ValueError(f"batch_size {batch_size} is more than the {n} images: try {n} or less")
    return steps or epochs * (n // batch_size), n // batch_size


def _check(network: nn.Module, images: Tensor, labels: Tensor, *, learns: bool = True) -> None:
    for name, given in (("images", images), ("labels", labels)):
        if not isinstance(given, Tensor):
            kind = type(given).__name__
            raise TypeError(f"{name} must be a tensor, got {kind}: {conversion(given, name)}")
    shapes = f"{tuple(images.shape)} and {tuple(labels.shape)}"
    if images.ndim < 2 or labels.ndim < 1 or len(images) != len(labels) or len(images) == 0:
        raise ValueError(f"images (n, …) and labels (n,) need the same n >= 1, got {shapes}")
    weight = next(network.parameters(), images)
    if learns and (weight.is_inference() or images.is_inference()):
        what = "the network" if weight.is_inference() else "the images"
        raise ValueError(f"{what} cannot learn, made in inference mode: make it outside of it")
    places = [f"{t.dtype} on {t.device}" for t in (weight, images)]
    if places[0] != places[1] or labels.device != images.device:
        most = 0 if images.is_floating_point() else bytes_up_to(images)
        scale = f" / {greatest_pixel(most)}" if most > 1 else ""
        fitting = f"images.to({weight.dtype}).to('{weight.device}')"
        wish = f"try {fitting}{scale}, and labels beside them"
        raise ValueError(f"the network's weights are {places[0]}, the images {places[1]}: {wish}")
