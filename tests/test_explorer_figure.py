import io

import matplotlib
import numpy as np
import pytest
import torch
from PIL import Image

from course_utils.explorer_figure import ExplorerFigure
from course_utils.plotting import use_course_style
from course_utils.signal_path import Setting, SignalPath


@pytest.fixture(scope="module")
def path():
    return SignalPath(torch.rand(16, 784, generator=torch.Generator().manual_seed(0)) * 0.3)


@pytest.fixture(scope="module")
def figure():
    return ExplorerFigure()


def pixels(png):
    return np.asarray(Image.open(io.BytesIO(png))).astype(int)


@pytest.mark.parametrize("depth, shown", [(1, 1), (4, 4), (10, 10), (50, 10)])
def test_a_panel_is_shown_for_each_chosen_layer_with_its_number(path, figure, depth, shown):
    measurement = path.measure(Setting(depth=depth, width=64))
    figure.png(measurement)
    titles = [title.get_text() for title in figure.titles if title.get_visible()]
    assert len(titles) == shown
    assert titles[0].startswith("layer 1: std") and titles[-1].startswith(f"layer {depth}: std")
    assert [ax.get_visible() for ax in figure.panels] == [True] * shown + [False] * (10 - shown)


def test_the_curves_hold_measurement_and_theory(path, figure):
    measurement = path.measure(Setting(depth=7, width=64))
    figure.png(measurement)
    for name, curve in figure.curves.items():
        np.testing.assert_array_equal(curve.get_xdata(), np.arange(1, 8))
        np.testing.assert_array_equal(curve.get_ydata(), getattr(measurement, name))


@pytest.mark.parametrize(
    "setting",
    [
        Setting(std=1.0, depth=50, width=64, activation="linear"),
        Setting(std=1e-3, depth=50, width=64, activation="sigmoid"),
        Setting(std=0.0, depth=5, width=64),
    ],
)
def test_everything_that_float32_can_hold_lies_within_the_axis(path, figure, setting):
    figure.png(path.measure(setting))
    low, high = figure.path.get_ylim()
    for curve in figure.curves.values():
        values = curve.get_ydata()
        values = values[(values > 1e-44) & (values < 1e38)]
        assert (values > low).all() and (values < high).all()


def test_the_notebooks_style_does_not_change_the_picture(path):
    measurement = path.measure(Setting(depth=12, width=64))
    plain = ExplorerFigure().png(measurement)
    with matplotlib.rc_context():
        use_course_style()
        before = dict(matplotlib.rcParams)
        styled = ExplorerFigure().png(measurement)
        assert dict(matplotlib.rcParams) == before
    np.testing.assert_array_equal(pixels(plain), pixels(styled))


def test_a_picture_reached_by_moves_equals_one_drawn_at_once(path):
    moved = ExplorerFigure()
    for setting in (
        Setting(depth=3, width=64),
        Setting(0.9, 50, 64, "linear"),
        Setting(0.2, 5, 64),
    ):
        last = moved.png(path.measure(setting))
    at_once = ExplorerFigure().png(path.measure(Setting(0.2, 5, 64)))
    np.testing.assert_array_equal(pixels(last), pixels(at_once))


def test_texts_do_not_overlap_each_other(path, figure):
    figure.png(path.measure(Setting(0.0123, 50, 64)))
    renderer = figure.live.canvas.get_renderer()
    texts = [t for t in figure.titles if t.get_visible()]
    for ax in figure.panels:
        texts += [t for t in ax.get_xticklabels() if t.get_text()]
    boxes = [(t.get_text(), t.get_window_extent(renderer)) for t in texts]
    width, height = figure.live.canvas.get_width_height()
    for i, (name, box) in enumerate(boxes):
        assert box.x0 >= 0 and box.x1 <= width and box.y0 >= 0 and box.y1 <= height, name
        for other, other_box in boxes[i + 1 :]:
            assert not box.overlaps(other_box), (name, other)
