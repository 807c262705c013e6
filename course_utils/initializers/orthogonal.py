"""What "orthogonal" means where a matrix is not all that a layer does: convolutions and ReLU.

`initializers.orthogonal_` makes a linear layer keep the length of every vector. Two layers need
more thought:

- A convolution sums over the positions of its kernel, so that a kernel with orthonormal rows
  still stretches some images and shrinks others. `delta_orthogonal_` leaves one position only.
- ReLU throws half of every signal away. With the gain √2 the lengths are right on average, but no
  orthogonal matrix makes all singular values of the layer equal. `looks_linear_` lets each unit
  have a mirror image that keeps the other half.
"""

from __future__ import annotations

import torch
from torch import Generator, Tensor, nn

from course_utils.initializers.schemes import fans, orthogonal_, zero_
from course_utils.initializers.stored import undone_by_an_error
from course_utils.networks import weight_layers


def delta_orthogonal_(
    w: Tensor, gain: float = 1.0, *, generator: Generator | None = None
) -> Tensor:
    """Fill a kernel (out, in, *kernel) with zeros, but gain · orthogonal at its middle.

    The convolution is then one matrix at every pixel: with at least as many channels out as in,
    stride 1 and no groups, it multiplies the norm of every image by ``gain`` exactly, with circular
    padding, or with zeros around where the kernel's sides are odd and the padding is half of them.
    (With fewer channels out than in no layer can do that; its rows are orthonormal then.)
    Xiao, Bahri, Sohl-Dickstein, Schoenholz & Pennington (2018), "Dynamical isometry and a mean
    field theory of CNNs: how to train 10,000-layer vanilla convolutional neural networks".

    Parameters
    ----------
    w : Tensor, shape (out, in, *kernel)
        Float32 or float64, changed in place. Without a kernel (a linear layer) this is
        `initializers.orthogonal_`.
    gain : float
        Factor on every norm, at least 0: √2 where a ReLU follows.
    generator : torch.Generator, optional
        Where the numbers come from; the global state of torch if not given.

    Returns
    -------
    Tensor
        The same tensor.

    Raises
    ------
    ValueError
        If ``w`` has fewer than two dimensions or another dtype, or ``gain`` is impossible.
    """
    fans(w)  # raises for what is no weight
    matrix = orthogonal_(
        torch.empty_like(w[(..., *[0] * (w.dim() - 2))]), gain, generator=generator
    )
    middle = [side // 2 for side in w.shape[2:]]
    with torch.no_grad():
        zero_(w)[(..., *middle)] = matrix  # (out, in)
    return w


def looks_linear_(
    network: nn.Sequential, gain: float = 1.0, *, generator: Generator | None = None
) -> nn.Sequential:
    """Start a ReLU network as an orthogonal linear map: hidden units come in mirrored pairs.

    With V orthogonal, the first weight is [V; -V], those between are [V, -V; -V, V], the last is
    [V, -V]. The hidden pre-activations are (u, -u), of which ReLU keeps the positive parts, and
    the next layer puts them together again: V relu(u) - V relu(-u) = V u. So at first the network
    computes the product of the V, whose singular values are 1 (or 0, in directions for which a
    layer has too few pairs); training bends it. Balduzzi et al. (2017), "The shattered gradients
    problem: if resnets are the answer, then what is the question?", call it *looks linear*. It
    serves every activation with φ(u) - φ(-u) = c · u: leaky ReLU too (c = 1 + slope), and GELU and
    SiLU (c = 1). If anything fails, or is interrupted, the network is left as it was.

    Parameters
    ----------
    network
        Linear layers in a row, as `networks.mlp` makes them, at least two, with even hidden
        widths. Changed in place; biases become zero.
    gain
        Factor on every V that follows an activation: 1 for ReLU, 1 / c otherwise.
    generator
        Where the numbers come from; the global state of torch if not given.

    Returns
    -------
    torch.nn.Sequential
        The same network.

    Raises
    ------
    ValueError
        If the network has fewer than two weight layers, layers that are not linear, or an odd
        hidden width; also where `initializers.orthogonal_` raises.
    """
    layers = weight_layers(network)
    if len(layers) < 2 or not all(isinstance(layer, nn.Linear) for layer in layers):
        kinds = ", ".join(type(layer).__name__ for layer in layers) or "no weight layer"
        raise ValueError(f"looks_linear_ needs two or more Linear layers in a row, got {kinds}")
    widths = [layer.out_features for layer in layers[:-1]]
    if any(width % 2 for width in widths):
        raise ValueError(f"mirrored pairs need even hidden widths, got {widths}: try one unit more")
    with torch.no_grad(), undone_by_an_error(network):
        for i, layer in enumerate(layers):
            first, last = i == 0, i == len(layers) - 1
            rows, columns = layer.weight.shape
            shape = rows if last else rows // 2, columns if first else columns // 2
            scale = 1.0 if first else gain
            v = orthogonal_(layer.weight.new_empty(shape), scale, generator=generator)
            v = v if first else torch.cat([v, -v], dim=1)
            layer.weight.copy_(v if last else torch.cat([v, -v]))
            if layer.bias is not None:
                zero_(layer.bias)
    return network
