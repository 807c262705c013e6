"""The page that trains: are its images, its first runs and its controls the package's?"""

import base64

import numpy as np
import pytest
import torch
from helpers.live_training import DATA
from helpers.training_runs import assert_same
from pages import training, training_fixtures
from pages.frame import FIGURES, held
from pages.training import shades, steps_of, trained

from course_utils import load_mnist
from course_utils.explorers import LiveTrainingExplorer
from course_utils.explorers.live_training.experiment import LiveRun, LiveTrainingSetting
from course_utils.explorers.live_training.figure import SHOWN, looks_of
from course_utils.initializers import SCHEMES

FIXTURES = training_fixtures.stored()
HELD = held((FIGURES / training.FILE).read_text(encoding="utf-8"))
REDRAW = "the page is stale: run python figures/draw_pages.py training"


def test_the_stored_runs_are_every_scheme_several_std_and_seeds():
    stored = [run["setting"] for run in FIXTURES]
    assert stored == training_fixtures.settings()
    assert {setting["scheme"] for setting in stored} == set(SCHEMES)


@pytest.mark.parametrize(
    "stored", FIXTURES, ids=lambda run: "{scheme}-{std}-{seed}".format(**run["setting"])
)
def test_a_stored_run_is_what_the_package_trains_today(stored):
    assert_same(stored, steps_of(trained(**stored["setting"])))


def test_the_first_runs_of_the_page_are_what_the_package_trains_today():
    runs = [trained(**setting) for setting in training.SHOWN_FIRST]
    assert len(HELD["data"]["runs"]) == len(runs)
    for stored, run in zip(HELD["data"]["runs"], runs, strict=True):
        losses = [step["loss"] for step in stored["steps"][1:]]
        np.testing.assert_allclose(losses, run.losses, rtol=1e-2, err_msg=REDRAW)
        assert_same(_first(stored, 60), _first(steps_of(run), 60))


def _first(run, steps):
    return {**run, "steps": [*run["steps"][:steps], run["steps"][-1]]}


def test_the_images_of_the_page_are_the_digits_that_the_course_enlarges():
    enlarged = load_mnist("digits", log=None)
    for part in ("train", "test"):
        pixels = decoded(f"{part}_pixels").reshape(-1, 8, 8)
        labels = decoded(f"{part}_labels")
        np.testing.assert_array_equal(labels, getattr(enlarged, f"{part}_labels"))
        images = torch.from_numpy(pixels / np.float32(16))[:, None]
        size = {"size": (20, 20), "mode": "bilinear", "align_corners": False}
        images = torch.nn.functional.interpolate(images, **size)[:, 0]
        shown = getattr(enlarged, f"{part}_images").reshape(-1, 28, 28)[:, 4:24, 4:24]
        torch.testing.assert_close(images, shown)


def decoded(name):
    return np.frombuffer(base64.b64decode(HELD["data"][name]), np.uint8)


def test_the_page_has_the_controls_of_the_live_explorer_and_begins_alike():
    live = LiveTrainingExplorer(DATA)
    rows = [[(c["kind"], c["name"], c["label"]) for c in row] for row in live.spec["rows"]]
    ours = [[(c["kind"], c["name"], c["label"]) for c in row] for row in HELD["spec"]["rows"]]
    assert ours == rows
    assert HELD["spec"]["rows"][0][0]["options"] == live.spec["rows"][0][0]["options"]
    assert HELD["start"] == vars(live.setting) == vars(LiveTrainingSetting())
    place = live.controls["std"]
    stops = [place.at(step) for step in range(place.low, place.high + 1)]
    np.testing.assert_allclose(HELD["spec"]["rows"][1][0]["stops"], stops, rtol=5e-4)
    for std, used in ((1e9, training.LARGEST_STD), (-1, 0)):
        live.set(std=std)
        assert live.setting.std == used


@pytest.mark.parametrize("n", [1, 2, SHOWN])
def test_shades_are_those_of_the_live_explorer(n):
    runs = [run_of(number, std) for number, std in enumerate(np.geomspace(0.01, 1, n), 1)]
    assert shades()[n - 1] == [look.colors for look in looks_of(runs)]


def run_of(number, std):
    return LiveRun(number, LiveTrainingSetting(std=std))
