"""The optimizer of a training: Adam without detours, one of torch's, or one rate a network."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import groupby

import torch
from torch import Tensor, nn


class Adam:
    """``torch.optim.Adam(parameters, lr, fused=True)`` on a CPU, bit for bit.

    It calls the same kernel; ``step`` only skips the bookkeeping for options not used here, which
    costs a step of the lecture's lab over 5 % (``benchmarks/training_speed.py``, fused / fit).
    """

    def __init__(self, parameters: list[nn.Parameter], lr: float) -> None:
        self.lr = lr
        self.counts = torch.zeros(len(parameters), dtype=torch.float32)  # updates of each weight
        moments = ([torch.zeros_like(p) for p in parameters] for _ in range(2))
        self.rows = list(zip(parameters, *moments, self.counts.unbind(), strict=True))

    @torch.no_grad()
    def step(self) -> None:
        """Update every parameter that has a gradient."""
        rows = [(row[0].grad, *row) for row in self.rows if row[0].grad is not None]
        gradients, parameters, mean, square, counts = zip(*rows, strict=True)
        if len(rows) == len(self.rows):
            self.counts += 1
        else:
            torch._foreach_add_(counts, 1)
        rates = {"lr": self.lr, "beta1": 0.9, "beta2": 0.999, "eps": 1e-8, "weight_decay": 0.0}
        tensors = (parameters, gradients, mean, square, [], counts)
        torch._fused_adam_(*tensors, **rates, amsgrad=False, maximize=False)


class MemberRates:
    """An optimizer for a `networks.Ensemble` in which every member has learning rates of its own.

    Members that stand side by side and share a rate are updated together, as one tensor: put those
    of one rate next to each other, and a step costs little more than with one rate for all.

    Parameters
    ----------
    parameters
        Those of the ensemble, the members in front: (members, …).
    rates
        One list a member: a learning rate for each parameter of the ensemble.
    make
        Called with a list of tensors and their rate, it makes the optimizer of these. It must treat
        each number for itself: ``lambda tensors, lr: torch.optim.SGD(tensors, lr, momentum=0.9)``.
        `Adam` if not given.
    """

    def __init__(
        self,
        parameters: Sequence[nn.Parameter],
        rates: Sequence[Sequence[float]],
        make: Callable[[list[Tensor], float], object] = Adam,
    ) -> None:
        self.parts: list[tuple[nn.Parameter, list[tuple[slice, Tensor]]]] = []
        views_at: dict[float, list[Tensor]] = {}
        for parameter, column in zip(parameters, zip(*rates, strict=True), strict=True):
            views, begin = [], 0
            for rate, run in groupby(column):
                members = slice(begin, begin := begin + len(list(run)))
                view = parameter.detach()[members]  # the same memory
                views.append((members, view))
                views_at.setdefault(rate, []).append(view)
            self.parts.append((parameter, views))
        self.rules = [make(views, rate) for rate, views in views_at.items()]

    def step(self) -> None:
        """Update every parameter of every member."""
        for parameter, views in self.parts:
            for members, view in views:
                view.grad = None if parameter.grad is None else parameter.grad[members]
        for rule in self.rules:
            rule.step()


def make_optimizer(parameters: list[nn.Parameter], optimizer: Callable | None, lr: float):
    """Return the object whose ``step()`` updates ``parameters``.

    It is what ``optimizer(parameters)`` makes, or Adam with learning rate ``lr`` where that is
    None. Raises ValueError if there is nothing to train or ``lr`` is impossible, TypeError if
    ``optimizer`` makes none.
    """
    if not parameters:
        raise ValueError("the network has no weights to train: is requires_grad off everywhere?")
    if not 0 < lr < math.inf:
        raise ValueError(f"lr must be a positive finite number, got {lr}: try 1e-3")
    if optimizer is None:
        kind = parameters[0].device.type
        adam = torch.optim.Adam
        return Adam(parameters, lr) if kind == "cpu" else adam(parameters, lr, fused=kind == "cuda")
    rule = optimizer(parameters) if callable(optimizer) else None
    if not hasattr(rule, "step"):
        example = "lambda parameters: torch.optim.SGD(parameters, lr=0.1)"
        raise TypeError(f"optimizer must make one, as {example} does; got {optimizer!r}")
    return rule
