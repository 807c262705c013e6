"""What is kept of a tensor when the tensor is let go: a few numbers and a histogram."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

BINS = 40
"""Bins of a histogram, between the least and the greatest number."""

SAMPLE = 4096
"""A histogram counts at most so many numbers, evenly spaced in the tensor: it is for the eye."""


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
    least, greatest
        The ends of the histogram; nan where a number is.
    zeros
        Share of numbers that are exactly 0.
    between
        Root mean square of what differs between the inputs: the std over the first axis, for each
        place of the others, pooled. nan where the first axis has one entry.
    dead
        Share of units that are 0 everywhere; nan where nobody knows the axis of the units.
    finite
        Whether every number is.
    has_nan
        Whether a number is nan.
    counts
        Histogram, int64 ``(BINS,)``; empty where a number is not finite.
    """

    count: int
    mean: float
    std: float
    mean_square: float
    least: float
    greatest: float
    zeros: float
    between: float
    dead: float
    finite: bool
    has_nan: bool
    counts: np.ndarray
    batch: int = 1
    saturated: float = math.nan

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

        With ``sizes_only`` there is no histogram, and ``between`` and ``dead`` are nan.
        """
        t = t.detach()
        count = t.numel()
        double = t.to(torch.float64)
        flat = double.reshape(-1)
        mean = double.sum().item() / count
        mean_square = torch.dot(flat, flat).item() / count
        least, greatest = (end.item() for end in t.aminmax())
        has_nan = math.isnan(least) or math.isnan(greatest)
        finite = not has_nan and math.isfinite(least) and math.isfinite(greatest)
        zeros = 1 - int(torch.count_nonzero(t)) / count
        return cls(
            count=count,
            mean=mean,
            std=_std(double, mean, mean_square) if finite else math.nan,
            mean_square=mean_square,
            least=least,
            greatest=greatest,
            zeros=zeros,
            between=math.nan if sizes_only or not finite else _between(double, mean_square),
            dead=math.nan if sizes_only else _dead(t, axis, zeros),
            finite=finite,
            has_nan=has_nan,
            counts=NONE if sizes_only or not finite else _histogram(flat, least, greatest),
        )


def _std(t: Tensor, mean: float, mean_square: float) -> float:
    variance = mean_square - mean**2
    if variance < 1e-6 * mean_square:  # little is left of the digits: subtract first
        return torch.linalg.vector_norm(t - mean).item() / t.numel() ** 0.5
    return math.sqrt(variance)


def _between(t: Tensor, mean_square: float) -> float:
    if t.dim() == 0 or t.shape[0] < 2:
        return math.nan
    means = t.mean(0)
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


def _histogram(flat: Tensor, least: float, greatest: float) -> np.ndarray:
    sample = flat[:: -(-flat.numel() // SAMPLE)]
    if least == greatest:
        counts = np.zeros(BINS, dtype=np.int64)
        counts[BINS // 2] = sample.numel()
        return counts
    return torch.histc(sample, BINS, min=least, max=greatest).cpu().numpy().astype(np.int64)
