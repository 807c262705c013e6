"""Which depths can be trained from which sigma_w²: one row of the trainability map at a time.

A row is one depth. Its networks, one for each sigma_w², are trained as one ensemble, on the same
batches, for a fixed small number of steps; then it is asked what they have learned. After
Schoenholz, Gilmer, Ganguli & Sohl-Dickstein (2017), "Deep information propagation", whose maps show
that what mean field predicts, about six depth scales (`theory.settle`), is what can be trained.

>>> setting = MapSetting(sigma_w2=(1.0, 1.5, 2.0, 3.0, 4.0))
>>> accuracy = [train_row(setting, depth, load_mnist()) for depth in (10, 30, 60)]
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from course_utils.data import ImageData
from course_utils.generators import seeded
from course_utils.initializers import initialize_, lecun_normal_
from course_utils.networks import Ensemble, mlp, one_thread, ordinary_torch, weight_layers
from course_utils.training import accuracy, fit, interrupts_passed_on

N_TEST = 1000
"""So many test images, the first ones, measure the accuracy."""


@dataclass(frozen=True)
class MapSetting:
    """What all networks of a map share.

    Attributes
    ----------
    sigma_w2
        The columns of the map: variance of a weight times fan_in.
    sigma_b2
        Variance of a bias.
    width
        Units of each hidden layer.
    steps, batch_size, lr, momentum
        The training: stochastic gradient descent with momentum.
    """

    sigma_w2: tuple[float, ...]
    sigma_b2: float = 0.05
    width: int = 100
    steps: int = 300
    batch_size: int = 32
    lr: float = 1e-3
    momentum: float = 0.9


def random_tanh_network(
    depth: int,
    sigma_w2: float,
    sigma_b2: float = 0.05,
    *,
    width: int = 100,
    n_in: int = 784,
    n_out: int = 10,
    generator: torch.Generator | None = None,
) -> nn.Sequential:
    """Return a plain tanh network with Gaussian weights and biases, as mean field describes it.

    It has ``depth`` hidden layers and maps (batch, n_in) to (batch, n_out). Weights have the
    variance sigma_w2 / fan_in, biases sigma_b2; the output layer too. From generators in the same
    state come the same draws, whatever the variances: only rescaled. Raises ValueError for a
    negative variance or a depth below 1.
    """
    if not (0 <= sigma_w2 < math.inf and 0 <= sigma_b2 < math.inf):
        raise ValueError(
            f"variances must be non-negative and finite, got sigma_w2={sigma_w2}, "
            f"sigma_b2={sigma_b2}: try 1.76 and 0.05"
        )
    if depth < 1:
        raise ValueError(f"depth must be at least 1 hidden layer, got {depth}")

    def draw_(weight: Tensor, generator: torch.Generator | None) -> Tensor:
        with torch.no_grad():
            return lecun_normal_(weight, generator=generator).mul_(math.sqrt(sigma_w2))

    with torch.random.fork_rng(devices=[]):  # torch's own weights, replaced at once
        network = mlp([n_in] + [width] * depth + [n_out], "tanh")
    initialize_(network, draw_, generator=generator)
    with torch.no_grad():
        for layer in weight_layers(network):
            layer.bias.normal_(0, math.sqrt(sigma_b2), generator=generator)
    return network


@ordinary_torch()
def train_row(setting: MapSetting, depth: int, data: ImageData, seed: int = 0) -> list[float]:
    """Train networks of ``depth`` hidden layers, one for each sigma_w2; return their accuracies.

    Parameters
    ----------
    setting
        What all networks of the map share.
    depth
        Number of hidden layers, 1 or more.
    data
        The images, as `data.load_mnist` returns them.
    seed
        Fixes the draw of the weights, which all networks share up to their scale, and the batches.

    Returns
    -------
    list of float
        Fraction of the first `N_TEST` test images that each network names rightly, in the order of
        ``setting.sigma_w2``. One thread computes it: the same on any number of cores.

    Raises
    ------
    ValueError
        As `random_tanh_network` and `training.fit` do.
    KeyboardInterrupt
        If it was interrupted: half-trained networks are no row.
    """
    options = {"width": setting.width, "n_in": data.train_images.shape[1]}
    networks = []
    for sigma_w2 in setting.sigma_w2:
        draws = {"generator": seeded(seed), **options}
        networks.append(random_tanh_network(depth, sigma_w2, setting.sigma_b2, **draws))

    def descent(parameters: list[nn.Parameter]) -> torch.optim.Optimizer:
        return torch.optim.SGD(parameters, lr=setting.lr, momentum=setting.momentum)

    ensemble, options = (
        Ensemble(networks),
        {"steps": setting.steps, "batch_size": setting.batch_size},
    )
    options |= {"optimizer": descent, "seed": seed, "log": None}
    with one_thread(), interrupts_passed_on():
        fit(ensemble, data.train_images, data.train_labels, **options)
        return accuracy(ensemble, data.test_images[:N_TEST], data.test_labels[:N_TEST])
