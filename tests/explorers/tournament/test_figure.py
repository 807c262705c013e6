"""The still picture of the tournament: every contestant of a real setting, nothing overlapping."""

import io

import pytest
from helpers.pictures import (
    assert_texts_inside_and_apart,
    assert_the_notebooks_style_changes_nothing,
)
from matplotlib.text import Text
from PIL import Image

from course_utils.experiments import stored
from course_utils.experiments.tournament import Setting
from course_utils.explorers.tournament.experiment import Results, note_of
from course_utils.explorers.tournament.figure import draw, figure_of

RESULTS = Results(stored("tournament")["rows"])
LARGE = Setting("sigmoid", 10, 32, "adam")
SMALL = next(setting for setting in RESULTS.rows if setting.family == "LSTM")


def longest_notes():
    """Return the setting with the longest words at the right end of a row."""

    def length(setting):
        race = RESULTS.race(setting)
        arrow = {race.advised: len("  ◀ advised")}
        return max(len(note_of(row)) + arrow.get(row["contestant"], 0) for row in race.rows)

    return max(RESULTS.rows, key=length)


def texts_of(figure):
    return [text for text in figure.findobj(Text) if text.get_text() and text.get_visible()]


@pytest.mark.parametrize("which", ["most contestants", "fewest", "longest notes"])
def test_all_words_are_inside_and_apart(which):
    setting = {"most contestants": LARGE, "fewest": SMALL}.get(which) or longest_notes()
    figure = figure_of(RESULTS.race(setting), dpi=100)
    assert_texts_inside_and_apart(figure, texts_of(figure), more_than=20)


def test_every_contestant_has_its_rate_and_one_is_advised():
    race = RESULTS.race(LARGE)
    words = [text.get_text() for text in texts_of(figure_of(race, dpi=100))]
    assert {row["contestant"] for row in race.rows} <= set(words)
    assert [w for w in words if "advised" in w] == ["rate 0.0032  ◀ advised"]
    assert sum(w.startswith("rate ") for w in words) == len(race.rows)


def test_it_is_ten_inches_wide_at_any_resolution():
    race = RESULTS.race(LARGE)
    for dpi in (60, 200):
        assert Image.open(io.BytesIO(draw(race, dpi=dpi))).width == 10 * dpi


def test_the_notebooks_style_changes_nothing():
    race = RESULTS.race(SMALL)
    assert_the_notebooks_style_changes_nothing(lambda: draw(race, dpi=60))
