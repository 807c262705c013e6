"""Table 1 of Glorot & Bengio, played again: the protocol, against a loop written by hand."""

import math

import pytest
import torch
import torch.nn.functional as F
from helpers.numbers import seeded
from helpers.states import strange_torch
from torch import nn

from course_utils.data import ImageData, shapeset
from course_utils.experiments import five_layers, tournament
from course_utils.experiments.five_layers import ACTIVATIONS, PAPER, RATES, STARTS, play
from course_utils.experiments.tournament import Result
from course_utils.networks import mlp, weight_layers

SMALL = {"width": 8, "steps": 30}


@pytest.fixture(scope="module")
def data():
    return shapeset(300, 100, seed=0)


@pytest.fixture(scope="module")
def rows(data):
    return play("tanh", data, seeds=(1, 2), **SMALL)


@pytest.fixture
def trial(data):
    return five_layers._Trial("softsign", data, width=50, steps=1)


# ---------------------------------------------------------------- networks


@pytest.mark.parametrize(
    ("start", "bound"),
    [
        ("standard", lambda n_in, n_out: 1 / math.sqrt(n_in)),
        ("N", lambda n_in, n_out: math.sqrt(6 / (n_in + n_out))),
    ],
)
def test_the_weights_are_those_of_equation_1_and_of_equation_16(trial, start, bound):
    network = trial._network(start, seed=3)
    layers = weight_layers(network)
    sizes = [(layer.in_features, layer.out_features) for layer in layers]
    assert sizes == [(1024, 50), *[(50, 50)] * 4, (50, 9)]
    assert sum(isinstance(module, nn.Softsign) for module in network) == 5
    for layer, size in zip(layers, sizes, strict=True):
        limit = bound(*size)
        assert 0.95 * limit < layer.weight.abs().max() <= limit  # at least 450 draws each
        assert layer.weight.std().item() == pytest.approx(limit / math.sqrt(3), rel=0.1)
        assert not layer.bias.any()


def test_both_starts_are_the_same_numbers_at_two_scales_and_a_seed_is_a_draw(trial):
    standard, normalized = (weight_layers(trial._network(start, 3)) for start in STARTS)
    for a, b in zip(standard, normalized, strict=True):
        ratio = b.weight / a.weight
        assert ratio.mean() > 1 and torch.allclose(ratio, ratio.mean(), rtol=1e-3)
    other = weight_layers(trial._network("N", 4))[0]
    assert not torch.allclose(other.weight, normalized[0].weight)


def test_drawing_a_network_leaves_torchs_own_random_state(trial):
    before = torch.random.get_rng_state()
    trial._network("N", 3)
    assert torch.equal(torch.random.get_rng_state(), before)


# ---------------------------------------------------------------- training


def test_a_row_is_what_a_loop_by_hand_gives(data, rows):
    """Plain gradient descent, 10 images a step, the last sixth held out."""
    for row in rows:
        order = seeded(2)
        network = mlp([1024, *[8] * 5, 9], "tanh")
        for layer in weight_layers(network):
            n_in, n_out = layer.in_features, layer.out_features
            standard = row["start"] == "standard"
            bound = 1 / math.sqrt(n_in) if standard else math.sqrt(6 / (n_in + n_out))
            nn.init.uniform_(layer.weight, -bound, bound, generator=order)
            nn.init.zeros_(layer.bias)
        order = seeded(2)
        rest = torch.empty(0, dtype=torch.int64)
        for _ in range(30):
            if len(rest) < 10:
                rest = torch.randperm(250, generator=order)
            batch, rest = rest[:10], rest[10:]
            network.zero_grad()
            F.cross_entropy(network(data.train_images[batch]), data.train_labels[batch]).backward()
            with torch.no_grad():
                for parameter in network.parameters():
                    parameter -= row["rate"] * parameter.grad
        scores = network(data.test_images)
        loss = F.cross_entropy(scores, data.test_labels).item()
        wrong = (scores.argmax(1) != data.test_labels).double().mean().item()
        assert row["loss"][1] == pytest.approx(loss, rel=2e-3)
        assert row["error"][1] == pytest.approx(100 * wrong, abs=1.01)


def test_a_row_says_what_was_tried_and_chosen(rows):
    assert [(row["activation"], row["start"]) for row in rows] == [("tanh", s) for s in STARTS]
    for row in rows:
        rates, errors = zip(*row["tried"], strict=True)
        assert {0.01, 0.032, 0.1, 0.32, 1.0} <= set(rates) and list(rates) == sorted(rates)
        assert errors[rates.index(row["rate"])] == min(errors)
        assert row["data"] == "Shapeset-3×2" and row["diverged"] == 0
        assert len(row["error"]) == len(row["loss"]) == 2


