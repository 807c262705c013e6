import math

import numpy as np
import pytest
import torch
from helpers.answers import said
from torch import nn
from torch.nn import functional as F

from course_utils import load_mnist
from course_utils.exercises import lab_mnist_deep as checkers
from course_utils.initializers import initialize_
from course_utils.networks import mlp, weight_layers
from course_utils.training import fit

ORDER = ["he_normal", "xavier_normal", "pytorch_default", "normal"]
REACHED = {"he_normal": 1.1, "xavier_normal": 1.8, "pytorch_default": 2.3, "normal": 2e14}


@pytest.fixture(scope="module")
def data():
    return load_mnist("digits", log=None)


class RightLab:
    hidden, outputs, clear, scale = 4, 10, True, 255

    def build(self):
        return mlp([784] + [64] * self.hidden + [self.outputs])

    def train(self, network, images, labels):
        optimizer, total = torch.optim.Adam(network.parameters(), lr=0.001), 0
        batches = list(zip(images.split(100), labels.split(100), strict=True))
        for x, y in batches:
            cost = F.cross_entropy(network(x), y)
            if self.clear:
                optimizer.zero_grad()
            cost.backward()
            optimizer.step()
            total += self.keep(cost) / len(batches)
        return self.give(total)

    def test(self, network, pixels, labels):
        with torch.no_grad():
            hits = network(pixels.float() / self.scale).argmax(1) == labels
        return hits.float().mean().item()

    def keep(self, cost):
        return cost.item()

    def give(self, total):
        return total


def changed(**names):
    methods = {name: getattr(RightLab, name) for name in ("build", "train", "test")}
    return type("Lab", (RightLab,), methods | names)


def keep_graph(self, cost):
    return cost


BROKEN = {"hidden": 2, "outputs": 512, "clear": False, "scale": 1, "keep": keep_graph}
NAMES = {
    "hidden": "(build, layers) Only 3 of 5",
    "outputs": "(build, outputs) The network has 512 outputs",
    "clear": "(train, gradients)",
    "scale": "(test, pixels)",
    "keep": "(train, memory)",
}


def test_a_lab_without_a_method_of_its_own_is_not_attempted(capsys):
    class Untouched(RightLab): ...

    assert said(capsys, checkers.check_repaired_lab, Untouched) == "Exercise 1: not attempted yet"
    assert said(capsys, checkers.check_repaired_lab, ...) == "Exercise 1: not attempted yet"


def test_a_lab_without_bugs_is_correct(capsys):
    assert said(capsys, checkers.check_repaired_lab, changed()) == "Exercise 1: correct"


def test_a_detached_mean_is_correct_too(capsys):
    line = said(capsys, checkers.check_repaired_lab, changed(keep=lambda self, cost: cost.detach()))
    assert line == "Exercise 1: correct"


@pytest.mark.parametrize("bug", BROKEN)
def test_each_single_bug_is_named_and_no_other(bug, capsys):
    out = said(capsys, checkers.check_repaired_lab, changed(**{bug: BROKEN[bug]}))
    assert "1 bug remains" in out and NAMES[bug] in out
    assert not any(words in out for name, words in NAMES.items() if name != bug)


def test_all_five_bugs_are_named_together(capsys):
    out = said(capsys, checkers.check_repaired_lab, changed(**BROKEN))
    assert "5 bugs remain" in out and all(words in out for words in NAMES.values())


def test_a_graph_that_is_dropped_only_at_the_end_is_found(capsys):
    line = said(
        capsys,
        checkers.check_repaired_lab,
        changed(keep=keep_graph, give=lambda self, total: total.item()),
    )
    assert NAMES["keep"] in line


@pytest.mark.parametrize(
    "change, words",
    [
        ({"scale": 255**2}, "too small"),
        ({"build": lambda self: None}, "(build) It must return the network"),
        ({"build": lambda self: mlp([784, 9, 9, 9, 9, 10])}, "64 units each"),
        ({"train": lambda self, *a: 2.0}, "took no step"),
        ({"give": lambda self, total: None}, "(train) It must return the mean cost"),
        ({"give": lambda self, total: 8 * total}, "not the mean"),
        ({"test": lambda self, net, x, y: float((net(x / 255) > 0).sum())}, "fraction of right"),
        ({"train": lambda self, *a: 1 / 0}, "ZeroDivisionError"),
    ],
)
def test_other_wrong_labs_get_a_hint(change, words, capsys):
    out = said(capsys, checkers.check_repaired_lab, changed(**change))
    assert "not yet" in out and words in out


def test_an_object_in_place_of_the_class_is_told(capsys):
    assert "class itself" in said(capsys, checkers.check_repaired_lab, RightLab())


def test_the_right_order_with_runs_that_agree_is_correct(capsys):
    assert said(capsys, checkers.check_ranking, ORDER, REACHED.get) == "Exercise 2: correct"


@pytest.mark.parametrize("loss", [math.inf, math.nan, torch.tensor(math.nan), np.float32("inf")])
def test_a_scheme_that_explodes_has_the_highest_loss(loss, capsys):
    runs = (REACHED | {"normal": loss}).get
    assert said(capsys, checkers.check_ranking, ORDER, runs) == "Exercise 2: correct"


@pytest.mark.parametrize("kind", [tuple, np.array, iter])
def test_the_order_may_come_in_anything_that_has_one(kind, capsys):
    assert said(capsys, checkers.check_ranking, kind(ORDER), REACHED.get) == "Exercise 2: correct"


