"""One run of the live training: its network, its curves, and where it stops."""

import math

import numpy as np
import pytest
import torch
from helpers.live_training import DATA
from helpers.numbers import seeded

from course_utils.explorers.live_training import experiment
from course_utils.explorers.live_training.experiment import LiveRun, LiveTrainingSetting
from course_utils.initializers import SCHEMES, initialize_
from course_utils.networks import mlp
from course_utils.training import fit


@pytest.mark.parametrize("scheme", SCHEMES)
def test_each_scheme_makes_the_network_that_it_makes_alone(scheme):
    options = {"std": 0.3} if scheme == "normal" else {}
    alone = mlp([784, 256, 256, 10])
    initialize_(alone, scheme, generator=seeded(2), **options)
    network = LiveTrainingSetting(scheme=scheme, std=0.3, seed=2).network()
    assert repr(network) == repr(alone)
    for own, other in zip(network.parameters(), alone.parameters(), strict=True):
        assert torch.equal(own, other) and own.requires_grad


def test_the_last_accuracy_of_a_stopped_run_is_measured_where_it_stopped():
    run = LiveRun(1, LiveTrainingSetting(steps=40), watch=lambda: run.stop())
    run.train(DATA)
    assert run.history.steps == run.last_step == 2 and run.ending() == "stopped after 2 steps"
    assert [step for step, _ in run.accuracies] == [0, 2]
    assert len(run.losses) == len(run.smooth) == 2


def test_stop_at_the_very_end_is_too_late_to_cut_anything():
    run = LiveRun(
        1, LiveTrainingSetting(steps=20), watch=lambda: len(run.losses) == 20 and run.stop()
    )
    run.train(DATA)
    assert run.history.outcome == "finished" and run.accuracies[-1][0] == 20


def test_the_moving_average_is_geometric_and_starts_anew_after_a_gap(monkeypatch):
    losses = [2.5, 1.5, 0.0, 1.25, math.nan, 0.75]

    def fit_with_these_losses(network, images, labels, *, after_step, **options):
        for step, loss in enumerate(losses, 1):
            after_step(step, torch.tensor(loss))
        return fit(network, images, labels, steps=len(losses), log=None)

    monkeypatch.setattr(experiment, "fit", fit_with_these_losses)
    run = LiveRun(1, LiveTrainingSetting(steps=40))
    run.train(DATA)
    np.testing.assert_array_equal(run.losses, losses)
    np.testing.assert_allclose(
        run.smooth, [2.5, 2.5**0.8 * 1.5**0.2, 0.0, 1.25, math.nan, 0.75], rtol=1e-12
    )


def test_the_moving_average_follows_the_losses_of_a_training():
    run = LiveRun(1, LiveTrainingSetting("he_normal", steps=20))
    run.train(DATA)
    assert run.losses == run.history.step_losses.tolist() and run.smooth[0] == run.losses[0]
    for before, now, loss in zip(run.smooth, run.smooth[1:], run.losses[1:], strict=False):
        assert now == pytest.approx(before**0.8 * loss**0.2)
