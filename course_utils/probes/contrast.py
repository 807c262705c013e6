"""Can the inputs still be told apart, and do the units still answer? Contrast and saturation."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from course_utils.networks import is_elementwise
from course_utils.probes.elementwise import slope

FLAT = 0.02
"""A unit is saturated where the slope of its activation is below this share of the greatest."""


def contrast(activation: Tensor) -> float:
    """Return the share of the std of activations ``(batch, units)`` that stems from the inputs."""
    activation = activation.double()
    total = activation.var(correction=0)
    if not total > 0:
        return 0.0
    within = activation.var(dim=0, correction=0).mean()  # over inputs, for each unit
    return float((within / total).sqrt())


def fraction_saturated(
    activation: nn.Module | Callable[[Tensor], Tensor], z: Tensor, threshold: float = FLAT
) -> float:
    """Return the fraction of pre-activations at which an activation is nearly flat.

    A number counts if the slope abs(φ'(z)) there is below ``threshold`` times the greatest slope of
    that activation (on a grid over [-10, 10]). At 0.02 this means abs(tanh(z)) > 0.99, a sigmoid
    below 0.005 or above 0.995, z <= 0 for ReLU, and also z <= 0 for a leaky ReLU of slope 0.01,
    which passes 1 % of the gradient. The slope comes from automatic differentiation: activations
    of your own are served too.

    Parameters
    ----------
    activation
        The module; or a function of one number, applied to all numbers of a tensor.
    z
        What enters it, of any shape.
    threshold
        In (0, 1].

    Returns
    -------
    float
        0 for ``nn.Identity``; nan for an activation that is not one function of one number
        (softmax, PReLU with many slopes).
    """
    if not 0 < threshold <= 1:
        raise ValueError(f"threshold must lie in (0, 1], got {threshold}: try {FLAT}")
    if isinstance(activation, nn.Identity):
        return 0.0
    if isinstance(activation, nn.Module):
        if not is_elementwise(activation):
            return float("nan")
        activation = activation.forward  # itself, so that no hook runs
    greatest = slope(activation, torch.linspace(-10, 10, 4001).to(z)).max()
    return (slope(activation, z) < threshold * greatest).double().mean().item()
