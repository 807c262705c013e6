"""Jacobians of a network at its inputs, and their singular values: how a step stretches space.

A small change dx of the input becomes J dx. The singular values of J are the factors by which the
directions of dx are stretched: all 1 would hand every direction on unchanged ("dynamical
isometry"). Transposed, the same J carries gradients down, with the same singular values.

>>> network = mlp([784] + [256] * 10 + [10], "tanh")
>>> [s.mean() for s in layer_singular_values(network, images[:8])]  # one step each
>>> singular_values(network, images[:8])  # the whole stack, (8, 10)
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn
from torch.func import jacrev, vmap

from course_utils.networks import weight_layers


def jacobians(function: Callable[[Tensor], Tensor], inputs: Tensor) -> Tensor:
    """Return ∂function(x)/∂x at every input, by automatic differentiation.

    Parameters
    ----------
    function
        Maps (batch, …) to (batch, …), each input for itself: a network, one of its layers, or a
        slice of an ``nn.Sequential``. (Batch normalization in training mode mixes the inputs:
        call ``network.eval()`` first.)
    inputs
        (n_inputs, …), real numbers; the Jacobian of each is computed at its own place.

    Returns
    -------
    Tensor
        (n_inputs, n_out, n_in), detached; images and channels are flattened. It takes n_inputs ·
        n_out · n_in numbers of memory: a handful of inputs is enough for a wide layer.

    Raises
    ------
    ValueError
        If ``inputs`` is not a batch of floating-point numbers.
    """
    if not isinstance(inputs, Tensor) or inputs.ndim < 2 or len(inputs) == 0:
        given = tuple(inputs.shape) if isinstance(inputs, Tensor) else type(inputs).__name__
        raise ValueError(f"inputs must have shape (n_inputs, n_in), got {given}: try images[:8]")
    if not inputs.is_floating_point():
        raise ValueError(f"inputs must be floating-point numbers, got {inputs.dtype}: try .float()")

    def one(x: Tensor) -> Tensor:  # (…) → (n_out,)
        return function(x.unsqueeze(0)).flatten()

    per_input = vmap(jacrev(one))(inputs.detach())  # (n_inputs, n_out, …)
    return per_input.detach().flatten(2)


def singular_values(function: Callable[[Tensor], Tensor], inputs: Tensor) -> np.ndarray:
    """Return the singular values of ∂function(x)/∂x at every input, the largest first.

    Arguments and errors as in `jacobians`. Returns float64 (n_inputs, min(n_out, n_in)).

    The mean of their squares is ‖J‖² / min(n_out, n_in): in a wide square layer
    `course_utils.theory.gradient_map`. Their mean is smaller, unless all are equal.
    """
    matrices = jacobians(function, inputs).double().cpu()
    return torch.linalg.svdvals(matrices).numpy()


def layer_singular_values(network: nn.Sequential, inputs: Tensor) -> list[np.ndarray]:
    """Return the singular values of every step ∂z_{l+1}/∂z_l, pre-activation to pre-activation.

    A step is the activation and the weight layer that follow z_l. (Glorot & Bengio, 2010,
    "Understanding the difficulty of training deep feedforward neural networks", eq. 17, measure
    the same from activation to activation; their letter z is the activation.)

    Parameters
    ----------
    network
        A stack in which every weight layer stands at the top level, as `networks.mlp` makes it.
    inputs
        (n_inputs, …), as the network takes them.

    Returns
    -------
    list of numpy.ndarray
        One a step, so one less than there are weight layers; each as in `singular_values`.

    Raises
    ------
    ValueError
        If the network is no such stack, or has fewer than two weight layers.
    """
    weights = weight_layers(network) if isinstance(network, nn.Module) else []
    stack = list(network) if isinstance(network, nn.Sequential) else []
    places = [i for i, module in enumerate(stack) if module in weights]
    if len(places) < 2 or len(places) != len(weights):
        raise ValueError(
            "network must be an nn.Sequential with two or more weight layers at its top level, got "
            f"{type(network).__name__}: try mlp([784, 256, 10])"
        )
    ends = [place + 1 for place in places]  # the slice up to here ends with a pre-activation
    with torch.no_grad():
        z = network[: ends[0]](inputs)
    found = []
    for start, end in zip(ends[:-1], ends[1:], strict=True):
        step = network[start:end]
        found.append(singular_values(step, z))
        with torch.no_grad():
            z = step(z)
    return found