def test_the_order_is_the_one_that_training_gives(data, capsys):
    losses = {}
    for scheme in ORDER:
        network = mlp([784] + [64] * 20 + [10])
        initialize_(network, scheme, generator=torch.Generator().manual_seed(1))
        options = {"steps": 100, "batch_size": 50, "log": None}
        history = fit(network, data.train_images, data.train_labels, **options)
        losses[scheme] = history.step_losses[-20:].mean().item()
    assert said(capsys, checkers.check_ranking, ORDER, losses.get) == "Exercise 2: correct"


@pytest.mark.parametrize(
    "ranking, runs, words",
    [
        (..., REACHED.get, "not attempted yet"),
        (ORDER, lambda scheme: ..., "Now write loss_after"),
        (ORDER, ..., "Now write loss_after"),
        (ORDER, 2.3, "Hand over the function itself"),
        (ORDER, lambda s: None if s == "normal" else REACHED[s], "for normal it gave None"),
        (set(ORDER), REACHED.get, "these four names"),
        (
            ORDER,
            (REACHED | {"he_normal": 0.5, "xavier_normal": 0.8, "pytorch_default": 1.0}).get,
            "still be guessing",
        ),
        (["normal", *ORDER[:3]], REACHED.get, "grows to 10^15"),
        (["xavier_normal", "he_normal", *ORDER[2:]], REACHED.get, "10^-3 of it is left"),
        (["he_normal", "pytorch_default", "xavier_normal", "normal"], REACHED.get, "10^-8"),
        ([*ORDER[:2], "normal", "pytorch_default"], REACHED.get, "signal and loss"),
        (ORDER[:3], REACHED.get, "these four names"),
        ("he_normal", REACHED.get, "these four names"),
        ([1, 2, 3, 4], REACHED.get, "these four names"),
        (ORDER, lambda scheme: 2.3, "even N(0, 1)"),
        (ORDER, (REACHED | {"pytorch_default": 1.0}).get, "still be guessing"),
        (ORDER, (REACHED | {"he_normal": 2.0}).get, "fresh network"),
        (ORDER, lambda scheme: math.nan, "with he_normal it explodes"),
        (ORDER, (REACHED | {"pytorch_default": torch.tensor(math.inf)}).get, "it explodes"),
        (ORDER, (REACHED | {"he_normal": 2.0, "normal": math.nan}).get, "fresh network"),
        (ORDER, lambda scheme: "low", "one number"),
        (ORDER, lambda scheme: 1 / 0, "ZeroDivisionError"),
    ],
)
def test_a_ranking_is_judged_by_theory_and_then_by_the_runs(ranking, runs, words, capsys):
    assert words in said(capsys, checkers.check_ranking, ranking, runs)


def scheme(name, **options):
    return lambda network, generator: initialize_(network, name, generator=generator, **options)


def with_biases(network, generator):
    initialize_(network, "he_normal", generator=generator)
    for layer in weight_layers(network):
        nn.init.constant_(layer.bias, -3.0)


def rebuild(network, generator):
    network.insert(1, nn.BatchNorm1d(64))


def replace(network, generator):
    network[0].weight = nn.Parameter(torch.randn(64, 784) / 20)


def share(network, generator):
    initialize_(network, "he_normal", generator=generator)
    for layer in weight_layers(network)[2:-1]:
        layer.weight.data = network[2].weight.data


def hook(network, generator):
    initialize_(network, "xavier_normal", generator=generator)
    network[0].weight.register_hook(lambda gradient: 100 * gradient)


def double(network, generator):
    initialize_(network, "he_normal", generator=generator)
    network.double()


def smuggle(network, generator):
    initialize_(network, "xavier_normal", generator=generator)
    network[1].register_forward_hook(lambda module, x, out: out / out.std())


@pytest.mark.parametrize("name", ["he_normal", "he_uniform", "orthogonal"])
def test_thirty_layers_learn_when_relu_is_made_up_for(name, data, capsys):
    options = {"gain": math.sqrt(2)} if name == "orthogonal" else {}
    line = said(capsys, checkers.check_thirty_layers, scheme(name, **options), data)
    assert line == "Exercise 3: correct"


def test_the_judgement_does_not_depend_on_the_global_seed(data, capsys):
    def global_draw(network, generator):
        initialize_(network, "he_normal")

    lines = []
    for seed in (1, 2):
        torch.manual_seed(seed)
        lines.append(said(capsys, checkers.check_thirty_layers, global_draw, data))
    assert lines == ["Exercise 3: correct"] * 2


@pytest.mark.parametrize(
    "answer, words",
    [
        (lambda network, generator: ..., "not attempted yet"),
        (..., "not attempted yet"),
        (3, "function itself"),
        (scheme("xavier_normal"), "right for a linear layer"),
        (scheme("lecun_uniform"), "right for a linear layer"),
        (scheme("pytorch_default"), "PyTorch's default"),
        (scheme("zero"), "no gradient gets through"),
        (scheme("constant", value=0.01), "must be random"),
        (scheme("uniform"), "mean zero"),
        (scheme("normal"), "they explode"),
        (scheme("normal", std=0.01), "vanish"),
        (with_biases, "what about the biases"),
        (rebuild, "has been rebuilt"),
        (lambda network, generator: mlp([784, 64, 10]), "has been rebuilt"),
        (replace, "in place"),
        (smuggle, "Leave hooks out"),
        (share, "in place"),
        (hook, "Leave hooks out"),
        (double, "has been rebuilt"),
        (lambda network, generator: nn.init.constant_(network[0].weight, math.nan), "not finite"),
        (lambda network, generator: 1 / 0, "ZeroDivisionError"),
    ],
)
def test_other_answers_to_thirty_layers_are_explained(answer, words, data, capsys):
    assert words in said(capsys, checkers.check_thirty_layers, answer, data)
