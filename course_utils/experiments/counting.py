"""How many terms does a unit add up, and how many units use an input? Ones in, and count."""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn

from course_utils.networks import ordinary_torch


@ordinary_torch()
def count_by_ones(layer: nn.Module, shape: tuple[int, ...]) -> tuple[int, int]:
    """Count the terms of an output of a layer, and the outputs that an input serves.

    All weights are ones, and so are the inputs: an output then is the number of its terms, and the
    gradient of the sum of all outputs, at an input, the number of outputs that use it. Near the
    borders of a picture both are smaller, and with a stride they depend on the place; so both are
    means over the middle half along each side, rounded.

    Parameters
    ----------
    layer : nn.Module
        Linear or convolutional, transposed or not, with any stride, groups, dilation and padding.
        It is left as it is.
    shape : tuple of int
        Of one input without the batch: ``(n_in,)``, or ``(channels, side, …)`` with sides of
        several kernels.

    Returns
    -------
    terms, uses : int
        The true fan_in and fan_out of a layer whose windows lie within the picture.

    Raises
    ------
    ValueError
        If the layer has no weight.
    """
    if not isinstance(getattr(layer, "weight", None), Tensor):
        raise ValueError(f"count_by_ones needs a layer with a weight, got {type(layer).__name__}")
    layer = copy.deepcopy(layer)
    nn.init.ones_(layer.weight)
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
    x = torch.ones(1, *shape, dtype=layer.weight.dtype, requires_grad=True)
    out = layer(x)
    out.sum().backward()
    return _middle_mean(out), _middle_mean(x.grad)


def _middle_mean(t: Tensor) -> int:
    """Return the mean over channels and over the middle half of each side, (1, channels, …)."""
    for axis in range(2, t.ndim):
        quarter = t.shape[axis] // 4
        t = t.narrow(axis, quarter, t.shape[axis] - 2 * quarter)
    return round(t.mean().item())
