"""The page of the activation explorer: what it measures at every state that its controls reach."""

from __future__ import annotations

import base64
import itertools
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from course_utils.data import ImageData
from course_utils.explorers.activation.experiment import (
    HISTOGRAM_RANGES,
    ActivationMeasurement,
    ActivationSetting,
    SignalPath,
)
from course_utils.explorers.activation.figure import draw
from course_utils.explorers.activation.widget import JUMPS
from course_utils.explorers.controls import STEPS_PER_DECADE
from course_utils.explorers.verdict import verdict
from course_utils.plotting import bar_heights
from pages.frame import Page
from pages.numbers import pack_words, quantize, rounded, to_text, unpack_words, unquantize

IMAGES, WIDTH, BINS, PANELS = 256, 256, 60, 10
ACTIVATIONS = ("linear", "tanh", "sigmoid", "relu", "selu", "gelu")
DEPTHS = (*range(1, 11), 12, 15, 20, 25, 30, 40, 50)
STD_STEPS = (*range(-120, -90, 10), *range(-90, -30, 3), *range(-30, 1, 10))
"""The page's std are these steps of the live slider: 0.004 to 1, finest where it matters."""
NUMBERS = ("signal", "predicted_signal", "gradient", "predicted_gradient")

FILE = "explorer.html"
TITLE = "How the first weights decide what a deep network can learn"
ABOUT = """Move the std of the weights or the depth, and watch what every layer passes on: the
activations on their way up, the gradients on their way back down. Nothing is computed here: these
are stored measurements of the course on initialization, where the live explorer offers every std,
more activations and other widths."""
NOTE = """Layers of 256 units without biases, normal weights (one draw, rescaled), fed with 256
images of MNIST; a gradient of size 1 enters at the top. Theory knows only the size of the images.
All layers being equally wide, Xavier and LeCun agree on the std."""


@dataclass
class State:
    """What one std and activation look like at all depths of :data:`DEPTHS`.

    A deeper stack begins with the layers of the shallower one, so the signal is that of the
    deepest; the gradient comes from the top, so it is another for each depth.

    Attributes
    ----------
    signal, predicted_signal
        Std of the activations, measured and from theory, ``(max_depth,)``.
    gradient, predicted_gradient
        Std of the gradients, those of one depth behind those of another, ``(sum of depths,)``.
    heights
        Heights of the histograms' bars, 0 to 255, ``(n_histograms, n_bins)``.
    words
        The verdict on each depth.
    """

    signal: np.ndarray
    predicted_signal: np.ndarray
    gradient: np.ndarray
    predicted_gradient: np.ndarray
    heights: np.ndarray
    words: list[str]


def measure_page(mnist: ImageData) -> dict:
    """Measure all that the page holds."""
    signal_path = SignalPath(mnist.train_images[:IMAGES], bins=BINS, panels=PANELS)
    states = [
        measure(signal_path, activation, std)
        for activation, std in itertools.product(ACTIVATIONS, page_stds())
    ]
    first = signal_path.measure(ActivationSetting(width=WIDTH, **start()))
    return {"data": pack(states), "still": draw(first, dpi=100), "words": said(first)}


def page(**measured) -> Page:
    """Put the page together from what was measured."""
    return Page(
        name="activation",
        file=FILE,
        folder="activation",
        title=TITLE,
        about=ABOUT,
        note=NOTE,
        spec=spec(),
        start=start(),
        **measured,
    )


def start() -> dict:
    """Return the setting at first."""
    return {"activation": "tanh", "std": page_stds()[STD_STEPS.index(-66)], "depth": 20}


