"""When two runs of the page's network are the same: how far rounding may part them."""

import numpy as np

APART = {"zero": 1e-4, "uniform": 1e-3, "constant": 2e-2}
"""Relative distance of losses after 60 steps, where it may be more than 5e-6. Of "zero" a gradient
can be 0 but for rounding, and Adam makes a step of it; the last two have scores in the thousands,
whose differences a float32 knows to one digit less or two."""

ALIKE = {"constant": 20}
"""Steps after which rounding decides where a run goes, if that is before the end of a run here."""


def assert_same(one, other):
    """Compare losses, accuracies and ends of two runs, told as `pages.training.steps_of` does."""
    assert one["setting"] == other["setting"]
    scheme = one["setting"]["scheme"]
    steps = slice(ALIKE.get(scheme, len(one["steps"]) - 1) + 1)
    losses = [[step["loss"] for step in run["steps"][steps][1:]] for run in (one, other)]
    np.testing.assert_allclose(*losses, rtol=APART.get(scheme, 5e-6), err_msg=str(one["setting"]))
    accuracies = [
        [(step["step"], step["accuracy"]) for step in run["steps"][steps] if "accuracy" in step]
        for run in (one, other)
    ]
    one_image = 1.001 / 360
    np.testing.assert_allclose(*accuracies, rtol=0, atol=one_image, err_msg=str(one["setting"]))
    assert one["steps"][-1]["outcome"] == other["steps"][-1]["outcome"]
