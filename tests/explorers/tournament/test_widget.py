"""The tournament's explorer: drop-downs, the nearest that was played, words, a picture."""

import numpy as np
import pytest
from helpers.front_end import choose
from helpers.pictures import (
    anything,
    assert_parts_are_named,
    assert_readable_without_a_kernel,
    picture,
    picture_and_words_change,
    seen,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from course_utils.experiments.tournament import Setting
from course_utils.explorers.tournament import TournamentExplorer
from course_utils.explorers.tournament.experiment import Results
from course_utils.explorers.tournament.widget import LABELS, STANDINGS

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
    offered = {name: list(choice.options) for name, choice in explorer.controls.items()}
    assert offered == {
        "family": ["relu", "tanh"],
        "depth": [3, 10, 50],
        "width": [32, 128],
        "rule": ["sgd", "adam"],
        "steps": [150, 1000],
        "data": ["MNIST"],
    }
    assert [*LABELS] == [*Setting.__dataclass_fields__]
    lists = {
        control["name"]: control["options"] for row in explorer.spec["rows"] for control in row
    }
    assert lists["family"] == [["relu", "plain ReLU"], ["tanh", "plain tanh"]]
    assert lists["steps"] == [["150", "short: 150 steps"], ["1000", "long: 1,000 steps"]]


@pytest.mark.parametrize("name, value", [("family", "relu"), ("depth", 3), ("rule", "adam")])
def test_a_choice_changes_setting_picture_and_words(explorer, name, value):
    with picture_and_words_change(explorer):
        choose(explorer, **{name: value})
    assert getattr(explorer.measurement.setting, name) == value
    assert explorer.shown["values"][name] == str(value)


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
    assert "depth can be 3, 10, 50; 11 was ignored" in explorer.shown["correction"]
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
    assert_readable_without_a_kernel(explorer, explorer.readout())
    assert_parts_are_named(explorer, "tournament", [])
    assert "slider" not in explorer.spec["keys"]  # there is none


def test_the_same_state_is_the_same_picture(explorer):
    before = seen(explorer)
    explorer.set(family="relu", depth=50)
    explorer.set(**START)
    assert seen(explorer) == before


# ---------------------------------------------------------------------- what is drawn, and said


def test_the_picture_holds_the_contestants_best_first_with_their_verdict(explorer):
    shown = picture(explorer)
    assert shown["title"] == "plain tanh, 10 weight layers × 32, SGD, 150 steps, MNIST"
    rows = [(c["name"], c["standing"], c["advised"], c["note"]) for c in shown["contestants"]]
    assert rows == [
        ("a", "best", True, "rate 0.01"),
        ("b", "less", False, "rate 0.01"),
        ("c", "nothing", False, "rate 0.01, 1 of 5 diverged"),
    ]
    assert shown["standings"] == STANDINGS


def test_an_interval_is_that_of_student_for_the_mean_in_percent(explorer):
    for contestant, mean in zip(picture(explorer)["contestants"], (89, 79, 9), strict=True):
        seeds = mean + 100 * np.array(NOISE)
        assert contestant["seeds"] == pytest.approx(seeds)
        assert contestant["mean"] == pytest.approx(mean)
        ends = stats.t.interval(0.95, len(seeds) - 1, mean, stats.sem(seeds))
        assert (contestant["low"], contestant["high"]) == pytest.approx(ends, abs=1e-3)


def test_who_is_not_told_apart_from_the_best_stands_with_it():
    close = rows()
    for row in close:
        if row["contestant"] == "b":
            row["accuracy"] = [0.9 - row["depth"] / 1000 + x for x in NOISE[::-1]]
    shown = TournamentExplorer(close, **START).shown
    standings = {c["name"]: c["standing"] for c in shown["picture"]["contestants"]}
    assert standings == {"a": "best", "b": "best", "c": "nothing"}
    assert "b 89 % (" in shown["alt"] and "Told apart" not in shown["alt"]


def test_the_arrow_follows_the_network_that_was_asked_for(explorer):
    explorer.set(depth=50)  # nothing learns, and yet a line of the table names a start
    advised = [c["name"] for c in picture(explorer)["contestants"] if c["advised"]]
    assert advised == [explorer.measurement.advice.start]
    played = [row for row in rows() if row["depth"] != 10 or row["rule"] == "adam"]
    without = TournamentExplorer(
        [r for r in played if (r["depth"], r["rule"]) != (50, "sgd")], **START
    )
    without.set(depth=50)
    assert without.verdict.endswith("No advice for such a depth: none was played.")
    assert not any(c["advised"] for c in picture(without)["contestants"])
    assert "arrow" not in without.shown["alt"] and "arrow" in explorer.shown["alt"]


def test_who_cannot_see_is_told_who_stands_where(explorer):
    assert explorer.shown["alt"] == (
        "3 starts of plain tanh, 10 weight layers × 32, SGD, 150 steps, MNIST, a row each with its "
        "seeds and the 95 % interval of their mean, on an axis of the accuracy on test images from "
        "0 to 100 %. Best, or not told apart from it: a 89 % (88 to 90). Told apart from the best: "
        "b 79 % (78 to 80). Learns nothing: c 9 % (8 to 10). An arrow marks the advised: a."
    )


def test_no_interval_is_told_beyond_what_an_accuracy_can_be(explorer):
    sure = [{**row, "accuracy": [1.0, 1.0, 0.9, 1.0, 1.0]} for row in rows()]
    assert "a 98 % (92 to 100)" in TournamentExplorer(sure, **START).shown["alt"]


def test_the_table_holds_the_numbers_best_first(explorer):
    table = explorer.shown["table"]
    assert [row[0] for row in table["rows"]] == ["a", "b", "c"]
    assert table["rows"][0] == [
        "a", "89.0", "88.0 to 90.0", "88.0, 89.0, 90.0, 89.5, 88.5", "0.01", "0 of 5",
        "best, or not told apart from it, advised",
    ]  # fmt: skip
    assert table["rows"][2][-2:] == ["1 of 5", "learns nothing"]
