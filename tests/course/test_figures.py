"""Are the stored pictures what the code draws today?"""

import importlib
import inspect
from pathlib import Path

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
import pytest
from draw_pages import PAGES
from helpers.pages import mnist_or_skip
from matplotlib.colors import to_rgba
from matplotlib.text import Annotation, Text
from PIL import Image

from course_utils.explorers.activation.experiment import SignalPath
from course_utils.explorers.activation.figure import figure_of
from course_utils.plotting import BACKWARD, diagrams

FIGURES = Path(__file__).parents[2] / "figures"
STORED = sorted(path.stem for path in FIGURES.glob("*.png"))
MARGIN = 14  # pixels around a word in which its letters may lie with another Matplotlib
TOLERANCE = 30  # of 255. Matplotlib 3.8, with another FreeType, is off by 10 at most; faults by 80


@pytest.fixture(scope="module")
def draw():
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(FIGURES)
        yield importlib.import_module("draw")


@pytest.fixture(autouse=True)
def closed_figures():
    yield
    plt.close("all")


def words_differ(draw, figure, name):
    stored = Image.open(FIGURES / f"{name}.png").text["Description"]
    return "\n".join(draw.words(figure)) != stored


def shapes_differ(draw, figure, name):
    """Return the largest difference of a 4 × 4 block of pixels, away from all words."""
    stored, fresh = Image.open(FIGURES / f"{name}.png"), draw.picture(figure)
    if stored.size != fresh.size:
        return 255.0
    blank = away_from_words(figure, draw.DIAGRAM_DPI, fresh.size)
    white = Image.new("RGB", fresh.size, "white")
    then, now = (Image.composite(p.convert("RGB"), white, blank) for p in (stored, fresh))
    return abs(np.asarray(then.reduce(4), float) - np.asarray(now.reduce(4), float)).max()


def away_from_words(figure, dpi, size):
    """Return a mask, white where no word is near."""
    figure.set_dpi(dpi)
    figure.draw_without_rendering()
    mask = np.full(size[::-1], 255, np.uint8)
    for text in figure.findobj(Text):
        if text.get_visible() and text.get_text():
            box = text.get_window_extent().padded(MARGIN)
            rows = slice(max(0, int(size[1] - box.y1)), max(0, int(size[1] - box.y0)))
            mask[rows, max(0, int(box.x0)) : max(0, int(box.x1))] = 0
    return Image.fromarray(mask)


def test_the_script_draws_every_picture_of_its_folder_and_every_diagram(draw):
    drawn = inspect.getmembers(diagrams, inspect.isfunction)
    drawn = {name for name, f in drawn if f.__annotations__.get("return") == "Figure"}
    assert set(draw.DIAGRAMS) == drawn == set(STORED)
    others = {path.name for path in FIGURES.iterdir() if path.suffix in {".gif", ".html", ".svg"}}
    pages = {importlib.import_module(f"pages.{name}").FILE for name in PAGES}
    assert others == {draw.GIF.name, *pages}


@pytest.mark.parametrize("name", STORED)
def test_a_stored_diagram_is_what_is_drawn_today(draw, name):
    figure, redraw = getattr(diagrams, name)(), f"stale: run python figures/draw.py {name}"
    assert not words_differ(draw, figure, name), redraw
    assert shapes_differ(draw, figure, name) < TOLERANCE, redraw


def recolour_an_arrow(figure):
    arrows = [a for a in figure.findobj(Annotation) if a.arrow_patch]
    arrows[-1].arrow_patch.set_color("#0072B2")


def drop_an_arrow(figure):
    [a for a in figure.findobj(Annotation) if a.arrow_patch][-1].remove()


def recolour_a_cell(figure):
    cells = figure.axes[0].collections[0]
    fills = cells.get_facecolor()
    fills[0] = to_rgba(BACKWARD)
    cells.set_facecolor(fills)


@pytest.mark.parametrize("fault", [recolour_an_arrow, drop_an_arrow, recolour_a_cell])
def test_a_wrong_shape_makes_a_diagram_stale(draw, fault):
    figure = diagrams.fans_of_conv()
    fault(figure)
    assert shapes_differ(draw, figure, "fans_of_conv") > 80


@pytest.mark.parametrize("change", [{"text": "in = 3 channels"}, {"color": "red"}, {"size": 9}])
def test_a_wrong_word_makes_a_diagram_stale(draw, change):
    figure = diagrams.fans_of_conv()
    figure.axes[0].texts[0].update(change)
    assert words_differ(draw, figure, "fans_of_conv")


def test_a_diagram_is_the_same_file_each_time_and_small(draw, tmp_path):
    for name in ("first.png", "second.png"):
        draw.draw_diagram("fans_of_conv", tmp_path / name)
    first, second = ((tmp_path / name).read_bytes() for name in ("first.png", "second.png"))
    assert first == second
    assert max((FIGURES / f"{name}.png").stat().st_size for name in STORED) < 60_000


def inside_the_axes(draw, size):
    """Return a mask of the explorer, white where there are bars and curves and no letters."""
    measurement = SignalPath(np.ones((2, 784), np.float32)).measure(draw.settings()[0])
    mask = np.zeros(size[::-1], np.uint8)
    for ax in figure_of(measurement, dpi=draw.DPI).axes:
        box = ax.get_window_extent().padded(-3)
        mask[size[1] - int(box.y1) : size[1] - int(box.y0), int(box.x0) : int(box.x1)] = 255
    return Image.fromarray(mask)


def frames_differ(draw, then, now):
    mask, white = inside_the_axes(draw, now.size), Image.new("RGB", now.size, "white")
    then, now = (Image.composite(p.convert("RGB"), white, mask).reduce(4) for p in (then, now))
    return abs(np.asarray(then, float) - np.asarray(now, float)).max()


def test_the_moving_picture_is_what_the_explorer_draws_today(draw):
    gif, settings = Image.open(draw.GIF), draw.settings()
    redraw = "stale: run python figures/draw.py explorer.gif"
    assert gif.n_frames == len(settings), redraw
    chosen = [0, 25, len(settings) - 1]
    fresh = draw.explorer(mnist_or_skip(), [settings[i] for i in chosen])
    stored = gif.info["comment"].decode().split("\n")
    for i, (frame, said) in zip(chosen, fresh, strict=True):
        gif.seek(i)
        assert gif.size == frame.size and stored[i] == said, redraw
        assert frames_differ(draw, gif, frame) < 60, redraw
        gif.seek(i - 1 if i else 1)
        assert frames_differ(draw, gif, frame) > 60  # its neighbour would be noticed
