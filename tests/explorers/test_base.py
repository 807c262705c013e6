"""What all explorers share: a move reads, measures, and then shows everything at once."""

import base64
import json
import math
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from helpers.front_end import ask, choose, jump, move, press, typed
from helpers.interrupts import interrupted_after
from helpers.pictures import pixels, seen

from course_utils.explorers.base import Explorer, Look, Table, plain
from course_utils.explorers.controls import Button, Choice, Jumps, whole_number
from course_utils.explorers.still import as_png
from course_utils.explorers.values import corrected_choice, corrected_whole


@dataclass(frozen=True)
class Pair:
    first: int = 1
    second_one: int = 2
    letter: str = "a"


class PairExplorer(Explorer):
    """The smallest explorer: two whole numbers and a letter."""

    prefix = "pair"

    def __init__(self):
        self.looks, self.pressed = [], 0
        super().__init__(Pair(), "A pair")
        self.set()

    def _rows(self):
        numbers = [whole_number(name, name, 0, 9) for name in ("first", "second_one")]
        letter = Choice("letter", "letter", {letter: letter.upper() for letter in "ab"})
        twice = Jumps("first", "Jump to", {"twice": lambda n: 2 * n, "it": int}, of="second_one")
        return [numbers, [letter, twice, Button("push", "Push", "pushes", self._push)]]

    def _push(self):
        self.pressed += 1

    def _corrected(self, name, value, previous):
        if name == "letter":
            return corrected_choice(value, previous, "ab", "letter")
        return corrected_whole(value, previous, 0, 9, name)

    def _look(self, setting):
        self.looks.append(setting)
        words = f"<{setting.first} and {setting.second_one}>"
        table = Table("pairs", ("first", "second"), [[str(setting.first), str(setting.second_one)]])
        return Look({"height": np.float32(setting.first)}, words, f"A pair: {words}", table, "x")

    def _still(self):
        from matplotlib.figure import Figure

        return as_png(Figure(figsize=(1, 1), dpi=20))

    def readout(self):
        return "a pair"


@pytest.fixture
def explorer():
    return PairExplorer()


def test_all_that_a_move_changes_travels_as_one_object(explorer):
    sent = []
    explorer.observe(lambda change: sent.append(change["new"]), "shown")
    typed(explorer, second_one="5")
    (shown,) = sent
    assert explorer.setting == Pair(1, 5)
    assert shown["values"] == {"first": "1", "second_one": "5", "letter": "a"}
    assert shown["places"] == {"first": 1, "second_one": 5}
    assert shown["spoken"] == {"first": "1", "second_one": "5"}
    assert shown["jumped"] == {"first": []}
    assert shown["picture"] == {"height": 1.0}
    assert shown["verdict"] == explorer.verdict == "<1 and 5>"
    assert shown["alt"] == "A pair: <1 and 5>" and shown["correction"] == ""
    table = {"caption": "pairs", "columns": ["first", "second"], "rows": [["1", "5"]]}
    assert shown["table"] == table
    assert json.loads(json.dumps(shown)) == shown


def test_slider_box_list_and_jump_are_ways_to_the_same_setting(explorer):
    for way in (lambda: move(explorer, first=4), lambda: typed(explorer, first=" 4 ")):
        explorer.set(first=0)
        way()
        assert explorer.setting == Pair(4)
    choose(explorer, letter="b")
    assert explorer.setting == Pair(4, 2, "b")
    assert jump(explorer, first="it")["jumped"] == {"first": ["it"]}
    assert explorer.setting == Pair(2, 2, "b")


def test_a_jump_starts_from_what_is_set_beside_it(explorer):
    explorer.set(first="twice", second_one=4)
    assert explorer.setting == Pair(8, 4)
    explorer.set(second_one=3, first="twice")
    assert explorer.setting == Pair(6, 3)


def test_a_name_that_is_on_no_button_is_no_jump(explorer):
    explorer.set(first="thrice")
    assert explorer.setting == Pair() and "'thrice' was ignored" in explorer.correction


