"""The tournament's explorer: drop-downs, the nearest that was played, words, a picture."""

import pytest
from helpers.pictures import (
    anything,
    assert_readable_without_a_kernel,
    picture,
    picture_and_words_change,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from course_utils.experiments.tournament import Setting
from course_utils.explorers import TournamentExplorer
from course_utils.explorers.tournament.experiment import Results
from course_utils.explorers.tournament.widget import LABELS

NOISE = (-0.01, 0.0, 0.01, 0.005, -0.005)
START = {"family": "tanh", "depth": 10, "width": 32, "rule": "sgd", "steps": 150, "data": "MNIST"}


def rows():
    """Two families, three depths, two optimizers, one width; "a" wins but at 50 layers."""
    found = []
    for family in ("relu", "tanh"):
        for depth in (3, 10, 50):
            for rule in ("sgd", "adam"):
                means = (
                    {"a": 0.9, "b": 0.8, "c": 0.1} if depth < 50 else {"a": 0.1, "b": 0.1, "c": 0.1}
                )
                for name, mean in means.items():
                    place = {**START, "family": family, "depth": depth, "rule": rule}
                    accuracy = [mean - depth / 1000 + x for x in NOISE]
                    run = {"rate": 0.01, "diverged": int(name == "c"), "accuracy": accuracy}
                    found.append({**place, "contestant": name, **run})
    found += [{**row, "steps": 1000, "width": 128} for row in found if row["depth"] == 3]
    return found


@pytest.fixture(scope="module")
def shared():
    return TournamentExplorer(rows(), **START)


@pytest.fixture
def explorer(shared):
    shared.set(**START)
    return shared


def test_the_lists_offer_what_was_played(explorer):
    options = {name: [v for _, v in box.options] for name, box in explorer.choices.items()}
    assert options == {
        "family": ["relu", "tanh"],
        "depth": [3, 10, 50],
        "width": [32, 128],
        "rule": ["sgd", "adam"],
        "steps": [150, 1000],
        "data": ["MNIST"],
    }
    assert [*LABELS] == [*Setting.__dataclass_fields__]


@pytest.mark.parametrize("name, value", [("family", "relu"), ("depth", 3), ("rule", "adam")])
def test_a_choice_changes_setting_picture_and_words(explorer, name, value):
    with picture_and_words_change(explorer):
        explorer.choices[name].value = value
    assert getattr(explorer.measurement.setting, name) == value


def test_the_words_name_the_best_and_the_advice(explorer):
    assert "Best: a, 89 %." in explorer.verdict
    assert "Learns nothing: c." in explorer.verdict
    assert "Advice for plain tanh of 3 to 10 weight layers with SGD: a (best" in explorer.verdict
    assert "in 3 of 3 settings" in explorer.verdict
    explorer.set(depth=50)
    assert explorer.verdict.startswith("Nothing learns here.")


def test_what_was_not_played_is_answered_by_the_nearest_in_words(explorer):
    explorer.set(depth=10, width=128)
    assert explorer.verdict.startswith("This was not played; the nearest is shown: plain tanh, 10")
    assert explorer.measurement.setting == Setting("tanh", 10, 32, "sgd")
    assert explorer.setting.width == 128  # what was asked for stays
    results = Results(rows())
    assert results.race(Setting("relu", 7, 32, "sgd")).setting.depth == 10
    assert results.race(Setting("relu", 4, 100, "sgd", 1000)).setting.steps == 1000
    with pytest.raises(ValueError, match="no race of 'gelu'"):
        results.race(Setting("gelu", 7, 32))


def test_the_readout_names_what_is_shown(explorer):
    expected = "plain tanh, 10 weight layers × 32, SGD, 150 steps, MNIST: a is best"
    assert explorer.readout() == expected


def test_what_cannot_be_chosen_is_corrected_in_words(explorer):
    before = picture(explorer)
    explorer.set(depth=11)
    assert "depth can be 3, 10, 50; 11 was ignored" in explorer.correction.value
    assert explorer.setting.depth == 10 and picture(explorer) == before
    with pytest.raises(TypeError, match="no control 'std'"):
        explorer.set(std=1)


@settings(max_examples=10, deadline=None)
@given(st.sampled_from([*LABELS]), anything)
def test_no_value_breaks_it(shared, name, value):
    shared.set(**START)
    shared.set(**{name: value})
    assert getattr(shared.setting, name) in shared.allowed[name]


def test_parts_are_named_and_a_page_without_a_kernel_can_be_read(explorer):
    assert_readable_without_a_kernel(explorer)
    assert "tournament-explorer" in explorer._dom_classes
    assert "tournament-family" in explorer.choices["family"]._dom_classes


def test_the_same_state_is_the_same_picture(explorer):
    before = picture(explorer)
    explorer.set(family="relu", depth=50)
    explorer.set(**START)
    assert picture(explorer) == before
