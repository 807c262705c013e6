import numpy as np
import pytest
import torch
from helpers.answers import said

from course_utils.exercises.restricted_boltzmann_machine import (
    check_gap,
    check_repaired_cd1,
    check_ternary_hidden,
    gap_of,
)


def ternary(a):
    return torch.stack([-a, 0 * a, a], -1).softmax(-1)


def cd1(W, b, c, v0, lr, generator, signs=(1, 1, 1), dice=True, rate=1.0):
    h0 = torch.sigmoid(v0 @ W.T + c)
    h = (torch.rand(h0.shape, generator=generator) < h0).to(v0) if dice else h0
    p1 = torch.sigmoid(h @ W + b)
    v1 = (torch.rand(p1.shape, generator=generator) < p1).to(v0)
    h1 = torch.sigmoid(v1 @ W.T + c)
    W += signs[0] * rate * lr * (h0.T @ v0 - h1.T @ v1) / len(v0)
    b += signs[1] * lr * (v0 - v1).mean(0)
    c += signs[2] * lr * (h0 - h1).mean(0)


def with_(**options):
    return lambda *arguments: cd1(*arguments, **options)


def test_the_right_ternary_units_agree_with_the_list_of_all_states(capsys):
    assert said(capsys, check_ternary_hidden, ternary) == "Exercise 1: correct"
    a = torch.tensor([0.4, -1.3])  # of two units; nine joint states
    states = torch.cartesian_prod(*[torch.tensor([-1.0, 0.0, 1.0])] * 2)
    joint = (states @ a).softmax(0).view(3, 3)
    expected = torch.stack([joint.sum(1), joint.sum(0)])
    assert torch.allclose(ternary(a), expected, atol=1e-6)


def test_another_way_to_write_it_is_right_too(capsys):
    def by_cosh(a):
        return torch.stack([(h * a).exp() for h in (-1, 0, 1)], -1) / (1 + 2 * a.cosh())[..., None]

    assert said(capsys, check_ternary_hidden, by_cosh) == "Exercise 1: correct"


@pytest.mark.parametrize("kind", [torch.Tensor.numpy, torch.Tensor.tolist, torch.Tensor.double])
def test_probabilities_may_come_as_any_array(kind, capsys):
    assert said(capsys, check_ternary_hidden, lambda a: kind(ternary(a))).endswith("correct")


@pytest.mark.parametrize(
    "wrong, hint",
    [
        (
            lambda a: torch.stack([1 - (2 * a).sigmoid(), 0 * a, (2 * a).sigmoid()], -1),
            "two states",
        ),
        (lambda a: torch.stack([0 * a, 1 - a.sigmoid(), a.sigmoid()], -1), "states 0 and 1"),
        (lambda a: torch.stack([a, 0 * a, -a], -1).softmax(-1), "the order is −1, 0, 1"),
        (lambda a: torch.stack([(-a).exp(), a * 0 + 1, a.exp()], -1), "divide by their sum"),
        (lambda a: torch.stack([a, 0 * a, a], -1).softmax(-1), "not as h²"),
        (lambda a: torch.stack([-a, a / 2, a], -1).softmax(-1), "weight e⁰ = 1"),
        (lambda a: torch.ones(*a.shape, 3) / 3, "Repeat step 3"),
        (lambda a: a.sigmoid(), "For an input of shape (2,) return a tensor of shape (2, 3)"),
        (lambda a: 0.5, "yours is 0.5"),
    ],
)
def test_wrong_ternary_units_are_explained(capsys, wrong, hint):
    line = said(capsys, check_ternary_hidden, wrong)
    assert line.startswith("Exercise 1: not yet. ") and hint in line


def test_the_repaired_step_is_right(capsys):
    assert said(capsys, check_repaired_cd1, cd1) == "Exercise 2: correct"


@pytest.mark.parametrize(
    "wrong, hint",
    [
        (with_(signs=(1, -1, 1)), "still the printed version"),
        (with_(signs=(-1, 1, 1)), "The sign of W is wrong"),
        (with_(signs=(1, 1, -1)), "The sign of c is wrong"),
        (with_(signs=(1, -1, -1)), "The sign of b and c is wrong"),
        (with_(dice=False), "W and b and c is no longer that of CD-1"),
        (with_(rate=2.0), "The step of W is no longer"),
        (lambda *arguments: 1.0, "change them in place"),
    ],
)
def test_a_wrong_repair_is_explained(capsys, wrong, hint):
    line = said(capsys, check_repaired_cd1, wrong)
    assert line.startswith("Exercise 2: not yet. ") and hint in line


def test_settings_that_are_still_open_are_not_attempted(capsys):
    assert said(capsys, check_gap, ..., ..., ...) == "Exercise 3: not attempted yet"


def test_whole_numbers_of_every_kind_set_the_gap(capsys):
    setting = (np.int64(15), 200.0, torch.tensor([150]))
    assert said(capsys, check_gap, *setting) == "Exercise 3: correct"


def test_few_images_many_units_and_a_long_training_make_the_gap_grow(capsys):
    assert said(capsys, check_gap, 15, 200, 150) == "Exercise 3: correct"
    assert gap_of(1000, 16, 5) < 1


@pytest.mark.parametrize(
    "setting, hint",
    [
        ((1000, 200, 2), "Give it fewer"),
        ((50, 4, 100), "few hidden units"),
        ((50, 200, 10), "too few times"),
        ((80, 60, 100), "Go further with all three"),
        ((5, 200, 100), "n_images is a whole number from 10 to 1,000, yours is 5"),
        ((20, 0.5, 100), "n_hidden is a whole number"),
        ((20, True, 100), "n_hidden is a whole number from 1 to 300, yours is True."),
        ((20, 200, "many"), "epochs is a whole number from 1 to 200, yours is 'many'."),
        ((20, 200, ...), "epochs is still open"),
    ],
)
def test_a_setting_with_a_small_gap_is_explained(capsys, setting, hint):
    line = said(capsys, check_gap, *setting)
    assert line.startswith("Exercise 3: not yet. ") and hint in line
