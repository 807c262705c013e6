import numpy as np
import pytest
from helpers.pictures import (
    assert_texts_inside_and_apart,
    assert_the_notebooks_style_changes_nothing,
    pixels,
)

from course_utils.explorers.funnel.experiment import FunnelMeasurement, FunnelSetting, predict
from course_utils.explorers.funnel.figure import FunnelFigure


def measured(*setting):
    setting = FunnelSetting(*setting)
    signal, gradient = predict(setting)
    return FunnelMeasurement(setting, 1.1 * signal, 0.9 * gradient, signal, gradient)


@pytest.fixture(scope="module")
def figure():
    return FunnelFigure(max_width=800)


def test_the_silhouette_is_as_wide_as_the_layers(figure):
    figure.png(measured(60, 20, 3), "x")
    x, y = figure.levels.get_data()
    np.testing.assert_array_equal(x, np.repeat([0, 1, 2, 3], 3))
    np.testing.assert_array_equal(y[0::3] - y[1::3], [60, 20, 60, 20])
    outline = figure.shape.get_xy()[:-1]  # (2 (depth + 1), 2), without the closing point
    for level, width in enumerate([60, 20, 60, 20]):
        assert np.ptp(outline[outline[:, 0] == level, 1]) == width
    assert [number.get_text() for number in figure.numbers] == ["60", "20"]


def test_a_layers_bar_stands_above_its_point_on_the_curves(figure):
    for depth in (2, 17, 30):
        figure.png(measured(60, 20, depth), "x")
        curves = figure.along_depth.ax
        assert figure.silhouette.get_xlim() == curves.get_xlim()
        above, below = figure.silhouette.get_position(), curves.get_position()
        assert (above.x0, above.x1) == (below.x0, below.x1)


def test_the_curves_hold_measurement_and_theory(figure):
    measurement = measured(60, 20, 7)
    figure.png(measurement, "x")
    for name, curve in figure.along_depth.curves.items():
        np.testing.assert_array_equal(curve.get_ydata(), getattr(measurement, name))


def test_the_rule_and_each_layers_own_variance_are_written_above(figure):
    figure.png(measured(784, 100, 4, "fan_in", "relu"), "2 · 1/n_in")
    assert figure.rule.get_text() == "Var(W) = 2 · 1/n_in"
    shares = figure.shares.get_text()
    assert "784 → 100: Var(W) = 1/392" in shares and "100 → 784: Var(W) = 1/50" in shares


def test_the_notebooks_style_does_not_change_the_picture():
    assert_the_notebooks_style_changes_nothing(
        lambda: FunnelFigure(max_width=800).png(measured(60, 20, 7), "x")
    )


def test_a_picture_reached_by_moves_equals_one_drawn_at_once(figure):
    for setting in ((60, 20, 30), (16, 800, 30, "xavier"), (60, 20, 5)):
        last = figure.png(measured(*setting), "x")
    at_once = FunnelFigure(max_width=800).png(measured(60, 20, 5), "x")
    np.testing.assert_array_equal(pixels(last), pixels(at_once))


@pytest.mark.parametrize(
    "setting, formula",
    [
        ((784, 100, 20), "2/(n_in + n_out)"),
        ((800, 800, 30, "geometric", "relu"), "2 · 1/√(n_in·n_out)"),
        ((799, 797, 2, "xavier", "relu"), "2 · 2/(n_in + n_out)"),
        ((16, 16, 30, "geometric"), "1/√(n_in·n_out)"),
        ((16, 800, 30, "xavier"), "2/(n_in + n_out)"),
    ],
)
def test_texts_lie_inside_and_do_not_overlap_each_other(figure, setting, formula):
    figure.png(measured(*setting), formula)
    axes = figure.along_depth.ax
    texts = [figure.rule, figure.shares, *figure.numbers, *figure.figure.legends[0].get_texts()]
    texts += figure.silhouette.get_xticklabels() + [axes.xaxis.label, axes.yaxis.label]
    texts += axes.get_xticklabels() + axes.get_yticklabels()
    assert_texts_inside_and_apart(figure.live, texts)
