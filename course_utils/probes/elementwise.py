"""Activations however they are written: what a chain of operations makes of each single number.

``F.relu(z)``, ``z * torch.sigmoid(z)`` and a GELU spelled out in ten operations are functions of
one number, the same for all units. A `Chain` is such a function, found while a network runs: the
operations that followed one another on the same numbers, each with nothing but constants beside.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

LINEAR = frozenset("add sub mul div neg positive clone contiguous to float double half".split())
"""Functions of one number that only move and stretch it, if what stands beside is a constant."""

ACTIVATIONS = frozenset(
    "relu relu6 leaky_relu elu selu celu gelu silu mish tanh sigmoid hardtanh hardswish "
    "hardsigmoid softplus softsign logsigmoid tanhshrink softshrink hardshrink threshold prelu "
    "rrelu sin cos erf atan arctan sinh cosh asinh clamp clamp_min clamp_max clip heaviside sign "
    "expit log_sigmoid".split()
)
"""Functions of one number that bend it."""

OTHER = frozenset("pow square abs sqrt rsqrt exp expm1 log log1p reciprocal".split())
"""These bend too, but most often inside a norm: alone they make no activation."""

MIXING = frozenset("softmax log_softmax softmin glu gumbel_softmax".split())
"""Activations that look at several numbers at once."""


@dataclass(frozen=True)
class Slot:
    """Stands in a call for the output of an operation."""

    index: int


@dataclass(frozen=True)
class Chain:
    """Operations on the same numbers, one after another.

    Attributes
    ----------
    root
        Index of the operation whose output the first of them took; -1 for the network's input.
    entered
        Index of that whose output the first activation took, or ``root``, if a later operation
        took that one too; None while nothing has bent the numbers.
    steps
        The calls: index, function, arguments, in which a `Slot` stands for an output.
    uniform
        Whether they do the same to all units; a PReLU with a slope for each channel does not.
    bent
        Whether any operation was not a line.
    """

    root: int
    entered: int | None
    steps: tuple[tuple, ...]
    uniform: bool
    bent: bool

    def function(self) -> Callable[[Tensor], Tensor]:
        """Return the chain from ``entered`` on as a function of a tensor."""
        start = self.root if self.entered is None else self.entered
        last = self.steps[-1][0]

        def phi(z: Tensor) -> Tensor:
            made = {start: z.clone()}
            for index, func, args, kwargs in self.steps:
                if index != start and (index > start or start == self.root):
                    made[index] = func(*_filled(args, made), **_filled(kwargs, made))
            return made[last]

        return phi


def extended(call, operation, made: Tensor, sources: list, operations: list) -> Chain | None:
    """Return the chain that an operation prolongs or begins; None if it is no such function."""
    bends = operation.name in ACTIVATIONS or operation.name in OTHER
    if not (bends or operation.name in LINEAR):
        return None
    moving = [(t, s) for t, s in zip(call.tensors, sources, strict=True) if s.from_input]
    beside = [t for t, s in zip(call.tensors, sources, strict=True) if not s.from_input]
    single = all(t.numel() == 1 for t in beside)
    one_each = all(len(s.operations) == 1 or s.is_input for _, s in moving)
    if not moving or not one_each or any(t.shape != made.shape for t, _ in moving):
        return None
    if not (single or operation.name == "prelu"):
        return None
    indices = [-1 if s.is_input else s.operations[0] for _, s in moving]
    chains = [None if i < 0 else operations[i].chain for i in indices]
    root = _common_root(indices, chains)
    if root is None:
        return None
    before = [c for c in chains if c is not None and c.root == root]
    steps = {step[0]: step for chain in before for step in chain.steps}
    slots = {id(t): Slot(i) for (t, _), i in zip(moving, indices, strict=True)}
    steps[operation.index] = (
        operation.index,
        call.func,
        _emptied(call.args, slots),
        _emptied(call.kwargs, slots),
    )
    entered = next((c.entered for c in before if c.entered is not None), None)
    if entered is None and operation.name in ACTIVATIONS:
        straight = not any(c.bent for c in before)
        entered = indices[0] if straight and len(set(indices)) == 1 else root
    elif entered is not None and root in indices:
        entered = root
    return Chain(
        root,
        entered,
        tuple(steps[index] for index in sorted(steps)),
        (single or all(t.numel() == 1 for t in beside)) and all(c.uniform for c in before),
        bends or any(c.bent for c in before),
    )


def _common_root(indices: list[int], chains: list[Chain | None]) -> int | None:
    """Return the operation on whose output all of these are functions, if there is one."""
    for root in [c.root for c in chains if c is not None] + indices[:1]:
        if all(i == root or (c and c.root == root) for i, c in zip(indices, chains, strict=True)):
            return root
    return None


def _emptied(value: object, slots: dict[int, Slot]) -> object:
    """Replace tensors by slots, or, if they are constants, by copies of their numbers."""
    if isinstance(value, Tensor):
        return slots[id(value)] if id(value) in slots else value.detach()
    if isinstance(value, (tuple, list)):
        return type(value)(_emptied(part, slots) for part in value)
    if isinstance(value, dict):
        return {key: _emptied(part, slots) for key, part in value.items()}
    return value


def _filled(value: object, made: dict[int, Tensor]) -> object:
    if isinstance(value, Slot):
        return made[value.index]
    if isinstance(value, Tensor):
        return value
    if isinstance(value, (tuple, list)):
        return type(value)(_filled(part, made) for part in value)
    if isinstance(value, dict):
        return {key: _filled(part, made) for key, part in value.items()}
    return value


def slope(phi: Callable[[Tensor], Tensor], z: Tensor) -> Tensor:
    """Return abs(φ'(z)), number by number, by automatic differentiation."""
    own = torch.autograd.graph.saved_tensors_hooks(lambda t: t, lambda t: t)  # no checkpoint's
    with torch.inference_mode(False), torch.enable_grad(), own:
        z = z.detach().clone().requires_grad_()
        return torch.autograd.grad(phi(z.clone()).sum(), z)[0].abs()
