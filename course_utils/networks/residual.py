"""Residual networks: a stream that every block reads and adds to, as plain ``torch`` modules.

A block computes x + scale · branch(x). The branch reads the stream x, (batch, width), and what it
computes is added to x: nothing is ever overwritten, so signal and gradient have a free way from end
to end. He, Zhang, Ren & Sun (2016), "Identity mappings in deep residual networks", whose order is
used here: activation before weights, so that every branch ends in a linear layer.

>>> network = residual_mlp([784, 128, 10], depth=50, scale=1 / math.sqrt(50))
>>> network(images).shape  # (batch, 784) → (batch, 10)

`initializers.start_` gives it its first weights, `probes.measure_stream` looks at its stream.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from torch import Tensor, nn

from course_utils.networks.mlp import maker_of, normalization_of


class Residual(nn.Module):
    """One block: adds scale · branch(x) to the stream x.

    Parameters
    ----------
    branch
        Any module whose output has the shape of its input.
    scale
        The number that multiplies the branch: a float, or a parameter of shape () to be learned.
    norm
        What the sum goes through, if anything: a normalization here is "post-norm", and the stream
        is then no longer free.
    """

    def __init__(
        self,
        branch: nn.Module,
        scale: float | nn.Parameter = 1.0,
        norm: nn.Module | None = None,
    ) -> None:
        super().__init__()
        self.branch, self.scale, self.norm = branch, scale, norm

    def forward(self, x: Tensor) -> Tensor:
        """Return the stream after this block, shaped like ``x``."""
        x = x + self.scale * self.branch(x)
        return x if self.norm is None else self.norm(x)


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
    activation: str | Callable[[], nn.Module] = "relu",
    scale: float = 1.0,
    normalization: str | None = None,
) -> ResidualNetwork:
    """Stack a linear stem, ``depth`` residual blocks and a linear head.

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
        A key of :data:`course_utils.networks.ACTIVATIONS`, or a function that makes a module, as
        in :func:`course_utils.networks.mlp`.
    scale
        Of every branch: 1, 1/√depth, or any other number.
    normalization
        None, ``"batch"`` or ``"layer"``.

    Returns
    -------
    ResidualNetwork
        Maps ``(batch, sizes[0])`` to ``(batch, sizes[2])``, with the weights that PyTorch gives
        its layers by default: `course_utils.initializers.start_` draws better ones.

    Raises
    ------
    ValueError
        If an argument is not one of those named above.
    TypeError
        If a function of your own does not make a module, or the activation is itself a module.
    """
    _check(sizes, depth, branch_layers, scale)
    make, normalize = maker_of(activation), normalization_of(normalization)
    n_in, width, n_out = sizes

    def norm() -> list[nn.Module]:
        return [] if normalize is None else [normalize(width)]

    def branch() -> nn.Sequential:
        layers = norm()
        for _ in range(branch_layers):
            layers += [make(), nn.Linear(width, width)]
        return nn.Sequential(*layers)

    blocks = [Residual(branch(), scale) for _ in range(depth)]
    head = nn.Sequential(*norm(), nn.Linear(width, n_out))
    return ResidualNetwork(nn.Linear(n_in, width), blocks, head)


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
