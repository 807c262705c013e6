import math

import pytest
from helpers.front_end import choose, move, typed
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

from course_utils.explorers.funnel import FunnelExplorer
from course_utils.explorers.funnel.experiment import GAINS, RULES
from course_utils.explorers.funnel.widget import CHOICES
from course_utils.explorers.verdict import plainly

START = {"width_a": 60, "width_b": 20, "depth": 6, "rule": "xavier", "activation": "linear"}


@pytest.fixture(scope="module")
def shared():
    return FunnelExplorer(**START)


@pytest.fixture
def explorer(shared):
    shared.set(**START)
    return shared


@pytest.mark.parametrize("name, value", [("width_a", 90), ("width_b", 33), ("depth", 9)])
@pytest.mark.parametrize("way", [move, typed])
def test_slider_and_box_move_each_other_the_setting_the_picture_and_the_words(
    explorer, name, value, way
):
    with picture_and_words_change(explorer):
        shown = way(explorer, **{name: value})
    assert getattr(explorer.setting, name) == getattr(explorer.measurement.setting, name) == value
    assert shown["places"][name] == value and shown["values"][name] == str(value)


@pytest.mark.parametrize(
    "name, value", [(n, v) for n, (_, vs) in CHOICES.items() for v in vs if v != START[n]]
)
def test_each_choice_changes_the_setting_the_picture_and_the_words(explorer, name, value):
    with picture_and_words_change(explorer):
        choose(explorer, **{name: value})
    assert getattr(explorer.measurement.setting, name) == value


def test_the_controls_show_what_was_set_in_code(explorer):
    explorer.set(width_a=100, width_b=100, depth=3, rule="geometric", activation="tanh")
    shown = explorer.shown
    assert shown["places"] == {"width_a": 100, "width_b": 100, "depth": 3}
    assert shown["spoken"] == {"width_a": "100 units", "width_b": "100 units", "depth": "3 layers"}
    assert shown["values"]["rule"] == "geometric" and shown["values"]["activation"] == "tanh"


def test_the_choices_offer_all_there_is_and_say_what_it_is_for(explorer):
    controls = [control for row in explorer.spec["rows"] for control in row]
    offered = {c["name"]: dict(c["options"]) for c in controls if c["kind"] == "choice"}
    assert list(offered["rule"]) == list(RULES) and list(offered["activation"]) == list(GAINS)
    assert offered["rule"]["fan_in"] == "1/n_in: keeps the signal"
    assert offered["rule"]["fan_out"] == "1/n_out: keeps the gradient"
    assert offered["rule"]["xavier"] == "2/(n_in + n_out): Xavier"
    assert offered["rule"]["geometric"] == "1/√(n_in·n_out): geometric mean"
    assert offered["activation"] == {"linear": "linear", "tanh": "tanh", "relu": "relu (rule × 2)"}


def test_the_picture_holds_the_widths_and_the_four_curves(explorer):
    m, drawn = explorer.measurement, picture(explorer)
    assert drawn["widths"] == [60, 20, 60, 20, 60, 20, 60]
    assert max(drawn["widths"]) <= explorer.spec["fixed"]["widest"] == 800
    for name in ("signal", "gradient", "predicted_signal", "predicted_gradient"):
        assert drawn[name] == getattr(m, name).tolist()


def test_for_relu_the_picture_and_the_readout_show_the_factor_2(explorer):
    explorer.set(activation="relu", rule="fan_in")
    assert picture(explorer)["rule"] == "Var(W) = 2 · 1/n_in"
    assert picture(explorer)["variances"] == ["60 → 20: Var(W) = 1/30", "20 → 60: Var(W) = 1/10"]
    assert "Var(W) = 2 · 1/n_in:" in explorer.readout()


def test_the_words_for_the_picture_tell_each_curve_from_where_it_begins(explorer):
    explorer.set(rule="fan_in")
    m, alt = explorer.measurement, explorer.shown["alt"]
    assert "the input has 60 numbers, layer 1 20 units, layer 2 60, in turn up to layer 6" in alt
    up = ", ".join(plainly(x) for x in m.signal[:4])
    down = ", ".join(plainly(x) for x in m.gradient[:-5:-1])
    assert f"going up from layer 1: {up}; at layer 6 {plainly(m.signal[5])}, where theory" in alt
    assert f"coming down from layer 6: {down}; at layer 1 {plainly(m.gradient[0])}, where" in alt
    assert f"theory expects {plainly(m.predicted_signal[5])}. Gradient" in alt
    assert alt.endswith(f"theory expects {plainly(m.predicted_gradient[0])}.")


