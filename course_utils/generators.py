"""Generators of random numbers: one seed, the same draws."""

from __future__ import annotations

import operator

import torch


def seeded(seed: int, device: torch.device | str = "cpu") -> torch.Generator:
    """Return a new generator of random numbers: one seed, the same draws.

    Parameters
    ----------
    seed
        A whole number, of Python, NumPy or a tensor of one.
    device
        Where the numbers are drawn.

    Raises
    ------
    TypeError
        If ``seed`` is no whole number.
    """
    try:
        number = operator.index(seed)
        if isinstance(seed, bool):
            raise TypeError
    except TypeError:
        raise TypeError(f"seed must be a whole number, got {seed!r}: try seed=0") from None
    return torch.Generator(device).manual_seed(number)
