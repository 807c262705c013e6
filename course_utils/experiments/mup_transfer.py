"""Does the best learning rate stay where it is when the width grows? Standard against μP.

Networks of several widths are trained at several learning rates, from `initializers.mup`; the best
rate of each width is the tip of a parabola through its losses. Yang, Hu et al. (2022), "Tensor
Programs V: tuning large neural networks via zero-shot hyperparameter transfer".

>>> best = best_rate(setting.lrs, train_rates(setting, MUP, width=128, data=load_mnist()))
"""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from course_utils.data import ImageData
from course_utils.generators import seeded
from course_utils.initializers import Parametrization, parameter_groups, parametrize_
from course_utils.networks import Ensemble, mlp, one_thread, ordinary_torch
from course_utils.training import MemberRates, fit, interrupts_passed_on


@dataclass(frozen=True)
class TransferSetting:
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
        options = {"sigma_w2": self.sigma_w2, "generator": seeded(seed)}
        with torch.random.fork_rng(devices=[]):  # torch's own weights, replaced at once
            network = mlp(sizes, self.activation)
        return parametrize_(network, kind, self.base_width, **options)


@ordinary_torch()
def coordinate_check(
    setting: TransferSetting,
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


@ordinary_torch()
def train_rates(
    setting: TransferSetting,
    parametrization: Parametrization,
    width: int,
    data: ImageData,
    seed: int = 0,
) -> list[float]:
    """Train one network of a width at each of ``setting.lrs`` with Adam; return the losses.

    All begin at the same weights and see the same batches, side by side on one thread. The loss is
    the cross entropy in nats over the batches of the last tenth of the steps; nan if it diverged.
    Raises KeyboardInterrupt if it was interrupted: a rate that has not had its steps has no loss.
    """
    networks = [setting.network(parametrization, width, data, seed) for _ in setting.lrs]
    rates = [
        [g["lr"] for g in parameter_groups(network, parametrization, setting.base_width, lr)]
        for network, lr in zip(networks, setting.lrs, strict=True)
    ]
    options = {"steps": setting.steps, "batch_size": setting.batch_size, "seed": seed, "log": None}
    options |= {"optimizer": lambda parameters: MemberRates(parameters, rates)}
    with one_thread(), interrupts_passed_on():
        histories = fit(Ensemble(networks), data.train_images, data.train_labels, **options)
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
