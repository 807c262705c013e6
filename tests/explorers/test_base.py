import math
from dataclasses import dataclass

import pytest

from course_utils.explorers.base import (
    Explorer,
    corrected_choice,
    corrected_number,
    corrected_whole,
)


@dataclass(frozen=True)
class Pair:
    first: int = 1
    second_one: int = 2


class PairExplorer(Explorer):
    """The smallest explorer: two whole numbers."""

    def __init__(self):
        self.looks = 0
        super().__init__(Pair(), "pair-explorer", "pair")
        self.set()

    def _rows(self):
        self.pairs = {
            name: self._whole_number(name, name, 0, 9) for name in ("first", "second_one")
        }
        return [[*self.pairs.values()]]

    def _corrected(self, name, value, previous):
        return corrected_whole(value, previous, 0, 9, name)

    def _look(self):
        self.looks += 1
        return b"picture %d" % self.looks, f"<{self.setting.first} and {self.setting.second_one}>"

    def readout(self):
        return "a pair"


@pytest.fixture
def explorer():
    return PairExplorer()


def values(explorer, name):
    return [box.value for box in explorer.pairs[name].children]


def test_slider_and_typed_twin_follow_each_other_and_set_and_draw_once(explorer):
    slider, text = explorer.pairs["second_one"].children
    slider.value = 5
    assert values(explorer, "second_one") == [5, 5] and explorer.setting == Pair(1, 5)
    text.value = 7
    assert values(explorer, "second_one") == [7, 7] and explorer.setting == Pair(1, 7)
    explorer.set(second_one=3, first=4)
    assert values(explorer, "second_one") == [3, 3] and values(explorer, "first") == [4, 4]
    assert explorer.looks == 4 and explorer.picture.value == b"picture 4"


def test_the_words_are_escaped_and_announced(explorer):
    assert explorer.verdict == "<1 and 2>"
    assert "&lt;1 and 2&gt;" in explorer.words.value and 'role="status"' in explorer.words.value


def test_the_parts_can_be_found_by_their_classes(explorer):
    slider, text = explorer.pairs["second_one"].children
    assert "pair-second-one-slider" in slider._dom_classes
    assert "pair-second-one-text" in text._dom_classes
    assert "pair-picture" in explorer.picture._dom_classes
    assert "pair-explorer" in explorer._dom_classes
    assert 'class="pair-verdict"' in explorer.words.value
    assert 'class="pair-correction"' in explorer.correction.value


def test_a_correction_is_shown_until_the_next_move(explorer):
    explorer.set(first=12)
    assert "first goes from 0 to 9: 12 was changed to 9." in explorer.correction.value
    explorer.set(first=3)
    assert "changed" not in explorer.correction.value


def test_an_unknown_field_is_answered_with_the_known_ones_and_changes_nothing(explorer):
    with pytest.raises(TypeError, match="'third': it has first, second_one"):
        explorer.set(first=5, third=1)
    assert explorer.setting == Pair()


def test_without_a_kernel_a_picture_and_a_sentence_remain(explorer):
    data, metadata = explorer._repr_mimebundle_()
    assert data["text/plain"] == "PairExplorer: a pair. <1 and 2>"
    assert data["image/png"] and metadata["image/png"] == {"width": 1000}


@pytest.mark.parametrize(
    "value, used, words",
    [
        (4, 4.0, ""),
        ("4", 4.0, ""),
        (-math.inf, 1, "x goes from 1 to 5: -inf was changed to 1."),
        (6, 5, "x goes from 1 to 5: 6 was changed to 5."),
        (math.nan, 2, "x must be a number; nan was ignored."),
        ([], 2, "x must be a number; [] was ignored."),
    ],
)
def test_a_number_is_kept_or_moved_into_its_range(value, used, words):
    assert corrected_number(value, 2, 1, 5, "x") == (used, words)


@pytest.mark.parametrize(
    "value, used, words",
    [
        (4.0, 4, ""),
        (4.9, 4, "n is a whole number: 4.9 was changed to 4."),
        (9.5, 5, "n goes from 1 to 5: 9.5 was changed to 5."),
        (None, 2, "n must be a number; None was ignored."),
    ],
)
def test_a_whole_number_loses_its_fraction(value, used, words):
    number, said = corrected_whole(value, 2, 1, 5, "n")
    assert (number, said) == (used, words) and isinstance(number, int)


def test_a_choice_is_one_of_those_there_are():
    allowed = {"a": 1, "b": 2}
    assert corrected_choice("b", "a", allowed, "letter") == ("b", "")
    for odd in ("c", None, []):
        value, said = corrected_choice(odd, "a", allowed, "letter")
        assert value == "a" and said == f"letter can be a, b; {odd!r} was ignored."
