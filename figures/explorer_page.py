"""Draw the explorer that needs no kernel: ``python figures/explorer_page.py`` (two minutes).

``explorer.html`` is one file that a browser opens without a network. It holds what the live
explorer measures (`course_utils.explorers.activation`) at every state that its controls can reach,
packed into ``explorer.html.in``: to change words, looks or behaviour of the page, change that
template. It is measured on MNIST, so ``COURSE_DATA`` or the cache must hold it.
"""

from __future__ import annotations

import base64
import itertools
import json
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from course_utils import load_mnist
from course_utils.explorers.activation.experiment import (
    HISTOGRAM_RANGES,
    ActivationMeasurement,
    ActivationSetting,
    SignalPath,
)
from course_utils.explorers.activation.widget import JUMPS
from course_utils.explorers.base import STEPS_PER_DECADE
from course_utils.explorers.depth_curves import DECADES
from course_utils.explorers.verdict import verdict
from course_utils.plotting import BACKWARD, FORWARD, THEORY, bar_heights

HERE = Path(__file__).parent
TEMPLATE, PAGE = HERE / "explorer.html.in", HERE / "explorer.html"
IMAGES, WIDTH, BINS, PANELS, PIECES = 256, 256, 60, 10, 7
ACTIVATIONS = ("linear", "tanh", "sigmoid", "relu", "selu", "gelu")
DEPTHS = (*range(1, 11), 12, 15, 20, 25, 30, 40, 50)
STD_STEPS = (*range(-120, -90, 10), *range(-90, -30, 3), *range(-30, 1, 10))
"""The page's std are these steps of the live slider: 0.004 to 1, finest where it matters."""

LOW, HIGH, NAN, INFINITE = -47.0, 47.0, 65534, 65535
"""A std is stored as 16 bits: 0 is 0, the last two codes are nan and ∞, and those between are even
steps of its logarithm, from 10**LOW to 10**HIGH."""


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


def main() -> None:
    """Measure all states and write the page."""
    data = load_mnist()
    if not data.is_mnist:
        sys.exit("the page is measured on MNIST: set COURSE_DATA to a folder with it")
    draw_page(data.train_images[:IMAGES], PAGE)


def draw_page(images: torch.Tensor, path: Path) -> None:
    """Write the page on these ``images`` (256, 784)."""
    signal_path = SignalPath(images, bins=BINS, panels=PANELS)
    states = [
        measure(signal_path, activation, std)
        for activation, std in itertools.product(ACTIVATIONS, page_stds())
    ]
    template = TEMPLATE.read_text(encoding="utf-8")
    path.write_text(render(template, pack(states)), encoding="utf-8", newline="\n")


# ---------------------------------------------------------------------- states


def page_stds() -> list[float]:
    """Return every std of the page: the slider's first, then those that only a button reaches."""
    slider = [10 ** (step / STEPS_PER_DECADE) for step in STD_STEPS]
    return slider + sorted({jump(WIDTH) for jump in JUMPS.values()} - set(slider))


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


# ---------------------------------------------------------------------- packing


def quantize(values: np.ndarray) -> np.ndarray:
    """Store values, 0 or more, as 16-bit codes that show the same two significant digits."""
    values = np.asarray(values, dtype=float)
    with np.errstate(divide="ignore"):
        places = (np.log10(values) - LOW) / (HIGH - LOW)  # 0 to 1
    codes = 1 + np.nan_to_num(np.clip(places, 0, 1) * (NAN - 2)).round().astype(int)
    inside = (places > 0) & (places < 1)
    for i in np.flatnonzero(inside):  # a neighbouring code, where rounding changes a digit
        near = (codes.flat[i] + shift for shift in (0, 1, -1, 2, -2))
        shown = f"{values.flat[i]:.2g}"
        codes.flat[i] = next(code for code in near if f"{unquantize(code):.2g}" == shown)
    codes[values == 0], codes[np.isnan(values)], codes[np.isposinf(values)] = 0, NAN, INFINITE
    return codes.astype("<u2")