def spec() -> dict:
    """Return the controls of the page."""
    stds = page_stds()
    slider, more = stds[: len(STD_STEPS)], stds[len(STD_STEPS) :]
    std = {"name": "std", "label": "std", "stops": slider, "more": more, "log": True}
    depth = {"name": "depth", "label": "depth", "stops": DEPTHS, "integer": True, "unit": "layers"}
    numbers = [{"kind": "number", "low": 0, "high": len(c["stops"]) - 1} | c for c in (std, depth)]
    choice = {"kind": "choice", "name": "activation", "label": "activation"}
    choice["options"] = [[name, name] for name in ACTIVATIONS]
    jump = {"kind": "jumps", "name": "std", "label": "Jump to the std of"}
    jump |= {"options": list(JUMPS), "values": jumps()}
    label = "Explorer: signal and gradient along depth"
    return {"prefix": "explorer", "label": label, "rows": [numbers, [choice, jump]]}


def page_stds() -> list[float]:
    """Return every std of the page: the slider's first, then those that only a button reaches."""
    slider = [rounded(10 ** (step / STEPS_PER_DECADE)) for step in STD_STEPS]
    return slider + sorted({*jumps().values()} - set(slider))


def jumps() -> dict[str, float]:
    """Return what each button sets."""
    return {name: rounded(jump(WIDTH)) for name, jump in JUMPS.items()}


def shown_layers(depth: int) -> list[int]:
    """Return which layers of a stack get a histogram, counted from 1, as in the live explorer."""
    return sorted(set(np.linspace(1, depth, PANELS).round().astype(int).tolist()))


def histogram_layers() -> list[int]:
    """Return which layers have a histogram at any depth."""
    return sorted({layer for depth in DEPTHS for layer in shown_layers(depth)})


def measure(signal_path: SignalPath, activation: str, std: float) -> State:
    """Measure a std and an activation at all depths."""
    by_depth = [
        signal_path.measure(
            ActivationSetting(std=std, depth=depth, width=WIDTH, activation=activation)
        )
        for depth in DEPTHS
    ]
    heights = {}
    for measurement in by_depth:
        rows = np.round(255 * bar_heights(measurement.counts)).astype(np.uint8)
        heights |= zip(measurement.layers.tolist(), rows, strict=True)
    return State(
        signal=by_depth[-1].signal,
        predicted_signal=by_depth[-1].predicted_signal,
        gradient=np.concatenate([m.gradient for m in by_depth]),
        predicted_gradient=np.concatenate([m.predicted_gradient for m in by_depth]),
        heights=np.stack([heights[layer] for layer in histogram_layers()]),
        words=[said(m) for m in by_depth],
    )


def said(m: ActivationMeasurement) -> str:
    return verdict(m.signal, m.gradient, m.contrast, m.saturated)


def pack(states: list[State]) -> dict:
    """Turn all states into what the page holds: lists, and arrays as base64."""
    packed = constants()
    for name in NUMBERS:
        packed[name] = to_text(quantize(np.stack([getattr(state, name) for state in states])))
    packed["heights"] = to_text(np.stack([state.heights for state in states]))
    return packed | pack_words([words for state in states for words in state.words])


def constants() -> dict:
    """Return what the page must know besides numbers, as the live explorer has it."""
    return {
        "activations": ACTIVATIONS,
        "stds": page_stds(),
        "depths": DEPTHS,
        "panels": PANELS,
        "bins": BINS,
        "histogram_layers": histogram_layers(),
        "histogram_ranges": {name: HISTOGRAM_RANGES[name] for name in ACTIVATIONS},
    }


def unpack(packed: dict) -> Iterator[tuple[str, float, State]]:
    """Give every activation and std of a page with its state."""
    shape = (len(packed["activations"]) * len(packed["stds"]), -1)

    def table(name: str, dtype: str) -> np.ndarray:
        return np.frombuffer(base64.b64decode(packed[name]), dtype).reshape(shape)

    columns = [unquantize(table(name, "<u2")) for name in NUMBERS]
    heights = table("heights", "u1").reshape(shape[0], -1, packed["bins"])
    words, depths = unpack_words(packed), len(packed["depths"])
    pairs = itertools.product(packed["activations"], packed["stds"])
    for i, (activation, std) in enumerate(pairs):
        said = words[depths * i : depths * (i + 1)]
        yield activation, std, State(*(column[i] for column in columns), heights[i], said)
