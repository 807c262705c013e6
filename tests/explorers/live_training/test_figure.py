"""The picture of the live training: every run in its colours, on axes that hold all of them."""

import io
import math
from dataclasses import replace

import matplotlib
import numpy as np
import pytest
from helpers.live_training import DATA
from helpers.pictures import pixels
from matplotlib.colors import to_rgb
from PIL import Image

from course_utils.explorers.live_training.experiment import LiveRun, LiveTrainingSetting
from course_utils.explorers.live_training.figure import (
    GROUNDS,
    color_on,
    draw,
    figure_of,
    looks_of,
    luminance,
)
from course_utils.initializers import SCHEMES
from course_utils.networks import mlp
from course_utils.plotting import scheme_style, use_course_style
from course_utils.training import fit


def run(number, scheme="he_normal", losses=(2.0, 1.0, 0.5), planned=20, std=1.0):
    made = LiveRun(number, LiveTrainingSetting(scheme=scheme, std=std, steps=planned))
    made.losses, made.smooth = list(losses), list(losses)
    made.accuracies = [(0, 0.1), (len(losses), 0.6)]
    return made


def contrast(color, ground):
    one, other = sorted([luminance(color) + 0.05, luminance(GROUNDS[ground]) + 0.05])
    return other / one


def lightness(color):
    """Return L* of CIELAB, 0 to 100, in which equal steps look equal."""
    return 116 * luminance(color) ** (1 / 3) - 16


def labels(figure):
    return [text.get_text() for text in figure.texts]


# ---------------------------------------------------------------------- how runs are told apart


def test_luminance_is_that_of_wcag():
    assert luminance("black") == 0 and luminance("white") == pytest.approx(1)
    assert contrast("#767676", "light") == pytest.approx(4.54, abs=0.01)


@pytest.mark.parametrize("ground", GROUNDS)
@pytest.mark.parametrize("scheme", SCHEMES)
def test_every_scheme_stands_out_from_the_ground_in_its_own_hue(scheme, ground):
    color = looks_of([run(1, scheme)])[0].colors[ground]
    assert contrast(color, ground) >= 3
    own = scheme_style(scheme)["color"].lower()
    if contrast(own, ground) >= 3.1:
        assert color == own
    saturated = [max(to_rgb(c)) - min(to_rgb(c)) > 0.1 for c in (own, color)]
    assert saturated[0] == saturated[1]
    if saturated[0]:
        hues = [matplotlib.colors.rgb_to_hsv(to_rgb(c))[0] for c in (own, color)]
        assert hues[0] == pytest.approx(hues[1], abs=0.02)


@pytest.mark.parametrize("ground", GROUNDS)
@pytest.mark.parametrize("count", [2, 4, 9])
def test_runs_of_one_scheme_have_shades_by_their_std(ground, count):
    stds = np.geomspace(0.01, 1.0, count)
    order = np.random.default_rng(0).permutation(count)
    looks = looks_of([run(int(i) + 1, "normal", std=stds[i]) for i in order])
    shades = [looks[list(order).index(i)].colors[ground] for i in range(count)]
    contrasts = [contrast(shade, ground) for shade in shades]
    assert min(contrasts) >= 3 and contrasts == sorted(contrasts)
    apart = np.abs(np.diff([lightness(shade) for shade in shades]))
    assert apart.min() > {2: 30, 4: 11, 9: 4}[count]
    assert len({look.marker for look in looks}) == count


def test_runs_of_one_std_share_their_shade_and_differ_in_their_marker():
    first, second, third = looks_of([run(1, "normal"), run(2, "normal"), run(3, "normal", std=0.1)])
    assert first.colors == second.colors != third.colors
    assert first.marker != second.marker


def test_the_std_of_a_scheme_with_a_rule_of_its_own_counts_for_nothing():
    looks = looks_of([run(1), run(2, std=0.1), run(3, "normal", std=0.05)])
    assert looks[0].colors == looks[1].colors
    assert looks[2].colors == looks_of([run(1, "normal", std=0.3)])[0].colors


def test_a_shade_has_the_contrast_of_its_place():
    for ground in GROUNDS:
        ends = [contrast(color_on("#D55E00", ground, place), ground) for place in (0, 0.5, 1)]
        assert ends == pytest.approx([3.1, math.sqrt(3.1 * 12), 12], rel=0.03)


