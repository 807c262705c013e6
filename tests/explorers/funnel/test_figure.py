import numpy as np
import pytest
from helpers.pictures import (
    assert_texts_inside_and_apart,
    assert_the_notebooks_style_changes_nothing,
    pixels,
)

from course_utils.explorers.funnel.experiment import FunnelMeasurement, FunnelSetting, predict
from course_utils.explorers.funnel.figure import draw, figure_of


def measured(*setting):
    setting = FunnelSetting(*setting)
    signal, gradient = predict(setting)
    return FunnelMeasurement(setting, 1.1 * signal, 0.9 * gradient, signal, gradient)


def drawn(*setting):
    """Return the figure, its curves' axes, and the silhouette's."""
    figure = figure_of(measured(*setting), dpi=100)
    return figure, *figure.axes


def test_the_silhouette_is_as_wide_as_the_layers():
    *_, silhouette = drawn(60, 20, 3)
    shape, bars = silhouette.collections
    segments = np.array(bars.get_segments())  # (depth + 1, 2 ends, 2)
    np.testing.assert_array_equal(segments[:, 0, 0], [0, 1, 2, 3])
    np.testing.assert_array_equal(np.ptp(segments[:, :, 1], axis=1), [60, 20, 60, 20])
    outline = shape.get_paths()[0].vertices
    for level, width in enumerate([60, 20, 60, 20]):
        assert np.ptp(outline[outline[:, 0] == level, 1]) == width
    assert [number.get_text() for number in silhouette.texts] == ["60", "20"]


@pytest.mark.parametrize("depth", [2, 17, 30])
def test_a_layers_bar_stands_above_its_point_on_the_curves(depth):
    _, curves, silhouette = drawn(60, 20, depth)
    assert silhouette.get_xlim() == curves.get_xlim() == (-0.5, depth + 0.5)
    above, below = silhouette.get_position(), curves.get_position()
    assert (above.x0, above.x1) == (below.x0, below.x1) and above.y0 > below.y1


def test_the_curves_hold_measurement_and_theory():
    _, curves, _ = drawn(60, 20, 7)
    m = measured(60, 20, 7)
    names = ("signal", "gradient", "predicted_signal", "predicted_gradient")
    for name, curve in zip(names, curves.lines, strict=True):
        np.testing.assert_array_equal(curve.get_xdata(), np.arange(1, 8))
        np.testing.assert_array_equal(curve.get_ydata(), getattr(m, name))


def test_the_rule_and_each_layers_own_variance_are_written_above():
    figure, *_ = drawn(784, 100, 4, "fan_in", "relu")
    rule, variances = (text.get_text() for text in figure.texts)
    assert rule == "Var(W) = 2 · 1/n_in"
    assert "784 → 100: Var(W) = 1/392" in variances and "100 → 784: Var(W) = 1/50" in variances


def test_the_notebooks_style_does_not_change_the_picture():
    assert_the_notebooks_style_changes_nothing(lambda: draw(measured(60, 20, 7)))


def test_the_picture_is_2000_pixels_wide_or_as_many_as_are_asked_for():
    assert pixels(draw(measured(60, 20, 3))).shape[1] == 2000
    assert pixels(draw(measured(60, 20, 3), dpi=50)).shape[1] == 500


@pytest.mark.parametrize(
    "setting",
    [
        (784, 100, 20),
        (800, 800, 30, "geometric", "relu"),
        (799, 797, 2, "xavier", "relu"),
        (16, 16, 30, "geometric"),
        (16, 800, 30, "xavier"),
    ],
)
def test_texts_lie_inside_and_do_not_overlap_each_other(setting):
    figure, curves, silhouette = drawn(*setting)
    texts = [*figure.texts, *silhouette.texts, *figure.legends[0].get_texts()]
    texts += [*silhouette.get_xticklabels(), curves.xaxis.label, curves.yaxis.label]
    texts += curves.get_xticklabels() + curves.get_yticklabels()
    assert_texts_inside_and_apart(figure, texts, more_than=10)
