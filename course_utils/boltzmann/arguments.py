"""What a machine is given: numbers, devices, states, each refused in words if wrong."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from numbers import Integral, Real

import numpy as np
import torch
from torch import Tensor


def whole(name: str, value: object, least: int = 1, most: int | None = None) -> int:
    """Return a whole number, of Python, NumPy or torch, as an int.

    Raises
    ------
    ValueError
        If it is none, or is less than ``least`` or more than ``most``.
    """
    value = scalar(value)
    if not _is_whole(value) or value < least or (most is not None and value > most):
        rule = f"of at least {least}" if most is None else f"from {least} to {most}"
        raise ValueError(f"{name} must be a whole number {rule}, got {value!r}")
    return operator.index(value)


def number(
    name: str,
    value: object,
    wish: str = "a finite number, 0 or more",
    allowed: Callable[[float], bool] = lambda x: x >= 0,
) -> float:
    """Return a finite number, of Python, NumPy or torch, as a float.

    Raises
    ------
    ValueError
        If it is none, or not ``allowed``; ``wish`` says in words what is.
    """
    value = scalar(value)
    real = isinstance(value, Real) and not isinstance(value, bool) and math.isfinite(value)
    if not real or not allowed(value):
        raise ValueError(f"{name} must be {wish}, got {value!r}")
    return float(value)


def scalar(value: object) -> object:
    """Return the number that an array or a tensor without dimensions holds; all else as it is."""
    return value.item() if isinstance(value, Tensor | np.ndarray) and value.ndim == 0 else value


def device_here(device: torch.device | str) -> torch.device:
    """Return a device on which tensors and generators can be made.

    Raises
    ------
    ValueError
        If there is none of that name here; "meta" holds no numbers, and is none.
    """
    try:
        torch.Generator(device)
        return torch.empty(0, device=device).device
    except (AssertionError, RuntimeError, TypeError, ValueError) as error:
        raise ValueError(
            f'device must be one that this machine has, got {device!r}: try "cpu", or "cuda" if '
            "torch.cuda.is_available()"
        ) from error


def finite_range(name: str, states: Tensor) -> tuple[float, float]:
    """Return the least and the greatest number of ``states``, 0 and 0 if there are none.

    Raises
    ------
    ValueError
        If one is not finite.
    """
    if not states.numel():
        return 0.0, 0.0
    low, high = (x.item() for x in states.detach().aminmax())  # both nan if one value is
    if not (math.isfinite(low) and math.isfinite(high)):
        raise ValueError(f"{name} must be finite, but holds nan or infinity: try torch.isfinite")
    return low, high


def _is_whole(value: object) -> bool:
    return isinstance(value, Integral) and not isinstance(value, bool)
