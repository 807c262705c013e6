"""How a restricted Boltzmann machine learns: one step of CD-k or of persistent CD, in place.

The gradient of the log-likelihood is a difference of two means of h vᵀ: one over the data, one over
the model's own samples. For the second, a short Gibbs chain has to do. Contrastive divergence
(CD-k; Hinton 2002, "Training products of experts by minimizing contrastive divergence") starts it
at the data, anew for each batch. Persistent contrastive divergence (PCD-k; Tieleman 2008, "Training
restricted Boltzmann machines using approximations to the likelihood gradient") goes on with the
chains of the batch before.

Which states are drawn and which stay probabilities follows Hinton (2012), "A practical guide to
training restricted Boltzmann machines": whatever drives the chain is drawn; hidden units that only
enter a mean are probabilities, because drawing them would add noise and change nothing else.
"""

from __future__ import annotations

import math
from functools import partial
from numbers import Integral, Real
from typing import TYPE_CHECKING

import torch
from torch import Tensor

if TYPE_CHECKING:
    from course_utils.boltzmann_machine import BoltzmannMachine

_WATCH_ON_GPU = 50  # steps between two looks at the biases: each look makes the GPU wait


def uniform_(out: Tensor, generator: torch.Generator) -> Tensor:
    """Fill ``out`` with uniform draws from [0, 1), and return it."""
    return out.uniform_(generator=generator)


def sample_bernoulli(
    probability: Tensor, generator: torch.Generator, out: Tensor | None = None
) -> Tensor:
    """Return 1 where a uniform draw is less than ``probability``, elsewhere 0, in its shape.

    Twice as fast as ``torch.bernoulli`` and more; ``out`` may not be ``probability`` itself.
    """
    out = torch.empty_like(probability) if out is None else out
    if out.dtype == torch.bfloat16:  # its uniform draws are multiples of 1/256: far too coarse
        draws = uniform_(torch.empty_like(probability, dtype=torch.float32), generator)
        return torch.lt(draws, probability, out=out)
    return uniform_(out, generator).lt_(probability)


def sample_gaussian(
    mean: Tensor, generator: torch.Generator, out: Tensor | None = None, *, std: float = 1.0
) -> Tensor:
    """Return ``mean`` plus normal noise, in its shape; ``out`` may not be ``mean`` itself."""
    out = torch.empty_like(mean) if out is None else out
    return out.normal_(0.0, std, generator=generator).add_(mean)


