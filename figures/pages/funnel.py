"""The page of the funnel explorer: what it measures at every state that its controls reach."""

from __future__ import annotations

import itertools

from course_utils.data import ImageData
from course_utils.explorers.funnel.experiment import (
    GAINS,
    MAX_WIDTH,
    RULES,
    Funnel,
    FunnelSetting,
    funnel_verdict,
)
from course_utils.explorers.funnel.figure import draw, formula
from course_utils.explorers.funnel.widget import CHOICES, LABEL, SLIDERS
from pages.depths import Depths, gathered, pack_depths
from pages.frame import Page

WIDTHS = (16, 32, 64, 100, 200, 400, 600, 784)
DEPTHS = (2, 3, 4, 5, 6, 8, 10, 15, 20, 25, 30)

FILE = "explorer_funnel.html"
TITLE = "Why no rule for the weights suits layers of unequal width"
ABOUT = """Wide and narrow layers take turns. Choose both widths and a rule for the variance of the
weights, and see which of the two keeps its size: the signal on its way up, the gradient on its way
back down, or neither. These are stored measurements of the course on initialization, where the live
explorer offers every width and depth."""
NOTE = """Layers without biases, normal weights (one draw, cut and rescaled), fed with 64 rows of
normal noise; noise of size 1 enters as the gradient at the last layer. Theory knows only the
widths, the rule and the size of both noises. Nothing is computed here."""


def measure_page(mnist: ImageData) -> dict:
    """Measure all that the page holds; it needs no images."""
    funnel = Funnel()
    states = [measure(funnel, *state) for state in all_states()]
    first = funnel.measure(FunnelSetting(**start()))
    data = constants() | pack_depths(states)
    return {"data": data, "still": draw(first, dpi=100), "words": funnel_verdict(first)}


def page(**measured) -> Page:
    """Put the page together from what was measured."""
    return Page(
        name="funnel",
        file=FILE,
        folder="funnel",
        title=TITLE,
        about=ABOUT,
        note=NOTE,
        spec=spec(),
        start=start(),
        **measured,
    )


def start() -> dict:
    """Return the setting at first."""
    return {"width_a": 784, "width_b": 100, "depth": 20, "rule": "xavier", "activation": "linear"}


def spec() -> dict:
    """Return the controls of the page."""
    stops = {"width_a": WIDTHS, "width_b": WIDTHS, "depth": DEPTHS}
    width_a, width_b, depth = (
        {"kind": "number", "name": name, "label": label, "unit": unit, "integer": True}
        | {"stops": stops[name], "low": 0, "high": len(stops[name]) - 1}
        for name, (label, _, _, unit) in SLIDERS.items()
    )
    rule, activation = (
        {"kind": "choice", "name": name, "label": label, "options": [*options.items()]}
        for name, (label, options) in CHOICES.items()
    )
    rows = [[width_a, width_b], [depth, activation], [rule]]
    return {"prefix": "funnel", "label": LABEL, "rows": rows, "fixed": {"widest": MAX_WIDTH}}


def constants() -> dict:
    """Return what the page must know besides measurements, as the live explorer has it."""
    shown = {
        activation: {r: formula(FunnelSetting(rule=r, activation=activation)) for r in RULES}
        for activation in GAINS
    }
    inverse = []
    for activation, rule, a, b in all_states():
        setting = FunnelSetting(a, b, 2, rule, activation)
        inverse.append([f"{1 / variance:.4g}" for variance in setting.variances])
    known = {"activations": list(GAINS), "rules": list(RULES), "widths": WIDTHS, "depths": DEPTHS}
    return known | {"formulas": shown, "inverse_variances": inverse}


def all_states() -> list[tuple[str, str, int, int]]:
    """Return activation, rule and both widths of each state, in the order of the stored ones."""
    return [*itertools.product(GAINS, RULES, WIDTHS, WIDTHS)]


def measure(funnel: Funnel, activation: str, rule: str, a: int, b: int) -> Depths:
    """Measure a state at all depths."""
    settings = (FunnelSetting(a, b, depth, rule, activation) for depth in DEPTHS)
    return gathered([funnel.measure(setting) for setting in settings], funnel_verdict)
