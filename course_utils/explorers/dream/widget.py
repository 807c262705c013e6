"""The controls of the dream explorer: let an RBM dream, and switch its hidden units by hand."""

from __future__ import annotations

import math
from collections.abc import Mapping
from numbers import Integral

import numpy as np
import torch

from course_utils.boltzmann import RBM
from course_utils.data import as_images
from course_utils.explorers.base import Explorer, Look, Table
from course_utils.explorers.controls import (
    STEPS_PER_DECADE,
    Button,
    Choice,
    Slider,
    Typed,
    log_number,
    whole_number,
)
from course_utils.explorers.dream.experiment import (
    LIMITS,
    MAX_STEPS,
    STATES,
    STEPS,
    Dream,
    Dreams,
    DreamSetting,
    dream_verdict,
)
from course_utils.explorers.dream.figure import draw, limit_of
from course_utils.explorers.values import (
    brief,
    corrected_choice,
    corrected_number,
    corrected_whole,
    read_choice,
    read_number,
)

START_CHOICES = {"noise": "random noise", "data": "real images"}
"""Where chains can begin → what the list says."""

MAX_CHAINS = 60

MOST_NAMED = 3
"""So many refused units at most are named in words; of the others only their number is said."""

MOST_IN_TABLE = 10
"""So many units stand in the table at most: those that are on in most chains."""


class DreamExplorer(Explorer):
    """Move Gibbs steps and temperature, hold hidden units on or off; see what an RBM dreams.

    Dreams are shown as p(v = 1 | h), not as the samples that drive the chain. The chains go on
    from where they are when more steps are asked for; all else lets them begin again.

    Parameters
    ----------
    rbm
        With Bernoulli visible units, their number a square (784 = 28 · 28, say). It is copied, as
        it is now.
    start_images
        Real images ``(n, n_visible)``, values in [0, 1], as a tensor, an array or lists: chains can
        begin there, and the words compare the dreams with them. Some hundreds are plenty.
    n_chains
        Dreams side by side, 1 to 60.
    **setting
        The state at the start: fields of :class:`DreamSetting`.

    Raises
    ------
    TypeError
        If ``rbm`` is no :class:`course_utils.boltzmann.RBM`.
    ValueError
        If its dreams are no pictures, its weights not finite, or the images or the number of chains
        do not fit.

    Examples
    --------
    >>> explorer = DreamExplorer(rbm, data.test_images[:1000], start="data", steps=10)
    >>> explorer.set(unit=7, clamped={7: "on"})
    >>> print(explorer.readout())
    """

    folder, prefix = "dream", "dream"

    def __init__(self, rbm: RBM, start_images=None, *, n_chains: int = 20, **setting) -> None:
        _check_rbm(rbm)
        if not isinstance(n_chains, Integral) or not 1 <= n_chains <= MAX_CHAINS:
            raise ValueError(f"n_chains must be a whole number, 1 to {MAX_CHAINS}, got {n_chains}")
        images = _checked_images(start_images, rbm.weight)
        self.n_hidden = rbm.weight.shape[0]
        self.dreams = Dreams(rbm, images, n_chains=n_chains)
        self.filters = rbm.weight.detach().cpu().numpy().copy()  # (n_hidden, n_visible)
        self.starts = ["noise"] if images is None else list(START_CHOICES)
        super().__init__(DreamSetting(), "Explorer: what a restricted Boltzmann machine dreams")
        self.set(**setting)

    @property
    def dream(self) -> Dream:
        """What is dreamt: the measurement of this explorer."""
        return self.measurement

    def readout(self) -> str:
        """State the setting, the dreams' mean free energy and the number of units that are on."""
        s, d = self.setting, self.dream
        return (
            f"{len(d.pictures)} chains from {START_CHOICES[s.start]}, steps: {s.steps}, "
            f"temperature {s.temperature:.3g}, seed {s.seed}, held units: {len(s.clamped)}; "
            f"mean free energy {d.free_energy[-1]:.0f} nats, "
            f"{d.hidden.sum(1).mean():.0f} of {self.n_hidden} hidden units on"
        )

    def free_all(self) -> None:
        """Hold no unit any more."""
        self.set(clamped={})

    def _change(self, changes: Mapping, answer: str = "") -> None:
        chains = self.dreams.chains
        try:
            super()._change(changes, answer)
        except BaseException:
            self.dreams.chains = chains  # no chain has moved
            raise

    def _rows(self) -> list[list]:
        decade = round(STEPS_PER_DECADE * math.log10(LIMITS["temperature"][1]))
        starts = {name: START_CHOICES[name] for name in self.starts}
        switch = Choice("clamped", "this unit is", {state: state for state in STATES}, alone=True)
        tip = "Hold no hidden unit on or off any more"
        return [
            [_gibbs_steps(), log_number("temperature", "temperature", -decade, decade)],
            [
                whole_number("unit", "unit", 0, self.n_hidden - 1),
                switch,
                Button("free", "Free all units", tip, self.free_all),
                Choice("start", "start", starts),
                Typed("seed", "seed"),
            ],
        ]

    def _fixed(self) -> dict:
        return fixed_of(self.filters)

    def _controls_shown(self) -> dict:
        shown = super()._controls_shown()
        shown["values"]["clamped"] = self.setting.clamped.get(self.setting.unit, "free")
        return shown

    def _moved(self, name: str, how: str, value) -> tuple:
        name, value = super()._moved(name, how, value)
        if name == "clamped":  # the list speaks of the unit that is looked at
            value = {**self.setting.clamped, self.setting.unit: value}
        return name, value

    def _corrected(self, name: str, value, previous) -> tuple:
        if name == "temperature":
            return corrected_number(value, previous, *LIMITS[name], name)
        if name == "start":
            return corrected_choice(value, previous, self.starts, name)
        if name == "clamped":
            return self._corrected_clamps(value, previous)
        limits = {"steps": (0, MAX_STEPS), "unit": (0, self.n_hidden - 1), **LIMITS}[name]
        return corrected_whole(value, previous, *limits, name)

    def _corrected_clamps(self, value, previous) -> tuple:
        """Keep what can be held, say what cannot; a unit that is held free is not held."""
        try:
            asked = dict(value)
        except Exception:  # of a class of anybody's: it is no dictionary then
            must = 'clamped is a dictionary such as {7: "on", 12: "off"}'
            return previous, f"{must}; {brief(value)} was ignored."
        held, refused = {}, []
        for unit, state in asked.items():
            number = read_number(unit)
            exists = 0 <= number < self.n_hidden and number == int(number)
            if exists and (known := read_choice(state, STATES)):
                held[int(number)] = known
            else:
                refused.append((unit, state))
        held = {unit: state for unit, state in held.items() if state != "free"}
        return held, self._refusal(refused) if refused else ""

    def _refusal(self, refused: list[tuple]) -> str:
        named = ", ".join(f"{brief(unit)}: {brief(state)}" for unit, state in refused[:MOST_NAMED])
        more = f" and {len(refused) - MOST_NAMED:,} more" if len(refused) > MOST_NAMED else ""
        can_be = f"A unit from 0 to {self.n_hidden - 1} can be held on or off, or be free"
        return f"{can_be}; {named}{more} was ignored."

    def _look(self, setting: DreamSetting) -> Look:
        dream = self.dreams.dream(setting)
        return Look(
            picture_of(dream), dream_verdict(dream), in_words(dream), table_of(dream), dream
        )

    def _still(self) -> bytes:
        return draw(self.dream, self.filters)


