import math

import pytest
import torch
from helpers.pictures import (
    anything,
    assert_corrected,
    assert_parts_are_named,
    assert_readable_without_a_kernel,
    assert_twice_as_wide_as_shown,
    picture,
    picture_and_words_change,
    typed_into_one_explorer,
)
from hypothesis import given
from hypothesis import strategies as st

from course_utils.explorers import ResidualExplorer
from course_utils.explorers.residual.experiment import NORMALIZATION_CHOICES, START_CHOICES
from course_utils.explorers.residual.widget import CHOICES, JUMPS

START = {"depth": 6, "scale": 1.0, "normalization": "none", "start": "he"}


def images():
    return torch.rand(24, 60, generator=torch.Generator().manual_seed(3))


@pytest.fixture(scope="module")
def shared():
    return ResidualExplorer(images(), width=40, **START)


@pytest.fixture
def explorer(shared):
    shared.set(**START)
    return shared


@pytest.mark.parametrize(
    "name, place, value", [("depth", 9, 9), ("scale", -25, 10**-0.5)]  # fiftieths of a decade
)  # fmt: skip
def test_moving_a_slider_moves_its_twin_the_setting_the_picture_and_the_words(
    explorer, name, place, value
):
    with picture_and_words_change(explorer):
        explorer.sliders[name].value = place
    assert getattr(explorer.measurement.setting, name) == pytest.approx(value)
    assert explorer.texts[name].value == pytest.approx(value, rel=1e-3)


@pytest.mark.parametrize("name, value, place", [("depth", 9, 9), ("scale", 0.4, -20)])
def test_typing_a_number_moves_the_slider_the_setting_and_the_picture(explorer, name, value, place):
    before = picture(explorer)
    explorer.texts[name].value = value
    assert getattr(explorer.setting, name) == value and explorer.sliders[name].value == place
    assert picture(explorer) != before


@pytest.mark.parametrize(
    "name, value",
    [(n, v) for n, vs in CHOICES.items() for v in vs if v != START[n]],
)
def test_each_choice_changes_the_setting_the_picture_and_the_words(explorer, name, value):
    with picture_and_words_change(explorer):
        explorer.choices[name].value = value
    assert getattr(explorer.measurement.setting, name) == value


def test_the_choices_offer_all_there_is(explorer):
    assert list(explorer.choices["normalization"].options) == list(NORMALIZATION_CHOICES)
    assert [value for _, value in explorer.choices["start"].options] == list(START_CHOICES)


@pytest.mark.parametrize("name, scale", [("1", 1.0), ("1/√depth", 0.25)])
def test_a_button_jumps_to_its_scale(explorer, name, scale):
    assert name in JUMPS
    explorer.set(depth=16, scale=0.7)
    next(button for button in explorer.buttons if button.description == name).click()
    assert explorer.setting.scale == explorer.texts["scale"].value == pytest.approx(scale)


@pytest.mark.parametrize(
    "setting, rule",
    [
        ({}, "x + 1 · W relu(x)"),
        ({"scale": 0.25, "normalization": "layer"}, "x + 0.25 · W relu(layer norm(x))"),
        ({"start": "fixup"}, "x + 1 · 0 relu(x)"),
        ({"start": "rezero", "normalization": "batch"}, "x + 0 · W relu(batch norm(x))"),
    ],
)
def test_the_picture_and_the_readout_write_what_a_block_computes(explorer, setting, rule):
    explorer.set(**setting)
    m = explorer.measurement
    assert explorer.drawing.rule.get_text() == rule
    assert explorer.readout() == (
        f"depth 6, {rule}, start: {START_CHOICES[explorer.setting.start]}: "
        f"signal {m.signal[0]:.2g} after the stem, {m.signal[6]:.2g} at the top; "
        f"gradient {m.gradient[6]:.2g} at the top, {m.gradient[0]:.2g} after the stem"
    )


@pytest.mark.parametrize(
    "typed, used, words",
    [
        ({"depth": 0}, 1, "depth goes from 1 to 50: 0 was changed to 1."),
        ({"depth": 99}, 50, "99 was changed to 50"),
        ({"depth": 3.7}, 3, "depth is a whole number: 3.7 was changed to 3."),
        ({"depth": "deep"}, 6, "'deep' was ignored"),
        ({"scale": -1}, 0, "scale goes from 0 to 3: -1 was changed to 0."),
        ({"scale": math.inf}, 3, "inf was changed to 3"),
        ({"scale": math.nan}, 1, "scale must be a number; nan was ignored."),
        ({"normalization": "group"}, "none", "can be none, layer, batch; 'group' was ignored."),
        ({"start": "zero"}, "he", "start can be he, fixup, rezero; 'zero' was ignored."),
    ],
)
def test_nonsense_is_corrected_with_a_word(explorer, typed, used, words):
    assert_corrected(explorer, typed, used, words)


def test_an_unknown_control_is_answered_with_the_known_ones(explorer):
    with pytest.raises(TypeError, match="'width'.*depth, scale, normalization, start"):
        explorer.set(width=20)


@typed_into_one_explorer
@given(
    depth=anything,
    scale=anything,
    normalization=st.sampled_from([*NORMALIZATION_CHOICES, None]),
    start=st.sampled_from([*START_CHOICES, 3]),
)
def test_nothing_that_is_typed_raises(explorer, **typed):
    explorer.set(**typed)
    s = explorer.setting
    assert 1 <= s.depth <= 50 and 0 <= s.scale <= 3
    assert s.normalization in NORMALIZATION_CHOICES and s.start in START_CHOICES
    assert explorer.verdict.endswith(".") and "nan" not in explorer.verdict


def test_the_same_setting_gives_the_same_picture_whatever_lay_between(explorer):
    first, words = picture(explorer), explorer.words.value
    explorer.set(depth=50, scale=3.0, normalization="batch")
    explorer.set(start="rezero")
    explorer.set(**START)
    assert picture(explorer) == first and explorer.words.value == words
    assert picture(ResidualExplorer(images(), width=40, **START)) == first


def test_the_picture_is_twice_as_wide_as_it_is_shown(explorer):
    assert_twice_as_wide_as_shown(explorer)


def test_without_a_kernel_the_picture_and_a_sentence_remain(explorer):
    assert_readable_without_a_kernel(explorer, "depth 6, x + 1 · W relu(x), start: He")


def test_style_sheets_and_tests_find_every_part_and_every_slider_has_a_typed_twin(explorer):
    assert_parts_are_named(explorer, "residual", ["depth", "scale"])
    assert all(button.description and button.tooltip for button in explorer.buttons)