def unquantize(codes: np.ndarray) -> np.ndarray:
    """Return the values that codes stand for."""
    codes = np.asarray(codes)
    values = 10 ** (LOW + (HIGH - LOW) * (codes - 1.0) / (NAN - 2))
    special = [codes == 0, codes == NAN, codes == INFINITE]
    return np.select(special, [0.0, np.nan, np.inf], values)


def pack(states: list[State]) -> dict:
    """Turn all states into what the page holds: lists, and arrays as base64."""
    verdicts = [pieces(words) for state in states for words in state.words]
    known = list(dict.fromkeys(itertools.chain(*verdicts)))
    place = {piece: i for i, piece in enumerate(known)}
    packed = constants()
    for name in ("signal", "predicted_signal", "gradient", "predicted_gradient"):
        packed[name] = to_text(quantize(np.stack([getattr(state, name) for state in states])))
    packed["heights"] = to_text(np.stack([state.heights for state in states]))
    packed["spoken"] = to_text(np.array([[place[piece] for piece in v] for v in verdicts], "<u2"))
    packed["pieces"] = known
    return packed


def pieces(words: str) -> list[str]:
    """Cut a verdict at full stops and colons into :data:`PIECES`: most are shared by many."""
    cut = re.split(r"(?<=[.:]) ", words)
    return cut + [""] * (PIECES - len(cut))


def constants() -> dict:
    """Return what the page must know besides numbers, as the live explorer has it."""
    stds = page_stds()
    return {
        "activations": ACTIVATIONS,
        "stds": stds,
        "slider_stops": len(STD_STEPS),
        "depths": DEPTHS,
        "schemes": {name: stds.index(jump(WIDTH)) for name, jump in JUMPS.items()},
        "panels": PANELS,
        "bins": BINS,
        "histogram_layers": histogram_layers(),
        "histogram_ranges": {name: HISTOGRAM_RANGES[name] for name in ACTIVATIONS},
        "decades": DECADES,
        "codes": {"low": LOW, "high": HIGH, "nan": NAN, "infinite": INFINITE},
        "colors": {"forward": FORWARD, "backward": BACKWARD, "theory": THEORY},
    }


def to_text(array: np.ndarray) -> str:
    return base64.b64encode(array.tobytes()).decode()


# ---------------------------------------------------------------------- the page


def render(template: str, packed: dict) -> str:
    """Put the numbers into the template, one line for each of them."""
    lines = (f"{json.dumps(name)}: {json.dumps(value)}" for name, value in packed.items())
    return template.replace("@DATA@", "{\n" + ",\n".join(lines) + "\n}")


def stored(page: str) -> dict:
    """Return what a page holds, as :func:`pack` made it."""
    return json.loads(re.search(r'<script[^>]* id="data"[^>]*>(.*?)</script>', page, re.DOTALL)[1])


def unpack(packed: dict) -> Iterator[tuple[str, float, State]]:
    """Give every activation and std of a page with its state."""
    shape = (len(packed["activations"]) * len(packed["stds"]), -1)

    def table(name: str, dtype: str) -> np.ndarray:
        return np.frombuffer(base64.b64decode(packed[name]), dtype).reshape(shape)

    numbers = ("signal", "predicted_signal", "gradient", "predicted_gradient")
    columns = [unquantize(table(name, "<u2")) for name in numbers]
    heights = table("heights", "u1").reshape(shape[0], -1, packed["bins"])
    spoken = table("spoken", "<u2").reshape(shape[0], -1, PIECES)
    pairs = itertools.product(packed["activations"], packed["stds"])
    for i, (activation, std) in enumerate(pairs):
        words = [" ".join(packed["pieces"][place] for place in row).rstrip() for row in spoken[i]]
        yield activation, std, State(*(column[i] for column in columns), heights[i], words)


if __name__ == "__main__":
    main()
