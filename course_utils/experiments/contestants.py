"""Who takes part in the tournament: families of networks, and the starts that each can have.

A family makes a network of any depth and width for a data set. A contestant is a function that
starts such a network in place: ``start(network, images, generator)``. It knows the training images
(LSUV and pre-training look at them) and nothing of the labels.

>>> family = FAMILIES["tanh"]
>>> network = family.make(50, 128, data)
>>> family.contestants(50)["orthogonal"](network, data.train_images, generator)
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch
from torch import Generator, Tensor, nn

from course_utils.boltzmann import DBN
from course_utils.data import ImageData
from course_utils.initializers import (
    delta_orthogonal_,
    gpt2_,
    initialize_,
    looks_linear_,
    lsuv_,
    start_,
)
from course_utils.networks import (
    RowLSTM,
    convolutional,
    mlp,
    residual_mlp,
    transformer,
    weight_layers,
)

Start = Callable[[nn.Module, Tensor, Generator], object]

LEAKY_SLOPE = 0.2
"""Of the family "leaky_relu": torch's own 0.01 is a ReLU to all intents."""

LSUV_IMAGES = 512


@dataclass(frozen=True)
class Family:
    """Networks that differ in depth, width and start only.

    Attributes
    ----------
    make
        Called with depth, width and the data, it makes a network with torch's own weights.
    contestants
        Called with the depth, it returns name → start.
    depth_is
        What the depth counts.
    """

    make: Callable[[int, int, ImageData], nn.Module]
    contestants: Callable[[int], dict[str, Start]]
    depth_is: str = "weight layers"


def scheme(name: str | Callable, **options: float) -> Start:
    """Return the start that draws every weight by one scheme; what it leaves alone stays."""

    def start(network: nn.Module, images: Tensor, generator: Generator) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # positions and slopes have no scheme
            initialize_(network, name, generator=generator, **options)

    return start


def truncated(weight: Tensor, *, generator: Generator, std: float = 0.02) -> Tensor:
    """Fill a weight from a normal that is cut at two std, as BERT and ViT begin."""
    bounds = {"a": -2 * std, "b": 2 * std}
    return nn.init.trunc_normal_(weight, std=std, generator=generator, **bounds)


def _lsuv(network: nn.Module, images: Tensor, generator: Generator) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        lsuv_(network, images, batch=min(LSUV_IMAGES, len(images)), generator=generator)


def _mirrored(gain: float, network: nn.Module, images: Tensor, generator: Generator) -> None:
    looks_linear_(network, gain, generator=generator)


GENERAL: dict[str, Start] = {
    "PyTorch's default": scheme("pytorch_default"),
    "Xavier": scheme("xavier_normal"),
    "He": scheme("he_normal"),
    "LeCun": scheme("lecun_normal"),
    "truncated 0.02": scheme(truncated),
}
"""Contestants of every family: name → start."""

ORTHOGONAL: dict[str, Start] = {
    "orthogonal": scheme("orthogonal"),
    "orthogonal × 1.05": scheme("orthogonal", gain=1.05),
    "orthogonal × 1.15": scheme("orthogonal", gain=1.15),
    "orthogonal × √2": scheme("orthogonal", gain=math.sqrt(2)),
}


# ---------------------------------------------------------------- plain stacks

_MIRROR_GAIN = {"relu": 1.0, "leaky_relu": 1 / (1 + LEAKY_SLOPE), "gelu": 1.0, "silu": 1.0}
_PRETRAINED_DEPTH = 10


def _plain(activation: str, depth: int, width: int, data: ImageData) -> nn.Module:
    kind = activation if activation != "leaky_relu" else partial(nn.LeakyReLU, LEAKY_SLOPE)
    return mlp([_pixels(data), *[width] * (depth - 1), classes(data)], kind)


def _plain_contestants(activation: str, depth: int) -> dict[str, Start]:
    starts = {**GENERAL, **ORTHOGONAL, "LSUV": _lsuv}
    if activation == "leaky_relu":
        starts["He"] = scheme("he_normal", negative_slope=LEAKY_SLOPE)
    if activation in _MIRROR_GAIN:
        starts["mirrored pairs"] = partial(_mirrored, _MIRROR_GAIN[activation])
    if activation == "sigmoid":
        starts["Xavier × 4"] = scheme("xavier_normal", gain=4.0)
        starts["orthogonal × 4"] = scheme("orthogonal", gain=4.0)
        if depth <= _PRETRAINED_DEPTH:
            starts["pre-trained"] = _pretrained
    return starts


def _pretrained(network: nn.Module, images: Tensor, generator: Generator) -> None:
    """Begin with a deep belief network: one epoch of CD-1 a layer, on at most 10,000 images."""
    *hidden, _ = weight_layers(network)
    sizes = [hidden[0].in_features, *(layer.out_features for layer in hidden)]
    seed = int(torch.randint(2**31, (), generator=generator))
    dbn = DBN(sizes, seed=seed)
    dbn.fit(images[:10_000], epochs=1, log=None)
    unrolled = dbn.to_network(weight_layers(network)[-1].out_features, generator=generator)
    network.load_state_dict(unrolled.state_dict())


# ---------------------------------------------------------------- other architectures


def _convolutional(depth: int, width: int, data: ImageData) -> nn.Module:
    return convolutional([1, *[width] * (depth - 1), classes(data)])


