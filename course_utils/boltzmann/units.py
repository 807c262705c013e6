"""Bernoulli and Gaussian units: their means, their draws, their biases without weights.

Hidden units are Bernoulli, 0 or 1. Visible units are ``"bernoulli"``, 0 or 1 (as data also
between), or ``"gaussian"``, real numbers of variance 1 given the hidden units. What reaches a unit
from the other layer and its bias is its natural parameter: the log-odds of a Bernoulli unit, the
mean of a Gaussian one.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from course_utils.boltzmann.arguments import whole

VISIBLE_KINDS = ("bernoulli", "gaussian")


def sample_bernoulli(
    probability: Tensor, generator: torch.Generator, out: Tensor | None = None
) -> Tensor:
    """Return 1 where a uniform draw is less than ``probability``, elsewhere 0, in its shape.

    Twice as fast as ``torch.bernoulli`` and more; ``out`` may not be ``probability`` itself.
    """
    out = torch.empty_like(probability) if out is None else out
    if out.dtype == torch.bfloat16:  # its uniform draws are multiples of 1/256: far too coarse
        draws = torch.empty_like(probability, dtype=torch.float32).uniform_(generator=generator)
        return torch.lt(draws, probability, out=out)
    return out.uniform_(generator=generator).lt_(probability)


def sample_gaussian(
    mean: Tensor, generator: torch.Generator, out: Tensor | None = None, *, std: float = 1.0
) -> Tensor:
    """Return ``mean`` plus normal noise, in its shape; ``out`` may not be ``mean`` itself."""
    out = torch.empty_like(mean) if out is None else out
    return out.normal_(0.0, std, generator=generator).add_(mean)


def visible_mean(natural: Tensor, kind: str, out: Tensor | None = None) -> Tensor:
    """Return the mean of visible units, shaped like their natural parameters, one of which is it.

    A probability for ``kind`` "bernoulli"; for "gaussian" ``natural`` itself.
    """
    return natural if kind == "gaussian" else torch.sigmoid(natural, out=out)


def sample_visible(
    mean: Tensor,
    kind: str,
    generator: torch.Generator,
    out: Tensor | None = None,
    *,
    std: float = 1.0,
) -> Tensor:
    """Draw visible units, shaped like their ``mean``; ``std`` is that of Gaussian ones."""
    if kind == "gaussian":
        return sample_gaussian(mean, generator, out, std=std)
    return sample_bernoulli(mean, generator, out)


def visible_bias_of(images: Tensor, kind: str) -> Tensor:
    """Return the visible bias (n_visible,) that fits images (n, n_visible) without any weights.

    The log-odds of each pixel, one image of ink and one without being added, so that they are
    finite; Gaussian units: the means.
    """
    if kind == "gaussian":
        return images.mean(0)
    return torch.logit((images.sum(0) + 1) / (len(images) + 2))


def softplus(x: Tensor) -> Tensor:
    """Return log(1 + exp x), in the shape of ``x``, to full precision also in float64.

    (Above 20 torch's own returns x itself.)
    """
    return F.softplus(x, threshold=40)


def log_bernoulli(states: Tensor, logits: Tensor) -> Tensor:
    """Return ln p of states (n_states, units) of Bernoulli units with these log-odds, in nats.

    For every row of ``logits`` (n_rows, units) its probability of every state: (n_rows, n_states).
    It is written without 1 − p, so that it is exact also where p is nearly 0 or 1.

    Raises
    ------
    ValueError
        If the two have not as many units.
    """
    if states.shape[-1] != logits.shape[-1]:
        raise ValueError(
            f"states and logits must have as many units, got {states.shape[-1]} and "
            f"{logits.shape[-1]}"
        )
    return F.logsigmoid(logits) @ states.T + F.logsigmoid(-logits) @ (1 - states).T


def all_states(n_units: int, dtype: torch.dtype = torch.float64) -> Tensor:
    """Return every state of so many units, zeros and ones in the order of counting, (2ⁿ, n).

    Raises
    ------
    ValueError
        If ``n_units`` is no whole number from 1 to 24: more do not fit into memory.
    """
    n_units = whole("n_units", n_units, 1, 24)
    return states_of(torch.arange(2**n_units), n_units).to(dtype)


def states_of(numbers: Tensor, n_units: int) -> Tensor:
    """Return whole numbers (n,) as states of units, int64 (n, n_units): the last counts fastest."""
    places = torch.arange(n_units - 1, -1, -1, device=numbers.device)
    return numbers[:, None] >> places & 1
