"""Generators of random numbers: one seed, the same draws."""

from __future__ import annotations

import operator

import torch


def seeded(seed: int, device: torch.device | str = "cpu") -> torch.Generator:
    """Return a new generator of random numbers: one seed, the same draws.

    Parameters
    ----------
    seed
        A whole number of at most 64 bits, of Python, NumPy or a tensor of one.
    device
        Where the numbers are drawn.

    Raises
    ------
    ValueError
        If ``seed`` is no such number.
    """
    try:
        number = 2**64 if isinstance(seed, bool) else operator.index(seed)
    except TypeError:
        number = 2**64
    if not -(2**63) <= number < 2**64:
        raise ValueError(f"seed must be a whole number of at most 64 bits, got {seed!r}: try 0")
    return torch.Generator(device).manual_seed(number)
