"""How long a deep linear network learns, by depth and by how it began.

A network without activations is one matrix W_L … W_2 W_1, yet gradient descent on its factors is
not linear: each gradient is the error times the product of all other layers. With white inputs
(E[x xᵀ] = I) the squared loss depends on the data through one matrix only, the correlation T of
targets and inputs:

    E‖y - W x‖² = ‖T - W‖² + what no W can change,       W = W_L … W_1,  T = E[y xᵀ],

so that a step of gradient descent on all of the data needs no data, and a hundred layers learn in
seconds. Saxe, McClelland & Ganguli (2014), "Exact solutions to the nonlinear dynamics of learning
in deep linear neural networks".
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

from course_utils.networks import ordinary_torch


def white_task(images: Tensor, labels: Tensor, n_inputs: int) -> Tensor:
    """Return T = E[y xᵀ] of one-hot labels y and whitened images x, both with mean zero.

    Parameters
    ----------
    images, labels
        Float (n, pixels) and int64 (n,).
    n_inputs
        How many principal components of the images are kept, each scaled to variance 1.

    Returns
    -------
    Tensor
        (classes, n_inputs), in the dtype of the images. Its singular values lie between 0 and 1,
        and one of them is 0, since the labels of an image add up to 1.

    Raises
    ------
    ValueError
        If ``n_inputs`` is below 1, or more than the directions in which the images differ.
    """
    x = images.double() - images.double().mean(0)
    values, directions = torch.linalg.eigh(x.T @ x / len(x))  # in rising order
    most = int((values > 1e-9 * values[-1]).sum())
    if not 1 <= n_inputs <= most:
        raise ValueError(f"n_inputs must lie between 1 and {most} for these images, got {n_inputs}")
    white = x @ directions[:, -n_inputs:] / values[-n_inputs:].sqrt()  # (n, n_inputs)
    y = F.one_hot(labels).double()
    return ((y - y.mean(0)).T @ white / len(x)).to(images.dtype)


@ordinary_torch()
def greedy_autoencoders(
    depth: int, n_units: int, *, std: float = 0.1, rate: float = 0.2, generator: Generator
) -> list[Tensor]:
    """Return the weights of ``depth`` square layers that were pre-trained greedily as autoencoders.

    Each layer learns to code the layer below it such that a second matrix can decode it: both begin
    at small random weights, N(0, std² / n_units), and follow the gradient of the squared
    reconstruction error (white inputs, all data at once), until it is below 0.01 % of the input.
    Small balanced beginnings end near an orthogonal matrix (section 3 of Saxe et al.).

    Parameters
    ----------
    depth, n_units
        Number of layers, and units in each.
    std
        Std of a weight at the beginning, times √n_units.
    rate
        Learning rate.
    generator
        Where the weights come from.

    Returns
    -------
    list of Tensor
        The encoders, first layer first, each (n_units, n_units) in float32.
    """
    covariance, layers = torch.eye(n_units), []
    for _ in range(depth):
        encoder, decoder = (
            torch.randn(n_units, n_units, generator=generator) * std / math.sqrt(n_units)
            for _ in range(2)
        )
        while True:
            error = torch.eye(n_units) - decoder @ encoder  # of what comes back
            if torch.einsum("ij,jk,ik", error, covariance, error) < 1e-4 * covariance.trace():
                break
            gradient = error @ covariance
            step = decoder.T @ gradient
            decoder = decoder + rate * gradient @ encoder.T
            encoder = encoder + rate * step
        layers.append(encoder)
        covariance = encoder @ covariance @ encoder.T
    return layers


def learning_time(
    weights: Sequence[Tensor],
    target: Tensor,
    rates: Sequence[float],
    *,
    threshold: float = 0.1,
    limit: int = 1000,
) -> tuple[float, float]:
    """Return how many steps of gradient descent a linear network needs, with its best rate.

    The same network is trained with every rate side by side, until the first has learned.

    Parameters
    ----------
    weights
        First layer first, (fan_out, fan_in) each, not changed: the first takes n_inputs, the last
        gives the classes.
    target
        T, (classes, n_inputs), as `white_task` returns it.
    rates
        Learning rates to try. What is stable falls as 1 / depth.
    threshold
        Learned is where ‖T - W‖² is below this fraction of ‖T‖².
    limit
        Steps after which to give up.

    Returns
    -------
    steps, rate : float
        ``inf`` and ``nan`` if no rate has come there within ``limit`` steps.
    """
    where = {"dtype": target.dtype, "device": target.device}
    rates = torch.as_tensor(rates, **where).view(-1, 1, 1)  # (members, 1, 1)
    layers = [w.detach().expand(len(rates), *w.shape).clone() for w in weights]
    goal = threshold * target.square().sum()
    for step in range(limit + 1):
        above = [torch.eye(len(target), **where).expand(len(rates), -1, -1)]
        for w in reversed(layers):
            above.append(above[-1] @ w)  # W_L … W_l, (members, classes, fan_in)
        error = target - above.pop()
        squares = error.square().sum((1, 2))  # (members,)
        if (squares < goal).any():
            return float(step), float(rates[squares.nan_to_num(math.inf).argmin()])
        alive = squares < 1e6 * goal  # a rate that diverges is dropped
        if not alive.any():
            break
        rates, error, above = rates[alive], error[alive], [a[alive] for a in above]
        layers = [w[alive] for w in layers] if not alive.all() else layers
        for w, after in zip(layers, reversed(above), strict=True):
            below = error @ w.mT  # the error with the next layer's input in place of this one's
            w.baddbmm_(rates * after.mT, error)
            error = below
    return math.inf, math.nan
