"""GPT-2's initialization of a transformer: small weights, smaller where a branch ends.

Radford et al. (2019), "Language models are unsupervised multitask learners"; std 0.02 as in its
published code.

>>> network = gpt2_(transformer(depth=12))
"""

from __future__ import annotations

import math

import torch

from course_utils.initializers.network import draw_
from course_utils.initializers.schemes import Rng
from course_utils.initializers.stored import undone_by_an_error
from course_utils.networks import ResidualNetwork, weight_layers

STD, POSITION_STD = 0.02, 0.01
"""Std of the weights and of the positions in GPT-2's published code, whose least width is 768."""


@torch.no_grad()
def gpt2_(
    network: ResidualNetwork, *, std: float = STD, scaled: bool = True, generator: Rng = None
) -> ResidualNetwork:
    """Initialize a transformer as GPT-2 was: N(0, std²), smaller where a branch ends.

    Radford et al. (2019) scale the weights of the residual layers by 1/√N at initialization, N the
    number of residual layers. What ends a branch is such a layer, and every block has two, of the
    attention and of the MLP; so with L blocks N is 2 L, and the factor is 1/√(2 L).

    Parameters
    ----------
    network
        Made by `course_utils.networks.transformer`; changed in place. If anything fails, or is
        interrupted, it is left as it was.
    std
        Of every weight before that factor. GPT-2's 0.02 was chosen for streams of 768 numbers and
        more. A layer multiplies mean squares by width · std²: for the same effect at a width of
        your own take 0.02 · √(768 / width), which is 0.069 at 64.
    scaled
        Whether the last layer of each branch is multiplied by the factor.
    generator
        Where the numbers come from, torch's global state if not given: stem, positions, head,
        then branch by branch.

    Returns
    -------
    ResidualNetwork
        The same network.
    """
    normal = ("normal", {"std": std}, generator)
    with undone_by_an_error(network):
        draw_(network.stem, *normal)
        network.stem.position.normal_(0.0, POSITION_STD, generator=generator)
        draw_(network.head, *normal)
        for block in network.blocks:
            draw_(block.branch, *normal)
            if scaled:
                weight_layers(block.branch)[-1].weight.div_(math.sqrt(len(network.blocks)))
    return network
