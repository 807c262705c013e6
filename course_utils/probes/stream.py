"""What flows along the stream of a residual network, and back: signal, gradient, what is added."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from course_utils.generators import seeded
from course_utils.networks import ResidualNetwork, ordinary_torch


@dataclass(frozen=True)
class StreamMeasurement:
    """What flows along the stream of a residual network, in root mean squares over all numbers.

    Attributes
    ----------
    signal
        The stream x, after the stem and after each block, float64 ``(blocks + 1,)``.
    gradient
        The gradient ∂L/∂x, in the same places, ``(blocks + 1,)``.
    added
        What each block added to the stream, ``(blocks,)``.
    """

    signal: np.ndarray
    gradient: np.ndarray
    added: np.ndarray


@ordinary_torch()
def measure_stream(
    network: ResidualNetwork, inputs: Tensor, labels: Tensor | None = None, *, seed: int = 0
) -> StreamMeasurement:
    """Send inputs up the stream and a gradient down, and measure both after every block.

    Parameters
    ----------
    network
        In the mode that it is in: a batch normalization that trains takes the statistics of these
        inputs (and notes them in its running averages).
    inputs
        What the stem takes, ``(batch, …)``.
    labels
        Classes, ``(batch,)``: the gradient is then that of the mean cross-entropy. Without them it
        is N(0, 1) noise, which enters at the top of the stream, below the head.
    seed
        Of the noise.
    """
    stream = [network.stem(inputs)]  # (batch, …, width)
    if not stream[0].requires_grad:
        stream[0].requires_grad_()
    for block in network.blocks:
        stream.append(block(stream[-1]))
    if labels is None:
        noise = torch.randn(stream[-1].shape, generator=seeded(seed))
        goal = (stream[-1] * noise.to(stream[-1])).sum()
    else:
        goal = F.cross_entropy(network.head(stream[-1]), labels)
    gradient = torch.autograd.grad(goal, stream)
    added = [after - before for before, after in zip(stream[:-1], stream[1:], strict=True)]
    return StreamMeasurement(*(_root_mean_squares(ts) for ts in (stream, gradient, added)))


def _root_mean_squares(tensors: Sequence[Tensor]) -> np.ndarray:
    norms = [torch.linalg.vector_norm(t.detach(), dtype=torch.float64).item() for t in tensors]
    return np.array(norms) / tensors[0].numel() ** 0.5
