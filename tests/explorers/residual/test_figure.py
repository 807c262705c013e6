import numpy as np
import pytest
from helpers.pictures import (
    assert_texts_inside_and_apart,
    assert_the_notebooks_style_changes_nothing,
    pixels,
)

from course_utils.explorers.residual.experiment import ResidualMeasurement, ResidualSetting
from course_utils.explorers.residual.figure import ResidualFigure
from course_utils.theory import stream_gradient_path, stream_path


def measured(depth=20, scale=1.0, normalization="none", start="he"):
    setting = ResidualSetting(depth, scale, normalization, start)
    signal, gradient = stream_path(setting.stack) ** 0.5, stream_gradient_path(setting.stack) ** 0.5
    share = np.sqrt(np.diff(signal**2)) / signal[1:]
    return ResidualMeasurement(setting, 1.1 * signal, 0.9 * gradient, signal, gradient, share)


@pytest.fixture(scope="module")
def figure():
    return ResidualFigure()


def test_a_bar_is_as_high_as_its_share_and_stands_above_its_blocks_point(figure):
    m = measured(7, 0.5, "layer")
    figure.png(m, "x")
    outline = figure.shares.get_xy()[:-1].reshape(7, 4, 2)  # without the closing point
    np.testing.assert_allclose(outline[:, 1:3, 1] - outline[:, [0], 1], m.share[:, None] @ [[1, 1]])
    np.testing.assert_allclose(outline[:, :, 0].mean(1), np.arange(1, 8))
    for depth in (1, 2, 33, 50):
        figure.png(measured(depth), "x")
        assert figure.steps.get_xlim() == figure.along_depth.ax.get_xlim()
        above, below = figure.steps.get_position(), figure.along_depth.ax.get_position()
        assert (above.x0, above.x1) == (below.x0, below.x1)


def test_the_curves_hold_measurement_and_theory_after_each_block(figure):
    m = measured(7)
    figure.png(m, "x")
    for name, curve in figure.along_depth.curves.items():
        np.testing.assert_array_equal(curve.get_xdata(), np.arange(1, 8))
        np.testing.assert_array_equal(curve.get_ydata(), getattr(m, name)[1:])


def test_the_rule_is_written_above(figure):
    figure.png(measured(), "x + 0.5 · W relu(x)")
    assert figure.rule.get_text() == "x + 0.5 · W relu(x)"


def test_the_notebooks_style_does_not_change_the_picture():
    assert_the_notebooks_style_changes_nothing(lambda: ResidualFigure().png(measured(), "x"))


def test_a_picture_reached_by_moves_equals_one_drawn_at_once(figure):
    for setting in ((50, 3.0), (1, 0.0), (12, 0.3, "batch")):
        last = figure.png(measured(*setting), "x")
    at_once = ResidualFigure().png(measured(12, 0.3, "batch"), "x")
    np.testing.assert_array_equal(pixels(last), pixels(at_once))


@pytest.mark.parametrize(
    "setting",
    [(50, 3.0), (1, 1.0), (20, 1.0, "layer"), (50, 1.0, "batch"), (50, 1.0, "none", "fixup")],
)
def test_texts_lie_inside_and_do_not_overlap_each_other(figure, setting):
    figure.png(measured(*setting), "x + 0.333 · W relu(batch norm(x))")
    axes = figure.along_depth.ax
    texts = [*figure.figure.texts, *figure.figure.legends[0].get_texts()]
    texts += [figure.steps.yaxis.label, *figure.steps.get_yticklabels()]
    texts += [axes.xaxis.label, axes.yaxis.label, *axes.get_xticklabels(), *axes.get_yticklabels()]
    assert_texts_inside_and_apart(figure.live, texts)
