"""Labs in many styles: what is right stays right, what is wrong is named."""

import pytest
import torch
from helpers.answers import said
from torch import nn
from torch.nn import functional as F

from course_utils.exercises.lab_mnist_deep import check_repaired_lab
from course_utils.networks import mlp

SIZES = [784, 64, 64, 64, 64, 10]


def adam(network):
    return torch.optim.Adam(network.parameters(), lr=0.001)


def batches(images, labels, size=100):
    return list(zip(images.split(size), labels.split(size), strict=True))


def train(loss=F.cross_entropy, make=adam, cut=batches, epochs=1, order="zero backward step"):
    """Return a method that trains; the options are the styles and the mistakes."""

    def method(self, network, images, labels):
        optimizer, costs = make(network), []
        for x, y in cut(images, labels) * epochs:
            cost = loss(network(x), y)
            acts = {"zero": optimizer.zero_grad, "backward": cost.backward, "step": optimizer.step}
            for act in order.split():
                acts[act]()
            costs.append(cost.item())
        return sum(costs) / len(costs)

    return method


class Lab:
    def build(self):
        return mlp(SIZES)

    train = train()

    def test(self, network, pixels, labels):
        with torch.no_grad():
            return (network(pixels / 255).argmax(1) == labels).float().mean().item()


def lab(**methods):
    return type("RepairedLab", (Lab,), {"build": Lab.build} | methods)


# ------------------------------------------------------------------------------------------ build


class Functional(nn.Module):
    def __init__(self, relu=F.relu, layer=nn.Linear):
        super().__init__()
        self.relu, self.out = relu, layer(64, 10)  # defined before the layers that it follows
        sizes = zip(SIZES[:-2], SIZES[1:-1], strict=True)
        self.hidden = nn.ModuleList([layer(i, o) for i, o in sizes])

    def forward(self, x):
        for layer in self.hidden:
            x = self.relu(layer(x))
        return self.out(x)


class ByHand(nn.Module):
    def __init__(self):
        super().__init__()
        pairs = zip(SIZES[:-1], SIZES[1:], strict=True)
        self.w = nn.ParameterList([nn.Parameter(torch.randn(i, o) / 20) for i, o in pairs])

    def forward(self, images):
        x = images.flatten(1)
        for w in self.w[:-1]:
            x = (x @ w).clamp(min=0)
        return x @ self.w[-1]


def sequential(*relus, end=(), hidden=nn.ReLU):
    """Return the network with a ReLU only behind the layers of these numbers, from 1 to 5."""
    modules = []
    for i, (n_in, n_out) in enumerate(zip(SIZES[:-1], SIZES[1:], strict=True), start=1):
        modules += [nn.Linear(n_in, n_out)] + ([hidden()] if i in relus else [])
    return nn.Sequential(*modules, *end)


def nll_of_log(p, y):
    return F.nll_loss(p.log(), y)


RIGHT_BUILDS = {
    "F.relu": (Functional, {}),
    "Tensor.relu": (lambda: Functional(torch.Tensor.relu), {}),
    "one nn.ReLU, in place": (lambda: Functional(nn.ReLU(inplace=True)), {}),
    "maximum": (lambda: Functional(lambda z: torch.maximum(z, torch.zeros(()))), {}),
    "own matrices": (ByHand, {}),
    "lazy layers": (lambda: Functional(layer=lambda i, o: nn.LazyLinear(o)), {}),
    "without biases": (lambda: mlp(SIZES, bias=False), {}),
    "flattened first": (lambda: nn.Sequential(nn.Flatten(), mlp(SIZES)), {}),
    "log_softmax": (
        lambda: sequential(1, 2, 3, 4, end=[nn.LogSoftmax(1)]),
        {"train": train(F.nll_loss)},
    ),
    "softmax": (lambda: sequential(1, 2, 3, 4, end=[nn.Softmax(1)]), {"train": train(nll_of_log)}),
}


@pytest.mark.parametrize("style", RIGHT_BUILDS)
def test_a_right_network_is_right_in_every_style(style, capsys):
    make, methods = RIGHT_BUILDS[style]
    right = lab(build=staticmethod(make), **methods)
    assert said(capsys, check_repaired_lab, right) == "Exercise 1: correct"


WRONG_BUILDS = {
    "two ReLUs left out": (lambda: sequential(1, 4), "Only 2 of the 4 hidden layers"),
    "the last ReLU left out": (lambda: sequential(1, 2, 3), "Only 3 of the 4 hidden layers"),
    "no ReLU": (sequential, "Only 0 of the 4"),
    "a ReLU behind the scores": (lambda: sequential(1, 2, 3, 4, 5), "follows the last layer"),
    "tanh": (lambda: sequential(1, 2, 3, 4, hidden=nn.Tanh), "belongs a ReLU, and nothing else"),
    "leaky": (lambda: sequential(1, 2, 3, 4, hidden=nn.LeakyReLU), "belongs a ReLU"),
    "dropout": (lambda: sequential(1, 2, 3, 4, end=[nn.Dropout()]), "nothing else"),
    "one layer twice": (
        lambda: nn.Sequential(*mlp(SIZES)[:6], *2 * [nn.Linear(64, 64)], nn.Linear(64, 10)),
        "(build, activations)",
    ),
    "no batch": (lambda: nn.Sequential(mlp(SIZES), nn.Flatten(0)), "50 rows of scores"),
}  # fmt: skip