def test_the_table_has_a_row_a_layer_with_its_units(explorer):
    m, table = explorer.measurement, explorer.shown["table"]
    assert [row[:2] for row in table["rows"][:2]] == [["1", "20"], ["2", "60"]]
    last = (m.signal[5], m.predicted_signal[5], m.gradient[5], m.predicted_gradient[5])
    assert table["rows"][5] == ["6", "60", *(f"{x:.3g}" for x in last)]


@pytest.mark.parametrize(
    "typed, used, words",
    [
        ({"width_a": 0}, 16, "width a goes from 16 to 800: 0 was changed to 16."),
        ({"width_b": 10**6}, 800, "width b goes from 16 to 800: 1e+06 was changed to 800."),
        ({"width_b": 20.5}, 20, "width b is a whole number: 20.5 was changed to 20."),
        ({"width_a": math.nan}, 60, "width a must be a number; nan was ignored."),
        ({"depth": 1}, 2, "depth goes from 2 to 30: 1 was changed to 2."),
        ({"depth": 99}, 30, "99 was changed to 30"),
        ({"depth": "deep"}, 6, "'deep' was ignored"),
        ({"rule": "he"}, "xavier", "rule can be fan_in, fan_out, xavier, geometric; 'he'"),
        ({"activation": "gelu"}, "linear", "activation can be linear, tanh, relu; 'gelu'"),
    ],
)
def test_nonsense_is_corrected_with_a_word(explorer, typed, used, words):
    assert_corrected(explorer, typed, used, words)


@pytest.mark.parametrize("name, lowest", [("width_a", 16), ("width_b", 16), ("depth", 2)])
def test_nonsense_typed_into_a_box_is_corrected_there_too(explorer, name, lowest):
    shown = typed(explorer, **{name: "-3"})
    assert shown["values"][name] == str(lowest) and shown["places"][name] == lowest
    assert f"-3 was changed to {lowest}" in shown["correction"]
    assert typed(explorer, **{name: "20,0"})["correction"] == ""
    assert explorer.shown["values"][name] == "20"


def test_equal_widths_are_allowed(explorer):
    explorer.set(width_a=20)
    assert "changed" not in explorer.correction
    assert "the widths are equal" in explorer.verdict


def test_an_unknown_control_is_answered_with_the_known_ones(explorer):
    with pytest.raises(TypeError, match="'width'.*width_a, width_b, depth, rule, activation"):
        explorer.set(width=20)


@typed_into_one_explorer
@given(a=anything, b=anything, depth=anything, rule=st.sampled_from([*RULES, "he", None]))
def test_nothing_that_is_typed_raises(explorer, a, b, depth, rule):
    explorer.set(width_a=a, width_b=b, depth=depth, rule=rule)
    s = explorer.setting
    assert 16 <= s.width_a <= 800 and 16 <= s.width_b <= 800 and 2 <= s.depth <= 30
    assert s.rule in RULES
    assert explorer.verdict.endswith(".") and "nan" not in explorer.verdict


def test_the_same_setting_looks_the_same_whatever_lay_between(explorer):
    first = seen(explorer)
    explorer.set(width_a=16, width_b=400, depth=12, rule="fan_out", activation="relu")
    explorer.set(**START)
    assert seen(explorer) == first


def test_the_seed_alone_decides_the_draw(explorer):
    assert picture(FunnelExplorer(**START)) == picture(explorer)
    assert picture(FunnelExplorer(seed=1, **START)) != picture(explorer)


def test_without_a_kernel_the_picture_and_a_sentence_remain(explorer):
    assert_readable_without_a_kernel(explorer, "6 linear layers, 60 → 20 → 60 …")


def test_every_part_is_named_and_every_slider_speaks(explorer):
    assert_parts_are_named(explorer, "funnel", ["width_a", "width_b", "depth"])


def test_the_readout_names_setting_signal_and_gradient(explorer):
    m = explorer.measurement
    assert explorer.readout() == (
        f"6 linear layers, 60 → 20 → 60 …, Var(W) = 2/(n_in + n_out): "
        f"signal {m.signal[0]:.2g} at layer 1, {m.signal[5]:.2g} at layer 6; "
        f"gradient {m.gradient[5]:.2g} at layer 6, {m.gradient[0]:.2g} at layer 1"
    )
