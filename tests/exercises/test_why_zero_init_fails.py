import numpy as np
import pytest
import torch
from helpers.answers import said

from course_utils.exercises.why_zero_init_fails import (
    check_first_gradient,
    check_rescue,
    check_sigmoid_wave,
)
from course_utils.networks import weight_layers


def first_gradient(x, a, c, target, units):
    h = torch.tanh(a * x.sum())
    return ((units * c * h - target) * c * (1 - h**2) * x).repeat(units, 1)


def by_autograd(x, a, c, target, units):
    w = torch.full((units, len(x)), a, dtype=x.dtype, requires_grad=True)
    loss = 0.5 * (c * torch.tanh(w @ x).sum() - target) ** 2
    return torch.autograd.grad(loss, w)[0]


def wave(n_layers, step):
    return set(range(max(1, n_layers - step + 1), n_layers + 1))


def touch(layer, change):
    def answer(network):
        with torch.no_grad():
            weight = weight_layers(network)[layer].weight
            weight += change(weight)

    return answer


def pairs_of_rows(weight):
    return noise(weight)[:3].repeat_interleave(2, dim=0)


def add_a_layer(network):
    touch(1, noise)(network)
    network.insert(1, torch.nn.LayerNorm(6, dtype=torch.float64))


def noise(weight):
    generator = torch.Generator().manual_seed(0)
    return 0.001 * (2 * torch.rand(weight.shape, generator=generator) - 1)


@pytest.mark.parametrize(
    "answer",
    [
        first_gradient,
        by_autograd,
        lambda *g: first_gradient(*g).numpy(),
        lambda *g: first_gradient(*g).tolist(),
        lambda *g: first_gradient(*g).float(),
        lambda x, *g: first_gradient(x.clone(), *g) + x.zero_(),
    ],
)
def test_the_first_gradient_is_accepted_by_hand_and_by_autograd(capsys, answer):
    assert said(capsys, check_first_gradient, answer) == "Exercise 1: correct"


@pytest.mark.parametrize(
    ("wrong", "hint"),
    [
        (lambda *g: torch.ones(g[4], len(g[0])), "Go down"),
        (lambda *g: first_gradient(*g).mean() + torch.zeros(g[4], len(g[0])), "Only the rows"),
        (lambda *g: first_gradient(*g) / (1 - torch.tanh(g[1] * g[0].sum()) ** 2), "slope"),
        (lambda *g: first_gradient(*g) / g[2], "outgoing weight"),
        (lambda *g: first_gradient(*g).T, "on its side"),
        (lambda *g: first_gradient(*g)[0], "it is (4, 3)"),
        (lambda *g: -first_gradient(*g), "sign"),
        (lambda *g: "a matrix", "Return a matrix (4, 3); yours is 'a matrix'."),
        (lambda *g: first_gradient(*g) > 0, "Return a matrix (4, 3); yours is a Tensor"),
    ],
)
def test_a_wrong_first_gradient_is_explained(capsys, wrong, hint):
    line = said(capsys, check_first_gradient, wrong)
    assert line.startswith("Exercise 1: not yet. ") and hint in line


def test_forgetting_that_all_units_add_to_the_output_is_explained(capsys):
    def wrong(x, a, c, target, units):
        h = torch.tanh(a * x.sum())
        return ((c * h - target) * c * (1 - h**2) * x).repeat(units, 1)

    assert "that of one unit" in said(capsys, check_first_gradient, wrong)


def test_the_wave_is_accepted(capsys):
    assert said(capsys, check_sigmoid_wave, wave) == "Exercise 2: correct"


@pytest.mark.parametrize(
    "kind",
    [
        sorted,
        tuple,
        frozenset,
        iter,
        dict.fromkeys,
        lambda layers: dict.fromkeys(layers).keys(),
        lambda layers: range(min(layers), max(layers) + 1),
        lambda layers: torch.arange(min(layers), max(layers) + 1),
        lambda layers: np.array(sorted(layers)),
        lambda layers: [*layers, *layers],
        lambda layers: {float(layer) for layer in layers},
        lambda layers: {np.int64(layer) for layer in layers},
        lambda layers: [torch.tensor(layer) for layer in layers],
    ],
)
def test_the_wave_may_be_anything_that_lists_the_layers(kind, capsys):
    assert said(capsys, check_sigmoid_wave, lambda n, t: kind(wave(n, t))).endswith("correct")


@pytest.mark.parametrize(
    ("wrong", "hint"),
    [
        (lambda n, t: wave(n, t + 1), "too early"),
        (lambda n, t: wave(n, t - 1), "one step late"),
        (lambda n, t: {n + 1 - layer for layer in wave(n, t)}, "start at the input"),
        (lambda n, t: {max(1, n - t + 1)}, "only the layer that is new"),
        (lambda n, t: {n}, "the last layer only"),
        (lambda n, t: set(), "0.5"),
        (lambda n, t: set(range(1, n + 1)), "every layer at every step"),
        (lambda n, t: {layer - 1 for layer in wave(n, t)}, "do not exist"),
        (lambda n, t: {1, n}, "section 3"),
        (lambda n, t: {layer: True for layer in wave(n, t)}, "The answer is a set of layers"),
        (lambda n, t: n, "such as {2, 3}; for n_layers = 2, step = 1 yours is 2."),
        (lambda n, t: "12", "yours is '12'."),
        (lambda n, t: {n - 0.5}, "yours is {1.5}."),
        (lambda n, t: wave(n, t) if t < n else None, "n_layers = 2, step = 2 yours is None."),
        (lambda n, t: torch.ones(n) > 0, "yours is a Tensor of shape (2,)"),
    ],
)
def test_a_wrong_wave_is_explained(capsys, wrong, hint):
    line = said(capsys, check_sigmoid_wave, wrong)
    assert line.startswith("Exercise 2: not yet. ") and hint in line


def test_noise_in_the_middle_matrix_rescues(capsys):
    assert said(capsys, check_rescue, touch(1, noise)) == "Exercise 3: correct"


def test_a_diagonal_in_the_middle_matrix_rescues_without_chance(capsys):
    answer = touch(1, lambda weight: 0.001 * torch.eye(6))
    assert said(capsys, check_rescue, answer) == "Exercise 3: correct"


@pytest.mark.parametrize(
    ("wrong", "hint"),
    [
        (touch(0, noise), "units of the second still"),
        (touch(2, noise), "units of the first still"),
        (touch(1, lambda weight: 0.001), "the same for every unit"),
        (touch(1, lambda weight: 1e-4 * noise(weight)), "too small to be seen"),
        (touch(0, lambda weight: 1e-4 * noise(weight)), "too small to be seen"),
        (touch(1, lambda weight: 10 * noise(weight)), "Too much"),
        (touch(1, lambda weight: torch.nan), "Too much"),
        (touch(1, lambda weight: 0.001 * (torch.arange(36).view(6, 6) == 0)), "still twins"),
        (touch(1, pairs_of_rows), "still twins"),  # in the second hidden layer alone
        (touch(1, lambda weight: pairs_of_rows(weight).T), "still twins"),  # in the first
        (add_a_layer, "has been rebuilt"),
        (lambda network: network[2].weight.detach().clone(), "is as it was"),
        (lambda network: torch.nn.init.constant_(network[2].bias, 0.001), "biases"),
        (lambda network: [touch(i, noise)(network) for i in (0, 1)], "2 weight matrices"),
    ],
)
def test_a_wrong_rescue_is_explained(capsys, wrong, hint):
    line = said(capsys, check_rescue, wrong)
    assert line.startswith("Exercise 3: not yet. ") and hint in line
