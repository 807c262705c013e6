"""What a training leaves behind: its measurements, how it ended, and what is said of that."""

import copy
import math

import pytest
import torch
import torch.nn.functional as F
from helpers.toy import fresh, members, toy, weights, with_dropout
from torch import nn

from course_utils.networks import Ensemble
from course_utils.training import (
    STEPS_BETWEEN_LOOKS,
    StopTraining,
    accuracy,
    fit,
    interrupts_passed_on,
)


def test_test_accuracy_is_measured_after_each_epoch_also_one_cut_short():
    images, labels = toy()
    network = with_dropout()
    history = fit(network, images, labels, test=(images, labels), steps=15, batch_size=20, log=None)
    assert len(history.test_accuracy) == len(history.loss) == 2
    assert history.test_accuracy[-1] == accuracy(network, images, labels)
    assert history.step_losses[11:].mean().item() == pytest.approx(history.loss[1], rel=1e-6)


def test_another_loss_with_other_labels_has_no_accuracy():
    images, _ = toy()
    network = fresh(sizes=(8, 8))
    history = fit(network, images, images, loss=F.mse_loss, epochs=30, log=None)
    assert history.loss[-1] < history.loss[0]
    assert all(math.isnan(a) for a in history.accuracy)


@pytest.mark.parametrize("stop", [1, 7, 11, 13])
def test_an_interrupt_keeps_exactly_the_updates_that_were_done(stop, capsys):
    images, labels = toy()
    network, twin = with_dropout(), with_dropout()
    network.eval()
    rng = torch.get_rng_state()

    def press_the_stop_button(step, loss):
        if step == stop:
            raise KeyboardInterrupt

    options = dict(batch_size=20, test=(images, labels))
    history = fit(network, images, labels, epochs=5, after_step=press_the_stop_button, **options)
    fit(twin, images, labels, steps=stop, log=None, **options)
    assert history.outcome == "interrupted"
    assert history.steps == len(history.step_losses) == stop
    assert capsys.readouterr().out.splitlines() == [
        f"Interrupted after {stop} step{'s' * (stop > 1)}: the network keeps what it has learned."
    ]
    assert torch.equal(weights(network), weights(twin))
    assert len(history.test_accuracy) == len(history.loss) == math.ceil(stop / 11)
    assert math.isnan(history.test_accuracy[-1])
    assert not network.training and torch.equal(torch.get_rng_state(), rng)
    assert 0 <= accuracy(network, images, labels) <= 1


@pytest.mark.parametrize("make", [fresh, lambda: Ensemble(members(2))], ids=["one", "ensemble"])
def test_who_wants_results_lets_interrupts_be_passed_on_and_all_is_in_order_first(make):
    def interrupt(step, loss):
        raise KeyboardInterrupt

    network, (images, labels) = make(), toy()
    options = {"after_step": interrupt, "batch_size": 20, "log": None}
    with pytest.raises(KeyboardInterrupt), interrupts_passed_on():
        fit(network, images, labels, **options)
    assert all(p.grad is None for p in network.parameters())
    with interrupts_passed_on():
        fit(network, images, labels, steps=1, log=None)  # what is not interrupted goes on
    with pytest.raises(KeyboardInterrupt):  # nor is one without words a result
        fit(network, images, labels, **options)
    told = []
    histories = fit(network, images, labels, **options | {"log": told.append})
    assert "interrupted" in str(histories) and told


def test_an_interrupt_during_forward_or_test_leaves_a_whole_history(capsys):
    images, labels = toy()

    class Interrupted(nn.Sequential):
        calls = 0

        def forward(self, x):
            self.calls += 1
            if self.calls == self.at:
                raise KeyboardInterrupt
            return super().forward(x)

    for at, steps, epochs in ((1, 0, 0), (5, 4, 1), (12, 11, 1), (13, 11, 1), (14, 12, 2)):
        network = Interrupted(*fresh())
        network.at = at
        history = fit(
            network,
            images,
            labels,
            test=(images, labels),
            epochs=3,
            batch_size=20,
        )
        assert (history.outcome, history.steps) == ("interrupted", steps), at
        columns = (history.loss, history.accuracy, history.test_accuracy)
        assert [len(column) for column in columns] == [epochs] * 3, at
        assert weights(network).isfinite().all()


def test_what_stopped_a_training_is_told_where_the_caller_wants(capsys):
    images, labels = toy()
    heard = []

    def stop(step, loss):
        raise KeyboardInterrupt

    fit(fresh(), images, labels, after_step=stop, log=heard.append)
    assert heard == ["Interrupted after 1 step: the network keeps what it has learned."]
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("watch", ["every step, as on a CPU", "every 50 steps, as on a GPU"])
def test_a_loss_that_is_not_finite_stops_the_training_and_is_named(watch, capsys, monkeypatch):
    if "GPU" in watch:
        monkeypatch.setitem(STEPS_BETWEEN_LOOKS, "cpu", 50)
    images, labels = toy()
    network = fresh()
    updates = []

    def poison(step, loss):
        updates.append(step)
        if step == 14:
            with torch.no_grad():
                network[2].bias.fill_(math.nan)

    history = fit(
        network,
        images,
        labels,
        test=(images, labels),
        epochs=50,
        batch_size=20,
        after_step=poison,
    )
    assert history.outcome == "diverged" and history.steps == 15
    assert history.step_losses[:14].isfinite().all() and history.step_losses[14].isnan()
    assert len(updates) == (14 if "CPU" in watch else 22)  # on a GPU, to the end of the epoch
    assert len(history.loss) == 2 and math.isnan(history.test_accuracy[1])
    assert capsys.readouterr().out == (
        "Stopped at step 15: the loss is nan. Try a smaller learning rate, or weights of smaller "
        "variance.\n"
    )


