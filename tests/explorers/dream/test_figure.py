import dataclasses

import matplotlib
import numpy as np
import pytest
from helpers.pictures import (
    assert_texts_inside_and_apart,
    assert_the_notebooks_style_changes_nothing,
    pixels,
)

from course_utils.explorers.dream.experiment import DataFacts, Dream, DreamSetting
from course_utils.explorers.dream.figure import CHOSEN, HELD, DreamFigure, Mosaic, enlarged

DRAW = np.random.default_rng(0)
FILTERS = DRAW.normal(size=(7, 16))
BLUE_TO_RED = np.arange(256, dtype=np.uint32)


def dreamt(*setting, data=True, n_chains=6, n_visible=16, n_hidden=7, **fields):
    setting = DreamSetting(*setting, **fields)
    draw = np.random.default_rng(setting.steps)
    steps = np.array([n for n in (0, 1, 2, 5, 10) if n < setting.steps] + [setting.steps])
    return Dream(
        setting=setting,
        pictures=draw.random((n_chains, n_visible)),
        hidden=draw.random((n_chains, n_hidden)) < 0.5,
        steps=steps,
        free_energy=-100 + 50 * draw.random(len(steps)),
        moved=3.0,
        spread=5.0,
        data=DataFacts(-120.0, 10.0, 3.0, 6.0) if data else None,
    )


def figure(**options):
    return DreamFigure(FILTERS, **{"n_chains": 6, "max_steps": 1000, **options})


@pytest.fixture(scope="module")
def shared():
    return figure()


