"""What a day of use brings: interrupts at any moment, and two trainings at the same time."""

import random
import signal
import sys
import threading
import time

import pytest
import torch

from course_utils.boltzmann import RBM
from course_utils.data import ImageData
from course_utils.explorers import LiveTrainingExplorer
from course_utils.networks import Ensemble, mlp
from course_utils.training import fit
from course_utils.training.history import Record

GENERATOR = torch.Generator().manual_seed(3)
IMAGES, LABELS = torch.rand(500, 784, generator=GENERATOR), torch.arange(500) % 10
LONG = 5_000  # epochs: without an interrupt the training ends, and the test fails

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no pthread_kill")


@pytest.fixture(autouse=True)
def ctrl_c_interrupts():
    """Let an interrupt through: the workers of xdist ignore it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


class Interrupt:
    """After the first step it interrupts the main thread a moment later, as Ctrl-C does."""

    def __init__(self, seconds):
        self.seconds, self.last = seconds, 0
        self.thread = threading.Thread(target=self._press)

    def __call__(self, step, loss=None):
        self.last = step
        if step == 1:
            self.thread.start()

    def _press(self):
        time.sleep(self.seconds)
        signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)


def network():
    return mlp([784, 16, 10])


@pytest.mark.parametrize(
    "make", [network, lambda: Ensemble([network(), network()])], ids=["network", "ensemble"]
)
def test_ctrl_c_at_any_moment_leaves_a_network_that_can_be_trained_on(make):
    moments = random.Random(1)
    for _ in range(8):
        trained, told = make(), []
        press, rng = Interrupt(moments.uniform(0, 0.02)), torch.get_rng_state()
        options = {"log": told.append}
        histories = fit(trained, IMAGES, LABELS, epochs=LONG, after_step=press, **options)
        press.thread.join()
        histories = histories if isinstance(histories, list) else [histories]
        assert [history.outcome for history in histories] == ["interrupted"] * len(told)
        for history in histories:
            assert 0 <= history.steps - press.last <= 1  # one may have been told to nobody
            assert len(history.step_losses) == history.steps
            assert history.step_losses.isfinite().all()
        assert all(p.isfinite().all() and p.grad is None for p in trained.parameters())
        assert torch.equal(torch.get_rng_state(), rng)
        after = fit(trained, IMAGES, LABELS, steps=2, log=None)
        assert all(h.outcome == "finished" for h in (after if isinstance(after, list) else [after]))


def test_ctrl_c_while_an_epoch_is_written_down_loses_no_step_and_counts_none_twice(monkeypatch):
    add, calls = Record.add, []

    def interrupted_once(record, *args, **options):
        calls.append(record)
        if len(calls) == 2:
            raise KeyboardInterrupt
        add(record, *args, **options)

    monkeypatch.setattr(Record, "add", interrupted_once)
    pair = Ensemble([network(), network()])
    for history in fit(pair, IMAGES, LABELS, epochs=3, log=[].append):
        assert (history.outcome, history.steps) == ("interrupted", 5)
        assert len(history.loss) == len(history.accuracy) == 1


@pytest.mark.parametrize("persistent", [False, True])
def test_ctrl_c_at_any_moment_leaves_an_rbm_that_can_learn_on(persistent):
    moments = random.Random(2)
    for _ in range(8):
        rbm, told, press = RBM(784, 20), [], Interrupt(moments.uniform(0, 0.02))
        options = {"persistent": persistent, "log": told.append}
        history = rbm.fit(IMAGES, epochs=LONG, after_step=press, **options)
        press.thread.join()
        assert history.outcome == "interrupted" and len(told) == 1
        assert 0 <= rbm.learner.steps - history.steps <= 1  # one may have been under way
        before, weight = rbm.learner.steps, rbm.weight.clone()
        assert weight.isfinite().all()
        assert rbm.fit(IMAGES, epochs=1, **options).outcome == "finished"
        assert rbm.learner.steps == before + 5 and not torch.equal(rbm.weight, weight)


def test_ctrl_c_while_waiting_for_a_live_training_ends_the_waiting_only():
    live = LiveTrainingExplorer(ImageData(IMAGES, LABELS, IMAGES, LABELS, "noise"), steps=3000)
    live.start()
    press = Interrupt(0.05)
    press(1)
    with pytest.raises(KeyboardInterrupt):
        live.wait()
    assert live.running
    live.stop()
    live.wait()
    assert [history.outcome for _, history in live.histories] == ["stopped"]


def test_two_live_trainings_at_once_are_each_what_they_are_alone():
    data = ImageData(IMAGES, LABELS, IMAGES[:50], LABELS[:50], "noise")
    settings = [{"scheme": "he_normal", "seed": 1}, {"scheme": "xavier_uniform", "seed": 2}]
    both = [LiveTrainingExplorer(data, steps=60, **setting) for setting in settings]
    for live in both:
        live.start()
    assert all(live.running for live in both)
    for live in both:
        live.wait(120)
    for live, setting in zip(both, settings, strict=True):
        alone = LiveTrainingExplorer(data, steps=60, **setting)
        alone.start()
        alone.wait(120)
        ((label, history),), ((same, by_itself),) = live.histories, alone.histories
        assert label == same and history.outcome == by_itself.outcome == "finished"
        assert torch.equal(history.step_losses, by_itself.step_losses)
        assert live.shown["picture"] == alone.shown["picture"]
