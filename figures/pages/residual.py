"""The page of the residual explorer: what it measures at every state that its controls reach."""

from __future__ import annotations

import math

import numpy as np

from course_utils.data import ImageData
from course_utils.explorers.residual.experiment import (
    NORMALIZATION_CHOICES,
    START_CHOICES,
    ResidualPath,
    ResidualSetting,
    residual_verdict,
)
from course_utils.explorers.residual.figure import draw
from course_utils.explorers.residual.widget import CHOICES, LABEL, scale_at
from pages.depths import Depths, gathered, pack_depths
from pages.frame import Page
from pages.numbers import quantize, rounded, to_text

IMAGES = 256
DEPTHS = (*range(1, 11), 12, 14, 16, 18, 20, 25, 30, 35, 40, 45, 50)
SCALE_STEPS = (-100, -85, -70, -60, *range(-50, 25, 5), 24)
"""The page's scales are these steps of the live slider: 0.01 to 3, finest where it matters."""

FILE = "explorer_residual.html"
TITLE = "What every block of a residual network adds, and how that adds up"
ABOUT = """Every block adds something to the stream that runs past it. Move the depth, or the
scale of what is added, and see signal and gradient grow; then try a normalization, or a start at
zero. These are stored measurements of the course on initialization, where the live explorer offers
every depth and scale."""
NOTE = """A stream of 128 numbers; a branch is a normalization if there is one, ReLU, and one layer
of He's normal weights (one draw, cut and rescaled). It is fed with 256 images of MNIST, brought to
size 1; noise enters as the gradient at the top. Theory knows the size of both, and of the images
only how much they vary after the stem. Nothing is computed here."""


def measure_page(mnist: ImageData) -> dict:
    """Measure all that the page holds."""
    path = ResidualPath(mnist.train_images[:IMAGES])
    states = [measure(path, *state) for state in all_states()]
    shares = [path.measure(setting(*state, DEPTHS[-1])).share for state in all_states()]
    first = path.measure(ResidualSetting(**start()))
    data = constants() | pack_depths(states) | {"share": to_text(quantize(np.stack(shares)))}
    return {"data": data, "still": draw(first, dpi=100), "words": residual_verdict(first)}


def page(**measured) -> Page:
    """Put the page together from what was measured."""
    return Page(
        name="residual",
        file=FILE,
        folder="residual",
        title=TITLE,
        about=ABOUT,
        note=NOTE,
        spec=spec(),
        start=start(),
        **measured,
    )


def start() -> dict:
    """Return the setting at first."""
    return {"depth": 20, "scale": 1.0, "normalization": "none", "start": "he"}


def spec() -> dict:
    """Return the controls of the page."""
    stops = slider_scales()
    more = [scale for scale in scales() if scale not in stops]
    depth = {"name": "depth", "label": "depth", "stops": DEPTHS, "integer": True, "unit": "blocks"}
    scale = {"name": "scale", "label": "scale s", "stops": stops, "more": more, "log": True}
    numbers = [
        {"kind": "number", "low": 0, "high": len(control["stops"]) - 1} | control
        for control in (depth, scale)
    ]
    choices = [
        {"kind": "choice", "name": name, "label": label, "options": [*options.items()]}
        for name, (label, options) in CHOICES.items()
    ]
    jump = {"kind": "jumps", "name": "scale", "label": "Jump to the scale"}
    jump |= {"options": list(jumps(1)), "values": {}}  # they depend on the depth: see residual.js
    return {"prefix": "residual", "label": LABEL, "rows": [numbers, [*choices, jump]]}


def jumps(depth: int) -> dict[str, float]:
    """Return what each button sets at a depth."""
    return {"1": 1.0, "1/√depth": rounded(1 / math.sqrt(depth))}


def slider_scales() -> list[float]:
    """Return the scales of the slider."""
    return [rounded(scale_at(step)) for step in SCALE_STEPS]


def scales() -> list[float]:
    """Return every scale of the page: the slider's, 0, and those that only a button reaches."""
    reached = {value for depth in DEPTHS for value in jumps(depth).values()}
    return sorted({0.0, *slider_scales(), *reached})


def all_states() -> list[tuple[str, str, float]]:
    """Return start, norm and scale of each state, in the order of the stored ones.

    Where the branches begin at zero, the scale changes nothing: one stands for all.
    """
    norms = list(NORMALIZATION_CHOICES)
    loud = [("he", norm, scale) for norm in norms for scale in scales()]
    silent = [(name, norm, 1.0) for name in START_CHOICES if name != "he" for norm in norms]
    return loud + silent


def setting(name: str, norm: str, scale: float, depth: int) -> ResidualSetting:
    """Return the live explorer's setting of a state at a depth."""
    return ResidualSetting(depth, scale, norm, name)


def measure(path: ResidualPath, name: str, norm: str, scale: float) -> Depths:
    """Measure a state at all depths."""
    by_depth = [path.measure(setting(name, norm, scale, depth)) for depth in DEPTHS]
    return gathered(by_depth, residual_verdict)


def constants() -> dict:
    """Return what the page must know besides measurements, as the live explorer has it."""
    return {
        "starts": list(START_CHOICES),
        "norms": list(NORMALIZATION_CHOICES),
        "scales": scales(),
        "depths": DEPTHS,
        "jumps": [jumps(depth) for depth in DEPTHS],
    }
