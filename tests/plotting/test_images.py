import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch

from course_utils import plotting
from course_utils.plotting import image_grid
from course_utils.plotting.images import square_images


def test_every_image_becomes_one_square_tile_in_its_order():
    values = np.random.default_rng(0).random((5, 16))
    ax = image_grid(values, columns=3)
    for tile, flat in zip(ax.images, values, strict=True):
        np.testing.assert_array_equal(tile.get_array(), flat.reshape(4, 4))


@pytest.mark.parametrize("n, columns", [(5, 3), (1, 10), (10, 10), (11, 10)])
def test_tiles_fill_the_rows_do_not_touch_and_lie_inside(n, columns):
    ax = image_grid(np.zeros((n, 9)), columns=columns)
    boxes = np.array([tile.get_extent() for tile in ax.images])  # left, right, bottom, top
    assert (boxes[:, 1] - boxes[:, 0] == pytest.approx(1)) and len(boxes) == n
    left, top = np.unique(boxes[:, 0].round(6)), np.unique(boxes[:, 3].round(6))
    assert len(left) == min(n, columns) and len(top) == -(-n // columns)
    assert (np.diff(left) > 1.02).all() and (np.diff(top) > 1.02).all()
    right, bottom = boxes[:, 1].max(), boxes[:, 2].max()
    assert ax.get_xlim()[0] < 0 and ax.get_xlim()[1] >= right
    assert ax.get_ylim()[1] <= 0 and ax.get_ylim()[0] >= bottom
    first_row = boxes[: min(n, columns)]
    assert (np.diff(first_row[:, 0]) > 0).all() and len(set(first_row[:, 3])) == 1


def test_tensors_and_arrays_flat_and_square_give_the_same_tiles():
    values = torch.rand(3, 5, 5, requires_grad=True)
    for images in (values, values.flatten(1), values.detach().numpy()):
        shown = np.stack([tile.get_array() for tile in image_grid(images).images])
        np.testing.assert_allclose(shown, values.detach().numpy())
    assert square_images(values.flatten(1)).shape == (3, 5, 5)


def test_pixels_go_from_white_to_black_on_one_scale():
    ax = image_grid(np.array([[0.0] * 4, [0.2] * 4, [1.0] * 4]))
    white, grey, black = (tile.to_rgba(tile.get_array())[0, 0] for tile in ax.images)
    assert tuple(white) == (1, 1, 1, 1) and tuple(black) == (0, 0, 0, 1)
    assert 0.7 < grey[0] < 0.9 and grey[0] == grey[1] == grey[2]


def test_filters_are_white_at_zero_on_one_scale_of_the_greatest_magnitude():
    ax = image_grid(np.array([[0.0] * 4, [-3.0] * 4, [1.5] * 4]), symmetric=True)
    assert {tile.get_clim() for tile in ax.images} == {(-3.0, 3.0)}
    zero, negative, positive = (tile.to_rgba(tile.get_array())[0, 0] for tile in ax.images)
    assert min(zero[:3]) > 0.95
    assert negative[2] > negative[0] and positive[0] > positive[2]


def test_a_limit_given_is_shared_by_several_grids():
    small, large = image_grid([[1.0] * 4], limit=2), image_grid([[-9.0] * 4], None, limit=2)
    assert small.images[0].get_clim() == large.images[0].get_clim() == (0, 2)
    assert image_grid([[1.0] * 4], symmetric=True, limit=5).images[0].get_clim() == (-5, 5)


def test_filters_that_are_all_zero_can_be_drawn():
    assert image_grid(np.zeros((2, 4)), symmetric=True).images[0].get_clim() == (-1, 1)


def test_each_title_stands_above_its_tile_and_below_the_row_before():
    ax = image_grid(np.zeros((4, 4)), columns=2, titles=["a", "b", "c", "d"], title="letters")
    ax.figure.canvas.draw()
    boxes = [text.get_window_extent() for text in ax.texts]
    tiles = [tile.get_window_extent() for tile in ax.images]
    assert [text.get_text() for text in ax.texts] == ["a", "b", "c", "d"]
    assert ax.get_title() == "letters"
    for text, tile in zip(boxes, tiles, strict=True):
        assert text.y0 >= tile.y1 and tile.x0 < (text.x0 + text.x1) / 2 < tile.x1
    assert boxes[2].y1 <= tiles[0].y0 and boxes[3].y1 <= tiles[1].y0


def test_it_draws_where_it_is_told_or_on_a_figure_that_fits_the_page():
    ax = plt.subplots()[1]
    assert image_grid(np.zeros((2, 4)), ax) is ax
    own = image_grid(np.zeros((100, 4)), columns=20)
    assert own.figure is not ax.figure and own.figure.get_figwidth() <= 8.001


def test_a_colour_bar_says_what_the_colours_measure():
    ax = image_grid([[1.0, -1.0, 0.0, 0.5]], symmetric=True, scale="weight")
    (bar,) = [other for other in ax.figure.axes if other is not ax]
    assert bar.get_ylabel() == "weight"


@pytest.mark.parametrize(
    "images, options, words",
    [
        (np.zeros((3, 10)), {}, r"square, got the shape \(3, 10\): 10 values .* 784 = 28 \* 28"),
        (np.zeros((3, 2, 8)), {}, r"square, got the shape \(3, 2, 8\)$"),
        (np.zeros(16), {}, r"got the shape \(16,\); for one image write image\[None\]"),
        (np.zeros((0, 16)), {}, r"got the shape \(0, 16\)"),
        (np.zeros((3, 16)), {"columns": 0}, "columns must be 1 or more, got 0"),
        (np.zeros((3, 16)), {"titles": ["a"]}, "3 images need as many titles or none, got 1"),
        (np.zeros((3, 16)), {"limit": 0}, "limit must be a positive finite number, got 0"),
    ],
)
def test_what_cannot_be_drawn_is_refused_in_words(images, options, words):
    with pytest.raises(ValueError, match=words):
        image_grid(images, **options)


def test_images_are_reshaped_to_squares_with_their_names():
    figure = plotting.images(np.random.rand(3, 16), names=["7", "1", "0"], columns=2)
    shown = [ax for ax in figure.axes if ax.images]
    assert [ax.images[0].get_array().shape for ax in shown] == [(4, 4)] * 3
    assert [ax.get_title() for ax in shown] == ["7", "1", "0"]


@pytest.mark.parametrize("kind", ["u1", "f4"])
def test_grey_values_up_to_255_are_refused_and_not_shown_as_ink(kind):
    grey = np.arange(32).reshape(2, 16).astype(kind) * 8
    with pytest.raises(ValueError, match="got up to 248: divide by 255"):
        plotting.images(grey)
    assert plotting.images(grey / 255) and plotting.images(grey > 99)
