from types import SimpleNamespace

import numpy as np
import pytest
from matplotlib.figure import Figure

from course_utils.explorers.depth_curves import DepthCurves, round_layers


def curves(**options):
    return DepthCurves(Figure().add_subplot(), legend_at=(1, 0.5), **options)


def measured(signal, gradient=None):
    signal = np.asarray(signal, dtype=float)
    gradient = signal if gradient is None else np.asarray(gradient, dtype=float)
    return SimpleNamespace(
        signal=signal, gradient=gradient, predicted_signal=2 * signal, predicted_gradient=gradient
    )


def test_each_curve_holds_its_row_of_numbers_from_layer_1_on():
    along = curves()
    measurement = measured([1, 2, 3], [3, 4, 5])
    along.show(measurement)
    for name, curve in along.curves.items():
        np.testing.assert_array_equal(curve.get_xdata(), [1, 2, 3])
        np.testing.assert_array_equal(curve.get_ydata(), getattr(measurement, name))


def test_the_axes_change_only_with_the_depth_or_when_something_would_not_fit():
    along = curves()
    assert along.show(measured([1, 0.5, 0.2]))
    assert not along.show(measured([3, 0.3, 0.11]))
    assert along.show(measured([1, 0.5]))
    assert along.show(measured([1, 0.05]))


@pytest.mark.parametrize("decades", [-40, -13, -1, 0, 1, 5, 40])
def test_everything_lies_within_the_axis_with_ticks_at_powers_of_ten(decades):
    along = curves()
    along.show(measured([1, 10.0**decades]))
    low, high = along.ax.get_ylim()
    assert low < min(1, 10.0**decades) and max(2, 2 * 10.0**decades) < high
    ticks = np.log10(along.ax.get_yticks())
    np.testing.assert_allclose(ticks, ticks.round())
    assert 2 <= len(ticks) <= 9 and 0 in ticks.round()


def test_what_is_not_a_positive_number_is_a_gap():
    along = curves()
    along.show(measured([1, 0, np.inf, np.nan, 2]))
    shown = along.curves["signal"].get_ydata()
    np.testing.assert_array_equal(np.isnan(shown), [False, True, True, True, False])


def test_there_is_room_for_the_input_if_asked_for():
    for first, left in ((1, 0.5), (0, -0.5)):
        along = curves(first=first)
        along.show(measured([1, 1, 1]))
        assert along.ax.get_xlim() == (left, 3.5)


def test_the_legend_names_both_curves_and_theory():
    along = curves(labels=("up", "down"), ylabel="size")
    texts = [text.get_text() for text in along.ax.figure.legends[0].get_texts()]
    assert texts == ["up", "down", "theory"] and along.ax.get_ylabel() == "size"


def test_axes_that_are_not_trusted_are_set_again():
    along = curves()
    assert along.show(measured([1, 0.5])) and not along.show(measured([1, 0.5]))
    along.ax.set_xlim(0, 1)
    assert along.show(measured([1, 0.5]), trusted=False) and along.ax.get_xlim() == (0.5, 2.5)


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