@pytest.mark.parametrize("fault", WRONG_BUILDS)
def test_a_wrong_network_is_named(fault, capsys):
    make, words = WRONG_BUILDS[fault]
    line = said(capsys, check_repaired_lab, lab(build=staticmethod(make)))
    assert line.startswith("Exercise 1: not yet. ") and words in line


# ------------------------------------------------------------------------------------------ train


def with_closure(self, network, images, labels):
    optimizer, costs = torch.optim.SGD(network.parameters(), lr=0.01, momentum=0.9), []
    for x, y in batches(images, labels):

        def closure(x=x, y=y):
            optimizer.zero_grad()
            cost = nn.CrossEntropyLoss()(network(x), y)
            cost.backward()
            return cost

        costs.append(optimizer.step(closure).detach())
    return torch.stack(costs).mean()


def by_hand(self, network, images, labels):
    total = 0.0
    for x, y in batches(images, labels):
        cost = -F.log_softmax(network(x), dim=1)[torch.arange(len(y)), y].mean()
        gradients = torch.autograd.grad(cost, list(network.parameters()))
        with torch.no_grad():
            for p, g in zip(network.parameters(), gradients, strict=True):
                p -= 0.01 * g
        total += cost.item() * len(x)
    return total / len(images)


def through_data(self, network, images, labels):
    costs = []
    for x, y in batches(images, labels):
        network.zero_grad(set_to_none=False)
        cost = F.cross_entropy(network.forward(x), y)
        cost.backward()
        for p in network.parameters():
            p.data -= 0.01 * p.grad
        costs.append(cost.item())
    return sum(costs) / len(costs)


def by_loader(self, network, images, labels):
    data = torch.utils.data.TensorDataset(images, labels)
    loader = torch.utils.data.DataLoader(data, batch_size=96, shuffle=True, drop_last=True)
    optimizer, costs, hits = torch.optim.AdamW(network.parameters()), [], 0
    network.train()
    for x, y in loader:
        optimizer.zero_grad(set_to_none=False)
        cost = F.cross_entropy(network(x), y)
        cost.backward()
        nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        costs.append(cost.item())
        with torch.no_grad():
            hits += (network(x).argmax(1) == y).sum()
    return torch.tensor(costs).mean().item()


def last_epoch(self, network, images, labels):
    return [train()(self, network, images, labels) for _ in range(3)][-1]


def with_accuracy(self, network, images, labels):
    optimizer, total, hits = adam(network), 0, 0
    for x, y in batches(images, labels):
        scores = network(x)
        cost = F.cross_entropy(scores, y, reduction="sum")
        optimizer.zero_grad()
        cost.backward()
        optimizer.step()
        total += cost.item()
        hits += (network(x).argmax(1) == y).sum()  # after the step, with a graph that is dropped
    return total / len(images)


def step_first(self, network, images, labels):
    optimizer, costs = adam(network), []
    for x, y in batches(images, labels):
        cost = F.cross_entropy(network(x), y) / 8
        cost.backward()
        optimizer.step()
        optimizer.zero_grad()
        costs.append(cost.item())
    return sum(costs)


def normalized(self, network, images, labels):
    return train()(self, network, (images - 0.13) / 0.31, labels)


def sgd(network, **options):
    return torch.optim.SGD(network.parameters(), **{"lr": 0.01} | options)


def decayed(network):
    return torch.optim.AdamW(network.parameters(), weight_decay=0.01, lr=0.001)


def schedule_free(network):
    return torch.optim.RMSprop(network.parameters(), lr=1e-4)


def shuffled(images, labels):
    order = torch.randperm(len(images))
    return batches(images[order], labels[order])


RIGHT_TRAININGS = {
    "plain": train(),
    "SGD": train(make=sgd),
    "momentum": train(make=lambda n: sgd(n, momentum=0.9, nesterov=True)),
    "AdamW": train(make=decayed),
    "RMSprop": train(make=schedule_free),
    "nn.CrossEntropyLoss": train(nn.CrossEntropyLoss()),
    "nll of log_softmax": train(lambda z, y: F.nll_loss(F.log_softmax(z, 1), y)),
    "one-hot": train(lambda z, y: -(F.one_hot(y, 10) * z.log_softmax(-1)).sum(1).mean()),
    "shuffled": train(cut=shuffled),
    "two epochs": train(epochs=2),
    "small batches": train(cut=lambda x, y: batches(x, y, 30)),
    "one batch": train(cut=lambda x, y: batches(x, y, 800)),
    "closure": with_closure,
    "by hand": by_hand,
    "through .data": through_data,
    "DataLoader, drop_last": by_loader,
    "mean of the last epoch": last_epoch,
    "accuracy measured too": with_accuracy,
    "cost a share, cleared last": step_first,
    "normalized pixels": normalized,
}


