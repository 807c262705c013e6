"""Curves and matrices: what is drawn is what was given, on axes that show all of it."""

import numpy as np
import pytest

from course_utils import plotting


def test_std_by_layer_draws_each_curve_and_prediction_on_a_log_axis():
    ax = plotting.std_by_layer(
        {"tanh": [1.0, 0.5, 0.0]}, predictions={"tanh": [1.0, 0.4, 0.2]}, colors={"tanh": "#123456"}
    )
    measured, predicted = ax.lines
    np.testing.assert_array_equal(measured.get_xdata(), [1, 2, 3])
    np.testing.assert_array_equal(measured.get_ydata(), [1.0, 0.5, np.nan])  # 0 has no logarithm
    np.testing.assert_array_equal(predicted.get_ydata(), [1.0, 0.4, 0.2])
    assert measured.get_color() == "#123456" and predicted.get_linestyle() == "--"
    assert ax.get_yscale() == "log" and ax.get_xlabel() == "layer"
    assert [t.get_text() for t in ax.get_legend().get_texts()] == ["tanh", "theory"]


def test_std_by_layer_draws_the_geometric_mean_of_seeds_in_a_band_that_is_in_view():
    ax = plotting.std_by_layer({"relu": [[1.0, 0.02], [1.0, 0.5], [1.0, 0.1]]})
    np.testing.assert_allclose(ax.lines[0].get_ydata(), [1.0, 0.1])
    heights = ax.collections[0].get_paths()[0].vertices[:, 1]
    assert heights.min() == 0.02 and heights.max() == 1.0
    assert ax.get_ylim() == pytest.approx((0.01, 10.0))


def test_learning_curves_draws_mean_and_range_over_seeds():
    runs = np.array([[2.0, 1.0, 0.5], [4.0, 1.0, 0.1]])
    ax = plotting.learning_curves({"he": runs, "one": runs[0]}, x=[10, 20, 30])
    np.testing.assert_allclose(ax.lines[0].get_ydata(), [3.0, 1.0, 0.3])
    np.testing.assert_array_equal(ax.lines[0].get_xdata(), [10, 20, 30])
    assert len(ax.collections) == 1  # a single run has no band
    band = ax.collections[0].get_paths()[0].vertices[:, 1]
    assert band.min() == pytest.approx(0.1) and band.max() == pytest.approx(4.0)


def test_matrices_share_one_scale_that_is_white_at_zero():
    axes = plotting.matrices({"a": np.array([[1.0, -3.0]]), "b": np.array([[0.5, 0.0]])})
    limits = {ax.images[0].get_clim() for ax in axes}
    assert limits == {(-3.0, 3.0)}


def test_matrices_of_zeros_can_be_drawn():
    (ax,) = plotting.matrices({"zero": np.zeros((2, 2))})
    assert ax.images[0].get_clim() == (-1.0, 1.0)


def test_the_log_axis_begins_and_ends_at_powers_of_ten():
    ax = plotting.std_by_layer({"a": [0.5, 0.03]})
    assert ax.get_ylim() == pytest.approx((0.01, 1.0))
    ax = plotting.std_by_layer({"a": [1.0, 1000.0]})
    assert ax.get_ylim() == pytest.approx((0.1, 10_000.0))
