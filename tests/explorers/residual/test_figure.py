import numpy as np
import pytest
from helpers.pictures import (
    assert_texts_inside_and_apart,
    assert_the_notebooks_style_changes_nothing,
    pixels,
)

from course_utils.explorers.residual.experiment import ResidualMeasurement, ResidualSetting
from course_utils.explorers.residual.figure import CURVES, draw, figure_of
from course_utils.theory import stream_gradient_path, stream_path


def measured(depth=20, scale=1.0, normalization="none", start="he"):
    setting = ResidualSetting(depth, scale, normalization, start)
    signal, gradient = stream_path(setting.stack) ** 0.5, stream_gradient_path(setting.stack) ** 0.5
    share = np.sqrt(np.diff(signal**2)) / signal[1:]
    return ResidualMeasurement(setting, 1.1 * signal, 0.9 * gradient, signal, gradient, share)


def drawn(*setting):
    """Return the figure, its curves' axes, and those of the shares."""
    figure = figure_of(measured(*setting), dpi=100)
    return figure, *figure.axes


def test_a_bar_is_as_high_as_its_share_and_stands_at_its_block():
    *_, shares = drawn(7, 0.5, "layer")
    heights = [bar.get_height() for bar in shares.patches]
    np.testing.assert_allclose(heights, measured(7, 0.5, "layer").share)
    middles = [bar.get_x() + bar.get_width() / 2 for bar in shares.patches]
    np.testing.assert_allclose(middles, np.arange(1, 8))


@pytest.mark.parametrize("depth", [1, 2, 33, 50])
def test_a_bar_stands_above_its_blocks_point_on_the_curves(depth):
    _, curves, shares = drawn(depth)
    assert shares.get_xlim() == curves.get_xlim()
    above, below = shares.get_position(), curves.get_position()
    assert (above.x0, above.x1) == (below.x0, below.x1) and above.y0 > below.y1


def test_the_curves_hold_measurement_and_theory_after_each_block():
    _, curves, _ = drawn(7)
    for name, curve in zip(CURVES, curves.lines, strict=True):
        np.testing.assert_array_equal(curve.get_xdata(), np.arange(1, 8))
        np.testing.assert_array_equal(curve.get_ydata(), getattr(measured(7), name)[1:])


@pytest.mark.parametrize(
    "setting, rule",
    [
        ((), "x + 1 · W relu(x)"),
        ((9, 0.25, "layer"), "x + 0.25 · W relu(layer norm(x))"),
        ((9, 1.0, "none", "fixup"), "x + 1 · 0 relu(x)"),
        ((9, 1.0, "batch", "rezero"), "x + 0 · W relu(batch norm(x))"),
    ],
)
def test_what_a_block_computes_is_written_above(setting, rule):
    figure, *_ = drawn(*setting)
    assert figure.texts[0].get_text() == rule


def test_the_notebooks_style_does_not_change_the_picture():
    assert_the_notebooks_style_changes_nothing(lambda: draw(measured()))


def test_the_picture_is_2000_pixels_wide_or_as_many_as_are_asked_for():
    assert pixels(draw(measured())).shape[1] == 2000
    assert pixels(draw(measured(), dpi=50)).shape[1] == 500


@pytest.mark.parametrize(
    "setting",
    [
        (50, 3.0),
        (1, 1.0),
        (20, 1.0, "layer"),
        (50, 1 / 3, "batch"),
        (50, 1.0, "none", "fixup"),
    ],
)
def test_texts_lie_inside_and_do_not_overlap_each_other(setting):
    figure, curves, shares = drawn(*setting)
    texts = [*figure.texts, *figure.legends[0].get_texts()]
    texts += [shares.yaxis.label, *shares.get_yticklabels()]
    texts += [curves.xaxis.label, curves.yaxis.label]
    texts += [*curves.get_xticklabels(), *curves.get_yticklabels()]
    assert_texts_inside_and_apart(figure, texts, more_than=10)
