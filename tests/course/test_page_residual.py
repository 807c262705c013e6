"""The page of the residual explorer: is it the live explorer's, and is it current?"""

import json

import numpy as np
import pytest
from helpers.pages import assert_stored, mnist_or_skip
from pages import residual
from pages.frame import FIGURES, held
from pages.numbers import rounded

from course_utils.explorers.residual.experiment import ResidualPath
from course_utils.explorers.residual.widget import JUMPS, SCALE_STEPS

REDRAW = "the page is stale: run python figures/draw_pages.py residual"


@pytest.fixture(scope="module")
def packed():
    return held((FIGURES / residual.FILE).read_text(encoding="utf-8"))["data"]


@pytest.fixture(scope="module")
def path():
    return ResidualPath(mnist_or_skip())


def test_the_page_knows_what_the_live_explorer_knows(packed):
    for name, value in json.loads(json.dumps(residual.constants())).items():
        assert packed[name] == value, f"{name}: {REDRAW}"


def test_every_state_of_the_page_is_one_of_the_live_explorer():
    steps = residual.SCALE_STEPS
    assert list(steps) == sorted(set(steps)) and (steps[0], steps[-1]) == SCALE_STEPS
    for depth in residual.DEPTHS:
        expected = {name: rounded(jump(depth)) for name, jump in JUMPS.items()}
        assert residual.jumps(depth) == expected
        assert set(expected.values()) <= set(residual.scales())


@pytest.mark.parametrize(
    "state",
    [
        ("he", "none", 1.0),
        ("he", "batch", residual.jumps(25)["1/√depth"]),
        ("he", "layer", 0.0),
        ("fixup", "layer", 1.0),
        ("rezero", "batch", 1.0),
    ],
)
def test_what_is_stored_is_what_the_live_explorer_measures_today(packed, path, state):
    now = residual.measure(path, *state)
    i = residual.all_states().index(state)
    share = path.measure(residual.setting(*state, residual.DEPTHS[-1])).share
    assert_stored(packed, i, now, {"share": share}, REDRAW)


def test_the_scale_changes_nothing_where_branches_begin_at_zero(path):
    for name in ("fixup", "rezero"):
        one, other = (residual.measure(path, name, "layer", scale) for scale in (0.1, 3.0))
        np.testing.assert_array_equal(one.signal, other.signal)
        np.testing.assert_array_equal(one.gradient, other.gradient)
        assert one.words == other.words
