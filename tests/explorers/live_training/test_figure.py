"""The picture of the live training: every run in its colours, on axes that hold all of them."""

import math
from dataclasses import replace

import matplotlib
import numpy as np
import pytest
from helpers.live_training import DATA
from helpers.pictures import pixels

from course_utils.explorers.live_training.experiment import LiveRun, LiveTrainingSetting
from course_utils.explorers.live_training.figure import LiveTrainingFigure
from course_utils.networks import mlp
from course_utils.plotting import use_course_style
from course_utils.training import fit


def run(number, scheme="he_normal", losses=(2.0, 1.0, 0.5), planned=20):
    made = LiveRun(number, LiveTrainingSetting(scheme=scheme, steps=planned))
    made.losses, made.smooth = list(losses), list(losses)
    made.accuracies = [(0, 0.1), (len(losses), 0.6)]
    return made


@pytest.fixture(scope="module")
def figure():
    return LiveTrainingFigure()


def test_the_picture_is_twice_as_wide_as_it_is_shown(figure):
    assert pixels(figure.png([])).shape == (960, 2000, 3)


def test_the_newest_run_and_the_eight_before_it_are_shown(figure):
    figure.png([run(n, planned=20 + n) for n in range(1, 12)])
    shown = [text.get_text() for text in figure.labels if text.get_visible()]
    assert len(shown) == 9 and figure.labels[-1].get_color() == "black"
    assert len({line.get_marker() for line in figure.loss_curves}) == 9
    figure.png([run(1)])
    assert sum(text.get_visible() for text in figure.labels) == 1


@pytest.mark.parametrize("scheme", ["pytorch_default", "xavier_uniform", "normal"])
def test_the_longest_labels_have_room(figure, scheme):
    history = fit(mlp([784, 10]), DATA.train_images, DATA.train_labels, steps=1, log=None)
    runs = [LiveRun(n, LiveTrainingSetting(scheme, std=0.03162, seed=9999)) for n in range(1, 10)]
    for made in runs:
        made.history = replace(history, outcome="stopped")
    figure.png(runs)
    first, last = (figure.labels[i].get_window_extent() for i in (0, 8))
    assert first.x1 < figure.samples[1].get_window_extent().x0
    assert last.x1 < figure.figure.bbox.x1


def test_colour_and_dashes_are_those_of_the_scheme_everywhere(figure):
    figure.png([run(1, "xavier_uniform"), run(2, "zero")])
    for lines in (figure.loss_curves, figure.accuracy_curves, figure.samples):
        assert (lines[0].get_color(), lines[0].get_linestyle()) == ("#0072B2", "--")
        assert (lines[1].get_color(), lines[1].get_linestyle()) == ("#000000", "-")
    assert figure.raw.get_color() == "#000000"


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
def test_the_axis_of_the_loss_ends_at_round_numbers_around_it(figure, losses, low, high):
    figure.png([run(1, losses=losses)])
    assert figure.loss.get_ylim() == pytest.approx((0.95 * low, 1.05 * high))
    ticks = figure.loss.get_yticks()
    assert 3 <= len(ticks) <= 10 and all(low <= tick <= high * 1.001 for tick in ticks)


def test_the_axis_of_steps_holds_the_longest_run(figure):
    figure.png([run(1, planned=300), run(2, planned=100)])
    assert figure.loss.get_xlim() == figure.accuracy.get_xlim() == pytest.approx((-6, 306))


def test_a_style_of_the_notebook_does_not_change_the_picture_nor_is_it_changed(figure):
    runs = [run(1, planned=777, losses=[3000.0, 0.02])]
    plain = pixels(LiveTrainingFigure().png(runs))
    with matplotlib.rc_context():
        use_course_style()
        matplotlib.rcParams.update({"font.size": 30, "ytick.color": "red", "font.family": "serif"})
        before = dict(matplotlib.rcParams)
        styled = LiveTrainingFigure()
        styled.png([])
        assert np.array_equal(pixels(styled.png(runs)), plain)
        assert dict(matplotlib.rcParams) == before
