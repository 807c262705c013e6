"""Histograms: a panel a layer, and bars that keep order and bounds."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from course_utils import plotting


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
