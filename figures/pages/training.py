"""The page of the live training: a small network that the browser trains as the package does."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import ClassVar

import numpy as np
from torch import Tensor

from course_utils.data import ImageData
from course_utils.data.load import small_digits
from course_utils.explorers.controls import (
    STD_STEPS,
    STEPS_PER_DECADE,
    Button,
    Choice,
    Progress,
    Typed,
)
from course_utils.explorers.live_training.experiment import LiveRun, LiveTrainingSetting
from course_utils.explorers.live_training.figure import GROUNDS, MARKERS, SHOWN, color_on, draw
from course_utils.explorers.live_training.widget import MAX_SEED, MAX_STEPS, MIN_STEPS
from course_utils.initializers import SCHEMES
from course_utils.plotting import scheme_style
from pages.frame import Page
from pages.numbers import to_text

SIZES = (64, 64, 64, 10)
SHOWN_FIRST = ({"std": 0.1}, {"std": 0.01})
"""The runs that stand there at first: the package trains them when the page is made."""

LARGEST_STD = 10
HERE = Path(__file__).parent

FILE = "explorer_training.html"
TITLE = "Train a network here, from any first weights"
ABOUT = """Choose how the weights begin, press Start, and watch loss and test accuracy: your browser
trains the network while you look. Which std learns fastest? How much better is a scheme that knows
the size of the layers? Does another seed change the order?"""
NOTE = f"""A network of {"-".join(map(str, SIZES))} units, ReLU, Adam 0.001, batches of 100: smaller
than the lecture's lab, which has 784-256-256-10. It learns the handwritten digits that come with
scikit-learn, 8×8 pixels, 1,437 for training and 360 for testing. The random numbers are those of
PyTorch, so weights and batches are the same as in the course's package, where the first two runs
come from. Only rounding differs: the losses agree to five digits or more over 60 steps, and most
to three over 300. The schemes uniform and constant are exceptions: their scores are in the
thousands, where rounding is coarse. After a hundred steps (constant: after twenty) their losses
have little in common but their size."""
WORDS = (
    "Two runs of the course's package stand here. Choose how the weights begin, and press Start."
)


@dataclass(frozen=True)
class PageSetting(LiveTrainingSetting):
    """What a run of the page begins with: the live explorer's setting of a smaller network."""

    sizes: ClassVar[tuple[int, ...]] = SIZES


@cache
def digits() -> ImageData:
    """Return the images that the page has."""
    return small_digits()


def trained(number: int = 1, **setting) -> LiveRun:
    """Train the page's network with the package."""
    run = LiveRun(number, PageSetting(**setting))
    run.train(digits())
    return run


def measure_page(mnist: ImageData) -> dict:
    """Return the images, and the first runs; MNIST is not needed."""
    runs = [trained(number, **setting) for number, setting in enumerate(SHOWN_FIRST, 1)]
    words = " ".join([WORDS, *(run.summary() for run in runs)])
    return {"data": pack(runs), "still": draw(runs, dpi=100), "words": words}


def page(**measured) -> Page:
    """Put the page together from what was measured."""
    measured["data"] = {**measured["data"], **constants()}
    return Page(
        name="training",
        file=FILE,
        folder="live_training",
        title=TITLE,
        about=ABOUT,
        note=NOTE,
        spec=spec(),
        start=start(),
        **measured,
    )


def start() -> dict:
    """Return the setting at first: the live explorer's."""
    return asdict(PageSetting())


def spec() -> dict:
    """Return the controls of the page: the live explorer's."""
    scheme = Choice("scheme", "scheme", {scheme: scheme for scheme in SCHEMES})
    seed = Typed("seed", "seed").spec | {"low": 0, "high": MAX_SEED}
    steps = Typed("steps", "steps").spec | {"low": MIN_STEPS, "high": MAX_STEPS}
    low, high = STD_STEPS
    stops = [float(f"{10 ** (s / STEPS_PER_DECADE):.4g}") for s in range(low, high + 1)]
    std = {"kind": "number", "name": "std", "label": "std", "stops": stops, "log": True}
    std |= {"low": 0, "high": len(stops) - 1}
    buttons = [
        Button("start", "Start", "train with these settings", start, primary=True),
        Button("stop", "Stop", "end this training now", start),
        Button("clear", "Clear", "forget the earlier runs", start),
        Progress("progress", "progress of the training"),
    ]
    rows = [[scheme.spec, seed, steps], [std], [control.spec for control in buttons]]
    return {"prefix": "live-training", "label": "Explorer: a small network, trained live"} | {
        "rows": rows
    }


def pack(runs: list[LiveRun]) -> dict:
    """Return what the page holds of the images and of the runs."""
    packed = {"runs": [steps_of(run) for run in runs]}
    for part in ("train", "test"):
        pixels = getattr(digits(), f"{part}_images") * 16
        packed[f"{part}_pixels"] = _bytes(pixels)
        packed[f"{part}_labels"] = _bytes(getattr(digits(), f"{part}_labels"))
    return packed


def _bytes(numbers: Tensor) -> str:
    return to_text(numbers.numpy().astype(np.uint8))


def steps_of(run: LiveRun) -> dict:
    """Return a run that is over, step by step, as ``training_core.js`` tells of one."""
    accuracies = dict(run.accuracies)
    steps = [{"step": step} for step in range(len(run.losses) + 1)]
    for step, loss in zip(steps[1:], run.losses, strict=True):
        step["loss"] = float(f"{loss:.8g}")  # a float32 has no more digits
    for step in steps:
        step |= {"accuracy": accuracies[step["step"]]} if step["step"] in accuracies else {}
    steps[-1]["outcome"] = run.history.outcome
    return {"setting": asdict(run.setting), "steps": steps}


def constants() -> dict:
    """Return what the page must know besides: the worker's script, words and looks."""
    files = [HERE / name for name in ("training_core.js", "training_worker.js")]
    return {
        "sizes": SIZES,
        "largest_std": LARGEST_STD,
        "words": WORDS,
        "looks": {"schemes": scheme_looks(), "shades": shades(), "markers": MARKERS},
        "worker": "\n".join(file.read_text(encoding="utf-8") for file in files),
    }


def scheme_looks() -> dict[str, dict]:
    """Return the colours and dashes of each scheme, as the live explorer has them."""
    looks = {}
    for scheme in SCHEMES:
        style = scheme_style(scheme)
        looks[scheme] = {"colors": _colors(style["color"]), "dashed": style["linestyle"] == "--"}
    return looks


def shades() -> list[list[Mapping[str, str]]]:
    """Return the colours of runs that begin normal: where n std are shown, those of place n - 1."""
    color = scheme_style("normal")["color"]
    several = [
        [_colors(color, place) for place in np.linspace(0, 1, n)] for n in range(2, SHOWN + 1)
    ]
    return [[_colors(color)], *several]


def _colors(color: str, place: float | None = None) -> dict[str, str]:
    return {ground: color_on(color, ground, place) for ground in GROUNDS}
