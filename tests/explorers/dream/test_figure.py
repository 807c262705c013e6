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
from course_utils.explorers.dream.figure import (
    CHOSEN,
    HELD,
    Mosaic,
    draw,
    enlarged,
    figure_of,
    limit_of,
)
from course_utils.explorers.still import as_png

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


class Drawn:
    """A dream as it is drawn: the figure, its mosaics by name, and the finished picture."""

    def __init__(self, dream, filters=FILTERS):
        self.figure = figure_of(dream, filters)
        mosaics = self.figure.findobj(Mosaic)
        self.mosaics = {mosaic.get_gid(): mosaic for mosaic in mosaics}
        self.picture = pixels(as_png(self.figure))
        self.axes = self.figure.axes[0]
        self.words = [text.get_text() for text in self.figure.texts]

    def place(self, name, i):
        """Row and column of the first pixel of a tile in the finished picture, from its top."""
        mosaic = self.mosaics[name]
        first = mosaic.tiles[i].__array_interface__["data"][0]  # its address; the rows go up
        row, column = divmod((first - mosaic.pixels.ctypes.data) // 4, mosaic.pixels.shape[1])
        left, bottom = mosaic.corner
        return len(self.picture) - 1 - bottom - row, left + column

    def tile(self, name, i):
        """The pixels of one tile in the finished picture, (tile, tile, 3), row 0 on top."""
        (y, x), size = self.place(name, i), self.mosaics[name].tile
        return self.picture[y : y + size, x : x + size]


def middle(tile, row, column, side=4):
    """The colour in the middle of one of a tile's side · side pixels."""
    size = len(tile)
    return tile[int((row + 0.5) * size / side), int((column + 0.5) * size / side)]


def rgb(color):
    return (255 * np.array(matplotlib.colors.to_rgb(color))).round().astype(int)


def test_each_dream_stands_in_its_place_upright_as_dark_ink():
    dream = dreamt(20)
    drawn = Drawn(dream)
    for chain, picture in enumerate(dream.pictures.reshape(-1, 4, 4)):
        tile = drawn.tile("dreams", chain)
        for row in range(4):
            for column in range(4):
                grey = 255 * (1 - picture[row, column])
                assert np.abs(middle(tile, row, column) - grey).max() <= 9  # half a palette step


def test_tiles_follow_each_other_as_words_do():
    drawn = Drawn(dreamt(20))
    places = [drawn.place("dreams", chain) for chain in range(6)]
    assert len(set(places)) == 6 and places == sorted(places)


def test_dreams_with_the_chosen_unit_on_are_framed():
    dream = dreamt(20, unit=3)
    drawn = Drawn(dream)
    for chain, on in enumerate(dream.hidden[:, 3]):
        assert np.array_equal(drawn.tile("dreams", chain)[1, 1], rgb(CHOSEN)) == on


def test_filters_of_units_that_are_on_are_vivid_of_others_pale():
    dream = dreamt(20, unit=6)
    dream.hidden[:] = False
    dream.hidden[:, 2] = True
    drawn = Drawn(dream)
    ink = [(255 - drawn.tile("units", unit)).sum() for unit in range(6)]  # 6 has a frame
    assert ink[2] > 3 * max(ink[:2] + ink[3:])


def test_a_positive_weight_is_red_and_a_negative_blue():
    tile = Drawn(dreamt(20, unit=1)).tile("large", 0)
    for place in (FILTERS[1].argmax(), FILTERS[1].argmin()):
        red, _, blue = middle(tile, *divmod(place, 4))
        assert (red > blue + 60) == (FILTERS[1, place] > 0)


def test_the_chosen_unit_and_the_held_ones_are_framed_and_named():
    drawn = Drawn(dreamt(20, unit=1, clamped={4: "off", 5: "on"}))
    corners = [drawn.tile("units", unit)[1, 1] for unit in range(7)]
    framed = {
        i: c for i, c in enumerate(corners) for c in (CHOSEN, HELD) if (corners[i] == rgb(c)).all()
    }
    assert framed == {1: CHOSEN, 4: HELD, 5: HELD}
    assert "unit 1: free" in drawn.words
    assert "unit 5: held on" in Drawn(dreamt(20, unit=5, clamped={4: "off", 5: "on"})).words


def test_the_mean_dreams_with_the_unit_on_and_off_are_shown_with_their_number():
    dream = dreamt(20, unit=3)
    dream.hidden[:, 3] = on = np.array([1, 0, 0, 0, 0, 1], bool)
    drawn = Drawn(dream)
    for i, those in enumerate((on, ~on)):
        mean = dream.pictures[those].mean(0)
        assert abs(middle(drawn.tile("means", i), 1, 2)[0] - 255 * (1 - mean[6])) <= 9
    assert {"on in 2: their mean", "off in 4: their mean"} <= set(drawn.words)


def test_where_no_dream_has_the_unit_on_the_mean_is_white():
    dream = dreamt(20)
    dream.hidden[:] = False
    assert (middle(Drawn(dream).tile("means", 0), 1, 1) == 255).all()


def test_the_free_energy_is_drawn_beside_that_of_the_data():
    dream = dreamt(20)
    ax = Drawn(dream).axes
    curve, middle_of_data = ax.lines
    np.testing.assert_array_equal(curve.get_xydata()[:, 0], dream.steps)
    np.testing.assert_array_equal(curve.get_ydata(), dream.free_energy)
    assert middle_of_data.get_ydata()[0] == -120
    (band,) = ax.patches
    assert (band.get_y(), band.get_height()) == (-130, 20)
    low, high = ax.get_ylim()
    assert low <= -130 and high >= dream.free_energy[1:].max()


def test_the_free_energy_of_noise_does_not_squeeze_the_axis_once_there_are_steps():
    dream = dreamt(20)
    dream.free_energy[0] = 5000.0
    assert Drawn(dream).axes.get_ylim()[1] < 200
    begun = dataclasses.replace(dream, steps=dream.steps[:1], free_energy=dream.free_energy[:1])
    assert Drawn(begun).axes.get_ylim()[1] >= 5000


def test_without_real_images_no_band_is_drawn():
    drawn = Drawn(dreamt(20, data=False))
    assert len(drawn.axes.lines) == 1 and not drawn.axes.patches and not drawn.figure.legends


def test_the_title_counts_chains_and_steps():
    assert "6 chains, after 20 Gibbs steps, temperature 1" in Drawn(dreamt(20)).words
    assert "6 chains, at the start, temperature 0.5" in Drawn(dreamt(0, 0.5)).words
    assert "1 chain, after 1 Gibbs step, temperature 1" in Drawn(dreamt(1, n_chains=1)).words


def test_the_notebooks_style_does_not_change_the_picture():
    assert_the_notebooks_style_changes_nothing(lambda: draw(dreamt(7), FILTERS))


@pytest.mark.parametrize(
    "n_chains, n_hidden, n_visible", [(20, 500, 784), (1, 2, 4), (60, 2000, 784), (7, 13, 64)]
)
def test_every_size_of_rbm_fits_with_tiles_apart_and_inside(n_chains, n_hidden, n_visible):
    size = {"n_chains": n_chains, "n_hidden": n_hidden, "n_visible": n_visible}
    drawn = Drawn(dreamt(20, unit=n_hidden - 1, **size), np.zeros((n_hidden, n_visible)))
    height, width, _ = drawn.picture.shape
    for name, n in (("dreams", n_chains), ("units", n_hidden), ("means", 2)):
        mosaic = drawn.mosaics[name]
        left, bottom = mosaic.corner
        assert left >= 0 and bottom >= 0 and mosaic.tile >= 8 and len(mosaic.tiles) == n
        assert left + mosaic.pixels.shape[1] <= width and bottom + mosaic.pixels.shape[0] <= height


def test_texts_lie_inside_and_do_not_overlap_each_other():
    drawn = Drawn(dreamt(1000, 0.123, unit=6, clamped={6: "off"}))
    (legend,), ax = drawn.figure.legends, drawn.axes
    texts = [*drawn.figure.texts, *legend.get_texts(), ax.xaxis.label]
    texts += ax.get_xticklabels() + ax.get_yticklabels()
    assert_texts_inside_and_apart(drawn.figure, texts, more_than=12)


def test_few_weights_are_beyond_the_limit_of_the_colours_and_zeros_have_one():
    weights = DRAW.normal(size=(100, 100))
    assert (np.abs(weights) > limit_of(weights)).mean() == pytest.approx(0.01, abs=0.001)
    assert limit_of(np.zeros((2, 4))) == 1


@pytest.mark.parametrize("n", [1, 2, 3, 7, 20, 500])
def test_a_mosaic_takes_the_largest_tiles_that_fit(n):
    width, height = 300, 200
    mosaic = Mosaic((0, 0, width, height), n, BLUE_TO_RED, gap=0.1)
    step = max(min(width // c, height // -(-n // c)) for c in range(1, n + 1))
    assert mosaic.tile == step - 2 * max(round(0.05 * step), 1)


def test_painting_replaces_a_frame():
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
