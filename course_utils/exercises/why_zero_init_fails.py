"""Checkers of notebook 01: gradient of a constant network, the sigmoid's wave, a rescue."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from course_utils.exercises.judging import (
    NotAttempted,
    answers,
    explanation,
    no_function,
    report,
    tampering,
)
from course_utils.exercises.reading import is_open, read_set, read_tensor, shown
from course_utils.initializers import initialize_
from course_utils.networks import mlp, ordinary_torch, weight_layers

UNITS, LARGEST_CHANGE, STEPS = 6, 1e-3, 100


def check_first_gradient(answer: Callable[[Tensor, float, float, float, int], Tensor]) -> None:
    """Check the first matrix's gradient: y = Σ_i c · tanh(Σ_j a · x_j), loss ½ (y − target)².

    Parameters
    ----------
    answer
        ``answer(x, a, c, target, units)``, with x of shape (n_in,), returns (units, n_in).
    """
    settings = [(3, 0.3, 0.5, 1.0, 4), (5, -0.2, 0.7, -1.0, 3), (4, 0.1, -0.4, 0.5, 6)]
    cases = [(torch.linspace(0.1, 1.0, n, dtype=torch.float64), *rest) for n, *rest in settings]
    known = {
        "All your entries are equal, as the lecture says of a constant network. Only the rows are: "
        "the gradient of w_ij holds its own input x_j.": (
            lambda *case: _first_gradient(*case).mean() * torch.ones(case[4], len(case[0]))
        ),
        "You forgot the slope of tanh, 1 − tanh², which the error passes on its way down.": (
            lambda *case: _first_gradient(*case, slope=False)
        ),
        "You forgot that the error comes down through the outgoing weight c.": (
            lambda *case: _first_gradient(*case) / case[2]
        ),
        "Your output y is that of one unit: all units add to it, each with c · tanh(a Σ x).": (
            lambda *case: _first_gradient(*case, adding=1)
        ),
    }

    def attempt() -> str | None:
        if words := no_function(answer):
            return words
        returned = answers(answer, cases)
        given = [read_tensor(value) for value in returned]
        wanted = [_first_gradient(*case) for case in cases]
        for value, gradient, right in zip(returned, given, wanted, strict=True):
            if gradient is None:
                return f"Return a matrix {tuple(right.shape)}; yours is {shown(value)}."
        if any(g.shape != w.shape for g, w in zip(given, wanted, strict=True)):
            if all(g.shape == w.T.shape for g, w in zip(given, wanted, strict=True)):
                return "Your matrix lies on its side: a row is a unit, a column an input."
            return f"With 4 units and 3 inputs it is (4, 3), yours is {tuple(given[0].shape)}."
        if _all_close(given, wanted):
            return None
        if words := explanation(given, cases, known, _all_close):
            return words
        if _all_close([-g for g in given], wanted):
            return "The sign is wrong: the derivative of ½ (y − target)² in y is y − target."
        return "Go down by the chain rule: (y − target), then c, then 1 − tanh², then x."

    report("Exercise 1", attempt)


def _first_gradient(
    x: Tensor, a: float, c: float, target: float, units: int, *, slope: bool = True, adding: int = 0
) -> Tensor:
    h = torch.tanh(a * x.sum())
    y = c * h * (adding or units)
    row = (y - target) * c * (1 - h**2 if slope else 1.0) * x  # (n_in,)
    return row.repeat(units, 1)


def _all_close(given: list[Tensor], wanted: list[Tensor]) -> bool:
    pairs = zip(given, wanted, strict=True)
    return all(torch.allclose(g.double(), w.double(), rtol=1e-4, atol=1e-7) for g, w in pairs)


def check_sigmoid_wave(answer: Callable[[int, int], set[int]]) -> None:
    """Check which weight matrices of a sigmoid network from zero have a gradient at a step.

    Parameters
    ----------
    answer
        ``answer(n_layers, step)`` returns the set of layers, counted from 1 at the input, whose
        weight gradient is not zero at that step; the first step is 1.
    """
    settings = [(n, t) for n in range(2, 7) for t in range(1, 9)]
    known = {
        "That is one step too early: at step 1 the last matrix alone has a gradient.": (
            lambda n, t: set(range(max(n - t, 1), n + 1))
        ),
        "That is one step late: at step 1 the last matrix has a gradient already, for its inputs "
        "are 0.5, not 0.": lambda n, t: set(range(max(n - t + 2, 1), n + 1)),
        "You let it start at the input; it starts where the error is, at the last layer.": (
            lambda n, t: set(range(1, min(t, n) + 1))
        ),
        "You named only the layer that is new at this step; the layers above it go on moving.": (
            lambda n, t: {max(n - t + 1, 1)}
        ),
        "You named the last layer only: once it has moved, the error passes through it.": (
            lambda n, t: {n}
        ),
        "No gradient at all is ReLU's and tanh's fate. A sigmoid of 0 is 0.5.": lambda n, t: set(),
        "You named every layer at every step. But at step 1 the error is multiplied by the last "
        "matrix on its way down, and that is zero.": lambda n, t: set(range(1, n + 1)),
    }

    def attempt() -> str | None:
        if words := no_function(answer):
            return words
        returned = answers(answer, settings)
        given = [read_set(layers) for layers in returned]
        if None in given:
            i = given.index(None)
            return (
                "The answer is a set of layers, such as {2, 3}; for "
                f"n_layers = {settings[i][0]}, step = {settings[i][1]} yours is "
                f"{shown(returned[i])}."
            )
        if given == [_moving(*setting) for setting in settings]:
            return None
        if any(
            not layers <= set(range(1, n + 1))
            for layers, (n, _) in zip(given, settings, strict=True)
        ):
            return "Some of your layers do not exist: count from 1 at the input to n_layers."
        words = explanation(given, settings, known, list.__eq__)
        return words or "Look at the picture of section 3: every step, one more layer from the top."

    report("Exercise 2", attempt)


def _moving(n_layers: int, step: int) -> set[int]:
    return set(range(max(n_layers - step + 1, 1), n_layers + 1))


def check_rescue(answer: Callable[[nn.Sequential], object]) -> None:
    """Check the smallest rescue of a constant 8-6-6-3 tanh network, and train it.

    Parameters
    ----------
    answer
        ``answer(network)`` changes one of the three weight matrices in place, no number by more
        than 0.001, so that all units of both hidden layers become different in training.
    """

    def attempt() -> str | None:
        if words := no_function(answer):
            return words
        network = initialize_(mlp([8, UNITS, UNITS, 3], "tanh").double(), "constant", value=0.2)
        before = {name: p.detach().clone() for name, p in network.named_parameters()}
        tampered = tampering(network, in_place=False)
        returned = answer(network)
        if words := tampered(None):
            return words
        change = {n: (p.detach() - before[n]).abs().max() for n, p in network.named_parameters()}
        changed = [name for name, size in change.items() if size != 0]
        if not changed and is_open(returned):
            raise NotAttempted
        if not changed:
            return "The network is as it was: change its numbers in place, under torch.no_grad()."
        if any(not size <= LARGEST_CHANGE * (1 + 1e-6) for size in change.values()):
            return "Too much: no number may move by more than 0.001."
        if any(name.endswith("bias") for name in changed):
            return "Leave the biases at zero; a weight matrix alone is enough."
        if len(changed) > 1:
            return f"You changed {len(changed)} weight matrices, and one is enough. Which one?"
        at_first = _different_units(network, 0.0)
        _train(network)
        if any(a > b for a, b in zip(at_first, _different_units(network), strict=True)):
            return (
                "Your change is too small to be seen: after 100 steps units that you made "
                "different are still equal within 0.01 %. A number may move by up to 0.001."
            )
        return _twins(network)

    report("Exercise 3", attempt)


@ordinary_torch()
def _train(network: nn.Sequential) -> None:
    """Train on a small problem that one unit per layer cannot solve."""
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(120, 8, generator=generator).double()  # (images, inputs)
    y = (x[:, 0] * x[:, 1] > 0).long() + (x[:, 2] * x[:, 3] > 0).long()  # (images,), 0 to 2
    rule = torch.optim.Adam(network.parameters(), lr=0.01)
    for _ in range(STEPS):
        rule.zero_grad()
        F.cross_entropy(network(x), y).backward()
        rule.step()


def _twins(network: nn.Sequential) -> str | None:
    """Say which hidden layer still has equal units; None if there is none."""
    alike = _different_units(network)
    if alike == [1, 1]:
        return (
            "Your change is the same for every unit, so every hidden layer is still one unit: the "
            "units of a layer must be changed differently."
        )
    if alike[0] == UNITS and alike[1] == 1:
        return (
            "The first hidden layer is free now, but the units of the second still have equal "
            "incoming rows and equal outgoing columns. Which matrix touches both layers?"
        )
    if alike[0] == 1:
        return (
            "The second hidden layer is free now, but the units of the first still have equal "
            "incoming rows and equal outgoing columns. Which matrix touches both layers?"
        )
    if min(alike) < UNITS:
        return "Some units differ now, but others are still twins: change every unit differently."
    return None


def _different_units(network: nn.Sequential, tolerance: float = 1e-4) -> list[int]:
    """Count, in each hidden layer, the units that differ in what comes in or what goes out."""
    first, second, last = (layer.weight.detach() for layer in weight_layers(network))
    return [
        _distinct(torch.cat([incoming, outgoing.T], dim=1), tolerance)
        for incoming, outgoing in ((first, second), (second, last))
    ]


def _distinct(rows: Tensor, tolerance: float) -> int:
    """Count the rows (units, n) that differ from all rows before them."""
    same = torch.cdist(rows, rows, p=float("inf")) <= tolerance * rows.abs().max()
    return int((~same.tril(-1).any(1)).sum())


EXERCISES = (check_first_gradient, check_sigmoid_wave, check_rescue)