def test_what_is_asked_for_again_is_not_measured_again(explorer):
    explorer.set(first=5, second_one=5)
    measured = len(explorer.looks)
    explorer.set(first=5.0)
    move(explorer, first=5)
    explorer.set()
    explorer.set(first="nonsense")
    jump(explorer, first="it")
    assert len(explorer.looks) == measured
    explorer.set(first=6)
    assert len(explorer.looks) == measured + 1


def test_several_fields_are_measured_once(explorer):
    measured = len(explorer.looks)
    explorer.set(second_one=3, first=4, letter="b")
    assert explorer.looks[measured:] == [Pair(4, 3, "b")]
    ask(explorer, set={"first": ["place", 7], "letter": ["chosen", "a"]})
    assert explorer.looks[measured + 1 :] == [Pair(7, 3, "a")]


def test_a_correction_is_shown_until_the_next_move_whatever_that_is(explorer):
    assert typed(explorer, first="12")["correction"].endswith("12 was changed to 9.")
    assert "must be a number; 'deep' was ignored" in typed(explorer, first="deep")["correction"]
    assert "12" not in explorer.correction
    assert typed(explorer, first="9")["correction"] == ""  # what it was before, too


def test_corrections_are_told_in_the_order_of_what_was_asked(explorer):
    for names in (("letter", "second_one", "first"), ("second_one", "first", "letter")):
        explorer.set(**dict.fromkeys(names, "?"))
        places = [explorer.correction.index(name) for name in names]
        assert places == sorted(places)


def test_an_unknown_field_is_answered_with_the_known_ones_and_changes_nothing(explorer):
    before = seen(explorer)
    with pytest.raises(TypeError, match="'third': it has first, second_one, letter"):
        explorer.set(first=5, third=1)
    assert explorer.setting == Pair() and seen(explorer) == before


def test_a_button_acts_and_is_answered(explorer):
    press(explorer, "push")
    press(explorer, "first")  # no button
    press(explorer, "nothing")
    assert explorer.pressed == 1


# ---------------------------------------------------------------------- an answer always comes


def failing(error):
    def call(*_):
        raise error

    return call


@pytest.mark.parametrize("error", [KeyboardInterrupt(), MemoryError("full"), ValueError("odd")])
@pytest.mark.parametrize("place", ["_read", "_look", "_store", "_controls_shown"])
def test_a_move_that_fails_is_answered_with_the_old_state(explorer, monkeypatch, place, error):
    before = seen(explorer)
    once, works = [error], getattr(explorer, place)

    def fails_once(*given):
        if once:
            raise once.pop()
        return works(*given)

    monkeypatch.setattr(explorer, place, fails_once)
    with pytest.raises(type(error)):
        explorer._asked({"request": "q", "set": {"first": ["place", 7]}})
    assert explorer.shown["answer"] == "q" and explorer.setting == Pair()
    assert explorer.correction == f"That failed: {error!r}."
    assert seen(explorer) == {**before, "correction": explorer.correction}
    assert move(explorer, first=7)["correction"] == "" and explorer.setting == Pair(7)


def test_wherever_a_move_is_interrupted_all_is_as_before_or_after_and_the_answer_comes(explorer):
    before = seen(explorer)
    move(explorer, first=7)
    after, lines = seen(explorer), 5  # before, it has not begun
    while True:
        explorer.set(first=1)
        try:
            with interrupted_after(lines):
                explorer._asked({"request": str(lines), "set": {"first": ["place", 7]}})
        except KeyboardInterrupt:
            assert explorer.shown["answer"] == str(lines)
            assert seen(explorer) == after or {**seen(explorer), "correction": ""} == before
            assert explorer.setting == Pair(7 if seen(explorer) == after else 1)
            lines += 1
        else:
            break
    assert lines > 60 and seen(explorer) == after


