"""Checkers of notebook 03: hidden units with three states, a wrong sign in CD-1, a gap on purpose.

The digits of the third exercise are scikit-learn's own, so it is the same for every learner.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import torch
from torch import Tensor

from course_utils.boltzmann import RBM
from course_utils.exercises.judging import (
    NotAttempted,
    answers,
    explanation,
    no_function,
    report,
)
from course_utils.exercises.reading import is_open, read_tensor, read_whole, shown

WANTED_GAP = 8.0  # nats
FEWEST, MOST_IMAGES, MOST_UNITS, MOST_EPOCHS = 10, 1000, 300, 200


def check_ternary_hidden(answer: Callable[[Tensor], Tensor]) -> None:
    """Check p(h | v) of hidden units with the states -1, 0 and 1.

    The sum over h of exp(h a) is e⁻ᵃ + 1 + eᵃ, so the probabilities are the softmax of (-a, 0, a).

    Parameters
    ----------
    answer
        ``answer(a)`` returns the probabilities of -1, 0 and 1 along a new last axis, (…, 3), for
        the inputs ``a`` of any shape.
    """
    known = {
        "That is for two states, −1 and 1. The third, h = 0, has the weight e⁰ = 1 in the sum.": (
            lambda a: _normalized(-a, None, a)
        ),
        "That is for the states 0 and 1, as in the notebook. Here h = −1 adds e⁻ᵃ to the sum.": (
            lambda a: _normalized(None, 0 * a, a)
        ),
        "Nearly: the order is −1, 0, 1, so the first column belongs to h = −1, which a > 0 makes "
        "rare.": lambda a: _normalized(a, 0 * a, -a),
        "The weights e⁻ᵃ, 1 and eᵃ are right, but they are no probabilities yet: divide by their "
        "sum.": lambda a: torch.stack([(-a).exp(), torch.ones_like(a), a.exp()], -1),
        "You took the energy with the wrong power: a state h has the weight exp(h a), and h = ±1 "
        "stands in it to the first power, not as h².": lambda a: _normalized(a, 0 * a, a),
        "The state h = 0 has the energy 0 and the weight e⁰ = 1, not 0.5 or e^(a/2).": (
            lambda a: _normalized(-a, a / 2, a)
        ),
    }

    def attempt() -> str | None:
        if words := no_function(answer):
            return words
        cases = [(torch.tensor([0.3, -1.2]),), (torch.tensor([[2.0], [0.7], [-0.4]]),)]
        returned = answers(answer, cases)
        given = [read_tensor(value) for value in returned]
        for (a,), value, tensor in zip(cases, returned, given, strict=True):
            if tensor is None or tensor.shape != (*a.shape, 3):
                return (
                    f"For an input of shape {tuple(a.shape)} return a tensor of shape "
                    f"{(*a.shape, 3)}; yours is {shown(value)}."
                )
        if _same(given, [_normalized(-a, 0 * a, a) for (a,) in cases]):
            return None
        return explanation(given, cases, known, _same) or (
            "Repeat step 3 of section 3: for each unit add up exp(h a) over h = −1, 0 and 1; then "
            "divide each of the three terms by the sum."
        )

    report("Exercise 1", attempt)


def _normalized(*logits: Tensor | None) -> Tensor:
    """Return the softmax of three logits along a new last axis; a state that is None has p = 0."""
    template = next(logit for logit in logits if logit is not None)
    never = torch.full_like(template, -torch.inf)
    return torch.stack([never if x is None else x for x in logits], -1).softmax(-1)


def _same(given: list[Tensor], wanted: list[Tensor]) -> bool:
    pairs = zip(given, wanted, strict=True)
    return all(torch.allclose(x.double(), y.double(), rtol=1e-3, atol=1e-6) for x, y in pairs)


def check_repaired_cd1(answer: Callable[..., object]) -> None:
    """Check a CD-1 whose printed version moves the visible bias the wrong way.

    Parameters
    ----------
    answer
        ``answer(W, b, c, v0, lr, generator)`` takes one step in place; the dice are thrown as in
        the printed version: first those of h, then those of v1.
    """
    report("Exercise 2", lambda: no_function(answer) or _step_problem(answer))


def _cd1(W: Tensor, b: Tensor, c: Tensor, v0: Tensor, lr: float, generator) -> None:
    h0 = torch.sigmoid(v0 @ W.T + c)
    h = (torch.rand(h0.shape, generator=generator) < h0).to(v0)
    p1 = torch.sigmoid(h @ W + b)
    v1 = (torch.rand(p1.shape, generator=generator) < p1).to(v0)
    h1 = torch.sigmoid(v1 @ W.T + c)
    W += lr * (h0.T @ v0 - h1.T @ v1) / len(v0)
    b += lr * (v0 - v1).mean(0)
    c += lr * (h0 - h1).mean(0)


def _changes(step: Callable[..., object]) -> tuple[list[Tensor], object]:
    """Return what a step adds to W, b and c, and what it returns; the same dice for every step."""
    generator = torch.Generator().manual_seed(5)
    W = 0.5 * torch.randn(7, 12, generator=generator)
    b, c = torch.randn(12, generator=generator), torch.randn(7, generator=generator)
    v0 = torch.randint(2, (20, 12), generator=generator).float()
    before = [t.clone() for t in (W, b, c)]
    returned = step(W, b, c, v0, 0.25, generator)
    return [now - old for now, old in zip((W, b, c), before, strict=True)], returned


def _step_problem(step: Callable[..., object]) -> str | None:
    """Say what is wrong with a step of CD-1; None if nothing is.

    Raises NotAttempted if nothing moved and nothing was returned.
    """
    (W, b, c), returned = _changes(step)
    if not any(t.any() for t in (W, b, c)):
        if is_open(returned):
            raise NotAttempted
        return "W, b and c are as they were: change them in place, with +=."
    right = dict(zip("Wbc", _changes(_cd1)[0], strict=True))
    flipped, wrong = [], []
    for name, change in zip("Wbc", (W, b, c), strict=True):
        if not _same([change], [right[name]]):
            (flipped if _same([change], [-right[name]]) else wrong).append(name)
    if wrong:
        return (
            f"The step of {' and '.join(wrong)} is no longer that of CD-1. Only one sign is to be "
            "changed: keep the lines, also those that throw the dice, and their order."
        )
    if flipped == ["b"]:
        return (
            "That is still the printed version. Data minus model, for each of the three: which of "
            "them goes the other way?"
        )
    if flipped:
        names = " and ".join(flipped)
        return f"The sign of {names} is wrong: W, b and c must all move by data minus model."
    return None


def check_gap(n_images: int, n_hidden: int, epochs: int) -> None:
    """Check settings that make the free-energy gap grow: few images, many units, long training.

    An RBM learns by CD-1 (learning rate 0.1, ten images a batch) from `n_images` of the
    small digits; the gap is the mean free energy of 500 other digits minus that of these.

    Parameters
    ----------
    n_images, n_hidden, epochs
        Whole numbers: 10 to 1,000 images, 1 to 300 hidden units, 1 to 200 epochs.
    """

    def attempt() -> str | None:
        given = (n_images, n_hidden, epochs)
        if all(map(is_open, given)):
            raise NotAttempted
        return _setting_problem(*given) or _gap_problem(*map(read_whole, given))

    report("Exercise 3", attempt)


def _setting_problem(n_images: Any, n_hidden: Any, epochs: Any) -> str | None:
    limits = {
        "n_images": (n_images, FEWEST, MOST_IMAGES),
        "n_hidden": (n_hidden, 1, MOST_UNITS),
        "epochs": (epochs, 1, MOST_EPOCHS),
    }
    for name, (value, low, high) in limits.items():
        if is_open(value):
            return f"{name} is still open."
        number = read_whole(value)
        if number is None or not low <= number <= high:
            return f"{name} is a whole number from {low} to {high:,}, yours is {shown(value)}."
    return None


@cache
def _digits() -> tuple[Tensor, Tensor]:
    """Return 1,000 training and 500 other digits, black and white, (n, 64)."""
    from sklearn.datasets import load_digits

    pixels = load_digits().data
    order = np.random.RandomState(0).permutation(len(pixels))
    images = torch.from_numpy((pixels[order] > 7).astype(np.float32))
    return images[:1000], images[1000:1500]


def gap_of(n_images: int, n_hidden: int, epochs: int) -> float:
    """Return the free-energy gap in nats after a training with these settings."""
    train, others = _digits()
    rbm = RBM(64, n_hidden, seed=0)
    plain = {"batch_size": 10, "momentum": 0.0, "weight_decay": 0.0, "log": None}
    history = rbm.fit(train[:n_images], held_out=others, epochs=epochs, **plain)
    return history.free_energy_gap[-1]


def _gap_problem(n_images: int, n_hidden: int, epochs: int) -> str | None:
    """Train, and say why the gap is small; None if it is large enough."""
    if gap_of(n_images, n_hidden, epochs) > WANTED_GAP:
        return None
    if n_images > 100:
        return (
            "The gap is too small. So many images cannot be learned by heart: what they share is "
            "all that the machine can keep. Give it fewer."
        )
    if n_hidden < 50:
        return (
            "The gap is too small. There are few images, but also few hidden units: what is "
            "learned by heart has to be kept somewhere."
        )
    if epochs < 100:
        return (
            "The gap is too small. Few images and many units are right: but each image was seen "
            "too few times to be known by heart."
        )
    return "The gap is too small, but each setting is on the right side. Go further with all three."


EXERCISES = (check_ternary_hidden, check_repaired_cd1, check_gap)
