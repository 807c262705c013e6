"""The controls of the funnel explorer: no rule for Var(W) keeps both signal and gradient."""

from __future__ import annotations

from course_utils.explorers.base import Explorer, Look, Table
from course_utils.explorers.controls import Choice, whole_number
from course_utils.explorers.funnel.experiment import (
    GAINS,
    MAX_DEPTH,
    MAX_WIDTH,
    MIN_DEPTH,
    MIN_WIDTH,
    RULES,
    Funnel,
    FunnelMeasurement,
    FunnelSetting,
    funnel_verdict,
)
from course_utils.explorers.funnel.figure import draw, formula, variances_in_words
from course_utils.explorers.values import corrected_choice, corrected_whole
from course_utils.explorers.verdict import plainly

LABEL = "Explorer: layers whose widths take turns"
SLIDERS = {
    "width_a": ("width a", MIN_WIDTH, MAX_WIDTH, "units"),
    "width_b": ("width b", MIN_WIDTH, MAX_WIDTH, "units"),
    "depth": ("depth", MIN_DEPTH, MAX_DEPTH, "layers"),
}
"""Field of the setting → label, lowest and highest value of its slider, and their unit."""

CHOICES = {
    "rule": ("Var(W)", {name: f"{rule.formula}: {rule.purpose}" for name, rule in RULES.items()}),
    "activation": (
        "activation",
        {name: name if gain == 1 else f"{name} (rule × {gain:g})" for name, gain in GAINS.items()},
    ),
}
"""Field of the setting → the label of its list, and what can be chosen there."""


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

    folder, prefix = "funnel", "funnel"

    def __init__(self, *, seed: int = 0, **setting) -> None:
        self.funnel = Funnel(seed=seed)
        super().__init__(FunnelSetting(), LABEL)
        self.set(**setting)

    def readout(self) -> str:
        """State widths, rule and what is left of signal and gradient, in two significant digits."""
        m, s = self.measurement, self.setting
        return (
            f"{s.depth} {s.activation} layers, {s.width_a} → {s.width_b} → {s.width_a} …, "
            f"Var(W) = {formula(s)}: "
            f"signal {m.signal[0]:.2g} at layer 1, {m.signal[-1]:.2g} at layer {s.depth}; "
            f"gradient {m.gradient[-1]:.2g} at layer {s.depth}, {m.gradient[0]:.2g} at layer 1"
        )

    def _rows(self) -> list[list]:
        width_a, width_b, depth = (whole_number(name, *look) for name, look in SLIDERS.items())
        rule, activation = (Choice(name, *look) for name, look in CHOICES.items())
        return [[width_a, width_b], [depth, activation], [rule]]

    def _fixed(self) -> dict:
        return {"widest": MAX_WIDTH}

    def _corrected(self, name: str, value, previous) -> tuple:
        if name in SLIDERS:
            label, low, high, _ = SLIDERS[name]
            return corrected_whole(value, previous, low, high, label)
        return corrected_choice(value, previous, CHOICES[name][1], name)

    def _look(self, setting: FunnelSetting) -> Look:
        m = self.funnel.measure(setting)
        return Look(picture_of(m), funnel_verdict(m), in_words(m), table_of(m), m)

    def _still(self) -> bytes:
        return draw(self.measurement)


def picture_of(measurement: FunnelMeasurement) -> dict:
    """Return what ``picture.js`` draws of a measurement."""
    m, s = measurement, measurement.setting
    curves = ("signal", "gradient", "predicted_signal", "predicted_gradient")
    words = {"rule": f"Var(W) = {formula(s)}", "variances": variances_in_words(s)}
    return {"widths": s.widths, **words, **{name: getattr(m, name) for name in curves}}


def in_words(measurement: FunnelMeasurement) -> str:
    """Say what the picture shows: the silhouette, then the two curves from where each begins."""
    m, s = measurement, measurement.setting
    gradient, predicted = m.gradient[::-1], m.predicted_gradient[::-1]
    return (
        f"The silhouette of a network: the input has {s.width_a} numbers, layer 1 {s.width_b} "
        f"units, layer 2 {s.width_a}, in turn up to layer {s.depth}. "
        "Below, on a log axis along depth, root mean squares. "
        f"Signal, going up from layer 1: {_begins(m.signal)}; at layer {s.depth} "
        f"{plainly(m.signal[-1])}, where theory expects {plainly(m.predicted_signal[-1])}. "
        f"Gradient, coming down from layer {s.depth}: {_begins(gradient)}; at layer 1 "
        f"{plainly(gradient[-1])}, where theory expects {plainly(predicted[-1])}."
    )


def _begins(values) -> str:
    """Write the first four values: enough to see a zigzag."""
    return ", ".join(plainly(value) for value in values[:4])


def table_of(measurement: FunnelMeasurement) -> Table:
    """Return units and root mean squares, measured and from theory, a row a layer."""
    m = measurement
    heads = (
        "layer",
        "units",
        "rms of signal",
        "by theory",
        "rms of gradient",
        "gradient by theory",
    )
    rows = zip(m.signal, m.predicted_signal, m.gradient, m.predicted_gradient, strict=True)
    cells = [
        [f"{layer}", f"{m.setting.widths[layer]}", *(f"{x:.3g}" for x in row)]
        for layer, row in enumerate(rows, start=1)
    ]
    return Table("Root mean squares along depth, layer 1 next to the input", heads, cells)
