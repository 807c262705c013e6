"""Checkers of notebook 10: depth scales, the edge of chaos, a deep plain network, two branches."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from course_utils import theory
from course_utils.data import ImageData
from course_utils.exercises.judging import initialization_problem, judge, report
from course_utils.initializers import initialize_
from course_utils.networks import mlp, one_thread, ordinary_torch
from course_utils.theory import correlation as mean_field
from course_utils.training import accuracy, fit

DEPTH, WIDTH, STEPS = 100, 32, 60  # of exercise 3
WANTED = 0.35  # accuracy; orthogonal weights of gain 1 reach 0.5 to 0.8, guessing is 0.1
_GRIDS = ((1.5, 0.05), (2.5, 0.05), (1.2, 0.2), (4.0, 0.1))  # sigma_w², sigma_b²


def _settled(sigma_w2: float, sigma_b2: float) -> mean_field.Settled:
    return mean_field.settle(math.sqrt(sigma_w2), math.sqrt(sigma_b2))


def check_depth_limit(depth_limit: Callable[[float, float], float]) -> None:
    """Check the border of the trainability map of tanh networks, 6 ξ_c.

    Parameters
    ----------
    depth_limit
        ``depth_limit(sigma_w2, sigma_b2)`` returns 6 ξ_c, in layers.
    """
    known = {
        "settle takes the stds σ_w and σ_b; you gave it the variances.": (
            lambda w2, b2: 6 * mean_field.settle(w2, b2).xi_c
        ),
        "That is one depth scale. The map's border is at six.": lambda w2, b2: (
            _settled(w2, b2).xi_c
        ),
        "That is the scale of q. A network can forget its images while q is steady: take ξ_c.": (
            lambda w2, b2: 6 * _settled(w2, b2).xi_q
        ),
        "χ is the slope at c = 1. In the chaotic phase signals settle at c*, where it is χ_c.": (
            lambda w2, b2: 6 / abs(math.log(_settled(w2, b2).chi)),
            lambda w2, b2: -6 / math.log(_settled(w2, b2).chi),
        ),
        "ξ is defined with e: take the natural logarithm, not that to base 10.": (
            lambda w2, b2: -6 / math.log10(_settled(w2, b2).chi_c)
        ),
    }

    def attempt() -> str | None:
        def right(w2: float, b2: float) -> float:
            return 6 * _settled(w2, b2).xi_c

        hint = "ξ_c = −1/ln χ_c, and theory.settle(σ_w, σ_b) knows it; the border is at 6 ξ_c."
        return judge(depth_limit, _GRIDS, right, known, hint)

    report("Exercise 1", attempt)


def check_edge(edge: Callable[[float], float]) -> None:
    """Check a search for tanh's edge of chaos.

    Parameters
    ----------
    edge
        ``edge(sigma_b)`` returns the sigma_w at which χ is 1.
    """
    known = {
        "That is σ_w². The edge is asked for as σ_w.": lambda b: mean_field.edge_of_chaos(b) ** 2,
        "That is the edge without biases. With them q is larger and tanh is flatter.": lambda b: (
            1.0
        ),
        "You took σ_b for the variance. χ depends on σ_b².": (
            lambda b: mean_field.edge_of_chaos(math.sqrt(b))
        ),
        "That gain keeps the size of a signal of q = 1. The edge keeps the gradient: χ = 1.": (
            lambda b: theory.forward_gain("tanh", 1.0)
        ),
    }

    def attempt() -> str | None:
        hint = "χ grows with σ_w: halve the interval from 1 to 4 until theory.chi(σ_w, σ_b) is 1."
        cases = [(0.1,), (0.3,), (0.6,)]
        return judge(edge, cases, lambda b: mean_field.edge_of_chaos(b), known, hint)

    report("Exercise 2", attempt)


def check_hundred_layers(initialize: Callable, data: ImageData) -> None:
    """Check that a plain network of 100 tanh layers learns when only its first numbers change.

    Parameters
    ----------
    initialize
        ``initialize(network, generator)`` changes weights and biases in place.
    data
        The images; 60 steps of 64 of them are taken.
    """

    def attempt() -> str | None:
        network = _hundred(data)
        if words := initialization_problem(initialize, network):
            return words
        words = _diagnosis(network, data.train_images[:64], data.train_labels[:64])
        with one_thread():
            options = {"steps": STEPS, "batch_size": 64, "lr": 2e-4, "log": None}
            fit(network, data.train_images, data.train_labels, **options)
            reached = accuracy(network, data.test_images[:500], data.test_labels[:500])
        if reached > WANTED:
            return None
        return f"It got {reached:.0%} of 500 test images right. {words}"

    report("Exercise 3", attempt)


def _hundred(data: ImageData) -> nn.Sequential:
    sizes = [data.train_images.shape[1]] + [WIDTH] * DEPTH + [10]
    generator = torch.Generator().manual_seed(0)
    return initialize_(mlp(sizes, "tanh"), "pytorch_default", generator=generator)


@ordinary_torch()
def _diagnosis(network: nn.Sequential, images: Tensor, labels: Tensor) -> str:
    """Say in words what is wrong with signal and gradient of a fresh network."""
    h, signals = images, []
    for module in network:
        h = module(h)
        if isinstance(module, nn.Linear):
            h.retain_grad()
            signals.append(h)
    F.cross_entropy(h, labels).backward()
    network.zero_grad()
    first, last = signals[0].detach(), signals[-2].detach()  # of the hidden layers
    ratio = _rms(last) / max(_rms(first), 1e-30)
    slope = _rms(signals[0].grad) / max(_rms(signals[-2].grad), 1e-30)
    unit = F.normalize(last.double(), dim=1)
    if not last.any() or ratio < 1e-6:
        return "The signal vanishes on its way up: the weights are too small."
    if slope > 100:
        return "The gradient explodes on its way down: this is chaos, the weights are too large."
    if (unit[1:] @ unit[0]).abs().mean() > 0.95:
        return (
            "The size is fine, but in the last layer all images lie on one line: one direction "
            "has outgrown the others, or the biases drown them. Which matrices stretch none?"
        )
    if slope < 1e-2:
        return "The gradient vanishes on its way down: this is order, the weights are too small."
    return "Signal and gradient arrive. Is the last layer too large, or are units twins?"


def _rms(t: Tensor) -> float:
    return float(t.double().square().mean().sqrt())


def check_branch_scale(branch_scale: Callable[[int, float], float]) -> None:
    """Check the factor before a residual branch.

    Parameters
    ----------
    branch_scale
        ``branch_scale(depth, growth)`` returns the factor with which the mean square grows
        ``growth`` times in ``depth`` blocks.
    """
    known = {
        "Stds do not add, variances do: a block multiplies by 1 + α², not by 1 + α.": (
            lambda depth, growth: growth ** (1 / depth) - 1
        ),
        "That is 1/√L, with which the growth comes near e. Solve for the growth that is given.": (
            lambda depth, growth: 1 / math.sqrt(depth)
        ),
        "The blocks follow each other: their factors multiply, (1 + α²)^L, they do not add up.": (
            lambda depth, growth: math.sqrt((growth - 1) / depth)
        ),
        "That is for the size, not for the mean square: the root has been drawn once too often.": (
            lambda depth, growth: math.sqrt(growth ** (2 / depth) - 1)
        ),
    }

    def attempt() -> str | None:
        def right(depth: int, growth: float) -> float:
            return math.sqrt(growth ** (1 / depth) - 1)

        hint = "Each block multiplies the mean square by 1 + α². Solve (1 + α²)^L = growth for α."
        return judge(branch_scale, [(2, 2.0), (10, 4.0), (24, 3.0)], right, known, hint)

    report("Exercise 4", attempt)


def check_output_std(output_std: Callable[[int, float], float]) -> None:
    """Check GPT-2's rule for the weights that write into the residual stream.

    Parameters
    ----------
    output_std
        ``output_std(blocks, std)`` returns the std of these weights, where others have ``std``.
    """
    known = {
        "Count again what is added to the stream: attention and MLP, two in each block.": (
            lambda blocks, std: std / math.sqrt(blocks)
        ),
        "Variances add: N equal terms have √N times the std of one. A root is missing.": (
            lambda blocks, std: std / (2 * blocks)
        ),
        "The more is added, the smaller each term must be: divide, do not multiply.": (
            lambda blocks, std: std * math.sqrt(2 * blocks)
        ),
        "That is the variance. PyTorch's normal_ wants the std.": (
            lambda blocks, std: std**2 / (2 * blocks)
        ),
    }

    def attempt() -> str | None:
        def right(blocks: int, std: float) -> float:
            return std / math.sqrt(2 * blocks)

        hint = "2L independent terms of equal size are added: each must be 1/√(2L) of what it was."
        return judge(output_std, [(12, 0.02), (3, 0.1), (48, 0.02)], right, known, hint)

    report("Exercise 5", attempt)


EXERCISES = (
    check_depth_limit,
    check_edge,
    check_hundred_layers,
    check_branch_scale,
    check_output_std,
)
