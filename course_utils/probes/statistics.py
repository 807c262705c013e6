"""What is kept of a tensor when the tensor is let go: a few numbers and a histogram."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

BINS = 40
"""Bins of a histogram, between the least and the greatest number."""

SAMPLE = 2048
"""A histogram counts at most so many numbers, evenly spaced in the tensor: it is for the eye."""

LARGE = 1 << 20
"""Tensors with more numbers are measured in parts, so that no copy of them is ever made."""


@dataclass(eq=False)
class Statistics:
    """Statistics over all numbers of a tensor, summed in float64.

    Attributes
    ----------
    count
        How many numbers.
    mean, std, mean_square
        Population statistics; nan or infinite where the tensor is.
    finite
        Whether every number is, and their squares too.
    least, greatest
        The ends of the histogram; nan where a number is.
    has_nan
        Whether a number is nan.
    zeros
        Share of numbers that are exactly 0 (0 where a few among many are).
    between
        Root mean square of what differs between the inputs: the std over the first axis, for each
        place of the others, pooled. nan where the first axis has one entry.
    dead
        Share of units that are 0 everywhere; nan where nobody knows the axis of the units.
    units
        How many units there are; 1 where nobody knows their axis.
    saturated
        Share of the numbers that entered a bounded activation where that is flat; of a rectifier
        (ReLU6) among those above 0; nan for all else.
    sample
        At most :data:`SAMPLE` of the numbers, evenly spaced; empty where one is not finite.
    """

    count: int
    mean: float
    std: float
    mean_square: float
    finite: bool
    least: float = math.nan
    greatest: float = math.nan
    has_nan: bool = False
    zeros: float = math.nan
    between: float = math.nan
    dead: float = math.nan
    units: int = 1
    saturated: float = math.nan
    sample: Tensor = field(default_factory=lambda: torch.zeros(0), repr=False)

    @property
    def size(self) -> float:
        """The root mean square."""
        return math.sqrt(self.mean_square)

    @property
    def counts(self) -> np.ndarray:
        """Histogram of the sample from ``least`` to ``greatest``, int64 ``(BINS,)``."""
        counts = np.zeros(BINS, dtype=np.int64)
        if self.least == self.greatest:
            counts[BINS // 2] = self.sample.numel()
        elif self.sample.numel():
            ends = {"min": self.least, "max": self.greatest}
            counts[:] = torch.histc(self.sample.double(), BINS, **ends).cpu().numpy()
        return counts

    @property
    def contrast(self) -> float:
        """Share of the std that stems from the inputs: 1 if all of it does, 0 if they are alike."""
        if not self.std > 0:
            return 0.0
        return self.between / self.std

    def equals(self, other: Statistics | None) -> bool:
        """Whether another tensor had the same numbers, as far as statistics tell."""
        mine = (self.count, self.mean, self.mean_square, self.least, self.greatest)
        if other is None:
            return False
        return mine == (other.count, other.mean, other.mean_square, other.least, other.greatest)

    @classmethod
    def of(cls, t: Tensor, axis: int | None = None, *, sizes_only: bool = False) -> Statistics:
        """Measure a tensor of real numbers; ``axis`` is that of its units, if one knows.

        With ``sizes_only`` there are count, mean, std, mean square and ``finite``, no more.
        """
        t = t.detach()
        count = t.numel()
        double = t if count > LARGE else t.to(torch.float64)
        mean, mean_square = _mean_and_mean_square(double)
        finite = math.isfinite(mean_square) and math.isfinite(mean)
        std = _std(double, mean, mean_square) if finite else math.nan
        if sizes_only:
            return cls(count, mean, std, mean_square, finite)
        least, greatest = (end.item() for end in t.aminmax())
        sample = t.reshape(-1)[:: -(-count // SAMPLE)].clone()
        zeros = _zeros(t, sample, least, greatest)
        return cls(
            count=count,
            mean=mean,
            std=std,
            mean_square=mean_square,
            finite=finite,
            least=least,
            greatest=greatest,
            has_nan=math.isnan(least) or math.isnan(greatest),
            zeros=zeros,
            between=_between(double, mean_square) if finite else math.nan,
            dead=_dead(t, axis, zeros),
            units=1 if axis is None or axis >= t.dim() else t.shape[axis],
            **({"sample": sample} if finite else {}),
        )


def _parts(t: Tensor) -> Iterable[Tensor]:
    """Split a large tensor along its first axis."""
    if t.numel() <= LARGE:
        return (t,)
    return t.split(max(1, LARGE * len(t) // t.numel()))


def _mean_and_mean_square(t: Tensor) -> tuple[float, float]:
    total = square = 0.0
    for part in _parts(t):
        flat = part.to(torch.float64).reshape(-1)
        total += flat.sum().item()
        square += torch.dot(flat, flat).item()
    return total / t.numel(), square / t.numel()


def _zeros(t: Tensor, sample: Tensor, least: float, greatest: float) -> float:
    """Return the share of zeros; where neither an end nor the sample is 0, they are not counted."""
    if least == 0 or greatest == 0 or not bool(sample.all()):
        exact = torch.promote_types(t.dtype, torch.float32)
        signs = (part.sign().abs_() for part in _parts(t))  # faster than count_nonzero, ten times
        return 1 - sum(part.sum(dtype=exact).item() for part in signs) / t.numel()
    return 0.0


def _std(t: Tensor, mean: float, mean_square: float) -> float:
    variance = mean_square - mean**2
    if variance < 1e-6 * mean_square:  # little is left of the digits: subtract first
        square = sum((part.double() - mean).square_().sum().item() for part in _parts(t))
        return math.sqrt(square / t.numel())
    return math.sqrt(variance)


def _between(t: Tensor, mean_square: float) -> float:
    if t.dim() == 0 or t.shape[0] < 2:
        return math.nan
    means = t.mean(0, dtype=torch.promote_types(t.dtype, torch.float32)).double().reshape(-1)
    variance = mean_square - torch.dot(means, means).item() / len(means)
    if variance < 1e-2 * mean_square:  # the means of a large tensor are of its own precision
        means = t.mean(0, dtype=torch.float64)
        square = sum((part - means).square_().sum().item() for part in _parts(t))
        variance = square / t.numel()
    return math.sqrt(max(variance, 0.0))


def _dead(t: Tensor, axis: int | None, zeros: float) -> float:
    if axis is None or axis >= t.dim():
        return math.nan
    if zeros == 0:
        return 0.0
    others = [i for i in range(t.dim()) if i != axis]
    greatest = t.abs().amax(others) if others else t.abs()
    return 1 - int(torch.count_nonzero(greatest)) / t.shape[axis]