# ---------------------------------------------------------------------- the still picture


def test_the_picture_is_twice_as_wide_as_it_is_shown():
    assert pixels(draw([])).shape == (960, 2000, 3)


def test_the_newest_run_and_the_eight_before_it_are_shown():
    figure = figure_of([run(n, planned=20 + n) for n in range(1, 12)])
    assert len(labels(figure)) == 9 and figure.texts[-1].get_color() == "black"
    assert len({line.get_marker() for line in figure.artists}) == 9
    assert len(labels(figure_of([run(1)]))) == 1


@pytest.mark.parametrize("scheme", ["pytorch_default", "xavier_uniform", "normal"])
def test_the_longest_labels_have_room(scheme):
    history = fit(mlp([784, 10]), DATA.train_images, DATA.train_labels, steps=1, log=None)
    runs = [LiveRun(n, LiveTrainingSetting(scheme, std=0.03162, seed=9999)) for n in range(1, 10)]
    for made in runs:
        made.history = replace(history, outcome="stopped")
    figure = figure_of(runs)
    first, last = (figure.texts[i].get_window_extent() for i in (0, 8))
    assert first.x1 < figure.artists[1].get_window_extent().x0
    assert last.x1 < figure.bbox.x1


def test_colour_and_dashes_are_those_of_the_look_everywhere():
    runs = [run(1, "xavier_uniform"), run(2, "normal", std=1.0), run(3, "normal", std=0.1)]
    figure, looks = figure_of(runs), looks_of(runs)
    loss, accuracy = (
        [line for line in ax.lines if line.get_marker() in "os^"] for ax in figure.axes
    )
    for lines in (loss, accuracy, figure.artists):
        assert [line.get_color() for line in lines] == [look.colors["light"] for look in looks]
        assert [line.get_linestyle() for line in lines] == ["--", "-", "-"]
        assert [line.get_linewidth() for line in lines] == [1.5, 1.5, 2.4]
        assert all(line.get_alpha() is None for line in lines)
    raw = [line for line in figure.axes[0].lines if line.get_linewidth() == 0.7]
    assert [line.get_color() for line in raw] == [looks[-1].colors["light"]]


def test_the_shades_of_nine_stds_survive_the_palette_of_the_png():
    stds = np.geomspace(0.01, 1.0, 9)
    losses = [[2.0 * 1.5**i] * 20 for i in range(9)]
    runs = [run(i + 1, "normal", losses[i], std=stds[i]) for i in range(9)]
    picture = Image.open(io.BytesIO(draw(runs))).convert("RGB")
    colors = np.array([color for _, color in picture.getcolors()])  # 256 at most
    for look in looks_of(runs):
        wanted = 255 * np.array(to_rgb(look.colors["light"]))
        assert np.abs(colors - wanted).max(1).min() <= 4


@pytest.mark.parametrize(
    "losses, low, high",
    [
        ([2.3, 2.0], 0.5, 5),
        ([2.3, 0.04], 0.02, 5),
        ([1400.0, 90.0], 0.5, 2000),
        ([3e7, math.inf, math.nan, 0.0, 1e-9], 0.001, 5e7),
        ([1e30], 0.5, 1e12),
        ([], 0.5, 5),
    ],
)
def test_the_axis_of_the_loss_ends_at_round_numbers_around_it(losses, low, high):
    loss, _ = figure_of([run(1, losses=losses)]).axes
    assert loss.get_ylim() == pytest.approx((0.95 * low, 1.05 * high))
    ticks = loss.get_yticks()
    assert 3 <= len(ticks) <= 10 and all(low <= tick <= high * 1.001 for tick in ticks)


def test_the_axis_of_steps_holds_the_longest_run():
    loss, accuracy = figure_of([run(1, planned=300), run(2, planned=100)]).axes
    assert loss.get_xlim() == accuracy.get_xlim() == pytest.approx((-6, 306))


def test_a_style_of_the_notebook_does_not_change_the_picture_nor_is_it_changed():
    runs = [run(1, planned=777, losses=[3000.0, 0.02])]
    plain = draw(runs)
    with matplotlib.rc_context():
        use_course_style()
        matplotlib.rcParams.update({"font.size": 30, "ytick.color": "red", "font.family": "serif"})
        before = dict(matplotlib.rcParams)
        assert draw(runs) == plain
        assert dict(matplotlib.rcParams) == before
