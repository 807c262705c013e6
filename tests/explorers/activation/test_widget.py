import math
import re

import numpy as np
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
)
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from course_utils.explorers.activation import ActivationExplorer
from course_utils.explorers.activation.experiment import DISTRIBUTIONS, INPUTS
from course_utils.explorers.activation.widget import JUMPS, WIDTHS
from course_utils.networks import ACTIVATIONS
from course_utils.plotting import bar_heights


@pytest.fixture(scope="module")
def shared():
    images = torch.rand(32, 784, generator=torch.Generator().manual_seed(3)) * 0.3
    return ActivationExplorer(images, width=64, depth=4)


@pytest.fixture
def explorer(shared):
    shared.set(std=0.05, depth=4, width=64, activation="tanh")
    shared.set(distribution="normal", source="images")
    return shared


def test_moving_the_std_slider_moves_its_box_the_picture_and_the_words(explorer):
    with picture_and_words_change(explorer):
        shown = move(explorer, std=-20)  # fiftieths of a power of ten
    assert explorer.setting.std == pytest.approx(10**-0.4)
    assert shown["values"]["std"] == shown["spoken"]["std"] == "0.3981"


def test_typing_a_std_moves_the_slider(explorer):
    with picture_and_words_change(explorer):
        shown = typed(explorer, std="0,25")
    assert shown["places"]["std"] == -30  # 10**(-30/50) is 0.251, the nearest step
    assert explorer.setting.std == 0.25 and shown["values"]["std"] == "0.25"


def test_depth_slider_and_number_move_each_other(explorer):
    assert move(explorer, depth=7)["values"]["depth"] == "7"
    assert len(explorer.measurement.signal) == 7 and len(picture(explorer)["signal"]) == 7
    shown = typed(explorer, depth="3")
    assert shown["places"]["depth"] == 3 and shown["spoken"]["depth"] == "3 layers"
    assert len(explorer.measurement.signal) == 3


@pytest.mark.parametrize(
    "name, value",
    [("activation", "relu"), ("distribution", "uniform"), ("width", 128), ("source", "noise")],
)
def test_each_choice_changes_the_setting_and_the_picture(explorer, name, value):
    before = picture(explorer)
    choose(explorer, **{name: value})
    assert getattr(explorer.setting, name) == value and explorer.correction == ""
    assert picture(explorer) != before


def test_the_choices_offer_all_there_is(explorer):
    options = {name: list(explorer.controls[name].options) for name in ("activation", "width")}
    assert options == {"activation": list(ACTIVATIONS), "width": list(WIDTHS)}
    assert list(explorer.controls["distribution"].options) == list(DISTRIBUTIONS)
    assert list(explorer.controls["source"].options) == list(INPUTS)


EXPECTED = {
    "Zero": 0.0,
    "Xavier": 1 / 8,
    "He": math.sqrt(2) / 8,
    "LeCun": 1 / 8,
    "PyTorch default": 1 / (8 * math.sqrt(3)),
}


@pytest.mark.parametrize("name", JUMPS)
def test_a_button_jumps_to_the_std_of_its_scheme_at_width_64_and_is_pressed_then(explorer, name):
    shown = jump(explorer, std=name)
    assert explorer.setting.std == pytest.approx(EXPECTED[name])
    assert float(shown["values"]["std"]) == pytest.approx(EXPECTED[name], rel=1e-3)
    same = [other for other in EXPECTED if EXPECTED[other] == EXPECTED[name]]
    assert shown["jumped"]["std"] == same
    assert move(explorer, depth=5)["jumped"]["std"] == same
    assert choose(explorer, width=256)["jumped"]["std"] == (["Zero"] if name == "Zero" else [])


@pytest.mark.parametrize("name", JUMPS)
def test_the_jumps_are_the_stds_that_the_initializers_draw(name):
    from course_utils.initializers import SCHEMES

    scheme = {
        "Zero": "zero",
        "Xavier": "xavier_normal",
        "He": "he_normal",
        "LeCun": "lecun_normal",
        "PyTorch default": "pytorch_default",
    }[name]
    drawn = SCHEMES[scheme](torch.empty(512, 512), generator=torch.Generator().manual_seed(0))
    error = 1 / math.sqrt(2 * drawn.numel())  # relative standard error of a normal sample's std
    assert drawn.std().item() == pytest.approx(JUMPS[name](512), rel=5 * error)


def test_zero_weights_are_called_hopeless(explorer):
    explorer.set(std=0)
    assert "nothing can be learned" in explorer.shown["verdict"]


@pytest.mark.parametrize(
    "typed, used, words",
    [
        ({"depth": 0}, 1, "depth goes from 1 to 50: 0 was changed to 1."),
        ({"depth": 999}, 50, "999 was changed to 50"),
        ({"depth": math.nan}, 4, "depth must be a number"),
        ({"depth": "deep"}, 4, "'deep' was ignored"),
        ({"depth": 3.7}, 3, "depth is a whole number: 3.7 was changed to 3."),
        ({"depth": "2.5"}, 2, "depth is a whole number: 2.5 was changed to 2."),
        ({"std": "1,000"}, 0.05, "'1,000' was ignored: write it without the comma"),
        ({"std": -1.0}, 0, "-1 was changed to 0"),
        ({"std": math.nan}, 0.05, "std must be a number"),
        ({"std": math.inf}, 10, "inf was changed to 10"),
        ({"std": None}, 0.05, "None was ignored"),
        ({"activation": "softmax"}, "tanh", "activation can be linear"),
        ({"width": 100}, 64, "100 was ignored"),
        (
            {"std": "kaiming"},
            0.05,
            "can also be the name of a button: Zero, Xavier, He,",
        ),
    ],
)
def test_nonsense_is_corrected_with_a_word(explorer, typed, used, words):
    assert_corrected(explorer, typed, used, words)


