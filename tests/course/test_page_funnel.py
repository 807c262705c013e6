"""The page of the funnel explorer: is it the live explorer's, and is it current?"""

import json

import pytest
from helpers.pages import assert_stored
from pages import funnel
from pages.frame import FIGURES, held

from course_utils.explorers.funnel.experiment import GAINS, RULES, Funnel
from course_utils.explorers.funnel.widget import SLIDERS

REDRAW = "the page is stale: run python figures/draw_pages.py funnel"


@pytest.fixture(scope="module")
def packed():
    return held((FIGURES / funnel.FILE).read_text(encoding="utf-8"))["data"]


def test_the_page_knows_what_the_live_explorer_knows(packed):
    for name, value in json.loads(json.dumps(funnel.constants())).items():
        assert packed[name] == value, f"{name}: {REDRAW}"
    assert packed["activations"] == list(GAINS) and packed["rules"] == list(RULES)


def test_every_state_of_the_page_is_one_of_the_live_explorer():
    for name, values in (("width_a", funnel.WIDTHS), ("depth", funnel.DEPTHS)):
        _, low, high, _ = SLIDERS[name]
        assert list(values) == sorted(set(values)) and low <= values[0] and values[-1] <= high


@pytest.mark.parametrize(
    "state",
    [
        ("linear", "xavier", 784, 100),
        ("tanh", "geometric", 16, 600),
        ("relu", "fan_out", 64, 64),
        ("relu", "fan_in", 16, 32),
    ],
)
def test_what_is_stored_is_what_the_live_explorer_measures_today(packed, state):
    now = funnel.measure(Funnel(), *state)
    assert_stored(packed, funnel.all_states().index(state), now, {}, REDRAW)
