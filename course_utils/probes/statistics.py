"""What is kept of a tensor when the tensor is let go: a few numbers and a histogram."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

BINS = 40
"""Bins of a histogram, between the least and the greatest number."""

SAMPLE = 4096
"""A histogram counts at most so many numbers, evenly spaced in the tensor: it is for the eye."""


LARGE = 1 << 20
"""Tensors with more numbers are not copied to float64 while they are measured."""

NONE = np.zeros(0, dtype=np.int64)
"""No histogram."""


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
        Share of the numbers that entered an activation where that is flat; nan for all else.
    counts
        Histogram of at most :data:`SAMPLE` numbers, int64 ``(BINS,)``; empty where one is not
        finite.
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
    counts: np.ndarray = field(default_factory=lambda: NONE)

    @property
    def size(self) -> float:
        """The root mean square."""
        return math.sqrt(self.mean_square)

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
        if count > LARGE:  # no copy of a large tensor: slower, and no larger
            double = t
            mean = t.sum(dtype=torch.float64).item() / count
            mean_square = torch.linalg.vector_norm(t, dtype=torch.float64).item() ** 2 / count
        else:
            double = t.to(torch.float64)
            mean = double.sum().item() / count
            flat = double.reshape(-1)
            mean_square = torch.dot(flat, flat).item() / count
        finite = math.isfinite(mean_square) and math.isfinite(mean)
        std = _std(double, mean, mean_square) if finite else math.nan
        if sizes_only:
            return cls(count, mean, std, mean_square, finite)
        least, greatest = (end.item() for end in t.aminmax())
        sample = t.reshape(-1)[:: -(-count // SAMPLE)].double()
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
            counts=_histogram(sample, least, greatest) if finite else NONE,
        )


def _zeros(t: Tensor, sample: Tensor, least: float, greatest: float) -> float:
    """Return the share of zeros; where neither an end nor the sample is 0, they are not counted."""
    if least == 0 or greatest == 0 or not bool(sample.all()):
        return 1 - int(torch.count_nonzero(t)) / t.numel()
    return 0.0


def _std(t: Tensor, mean: float, mean_square: float) -> float:
    variance = mean_square - mean**2
    if variance < 1e-6 * mean_square:  # little is left of the digits: subtract first
        return torch.linalg.vector_norm(t.double() - mean).item() / t.numel() ** 0.5
    return math.sqrt(variance)


def _between(t: Tensor, mean_square: float) -> float:
    if t.dim() == 0 or t.shape[0] < 2:
        return math.nan
    means = t.mean(0, dtype=torch.float64)
    variance = mean_square - means.square().mean().item()
    if variance < 1e-6 * mean_square:
        variance = (t - means).square_().mean().item()
    return math.sqrt(max(variance, 0.0))


def _dead(t: Tensor, axis: int | None, zeros: float) -> float:
    if axis is None or axis >= t.dim():
        return math.nan
    if zeros == 0:
        return 0.0
    others = [i for i in range(t.dim()) if i != axis]
    greatest = t.abs().amax(others) if others else t.abs()
    return 1 - int(torch.count_nonzero(greatest)) / t.shape[axis]


def _histogram(sample: Tensor, least: float, greatest: float) -> np.ndarray:
    if least == greatest:
        counts = np.zeros(BINS, dtype=np.int64)
        counts[BINS // 2] = sample.numel()
        return counts
    return torch.histc(sample, BINS, min=least, max=greatest).cpu().numpy().astype(np.int64)
