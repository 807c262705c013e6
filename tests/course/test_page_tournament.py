"""The page of the tournament: does it hold the runs that are stored with the package today?"""

import base64
import itertools
import json

import numpy as np
import pytest
from pages import tournament
from pages.frame import FIGURES, held

from course_utils.experiments import stored
from course_utils.experiments.tournament import Setting
from course_utils.explorers.base import plain
from course_utils.explorers.tournament.experiment import Results, words

REDRAW = "the page is stale: run python figures/draw_pages.py tournament"


@pytest.fixture(scope="module")
def packed():
    return held((FIGURES / tournament.FILE).read_text(encoding="utf-8"))["data"]


@pytest.fixture(scope="module")
def results():
    return Results(stored("tournament")["rows"])


def test_the_page_holds_what_the_live_explorer_knows(packed, results):
    today = json.loads(json.dumps(plain(tournament.data_of(results))))
    for name, value in today.items():
        assert packed[name] == value, f"{name}: {REDRAW}"
    assert packed.keys() == today.keys()


def test_a_choice_is_answered_by_the_setting_that_answers_it_live(packed, results):
    answers = np.frombuffer(base64.b64decode(packed["nearest"]), np.uint8)
    lists = [results.values(name) for name in packed["choices"]]
    choices = list(itertools.product(*lists))
    assert len(answers) == len(choices) and len(packed["settings"]) <= 256
    for place in range(0, len(choices), 97):
        asked = Setting(*choices[place])
        shown = packed["settings"][answers[place]]
        assert shown == [str(v) for v in vars(results.race(asked).setting).values()]


def test_the_advice_follows_what_was_asked_not_what_is_shown(packed, results):
    for family, depth, rule in itertools.product(("relu", "LSTM"), (3, 20, 100), ("sgd", "adam")):
        race = results.race(Setting(family, depth, 128, rule, 1000, "digits"))
        start, sentence = packed["advice"][family][rule][str(depth)]
        assert start == race.advised and words(race).endswith(sentence)


def test_it_begins_with_a_setting_that_was_played(packed):
    assert [*tournament.start().values()] in packed["settings"]
    assert [*tournament.start()] == [*packed["choices"]]