def _gibbs_steps() -> Slider:
    """Make the slider of the Gibbs steps, which grow in equal ratios."""
    last = len(STEPS) - 1

    def nearest(steps: int) -> int:
        return min(range(last + 1), key=lambda place: abs(STEPS[place] - steps))

    at = STEPS.__getitem__
    return Slider("steps", "Gibbs steps", 0, last, at, nearest, integer=True, unit="steps")


# ---------------------------------------------------------------------- what the browser is given


def fixed_of(filters: np.ndarray) -> dict:
    """Return what ``picture.js`` needs of the filters ``(n_hidden, n_visible)``, a byte a weight.

    Of each unit the largest weight is 127 or −127; its ``scales`` say how large that is, 1 being
    the limit at which colours of the mosaic are full.
    """
    largest = np.abs(filters).max(axis=1)  # (n_hidden,)
    shares = filters / np.where(largest > 0, largest, 1)[:, None]
    return {
        "side": math.isqrt(filters.shape[1]),
        "filters": np.rint(127 * shares).astype(np.int8).tobytes(),
        "scales": np.round(largest / limit_of(filters), 4),
    }


def picture_of(dream: Dream) -> dict:
    """Return what ``picture.js`` draws of a dream."""
    s, data = dream.setting, dream.data
    means = None if data is None else {"mean": data.free_energy, "std": data.free_energy_std}
    return {
        "pictures": np.rint(255 * dream.pictures).astype(np.uint8).tobytes(),
        "on": dream.hidden.sum(0).astype(np.uint8).tobytes(),
        "unit": s.unit,
        "framed": dream.hidden[:, s.unit],
        "held": s.clamped,
        "steps": dream.steps,
        "free_energy": np.round(dream.free_energy, 2),
        "data": means,
        "title": f"{_chains(dream)} {_when(s.steps)}",
    }


def _chains(dream: Dream) -> str:
    return f"{len(dream.pictures)} chain{'s' * (len(dream.pictures) != 1)}"


def _when(steps: int) -> str:
    return f"after {steps} step{'s' * (steps != 1)}" if steps else "at the start"


