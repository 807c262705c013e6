import numpy as np
import pytest
import torch
from helpers.pictures import (
    assert_texts_inside_and_apart,
    assert_the_notebooks_style_changes_nothing,
    pixels,
)

from course_utils.explorers.activation.experiment import ActivationSetting, SignalPath
from course_utils.explorers.activation.figure import ActivationFigure


@pytest.fixture(scope="module")
def path():
    return SignalPath(torch.rand(16, 784, generator=torch.Generator().manual_seed(0)) * 0.3)


@pytest.fixture(scope="module")
def figure():
    return ActivationFigure()


@pytest.mark.parametrize("depth, shown", [(1, 1), (4, 4), (10, 10), (50, 10)])
def test_a_panel_is_shown_for_each_chosen_layer_with_its_number(path, figure, depth, shown):
    measurement = path.measure(ActivationSetting(depth=depth, width=64))
    figure.png(measurement)
    names = [name.get_text() for name in figure.names[:shown]]
    assert (names[0], names[-1]) == ("layer 1", f"layer {depth}")
    assert figure.stds[shown - 1].get_text() == f"std {measurement.signal[-1]:.2g}"
    assert [c.get_visible() for c in figure.covers] == [False] * shown + [True] * (10 - shown)


def test_of_a_panel_that_is_not_used_nothing_is_seen(path, figure):
    figure.png(path.measure(ActivationSetting(depth=10, width=64)))
    picture = pixels(figure.png(path.measure(ActivationSetting(depth=6, width=64))))
    height, width, _ = picture.shape
    box = figure.panels[6].get_position()  # the second of the lower row: the first free one
    bottom, top = int((1 - box.y0 + 0.035) * height), int((1 - box.y1 - 0.04) * height)
    assert (picture[top:bottom, int(box.x0 * width) :] == 255).all()
    lower_left = picture[top:bottom, : int(figure.panels[5].get_position().x1 * width)]
    assert (lower_left != 255).any()


def test_the_curves_hold_measurement_and_theory(path, figure):
    measurement = path.measure(ActivationSetting(depth=7, width=64))
    figure.png(measurement)
    for name, curve in figure.curves.items():
        np.testing.assert_array_equal(curve.get_xdata(), np.arange(1, 8))
        np.testing.assert_array_equal(curve.get_ydata(), getattr(measurement, name))


@pytest.mark.parametrize(
    "setting",
    [
        ActivationSetting(std=1.0, depth=50, width=64, activation="linear"),
        ActivationSetting(std=1e-3, depth=50, width=64, activation="sigmoid"),
        ActivationSetting(std=0.0, depth=5, width=64),
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
    measurement = path.measure(ActivationSetting(depth=12, width=64))
    assert_the_notebooks_style_changes_nothing(lambda: ActivationFigure().png(measurement))


def test_a_picture_reached_by_moves_equals_one_drawn_at_once(path):
    moved = ActivationFigure()
    for setting in (
        ActivationSetting(depth=3, width=64),
        ActivationSetting(0.9, 50, 64, "linear"),
        ActivationSetting(0.2, 5, 64),
    ):
        last = moved.png(path.measure(setting))
    at_once = ActivationFigure().png(path.measure(ActivationSetting(0.2, 5, 64)))
    np.testing.assert_array_equal(pixels(last), pixels(at_once))


def test_texts_do_not_overlap_each_other(path, figure):
    figure.png(path.measure(ActivationSetting(0.0123, 50, 64)))
    texts = figure.names + figure.stds
    for ax in figure.panels:
        texts += ax.get_xticklabels()
    assert_texts_inside_and_apart(figure.live, texts)
