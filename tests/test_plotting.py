import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from matplotlib.colors import to_rgb

from course_utils import initializers, plotting


@pytest.fixture(autouse=True)
def closed_figures():
    yield
    plt.close("all")


def test_every_scheme_has_a_colour_and_its_two_forms_share_it():
    for scheme in initializers.SCHEMES:
        style = plotting.scheme_style(scheme)
        assert style["linestyle"] == ("--" if scheme.endswith("_uniform") else "-")
    assert (
        plotting.scheme_style("he_normal")["color"] == plotting.scheme_style("he_uniform")["color"]
    )


def test_an_unknown_scheme_is_answered_with_the_known_ones():
    with pytest.raises(ValueError, match="'glorot'.*xavier"):
        plotting.scheme_style("glorot")


def _luminance(color):
    rgb = np.asarray(to_rgb(color))
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    return linear @ [0.2126, 0.7152, 0.0722]


def _seen(color, matrix):
    rgb = np.asarray(to_rgb(color))
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    return matrix @ linear


# Machado, Oliveira & Fernandes 2009, full deuteranopia and protanopia, on linear RGB
DEUTERANOPIA = np.array(
    [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.01182, 0.04294, 0.968881]]
)
PROTANOPIA = np.array(
    [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ]
)


@pytest.mark.parametrize("matrix", [np.eye(3), DEUTERANOPIA, PROTANOPIA])
def test_scheme_colours_differ_also_for_colour_blind_readers(matrix):
    seen = {name: _seen(color, matrix) for name, color in plotting.SCHEME_COLORS.items()}
    distances = {(a, b): np.linalg.norm(seen[a] - seen[b]) for a in seen for b in seen if a < b}
    closest = min(distances, key=distances.get)
    assert distances[closest] > 0.1, (closest, distances[closest])


def test_scheme_colours_stand_out_from_a_white_page():
    for name, color in plotting.SCHEME_COLORS.items():
        contrast = 1.05 / (_luminance(color) + 0.05)
        assert contrast > 2.0, (name, contrast)


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


def test_histograms_by_layer_draws_one_labelled_panel_a_layer():
    counts = np.array([[1, 4, 1], [0, 9, 0]])
    axes = plotting.histograms_by_layer(
        counts, np.array([-1.0, -0.5, 0.5, 1.0]), names=["layer 1", "layer 9"]
    )
    assert [ax.get_title() for ax in axes] == ["layer 1", "layer 9"]
    np.testing.assert_allclose(axes[0].patches[0].get_data().values, [0.5, 1, 0.5])


counts_of_bins = arrays(np.int64, (3, 8), elements=st.integers(0, 10**9))


@given(counts_of_bins)
def test_bar_heights_are_finite_between_0_and_1_and_keep_the_order(counts):
    heights = plotting.bar_heights(counts)
    assert np.isfinite(heights).all() and heights.min() >= 0 and heights.max() <= 1
    for row, height in zip(counts, heights, strict=True):
        assert (np.diff(height[np.argsort(row)]) >= 0).all()
        assert height.max() == (1 if row.any() else 0)


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


def test_images_are_reshaped_to_squares_with_their_names():
    figure = plotting.images(np.random.rand(3, 16), names=["7", "1", "0"], columns=2)
    shown = [ax for ax in figure.axes if ax.images]
    assert [ax.images[0].get_array().shape for ax in shown] == [(4, 4)] * 3
    assert [ax.get_title() for ax in shown] == ["7", "1", "0"]


def test_the_log_axis_begins_and_ends_at_powers_of_ten():
    ax = plotting.std_by_layer({"a": [0.5, 0.03]})
    assert ax.get_ylim() == pytest.approx((0.01, 1.0))
    ax = plotting.std_by_layer({"a": [1.0, 1000.0]})
    assert ax.get_ylim() == pytest.approx((0.1, 10_000.0))