def in_words(dream: Dream) -> str:
    """Say what the picture shows: chains, free energy on the way, units, and the one looked at."""
    s, (n_chains, n_hidden) = dream.setting, dream.hidden.shape
    on_most = ", ".join(f"{unit} ({count})" for unit, count in _most_on(dream, 3))
    way = "" if not s.steps else f", {dream.moved:.0f} of {dream.pictures.shape[1]} pixels from it"
    return (
        f"{_chains(dream)} {_when(s.steps)} from {START_CHOICES[s.start]}{way}, at temperature "
        f"{s.temperature:.3g}. {_energy_in_words(dream)} "
        f"On average {dream.hidden.sum(1).mean():.0f} of {n_hidden} hidden units are on, in most "
        f"of the {n_chains} chains units {on_most}. {_unit_in_words(dream)}"
    )


def _energy_in_words(dream: Dream) -> str:
    """Name the curve's ends, and what lies half way between them, on the axis of steps."""
    last = len(dream.steps) - 1
    places = sorted({0, min(1, last), (last + 1) // 2, last})
    values = [f"{dream.free_energy[i]:.0f} after {dream.steps[i]}" for i in places]
    data = dream.data
    real = (
        ""
        if data is None
        else (f"; real images have {data.free_energy:.0f} ± {data.free_energy_std:.0f}")
    )
    return f"The mean free energy in nats by steps: {', '.join(values)}{real}."


def _unit_in_words(dream: Dream) -> str:
    s, on = dream.setting, dream.hidden[:, dream.setting.unit]
    state = f"held {s.clamped[s.unit]}" if s.unit in s.clamped else "free"
    chains = ", ".join(str(chain) for chain in np.flatnonzero(on) + 1)
    ink = [dream.pictures[those].mean() for those in (on, ~on) if those.any()]
    means = " and ".join(f"{100 * share:.0f} %" for share in ink)
    where = "on in no chain" if not on.any() else "on in all chains"
    if on.any() and not on.all():
        where = f"on in chains {chains}"
        means += " where it is off"
    return f"Unit {s.unit} is {state} and {where}; ink in these dreams: {means}."


def _most_on(dream: Dream, most: int) -> list[tuple[int, int]]:
    """Return units and in how many chains they are on, those that are on in most first."""
    counts = dream.hidden.sum(0)
    units = np.argsort(-counts, kind="stable")[:most]
    return [(int(unit), int(counts[unit])) for unit in units]


def table_of(dream: Dream) -> Table:
    """Return the free energy by steps, the units that are on most, and each chain in a line."""
    n_chains, unit = len(dream.pictures), dream.setting.unit
    points = zip(dream.steps, dream.free_energy, strict=True)
    rows = [[f"step {step}", f"mean free energy {energy:.1f} nats"] for step, energy in points]
    rows += [
        [f"unit {one}", f"on in {count} of {n_chains} chains"]
        for one, count in _most_on(dream, MOST_IN_TABLE)
    ]
    rows += [
        [f"chain {chain}", f"{on.sum()} units on, unit {unit} {'on' if on[unit] else 'off'}"]
        for chain, on in enumerate(dream.hidden, start=1)
    ]
    caption = "The free energy by steps, the units that are on in most chains, and each chain"
    return Table(caption, ("step, unit or chain", "what is measured"), rows)


# ---------------------------------------------------------------------- what can be explored


def _check_rbm(rbm) -> None:
    """Raise unless its dreams are pictures."""
    if not isinstance(rbm, RBM):
        hint = "; for a layer of a DBN, pass dbn.rbms[0]" if hasattr(rbm, "rbms") else ""
        raise TypeError(f"the explorer needs an RBM, got {type(rbm).__name__}{hint}")
    if rbm.visible != "bernoulli":
        raise ValueError(
            "the explorer shows probabilities as grey pixels: it needs Bernoulli visible units, "
            f"got visible={rbm.visible!r}"
        )
    n_visible = rbm.weight.shape[1]
    if math.isqrt(n_visible) ** 2 != n_visible:
        raise ValueError(
            f"the explorer shows square pictures: n_visible must be side · side, got {n_visible}"
        )
    for name in ("weight", "visible_bias", "hidden_bias"):
        if not getattr(rbm, name).isfinite().all():
            raise ValueError(
                f"the RBM's {name} is not finite: its training diverged; try a smaller lr"
            )


def _checked_images(images, weight: torch.Tensor) -> torch.Tensor | None:
    """Return the images as a tensor of the RBM's dtype, or raise unless they fit the RBM."""
    if images is None:
        return None
    images, n_visible = as_images(images, "start_images", weight.dtype), weight.shape[1]
    if images.ndim != 2 or images.shape[1] != n_visible or not len(images):
        raise ValueError(
            f"start_images must be (n, {n_visible}), as the RBM has {n_visible} visible units; "
            f"got {tuple(images.shape)}"
        )
    if not ((images >= 0) & (images <= 1)).all():
        raise ValueError(
            "start_images must hold values in [0, 1], "
            f"got {float(images.min()):.4g} to {float(images.max()):.4g}"
        )
    return images
