"""The table of advice: one rule, planted results, and what is stored."""

import pytest
import torch

from course_utils.experiments import advice, tournament
from course_utils.experiments.advice import advise, as_markdown, find, judge, where_it_ends
from course_utils.experiments.contestants import FAMILIES
from course_utils.experiments.tournament import Setting

SPREAD = (-0.01, 0.0, 0.01, 0.005, -0.005)


def row(contestant, mean, family="tanh", depth=10, width=32, rule="sgd", steps=150, data="MNIST"):
    """Five seeds around a mean, the same noise for all: differences are told apart exactly."""
    place = {"family": family, "depth": depth, "width": width, "rule": rule}
    accuracy = [mean + noise for noise in SPREAD]
    return {**place, "steps": steps, "data": data, "contestant": contestant, "accuracy": accuracy}


def table_of(*results):
    """Rows of settings: each a dict of contestant → mean, with its place under "at"."""
    return [
        row(name, mean, **result["at"])
        for result in results
        for name, mean in result.items()
        if name != "at"
    ]


def test_most_wins_decide_and_then_the_points_behind():
    (line,) = advise(
        table_of(
            {"at": {"depth": 3}, "often": 0.80, "once": 0.70, "never": 0.79},
            {"at": {"depth": 10}, "often": 0.80, "once": 0.75, "never": 0.79},
            {"at": {"depth": 10, "width": 128}, "often": 0.50, "once": 0.90, "never": 0.89},
        )
    )
    assert line.start == "often" and line.played == 3 and line.depths == (3, 10)
    assert line.wins == {"often": 2, "once": 1, "never": 0}
    assert line.behind["often"] == pytest.approx(0.4 / 3)
    assert line.behind["never"] == pytest.approx((0.01 + 0.01 + 0.01) / 3)
    assert line.second == "once"  # one win; "never" has none, though it is behind by less
    assert line.ends == ((Setting("tanh", 10, 128, "sgd"), pytest.approx(0.4)),)
    assert line.accuracy == (pytest.approx(0.5), pytest.approx(0.8))


def test_of_equally_many_wins_the_least_behind_is_advised():
    (line,) = advise(
        table_of(
            {"at": {"depth": 3}, "a": 0.80, "b": 0.79},
            {"at": {"depth": 10}, "a": 0.60, "b": 0.80},
        )
    )
    assert (line.start, line.second) == ("b", "a") and line.behind["b"] == pytest.approx(0.005)


def test_lines_part_families_ranges_of_depth_and_optimizers_and_nothing_else():
    places = [
        {"family": f, "depth": d, "rule": r, "width": w, "steps": s, "data": data}
        for f in ("tanh", "relu")
        for d in (3, 10, 20, 30, 50, 100)
        for r in ("adam", "sgd")
        for w, s, data in ((32, 150, "MNIST"), (128, 1000, "digits"))
    ]
    lines = advise(table_of(*({"at": place, "a": 0.8, "b": 0.7} for place in places)))
    found = [(line.family, line.depths, line.rule) for line in lines]
    assert found == [
        (family, depths, rule)
        for family in ("relu", "tanh")  # the order of the families
        for depths in ((3, 10), (20, 30), (50, 100))
        for rule in ("adam", "sgd")
    ]
    assert {line.played for line in lines} == {4}


def test_who_is_not_in_all_settings_of_a_line_is_not_advised():
    (line,) = advise(
        table_of(
            {"at": {"family": "sigmoid", "depth": 10}, "a": 0.5, "b": 0.4, "pre-trained": 0.9},
            {"at": {"family": "sigmoid", "depth": 12}, "a": 0.5, "b": 0.4},
        )
    )
    assert line.start == "a" and line.wins == {"a": 1, "b": 0}


def test_where_nothing_learns_no_start_is_advised():
    lines = advise(
        table_of(
            {"at": {"depth": 50}, "a": 0.12, "b": 0.11},
            {"at": {"depth": 50, "rule": "adam"}, "a": 0.12, "b": 0.4},
        )
    )
    text = as_markdown(lines)
    assert "| plain tanh | 50 | nothing learns | b |" in text
    adam, sgd = lines
    assert (adam.advice, sgd.advice) == ("b", "nothing learns")
    assert where_it_ends(sgd) == "no start that was tried learns"
    assert where_it_ends(adam) == "nowhere in what was played"


