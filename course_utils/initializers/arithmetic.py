"""Which matrices a layer's weights are: what a gate, a group or a stride does to the fans.

A weight is one tensor, but what it does need not be one matrix. The arithmetic of

- a grouped convolution is a convolution for each group;
- packed attention is three linear layers, for queries, keys and values;
- a recurrent layer is two linear layers a gate, one that reads the input and one that reads the
  hidden state (a third, of an LSTM with ``proj_size``, makes the hidden state smaller);
- a transposed convolution of stride s is an ordinary one with s times as many channels and 1/s of
  the kernel a dimension, whose channels are laid side by side as pixels: Shi et al. (2016), "Is the
  deconvolution layer the same as a convolutional layer?".

`fill_` hands a scheme each of these as a tensor (out, in, *kernel) of its own, so that the fans
that the scheme counts are those of the arithmetic; `arithmetic_fans` says which they are.

>>> arithmetic_fans(nn.ConvTranspose2d(64, 32, 4, stride=2))  # (64 · 16 / 4, 32 · 16)
(256, 512)
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from course_utils.initializers.schemes import fans
from course_utils.initializers.stored import read

CONVOLUTION, TRANSPOSED = nn.modules.conv._ConvNd, nn.modules.conv._ConvTransposeNd
RECURRENT = (nn.RNNBase, nn.RNNCellBase)
KINDS = (nn.Linear, CONVOLUTION, *RECURRENT, nn.MultiheadAttention, nn.Bilinear)
"""The layers whose weights are matrices."""

Fill = Callable[[Tensor, float], object]  # fill(block, surplus), as `fill_` explains


def weights_and_biases(layer: nn.Module) -> tuple[list[str], list[str]]:
    """Return the names of a layer's weights and of its biases, () and () where it is of no kind.

    A bias that the layer was made without is named too; its value is None.
    """
    if isinstance(layer, nn.MultiheadAttention):
        packed = layer._qkv_same_embed_dim
        weights = ["in_proj_weight"] if packed else [f"{p}_proj_weight" for p in "qkv"]
        return weights, ["in_proj_bias"]
    if isinstance(layer, RECURRENT):
        ends = [""]
        if isinstance(layer, nn.RNNBase):
            directions = ["", "_reverse"] if layer.bidirectional else [""]
            ends = [f"_l{i}{end}" for i in range(layer.num_layers) for end in directions]
        reads = ["ih", "hh", "hr"] if getattr(layer, "proj_size", 0) else ["ih", "hh"]
        biases = ["ih", "hh"] if layer.bias else []
        return (
            [f"weight_{read}{end}" for end in ends for read in reads],
            [f"bias_{read}{end}" for end in ends for read in biases],
        )
    return (["weight"], ["bias"]) if isinstance(layer, KINDS) else ([], [])


def check_shaped(layers: Iterable[nn.Module]) -> None:
    """Raise ValueError if one of the layers is lazy and has not seen its first batch."""
    if any(is_lazy(tensor) for layer in layers for tensor in layer.parameters(recurse=False)):
        raise ValueError("a lazy layer has no shape yet: run one batch through the network first")


def arithmetic_fans(layer: nn.Module, name: str = "weight") -> tuple[float, float]:
    """Return (fan_in, fan_out) as the layer's arithmetic has them, of one of its weights.

    ``fan_in`` is how many products are summed into one number of the output: with weights of
    variance v and inputs of mean square 1, its variance is fan_in · v. ``fan_out`` is how many
    numbers of the output one number of the input goes into: the same for the gradient.

    =========================  ==============================  ==============================
    layer                      fan_in                          fan_out
    =========================  ==============================  ==============================
    Linear                     in                              out
    convolution                in / groups · kernel            out / groups · kernel / stride
    transposed convolution     in / groups · kernel / stride   out / groups · kernel
    recurrent, each gate       what it reads                   hidden
    attention, q, k or v       what it reads                   width
    Bilinear                   in1 · in2                       out · in2, of the first input
    =========================  ==============================  ==============================

    ``kernel`` and ``stride`` are products over the dimensions. Where a stride divides, it is a mean
    over the positions, whole or not; numbers near the border have fewer. `initialize_` draws with
    these fans, but for the stride of an ordinary convolution, which neither Glorot & Bengio (2010)
    nor He et al. (2015) divide by: only schemes that look at fan_out would see it.

    Parameters
    ----------
    layer : nn.Module
        Linear, convolution, recurrent, attention or bilinear.
    name : str
        Of the weight: "weight_hh_l0" of a recurrent layer, "in_proj_weight" of attention.

    Returns
    -------
    tuple of float
        Whole numbers are ints.

    Raises
    ------
    ValueError
        If the layer is of another kind or has no weight of that name, or is lazy and still has no
        shape.
    """
    known = weights_and_biases(layer)[0]
    if name not in known:
        kinds = "a Linear, convolution, recurrent, attention or bilinear layer"
        raise ValueError(
            f"{type(layer).__name__} has no weight {name!r} with fans: try "
            f"{', '.join(known[:4]) or kinds}"
        )
    check_shaped([layer])
    shape = read(layer, name).shape
    if isinstance(layer, TRANSPOSED):
        fan_out, fan_in = shape[1] * math.prod(shape[2:]), shape[0] * math.prod(shape[2:])
        return _ratio(fan_in, layer.groups * math.prod(layer.stride)), fan_out
    block = torch.empty(shape[0] // _parts(layer, shape), *shape[1:], device="meta")
    fan_in, fan_out = fans(block)
    stride = math.prod(layer.stride) if isinstance(layer, CONVOLUTION) else 1
    return fan_in, _ratio(fan_out, stride)


def _ratio(numerator: int, denominator: int) -> float:
    exact = numerator % denominator == 0
    return numerator // denominator if exact else numerator / denominator


def _parts(layer: nn.Module, shape: torch.Size) -> int:
    """Return how many matrices lie on top of each other in a weight of that shape."""
    if isinstance(layer, RECURRENT):
        return max(1, shape[0] // layer.hidden_size)  # gates; one for weight_hr: (proj, hidden)
    if isinstance(layer, nn.MultiheadAttention):
        return 3 if layer._qkv_same_embed_dim else 1
    return layer.groups if isinstance(layer, CONVOLUTION) else 1


def fill_(layer: nn.Module, w: Tensor, fill: Fill) -> None:
    """Change the weight ``w`` of a layer, or a tensor shaped like it, matrix by matrix.

    ``fill(block, surplus)`` changes a tensor (out, in, *kernel) in place. Its fans are those of the
    arithmetic, times ``surplus``: 1 but where a stride does not divide the kernel.
    """
    if isinstance(layer, TRANSPOSED):
        for group in w.chunk(layer.groups):
            _fill_transposed_(group, layer.stride, fill)
        return
    parts = _parts(layer, w.shape)
    for block in [w] if parts == 1 else w.chunk(parts):
        contiguous = block.contiguous()  # itself, where nothing is laid out otherwise
        fill(contiguous, 1.0)
        if contiguous is not block:
            block.copy_(contiguous)


def _fill_transposed_(w: Tensor, stride: tuple[int, ...], fill: Fill) -> None:
    """Fill a transposed kernel (in, out, *kernel) as a convolution (stride · out, in, *cells).

    Of the kernel every stride-th position meets the same pixels of the output: these are the cells.
    The kernel is made longer to a multiple of the stride, and cut again.
    """
    n_in, n_out, *kernel = w.shape
    cells = [math.ceil(side / step) for side, step in zip(kernel, stride, strict=True)]
    longer = [cell * step for cell, step in zip(cells, stride, strict=True)]
    cut = (..., *(slice(side) for side in kernel))
    whole = w.new_zeros(n_in, n_out, *longer)
    whole[cut] = w
    pairs = [side for pair in zip(cells, stride, strict=True) for side in pair]
    cell_axes, step_axes = range(2, 2 + len(pairs), 2), range(3, 3 + len(pairs), 2)
    split = whole.view(n_in, n_out, *pairs).permute(*step_axes, 1, 0, *cell_axes)
    convolution = split.reshape(-1, n_in, *cells).contiguous()  # (stride · out, in, *cells)
    fill(convolution, math.prod(longer) / math.prod(kernel))
    split.copy_(convolution.view(split.shape))
    w.copy_(whole[cut])