class ContrastiveDivergence:
    """Takes learning steps with the parameters of one RBM, in place.

    A step on a batch of n images costs five products of the size (n, n_visible, n_hidden), and
    little else: all states live in two buffers, data above and chains below. So the difference of
    both means of h vᵀ is one product, [h₀/n; -h₁/m]ᵀ [v₀; v₁], added to the velocity in place.
    With ``products = torch.bfloat16`` the states and a copy of the weights are rounded to it, 8
    significant bits, and a processor that knows the format multiplies them faster; weights,
    velocities and uniform draws keep the precision they have.

    Parameters
    ----------
    machine
        Holds ``weight`` (n_hidden, n_visible), ``visible_bias`` and ``hidden_bias``, which a step
        changes; ``visible``, ``"bernoulli"`` or ``"gaussian"``; and the ``generator`` of all draws.

    Attributes
    ----------
    products : torch.dtype
        Of the states and of the matrix products: the machine's own, or ``torch.bfloat16``.
    velocities : list of Tensor
        Of weight, visible and hidden bias: what the last step added to each.
    chains, particles : Tensor or None
        The persistent chains, if there are any: visible states (m, n_visible), and the hidden
        states (m, n_hidden) drawn from them, from which the next step goes on.
    steps : int
        How many steps were taken.
    """

    def __init__(self, machine: BoltzmannMachine) -> None:
        self.machine = machine
        self.products = machine.weight.dtype
        parameters = (machine.weight, machine.visible_bias, machine.hidden_bias)
        self.velocities = [torch.zeros_like(parameter) for parameter in parameters]
        self.chains: Tensor | None = None
        self.particles: Tensor | None = None
        self.steps = 0
        self._sizes: tuple = ()  # of the buffers: images, chains; and their dtype

    @torch.no_grad()
    def step(
        self,
        images: Tensor,
        rows: Tensor | None = None,
        *,
        lr: float,
        k: int = 1,
        persistent: bool = False,
        momentum: float = 0.0,
        weight_decay: float = 0.0,
        sparsity: tuple[float, float] | None = None,
    ) -> None:
        """Take one step on a batch: ``images`` (n, n_visible), or only those at ``rows`` (n,).

        The options mean what they mean for :meth:`course_utils.rbm.RBM.fit`.

        Raises
        ------
        FloatingPointError
            If the biases are not finite after it (on a GPU only every 50th step looks).
        """
        goes_on = persistent and self.particles is not None
        n = len(images) if rows is None else len(rows)
        m = len(self.particles) if goes_on else n
        v, h, state = self._room(n, m)  # (n + m, n_visible), (n + m, n_hidden), (m, n_hidden)
        v0, v1, h0, h1 = v[:n], v[n:], h[:n], h[n:]  # data above, chains below
        self._weight = self.machine.weight.to(self.products)  # itself if that is its dtype
        if rows is None or images.dtype != self.products:
            v0.copy_(images if rows is None else images[rows])
        else:
            torch.index_select(images, 0, rows, out=v0)
        if goes_on:
            state.copy_(self.particles)
        else:
            self._hidden_mean(v0, out=h0)
            sample_bernoulli(h0, self.machine.generator, out=state)
        for _ in range(k - 1):
            self._sample_visible(state, out=v1)
            self._hidden_mean(v1, out=h1)
            sample_bernoulli(h1, self.machine.generator, out=state)
        self._sample_visible(state, out=v1)
        if goes_on:
            self._hidden_mean(v, out=h)  # of data and chains in one product
        else:
            self._hidden_mean(v1, out=h1)
        if persistent:
            self.chains = v1.to(self.machine.weight.dtype, copy=True)
            self.particles = sample_bernoulli(h1, self.machine.generator).to(self.chains.dtype)
        if sparsity is not None:
            target, cost = sparsity
            h0 += cost * (target - h0.mean(0))
        self._move(lr, momentum, weight_decay)

    def _hidden_mean(self, v: Tensor, out: Tensor) -> None:
        bias = self.machine.hidden_bias.to(self.products)
        torch.addmm(bias, v, self._weight.T, out=out).sigmoid_()

    def _sample_visible(self, h: Tensor, out: Tensor) -> None:
        bias = self.machine.visible_bias.to(self.products)
        mean = torch.addmm(bias, h, self._weight, out=self._mean)
        if self.machine.visible == "gaussian":
            sample_gaussian(mean, self.machine.generator, out=out)
        else:
            sample_bernoulli(mean.sigmoid_(), self.machine.generator, out=out)

    def _move(self, lr: float, momentum: float, weight_decay: float) -> None:
        """Turn the states in the buffers into velocities, and move the parameters by these.

        Each row has its share in the difference of means: 1/n an image, -1/m the end of a chain.
        """
        machine, v, h, share = self.machine, self._v, self._h, self._share
        weight, visible, hidden = self.velocities
        visible.addmv_(v.to(share.dtype).T, share, beta=momentum, alpha=lr)
        hidden.addmv_(h.to(share.dtype).T, share, beta=momentum, alpha=lr)
        h.mul_(share[:, None])
        if v.dtype == weight.dtype:
            weight.addmm_(h.T, v, beta=momentum, alpha=lr)
        else:
            weight.mul_(momentum).add_(torch.mm(h.T, v), alpha=lr)
        weight.add_(machine.weight, alpha=-lr * weight_decay)
        machine.weight += weight
        machine.visible_bias += visible
        machine.hidden_bias += hidden
        self.steps += 1
        if machine.weight.device.type == "cpu" or self.steps % _WATCH_ON_GPU == 0:
            self._watch()

    def _room(self, n: int, m: int) -> tuple[Tensor, Tensor, Tensor]:
        """Return room for n images above m chains, and for the hidden states that drive these."""
        if self._sizes != (n, m, self.products):
            n_hidden, n_visible = self.machine.weight.shape
            new = partial(self.machine.weight.new_empty, dtype=self.products)
            self._v, self._h = new(n + m, n_visible), new(n + m, n_hidden)
            self._state, self._mean = new(m, n_hidden), new(m, n_visible)
            self._share = self.machine.weight.new_empty(n + m)
            self._share[:n], self._share[n:] = 1 / n, -1 / m
            self._sizes = (n, m, self.products)
        return self._v, self._h, self._state

    def _watch(self) -> None:
        """Raise if the biases are not finite: what is wrong with a weight shows there at once."""
        total = self.machine.visible_bias.sum() + self.machine.hidden_bias.sum()
        if not math.isfinite(total):
            raise FloatingPointError(
                f"Stopped at step {self.steps}: the weights are no longer finite numbers, and the "
                "RBM is lost. Start again with a smaller learning rate or momentum."
            )


def check_learning(
    lr: object, k: object, momentum: object, weight_decay: object, sparsity: object
) -> None:
    """Raise ValueError, in words for a learner, for options with which nothing can be learned."""
    if not isinstance(k, Integral) or isinstance(k, bool) or k < 1:
        raise ValueError(f"k must be a whole number of at least 1, got {k!r}")
    _check_number("lr", lr, 0 <= _number(lr), "0 or more")
    _check_number("momentum", momentum, 0 <= _number(momentum) < 1, "from 0 to less than 1")
    _check_number("weight_decay", weight_decay, 0 <= _number(weight_decay), "0 or more")
    if sparsity is None:
        return
    if not isinstance(sparsity, tuple | list) or len(sparsity) != 2:
        wish = "None or a pair (target, cost)"
        raise ValueError(f"sparsity must be {wish}, got {sparsity!r}: try (0.1, 1.0)")
    target, cost = sparsity
    _check_number("the target of sparsity", target, 0 < _number(target) < 1, "between 0 and 1")
    _check_number("the cost of sparsity", cost, 0 <= _number(cost), "0 or more")


def _check_number(name: str, value: object, allowed: bool, rule: str) -> None:
    if not allowed:
        raise ValueError(f"{name} must be a finite number, {rule}, got {value!r}")


def _number(value: object) -> float:
    """Return ``value``, or nan if it is not a finite number: nan fails every comparison."""
    return value if isinstance(value, Real) and math.isfinite(value) else math.nan
