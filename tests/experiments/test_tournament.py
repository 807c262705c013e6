"""The tournament: its rules, one by one, against planted results and a loop written by hand."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from helpers.numbers import seeded
from helpers.states import strange_torch
from scipy import stats

from course_utils.data import ImageData, shapeset
from course_utils.experiments import tournament
from course_utils.experiments.contestants import FAMILIES
from course_utils.experiments.tournament import BATCH_SIZE, RATES, Result, Setting, play, verdict

SMALL = Setting("tanh", 3, 8, "sgd", 6, "Shapeset-3×2")
FEW = ["Xavier", "orthogonal", "LSUV"]


@pytest.fixture(scope="module")
def data():
    return shapeset(300, 100, seed=0)


@pytest.fixture(scope="module")
def rows(data):
    return play(SMALL, data, only=FEW, seeds=(1, 2))


# ---------------------------------------------------------------- training


@pytest.mark.parametrize("rule", RATES)
def test_a_row_is_what_a_loop_by_hand_gives(data, rule):
    setting = replace(SMALL, rule=rule)
    (row,) = play(setting, data, only=["Xavier"], seeds=(3,))
    family = FAMILIES["tanh"]
    network = family.make(3, 8, data)
    family.contestants(3)["Xavier"](network, data.train_images, seeded(3))
    make = {
        "sgd": lambda p: torch.optim.SGD(p, row["rate"], momentum=0.9),
        "adam": lambda p: torch.optim.Adam(p, row["rate"]),
    }
    optimizer, order = make[rule](network.parameters()), seeded(3)
    rest = torch.randperm(250, generator=order)  # the last sixth is held out
    for _ in range(6):
        if len(rest) < BATCH_SIZE:
            rest = torch.randperm(250, generator=order)
        batch, rest = rest[:BATCH_SIZE], rest[BATCH_SIZE:]
        optimizer.zero_grad()
        loss = F.cross_entropy(network(data.train_images[batch]), data.train_labels[batch])
        loss.backward()
        optimizer.step()
    scores = network(data.test_images)
    right = (scores.argmax(1) == data.test_labels).double().mean().item()
    assert row["accuracy"] == [pytest.approx(right, abs=0.0101)]
    expected = F.cross_entropy(scores, data.test_labels).item()
    assert row["loss"] == [pytest.approx(expected, rel=2e-3)]


def test_a_row_depends_on_no_other_contestant_nor_on_threads_nor_on_torchs_state(data, rows):
    assert [row["contestant"] for row in rows] == FEW
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(2)
        with strange_torch(device="meta"):
            alone = [play(SMALL, data, only=[name], seeds=(1, 2))[0] for name in FEW]
    finally:
        torch.set_num_threads(threads)
    for one, other in zip(alone, rows, strict=True):
        assert one["rate"] == other["rate"] and one["diverged"] == other["diverged"]
        assert one["loss"] == pytest.approx(other["loss"], rel=1e-3)


def test_seeds_are_draws_and_batches_of_their_own(data, rows):
    again = play(SMALL, data, only=FEW, seeds=(2, 5))
    for one, other in zip(rows, again, strict=True):
        assert one["loss"][1] == other["loss"][0] and one["loss"][0] != other["loss"][1]


def test_the_test_images_choose_no_rate(data):
    """With the labels of the test part turned round, the rates stay."""
    turned = ImageData(
        data.train_images, data.train_labels, data.test_images, 8 - data.test_labels, data.name
    )
    one, other = (play(SMALL, d, only=FEW, seeds=(1,)) for d in (data, turned))
    assert [row["rate"] for row in one] == [row["rate"] for row in other]
    assert [row["loss"] for row in one] != [row["loss"] for row in other]


@pytest.mark.parametrize(
    "family", ["residual, batch norm", "LSTM", "transformer, post-norm", "residual", "convolution"]
)
def test_every_architecture_plays(family, data):
    setting = Setting(family, 2, 8, "adam", 2, data.name)
    names = list(FAMILIES[family].contestants(2))
    played = play(setting, data, only=[names[0], names[-1]], seeds=(1, 2))
    assert len(played) == 2
    assert all(0 <= a <= 1 for row in played for a in row["accuracy"])


def test_a_run_that_diverges_counts_as_one_that_guesses(data, monkeypatch):
    monkeypatch.setattr(tournament, "rate_at", lambda k: 1e30)
    for family in ("relu", "residual, batch norm"):
        setting = Setting(family, 3, 8, "sgd", 6, data.name)
        (row,) = play(setting, data, only=["He"], seeds=(1, 2))
        assert row["diverged"] == 2
        assert row["accuracy"] == [round(1 / 9, 4)] * 2
        assert row["loss"] == pytest.approx([math.log(9)] * 2, rel=1e-3)


# ---------------------------------------------------------------- tuning


class Planted:
    """An arena in which the held-out accuracy is a function of contestant and exponent."""

    def __init__(self, accuracy):
        self.accuracy, self.calls = accuracy, []

    def train(self, exponents, seed, *, test):
        assert seed == 0 and not test
        self.calls += [*exponents.items()]
        return {n: Result(*self.accuracy(n, k), diverged=False) for n, k in exponents.items()}


@pytest.mark.parametrize(
    ("peak", "tried"),
    [
        (-4, range(-6, -1)),  # inside the grid: no more than five rates
        (-7, range(-8, -1)),  # below: until the best is no end
        (-20, range(-9, -1)),  # at most three beyond
        (0, range(-6, 2)),
        (9, range(-6, 2)),
    ],
)
def test_the_grid_is_widened_until_the_best_rate_is_inside(peak, tried):
    arena = Planted(lambda name, k: (0.5, abs(k - peak)))  # the loss decides where all are equal
    results = tournament._tune(arena, ["a", "b"], "sgd")
    assert sorted(results["a"]) == sorted(results["b"]) == [*tried]
    assert len(arena.calls) == len(set(arena.calls))  # none twice
    assert max(results["a"], key=results["a"].get) == max(min(peak, 1), -9)


def test_each_contestant_has_its_own_rate():
    arena = Planted(lambda name, k: (1 - abs(k - {"a": -3, "b": -7}[name]) / 10, 1.0))
    results = tournament._tune(arena, ["a", "b"], "sgd")
    best = {name: max(tried, key=tried.get) for name, tried in results.items()}
    assert best == {"a": -3, "b": -7} and sorted(results["a"]) == [*range(-6, -1)]


def test_rates_are_half_powers_of_ten():
    assert [tournament.rate_at(k) for k in RATES["sgd"]] == [1e-3, 3.2e-3, 1e-2, 3.2e-2, 1e-1]
    assert [tournament.rate_at(k) for k in RATES["adam"]] == [1e-4, 3.2e-4, 1e-3, 3.2e-3, 1e-2]


# ---------------------------------------------------------------- verdict


def judged(guess=0.11, **accuracy):
    base = {"family": "tanh", "depth": 3, "width": 8, "rule": "sgd", "steps": 6, "data": "digits"}
    return verdict([{**base, "contestant": n, "accuracy": a} for n, a in accuracy.items()], guess)


def test_the_verdict_tells_winner_equals_and_those_that_learn_nothing():
    found = judged(
        low=[0.11, 0.12, 0.10, 0.11, 0.11],
        near=[0.80, 0.84, 0.79, 0.83, 0.80],
        best=[0.82, 0.83, 0.81, 0.82, 0.83],
        apart=[0.78, 0.79, 0.77, 0.78, 0.79],
    )
    assert found.winner == "best"
    assert found.not_told_apart == ("best", "near")
    assert found.learn_nothing == ("low",)
    assert found.behind["apart"] == pytest.approx(0.04) and found.behind["best"] == 0


def test_pairs_count_and_not_the_spread_over_seeds():
    wide = np.array([0.2, 0.5, 0.3, 0.8, 0.6])
    found = judged(best=wide, below=wide - 0.01 - 1e-4 * np.arange(5))
    assert found.not_told_apart == ("best",)


def test_many_comparisons_are_corrected():
    """A p of 0.03 convinces among two contestants, not among ten: Holm (1979), step by step."""
    best = np.array([0.5, 0.5, 0.5, 0.5, 0.5])
    noise = np.array([1, -1, 2, -2, 0]) / 100
    shift = next(s for s in np.linspace(0, 0.1, 2000) if p_of(noise + s) < 0.03)
    other = best - noise - shift
    assert judged(best=best, other=other).not_told_apart == ("best",)
    many = {f"equal{i}": best - noise[::-1] * (1 + i) / 3 for i in range(8)}
    assert "other" in judged(best=best, other=other, **many).not_told_apart


def p_of(difference):
    return stats.ttest_rel(difference, np.zeros(5)).pvalue


def test_holm_agrees_with_its_definition():
    p = {"a": 0.01, "b": 0.012, "c": 0.03, "d": 0.9}
    assert tournament._holm(p, 0.05) == {"a", "b"}  # 0.05/4, 0.05/3; 0.03 > 0.05/2 ends it
    assert tournament._holm({"a": 0.02, "b": 0.001, "c": 0.04}, 0.05) == {"a", "b", "c"}
    assert tournament._holm({}, 0.05) == set()


def test_equal_accuracies_are_not_told_apart_and_equal_distances_are():
    assert judged(a=[0.5, 0.6], b=[0.5, 0.6]).not_told_apart == ("a", "b")
    assert judged(a=[0.75, 0.75], b=[0.5, 0.5]).not_told_apart == ("a",)


# ---------------------------------------------------------------- refusals


def test_what_makes_no_sense_is_refused_in_words(data, rows):
    with pytest.raises(ValueError, match="unknown family 'mlp': choose one of relu"):
        Setting("mlp", 3, 8)
    with pytest.raises(ValueError, match="unknown rule 'lion': choose one of sgd, adam"):
        Setting("relu", 3, 8, "lion")
    for bad in (0, 2.5, True, "3"):
        with pytest.raises(ValueError, match="depth must be a whole number of at least 1"):
            Setting("relu", bad, 8)
    with pytest.raises(ValueError, match="the setting is about MNIST, the images are Shapeset"):
        play(Setting("relu", 3, 8), data)
    with pytest.raises(ValueError, match="no contestant 'Fixup' in 'tanh': one of PyTorch's"):
        play(SMALL, data, only=["Fixup"])
    with pytest.raises(ValueError, match="unknown data 'CIFAR': choose one of MNIST"):
        tournament.images("CIFAR")
    with pytest.raises(ValueError, match="the rows of one setting"):
        verdict([*rows, {**rows[0], "depth": 4}], 0.1)
    with pytest.raises(ValueError, match="the rows of one setting"):
        verdict([], 0.1)
    with pytest.raises(ValueError, match="as many seeds of each contestant, two or more"):
        judged(a=[0.5, 0.6], b=[0.5])
    with pytest.raises(ValueError, match="as many seeds of each contestant, two or more"):
        judged(a=[0.5])


def test_another_place_of_the_data_is_seen_at_once(monkeypatch, tmp_path):
    monkeypatch.setenv("COURSE_DATA", "digits")
    assert tournament.images("MNIST").name == "digits"
    monkeypatch.setenv("COURSE_DATA", str(tmp_path))
    with pytest.raises(FileNotFoundError, match="COURSE_DATA"):
        tournament.images("MNIST")
    monkeypatch.setenv("COURSE_DATA", "digits")
    assert tournament.images("MNIST") is tournament.images("MNIST")


def test_an_interrupt_is_no_row(data, monkeypatch):
    def interrupted(*given, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr(tournament.MemberRates, "step", interrupted)
    with pytest.raises(KeyboardInterrupt):
        play(SMALL, data, only=FEW, seeds=(1, 2))