def test_starts_of_equal_verdicts_within_a_point_are_named_as_equals():
    pairs = [({"a": 0.8, "b": 0.8}, "a, or b"), ({"a": 0.8, "b": 0.8, "c": 0.8}, "a, or 2 others")]
    for means, words in pairs:
        (line,) = advise(table_of({"at": {}, **means, "far": 0.6}))
        assert line.advice == words and line.start == "a"
    (line,) = advise(
        [
            row("a", 0.8),
            {**row("b", 0.7), "accuracy": [0.9, 0.5, 0.8, 0.75, 0.85]},  # not told apart, 4 behind
        ]
    )
    assert line.advice == "a" and line.wins == {"a": 1, "b": 1}


def test_where_it_learns_nothing_in_some_settings_is_told():
    (line,) = advise(
        table_of(
            {"at": {"depth": 50}, "a": 0.12, "b": 0.11}, {"at": {"depth": 60}, "a": 0.8, "b": 0.7}
        )
    )
    assert line.advice == "a" and where_it_ends(line) == "learns nothing at 50 × 32"


def test_neighbouring_ranges_of_one_advice_are_one_row():
    places = [{"depth": d, "rule": r} for d in (3, 20, 50) for r in ("sgd", "adam")]
    means = [{"a": 0.8, "b": 0.7} if p["depth"] < 50 else {"a": 0.7, "b": 0.8} for p in places]
    lines = advise(table_of(*({"at": p, **m} for p, m in zip(places, means, strict=True))))
    *_, few, many = as_markdown(lines).splitlines()
    assert few == "| plain tanh | 3 to 20 | a | a |" and many == "| plain tanh | 50 | b | b |"


def test_the_words_name_what_differs_from_the_ordinary_setting():
    (line,) = advise(
        table_of(
            {"at": {"depth": 10}, "a": 0.8, "b": 0.7},
            {"at": {"depth": 10, "steps": 1000, "data": "digits"}, "a": 0.7, "b": 0.8},
            {"at": {"depth": 3}, "a": 0.8, "b": 0.7},
        )
    )
    assert where_it_ends(line) == "10 points behind at 10 × 32 (1,000 steps, digits)"


@pytest.mark.parametrize(("depth", "found"), [(1, 3), (14, 3), (15, 20), (39, 20), (40, 50)])
def test_a_depth_that_was_not_played_finds_its_line(depth, found):
    lines = advise(table_of(*({"at": {"depth": d}, "a": 0.8, "b": 0.7} for d in (3, 20, 50))))
    assert find(lines, "tanh", depth, "sgd").depths == (found, found)
    assert find(lines, "tanh", depth, "adam") is None
    assert find(lines[:1], "tanh", 1000, "sgd") is None
    with pytest.raises(ValueError, match="unknown family 'TanH': 'TanH' is called 'tanh' here"):
        find(lines, "TanH", depth, "sgd")
    with pytest.raises(ValueError, match="unknown family 'cubes': choose one of relu"):
        find(lines, "cubes", depth, "sgd")


def test_the_verdict_of_a_setting_is_that_of_the_tournament():
    played = table_of({"at": {"depth": 3}, "a": 0.8, "b": 0.7})
    assert judge(played) == {Setting("tanh", 3, 32, "sgd"): tournament.verdict(played, 0.117)}


@pytest.mark.parametrize("data", tournament.DATA)
def test_a_guess_is_the_share_of_the_most_frequent_class(data):
    images = tournament.images(data)
    if images.name != data:
        pytest.skip(f"{data} is not here")
    labels = images.test_labels[: tournament.IMAGES]
    assert torch.bincount(labels).max() / len(labels) == pytest.approx(advice.GUESS[data], abs=5e-5)


def test_every_family_has_a_name_for_people():
    names = [advice.name_of_family(family) for family in FAMILIES]
    assert len(set(names)) == len(names) and "plain ReLU" in names and "LSTM" in names
