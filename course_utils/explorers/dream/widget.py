"""The controls of the dream explorer: let an RBM dream, and switch its hidden units by hand."""

from __future__ import annotations

import math
from numbers import Integral

import ipywidgets as w
import torch

from course_utils.boltzmann import RBM
from course_utils.data import as_images
from course_utils.explorers.base import (
    LABEL,
    STEPS_PER_DECADE,
    Explorer,
    Look,
    brief,
    corrected_choice,
    corrected_number,
    corrected_whole,
    read_choice,
    read_number,
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
from course_utils.explorers.dream.figure import DreamFigure

START_CHOICES = {"noise": "random noise", "data": "real images"}
"""Where chains can begin → what the list says."""

MAX_CHAINS = 60

MOST_NAMED = 3
"""So many refused units at most are named in words; of the others only their number is said."""


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

    def __init__(self, rbm: RBM, start_images=None, *, n_chains: int = 20, **setting) -> None:
        _check_rbm(rbm)
        if not isinstance(n_chains, Integral) or not 1 <= n_chains <= MAX_CHAINS:
            raise ValueError(f"n_chains must be a whole number, 1 to {MAX_CHAINS}, got {n_chains}")
        images = _checked_images(start_images, rbm.weight)
        self.n_hidden = rbm.weight.shape[0]
        self.dreams = Dreams(rbm, images, n_chains=n_chains)
        filters = rbm.weight.detach().cpu().numpy()
        self.drawing = DreamFigure(filters, n_chains=n_chains, max_steps=MAX_STEPS)
        self.starts = ["noise"] if images is None else list(START_CHOICES)
        super().__init__(DreamSetting(), "dream-explorer", "dream")
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

    def set(self, **changes) -> None:
        """Change fields of the setting; see :meth:`Explorer.set`. After an error no chain moved."""
        chains = self.dreams.chains
        try:
            super().set(**changes)
        except BaseException:
            self.dreams.chains = chains
            raise

    def _rows(self) -> list[list[w.Widget]]:
        wide = {"description_width": "95px"}
        decade = round(STEPS_PER_DECADE * math.log10(LIMITS["temperature"][1]))
        twins = {
            "steps": self._steps(),
            "temperature": self._log_number("temperature", "temperature", -decade, decade),
            "seed": self._whole_number("seed", "seed", *LIMITS["seed"]),
            "unit": self._whole_number("unit", "unit", 0, self.n_hidden - 1),
        }
        for pair in twins.values():
            for box in pair.children:
                box.style = wide
            pair.children[1].layout.width = "165px"
        starts = [(START_CHOICES[name], name) for name in self.starts]
        self.choices = {
            "start": self._choice("start", "start", starts, "240px"),
            "switch": w.Dropdown(options=STATES, description="this unit is", style=wide),
        }
        self.choices["start"].style = wide
        self.choices["switch"].layout.width = "180px"
        self._bind("clamped", self.choices["switch"], self._switched, self._switch)
        self.free = w.Button(description="Free all units")
        self.free.on_click(lambda _: self.set(clamped={}))
        return [
            [twins["steps"], twins["temperature"]],
            [twins["seed"], self.choices["start"]],
            [twins["unit"], self.choices["switch"], self.free],
        ]

    def _steps(self) -> w.HBox:
        """Make the slider of the Gibbs steps, which grow in equal ratios, and its typed twin."""
        last = len(STEPS) - 1
        slider = w.IntSlider(max=last, description="Gibbs steps", readout=False, style=LABEL)
        text = w.IntText(description="steps =", style=LABEL)

        def nearest(steps: int) -> int:
            return min(range(last + 1), key=lambda place: abs(STEPS[place] - steps))

        self._bind("steps", slider, STEPS.__getitem__, nearest)
        self._bind("steps", text)
        return self._twins("steps", slider, text)

    def _switched(self, state: str) -> dict:
        return {**self.setting.clamped, self.setting.unit: state}

    def _switch(self, clamped) -> str:
        return clamped.get(self.setting.unit, "free")

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

    def _look(self) -> Look:
        dream = self.dreams.dream(self.setting)
        return Look(self.drawing.png(dream), dream_verdict(dream), dream)


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