def test_a_huge_learning_rate_really_diverges(capsys):
    network = fresh()
    history = fit(
        network,
        *toy(),
        epochs=5,
        batch_size=20,
        optimizer=lambda p: torch.optim.SGD(p, lr=1e30),
    )
    assert history.outcome == "diverged" and history.steps < 10
    assert "Stopped at step" in capsys.readouterr().out


def test_a_member_that_diverges_keeps_its_last_weights_and_the_others_go_on(capsys):
    nets, (images, labels) = members(3), toy()
    with torch.no_grad():
        for parameter in nets[1].parameters():
            parameter.mul_(1e20)
    alone = [copy.deepcopy(network) for network in nets]
    options = {"epochs": 2, "batch_size": 20, "test": (images, labels)}
    single = [fit(network, images, labels, **options) for network in alone]
    capsys.readouterr()
    together = fit(Ensemble(nets), images, labels, **options)
    printed = capsys.readouterr().out
    assert printed.startswith("Network 1: Stopped at step 1") and printed.count("\n") == 1
    assert [h.outcome for h in together] == ["finished", "diverged", "finished"]
    assert math.isnan(together[1].test_accuracy[0]) and len(together[1].test_accuracy) == 1
    for network, twin, a, b in zip(nets, alone, together, single, strict=True):
        torch.testing.assert_close(weights(network), weights(twin), rtol=1e-3, atol=1e-5)
        assert (a.steps, a.outcome) == (b.steps, b.outcome)


def test_an_ensemble_of_which_all_diverge_stops_at_once(capsys):
    nets, (images, labels) = members(2), toy()
    with torch.no_grad():
        for parameter in (p for network in nets for p in network.parameters()):
            parameter.mul_(1e20)
    histories = fit(Ensemble(nets), images, labels, epochs=5, batch_size=20)
    assert [(h.steps, h.outcome) for h in histories] == [(1, "diverged")] * 2
    assert capsys.readouterr().out.count("Stopped at step 1") == 2


def test_an_interrupt_gives_every_network_what_it_has_learned(capsys):
    def interrupt(step, loss):
        if step == 7:
            raise KeyboardInterrupt

    nets, (images, labels) = members(2), toy()
    alone = [copy.deepcopy(network) for network in nets]
    options = {"batch_size": 20, "log": [].append}
    histories = fit(Ensemble(nets), images, labels, epochs=3, after_step=interrupt, **options)
    assert [(h.steps, h.outcome) for h in histories] == [(7, "interrupted")] * 2
    for network, twin in zip(nets, alone, strict=True):
        fit(twin, images, labels, steps=7, **options)
        torch.testing.assert_close(weights(network), weights(twin), rtol=1e-3, atol=1e-5)


def enough_after(last):
    def stop(step, loss):
        if step == last:
            raise StopTraining

    return stop


@pytest.mark.parametrize("last", [1, 7, 11, 13])
def test_a_callback_ends_a_training_without_a_word(last, capfd):
    (images, labels), said = toy(), []
    network, twin = with_dropout(), with_dropout()
    options = {"batch_size": 20, "test": (images, labels)}
    history = fit(
        network, images, labels, epochs=5, after_step=enough_after(last), log=said.append, **options
    )
    fit(twin, images, labels, steps=last, log=None, **options)
    assert history.outcome == "stopped" and history.steps == len(history.step_losses) == last
    assert torch.equal(weights(network), weights(twin))
    assert len(history.test_accuracy) == len(history.loss) == math.ceil(last / 11)
    assert math.isnan(history.test_accuracy[-1])
    assert not said and capfd.readouterr() == ("", "")


def test_a_callback_ends_the_training_of_an_ensemble_whose_members_keep_what_they_have():
    (images, labels), said, nets = toy(), [], members(3)
    with torch.no_grad():
        for parameter in nets[1].parameters():
            parameter.mul_(1e20)
    alone = [copy.deepcopy(network) for network in nets]
    histories = fit(
        Ensemble(nets), images, labels, batch_size=20, after_step=enough_after(7), log=said.append
    )
    assert [(h.steps, h.outcome) for h in histories] == [
        (7, "stopped"),
        (1, "diverged"),
        (7, "stopped"),
    ]
    assert len(said) == 1 and said[0].startswith("Network 1: Stopped at step 1")
    for network, twin in zip(nets[::2], alone[::2], strict=True):
        fit(twin, images, labels, steps=7, batch_size=20, log=None)
        torch.testing.assert_close(weights(network), weights(twin), rtol=1e-3, atol=1e-5)
