"""Any container of numbers is drawn, or refused in words: by every function of the room."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import torch

from course_utils import plotting
from course_utils.plotting.numbers import as_numbers


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


VALUES = [[0.5, 0.25, 0.125], [1.0, 0.5, 0.25]]
CONTAINERS = {
    "lists": VALUES,
    "tensor": torch.tensor(VALUES),
    "gradient": torch.tensor(VALUES, requires_grad=True),
    "half": torch.tensor(VALUES, dtype=torch.bfloat16),
    "tensors": [torch.tensor(row, requires_grad=True) for row in VALUES],
    "frame": pd.DataFrame(VALUES),
}


@pytest.mark.parametrize("values", CONTAINERS.values(), ids=CONTAINERS)
def test_numbers_of_any_container_are_the_same_numbers(values):
    np.testing.assert_array_equal(as_numbers(values), VALUES)


@pytest.mark.parametrize("values", CONTAINERS.values(), ids=CONTAINERS)
def test_curves_and_matrices_are_drawn_from_any_container(values):
    np.testing.assert_allclose(
        plotting.learning_curves({"a": values}).lines[0].get_ydata(), [0.75, 0.375, 0.1875]
    )
    assert np.isfinite(plotting.std_by_layer({"a": values}).lines[0].get_ydata()).all()
    (ax,) = plotting.matrices({"a": values})
    np.testing.assert_array_equal(ax.images[0].get_array(), VALUES)
    edges = torch.tensor([0.0, 1.0, 2.0, 3.0], requires_grad=True)
    assert len(plotting.histograms_by_layer(values, edges, names=["1", "2"])) == 2
    plotting.trainability_map(torch.tensor([1.0, 2.0, 3.0]), [1, 2], values)


@pytest.mark.parametrize("draw", [plotting.learning_curves, plotting.std_by_layer])
def test_the_columns_of_a_frame_and_a_named_series_are_curves(draw):
    frame = pd.DataFrame({"he": [1.0, 0.5], "xavier": [1.0, 0.2]})
    assert [line.get_label() for line in draw(frame).lines] == ["he", "xavier"]
    (line,) = draw(frame["he"]).lines
    assert line.get_label() == "he" and list(line.get_ydata()) == [1.0, 0.5]


def test_intervals_are_drawn_of_tensors_and_frames():
    tensors = {"a": torch.tensor([0.5, 0.6], requires_grad=True), "b": torch.tensor([0.1, 0.2])}
    frame = pd.DataFrame({"a": [0.5, 0.6], "b": [0.1, 0.2]})
    for values in (tensors, frame):
        names = [text.get_text() for text in plotting.intervals(values).get_yticklabels()]
        assert names == ["b", "a"]


def test_a_curve_of_one_point_can_be_seen():
    (line,) = plotting.learning_curves({"a": [0.5]}).lines
    assert line.get_marker() == "o"
    assert plotting.learning_curves({"a": [0.5, 0.4]}).lines[0].get_marker() == "None"


def test_images_as_torch_has_them_and_with_a_hole_are_drawn():
    images = torch.rand(2, 1, 4, 4, requires_grad=True)
    shown = [ax.images[0].get_array() for ax in plotting.images(images).axes if ax.images]
    np.testing.assert_allclose(shown, images.detach()[:, 0].numpy())
    hole = np.array([[np.nan, -2.0, 1.0, 0.0]])
    assert plotting.image_grid(hole, symmetric=True).images[0].get_clim() == (-2, 2)
    assert plotting.matrices({"a": hole})[0].images[0].get_clim() == (-2, 2)


def test_a_frame_of_numbers_is_a_table():
    frame = pd.DataFrame({"loss": [0.3812, 0.5]}, index=["Xavier", "He"])
    written = plotting.table(frame, {"loss": ".2f"})
    assert written["loss"].to_dict() == {"Xavier": "0.38", "He": "0.50"}


NAMED = {
    "learning_curves": plotting.learning_curves,
    "std_by_layer": plotting.std_by_layer,
    "intervals": plotting.intervals,
    "matrices": plotting.matrices,
}


@pytest.mark.parametrize("draw", NAMED.values(), ids=NAMED)
@pytest.mark.parametrize(
    "values, error, words",
    [
        ([1.0, 0.5], TypeError, r'must be a dictionary, .* got list: try {"a label": '),
        (np.zeros((2, 2)), TypeError, r"got ndarray of the shape \(2, 2\): try"),
        (pd.Series([1.0, 0.5]), TypeError, r"got Series of the shape \(2,\): try"),
        ({}, ValueError, "is empty: there is nothing to draw"),
        ({"a": []}, ValueError, r"there is no number in 'a': got the shape \(0,\)"),
        ({"a": "deep"}, TypeError, "'a' must be numbers, rows of one length, got str"),
        ({"a": [[1.0, 2.0], [3.0]]}, TypeError, "'a' must be numbers, rows of one length"),
        ({"a": 0.5}, ValueError, r"'a' must be of the shape \(.*, got \(\)"),
        ({"a": np.zeros((2, 2, 2))}, ValueError, r"'a' must be of the shape .* \(2, 2, 2\)"),
    ],
)
def test_what_has_no_labels_or_no_numbers_is_refused_in_words(draw, values, error, words):
    with pytest.raises(error, match=words):
        draw(values)
    assert not plt.get_fignums()  # no empty figure is left


@pytest.mark.parametrize(
    "draw, error, words",
    [
        (lambda: plotting.matrices({"a": np.zeros(3)}), ValueError, r"one row try values\[None\]"),
        (lambda: plotting.matrices({"a": [[np.nan]]}), ValueError, "no number in named is finite"),
        (
            lambda: plotting.intervals({"a": [0.5]}),
            ValueError,
            r"two or more .* \[0.5\] of 'a'",
        ),
        (lambda: plotting.intervals({"a": [0.5, np.nan]}), ValueError, "got .*nan.* of 'a'"),
        (
            lambda: plotting.learning_curves({"a": [1.0, 2.0]}, x=[1]),
            ValueError,
            r"x must have the 2 points of 'a', got \(1,\)",
        ),
        (
            lambda: plotting.learning_curves({"a": [1.0]}, colors=["red"]),
            TypeError,
            "colors must be a dictionary, .* got list",
        ),
        (
            lambda: plotting.std_by_layer({"a": [1.0]}, predictions=[1.0]),
            TypeError,
            "predictions must be a dictionary",
        ),
        (
            lambda: plotting.image_grid(np.full((2, 784), np.nan), symmetric=True),
            ValueError,
            "no number in images is finite",
        ),
        (lambda: plotting.images(np.zeros((2, 10))), ValueError, "must be square"),
        (lambda: plotting.images(np.zeros((0, 784))), ValueError, "no number in images"),
        (lambda: plotting.images(np.zeros(784)), ValueError, r"one image write image\[None\]"),
        (lambda: plotting.images(np.zeros((2, 4)), columns=0), ValueError, "columns must be 1"),
        (lambda: plotting.images(np.zeros((2, 4)), names=["a"]), ValueError, "as many names"),
        (
            lambda: plotting.histograms_by_layer(np.ones(3), np.arange(4), names=["a"]),
            ValueError,
            r"counts must be \(n_layers, n_bins\).*try counts\[None\]",
        ),
        (
            lambda: plotting.histograms_by_layer(np.ones((2, 3)), np.arange(4), names=["a"]),
            ValueError,
            "and 1 names",
        ),
        (lambda: plotting.bar_heights([]), ValueError, "no number in counts"),
        (
            lambda: plotting.trainability_map([1, 2], [1, 2], [0.5, 0.5]),
            ValueError,
            r"accuracy must have one row .* got \(2,\)",
        ),
        (lambda: plotting.table([[1]], {"a": ".1f"}), TypeError, "rows must be a dictionary"),
        (lambda: plotting.table({"a": [1]}, ["a"]), TypeError, "columns must be a dictionary"),
        (lambda: plotting.table({"a": 1}, {"a": ".1f"}), TypeError, "row 'a' must be a list"),
        (
            lambda: plotting.table({"a": [torch.ones(2)]}, {"a": ".1f"}),
            TypeError,
            r"is one number or a pair, got the shape \(2,\)",
        ),
    ],
)
def test_what_cannot_be_drawn_is_refused_in_words(draw, error, words):
    with pytest.raises(error, match=words):
        draw()