def test_seeds_are_draws_and_batches_of_their_own_and_nothing_else_counts(data, rows):
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(2)
        with strange_torch(device="meta"):
            again = play("tanh", data, seeds=(2, 5), **SMALL)
    finally:
        torch.set_num_threads(threads)
    for one, other in zip(rows, again, strict=True):
        assert one["tried"] == other["tried"]
        assert one["loss"][1] == other["loss"][0] and one["loss"][0] != other["loss"][1]


def test_the_test_images_choose_no_rate(data, rows):
    turned = ImageData(
        data.train_images, data.train_labels, data.test_images, 8 - data.test_labels, data.name
    )
    other = play("tanh", turned, seeds=(1, 2), **SMALL)
    assert [row["tried"] for row in rows] == [row["tried"] for row in other]
    assert [row["loss"] for row in rows] != [row["loss"] for row in other]


def test_a_run_that_diverges_counts_as_one_that_guesses(data, monkeypatch):
    monkeypatch.setattr(five_layers, "rate_at", lambda k: 1e38)
    for row in play("softsign", data, seeds=(1, 2), **SMALL):
        assert row["diverged"] == 2
        assert row["error"] == [88.89] * 2
        assert row["loss"] == pytest.approx([math.log(9)] * 2, rel=1e-3)


# ---------------------------------------------------------------- tuning


class Planted:
    """A trial in which the held-out accuracy is a function of start and exponent."""

    def __init__(self, accuracy):
        self.accuracy, self.calls = accuracy, []

    def train(self, runs, seed, *, test):
        assert seed == 0 and not test
        self.calls += runs
        return {run: Result(self.accuracy(*run), 1.0, diverged=False) for run in runs}


@pytest.mark.parametrize(
    ("peak", "tried"),
    [
        (-2, range(-4, 1)),  # inside the grid: no more than five rates
        (-5, range(-6, 1)),  # below: until the best is no end
        (-20, range(-7, 1)),  # at most three beyond
        (1, range(-4, 3)),
        (9, range(-4, 4)),
    ],
)
def test_the_grid_is_widened_until_the_best_rate_is_inside(peak, tried):
    other = {"standard": peak, "N": -2}
    planted = Planted(lambda start, k: 1 - abs(k - other[start]) / 50)
    results = five_layers._tune(planted)
    assert sorted(results["standard"]) == [*tried] and sorted(results["N"]) == [*RATES]
    assert len(planted.calls) == len(set(planted.calls))  # none twice


# ---------------------------------------------------------------- data


def test_shapes_have_pixels_around_zero_and_the_other_data_are_the_tournaments(monkeypatch):
    asked = []

    def small(*sizes, seed):
        asked.append((*sizes, seed))
        return shapeset(300, 100, seed=seed)

    monkeypatch.setattr(five_layers, "shapeset", small)
    data = five_layers._shapes.__wrapped__()
    assert asked == [(60_000, 10_000, 0)]
    plain = shapeset(300, 100, seed=0)
    for part in ("train_images", "test_images"):
        pixels = getattr(data, part)
        assert -1 <= pixels.min() < -0.9 and 0.9 < pixels.max() <= 1 and pixels.mean().abs() < 0.1
        assert torch.allclose(pixels, 2 * getattr(plain, part) - 1)
    assert torch.equal(data.train_labels, plain.train_labels)
    assert torch.equal(data.test_labels, plain.test_labels) and data.name == plain.name
    assert five_layers.images("digits") is tournament.images("digits")


def test_the_papers_table_has_all_but_sigmoid_n():
    assert set(PAPER) < set(tournament.DATA)
    for table in PAPER.values():
        assert list(table) == list(ACTIVATIONS)
        assert all(list(table[name]) == list(STARTS) for name in ("tanh", "softsign"))
        assert list(table["sigmoid"]) == ["standard"]
    row = {"data": "MNIST", "activation": "sigmoid", "start": "standard"}
    assert five_layers.in_the_paper(row) == 2.21
    for other in ({"start": "N"}, {"data": "digits"}):
        assert math.isnan(five_layers.in_the_paper(row | other))


# ---------------------------------------------------------------- refusals


def test_an_unknown_activation_is_refused_in_words(data):
    with pytest.raises(ValueError, match="unknown activation 'relu': choose one of tanh, softsign"):
        play("relu", data)


def test_an_interrupt_is_no_row(data, interrupt_training):
    interrupt_training(40)
    with pytest.raises(KeyboardInterrupt):
        play("tanh", data, seeds=(1, 2), **SMALL)