def place(drawing, mosaic, i):
    """Row and column of the first pixel of tile ``i`` in the finished picture, from its top."""
    first = mosaic.tiles[i].__array_interface__["data"][0]  # its address; the rows go up
    row, column = divmod((first - mosaic.pixels.ctypes.data) // 4, mosaic.pixels.shape[1])
    left, bottom = mosaic.corner
    return drawing.live.canvas.get_width_height()[1] - 1 - bottom - row, left + column


def shown(drawing, png, mosaic, i):
    """The pixels of one tile in the finished picture, (tile, tile, 3), row 0 on top."""
    y, x = place(drawing, mosaic, i)
    return pixels(png)[y : y + mosaic.tile, x : x + mosaic.tile]


def middle(tile, row, column, side=4):
    """The colour in the middle of one of a tile's side · side pixels."""
    size = len(tile)
    return tile[int((row + 0.5) * size / side), int((column + 0.5) * size / side)]


def rgb(color):
    return (255 * np.array(matplotlib.colors.to_rgb(color))).round().astype(int)


def test_each_dream_stands_in_its_place_upright_as_dark_ink(shared):
    dream = dreamt(20)
    png = shared.png(dream)
    for chain, picture in enumerate(dream.pictures.reshape(-1, 4, 4)):
        tile = shown(shared, png, shared.dreams, chain)
        for row in range(4):
            for column in range(4):
                grey = 255 * (1 - picture[row, column])
                assert np.abs(middle(tile, row, column) - grey).max() <= 9  # half a palette step


def test_tiles_follow_each_other_as_words_do(shared):
    places = [place(shared, shared.dreams, chain) for chain in range(6)]
    assert len(set(places)) == 6 and places == sorted(places)


def test_dreams_with_the_chosen_unit_on_are_framed(shared):
    dream = dreamt(20, unit=3)
    png = shared.png(dream)
    for chain, on in enumerate(dream.hidden[:, 3]):
        corner = shown(shared, png, shared.dreams, chain)[1, 1]
        assert np.array_equal(corner, rgb(CHOSEN)) == on


def test_filters_of_units_that_are_on_are_vivid_of_others_pale(shared):
    dream = dreamt(20, unit=6)
    dream.hidden[:] = False
    dream.hidden[:, 2] = True
    png = shared.png(dream)
    tiles = [shown(shared, png, shared.units, unit) for unit in range(6)]  # 6 has a frame
    ink = [(255 - tile).sum() for tile in tiles]
    assert ink[2] > 3 * max(ink[:2] + ink[3:])


def test_a_positive_weight_is_red_and_a_negative_blue(shared):
    dream = dreamt(20, unit=1)
    tile = shown(shared, shared.png(dream), shared.large, 0)
    for place in (FILTERS[1].argmax(), FILTERS[1].argmin()):
        red, _, blue = middle(tile, *divmod(place, 4))
        assert (red > blue + 60) == (FILTERS[1, place] > 0)


def test_the_chosen_unit_and_the_held_ones_are_framed_and_named(shared):
    png = shared.png(dreamt(20, unit=1, clamped={4: "off", 5: "on"}))
    corners = [shown(shared, png, shared.units, unit)[1, 1] for unit in range(7)]
    framed = {
        i: c for i, c in enumerate(corners) for c in (CHOSEN, HELD) if (corners[i] == rgb(c)).all()
    }
    assert framed == {1: CHOSEN, 4: HELD, 5: HELD}
    assert shared.name.get_text() == "unit 1: free"
    shared.png(dreamt(20, unit=5, clamped={4: "off", 5: "on"}))
    assert shared.name.get_text() == "unit 5: held on"


def test_the_mean_dreams_with_the_unit_on_and_off_are_shown_with_their_number(shared):
    dream = dreamt(20, unit=3)
    dream.hidden[:, 3] = on = np.array([1, 0, 0, 0, 0, 1], bool)
    png = shared.png(dream)
    for i, those in enumerate((on, ~on)):
        tile, mean = shown(shared, png, shared.means, i), dream.pictures[those].mean(0)
        assert abs(middle(tile, 1, 2)[0] - 255 * (1 - mean[6])) <= 9
    counts = [text.get_text() for text in shared.counts]
    assert counts == ["on in 2: their mean", "off in 4: their mean"]


def test_where_no_dream_has_the_unit_on_the_mean_is_white(shared):
    dream = dreamt(20)
    dream.hidden[:] = False
    tile = shown(shared, shared.png(dream), shared.means, 0)
    assert (middle(tile, 1, 1) == 255).all()


def test_the_free_energy_is_drawn_beside_that_of_the_data(shared):
    dream = dreamt(20)
    shared.png(dream)
    np.testing.assert_array_equal(shared.curve.get_xydata()[:, 0], dream.steps)
    np.testing.assert_array_equal(shared.curve.get_ydata(), dream.free_energy)
    assert shared.middle.get_ydata()[0] == -120
    assert (shared.band.get_y(), shared.band.get_height()) == (-130, 20)
    low, high = shared.axes.get_ylim()
    assert low <= -130 and high >= dream.free_energy[1:].max()


def test_the_free_energy_of_noise_does_not_squeeze_the_axis_once_there_are_steps(shared):
    dream = dreamt(20)
    dream.free_energy[0] = 5000.0
    shared.png(dream)
    assert shared.axes.get_ylim()[1] < 200
    shared.png(dataclasses.replace(dream, steps=dream.steps[:1], free_energy=dream.free_energy[:1]))
    assert shared.axes.get_ylim()[1] >= 5000


def test_without_real_images_no_band_is_drawn():
    drawing = figure()
    drawing.png(dreamt(20, data=False))
    assert not any(a.get_visible() for a in (drawing.band, drawing.middle, drawing.legend))


def test_a_picture_reached_by_moves_equals_one_drawn_at_once(shared):
    for dream in (dreamt(0), dreamt(900, 0.2, unit=6, clamped={1: "on"}), dreamt(5, unit=2)):
        last = shared.png(dream)
    np.testing.assert_array_equal(pixels(last), pixels(figure().png(dreamt(5, unit=2))))


def test_the_notebooks_style_does_not_change_the_picture():
    assert_the_notebooks_style_changes_nothing(lambda: figure().png(dreamt(7)))


@pytest.mark.parametrize(
    "n_chains, n_hidden, n_visible", [(20, 500, 784), (1, 2, 4), (60, 2000, 784), (7, 13, 64)]
)
def test_every_size_of_rbm_fits_with_tiles_apart_and_inside(n_chains, n_hidden, n_visible):
    filters = np.zeros((n_hidden, n_visible))
    drawing = DreamFigure(filters, n_chains=n_chains, max_steps=1000)
    size = {"n_chains": n_chains, "n_hidden": n_hidden, "n_visible": n_visible}
    assert drawing.png(dreamt(20, unit=n_hidden - 1, **size))
    width, height = drawing.live.canvas.get_width_height()
    for mosaic, n in ((drawing.dreams, n_chains), (drawing.units, n_hidden), (drawing.means, 2)):
        left, bottom = mosaic.corner
        assert left >= 0 and bottom >= 0 and mosaic.tile >= 8 and len(mosaic.tiles) == n
        assert left + mosaic.pixels.shape[1] <= width and bottom + mosaic.pixels.shape[0] <= height


def test_texts_lie_inside_and_do_not_overlap_each_other(shared):
    dream = dreamt(1000, 0.123, unit=6, clamped={6: "off"})
    shared.png(dream)
    texts = [*shared.figure.texts, *shared.legend.get_texts(), shared.axes.xaxis.label]
    texts += shared.axes.get_xticklabels() + shared.axes.get_yticklabels()
    assert_texts_inside_and_apart(shared.live, texts, more_than=12)


@pytest.mark.parametrize("n", [1, 2, 3, 7, 20, 500])
def test_a_mosaic_takes_the_largest_tiles_that_fit(n):
    width, height = 300, 200
    mosaic = Mosaic((0, 0, width, height), n, BLUE_TO_RED, gap=0.1)
    step = max(min(width // c, height // -(-n // c)) for c in range(1, n + 1))
    assert mosaic.tile == step - 2 * max(round(0.05 * step), 1)


def test_painting_replaces_a_frame(shared):
    mosaic = Mosaic((0, 0, 60, 60), 4, BLUE_TO_RED, gap=0.1)
    values = np.full((4, 2, 2), 100 / 255)
    mosaic.paint(values)
    before = mosaic.pixels.copy()
    mosaic.frame(2, CHOSEN)
    assert (mosaic.pixels != before).any() and (mosaic.tiles[0] == 100).all()
    mosaic.paint(values)
    np.testing.assert_array_equal(mosaic.pixels, before)


def test_enlarging_keeps_pixels_sharp_and_small_changes_of_size_keep_the_mean():
    image = DRAW.random((2, 4, 4)).astype(np.float32)
    np.testing.assert_array_equal(enlarged(image, 8), image.repeat(2, axis=1).repeat(2, axis=2))
    assert enlarged(image, 4) is image
    for size in (3, 6):
        resized = enlarged(image, size)
        assert resized.shape == (2, size, size)
        np.testing.assert_allclose(resized.mean((1, 2)), image.mean((1, 2)), atol=0.08)
