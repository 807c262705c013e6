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

import copy
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from course_utils.data import ImageData
from course_utils.networks import mlp, one_thread, weight_layers
from course_utils.stacks import Stack
from course_utils.training import fit
from course_utils.updates import Adam

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
    with torch.no_grad():
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


@dataclass(frozen=True)
class Setting:
    """What the networks of all widths and parametrizations share.

    Attributes
    ----------
    lrs
        Learning rates at the base width, rising, each a fixed multiple of the one before.
    base_width, depth, activation, sigma_w2
        As in `parametrize_`; number of hidden layers; as in `networks.mlp` and `parametrize_`.
    steps, batch_size
        Of the training.
    """

    lrs: tuple[float, ...] = tuple(2.0**-k for k in range(13, 4, -1))
    base_width: int = 64
    depth: int = 4
    activation: str = "relu"
    sigma_w2: float = 2.0
    steps: int = 500
    batch_size: int = 50

    def network(self, kind: Parametrization, width: int, data: ImageData, seed: int) -> nn.Module:
        """Return a fresh network for the images, (batch, pixels) to (batch, 10)."""
        sizes = [data.train_images.shape[1]] + [width] * self.depth + [10]
        generator = torch.Generator().manual_seed(seed)
        options = {"sigma_w2": self.sigma_w2, "generator": generator}
        return parametrize_(mlp(sizes, self.activation), kind, self.base_width, **options)


def coordinate_check(
    setting: Setting,
    parametrization: Parametrization,
    width: int,
    data: ImageData,
    *,
    lr: float = 1e-3,
    steps: int = 1,
    rule: str = "adam",
    seed: int = 0,
) -> tuple[np.ndarray, np.ndarray]:
    """Measure how far ``steps`` steps on one batch move the pre-activations of each layer.

    If a parametrization is right, this does not depend on the width (once it is large): `growth`.
    One thread computes it, with the optimizer of torch that ``rule`` names.

    Returns
    -------
    change : (layers,)
        Root mean square, over units and images, of z(after) - z(before); the output layer last.
    own : (layers,)
        The same of (W(after) - W(before)) h, and the bias's part, with the input h that the layer
        has after the steps: the share of its own update, without what the layers below it did.
    """
    images, labels = (t[: setting.batch_size] for t in (data.train_images, data.train_labels))
    network = setting.network(parametrization, width, data, seed)
    before = copy.deepcopy(network)
    groups = parameter_groups(network, parametrization, setting.base_width, lr, rule=rule)
    optimizer = (torch.optim.Adam if rule == "adam" else torch.optim.SGD)(groups)
    change, own, h, h_before = [], [], images, images
    with one_thread():
        for _ in range(steps):
            optimizer.zero_grad()
            F.cross_entropy(network(images), labels).backward()
            optimizer.step()
        with torch.no_grad():
            for module, old in zip(network, before, strict=True):
                z, z_before = module(h), old(h_before)  # (batch, units)
                if isinstance(module, nn.Linear):
                    change.append((z - z_before).square().mean().sqrt().item())
                    own.append((z - old(h)).square().mean().sqrt().item())
                h, h_before = z, z_before
    return np.array(change), np.array(own)


def growth(widths: Sequence[int], sizes: np.ndarray) -> np.ndarray:
    """Return p of the best fit sizes ~ widths**p for each layer, from (widths, layers)."""
    return np.polyfit(np.log(widths), np.log(sizes), 1)[0]


class StackAdam:
    """Adam for a `stacks.Stack` on a CPU: each parameter of each member has a rate of its own.

    ``rates`` holds one list a member, with a learning rate for each parameter of the stack.
    """

    def __init__(self, parameters: Sequence[nn.Parameter], rates: Sequence[Sequence[float]]):
        self.parts = [(p, p.detach().unbind()) for p in parameters]  # views: the same memory
        views_at: dict[float, list[Tensor]] = {}
        for (_, views), row in zip(self.parts, zip(*rates, strict=True), strict=True):
            for view, rate in zip(views, row, strict=True):
                views_at.setdefault(rate, []).append(view)
        self.rules = [Adam(views, rate) for rate, views in views_at.items()]

    def step(self) -> None:
        """Update every parameter of every member."""
        for parameter, views in self.parts:
            for view, gradient in zip(views, parameter.grad.unbind(), strict=True):
                view.grad = gradient
        for rule in self.rules:
            rule.step()


def train_rates(
    setting: Setting, parametrization: Parametrization, width: int, data: ImageData, seed: int = 0
) -> list[float]:
    """Train one network of a width at each of ``setting.lrs`` with Adam; return the losses.

    All begin at the same weights and see the same batches, side by side on one thread. The loss is
    the cross entropy in nats over the batches of the last tenth of the steps; nan if it diverged.
    """
    networks = [setting.network(parametrization, width, data, seed) for _ in setting.lrs]
    rates = [
        [g["lr"] for g in parameter_groups(network, parametrization, setting.base_width, lr)]
        for network, lr in zip(networks, setting.lrs, strict=True)
    ]
    options = {"steps": setting.steps, "batch_size": setting.batch_size, "seed": seed}
    options |= {"optimizer": lambda parameters: StackAdam(parameters, rates)}
    options |= {"progress": False, "tell": lambda line: None}
    with one_thread():
        histories = fit(Stack(networks), data.train_images, data.train_labels, **options)
    ends = [h.step_losses[-max(1, setting.steps // 10) :].mean().item() for h in histories]
    return [
        end if h.outcome == "finished" else math.nan for end, h in zip(ends, histories, strict=True)
    ]


def best_rate(lrs: Sequence[float], losses: Sequence[float]) -> float:
    """Return the learning rate of least loss, between those tried: the tip of a parabola.

    It goes through the least loss and its two neighbours, over log(lr). Where the least loss stands
    at an end of the range, or beside a training that diverged (loss nan), the answer is nan: try
    more rates. Raises ValueError unless each rate is the same multiple of the one before.
    """
    x, y = np.log(lrs), np.where(np.isnan(losses), np.inf, losses)
    if not (len(x) == len(y) >= 3 and np.allclose(np.diff(x), x[1] - x[0]) and x[1] > x[0]):
        raise ValueError(
            f"rates must rise in equal ratios, three or more, got {list(lrs)} for {len(y)} losses"
        )
    least = int(np.argmin(y))
    near = y[max(least - 1, 0) : least + 2]
    if len(near) < 3 or not np.isfinite(near).all():
        return math.nan
    left, middle, right = near
    bend = left - 2 * middle + right
    shift = (left - right) / (2 * bend) if bend > 0 else 0.0
    return float(np.exp(x[least] + shift * (x[1] - x[0])))
