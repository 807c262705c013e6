import math

import pytest
import torch
from helpers.front_end import choose, jump, move, typed
from helpers.pictures import (
    anything,
    assert_corrected,
    assert_parts_are_named,
    assert_readable_without_a_kernel,
    picture,
    picture_and_words_change,
    seen,
    typed_into_one_explorer,
)
from hypothesis import given
from hypothesis import strategies as st

from course_utils.explorers.residual import ResidualExplorer
from course_utils.explorers.residual.experiment import NORMALIZATION_CHOICES, START_CHOICES
from course_utils.explorers.residual.figure import CURVES
from course_utils.explorers.residual.widget import CHOICES, JUMPS
from course_utils.explorers.verdict import plainly

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
    "name, place, value, text", [("depth", 9, 9, "9"), ("scale", -25, 10**-0.5, "0.3162")]
)  # the scale's places are fiftieths of a power of ten
def test_moving_a_slider_moves_its_twin_the_setting_the_picture_and_the_words(
    explorer, name, place, value, text
):
    with picture_and_words_change(explorer):
        shown = move(explorer, **{name: place})
    assert getattr(explorer.measurement.setting, name) == pytest.approx(value)
    assert shown["values"][name] == text


def test_at_the_end_of_its_slider_the_scale_is_the_greatest_that_there_is(explorer):
    shown = move(explorer, scale=24)
    assert explorer.setting.scale == 3 and shown["correction"] == ""
    assert shown["places"]["scale"] == 24


@pytest.mark.parametrize(
    "name, text, value, place", [("depth", "9", 9, 9), ("scale", "0,4", 0.4, -20)]
)
def test_typing_a_number_moves_the_slider_the_setting_the_picture_and_the_words(
    explorer, name, text, value, place
):
    with picture_and_words_change(explorer):
        shown = typed(explorer, **{name: text})
    assert getattr(explorer.setting, name) == value and shown["places"][name] == place


@pytest.mark.parametrize(
    "name, value", [(n, v) for n, (_, vs) in CHOICES.items() for v in vs if v != START[n]]
)
def test_each_choice_changes_the_setting_the_picture_and_the_words(explorer, name, value):
    with picture_and_words_change(explorer):
        choose(explorer, **{name: value})
    assert getattr(explorer.measurement.setting, name) == value


def test_the_choices_offer_all_there_is(explorer):
    controls = [control for row in explorer.spec["rows"] for control in row]
    offered = {c["name"]: dict(c["options"]) for c in controls if c["kind"] == "choice"}
    assert list(offered["normalization"]) == list(NORMALIZATION_CHOICES)
    assert offered["start"] == START_CHOICES


@pytest.mark.parametrize("name, scale", [("1", 1.0), ("1/√depth", 0.25)])
def test_a_button_jumps_to_its_scale_and_looks_pressed_as_long_as_it_is_kept(explorer, name, scale):
    assert name in JUMPS
    explorer.set(depth=16, scale=0.7)
    assert explorer.shown["jumped"] == {"scale": []}
    shown = jump(explorer, scale=name)
    assert explorer.setting.scale == pytest.approx(scale)
    assert shown["values"]["scale"] == f"{scale:g}" and shown["jumped"] == {"scale": [name]}
    assert move(explorer, depth=4)["jumped"] == {"scale": [name] if name == "1" else []}


def test_the_picture_holds_shares_and_curves_after_each_block(explorer):
    m, drawn = explorer.measurement, picture(explorer)
    assert drawn["share"] == m.share.tolist() and len(drawn["share"]) == 6
    for name in CURVES:
        assert drawn[name] == getattr(m, name)[1:].tolist()


def test_the_words_for_the_picture_tell_shares_and_curves_in_their_directions(explorer):
    explorer.set(normalization="layer")
    m, alt = explorer.measurement, explorer.shown["alt"]
    assert alt.startswith("Each block computes x + 1 · W relu(layer norm(x)).")
    assert f"{plainly(m.share[0])} by block 1 and {plainly(m.share[5])} by block 6" in alt
    assert (
        f"going up, {plainly(m.signal[1])} after block 1 and {plainly(m.signal[6])} after block 6"
        in alt
    )
    assert (
        f"coming down, {plainly(m.gradient[6])} after block 6 and {plainly(m.gradient[1])} after"
        in alt
    )
    assert f"theory expects {plainly(m.predicted_signal[6])};" in alt
    assert alt.endswith(f"theory expects {plainly(m.predicted_gradient[1])}.")
    explorer.set(depth=1)
    assert (
        f"then holds: {plainly(explorer.measurement.share[0])} by block 1. Below"
        in explorer.shown["alt"]
    )


def test_the_table_has_a_row_for_the_stem_and_each_block(explorer):
    m, rows = explorer.measurement, explorer.shown["table"]["rows"]
    assert [row[0] for row in rows] == ["stem", *(f"block {n}" for n in range(1, 7))]
    for i, share in ((0, "–"), (6, f"{m.share[5]:.3g}")):
        sizes = (m.signal[i], m.predicted_signal[i], m.gradient[i], m.predicted_gradient[i])
        assert rows[i][1:] == [share, *(f"{x:.3g}" for x in sizes)]


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
    assert picture(explorer)["rule"] == rule
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


def test_the_same_setting_looks_the_same_whatever_lay_between(explorer):
    first = seen(explorer)
    explorer.set(depth=50, scale=3.0, normalization="batch")
    explorer.set(start="rezero")
    explorer.set(**START)
    assert seen(explorer) == first
    assert seen(ResidualExplorer(images(), width=40, **START)) == first


def test_without_a_kernel_the_picture_and_a_sentence_remain(explorer):
    assert_readable_without_a_kernel(explorer, "depth 6, x + 1 · W relu(x), start: He")


def test_every_part_is_named_and_every_slider_speaks(explorer):
    assert_parts_are_named(explorer, "residual", ["depth", "scale"])
    assert explorer.shown["spoken"] == {"depth": "6 blocks", "scale": "1"}