def test_nonsense_typed_into_a_box_is_corrected_there_too(explorer):
    for text, used, words in (("-1.0", "0", "changed to 0"), ("deep", "0", "'deep' was ignored")):
        shown = typed(explorer, std=text)
        assert shown["values"]["std"] == used and words in shown["correction"]
    shown = typed(explorer, depth="0")
    assert shown["values"]["depth"] == "1" and "changed to 1" in shown["correction"]


def test_numbers_as_text_and_names_with_other_capitals_are_taken(explorer):
    explorer.set(width="256", activation=" ReLU", distribution="Uniform", std="he")
    setting = explorer.setting
    assert (setting.width, setting.activation, setting.distribution) == (256, "relu", "uniform")
    assert setting.std == pytest.approx(math.sqrt(2 / 256)) and explorer.correction == ""


def test_an_unknown_control_is_answered_with_the_known_ones(explorer):
    with pytest.raises(TypeError, match="'sigma'.*std, depth"):
        explorer.set(sigma=1)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(std=anything, depth=anything, activation=st.sampled_from([*ACTIVATIONS]))
def test_nothing_that_is_typed_raises(explorer, std, depth, activation):
    explorer.set(std=std, depth=depth, activation=activation)
    assert 0 <= explorer.setting.std <= 10 and 1 <= explorer.setting.depth <= 50
    assert explorer.verdict.endswith(".") and "nan" not in explorer.verdict
    assert explorer.shown["alt"].endswith(".") and "nan" not in explorer.shown["alt"]


def test_the_same_setting_gives_the_same_view_whatever_lay_between(explorer):
    first = seen(explorer)
    explorer.set(std=1.0, depth=20, activation="relu", source="noise")
    explorer.set(std=0.05, depth=4, activation="tanh", source="images")
    assert seen(explorer) == first


def test_the_picture_holds_the_measurement(explorer):
    explorer.set(depth=20)
    m, drawn = explorer.measurement, picture(explorer)
    np.testing.assert_array_equal(drawn["layers"], m.layers)
    np.testing.assert_allclose(drawn["heights"], bar_heights(m.counts), atol=1e-4)
    for name in ("signal", "gradient", "predicted_signal", "predicted_gradient"):
        np.testing.assert_allclose(drawn[name], getattr(m, name), rtol=1e-6)
    assert drawn["stds"][-1] == f"{m.signal[-1]:.2g}"


def test_what_float32_cannot_hold_is_a_gap_of_the_picture_and_named_in_the_table(explorer):
    explorer.set(std=10, depth=50, activation="linear")
    assert picture(explorer)["signal"][-1] is None
    assert explorer.shown["table"]["rows"][-1][1] in ("inf", "nan")


def test_who_cannot_see_the_picture_hears_its_ends_and_reads_its_numbers(explorer):
    explorer.set(depth=20)
    m, alt, table = explorer.measurement, explorer.shown["alt"], explorer.shown["table"]
    assert "Histograms of the activations of 10 of 20 layers." in alt
    words = f"{m.signal[0]:.2g} at layer 1 and {m.signal[-1]:.2g} at layer 20"
    assert words in alt and f"{m.gradient[-1]:.2g} at layer 20" in alt
    assert [row[0] for row in table["rows"]] == [str(layer) for layer in range(1, 21)]
    assert table["rows"][4][1] == f"{m.signal[4]:.3g}"
    assert table["rows"][4][3] == f"{m.gradient[4]:.3g}"


def test_of_a_histogram_the_middle_and_the_ends_are_told(explorer):
    explorer.set(std=1.0)
    ends = re.search(r"Layer 4: .*?(\d+) % at or beyond -1 and 1", explorer.shown["alt"])
    assert int(ends[1]) > 50  # saturated
    explorer.set(std=0.01)
    near, share = re.search(
        r"Layer 4: the fullest of 60 bars, near (\S+), holds (\d+) %\.", explorer.shown["alt"]
    ).groups()
    assert abs(float(near)) < 0.1 and int(share) > 50


def test_without_a_kernel_the_picture_and_a_sentence_remain(explorer):
    assert_readable_without_a_kernel(explorer, "4 tanh layers, std 0.05")


def test_every_part_can_be_found_and_has_a_name(explorer):
    assert_parts_are_named(explorer, "explorer", ["std", "depth"])


def test_the_readout_names_setting_signal_and_gradient(explorer):
    explorer.set(activation="linear", std=0.125, depth=3, source="noise")
    m = explorer.measurement
    assert explorer.readout() == (
        f"3 linear layers, std 0.125: signal {m.signal[0]:.2g} at layer 1, {m.signal[2]:.2g} at "
        f"layer 3; gradient {m.gradient[2]:.2g} at layer 3, {m.gradient[0]:.2g} at layer 1"
    )
