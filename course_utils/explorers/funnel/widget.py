"""The controls of the funnel explorer: no rule for Var(W) keeps both signal and gradient."""

from __future__ import annotations

import ipywidgets as w

from course_utils.explorers.base import Explorer, Look, corrected_choice, corrected_whole
from course_utils.explorers.funnel.experiment import (
    GAINS,
    MAX_DEPTH,
    MAX_WIDTH,
    MIN_DEPTH,
    MIN_WIDTH,
    RULES,
    Funnel,
    FunnelSetting,
    funnel_verdict,
)
from course_utils.explorers.funnel.figure import FunnelFigure

SLIDERS = {
    "width_a": ("width a", MIN_WIDTH, MAX_WIDTH),
    "width_b": ("width b", MIN_WIDTH, MAX_WIDTH),
    "depth": ("depth", MIN_DEPTH, MAX_DEPTH),
}
"""Field of the setting → label, lowest and highest value of its slider."""


class FunnelExplorer(Explorer):
    """Move two widths that take turns; see signal and gradient follow, for four rules of Var(W).

    Parameters
    ----------
    seed
        Of the weights, the inputs and the gradient; the same draw is cut and rescaled as the
        sliders move.
    **setting
        The state at the start: fields of :class:`FunnelSetting`.

    Examples
    --------
    >>> explorer = FunnelExplorer(width_a=784, width_b=100, depth=20)
    >>> explorer.set(rule="fan_in")
    >>> print(explorer.readout())
    """

    def __init__(self, *, seed: int = 0, **setting) -> None:
        self.funnel = Funnel(seed=seed)
        self.drawing = FunnelFigure(max_width=MAX_WIDTH)
        super().__init__(FunnelSetting(), "funnel-explorer", "funnel")
        self.set(**setting)

    def readout(self) -> str:
        """State widths, rule and what is left of signal and gradient, in two significant digits."""
        m, s = self.measurement, self.setting
        return (
            f"{s.depth} {s.activation} layers, {s.width_a} → {s.width_b} → {s.width_a} …, "
            f"Var(W) = {_formula(s)}: "
            f"signal {m.signal[0]:.2g} at layer 1, {m.signal[-1]:.2g} at layer {s.depth}; "
            f"gradient {m.gradient[-1]:.2g} at layer {s.depth}, {m.gradient[0]:.2g} at layer 1"
        )

    def _rows(self) -> list[list[w.Widget]]:
        width_a, width_b, depth = (
            self._whole_number(name, *limits) for name, limits in SLIDERS.items()
        )
        rules = [(f"{rule.formula}: {rule.purpose}", name) for name, rule in RULES.items()]
        activations = [
            (name if gain == 1 else f"{name} (every rule × {gain:g})", name)
            for name, gain in GAINS.items()
        ]
        self.choices = {
            "rule": self._choice("rule", "Var(W)", rules, "330px"),
            "activation": self._choice("activation", "activation", activations, "270px"),
        }
        return [[width_a, width_b], [depth], [*self.choices.values()]]

    def _corrected(self, name: str, value, previous) -> tuple:
        if name in SLIDERS:
            label, low, high = SLIDERS[name]
            return corrected_whole(value, previous, low, high, label)
        return corrected_choice(value, previous, {"rule": RULES, "activation": GAINS}[name], name)

    def _look(self) -> Look:
        m = self.funnel.measure(self.setting)
        return Look(self.drawing.png(m, _formula(self.setting)), funnel_verdict(m), m)


def _formula(setting: FunnelSetting) -> str:
    """Write the rule with the activation's factor: ``2 · 1/n_in``."""
    gain = GAINS[setting.activation]
    return f"{gain:g} · {RULES[setting.rule].formula}" if gain != 1 else RULES[setting.rule].formula