@pytest.mark.parametrize("style", RIGHT_TRAININGS)
def test_a_right_training_is_right_in_every_style(style, capsys):
    right = lab(train=RIGHT_TRAININGS[style])
    assert said(capsys, check_repaired_lab, right) == "Exercise 1: correct"


def one_layer(network):
    return torch.optim.Adam(list(network.parameters())[-2:], lr=0.001)


def last_cost(self, network, images, labels):
    train()(self, network, images[:-100], labels[:-100])
    return train()(self, network, images[-100:], labels[-100:])


def one_step_at_the_end(self, network, images, labels):
    optimizer, costs = adam(network), []
    for x, y in batches(images, labels):
        optimizer.zero_grad()
        cost = F.cross_entropy(network(x), y)
        cost.backward()
        costs.append(cost.item())
    optimizer.step()
    return sum(costs) / len(costs)


def softmax_first(z, y):
    return F.cross_entropy(z.softmax(1), y)


WRONG_TRAININGS = {
    "cleared before the step": (train(order="backward zero step"), "(train, step)"),
    "no step": (train(order="zero backward"), "(train, step)"),
    "one step at the end": (one_step_at_the_end, "(train, step)"),
    "uphill": (train(make=lambda n: sgd(n, maximize=True)), "does not lead down"),
    "one layer only": (train(make=one_layer), "all parameters?"),
    "another network": (train(make=lambda n: adam(mlp(SIZES))), "(train, step)"),
    "first batch only": (train(cut=lambda x, y: batches(x, y)[:1]), "Only 100 of 800"),
    "first batch again": (train(cut=lambda x, y: batches(x, y)[:1] * 8), "Only 100 of 800"),
    "last batch left out": (train(cut=lambda x, y: batches(x, y)[:-1]), "Only 700 of 800"),
    "softmax twice": (train(softmax_first), "(train, loss)"),
    "nll of the scores": (train(F.nll_loss), "(train, loss)"),
    "squares": (train(lambda z, y: F.mse_loss(z, F.one_hot(y, 10).float())), "(train, loss)"),
    "other labels": (train(lambda z, y: F.cross_entropy(z, (y + 1) % 10)), "(train, loss)"),
    "shuffled alone": (
        train(cut=lambda x, y: batches(x[torch.randperm(len(x))], y)), "(train, loss)",
    ),
    "pixels divided": (train(cut=lambda x, y: batches(x / 255, y)), "divide nothing"),
    "zeros": (train(cut=lambda x, y: batches(0 * x, y)), "not the images"),
    "last cost": (last_cost, "not the mean"),
    "never cleared": (train(order="backward step"), "(train, gradients)"),
}  # fmt: skip


@pytest.mark.parametrize("fault", WRONG_TRAININGS)
def test_a_wrong_training_is_named(fault, capsys):
    method, words = WRONG_TRAININGS[fault]
    line = said(capsys, check_repaired_lab, lab(train=method))
    assert line.startswith("Exercise 1: not yet. ") and words in line


def test_a_softmax_in_the_network_is_one_bug_with_cross_entropy(capsys):
    wrong = lab(build=lambda self: sequential(1, 2, 3, 4, end=[nn.Softmax(1)]))
    line = said(capsys, check_repaired_lab, wrong)
    assert "1 bug remains. (train, loss)" in line and "has its softmax inside" in line


# ------------------------------------------------------------------------------------------- test


def with_graph(self, network, pixels, labels):
    return (network(pixels.double().float().div(255)).max(1)[1] == labels).sum() / len(labels)


def in_batches(self, network, pixels, labels):
    network.eval()
    hits = 0
    for x, y in batches(pixels, labels, 50):
        hits += int((network(x.float() / 255).softmax(1).argmax(1) == y).sum())
    return hits / len(labels)


@pytest.mark.parametrize("method", [with_graph, in_batches])
def test_a_right_test_is_right_in_every_style(method, capsys):
    assert said(capsys, check_repaired_lab, lab(test=method)) == "Exercise 1: correct"


@pytest.mark.parametrize(
    "method",
    [
        lambda self, n, x, y: 100 * Lab.test(self, n, x, y),
        lambda self, n, x, y: 1 - Lab.test(self, n, x, y),
        lambda self, n, x, y: Lab.test(self, n, x[:100], y[:100]),
        lambda self, n, x, y: (n(x / 255).argmax(1) == y).sum().item(),
        lambda self, n, x, y: "three quarters",
    ],
)
def test_a_wrong_test_is_named(method, capsys):
    assert "fraction of right" in said(capsys, check_repaired_lab, lab(test=method))
