"""Can the inputs still be told apart, and do the units still answer? Contrast and saturation."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from course_utils.networks import is_elementwise

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


def fraction_saturated(activation: nn.Module, z: Tensor, threshold: float = FLAT) -> float:
    """Return the fraction of pre-activations at which an activation is nearly flat.

    A number counts if the slope abs(φ'(z)) there is below ``threshold`` times the greatest slope of
    that activation (on a grid over [-10, 10]). At 0.02 this means abs(tanh(z)) > 0.99, a sigmoid
    below 0.005 or above 0.995, z <= 0 for ReLU, and also z <= 0 for a leaky ReLU of slope 0.01,
    which passes 1 % of the gradient. The slope comes from automatic differentiation: activations
    of your own are served too.

    Parameters
    ----------
    activation
        The module.
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
    if not is_elementwise(activation):
        return float("nan")
    greatest = _slope(activation, torch.linspace(-10, 10, 4001).to(z)).max()
    return (_slope(activation, z) < threshold * greatest).double().mean().item()


def _slope(activation: nn.Module, z: Tensor) -> Tensor:
    """Return abs(φ'(z)) entry by entry; ``forward`` itself is called, so that no hook runs."""
    with torch.inference_mode(False), torch.enable_grad():
        z = z.detach().clone().requires_grad_()
        out = activation.forward(z.clone())  # a copy, for activations that work in place
        return torch.autograd.grad(out.sum(), z)[0].abs()
