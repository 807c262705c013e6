"""The picture of a trainability map."""

import matplotlib.pyplot as plt
import numpy as np
import pytest

from course_utils.plotting import trainability_map

ACCURACY = np.array([[0.9, 0.8, 0.7], [0.1, 0.5, 0.1]])


def test_every_cell_lies_around_its_own_values_and_shows_its_accuracy_in_percent():
    ax = trainability_map([1.0, 2.0, 4.0], [10, 30], ACCURACY)
    (mesh,) = ax.collections
    np.testing.assert_allclose(mesh.get_array(), 100 * ACCURACY)
    corners = mesh.get_coordinates()
    np.testing.assert_allclose(corners[0, :, 0], [0.5, 1.5, 3.0, 5.0])
    np.testing.assert_allclose(corners[:, 0, 1], [0, 20, 40])


def test_a_border_may_be_infinite_and_does_not_widen_the_map():
    border = ([1.0, 1.76, 3.0], [20.0, np.inf, 50.0])
    ax = trainability_map([1.0, 2.0, 4.0], [10, 30], ACCURACY, border=border)
    (line,) = ax.lines
    assert np.isfinite(line.get_ydata()).all() and line.get_ydata()[1] > 40
    assert ax.get_ylim() == (0, 40) and ax.get_xlim() == (0.5, 5.0)
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["6 depth scales, 6 ξ_c"]


def test_the_legend_covers_neither_the_map_nor_the_title():
    border = ([1.0, 4.0], [20.0, 30.0])
    ax = trainability_map([1.0, 2.0, 4.0], [10, 30], ACCURACY, border=border, title="20 networks")
    ax.figure.draw_without_rendering()
    legend = ax.get_legend().get_window_extent()
    assert legend.y0 >= ax.get_window_extent().y1
    (title,) = [text for text in ax.figure.findobj(plt.Text) if text.get_text() == "20 networks"]
    assert not legend.overlaps(title.get_window_extent())


def test_it_draws_where_it_is_told():
    _, ax = plt.subplots()
    assert trainability_map([1, 2, 4], [10, 30], ACCURACY, title="a map", ax=ax) is ax
    assert ax.get_title("left") == "a map" and ax.get_ylabel() == "hidden layers"


@pytest.mark.parametrize("depths", [[10, 20, 30], [10]])
def test_a_map_of_another_shape_is_refused(depths):
    with pytest.raises(ValueError, match=rf"each of the {len(depths)} depths .* got \(2, 3\)"):
        trainability_map([1, 2, 4], depths, ACCURACY)
