"""What happened during a training: its history, how it ended, and how to stop it."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field

import torch
from torch import Tensor


class StopTraining(Exception):
    """Raised by a callback to end a training; the network keeps what it has learned."""


@dataclass(frozen=True, eq=False)
class History:
    """What happened to one network during :func:`course_utils.training.fit`.

    ``loss`` and ``accuracy`` hold one mean an epoch, over the training batches as they went by,
    each before its update; an epoch cut short counts with the batches it had, and the accuracy is
    nan if the labels are not classes. ``test_accuracy`` is measured after each epoch: nan if it was
    stopped, interrupted or diverged, empty without a test set. ``step_losses`` (steps,) are the
    losses of the batches one by one; each was followed by an update, except a last one that
    diverged. ``seconds`` is wall time, tests included; ``outcome`` is ``"finished"``, ``"stopped"``
    (by :class:`StopTraining`), ``"interrupted"`` or ``"diverged"``.
    """

    loss: tuple[float, ...]
    accuracy: tuple[float, ...]
    test_accuracy: tuple[float, ...]
    step_losses: Tensor = field(repr=False)
    steps: int
    seconds: float
    outcome: str


_passed_on: ContextVar[bool] = ContextVar("an interrupt is passed on", default=False)


@contextmanager
def interrupts_passed_on() -> Iterator[None]:
    """Let an interrupted training raise KeyboardInterrupt once it has put everything in order.

    By itself `fit`, if it may say so in words, takes an interrupt for an early end, so that a
    learner may stop a training and look. Inside ``with interrupts_passed_on():`` it is no result:
    who measures several trainings, or judges one, stops too.
    """
    token = _passed_on.set(True)
    try:
        yield
    finally:
        _passed_on.reset(token)


def pass_on(outcome: str, *, silent: bool) -> None:
    """Raise KeyboardInterrupt for the outcome "interrupted", where interrupts are passed on.

    So it is in a ``silent`` training too: nothing else would tell that it was cut short.
    """
    if outcome == "interrupted" and (silent or _passed_on.get()):
        raise KeyboardInterrupt


class Record:
    """What happened to one network so far, written epoch by epoch."""

    def __init__(self) -> None:
        self.outcome = "finished"
        self.open = True  # until the epoch in which the network stopped
        self.weights: list[Tensor] | None = None  # of a diverged member of an ensemble, kept aside
        self.losses: list[float] = []  # one a step; the next three are one an epoch
        self.loss: list[float] = []
        self.accuracy: list[float] = []
        self.test_accuracy: list[float] = []

    def end(self, outcome: str) -> None:
        """Note that the training was ``"stopped"`` or ``"interrupted"``, unless it was over."""
        if self.outcome == "finished":
            self.outcome = outcome

    def add(self, losses: list[float], right: Tensor | None, *, tested: bool) -> None:
        """Add an epoch, whole or cut short: losses a step, and hits (steps, batch) if there are."""
        bad = next((i for i, value in enumerate(losses) if not math.isfinite(value)), None)
        if bad is not None:
            self.outcome, losses = "diverged", losses[: bad + 1]
        hits = math.nan if right is None else right[: len(losses)].double().mean().item()
        self.losses += losses
        self.loss.append(sum(losses) / len(losses))
        self.accuracy.append(hits)
        self.test_accuracy += [math.nan] if tested else []
        self.open = self.outcome == "finished"

    def last_words(self) -> str:
        """Say in one line why the training stopped early."""
        steps = len(self.losses)
        if self.outcome == "interrupted":
            taken = "1 step" if steps == 1 else f"{steps} steps"
            return f"Interrupted after {taken}: the network keeps what it has learned."
        advice = "Try a smaller learning rate, or weights of smaller variance."
        return f"Stopped at step {steps}: the loss is {self.losses[-1]}. {advice}"

    def history(self, dtype: torch.dtype, seconds: float) -> History:
        """Return what was recorded."""
        epochs = (tuple(column) for column in (self.loss, self.accuracy, self.test_accuracy))
        step_losses = torch.tensor(self.losses, dtype=dtype)
        return History(*epochs, step_losses, len(self.losses), seconds, self.outcome)
