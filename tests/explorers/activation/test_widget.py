import math

import numpy as np
import pytest
import torch
from helpers.pictures import (
    assert_readable_without_a_kernel,
    assert_twice_as_wide_as_shown,
    picture,
    pixels,
)
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from course_utils.explorers import ActivationExplorer
from course_utils.explorers.activation.experiment import DISTRIBUTIONS, INPUTS
from course_utils.explorers.activation.widget import JUMPS, WIDTHS
from course_utils.networks import ACTIVATIONS


@pytest.fixture(scope="module")
def shared():
    images = torch.rand(32, 784, generator=torch.Generator().manual_seed(3)) * 0.3
    return ActivationExplorer(images, width=64, depth=4)


@pytest.fixture
def explorer(shared):
    shared.set(std=0.05, depth=4, width=64, activation="tanh")
    shared.set(distribution="normal", source="images")
    return shared


def test_moving_the_std_slider_moves_its_twin_the_picture_and_the_words(explorer):
    before, words = picture(explorer), explorer.words.value
    explorer.std_slider.value = -20  # fiftieths of a power of ten
    assert explorer.setting.std == pytest.approx(10**-0.4)
    assert explorer.std_text.value == pytest.approx(10**-0.4, rel=1e-3)
    assert picture(explorer) != before and explorer.words.value != words


def test_typing_a_std_moves_the_slider(explorer):
    before = picture(explorer)
    explorer.std_text.value = 0.25
    assert explorer.std_slider.value == -30  # 10**(-30/50) is 0.251, the nearest step
    assert explorer.setting.std == 0.25
    assert picture(explorer) != before


@pytest.mark.parametrize("std", [0.0, 1e-9, 1e-3, 0.0625, 0.0501, 0.2, 1.0, 3.1, 10.0])
def test_the_slider_stands_at_the_nearest_step_and_the_std_stays_as_it_was_set(explorer, std):
    explorer.set(std=std)
    assert explorer.setting.std == std and explorer.std_text.value == std
    nearest = 10 ** (explorer.std_slider.value / 50)
    assert abs(math.log10(nearest / min(max(std, 1e-3), 10**0.5))) <= 0.01 + 1e-9


def test_depth_slider_and_number_move_each_other(explorer):
    explorer.depth_slider.value = 7
    assert explorer.depth_text.value == 7 and len(explorer.measurement.signal) == 7
    explorer.depth_text.value = 3
    assert explorer.depth_slider.value == 3 and len(explorer.measurement.signal) == 3


@pytest.mark.parametrize(
    "name, value",
    [("activation", "relu"), ("distribution", "uniform"), ("width", 128), ("source", "noise")],
)
def test_each_choice_changes_the_setting_and_the_picture(explorer, name, value):
    before = picture(explorer)
    explorer.choices[name].value = value
    assert getattr(explorer.setting, name) == value
    assert picture(explorer) != before


def test_the_choices_offer_all_there_is(explorer):
    options = {name: list(box.options) for name, box in explorer.choices.items()}
    assert options["activation"] == list(ACTIVATIONS)
    assert options["distribution"] == list(DISTRIBUTIONS) and options["source"] == list(INPUTS)
    assert options["width"] == list(WIDTHS)


EXPECTED = {
    "Zero": 0.0,
    "Xavier": 1 / 8,
    "He": math.sqrt(2) / 8,
    "LeCun": 1 / 8,
    "PyTorch default": 1 / (8 * math.sqrt(3)),
}


@pytest.mark.parametrize("name", JUMPS)
def test_a_button_jumps_to_the_std_of_its_scheme_at_width_64(explorer, name):
    button = next(b for b in explorer.buttons if b.description == name)
    button.click()
    assert explorer.setting.std == pytest.approx(EXPECTED[name])
    assert explorer.std_text.value == pytest.approx(EXPECTED[name], rel=1e-3)


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
    assert "nothing can be learned" in explorer.words.value


