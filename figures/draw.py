"""Draw the pictures of this folder again: ``python figures/draw.py``, or some, by name.

``python figures/draw.py rhythm_of_variance explorer.gif`` draws these two. Every diagram of
`course_utils.diagrams` is stored as a picture for slides and for the README. ``explorer.gif`` is
the explorer as its sliders move: the std of 20 tanh layers, then their depth. It is drawn from
MNIST, so ``COURSE_DATA`` or the cache must hold it. The pages without a kernel are made by
``draw_pages.py``.
"""

from __future__ import annotations

import io
import math
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.text import Text
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from course_utils import load_mnist
from course_utils.explorers.activation.experiment import MAX_DEPTH, ActivationSetting, SignalPath
from course_utils.explorers.activation.figure import draw
from course_utils.explorers.still import MATPLOTLIB_DEFAULTS
from course_utils.explorers.verdict import verdict
from course_utils.plotting import diagrams
from course_utils.terminal import any_terminal

HERE = Path(__file__).parent
GIF = HERE / "explorer.gif"
DPI, DIAGRAM_DPI = 84, 160
STEP, PAUSE = 120, 1500  # milliseconds a frame is shown; the frames to be read longer
STDS = (*np.geomspace(0.03, 0.3, 26), *np.geomspace(0.3, 0.08, 13)[1:])
DEPTHS = (*range(22, 51, 3), 50)
TO_BE_READ = (0, 25, len(STDS) - 1, len(STDS) + len(DEPTHS) - 1)
DIAGRAMS = (
    "restricted_boltzmann_machine",
    "deep_belief_network",
    "fans_of_linear",
    "fans_of_conv",
    "rhythm_of_variance",
)


def main(names: list[str]) -> None:
    """Draw what is named, or everything, into this folder."""
    known = (*DIAGRAMS, GIF.name)
    if unknown := set(names) - set(known):
        sys.exit(f"no picture is named {', '.join(unknown)}: there are {', '.join(known)}")
    chosen = names or known
    for name in DIAGRAMS:
        if name in chosen:
            draw_diagram(name, HERE / f"{name}.png")
    if GIF.name in chosen:
        draw_explorer(mnist_images(), GIF)


def mnist_images():
    """Return the images that the explorer shows, (256, 784)."""
    data = load_mnist()
    if not data.is_mnist:
        sys.exit("the explorer is drawn from MNIST: set COURSE_DATA to a folder with it")
    return data.train_images[:256]


def draw_diagram(name: str, path: Path) -> None:
    """Store a diagram, with its words as text, so that a test can compare both."""
    figure = getattr(diagrams, name)()
    text = PngInfo()
    text.add_itxt("Description", "\n".join(words(figure)))
    picture(figure).save(path, optimize=True, pnginfo=text)
    plt.close(figure)


def picture(figure: Figure) -> Image.Image:
    """Draw a figure in 64 colours, the same in every pixel each time."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=DIAGRAM_DPI)
    return Image.open(buffer).convert("RGB").quantize(64, dither=Image.Dither.NONE)


def words(figure: Figure) -> list[str]:
    """Return every text of a figure, each behind its colour and its size."""
    figure.draw_without_rendering()
    texts = [text for text in figure.findobj(Text) if text.get_visible() and text.get_text()]
    return sorted(f"{to_hex(t.get_color())} {t.get_fontsize():g} {t.get_text()}" for t in texts)


def draw_explorer(images, path: Path) -> None:
    """Move std from too small to too large, back to where the signal lives, and then the depth."""
    frames, said = zip(*explorer(images, settings()), strict=True)
    first = frames[0].quantize(64, dither=Image.Dither.NONE)
    others = [frame.quantize(palette=first, dither=Image.Dither.NONE) for frame in frames[1:]]
    durations = [PAUSE if i in TO_BE_READ else STEP for i in range(len(frames))]
    look = {"duration": durations, "loop": 0, "comment": "\n".join(said).encode()}
    first.save(path, save_all=True, append_images=others, **look)


def settings() -> list[ActivationSetting]:
    """Return where the sliders stand in each frame."""
    deeper = [ActivationSetting(std=STDS[-1], depth=depth) for depth in DEPTHS]
    return [ActivationSetting(std=std, depth=20) for std in STDS] + deeper


def explorer(images, chosen: list[ActivationSetting]) -> Iterator[tuple[Image.Image, str]]:
    """Draw the explorer, its sliders above it, at each chosen setting; say the verdict."""
    signal_path = SignalPath(images)
    for setting in chosen:
        m = signal_path.measure(setting)
        picture = Image.open(io.BytesIO(draw(m, dpi=DPI))).convert("RGB")
        said = verdict(m.signal, m.gradient, m.contrast, m.saturated)
        yield under(controls(setting, said), picture), said


def controls(setting: ActivationSetting, words: str) -> Image.Image:
    """Draw the two sliders as they stand, and the verdict."""
    with matplotlib.rc_context(MATPLOTLIB_DEFAULTS):
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
    ax.plot([place], [0], "o", color="white", mec="0.4", ms=13, clip_on=False)
    ax.text(-0.03, 0, name, fontsize=12, ha="right", va="center")
    ax.text(1.05, 0, value, fontsize=12, ha="left", va="center", weight="bold")


def under(top: Image.Image, bottom: Image.Image) -> Image.Image:
    """Set one picture above another of the same width."""
    both = Image.new("RGB", (top.width, top.height + bottom.height), "white")
    both.paste(top, (0, 0))
    both.paste(bottom, (0, top.height))
    return both


if __name__ == "__main__":
    any_terminal()
    main(sys.argv[1:])
