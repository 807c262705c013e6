from types import SimpleNamespace

import numpy as np
import pytest
from matplotlib.figure import Figure

from course_utils.explorers.depth_curves import draw_depth_curves, round_layers


def drawn(measurement, **options):
    """Return the axes on which a measurement was drawn."""
    ax = Figure().add_subplot()
    draw_depth_curves(ax, measurement, legend_at=(1, 0.5), **options)
    return ax


def measured(signal, gradient=None):
    signal = np.asarray(signal, dtype=float)
    gradient = signal if gradient is None else np.asarray(gradient, dtype=float)
    return SimpleNamespace(
        signal=signal, gradient=gradient, predicted_signal=2 * signal, predicted_gradient=gradient
    )


def test_each_curve_holds_its_row_of_numbers_from_layer_1_on():
    measurement = measured([1, 2, 3], [3, 4, 5])
    curves = drawn(measurement).lines
    names = ("signal", "gradient", "predicted_signal", "predicted_gradient")
    for name, curve in zip(names, curves, strict=True):
        np.testing.assert_array_equal(curve.get_xdata(), [1, 2, 3])
        np.testing.assert_array_equal(curve.get_ydata(), getattr(measurement, name))


def test_theory_is_dashed_and_what_is_measured_has_dots():
    signal, gradient, *theory = drawn(measured([1, 2, 3])).lines
    assert [curve.get_marker() for curve in (signal, gradient)] == ["o", "o"]
    assert {curve.get_linestyle() for curve in theory} == {"--"}


def test_the_axis_is_the_same_until_something_would_not_fit():
    limits = [drawn(measured(signal)).get_ylim() for signal in ([1, 0.5, 0.2], [3, 0.3, 0.11])]
    assert limits[0] == limits[1] != drawn(measured([1, 0.05, 0.2])).get_ylim()


@pytest.mark.parametrize("decades", [-40, -13, -1, 0, 1, 5, 40])
def test_everything_lies_within_the_axis_with_ticks_at_powers_of_ten(decades):
    ax = drawn(measured([1, 10.0**decades]))
    low, high = ax.get_ylim()
    assert low < min(1, 10.0**decades) and max(2, 2 * 10.0**decades) < high
    ticks = np.log10(ax.get_yticks())
    np.testing.assert_allclose(ticks, ticks.round())
    assert 2 <= len(ticks) <= 9 and 0 in ticks.round()


def test_what_is_not_a_positive_number_is_a_gap():
    shown = drawn(measured([1, 0, np.inf, np.nan, 2])).lines[0].get_ydata()
    np.testing.assert_array_equal(np.isnan(shown), [False, True, True, True, False])


def test_there_is_room_for_the_input_if_asked_for():
    for first, left in ((1, 0.5), (0, -0.5)):
        assert drawn(measured([1, 1, 1]), first=first).get_xlim() == (left, 3.5)


def test_the_legend_names_both_curves_and_theory():
    ax = drawn(measured([1, 1]), labels=("up", "down"), ylabel="size")
    texts = [text.get_text() for text in ax.figure.legends[0].get_texts()]
    assert texts == ["up", "down", "theory"] and ax.get_ylabel() == "size"


@pytest.mark.parametrize(
    ("depth", "most", "expected"),
    [
        (1, 10, [1]),
        (2, 10, [1, 2]),
        (10, 10, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]),
        (12, 10, [1, 5, 10]),
        (50, 10, [1, 10, 20, 30, 40, 50]),
        (100, 10, [1, 20, 40, 60, 80, 100]),
        (64, 5, [1, 20, 40, 60]),
    ],
)
def test_long_axes_have_numbers_at_round_layers(depth, most, expected):
    assert round_layers(depth, most) == expected
