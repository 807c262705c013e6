"""Draw the pictures that the README shows, and its page: ``python figures/draw.py``.

``explorer.gif`` is the explorer as its sliders move: the std of 20 tanh layers, then their depth.
``explorer.html``, the explorer without a kernel, is made by ``explorer_page.py``.
Both are drawn from MNIST, so ``COURSE_DATA`` or the cache must hold it.
"""

from __future__ import annotations

import io
import math
import sys
import textwrap
from pathlib import Path

import matplotlib
import numpy as np
from explorer_page import PAGE, draw_page
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

from course_utils.data import load_mnist
from course_utils.explorer_figure import LOOK, ExplorerFigure
from course_utils.signal_path import MAX_DEPTH, Measurement, Setting, SignalPath
from course_utils.verdict import verdict

HERE = Path(__file__).parent
DPI = 84
STEP, PAUSE = 120, 1500  # milliseconds a frame is shown; the frames to be read longer


def main() -> None:
    """Draw everything into this folder."""
    data = load_mnist()
    if data.name != "MNIST":
        sys.exit("the README's pictures are drawn from MNIST: set COURSE_DATA to a folder with it")
    draw_explorer(data.train_images[:256], HERE / "explorer.gif")
    draw_page(data.train_images[:256], PAGE)


def draw_explorer(images, path: Path) -> None:
    """Move std from too small to too large, back to where the signal lives, and then the depth."""
    stds = [*np.geomspace(0.03, 0.3, 26), *np.geomspace(0.3, 0.08, 13)[1:]]
    settings = [Setting(std=std, depth=20) for std in stds]
    settings += [Setting(std=0.08, depth=depth) for depth in (*range(22, 51, 3), 50)]
    to_be_read = {0, 25, len(stds) - 1, len(settings) - 1}
    signal_path, drawing = SignalPath(images), ExplorerFigure(dpi=DPI)
    frames = []
    for setting in settings:
        measurement = signal_path.measure(setting)
        picture = Image.open(io.BytesIO(drawing.png(measurement)))
        frames.append(under(controls(measurement), picture).quantize(64, dither=Image.Dither.NONE))
    durations = [PAUSE if i in to_be_read else STEP for i in range(len(frames))]
    frames[0].save(path, save_all=True, append_images=frames[1:], duration=durations, loop=0)


def controls(measurement: Measurement) -> Image.Image:
    """Draw the two sliders as they stand, and the verdict."""
    setting = measurement.setting
    words = verdict(measurement.signal, measurement.gradient, measurement.contrast)
    with matplotlib.rc_context(LOOK):
        figure = Figure(figsize=(10, 1.05), dpi=DPI)
        slider(figure, 0.08, "std", f"{setting.std:.3f}", math.log10(setting.std / 1e-2) / 2)
        slider(figure, 0.56, "depth", f"{setting.depth}", setting.depth / MAX_DEPTH)
        wrapped = "\n".join(textwrap.wrap(words, 118))
        figure.text(0.03, 0.52, wrapped, fontsize=11, va="top", linespacing=1.3)
        canvas = FigureCanvasAgg(figure)
        canvas.draw()
    return Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB")


def slider(figure: Figure, left: float, name: str, value: str, place: float) -> None:
    """Draw one slider with its handle at ``place``, 0 to 1."""
    ax = figure.add_axes((left, 0.62, 0.28, 0.3), xlim=(0, 1), ylim=(-1, 1))
    ax.axis("off")
    ax.plot([0, 1], [0, 0], color="0.75", lw=4, solid_capstyle="round")
    ax.plot([place], [0], "o", color="white", markeredgecolor="0.4", markersize=13)
    ax.text(-0.03, 0, name, fontsize=12, ha="right", va="center")
    ax.text(1.05, 0, value, fontsize=12, ha="left", va="center", weight="bold")


def under(top: Image.Image, bottom: Image.Image) -> Image.Image:
    """Set one picture above another of the same width."""
    both = Image.new("RGB", (top.width, top.height + bottom.height), "white")
    both.paste(top, (0, 0))
    both.paste(bottom, (0, top.height))
    return both


if __name__ == "__main__":
    main()