def _convolutional_contestants(depth: int) -> dict[str, Start]:
    delta = scheme(delta_orthogonal_, gain=math.sqrt(2))
    root2 = ORTHOGONAL["orthogonal × √2"]
    return {**GENERAL, "orthogonal × √2": root2, "delta-orthogonal × √2": delta, "LSUV": _lsuv}


def _residual(normalization: str | None, depth: int, width: int, data: ImageData) -> nn.Module:
    sizes = [_pixels(data), width, classes(data)]
    return residual_mlp(sizes, depth, branch_layers=2, normalization=normalization)


def _branches(factor: float, network: nn.Module, images: Tensor, generator: Generator) -> None:
    """Start as He does, and multiply the last layer of each branch."""
    start_(network, "he", generator=generator)
    with torch.no_grad():
        for block in network.blocks:
            weight_layers(block.branch)[-1].weight.mul_(factor)


def _named(start: str, network: nn.Module, images: Tensor, generator: Generator) -> None:
    start_(network, start, generator=generator)


def _residual_contestants(depth: int) -> dict[str, Start]:
    return {
        **GENERAL,
        "He": partial(_named, "he"),
        "He, branches / √L": partial(_branches, 1 / math.sqrt(depth)),
        "He, branches × 0.1": partial(_branches, 0.1),
        "branches at zero": partial(_branches, 0.0),
        "Fixup": partial(_named, "fixup"),
        "ReZero": partial(_named, "rezero"),
        "orthogonal × √2": ORTHOGONAL["orthogonal × √2"],
        "LSUV": _lsuv,
    }


STRIP = 4
"""Rows of an image that are one token of a transformer: MNIST has 7 tokens of 112 pixels."""


def _transformer(norm_first: bool, depth: int, width: int, data: ImageData) -> nn.Module:
    tokens = math.isqrt(_pixels(data)) // STRIP
    sizes = {"tokens": tokens, "pixels": _pixels(data) // tokens, "classes": classes(data)}
    return transformer(depth, width=width, norm_first=norm_first, **sizes)


def _gpt2(to_width: bool, network: nn.Module, images: Tensor, generator: Generator) -> None:
    width = network.stem.embed.out_features
    gpt2_(network, std=0.02 * math.sqrt(768 / width) if to_width else 0.02, generator=generator)


def _lecun_branches(factor: float, network: nn.Module, images: Tensor, generator: Generator):
    GENERAL["LeCun"](network, images, generator)
    with torch.no_grad():
        for block in network.blocks:
            weight_layers(block.branch)[-1].weight.mul_(factor)


def _transformer_contestants(depth: int) -> dict[str, Start]:
    return {
        **GENERAL,
        "GPT-2": partial(_gpt2, False),
        "GPT-2, to the width": partial(_gpt2, True),
        "LeCun, branches / √(2L)": partial(_lecun_branches, 1 / math.sqrt(2 * depth)),
        "branches at zero": partial(_lecun_branches, 0.0),
    }


def _lstm(depth: int, width: int, data: ImageData) -> nn.Module:
    side = math.isqrt(_pixels(data))
    return RowLSTM(depth, width, tokens=side, pixels=side, classes=classes(data))


def _xavier_and_orthogonal(network: RowLSTM, images: Tensor, generator: Generator) -> None:
    """Draw what reads the input by Xavier, what reads the state orthogonal: as Keras does."""
    initialize_(network, "orthogonal", generator=generator)
    into = {n: p for n, p in network.recurrent.named_parameters() if n.startswith("weight_ih")}
    with torch.no_grad():
        for weight in into.values():
            for gate in weight.chunk(4):
                nn.init.xavier_uniform_(gate, generator=generator)
    nn.init.xavier_uniform_(network.head.weight, generator=generator)


def _forget(network: RowLSTM, images: Tensor, generator: Generator) -> None:
    """Leave torch's own weights, and open the forget gates."""
    GENERAL["PyTorch's default"](network, images, generator)
    with torch.no_grad():
        for name, bias in network.recurrent.named_parameters():
            if name.startswith("bias"):
                bias.chunk(4)[1].fill_(1.0 if name.startswith("bias_ih") else 0.0)


def _lstm_contestants(depth: int) -> dict[str, Start]:
    return {
        **GENERAL,
        "default, forget gate 1": _forget,
        "orthogonal": ORTHOGONAL["orthogonal"],
        "Xavier in, orthogonal between": _xavier_and_orthogonal,
    }


FAMILIES: dict[str, Family] = {
    name: Family(partial(_plain, name), partial(_plain_contestants, name))
    for name in ("relu", "leaky_relu", "tanh", "sigmoid", "selu", "gelu", "silu")
} | {
    "convolution": Family(_convolutional, _convolutional_contestants),
    "residual": Family(partial(_residual, None), _residual_contestants, "blocks of two layers"),
    "residual, batch norm": Family(
        partial(_residual, "batch"), _residual_contestants, "blocks of two layers"
    ),
    "residual, layer norm": Family(
        partial(_residual, "layer"), _residual_contestants, "blocks of two layers"
    ),
    "transformer": Family(partial(_transformer, True), _transformer_contestants, "blocks"),
    "transformer, post-norm": Family(
        partial(_transformer, False), _transformer_contestants, "blocks"
    ),
    "LSTM": Family(_lstm, _lstm_contestants, "LSTM layers"),
}
"""Name of a family → what it makes and who takes part."""


def classes(data: ImageData) -> int:
    """Return how many classes the labels name."""
    return int(data.train_labels.max()) + 1


def _pixels(data: ImageData) -> int:
    return data.train_images.shape[1]
