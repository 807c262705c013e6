"""Maximal update parametrization (μP): one learning rate for every width.

A network of hidden width n is drawn and trained as one of a base width b would be, up to powers of
the ratio n / b: so that one step changes the pre-activations of every layer by as much at any
width. Then the learning rate that is best for a narrow network is about the best for a wide one
(μTransfer). Relative to `STANDARD`, where every weight has the variance sigma_w2 / fan_in and one
learning rate serves all layers, `MUP` has

===============  ======================  ======================  ======================
layer            variance of a weight    learning rate (Adam)    learning rate (SGD)
===============  ======================  ======================  ======================
input            as standard             as standard             times n / b
hidden           as standard             divided by n / b        as standard
output           divided by n / b        divided by n / b        divided by n / b
===============  ======================  ======================  ======================

Biases start at 0 and keep their rate, but those of hidden units learn n / b times as fast by SGD.
At the base width both are one. Yang & Hu (2021), "Feature learning in infinite-width neural
networks" (Tensor Programs IV); Yang, Hu et al. (2022), "Tensor Programs V: tuning large neural
networks via zero-shot hyperparameter transfer", whose Table 3 this is.

>>> network = parametrize_(mlp([784, 512, 512, 512, 10]), MUP, base_width=64)
>>> groups = parameter_groups(network, MUP, base_width=64, lr=1e-3)
>>> fit(network, images, labels, optimizer=lambda parameters: torch.optim.Adam(groups))
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import nn

from course_utils.initializers.stored import undone_by_an_error
from course_utils.networks import weight_layers

Powers = tuple[float, float, float]  # of n / b, for the input, the hidden and the output layers


@dataclass(frozen=True)
class Parametrization:
    """How variances and learning rates follow the hidden width n: powers of n / b.

    Attributes
    ----------
    name
        For legends.
    variance
        For the input, the hidden and the output layers: of fan_in times the variance of a weight.
    adam, sgd, sgd_bias
        Of the learning rates of the weights, and of the biases by SGD. (By Adam they keep theirs.)
    """

    name: str
    variance: Powers = (0, 0, 0)
    adam: Powers = (0, 0, 0)
    sgd: Powers = (0, 0, 0)
    sgd_bias: Powers = (0, 0, 0)


STANDARD = Parametrization("standard")
"""Variance sigma_w2 / fan_in in every layer, and one learning rate for all of them."""

MUP = Parametrization("μP", (0, 0, -1), adam=(0, -1, -1), sgd=(1, 0, -1), sgd_bias=(1, 1, 0))
"""Maximal update parametrization."""


def _layers(network: nn.Module, base_width: int) -> tuple[list[nn.Linear], list[int], float]:
    """Return the layers, the kind of each (0 input, 1 hidden, 2 output), and n / b."""
    layers = weight_layers(network)
    if len(layers) < 2 or not all(isinstance(layer, nn.Linear) for layer in layers):
        raise ValueError(f"two linear layers or more are needed, got {layers}: try mlp([9, 64, 3])")
    widths = {layer.out_features for layer in layers[:-1]}
    if len(widths) > 1:
        raise ValueError(f"all hidden layers need one width, got {sorted(widths)}")
    if not base_width >= 1:
        raise ValueError(f"base_width must be at least 1 unit, got {base_width}: try 64")
    return layers, [0] + [1] * (len(layers) - 2) + [2], widths.pop() / base_width


def parametrize_(
    network: nn.Module,
    parametrization: Parametrization,
    base_width: int,
    *,
    sigma_w2: float = 2.0,
    generator: torch.Generator | None = None,
) -> nn.Module:
    """Draw the weights of a network anew, Gaussian, set its biases to 0, and return it.

    If it is interrupted, the network is left as it was.

    Parameters
    ----------
    network
        As `networks.mlp` makes it, with hidden layers of one width n; ValueError for another.
    parametrization
        `STANDARD`, `MUP`, or one of your own.
    base_width
        b, the width at which all parametrizations are the same.
    sigma_w2
        fan_in times the variance of a weight at the base width: 2 for ReLU (He), 1 for tanh.
    generator
        Where the weights come from: equal states give equal draws, up to their scale.
    """
    layers, kinds, ratio = _layers(network, base_width)
    if not 0 <= sigma_w2 < math.inf:
        raise ValueError(f"sigma_w2 must be non-negative and finite, got {sigma_w2}: try 2.0")
    with torch.no_grad(), undone_by_an_error(network):
        for layer, kind in zip(layers, kinds, strict=True):
            variance = sigma_w2 / layer.in_features * ratio ** parametrization.variance[kind]
            layer.weight.normal_(0, math.sqrt(variance), generator=generator)
            if layer.bias is not None:
                layer.bias.zero_()
    return network


def parameter_groups(
    network: nn.Module,
    parametrization: Parametrization,
    base_width: int,
    lr: float,
    *,
    rule: str = "adam",
) -> list[dict]:
    """Give every weight and bias its learning rate, in the form that torch's optimizers take.

    ``lr`` is the rate at the base width; ``rule`` is "adam" (or any that divides a gradient by its
    size) or "sgd". Returns one group a parameter, in the order of ``network.parameters()``, with
    the keys ``params`` and ``lr``. Raises ValueError as `parametrize_` does, and for another rule.
    """
    layers, kinds, ratio = _layers(network, base_width)
    if rule not in ("adam", "sgd"):
        raise ValueError(f"rule must be 'adam' or 'sgd', got {rule!r}")
    if not 0 < lr < math.inf:
        raise ValueError(f"lr must be a positive finite number, got {lr}: try 1e-3")
    weight = parametrization.adam if rule == "adam" else parametrization.sgd
    bias, groups = (0, 0, 0) if rule == "adam" else parametrization.sgd_bias, []
    for layer, kind in zip(layers, kinds, strict=True):
        groups.append({"params": [layer.weight], "lr": lr * ratio ** weight[kind]})
        if layer.bias is not None:
            groups.append({"params": [layer.bias], "lr": lr * ratio ** bias[kind]})
    return groups