@pytest.mark.parametrize(
    "typed, used, words",
    [
        ({"depth": 0}, 1, "depth goes from 1 to 50: 0 was changed to 1."),
        ({"depth": 999}, 50, "999 was changed to 50"),
        ({"depth": math.nan}, 4, "depth must be a number"),
        ({"depth": "deep"}, 4, "'deep' was ignored"),
        ({"depth": 3.7}, 3, "depth is a whole number: 3.7 was changed to 3."),
        ({"std": -1.0}, 0, "-1 was changed to 0"),
        ({"std": math.nan}, 0.05, "std must be a number"),
        ({"std": math.inf}, 10, "inf was changed to 10"),
        ({"std": None}, 0.05, "None was ignored"),
        ({"activation": "softmax"}, "tanh", "activation can be linear"),
        ({"width": 100}, 64, "100 was ignored"),
    ],
)
def test_nonsense_is_corrected_with_a_word(explorer, typed, used, words):
    explorer.set(**typed)
    (name,) = typed
    assert getattr(explorer.setting, name) == used
    assert words in explorer.correction.value.replace("&#x27;", "'")


def test_nonsense_typed_into_a_box_is_corrected_there_too(explorer):
    explorer.std_text.value = -1.0
    assert explorer.std_text.value == 0 and "changed to 0" in explorer.correction.value
    explorer.depth_text.value = 0
    assert explorer.depth_text.value == 1 and "changed to 1" in explorer.correction.value
    explorer.std_text.value = math.nan
    assert explorer.std_text.value == 0 and "must be a number" in explorer.correction.value


def test_a_correction_is_forgotten_at_the_next_move(explorer):
    explorer.set(depth=0)
    explorer.set(depth=5)
    assert "changed" not in explorer.correction.value


def test_an_unknown_control_is_answered_with_the_known_ones(explorer):
    with pytest.raises(TypeError, match="'sigma'.*std, depth"):
        explorer.set(sigma=1)


anything = st.one_of(st.floats(allow_nan=True), st.integers(-(10**9), 10**9), st.text(max_size=3))


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(std=anything, depth=anything, activation=st.sampled_from([*ACTIVATIONS]))
def test_nothing_that_is_typed_raises(explorer, std, depth, activation):
    explorer.set(std=std, depth=depth, activation=activation)
    assert 0 <= explorer.setting.std <= 10 and 1 <= explorer.setting.depth <= 50
    assert explorer.verdict.endswith(".") and "nan" not in explorer.verdict


def test_the_same_setting_gives_the_same_picture_whatever_lay_between(explorer):
    first = picture(explorer)
    explorer.set(std=1.0, depth=20, activation="relu", source="noise")
    explorer.set(std=0.05, depth=4, activation="tanh", source="images")
    np.testing.assert_array_equal(pixels(first), pixels(picture(explorer)))


def test_the_picture_is_twice_as_wide_as_it_is_shown(explorer):
    assert_twice_as_wide_as_shown(explorer)


def test_without_a_kernel_the_picture_and_a_sentence_remain(explorer):
    assert_readable_without_a_kernel(explorer)


def test_every_slider_has_a_typed_twin_and_everything_has_a_description(explorer):
    assert explorer.std_slider.description and explorer.std_text.description
    assert explorer.depth_slider.description and explorer.depth_text.description
    assert all(box.description for box in explorer.choices.values())
    assert all(button.description and button.tooltip for button in explorer.buttons)
    assert 'role="status"' in explorer.words.value


def test_the_readout_names_setting_signal_and_gradient(explorer):
    explorer.set(activation="linear", std=0.125, depth=3, source="noise")
    m = explorer.measurement
    assert explorer.readout() == (
        f"3 linear layers, std 0.125: signal {m.signal[0]:.2g} at layer 1, {m.signal[2]:.2g} at "
        f"layer 3; gradient {m.gradient[2]:.2g} at layer 3, {m.gradient[0]:.2g} at layer 1"
    )
