"""The training of a restricted Boltzmann machine: epochs, schedules, gauges, and its history.

This is the loop behind :meth:`course_utils.rbm.RBM.fit`.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from tqdm import tqdm

if TYPE_CHECKING:
    from course_utils.rbm import RBM

_GAUGED = 1000  # training images on which error and pseudo-likelihood are measured


@dataclass(frozen=True)
class RBMHistory:
    """What happened during :meth:`course_utils.rbm.RBM.fit`.

    The tuples hold one value for each epoch that was completed, measured after it.

    Attributes
    ----------
    reconstruction_error : tuple of float
        Mean square of image minus reconstruction, per pixel, of (at most) 1,000 training images
        evenly spread; the reconstruction is made without drawing.
    pseudo_likelihood : tuple of float
        Mean log pseudo-likelihood of the same images in nats an image, from one bit of each, the
        same bit after every epoch. Empty if the visible units are Gaussian.
    free_energy_gap : tuple of float
        Mean free energy of the held-out images minus that of as many training images, in nats
        (Hinton 2012): it grows when the RBM learns its training images by heart. Empty if there
        are no held-out images.
    steps : int
        Updates taken.
    seconds : float
        Wall time, gauges included.
    outcome : str
        ``"finished"``, ``"interrupted"`` or ``"diverged"``.

    None of these is the likelihood: see :mod:`course_utils.likelihood`.
    """

    reconstruction_error: tuple[float, ...]
    pseudo_likelihood: tuple[float, ...]
    free_energy_gap: tuple[float, ...]
    steps: int
    seconds: float
    outcome: str


def train(
    rbm: RBM,
    step: Callable[..., None],
    images: Tensor,
    *,
    held_out: Tensor | None,
    epochs: int,
    batch_size: int,
    lr: tuple[float, float],
    momentum: tuple[float, float],
    progress: bool,
    after_step: Callable[[int], object] | None,
    after_epoch: Callable[[int], object] | None,
    tell: Callable[[str], object],
) -> RBMHistory:
    """Call ``step(images, rows, lr=…, momentum=…)`` for each batch, and measure after each epoch.

    The options are those of :meth:`course_utils.rbm.RBM.fit`, checked already, with ``lr`` and
    ``momentum`` as pairs.
    """
    per_epoch = len(images) // batch_size
    last_step = epochs * per_epoch - 1
    gauges = _Gauges(rbm, images, held_out)
    outcome, done, started = "finished", 0, time.perf_counter()
    bar = tqdm(total=last_step + 1, leave=False, disable=not progress, delay=1, unit="step")
    with bar:
        try:
            for epoch in range(epochs):
                order = torch.randperm(len(images), generator=rbm.generator, device=images.device)
                for rows in order[: per_epoch * batch_size].split(batch_size):
                    rate = lr[0] + (lr[1] - lr[0]) * done / max(1, last_step)
                    step(images, rows, lr=rate, momentum=momentum[epoch > 0])
                    done += 1
                    bar.update()
                    if after_step is not None:
                        after_step(done)
                gauges.measure()
                if after_epoch is not None:
                    after_epoch(epoch + 1)
        except KeyboardInterrupt:
            outcome = "interrupted"
            steps = "1 step" if done == 1 else f"{done} steps"
            tell(f"Interrupted after {steps}: the RBM keeps what it has learned.")
        except FloatingPointError as error:
            outcome = "diverged"
            tell(str(error))
    return RBMHistory(*gauges.columns(), done, time.perf_counter() - started, outcome)


class _Gauges:
    """Measures that cost little, taken once an epoch."""

    def __init__(self, rbm: RBM, images: Tensor, held_out: Tensor | None) -> None:
        self.rbm, self.held_out = rbm, held_out
        self.images = _spread(images, _GAUGED)
        self.seen = None if held_out is None else _spread(images, len(held_out))
        self.errors: list[float] = []
        self.pseudo_likelihoods: list[float] = []
        self.gaps: list[float] = []

    @torch.no_grad()
    def measure(self) -> None:
        error = (self.rbm.reconstruct(self.images) - self.images).square().mean()
        self.errors.append(error.item())
        if self.rbm.visible == "bernoulli":
            generator = torch.Generator(self.images.device).manual_seed(0)  # leave the RBM's alone
            value = self.rbm.pseudo_log_likelihood(self.images, generator=generator)
            self.pseudo_likelihoods.append(value.mean().item())
        if self.held_out is not None:
            new, seen = (self.rbm.free_energy(v).mean() for v in (self.held_out, self.seen))
            self.gaps.append((new - seen).item())

    def columns(self) -> tuple[tuple[float, ...], ...]:
        return tuple(self.errors), tuple(self.pseudo_likelihoods), tuple(self.gaps)


def _spread(images: Tensor, count: int) -> Tensor:
    """Return ``count`` images at equal distances, or all if there are fewer."""
    return images[:: max(1, len(images) // count)][:count]


def pair(name: str, value: float | tuple[float, float]) -> tuple[float, float]:
    """Return a pair as it is, and a number twice."""
    if not isinstance(value, tuple | list):
        return value, value
    if len(value) != 2:
        raise ValueError(f"{name} must be a number or a pair of numbers, got {value!r}")
    return tuple(value)
