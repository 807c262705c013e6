"""How an RBM learns: steps of CD-k or persistent CD, with momentum, weight decay, sparsity.

The gradient of the log-likelihood is a difference of two means of h vᵀ: one over the data, one over
the model's own samples. For the second, a short Gibbs chain has to do. Contrastive divergence
(CD-k; Hinton 2002, "Training products of experts by minimizing contrastive divergence") starts it
at the data, anew for each batch. Persistent contrastive divergence (PCD-k; Tieleman 2008, "Training
restricted Boltzmann machines using approximations to the likelihood gradient") goes on with the
chains of the batch before.

Which states are drawn and which stay probabilities follows Hinton (2012), "A practical guide to
training restricted Boltzmann machines": whatever drives the chain is drawn; hidden units that only
enter a mean are probabilities: drawn, they would give the same step on average, with more noise.
(That noise has one use: it sets units of equal weights apart, which probabilities never do.)
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from course_utils.boltzmann.arguments import number, whole
from course_utils.boltzmann.storage import plain, tensor_of
from course_utils.boltzmann.units import sample_bernoulli, sample_visible, visible_mean
from course_utils.training import STEPS_BETWEEN_LOOKS

Parameters = tuple[Tensor, Tensor, Tensor]
"""Weight (n_hidden, n_visible), visible bias (n_visible,) and hidden bias (n_hidden,)."""


class ContrastiveDivergence:
    """Takes learning steps: changes the parameters of an RBM in place.

    A step on a batch of n images costs five products of the size (n, n_visible, n_hidden), and
    little else: all states live in two buffers, data above and chains below. So the difference of
    both means of h vᵀ is one product, [h₀/n; -h₁/m]ᵀ [v₀; v₁], added to the velocity in place.

    Parameters
    ----------
    parameters
        Of the RBM that will learn: for the shapes, the dtype and the device.
    visible
        ``"bernoulli"`` or ``"gaussian"``.
    generator
        Of all draws.

    Attributes
    ----------
    compute_dtype : torch.dtype
        Of the states and of the matrix products. That of the parameters; or assign
        ``torch.bfloat16``: then the states and a copy of the weights are rounded to it, 8
        significant bits, and a processor that knows the format multiplies them faster. Weights,
        velocities and uniform draws keep the precision they have.
    velocities : list of Tensor
        Of weight, visible and hidden bias: what the last step added to each.
    chains, particles : Tensor or None
        The persistent chains, if there are any: visible states (m, n_visible), and the hidden
        states (m, n_hidden) drawn from them, from which the next step goes on.
    steps : int
        How many steps were taken.
    """

    def __init__(self, parameters: Parameters, visible: str, generator: torch.Generator) -> None:
        self.visible, self.generator = visible, generator
        self.compute_dtype = parameters[0].dtype
        self.velocities = [torch.zeros_like(parameter) for parameter in parameters]
        self.chains: Tensor | None = None
        self.particles: Tensor | None = None
        self.steps = 0
        self._buffers: _Buffers | None = None

    @torch.no_grad()
    def step(
        self,
        parameters: Parameters,
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

        The options mean what they mean for :meth:`course_utils.boltzmann.RBM.fit`.

        Raises
        ------
        ValueError
            If `compute_dtype` is neither that of the weights nor ``torch.bfloat16``.
        FloatingPointError
            If the biases are not finite after it (on a GPU only every 50th step looks).
        """
        goes_on = persistent and self.particles is not None
        n = len(images) if rows is None else len(rows)
        m = len(self.particles) if goes_on else n
        room = self._room(n, m)
        weight, visible_bias, hidden_bias = (p.to(self.compute_dtype) for p in parameters)
        v0, v1, h0, h1 = room.v[:n], room.v[n:], room.h[:n], room.h[n:]  # data above, chains below

        def hidden_mean(v: Tensor, out: Tensor) -> None:
            torch.addmm(hidden_bias, v, weight.T, out=out).sigmoid_()

        def drawn_visible() -> None:  # v1 from the hidden states that drive the chains
            natural = torch.addmm(visible_bias, room.state, weight, out=room.mean)
            mean = visible_mean(natural, self.visible, out=room.mean)
            sample_visible(mean, self.visible, self.generator, out=v1)

        if rows is None or images.dtype != self.compute_dtype:
            v0.copy_(images if rows is None else images[rows])
        else:
            torch.index_select(images, 0, rows, out=v0)
        if goes_on:
            room.state.copy_(self.particles)
        else:
            hidden_mean(v0, out=h0)
            sample_bernoulli(h0, self.generator, out=room.state)
        for _ in range(k - 1):
            drawn_visible()
            hidden_mean(v1, out=h1)
            sample_bernoulli(h1, self.generator, out=room.state)
        drawn_visible()
        if goes_on:
            hidden_mean(room.v, out=room.h)  # of data and chains in one product
        else:
            hidden_mean(v1, out=h1)
        if persistent:
            self.chains = v1.to(parameters[0].dtype, copy=True)
            self.particles = sample_bernoulli(h1, self.generator).to(self.chains.dtype)
        if sparsity is not None:
            target, cost = sparsity
            h0 += cost * (target - h0.mean(0))
        self._move(parameters, room, lr, momentum, weight_decay)

    def _move(
        self, parameters: Parameters, room: _Buffers, lr: float, momentum: float, decay: float
    ) -> None:
        """Turn the states in the buffers into velocities, and move the parameters by these.

        Each row has its share in the difference of means: 1/n an image, -1/m the end of a chain.
        """
        v, h, share = room.v, room.h, room.share
        weight, visible, hidden = self.velocities
        visible.addmv_(v.to(share.dtype).T, share, beta=momentum, alpha=lr)
        hidden.addmv_(h.to(share.dtype).T, share, beta=momentum, alpha=lr)
        h.mul_(share[:, None])
        if v.dtype == weight.dtype:
            weight.addmm_(h.T, v, beta=momentum, alpha=lr)
        else:
            weight.mul_(momentum).add_(torch.mm(h.T, v), alpha=lr)
        weight.add_(parameters[0], alpha=-lr * decay)
        for parameter, velocity in zip(parameters, self.velocities, strict=True):
            parameter += velocity
        self.steps += 1
        if self.steps % STEPS_BETWEEN_LOOKS.get(weight.device.type, 50) == 0:
            self.check_finite(*parameters[1:])

    def _room(self, n: int, m: int) -> _Buffers:
        """Return room for n images above m chains, the same as long as neither changes."""
        like = self.velocities[0]  # (n_hidden, n_visible)
        self._check_dtype(self.compute_dtype)
        if self._buffers is None or not self._buffers.fit(n, m, self.compute_dtype):
            self._buffers = _Buffers.of(n, m, self.compute_dtype, like)
        return self._buffers

    def _check_dtype(self, dtype: object) -> None:
        own = self.velocities[0].dtype
        if dtype not in (own, torch.bfloat16):
            wish = f"{own}, as the weights, or torch.bfloat16"
            raise ValueError(f"compute_dtype must be {wish}, got {dtype!r}")

    def check_finite(self, visible_bias: Tensor, hidden_bias: Tensor) -> None:
        """Raise if the biases are not finite: what is wrong with a weight shows there at once."""
        if not math.isfinite(visible_bias.sum() + hidden_bias.sum()):
            advice = "Start again with a smaller learning rate or momentum."
            if self.visible == "gaussian":
                advice += " Gaussian visible units need a rate of about 0.001, and data that were "
                advice += "standardized."
            raise FloatingPointError(
                f"Stopped at step {self.steps}: the weights are no longer finite numbers, and the "
                f"RBM is lost. {advice}"
            )

    def to(self, device: torch.device, generator: torch.Generator) -> None:
        """Move to a device, from whose generator the draws will come."""
        self.generator, self._buffers = generator, None
        self.velocities = [velocity.to(device) for velocity in self.velocities]
        if self.chains is not None:
            self.chains, self.particles = self.chains.to(device), self.particles.to(device)

    def state(self) -> dict:
        """Return what a file must hold for the next step to be the one that would follow here."""
        return {
            "velocities": [plain("velocity", velocity) for velocity in self.velocities],
            "chains": plain("chains", self.chains),
            "particles": plain("particles", self.particles),
            "steps": self.steps,
            "compute_dtype": self.compute_dtype,
        }

    def restore(self, state: dict) -> None:
        """Go on from the :meth:`state` of another learner of the same size, dtype and units.

        Raises
        ------
        ValueError, LookupError, TypeError
            If it is no such state.
        """
        n_hidden, n_visible = self.velocities[0].shape
        dtype, device = self.velocities[0].dtype, self.velocities[0].device
        for own, stored in zip(self.velocities, state["velocities"], strict=True):
            own.copy_(tensor_of("a velocity", stored, own.shape, dtype))
        chains, particles = state["chains"], state["particles"]
        if chains is not None or particles is not None:
            m = whole("the number of chains", len(chains))
            self.chains = tensor_of("chains", chains, (m, n_visible), dtype).to(device)
            self.particles = tensor_of("particles", particles, (m, n_hidden), dtype).to(device)
        self._check_dtype(state["compute_dtype"])
        self.compute_dtype, self.steps = state["compute_dtype"], whole("steps", state["steps"], 0)


