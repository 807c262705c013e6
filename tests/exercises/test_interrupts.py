"""Ctrl-C while a checker trains: nothing is judged, the line says so, and no further cell runs."""

import pytest
import torch
from helpers.answers import said
from torch.nn import functional as F

from course_utils import load_mnist
from course_utils.boltzmann.learning import ContrastiveDivergence
from course_utils.exercises import how_deep_can_we_go, lab_mnist_deep
from course_utils.exercises.restricted_boltzmann_machine import check_gap
from course_utils.exercises.why_zero_init_fails import check_rescue
from course_utils.initializers import initialize_
from course_utils.networks import mlp
from course_utils.training import Adam, fit

DATA = load_mnist("digits", log=None)


def he(network, generator):
    initialize_(network, "he_normal", generator=generator)


def orthogonal(network, generator):
    initialize_(network, "orthogonal", generator=generator)


def rescue(network):
    with torch.no_grad():
        network[2].weight += 0.001 * torch.eye(6)


def loss_after(scheme):
    network = initialize_(mlp([784] + [64] * 20 + [10]), scheme)
    options = {"steps": 100, "batch_size": 50, "log": None}
    history = fit(network, DATA.train_images, DATA.train_labels, **options)
    return history.step_losses[-20:].mean().item()


class Lab:
    def build(self):
        return mlp([784, 64, 64, 64, 64, 10])

    def train(self, network, images, labels):
        rule = lambda parameters: torch.optim.SGD(parameters, lr=0.01)  # noqa: E731
        return fit(network, images, labels, optimizer=rule, log=None).loss[0]

    def test(self, network, pixels, labels):
        return (network(pixels / 255).argmax(1) == labels).float().mean().item()


ORDER = list(lab_mnist_deep.PER_LAYER)
TRAINING = {  # checker and right answer → what takes a step, and the steps to interrupt
    "gap": (check_gap, (15, 200, 150), ContrastiveDivergence, [1, 40]),
    "rescue": (check_rescue, (rescue,), torch.optim.Adam, [1, 100]),
    "lab": (lab_mnist_deep.check_repaired_lab, (Lab,), torch.optim.SGD, [1, 8]),
    "ranking": (lab_mnist_deep.check_ranking, (ORDER, loss_after), Adam, [1, 150]),
    "thirty": (lab_mnist_deep.check_thirty_layers, (he, DATA), Adam, [1, 100]),
    "hundred": (how_deep_can_we_go.check_hundred_layers, (orthogonal, DATA), Adam, [1, 60]),
}
NUMBERS = {"gap": 3, "rescue": 3, "lab": 1, "ranking": 2, "thirty": 3, "hundred": 3}
CASES = [(name, step) for name, (*_, steps) in TRAINING.items() for step in steps]


def interrupting(call, number):
    """Return ``call``, but as if Ctrl-C were pressed during the call of this number."""
    calls = 0

    def interrupted(*given, **options):
        nonlocal calls
        calls += 1
        if calls == number:
            raise KeyboardInterrupt
        return call(*given, **options)

    return interrupted


def interrupted_line(capsys, check, answer):
    with pytest.raises(KeyboardInterrupt):
        check(*answer)
    return capsys.readouterr().out


def words(number):
    return f"Exercise {number}: interrupted, so nothing was judged. Run the cell again.\n"


@pytest.mark.parametrize("name, step", CASES)
def test_a_right_answer_is_not_judged_when_its_training_is_interrupted(
    name, step, monkeypatch, capsys
):
    check, answer, rule, _ = TRAINING[name]
    monkeypatch.setattr(rule, "step", interrupting(rule.step, step))
    assert interrupted_line(capsys, check, answer) == words(NUMBERS[name])


@pytest.mark.parametrize("name", ["rescue", "lab", "ranking", "thirty", "hundred"])
@pytest.mark.parametrize("number", [1, 30])
def test_an_interrupt_within_a_forward_pass_is_no_judgement(name, number, monkeypatch, capsys):
    check, answer, *_ = TRAINING[name]
    monkeypatch.setattr(F, "linear", interrupting(F.linear, number))
    assert interrupted_line(capsys, check, answer) == words(NUMBERS[name])


def test_after_an_interrupt_trainings_end_with_a_history_again(monkeypatch, capsys):
    with monkeypatch.context() as context:
        context.setattr(Adam, "step", interrupting(Adam.step, 3))
        interrupted_line(capsys, lab_mnist_deep.check_thirty_layers, (he, DATA))
    monkeypatch.setattr(Adam, "step", interrupting(Adam.step, 3))
    options = {"steps": 5, "log": [].append}
    history = fit(mlp([784, 10]), DATA.train_images, DATA.train_labels, **options)
    assert history.outcome == "interrupted" and history.steps == 2


@pytest.mark.parametrize("name", TRAINING)
def test_without_an_interrupt_the_same_answers_are_right(name, capsys):
    check, answer, *_ = TRAINING[name]
    assert said(capsys, check, *answer) == f"Exercise {NUMBERS[name]}: correct"
