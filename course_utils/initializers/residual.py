"""How the branches of a residual network begin: He, Fixup, ReZero.

>>> network = start_(residual_mlp([784, 128, 10], depth=50), "fixup")
"""

from __future__ import annotations

import torch
from torch import nn

from course_utils.initializers.network import draw_
from course_utils.initializers.schemes import Rng, zero_
from course_utils.initializers.stored import undone_by_an_error
from course_utils.names import which
from course_utils.networks import ResidualNetwork, weight_layers

STARTS = ("he", "fixup", "rezero")
"""How the branches can begin: see :func:`start_`."""


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
    - ``"rezero"``: He's weights; the scale of each branch becomes a parameter, which begins at 0.
      Bachlechner et al. (2020), "ReZero is all you need: fast convergence at large depth".

    Parameters
    ----------
    network
        Changed in place. If anything fails, or is interrupted, it is left as it was.
    start
        A key of :data:`STARTS`.
    generator
        Where the numbers come from, torch's global state if not given: stem, head, then block by
        block, so that of two networks from equal generators the deeper one begins with the blocks
        of the other.

    Returns
    -------
    ResidualNetwork
        The same network.

    Raises
    ------
    ValueError
        If there is no such start.
    """
    if start not in STARTS:
        raise ValueError(f"unknown start {start!r}: {which(start, STARTS)}")
    with undone_by_an_error(network):
        for part in (network.stem, network.head):
            draw_(part, "lecun_normal", {}, generator)
        for block in network.blocks:
            draw_(block.branch, "he_normal", {}, generator)
            if start == "fixup":
                *others, last = weight_layers(block.branch)
                zero_(last.weight)
                for layer in others:
                    layer.weight.mul_(len(network.blocks) ** (-1 / (2 * len(others))))
        if start == "fixup":
            zero_(weight_layers(network.head)[-1].weight)
    if start == "rezero":
        for block in network.blocks:
            block.scale = nn.Parameter(weight_layers(block.branch)[0].weight.new_zeros(()))
    return network
