"""The settings of the dream explorer, with their limits, and its experiment: chains that dream.

A chain starts at an image v₀ and goes v₀ → h₁ → v₁ → h₂ → …: each state is sampled from the one
before. Units that are held on or off by hand are written into every h before it draws the next v.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from torch import Tensor

from course_utils.boltzmann import RBM
from course_utils.generators import seeded
from course_utils.networks import ordinary_torch

MAX_STEPS = 1000
STEPS = sorted({*range(11), *(round(10 ** (k / 20)) for k in range(20, 61))})
"""Numbers of Gibbs steps at which a slider stops, and the free energy is measured: 0 to 1000."""

LIMITS = {"temperature": (0.1, 10.0), "seed": (0, 9999)}
STATES = ("free", "on", "off")
"""What a hidden unit can be told: to be sampled, or to stay as it is set by hand."""


@dataclass(frozen=True)
class DreamSetting:
    """What is dreamt.

    Attributes
    ----------
    steps
        Gibbs steps from the start, 0 to 1,000.
    temperature
        All inputs of units are divided by it: below 1 the chains prefer what is likely even more.
    start
        ``"data"`` or ``"noise"``: where the chains begin.
    seed
        Of the start and of all samples.
    unit
        The hidden unit that is looked at, counted from 0.
    clamped
        Hidden unit → ``"on"`` or ``"off"``, for the units that are held by hand.
    """

    steps: int = 20
    temperature: float = 1.0
    start: str = "noise"
    seed: int = 0
    unit: int = 0
    clamped: Mapping[int, str] = field(default_factory=dict)


@dataclass(frozen=True)
class DataFacts:
    """What the model says of real images, made black and white by chance as a sample is.

    Attributes
    ----------
    free_energy, free_energy_std
        Mean and standard deviation over images, nats.
    on
        Hidden units that an image switches on, on average.
    spread
        Pixels in which two images differ, on average.
    """

    free_energy: float
    free_energy_std: float
    on: float
    spread: float


@dataclass(frozen=True)
class Dream:
    """What the chains dream after some steps.

    Attributes
    ----------
    setting
        What was asked for.
    pictures
        ``(n_chains, n_visible)``: p(v = 1 | h) of each chain; after 0 steps the start itself.
    hidden
        ``(n_chains, n_hidden)``, bool: the units that drew these pictures; after 0 steps those
        which the start switches on.
    steps, free_energy
        ``(n_points,)`` each: steps on the way, and there the mean F of the chains' samples, nats.
    moved
        Pixels in which a chain's sample differs from its start, on average.
    spread
        Pixels in which the samples of two chains differ, on average (0 for a single chain).
    data
        The same of real images, or None if there are none.
    """

    setting: DreamSetting
    pictures: np.ndarray
    hidden: np.ndarray
    steps: np.ndarray
    free_energy: np.ndarray
    moved: float
    spread: float
    data: DataFacts | None


@dataclass(frozen=True)
class Chains:
    """What chains went through since their start; to go on with them leaves this as it is.

    Attributes
    ----------
    key
        All that decides where the chains go: they can only be continued for the same.
    start
        ``(n_chains, n_visible)``: what is shown after 0 steps.
    samples, hidden
        By the step after which they were drawn, a byte a unit, ``(n_chains, n_visible)`` and
        ``(n_chains, n_hidden)`` each; there is no h₀.
    energies
        Steps → mean free energy of the chains' samples, nats, where it was asked for.
    random
        The generator's state after the last step.
    """

    key: tuple
    start: Tensor
    samples: tuple[Tensor, ...]
    hidden: tuple[Tensor | None, ...]
    energies: Mapping[int, float]
    random: Tensor


class Dreams:
    """Let an RBM dream; the same setting gives the same dream, whichever came before.

    Parameters
    ----------
    rbm
        With Bernoulli visible units. It is copied: to train it further changes nothing here.
    images
        Real images ``(n, n_visible)``, values in [0, 1], or None.
    n_chains
        Chains side by side.

    Attributes
    ----------
    chains
        Those of the last dream, with which the next goes on if it can; None before.
    """

    @ordinary_torch()
    def __init__(self, rbm: RBM, images: Tensor | None = None, *, n_chains: int = 20) -> None:
        like = {"dtype": rbm.weight.dtype, "device": rbm.weight.device}
        n_hidden, n_visible = rbm.weight.shape
        self.rbm = RBM(n_visible, n_hidden, **like)
        for name in ("weight", "visible_bias", "hidden_bias"):
            getattr(self.rbm, name).copy_(getattr(rbm, name))
        self.images = None if images is None else images.detach().to(**like)
        self.n_chains = n_chains
        self.chains: Chains | None = None
        self.data = self._data_facts()

    @ordinary_torch()
    def dream(self, setting: DreamSetting) -> Dream:
        """Return what the chains dream; steps that were taken before are not taken again."""
        steps, chains = setting.steps, self.chains
        if chains is None or chains.key != _key(setting):
            chains = self._started(setting)
        chains = self._continued(chains, setting)
        on_the_way = [n for n in STEPS if n < steps] + [steps]
        chains = self._measured(chains, on_the_way)
        now = chains.samples[steps]  # (n_chains, n_visible)
        dream = Dream(
            setting=setting,
            pictures=self._pictures(chains, setting).cpu().double().numpy(),
            hidden=chains.hidden[max(steps, 1)].cpu().numpy(),
            steps=np.array(on_the_way),
            free_energy=np.array([chains.energies[n] for n in on_the_way]),
            moved=float((now != chains.samples[0]).sum(1).double().mean()),
            spread=_spread(now),
            data=self.data,
        )
        self.chains = chains
        return dream

    def _started(self, setting: DreamSetting) -> Chains:
        """Put all chains at their start."""
        generator, n = self.rbm.generator.manual_seed(setting.seed), self.n_chains
        like = {"generator": generator, "device": generator.device}
        if setting.start == "data":
            order = torch.randperm(len(self.images), **like)
            start = self.images[order[torch.arange(n) % len(order)]]
            first = torch.rand(start.shape, **like) < start
        else:
            first = torch.rand(n, self.rbm.weight.shape[1], **like) < 0.5
            start = first.to(self.rbm.weight)
        return Chains(_key(setting), start, (first,), (None,), {}, generator.get_state())

    def _continued(self, chains: Chains, setting: DreamSetting) -> Chains:
        """Take the steps that are still missing, at least one: it says what the start switches."""
        samples, hidden = list(chains.samples), list(chains.hidden)
        on, off = (
            [unit for unit, state in setting.clamped.items() if state == held]
            for held in ("on", "off")
        )
        self.rbm.generator.set_state(chains.random)
        while len(samples) <= max(setting.steps, 1):
            v = samples[-1].to(self.rbm.weight)
            h = self.rbm.sample_hidden(v, temperature=setting.temperature)  # (n_chains, n_hidden)
            h[:, on], h[:, off] = 1.0, 0.0
            v = self.rbm.sample_visible(h, temperature=setting.temperature)
            hidden.append(h.bool())
            samples.append(v.bool())
        random = self.rbm.generator.get_state()
        return replace(chains, samples=tuple(samples), hidden=tuple(hidden), random=random)

    def _pictures(self, chains: Chains, setting: DreamSetting) -> Tensor:
        if setting.steps == 0:
            return chains.start
        h = chains.hidden[setting.steps].to(self.rbm.weight)
        return self.rbm.visible_given_hidden(h, temperature=setting.temperature)

    def _measured(self, chains: Chains, steps: list[int]) -> Chains:
        """Measure the mean free energy after each of ``steps`` where it is not known yet."""
        missing = [n for n in steps if n not in chains.energies]
        if not missing:
            return chains
        v = torch.cat([chains.samples[n] for n in missing]).to(self.rbm.weight)
        means = self.rbm.free_energy(v).view(len(missing), -1).mean(1).tolist()
        known = zip(missing, means, strict=True)
        return replace(chains, energies={**chains.energies, **dict(known)})

    def _data_facts(self) -> DataFacts | None:
        if self.images is None:
            return None
        some = self.images[:1000]
        generator = seeded(0, some.device)
        drawn = torch.rand(some.shape, generator=generator, device=some.device) < some
        v = drawn.to(self.rbm.weight)
        energies, on = self.rbm.free_energy(v).double(), self.rbm.hidden_given_visible(v).sum(1)
        std = float(energies.std(correction=0))
        return DataFacts(float(energies.mean()), std, float(on.mean()), _spread(drawn))


def _key(setting: DreamSetting) -> tuple:
    """Return all that decides where chains go: to look at another unit changes none."""
    return setting.temperature, setting.start, setting.seed, sorted(setting.clamped.items())


def _spread(v: Tensor) -> float:
    """Return in how many of its bits a pair of rows of v ``(n, n_visible)`` differs on average."""
    p = v.double().mean(0)  # (n_visible,)
    return float((2 * p * (1 - p)).sum()) * len(v) / max(len(v) - 1, 1)


def dream_verdict(dream: Dream) -> str:
    """Say in words what the dreams show: how likely they are, what draws them, how far they got."""
    s, data, (n_chains, n_hidden) = dream.setting, dream.data, dream.hidden.shape
    now, n_pixels = dream.free_energy[-1], dream.pictures.shape[1]
    after = f"After {s.steps} step{'s' * (s.steps != 1)}" if s.steps else "At the start"
    likely, drawn, apart = ".", ".", "."
    if data is not None:
        compared = _compared(now, data)
        likely = f", of the data {data.free_energy:.0f} ± {data.free_energy_std:.0f}: {compared}."
        drawn = f" (an image of the data switches {data.on:.0f} on)."
        alike = ": they dream almost the same" if dream.spread < data.spread / 3 else ""
        apart = f" (two images of the data: {data.spread:.0f}){alike}."
    on = dream.hidden.sum(1).mean()
    verb = f"draw{'s' * (round(on) == 1)} a dream" if s.steps else "are switched on by it"
    words = [
        f"{after} the mean free energy of the chains is {now:.0f} nats{likely}",
        f"{on:.0f} of {n_hidden} hidden units {verb}{drawn}",
    ]
    if s.steps:
        way = f"A chain is {dream.moved:.0f} of {n_pixels} pixels from its start"
        words.append(way + (";" if n_chains > 1 else "."))
        if n_chains > 1:
            words.append(f"two chains differ in {dream.spread:.0f}{apart}")
    on_here = int(dream.hidden[:, s.unit].sum())
    held = s.clamped.get(s.unit)
    words.append(
        f"Unit {s.unit} is held {held}."
        if held
        else f"Unit {s.unit} is on in {on_here} of {n_chains} chains (orange frames)."
    )
    for state in ("on", "off"):
        others = [str(u) for u in sorted(s.clamped) if s.clamped[u] == state and u != s.unit]
        if others:
            words.append(f"Also held {state}: {', '.join(others)}.")
    return " ".join(words)


def _compared(free_energy: float, data: DataFacts) -> str:
    distance = (free_energy - data.free_energy) / max(data.free_energy_std, 1e-9)
    if distance > 1:
        return "to the model less likely than real images"
    return "likelier than real images" if distance < -1 else "to the model as likely as real images"
