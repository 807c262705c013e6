"""The settings of the live training, and its run: the lecture's lab, watched and stopped."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import ClassVar

import torch
from torch import Tensor, nn

from course_utils.data import ImageData, as_images, as_labels
from course_utils.generators import seeded
from course_utils.initializers import initialize_
from course_utils.networks import mlp
from course_utils.training import History, StopTraining, accuracy, fit

SIZES = (784, 256, 256, 10)
TESTED = 1000
"""Test images that are looked at, about 20 times a run."""

MEMORY = 0.8
"""Weight of the past in the moving average of the loss, which so looks back about five steps."""


@dataclass(frozen=True)
class LiveTrainingSetting:
    """What a run begins with, and how long it may last.

    ``std`` counts for the scheme ``"normal"`` only; ``seed`` fixes the weights and the order of
    the images. ``sizes`` are the units of the network, of this class the lab's.
    """

    sizes: ClassVar[tuple[int, ...]] = SIZES
    scheme: str = "normal"
    std: float = 1.0
    seed: int = 0
    steps: int = 200

    @property
    def label(self) -> str:
        """Name the run: ``"normal, std 0.05, seed 0"``."""
        std = f", std {self.std:.4g}" if self.scheme == "normal" else ""
        return f"{self.scheme}{std}, seed {self.seed}"

    def network(self) -> nn.Module:
        """Make the lab's network; torch's global generator is left alone."""
        with torch.device("meta"):  # weights without numbers: none are drawn for them
            network = mlp(list(self.sizes), "relu").float()
        generator = seeded(self.seed)
        options = {"std": self.std} if self.scheme == "normal" else {}
        return initialize_(
            network.to_empty(device="cpu"), self.scheme, generator=generator, **options
        )


def read_data(data: ImageData) -> ImageData:
    """Return data whose images, float32, and labels are tensors, as NumPy arrays and lists become.

    Raises
    ------
    TypeError, ValueError
        If one holds something else, with the way to convert it.
    """
    parts = ("train_images", "train_labels", "test_images", "test_labels")
    if not all(hasattr(data, part) for part in parts):
        kind = type(data).__name__
        raise TypeError(f"data must hold images and labels, as load_mnist() does, got {kind}")
    read = {}
    for images, labels in (parts[:2], parts[2:]):
        read[images] = as_images(getattr(data, images), images)
        read[labels] = as_labels(getattr(data, labels), len(read[images]), labels)
    return replace(data, **read)


class LiveRun:
    """A run and its curves, which grow while it goes on.

    Parameters
    ----------
    number
        1, 2, …: the picture tells runs apart by it.
    setting
        What it begins with.
    watch
        Called after each step, by the thread that trains.

    Attributes
    ----------
    losses, smooth
        The loss of each step before its update, and its moving average (geometric).
    accuracies
        Pairs (steps taken, accuracy on the test images, the first 1,000 at most).
    last_step
        Where the run is to end; once it is over, where it ended.
    history
        What :func:`course_utils.training.fit` returned; None before.
    """

    def __init__(
        self, number: int, setting: LiveTrainingSetting, watch: Callable[[], object] = lambda: None
    ) -> None:
        self.number, self.setting, self.watch = number, setting, watch
        self.losses: list[float] = []
        self.smooth: list[float] = []
        self.accuracies: list[tuple[int, float]] = []
        self.last_step = setting.steps
        self.history: History | None = None
        self._stopped = threading.Event()

    def stop(self) -> None:
        """Have the training end after its next step."""
        self._stopped.set()

    def train(self, data: ImageData) -> None:
        """Train until the last step or until stopped; the history is there afterwards."""
        network, setting = self.setting.network(), self.setting
        test = data.test_images[:TESTED], data.test_labels[:TESTED]
        every = max(5, setting.steps // 20)

        def after_step(step: int, loss: Tensor) -> None:
            self._note(loss.item())
            stopped = self._stopped.is_set() and step < setting.steps
            if stopped or step % every == 0 or step == setting.steps:
                self.accuracies.append((step, accuracy(network, *test)))
            if stopped:
                raise StopTraining
            self.watch()

        self.accuracies.append((0, accuracy(network, *test)))
        options = {"steps": setting.steps, "seed": setting.seed, "after_step": after_step}
        options["log"] = None  # the widget says it
        self.history = fit(network, data.train_images, data.train_labels, **options)
        if self.history.outcome == "diverged":  # no step followed the last loss
            self._note(self.history.step_losses[-1].item())
        self.last_step = self.history.steps

    def _note(self, loss: float) -> None:
        before = self.smooth[-1] if self.smooth else loss
        regular = 0 < loss < math.inf and 0 < before < math.inf
        self.smooth.append(before**MEMORY * loss ** (1 - MEMORY) if regular else loss)
        self.losses.append(loss)

    def ending(self) -> str:
        """Say how the run ended: ``"finished after 200 steps"``."""
        steps = self.history.steps
        return f"{self.history.outcome} after {steps} step{'s' if steps != 1 else ''}"

    def summary(self) -> str:
        """Say in a sentence how the run ended, and how well."""
        ending = self.ending().replace("stopped", "stopped by you")
        if self.history.outcome == "diverged":
            return f"{self.setting.label}: {ending}: the loss is {self.losses[-1]}."
        return f"{self.setting.label}: {ending}, test accuracy {self.accuracies[-1][1]:.2f}."