@dataclass(frozen=True, eq=False)
class _Buffers:
    """Room for the states of one step: n images above the m ends of the chains."""

    v: Tensor  # (n + m, n_visible)
    h: Tensor  # (n + m, n_hidden)
    state: Tensor  # (m, n_hidden): drawn, it drives the chains
    mean: Tensor  # (m, n_visible): of the chains' visible units
    share: Tensor  # (n + m,): 1/n an image, -1/m a chain

    @classmethod
    def of(cls, n: int, m: int, dtype: torch.dtype, like: Tensor) -> _Buffers:
        n_hidden, n_visible = like.shape
        shapes = ((n + m, n_visible), (n + m, n_hidden), (m, n_hidden), (m, n_visible))
        share = like.new_empty(n + m)
        share[:n], share[n:] = 1 / n, -1 / m
        return cls(*(like.new_empty(shape, dtype=dtype) for shape in shapes), share)

    def fit(self, n: int, m: int, dtype: torch.dtype) -> bool:
        return len(self.state) == m and len(self.v) == n + m and self.v.dtype == dtype


@dataclass(frozen=True)
class RBMHistory:
    """What happened during :meth:`course_utils.boltzmann.RBM.fit`.

    The tuples hold one value for each epoch that was completed, measured after it.

    Attributes
    ----------
    reconstruction_error : tuple of float
        Mean square of image minus reconstruction, per pixel, of (at most) 1,000 training images
        evenly spread; the reconstruction is made without drawing.
    pseudo_likelihood : tuple of float
        Mean log pseudo-likelihood of the same images in nats an image, from one bit of each, the
        same bit after every epoch. Empty if the visible units are Gaussian.
    free_energy_gap : tuple of float
        Mean free energy of the held-out images minus that of as many training images, in nats
        (Hinton 2012): it grows when the RBM learns its training images by heart. Empty if there
        are no held-out images.
    steps : int
        Updates taken.
    seconds : float
        Wall time, metrics included.
    outcome : str
        ``"finished"``, ``"stopped"``, ``"interrupted"`` or ``"diverged"``.

    None of these is the likelihood: see :mod:`course_utils.boltzmann.likelihood`.
    """

    reconstruction_error: tuple[float, ...]
    pseudo_likelihood: tuple[float, ...]
    free_energy_gap: tuple[float, ...]
    steps: int
    seconds: float
    outcome: str


def check_learning(
    lr: object, k: object, momentum: object, weight_decay: object, sparsity: object
) -> None:
    """Raise ValueError, in words for a learner, for options with which nothing can be learned."""
    whole("k", k)
    number("lr", lr)
    number("momentum", momentum, "a finite number, from 0 to less than 1", lambda x: 0 <= x < 1)
    number("weight_decay", weight_decay)
    if sparsity is None:
        return
    if not isinstance(sparsity, tuple | list) or len(sparsity) != 2:
        wish = "None or a pair (target, cost)"
        raise ValueError(f"sparsity must be {wish}, got {sparsity!r}: try (0.1, 1.0)")
    target, cost = sparsity
    number(
        "the target of sparsity", target, "a finite number, between 0 and 1", lambda x: 0 < x < 1
    )
    number("the cost of sparsity", cost)
