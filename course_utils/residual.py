"""Residual networks: a stream that every block reads and adds to, as plain ``torch`` modules.

A block computes x + scale · branch(x). The branch reads the stream x, (batch, width), and what it
computes is added to x: nothing is ever overwritten, so signal and gradient have a free way from end
to end. He, Zhang, Ren & Sun (2016), "Identity mappings in deep residual networks", whose order is
used here: activation before weights, so that every branch ends in a linear layer.

>>> network = residual_mlp([784, 128, 10], depth=50, scale=1 / math.sqrt(50))
>>> measure_stream(network, images).signal  # root mean square after the stem and after each block
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from course_utils.initializers import Rng, initialize_, zero_
from course_utils.networks import ACTIVATIONS, NORMALIZATIONS, weight_layers

STARTS = ("he", "fixup", "rezero")
"""How the branches can begin: see :func:`start_`."""


class Residual(nn.Module):
    """One block: adds scale · branch(x) to the stream x.

    Parameters
    ----------
    branch
        Any module whose output has the shape of its input.
    scale
        The number that multiplies the branch.
    learned
        Whether the scale is a parameter, to be trained with the weights (as in ReZero).
    """

    def __init__(self, branch: nn.Module, scale: float = 1.0, *, learned: bool = False) -> None:
        super().__init__()
        self.branch = branch
        self.scale = nn.Parameter(torch.tensor(float(scale))) if learned else float(scale)

    def forward(self, x: Tensor) -> Tensor:
        """Return the stream after this block, shaped like ``x``."""
        return x + self.scale * self.branch(x)


class ResidualNetwork(nn.Module):
    """A stem that makes the stream, blocks that add to it, a head that reads the result.

    Attributes
    ----------
    stem, head : nn.Module
        From the input to the stream, and from the stream to the scores.
    blocks : nn.Sequential
        Of :class:`Residual`.
    """

    def __init__(self, stem: nn.Module, blocks: Sequence[Residual], head: nn.Module) -> None:
        super().__init__()
        self.stem, self.blocks, self.head = stem, nn.Sequential(*blocks), head

    def forward(self, inputs: Tensor) -> Tensor:
        """Return the scores, ``(batch, classes)``."""
        return self.head(self.blocks(self.stem(inputs)))


def residual_mlp(
    sizes: Sequence[int],
    depth: int,
    *,
    branch_layers: int = 1,
    activation: str = "relu",
    scale: float = 1.0,
    normalization: str | None = None,
    start: str = "he",
    generator: Rng = None,
) -> ResidualNetwork:
    """Stack a linear stem, ``depth`` residual blocks and a linear head, and initialize them.

    A branch is activation, Linear, and once more the two with ``branch_layers=2``. With a
    normalization it stands at the beginning of each branch ("pre-norm") and before the head.

    Parameters
    ----------
    sizes
        Input, width of the stream, output: ``[784, 128, 10]``.
    depth
        Number of blocks, at least 1.
    branch_layers
        Linear layers in a branch, 1 or 2.
    activation
        A key of :data:`course_utils.networks.ACTIVATIONS`.
    scale
        Of every branch: 1, 1/√depth, or any other number. ReZero learns its own, from 0.
    normalization
        None, ``"batch"`` or ``"layer"``.
    start
        ``"he"``, ``"fixup"`` or ``"rezero"``: see :func:`start_`.
    generator
        Where the weights come from; the global state of torch if not given.

    Returns
    -------
    ResidualNetwork
        Maps ``(batch, sizes[0])`` to ``(batch, sizes[2])``.

    Raises
    ------
    ValueError
        If an argument is not one of those named above.
    """
    _check(sizes, depth, branch_layers, scale)
    for name, value, known in (
        ("activation", activation, ACTIVATIONS),
        ("normalization", normalization, (None, *NORMALIZATIONS)),
        ("start", start, STARTS),
    ):
        if value not in list(known):
            choices = ", ".join(map(str, known))
            raise ValueError(f"unknown {name} {value!r}: choose one of {choices}")
    n_in, width, n_out = sizes
    learned = start == "rezero"
    first = 0.0 if learned else scale

    def norm() -> list[nn.Module]:
        return [] if normalization is None else [NORMALIZATIONS[normalization](width)]

    def branch() -> nn.Sequential:
        layers = norm()
        for _ in range(branch_layers):
            layers += [ACTIVATIONS[activation](), nn.Linear(width, width)]
        return nn.Sequential(*layers)

    blocks = [Residual(branch(), first, learned=learned) for _ in range(depth)]
    head = nn.Sequential(*norm(), nn.Linear(width, n_out))
    network = ResidualNetwork(nn.Linear(n_in, width), blocks, head)
    return start_(network, start, generator=generator)


def _check(sizes: Sequence[int], depth: int, branch_layers: int, scale: float) -> None:
    if len(sizes) != 3 or any(not isinstance(n, int) or n < 1 for n in sizes):
        raise ValueError(
            f"sizes are input, width and output, whole numbers from 1, got {list(sizes)}: "
            "try [784, 128, 10]"
        )
    if not isinstance(depth, int) or isinstance(depth, bool) or depth < 1:
        raise ValueError(f"depth must be a whole number of at least 1, got {depth!r}")
    if branch_layers not in (1, 2):
        raise ValueError(f"branch_layers must be 1 or 2, got {branch_layers!r}")
    if not (isinstance(scale, (int, float)) and math.isfinite(scale)):
        raise ValueError(f"scale must be a finite number, such as 1 or 0.14, got {scale!r}")


@torch.no_grad()
def start_(network: ResidualNetwork, start: str, *, generator: Rng = None) -> ResidualNetwork:
    """Draw the weights of a residual network, and set the biases to 0.

    The stem and the head, which no rectifier precedes, get 1/fan_in. The branches get:

    - ``"he"``: He's 2/fan_in in every layer. A branch then adds as much as the stream has.
    - ``"fixup"``: the last layer of each branch is zero, and so is the head; He's weights in the
      other layers of the branch are multiplied by L^(-1/(2m - 2)), L branches of m layers. Zhang,
      Dauphin & Ma (2019), "Fixup initialization: residual learning without normalization". (Their
      third rule adds scalars to the architecture, multipliers that begin at 1 and biases that begin
      at 0; here the layers have biases of their own. A branch of one layer has no other layers:
      it is zero.)
    - ``"rezero"``: He's weights; the learned scale of each branch is set to 0. Bachlechner et al.
      (2020), "ReZero is all you need: fast convergence at large depth".

    Parameters
    ----------
    network
        Changed in place.
    start
        A key of :data:`STARTS`.
    generator
        Where the numbers come from: stem, head, then block by block, so that of two networks from
        equal generators the deeper one begins with the blocks of the other.

    Returns
    -------
    ResidualNetwork
        The same network.
    """
    for part in (network.stem, network.head):
        initialize_(part, "lecun_normal", generator=generator)
    for block in network.blocks:
        initialize_(block.branch, "he_normal", generator=generator)
        if start == "fixup":
            *others, last = weight_layers(block.branch)
            zero_(last.weight)
            for layer in others:
                layer.weight.mul_(len(network.blocks) ** (-1 / (2 * len(others))))
        elif start == "rezero":
            block.scale.zero_()
    if start == "fixup":
        zero_(weight_layers(network.head)[-1].weight)
    return network


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
        noise = torch.randn(stream[-1].shape, generator=torch.Generator().manual_seed(seed))
        goal = (stream[-1] * noise.to(stream[-1])).sum()
    else:
        goal = F.cross_entropy(network.head(stream[-1]), labels)
    gradient = torch.autograd.grad(goal, stream)
    added = [after - before for before, after in zip(stream[:-1], stream[1:], strict=True)]
    return StreamMeasurement(*(_root_mean_squares(ts) for ts in (stream, gradient, added)))


def _root_mean_squares(tensors: Sequence[Tensor]) -> np.ndarray:
    norms = [torch.linalg.vector_norm(t.detach(), dtype=torch.float64).item() for t in tensors]
    return np.array(norms) / tensors[0].numel() ** 0.5
