import math

import pytest
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

from course_utils.explorers import FunnelExplorer
from course_utils.explorers.funnel.experiment import GAINS, RULES

START = {"width_a": 60, "width_b": 20, "depth": 6, "rule": "xavier", "activation": "linear"}


@pytest.fixture(scope="module")
def shared():
    return FunnelExplorer(**START)


@pytest.fixture
def explorer(shared):
    shared.set(**START)
    return shared


@pytest.mark.parametrize("name, value", [("width_a", 90), ("width_b", 33), ("depth", 9)])
def test_moving_a_slider_moves_its_twin_the_setting_the_picture_and_the_words(
    explorer, name, value
):
    with picture_and_words_change(explorer):
        explorer.sliders[name].value = value
    assert getattr(explorer.setting, name) == getattr(explorer.measurement.setting, name) == value
    assert explorer.texts[name].value == value


@pytest.mark.parametrize("name, value", [("width_a", 90), ("width_b", 33), ("depth", 9)])
def test_typing_a_number_moves_the_slider_the_setting_and_the_picture(explorer, name, value):
    with picture_and_words_change(explorer):
        explorer.texts[name].value = value
    assert getattr(explorer.setting, name) == explorer.sliders[name].value == value


@pytest.mark.parametrize("rule", [rule for rule in RULES if rule != START["rule"]])
def test_choosing_a_rule_changes_setting_picture_and_words(explorer, rule):
    with picture_and_words_change(explorer):
        explorer.choices["rule"].value = rule
    assert explorer.measurement.setting.rule == rule


@pytest.mark.parametrize("activation", ["tanh", "relu"])
def test_choosing_an_activation_changes_setting_picture_and_words(explorer, activation):
    with picture_and_words_change(explorer):
        explorer.choices["activation"].value = activation
    assert explorer.measurement.setting.activation == activation


def test_the_controls_show_what_was_set_in_code(explorer):
    explorer.set(width_a=100, width_b=100, depth=3, rule="geometric", activation="tanh")
    for boxes in (explorer.sliders, explorer.texts):
        assert [box.value for box in boxes.values()] == [100, 100, 3]
    assert explorer.choices["rule"].value == "geometric"
    assert explorer.choices["activation"].value == "tanh"


def test_the_choices_offer_all_there_is_and_say_what_it_is_for(explorer):
    offered = {name: dict(map(reversed, box.options)) for name, box in explorer.choices.items()}
    assert list(offered["rule"]) == list(RULES) and list(offered["activation"]) == list(GAINS)
    assert offered["rule"]["fan_in"] == "1/n_in: keeps the signal"
    assert offered["rule"]["fan_out"] == "1/n_out: keeps the gradient"
    assert offered["rule"]["xavier"] == "2/(n_in + n_out): Xavier"
    assert offered["rule"]["geometric"] == "1/√(n_in·n_out): geometric mean"
    assert offered["activation"] == {
        "linear": "linear",
        "tanh": "tanh",
        "relu": "relu (every rule × 2)",
    }


def test_for_relu_the_picture_and_the_readout_show_the_factor_2(explorer):
    explorer.set(activation="relu", rule="fan_in")
    assert explorer.drawing.rule.get_text() == "Var(W) = 2 · 1/n_in"
    assert "Var(W) = 2 · 1/n_in:" in explorer.readout()


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


def test_nonsense_typed_into_a_box_is_corrected_there_too(explorer):
    for name, lowest in (("width_a", 16), ("width_b", 16), ("depth", 2)):
        explorer.texts[name].value = -3
        assert explorer.texts[name].value == explorer.sliders[name].value == lowest
        assert f"-3 was changed to {lowest}" in explorer.correction.value


def test_equal_widths_are_allowed(explorer):
    explorer.set(width_a=20)
    assert "changed" not in explorer.correction.value
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


def test_the_same_setting_gives_the_same_picture_whatever_lay_between(explorer):
    first, words = picture(explorer), explorer.words.value
    explorer.set(width_a=16, width_b=400, depth=12, rule="fan_out", activation="relu")
    explorer.set(**START)
    assert picture(explorer) == first and explorer.words.value == words


def test_the_seed_alone_decides_the_draw(explorer):
    assert picture(FunnelExplorer(**START)) == picture(explorer)
    assert picture(FunnelExplorer(seed=1, **START)) != picture(explorer)


def test_the_picture_is_twice_as_wide_as_it_is_shown(explorer):
    assert_twice_as_wide_as_shown(explorer)


def test_without_a_kernel_the_picture_and_a_sentence_remain(explorer):
    assert_readable_without_a_kernel(explorer, "6 linear layers, 60 → 20 → 60 …")


def test_every_control_has_a_description_and_every_slider_a_typed_twin(explorer):
    assert list(explorer.sliders) == list(explorer.texts) == ["width_a", "width_b", "depth"]
    labels = [box.description for box in explorer.sliders.values()]
    assert labels == ["width a", "width b", "depth"]
    assert all(box.description for box in [*explorer.texts.values(), *explorer.choices.values()])


def test_style_sheets_and_tests_find_every_part(explorer):
    assert_parts_are_named(explorer, "funnel", ["width_a", "width_b", "depth"])


def test_the_readout_names_setting_signal_and_gradient(explorer):
    m = explorer.measurement
    assert explorer.readout() == (
        f"6 linear layers, 60 → 20 → 60 …, Var(W) = 2/(n_in + n_out): "
        f"signal {m.signal[0]:.2g} at layer 1, {m.signal[5]:.2g} at layer 6; "
        f"gradient {m.gradient[5]:.2g} at layer 6, {m.gradient[0]:.2g} at layer 1"
    )
