"""Checkers of notebook 09: an activation for LeCun, orthonormal weights, batch norm, LSUV."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable

import torch
from torch import Tensor, nn

from course_utils import theory
from course_utils.exercises.judging import (
    NotAttempted,
    explanation,
    judge,
    no_function,
    report,
    tampering,
)
from course_utils.exercises.reading import is_open
from course_utils.initializers import initialize_
from course_utils.networks import mlp, weight_layers

SHAPES = ((6, 6), (9, 4), (4, 9))
SIZES, IMAGES = [12, 40, 30, 20, 5], 400  # of exercise 4


def check_amplitude(answer: Callable[[float], float]) -> None:
    """Check the a for which φ(z) = a · tanh(b z) keeps the mean square of z ~ N(0, 1).

    Parameters
    ----------
    answer
        ``answer(b)`` returns a = 1 / √E[tanh²(b z)], for b > 0, within 1 %.
    """

    def kept(b: float) -> float:
        return float(theory.activation_mean_square(b**2, "tanh"))  # E[tanh²(b z)]

    known = {
        "That makes φ(1) = 1, as LeCun's 1.7159 does. Asked is E[φ(z)²] = 1, z ~ N(0, 1).": (
            lambda b: 1 / math.tanh(b)
        ),
        "That makes the slope at 0 equal to 1. tanh bends, so the mean square needs more.": (
            lambda b: 1 / b
        ),
        "a enters squared: a² · E[tanh²] = 1, so take the root.": lambda b: 1 / kept(b),
        "Upside down: a has to make up for what tanh takes away, so it is 1 over the root.": (
            lambda b: math.sqrt(kept(b))
        ),
        "You averaged tanh² over z of variance b. The argument b · z has the variance b².": (
            lambda b: 1 / math.sqrt(theory.activation_mean_square(b, "tanh"))
        ),
        "You left b out: the argument of tanh is b · z.": lambda b: 1 / math.sqrt(kept(1.0)),
        "That keeps the gradient's mean square, E[φ′(z)²] = 1. Asked is the signal's.": (
            lambda b: float(1 / (b * math.sqrt(theory.gradient_map(b**2, 1.0, "tanh"))))
        ),
    }
    hint = "Average tanh(b z)² over z ~ N(0, 1), then choose a such that a² times that is 1."
    cases = [(0.3,), (2 / 3,), (1.0,), (2.0,)]
    report(
        "Exercise 1", lambda: judge(answer, cases, lambda b: 1 / math.sqrt(kept(b)), known, hint)
    )


def check_orthonormal(answer: Callable[..., object]) -> None:
    """Check an in-place orthonormal scheme for matrices of any shape.

    Parameters
    ----------
    answer
        ``answer(w, *, generator=None)`` fills w (rows, columns) with orthonormal rows or columns,
        whichever are fewer; what it returns is not looked at.
    """

    def attempt() -> str | None:
        with torch.no_grad():
            return no_function(answer) or _filling(answer) or _orthonormality(answer)

    report("Exercise 2", attempt)


def _filled(fill_: Callable[..., object], shape: tuple[int, int], seed: int) -> Tensor:
    w = torch.full(shape, 7.0)
    fill_(w, generator=torch.Generator().manual_seed(seed))
    return w


def _filling(fill_: Callable[..., object]) -> str | None:
    """Say what is wrong with how a square matrix is filled; None if nothing."""
    w = torch.full((6, 6), 7.0)
    returned = fill_(w, generator=torch.Generator().manual_seed(1))
    if (w == 7).all():
        if is_open(returned):
            raise NotAttempted
        return "w is as it was: fill it in place, w.copy_(…), and not a new tensor."
    if not w.isfinite().all():
        return "Some weights are no finite numbers."
    first, second, other = (_filled(fill_, (6, 6), seed) for seed in (1, 1, 2))
    if not torch.equal(first, second):
        return "The same seed gave different weights: pass the generator on to torch.randn."
    if torch.equal(first, other):
        return "Different seeds gave the same weights: they should come from the generator."
    return None


def _orthonormality(fill_: Callable[..., object]) -> str | None:
    """Say for the first shape whose singular values are not 1 what they are instead."""
    for rows, columns in SHAPES:
        try:
            w = _filled(fill_, (rows, columns), 3)
        except RuntimeError as error:
            if rows < columns:
                return (
                    "A wide matrix stops it: the q of its QR decomposition is square, rows × rows. "
                    "Decompose a tall matrix and transpose it."
                )
            raise error
        where = f"For {rows} rows and {columns} columns"
        if not w.isfinite().all():
            return f"{where} some weights are no finite numbers."
        s = torch.linalg.svdvals(w)
        if (s - 1).abs().max() < 1e-4:
            continue
        if s.max() - s.min() < 1e-4:
            return f"{where} all singular values are equal, but not 1: leave the lengths alone."
        lengths = [w.norm(dim=d) for d in (0, 1)]
        if any((length - 1).abs().max() < 1e-4 for length in lengths):
            return f"{where} the lengths are 1, but the vectors are not perpendicular."
        return f"{where} the singular values are not all 1: q of a QR decomposition has such."
    return None


def check_batch_norm_growth(answer: Callable[[float], float]) -> None:
    """Check how fast gradients grow with batch normalization and leaky ReLU of any slope.

    Parameters
    ----------
    answer
        ``answer(slope)`` returns E[δ²] of a layer over that of the layer above, for a large batch:
        E[φ′²] / Var(φ) = u / (u - (1 - slope)² / 2π) with u = (1 + slope²) / 2.
    """

    def half(a: float) -> float:
        return (1 + a * a) / 2

    known = {
        "You divided by E[φ²], which is layer normalization. Batch normalization subtracts the "
        "mean over the images, so Var(φ) = E[φ²] - E[φ]² is left.": lambda a: 1.0,
        "Upside down: that is the factor on the way up. Gradients come down and grow.": (
            lambda a: 1 / _growth(a)
        ),
        "That is the factor of the rms. Asked is the mean square: no root.": (
            lambda a: math.sqrt(_growth(a))
        ),
        "That is plain ReLU, slope 0, whatever the slope.": lambda a: math.pi / (math.pi - 1),
        "The negative side has the mean -slope/√(2π), so E[φ] is (1 - slope)/√(2π): a minus.": (
            lambda a: half(a) / (half(a) - (1 + a) ** 2 / (2 * math.pi))
        ),
        "The mean of φ depends on the slope too: E[φ] = (1 - slope)/√(2π).": (
            lambda a: half(a) / (half(a) - 1 / (2 * math.pi))
        ),
        "Square the mean: Var(φ) = E[φ²] - E[φ]².": (
            lambda a: half(a) / (half(a) - (1 - a) / math.sqrt(2 * math.pi))
        ),
        "You left out E[φ′²]: it is (1 + slope²)/2.": lambda a: _growth(a) / half(a),
    }
    hint = "Write down E[φ′²], E[φ²] and E[φ] for a Gaussian of variance 1, half of it negative."
    cases = [(0.0,), (0.1,), (0.5,), (-0.25,)]
    report("Exercise 3", lambda: judge(answer, cases, _growth, known, hint))


def _growth(slope: float) -> float:
    square = (1 + slope**2) / 2
    return square / (square - (1 - slope) ** 2 / (2 * math.pi))


def check_lsuv(answer: Callable[[nn.Sequential, Tensor], object]) -> None:
    """Check a hand-made LSUV, without its orthonormal start, on a ReLU network without biases.

    Parameters
    ----------
    answer
        ``answer(network, images)`` divides the weight of every linear layer of an
        ``nn.Sequential`` in place, so that its output has std 1 (within 1 %) on the images.
    """
    report("Exercise 4", lambda: no_function(answer) or _judge_lsuv(answer))


def _judge_lsuv(answer: Callable[[nn.Sequential, Tensor], object]) -> str | None:
    generator = torch.Generator().manual_seed(0)
    network = initialize_(mlp(SIZES, bias=False), "lecun_normal", generator=generator)
    images = torch.rand(IMAGES, SIZES[0], generator=generator)
    mine, before = copy.deepcopy(network), [w.weight.clone() for w in weight_layers(network)]
    tampered = tampering(mine, in_place=False)
    returned = answer(mine, images.clone())
    if words := tampered(None):
        return words
    after = [w.weight.detach() for w in weight_layers(mine)]
    if all(torch.equal(a, b) for a, b in zip(before, after, strict=True)):
        if is_open(returned):
            raise NotAttempted
        return "The network is as it was: change its weights in place, module.weight /= …"
    found = _stds(mine, images)
    if not all(map(math.isfinite, found)):
        return "Some outputs are no finite numbers any more."
    for number, (a, b) in enumerate(zip(after, before, strict=True), start=1):
        cosine = (a * b).sum() / (a.norm() * b.norm())
        if cosine < 0.9999:
            return f"Layer {number} has new weights: each may only be divided by one number."
    if all(math.isclose(std, 1, rel_tol=0.01) for std in found):
        return None
    known = {words: lambda f=f: f(network, images) for words, f in _LSUV_MISTAKES.items()}
    words = next((w for w, f in known.items() if explanation([found], [()], {w: f}, _alike)), None)
    first = next(
        i for i, std in enumerate(found, start=1) if not math.isclose(std, 1, rel_tol=0.01)
    )
    return words or (
        f"The output of layer {first} has not the std 1. Go from the first layer to the last, "
        "divide each weight by the std of its output, and hand on what the scaled layer gives."
    )


def _alike(given: list, wanted: list) -> bool:
    return all(math.isclose(a, b, rel_tol=0.01) for a, b in zip(given[0], wanted[0], strict=True))


@torch.no_grad()
def _stds(network: nn.Sequential, x: Tensor) -> list[float]:
    """Return the std of the output of each linear layer."""
    found = []
    for module in network:
        x = module(x)
        if isinstance(module, nn.Linear):
            found.append(x.double().std(correction=0).item())
    return found


@torch.no_grad()
def _scaled(
    network: nn.Sequential,
    x: Tensor,
    size: Callable[[Tensor], Tensor],
    *,
    in_order: bool = True,
    after_relu: bool = False,
    skip_last: bool = False,
) -> list[float]:
    """Return the stds after every weight of a copy was divided by some size of its output."""
    twin, start = copy.deepcopy(network), x
    modules, passed = list(twin), x  # passed: through the layers as they were
    for i, module in enumerate(modules):
        output = module(passed)
        if isinstance(module, nn.Linear) and not (skip_last and i == len(modules) - 1):
            measured = output.relu() if after_relu and i < len(modules) - 1 else output
            module.weight /= size(measured)
            output = module(passed) if in_order else output
        passed = output
    return _stds(twin, start)


def _std(t: Tensor) -> Tensor:
    return t.std(correction=0)


_LSUV_MISTAKES: dict[str, Callable[[nn.Sequential, Tensor], list[float]]] = {
    "You measured all layers before you scaled any. A layer's input changes with the layers below "
    "it: scale the first, then measure the second.": lambda network, x: _scaled(
        network, x, _std, in_order=False
    ),
    "You divided by the variance. The output grows with the weight, so divide by the std.": (
        lambda network, x: _scaled(network, x, lambda t: _std(t) ** 2)
    ),
    "You divided by the root of the std: the output grows with the weight, so divide by the std "
    "itself.": lambda network, x: _scaled(network, x, lambda t: _std(t).sqrt()),
    "You divided by the root mean square. The std leaves out the mean, and z has one.": (
        lambda network, x: _scaled(network, x, lambda t: t.square().mean().sqrt())
    ),
    "You made the std after the ReLU 1. Asked is the output of the linear layer.": (
        lambda network, x: _scaled(network, x, _std, after_relu=True)
    ),
    "The last layer is not scaled: its scores should have std 1 too.": (
        lambda network, x: _scaled(network, x, _std, skip_last=True)
    ),
    "You averaged the std of each unit. It is one std over all images and units together.": (
        lambda network, x: _scaled(network, x, lambda t: t.std(dim=0).mean())
    ),
}


EXERCISES = (check_amplitude, check_orthonormal, check_batch_norm_growth, check_lsuv)
