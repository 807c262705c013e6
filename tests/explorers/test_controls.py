"""Controls: what the browser must know, what it shows of a value, what a move means."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from course_utils.explorers.controls import (
    STD_STEPS,
    Button,
    Choice,
    Jumps,
    Progress,
    Typed,
    log_number,
    whole_number,
)

STD = log_number("std", "std", *STD_STEPS)
DEPTH = whole_number("depth", "depth", 1, 50, "layers")


@pytest.mark.parametrize("std", [0.0, 1e-9, 1e-3, 0.0625, 0.0501, 0.2, 1.0, 3.1, 10.0])
def test_a_log_slider_stands_at_the_nearest_step_and_the_box_says_the_number_itself(std):
    shown = STD.shown(std)
    assert float(shown["values"]) == pytest.approx(std, rel=1e-3)
    nearest = 10 ** (shown["places"] / 50)
    assert abs(math.log10(nearest / min(max(std, 1e-3), 10**0.5))) <= 0.01 + 1e-9


@pytest.mark.parametrize(
    "std, text",
    [(0.0625, "0.0625"), (0.05, "0.05"), (2 / 3, "0.6667"), (1e-9, "1e-09"), (0, "0"), (10, "10")],
)
def test_a_number_is_written_with_at_most_four_digits(std, text):
    assert STD.shown(std)["values"] == STD.shown(std)["spoken"] == text


@given(st.integers(*STD_STEPS))
def test_a_place_of_a_log_slider_is_that_of_its_value(step):
    assert STD.shown(STD.read("place", step))["places"] == step


def test_a_place_beyond_an_end_is_the_end():
    assert STD.read("place", 10**6) == STD.read("place", STD_STEPS[1]) == 10**0.5
    assert STD.read("place", -(10**6)) == 10**-3
    assert (DEPTH.read("place", 99), DEPTH.read("place", -3)) == (50, 1)


def test_a_whole_number_is_spoken_with_its_unit():
    assert DEPTH.shown(7) == {"values": "7", "places": 7, "spoken": "7 layers"}
    assert DEPTH.shown(1)["spoken"] == "1 layer"
    number = DEPTH.read("place", 7.0)  # as JavaScript may send it
    assert number == 7 and type(number) is int
    assert whole_number("n", "n", 0, 5).shown(3)["spoken"] == "3"


def test_what_is_typed_is_read_later_with_a_word_for_each_correction():
    for control in (STD, DEPTH, Typed("seed", "seed")):
        assert control.read("typed", "0,1") == "0,1"


def test_a_choice_finds_the_option_that_the_browser_names():
    width = Choice("width", "width", {64: "64", 128: "128"})
    assert width.read("chosen", "128") == 128 and width.read("chosen", "100") == "100"
    assert width.shown(64) == {"values": "64"}
    assert width.spec["options"] == [["64", "64"], ["128", "128"]]


def test_the_browser_knows_kind_name_label_and_ends():
    assert DEPTH.spec == {
        "kind": "number",
        "name": "depth",
        "label": "depth",
        "low": 1,
        "high": 50,
        "integer": True,
    }
    assert not STD.spec["integer"]
    jumps = Jumps("std", "Jump to", {"He": lambda n: n, "Zero": lambda n: 0}, of="width")
    assert jumps.spec["options"] == ["He", "Zero"]
    button = Button("start", "Start", "begins", action=print, primary=True)
    assert (button.spec["tip"], button.spec["primary"]) == ("begins", True)
    for control in (STD, jumps, button, Typed("seed", "seed"), Progress("done", "how far")):
        assert control.spec["kind"] and control.spec["name"] and control.spec["label"]
