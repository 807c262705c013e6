"""Contestants as intervals: what is drawn where."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
from scipy import stats

from course_utils.plotting import intervals
from course_utils.plotting.intervals import BEST, LESS, NOTHING

VALUES = {"low": [10.0, 12.0, 11.0], "best": [80.0, 84.0, 82.0], "near": [78.0, 85.0, 81.0]}


@pytest.fixture
def ax():
    ax = intervals(VALUES, best=["best", "near"], nothing=["low"], notes={"near": "rate 0.1"})
    yield ax
    plt.close(ax.figure)


def test_the_best_mean_stands_on_top(ax):
    assert [t.get_text() for t in ax.get_yticklabels()] == ["low", "near", "best"]
    assert [t.get_fontweight() for t in ax.get_yticklabels()] == ["normal", "bold", "bold"]


def test_a_bar_is_the_interval_of_student_for_the_mean(ax):
    bars, dots, means = ax.lines[0::3], ax.lines[1::3], ax.lines[2::3]
    for name, bar, dot, mean in zip(("low", "near", "best"), bars, dots, means, strict=True):
        x = np.array(VALUES[name])
        low, high = stats.t.interval(0.95, len(x) - 1, x.mean(), stats.sem(x))
        assert bar.get_xdata() == pytest.approx([low, high])
        assert list(dot.get_xdata()) == VALUES[name]
        assert mean.get_xdata() == pytest.approx([x.mean()])


def test_colours_tell_the_verdict_and_open_dots_those_that_learn_nothing(ax):
    means = ax.lines[2::3]
    assert [m.get_color() for m in means] == [NOTHING, BEST, BEST]
    assert [m.get_markerfacecolor() for m in means] == ["white", BEST, BEST]
    other = intervals(VALUES)
    assert {line.get_color() for line in other.lines} == {LESS}
    plt.close(other.figure)


def test_notes_stand_in_their_rows(ax):
    (note,) = ax.texts
    assert note.get_text() == "rate 0.1" and note.get_position()[1] == 1


def test_an_axes_of_ones_own_and_its_limits():
    _, own = plt.subplots()
    assert intervals(VALUES, ax=own, limits=(0, 100)) is own and own.get_xlim() == (0, 100)
    plt.close(own.figure)