@pytest.mark.parametrize(
    "request_",
    [
        {"set": {"third": ["place", 1]}},
        {"set": {"first": ["place", None]}},
        {"set": {"first": ["place"]}},
        {"set": {"letter": ["chosen", []]}},
        {"set": 3},
    ],
)
def test_a_request_that_makes_no_sense_is_answered_too(explorer, request_):
    with pytest.raises((KeyError, TypeError, AttributeError)):
        explorer._asked({"request": "q", **request_})
    assert explorer.shown["answer"] == "q" and explorer.correction.startswith("That failed: ")
    assert explorer.setting == Pair()


def test_a_button_that_fails_is_answered_in_few_words(explorer):
    explorer.controls["push"] = Button("push", "Push", "", failing(ValueError("x" * 10**6)))
    with pytest.raises(ValueError, match="x"):
        explorer._asked({"request": "q", "press": "push"})
    assert explorer.shown["answer"] == "q" and len(explorer.correction) < 100


def test_an_empty_request_is_answered_with_what_is_shown(explorer):
    before = seen(explorer)
    assert ask(explorer)["verdict"] == before["verdict"] and seen(explorer) == before


def test_what_was_answered_last_stays_told_when_code_moves_a_control(explorer):
    answer = move(explorer, first=4)["answer"]
    explorer.set(first=5)
    assert explorer.shown["answer"] == answer


def test_a_message_of_the_browser_reaches_the_explorer(explorer):
    content = {"request": "from afar", "set": {"first": ["typed", "8"]}}
    explorer._handle_custom_msg(content, [])
    assert explorer.setting == Pair(8) and explorer.shown["answer"] == "from afar"


# ---------------------------------------------------------------------- the parts, and no kernel


def test_what_the_browser_must_know_of_the_controls(explorer):
    (first, second), (letter, jumps, button) = explorer.spec["rows"]
    assert (explorer.spec["prefix"], explorer.spec["label"]) == ("pair", "A pair")
    assert (first["kind"], first["low"], first["high"]) == ("number", 0, 9)
    assert second["name"] == "second_one"
    assert letter["options"] == [["a", "A"], ["b", "B"]]
    assert jumps["options"] == ["twice", "it"] and button["label"] == "Push"
    assert json.loads(json.dumps(explorer.spec)) == explorer.spec


def test_without_a_kernel_a_picture_and_a_sentence_remain(explorer):
    data, metadata = explorer._repr_mimebundle_()
    assert data["text/plain"] == "PairExplorer: a pair. <1 and 2>"
    assert pixels(base64.b64decode(data["image/png"])).shape == (20, 20, 3)
    assert metadata["image/png"] == {"width": 1000}


def test_each_explorer_has_the_script_of_its_own_picture():
    class Painter(PairExplorer):
        folder = "activation"

    assert "histogram" in Painter._esm and "class View" in Painter._esm
    assert ".course-explorer" in Painter._css


@pytest.mark.parametrize(
    "value, expected",
    [
        (np.array([[1.0, math.nan], [math.inf, 2.0]]), [[1.0, None], [None, 2.0]]),
        ((1, np.int64(2), np.bool_(True)), [1, 2, True]),
        ({3: {"a": np.float32(0.5)}}, {"3": {"a": 0.5}}),
        (np.float32("nan"), None),
        (np.float64("-inf"), None),
        (np.array(1.5), 1.5),
        (b"\x00\x01", "AAE="),
        (None, None),
        (torch.tensor([1.0, 2.0]).numpy(), [1.0, 2.0]),
    ],
)
def test_everything_travels_as_json(value, expected):
    assert plain(value) == expected
    json.dumps(plain(value), allow_nan=False)


def test_a_button_is_pressed_by_its_name_with_other_capitals(explorer):
    explorer.set(first=" Twice ", second_one="3", letter="B")
    assert explorer.setting == Pair(6, 3, "b") and explorer.correction == ""


@pytest.mark.parametrize("word, told", [("thrice", True), (math.nan, False), ("12", False)])
def test_a_word_for_a_number_is_answered_with_the_buttons_that_there_are(explorer, word, told):
    explorer.set(first=word)
    buttons = "first can also be the name of a button: twice, it."
    assert explorer.correction and (buttons in explorer.correction) == told
    explorer.set(second_one=word)
    assert "button" not in explorer.correction
