"""Several seeds and what they tell: a generator for each, and 95 % intervals for their mean.

One run is one draw. The interval of notebook 07 says how far the mean of a few runs may be off.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from course_utils.generators import seeded

__all__ = ["interval", "paired_interval", "seeded"]


def interval(values: ArrayLike, level: float = 0.95) -> tuple[float, float]:
    """Return the mean over seeds and half the width of the interval for it.

    Student's interval, mean ± t · s/√n: the mean of all seeds lies in it for this share of such
    experiments, if what a seed gives is normally distributed.

    Parameters
    ----------
    values : array_like, shape (n,)
        One measurement a seed, at least two.
    level : float
        Between 0 and 1.

    Returns
    -------
    mean, half : float
        In the unit of ``values``.

    Raises
    ------
    ValueError
        If there are fewer than two values, or they are no list of numbers, or ``level`` is not
        between 0 and 1.
    """
    x = np.asarray(values, dtype=np.float64)
    if x.ndim != 1 or len(x) < 2:
        raise ValueError(f"an interval needs one value a seed, at least two, got shape {x.shape}")
    if not 0 < level < 1:
        raise ValueError(f"level must lie between 0 and 1, got {level!r}: try 0.95")
    t = stats.t.ppf((1 + level) / 2, len(x) - 1)
    return float(x.mean()), float(t * x.std(ddof=1) / math.sqrt(len(x)))


def paired_interval(
    one: ArrayLike, other: ArrayLike, level: float = 0.95
) -> tuple[float, float, float]:
    """Return the mean of one minus other, seed by seed, and the ends of the interval for it.

    What a seed does to both alike cancels in each difference, so this interval is often much
    narrower than those of the two means.

    Parameters
    ----------
    one, other : array_like, shape (n,)
        One measurement a seed, in the same order of seeds.
    level : float
        Between 0 and 1.

    Returns
    -------
    mean, low, high : float
        In the unit of the measurements.

    Raises
    ------
    ValueError
        If the two are not equally long, or as of `interval`.
    """
    a, b = (np.asarray(values, dtype=np.float64) for values in (one, other))
    if a.shape != b.shape:
        raise ValueError(f"pairs need a value of each seed in both, got {a.shape} and {b.shape}")
    mean, half = interval(a - b, level)
    return mean, mean - half, mean + half
