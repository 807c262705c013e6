"""One scheme for a whole network: every weight that is a matrix; the rest is left alone, in words.

>>> initialize_(network, "he_normal", generator=generator)

Linear and convolution layers, recurrent layers, attention and bilinear layers have weights that are
matrices, and `arithmetic` knows which. `stored` sets a weight that a parametrization computes.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn import init
from torch.nn.utils.parametrize import ParametrizationList

from course_utils.initializers.arithmetic import (
    CONVOLUTION,
    KINDS,
    RECURRENT,
    check_shaped,
    fill_,
    weights_and_biases,
)
from course_utils.initializers.schemes import (
    SCHEMES,
    Rng,
    Scheme,
    constant_,
    fans,
    normal_,
    pytorch_default_,
    scheme_of,
    uniform_,
    zero_,
)
from course_utils.initializers.stored import change_, parameters_of, read, undone_by_an_error

LeftAlone = dict[str, str]  # the name of a parameter → why it was left alone

SHOWN = 4
"""Names that a warning shows of each kind."""

_COUNT_FANS = {*SCHEMES.values()} - {zero_, constant_, uniform_, normal_}


def initialize_(
    network: nn.Module, scheme: str | Scheme, *, generator: Rng = None, **options: float | str
) -> nn.Module:
    """Initialize every weight of a network that is a matrix, in order; biases become zero.

    That are the weights of Linear, convolution, recurrent, attention and bilinear layers. Where a
    weight is several matrices (gates, groups, queries, keys and values; `arithmetic_fans` has the
    table), each is drawn as a layer of its own. A weight that is computed is set through what
    computes it: weight_norm, spectral_norm, any parametrization with a ``right_inverse``; a pruned
    one keeps its mask. The forget gate of an LSTM begins open: its part of ``bias_ih`` becomes 1
    (Gers, Schmidhuber & Cummins, 2000; Jozefowicz, Zaremba & Sutskever, 2015). Frozen parameters
    are drawn too. If anything fails, or is interrupted, the network is left as it was (so there is
    a copy of it meanwhile).

    Parameters
    ----------
    network : nn.Module
        Changed in place. Its normalization layers are left as they are. So are embeddings, slopes
        of activations, parameters of your own, parametrizations without inverse: a UserWarning
        names them, and what shares a tensor or has become another weight than what was drawn.
    scheme : str or callable
        A name in `SCHEMES`, or a function: ``scheme(weight, generator=generator, **options)``
        changes a tensor (out, in, *kernel) in place; one that takes no generator is called without.
        (Of a transposed convolution the tensor is the ordinary one that it equals; if its stride
        does not divide the kernel, the schemes here correct their scale for that, and a function
        cannot.)
        "pytorch_default" does what PyTorch does: it counts fans as torch does, and draws biases
        too, each after its weight and from the same U(-1/√fan_in, 1/√fan_in). Recurrent layers
        have hidden, bilinear ones in1, in place of fan_in; packed attention has Xavier's bound and
        biases of zero.
    generator : torch.Generator, optional
        Where the numbers come from; the global state of torch if not given.
    **options
        What the scheme takes, for instance ``std=0.01`` with "normal".

    Returns
    -------
    nn.Module
        The same network.

    Raises
    ------
    ValueError
        For an unknown scheme or option, a network without such layers, or one with a lazy layer
        that still has no shape.
    """
    scheme = scheme_of(scheme, options)
    layers = _layers(network)
    with undone_by_an_error(network):
        left = draw_(network, scheme, options, generator, layers)
    warn_of(left, "initialize_", stacklevel=3)
    return network


@torch.no_grad()
def draw_(
    network: nn.Module,
    scheme: str | Scheme,
    options: dict,
    generator: Rng,
    layers: list[nn.Module] | None = None,
) -> LeftAlone:
    """Do what `initialize_` does without a warning: return what it would tell, name by name.

    ``layers`` are those to draw; all that can be, if not given.
    """
    scheme = scheme_of(scheme, options)
    layers = _layers(network) if layers is None else layers

    def change(layer: nn.Module, name: str, tensor: Tensor) -> None:
        if scheme is pytorch_default_:
            _as_pytorch_(layer, name, tensor, generator)
        elif name in weights_and_biases(layer)[0]:
            fill_(layer, tensor, fill)
        else:
            _begin_bias_(layer, name, tensor)

    def fill(block: Tensor, surplus: float) -> None:
        scheme(block, generator=generator, **options)
        if surplus != 1 and scheme in _COUNT_FANS:
            block.mul_(math.sqrt(surplus))

    done: set[nn.Parameter] = set()
    failed: LeftAlone = {}
    for label, layer, name, behind in _tensors(network, layers):
        if done.isdisjoint(behind):
            done.update(behind)
            if reason := change_(layer, name, partial(change, layer, name)):
                failed[label] = f"parametrized by {reason}"
    return {**failed, **left_alone(network, layers)}


def _layers(network: nn.Module) -> list[nn.Module]:
    """Return the layers of a network whose weights are matrices, or raise ValueError."""
    if not isinstance(network, nn.Module):
        raise ValueError(f"network must be an nn.Module, got {type(network).__name__}")
    layers = [module for module in network.modules() if isinstance(module, KINDS)]
    if not layers:
        raise ValueError(
            f"{type(network).__name__} holds no nn.Linear and no convolution, no recurrent, "
            "attention or bilinear layer: nothing to initialize"
        )
    check_shaped(layers)
    return layers


def _tensors(
    network: nn.Module, layers: list[nn.Module]
) -> Iterator[tuple[str, nn.Module, str, list[nn.Parameter]]]:
    """Yield each weight and bias of the layers: full name, layer, name, the parameters behind."""
    labels = {module: label for label, module in network.named_modules()}
    for layer in layers:
        behind = parameters_of(layer)
        for name in (name for names in weights_and_biases(layer) for name in names):
            if name in behind or isinstance(getattr(layer, name, None), Tensor):
                yield _dotted(labels[layer], name), layer, name, behind.get(name, [])


def _begin_bias_(layer: nn.Module, name: str, bias: Tensor) -> None:
    init.zeros_(bias)
    if isinstance(layer, (nn.LSTM, nn.LSTMCell)) and name.startswith("bias_ih"):
        bias.view(4, -1)[1] = 1.0  # input, forget, cell, output: what is remembered stays


def _as_pytorch_(layer: nn.Module, name: str, tensor: Tensor, generator: Rng) -> None:
    """Fill a weight or a bias from the distribution that the layer itself begins with."""
    is_weight = name in weights_and_biases(layer)[0]
    if isinstance(layer, nn.MultiheadAttention):
        init.xavier_uniform_(tensor, generator=generator) if is_weight else init.zeros_(tensor)
    elif is_weight and isinstance(layer, (nn.Linear, CONVOLUTION)):
        pytorch_default_(tensor, generator=generator)
    else:
        fan = _pytorchs_fan(layer)
        init.uniform_(tensor, -1 / math.sqrt(fan), 1 / math.sqrt(fan), generator=generator)


def _pytorchs_fan(layer: nn.Module) -> int:
    if isinstance(layer, RECURRENT):
        return layer.hidden_size
    w = read(layer, "weight")
    return w.shape[1] if isinstance(layer, nn.Bilinear) else fans(w)[0]


def left_alone(network: nn.Module, layers: list[nn.Module]) -> LeftAlone:
    """Return the parameters that are no weight or bias of the layers, and why they are not.

    Scales and shifts of normalization layers do not count: they begin at 1 and 0.
    """
    taken: dict[nn.Parameter, str] = {}
    for label, _, _, behind in _tensors(network, layers):
        for parameter in behind:
            taken.setdefault(parameter, label)
    left: LeftAlone = {}
    for path, module in network.named_modules():
        if isinstance(module, ParametrizationList):
            continue  # its parameters are those behind a tensor of the layer that it belongs to
        for name, behind in parameters_of(module).items():
            label, owner = _dotted(path, name), next((taken[p] for p in behind if p in taken), None)
            if owner is None and not _is_scale_or_shift(module, behind):
                left[label] = _why(module, name)
            elif owner not in (None, label):
                left[label] = f"the same tensor as {owner}, which is set once"
    return left


def warn_of(left: LeftAlone, caller: str, stacklevel: int) -> None:
    """Warn once, if anything is left: a sentence for each reason, with the names that it has."""
    if not left:
        return
    sentences = []
    for reason in dict.fromkeys(left.values()):
        names = [name for name, why in left.items() if why == reason]
        more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
        sentences.append(f"{', '.join(names[:SHOWN])}{more}: {reason}.")
    warnings.warn(
        f"{caller} left parameters alone or set them otherwise. {' '.join(sentences)}",
        stacklevel=stacklevel,
    )


_NORMALIZATIONS = (
    nn.modules.batchnorm._NormBase,
    nn.LayerNorm,
    nn.GroupNorm,
    nn.RMSNorm,
)


def _is_scale_or_shift(module: nn.Module, behind: list[nn.Parameter]) -> bool:
    """Whether parameters belong to a normalization: torch's, or by the name of its class."""
    if isinstance(module, _NORMALIZATIONS):
        return True
    by_name = "norm" in type(module).__name__.lower()
    return by_name and all(p.numel() == max(p.shape, default=1) for p in behind)


def _why(module: nn.Module, name: str) -> str:
    if isinstance(module, (nn.Embedding, nn.EmbeddingBag)):
        return "an embedding, whose rows are looked up and not summed"
    if isinstance(module, nn.PReLU):
        return "the slope of an activation"
    if name in ("bias_k", "bias_v") and isinstance(module, nn.MultiheadAttention):
        return "a key or value that attention learns"
    kind = type(module).__name__
    if name not in [known for names in weights_and_biases(module) for known in names]:
        return f"a parameter of {kind} itself, whose part in the arithmetic is not known"
    names = {nn.RNNBase: "a recurrent", nn.RNNCellBase: "a recurrent", nn.Bilinear: "a bilinear"}
    which = next((which for of, which in names.items() if isinstance(module, of)), "an attention")
    return f"part of {which} layer, which is not scaled"


def _dotted(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name
