import html
import math

import numpy as np
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

from course_utils.boltzmann import RBM
from course_utils.explorers import DreamExplorer
from course_utils.explorers.dream.experiment import STEPS

START = {"steps": 5, "temperature": 1.0, "start": "data", "seed": 0, "unit": 2, "clamped": {}}


def small_rbm(n_visible=16, n_hidden=6, **options):
    return RBM(n_visible, n_hidden, std=1.0, seed=1, **options)


def real_images(n=40, n_visible=16):
    return torch.rand(n, n_visible, generator=torch.Generator().manual_seed(5))


@pytest.fixture(scope="module")
def shared():
    return DreamExplorer(small_rbm(), real_images(), **START)


@pytest.fixture
def explorer(shared):
    shared.set(**START)
    return shared


@pytest.mark.parametrize(
    "name, place, value",
    [
        ("steps", STEPS.index(14), 14),
        ("seed", 7, 7),
        ("unit", 4, 4),
        ("temperature", 25, 10**0.5),  # fiftieths of a power of ten
    ],
)
def test_moving_a_slider_moves_its_twin_the_setting_the_picture_and_the_words(
    explorer, name, place, value
):
    with picture_and_words_change(explorer):
        explorer.sliders[name].value = place
    assert getattr(explorer.dream.setting, name) == pytest.approx(value)
    assert explorer.texts[name].value == pytest.approx(value, rel=1e-3)


@pytest.mark.parametrize(
    "name, value", [("steps", 30), ("seed", 7), ("unit", 4), ("temperature", 3.2)]
)
def test_typing_a_number_moves_the_slider_the_setting_and_the_picture(explorer, name, value):
    before, stood = picture(explorer), explorer.sliders[name].value
    explorer.texts[name].value = value
    assert getattr(explorer.setting, name) == value
    assert explorer.sliders[name].value != stood
    assert picture(explorer) != before


@pytest.mark.parametrize("steps, stop", [(0, 0), (10, 10), (15, 14), (990, 1000), (1000, 1000)])
def test_the_steps_slider_stands_at_the_nearest_stop_and_the_steps_stay(explorer, steps, stop):
    explorer.set(steps=steps)
    assert explorer.setting.steps == explorer.texts["steps"].value == steps
    assert STEPS[explorer.sliders["steps"].value] == stop


def test_choosing_a_start_changes_setting_picture_and_words(explorer):
    with picture_and_words_change(explorer):
        explorer.choices["start"].value = "noise"
    assert explorer.dream.setting.start == "noise"


def test_the_switch_holds_the_chosen_unit_and_follows_from_unit_to_unit(explorer):
    switch = explorer.choices["switch"]
    before = picture(explorer)
    switch.value = "on"
    assert explorer.setting.clamped == {2: "on"} and explorer.dream.hidden[:, 2].all()
    assert picture(explorer) != before and "Unit 2 is held on." in explorer.verdict
    explorer.sliders["unit"].value = 3
    assert switch.value == "free" and explorer.setting.clamped == {2: "on"}
    switch.value = "off"
    assert explorer.setting.clamped == {2: "on", 3: "off"}
    assert explorer.dream.hidden[:, 2].all() and not explorer.dream.hidden[:, 3].any()
    explorer.texts["unit"].value = 2
    assert switch.value == "on"
    switch.value = "free"
    assert explorer.setting.clamped == {3: "off"}


def test_a_button_frees_all_units(explorer):
    free = picture(explorer)
    explorer.set(clamped={1: "on", 2: "off"})
    assert explorer.choices["switch"].value == "off" and picture(explorer) != free
    explorer.free.click()
    assert explorer.setting.clamped == {} and explorer.choices["switch"].value == "free"
    assert picture(explorer) == free


@pytest.mark.parametrize(
    "typed, used, words",
    [
        ({"steps": -1}, 0, "steps goes from 0 to 1000: -1 was changed to 0."),
        ({"steps": 10**6}, 1000, "steps goes from 0 to 1000: 1e+06 was changed to 1000."),
        ({"steps": 2.5}, 2, "steps is a whole number: 2.5 was changed to 2."),
        ({"steps": "many"}, 5, "steps must be a number; 'many' was ignored."),
        ({"temperature": 0}, 0.1, "temperature goes from 0.1 to 10: 0 was changed to 0.1."),
        ({"temperature": math.nan}, 1.0, "temperature must be a number; nan was ignored."),
        ({"seed": -4}, 0, "seed goes from 0 to 9999: -4 was changed to 0."),
        ({"unit": 6}, 5, "unit goes from 0 to 5: 6 was changed to 5."),
        ({"start": "zeros"}, "data", "start can be noise, data; 'zeros' was ignored."),
        ({"clamped": 3}, {}, 'dictionary such as {7: "on", 12: "off"}; 3 was ignored.'),
        (
            {"clamped": {1: "on", 6: "on", 2: "half", 0: "free"}},
            {1: "on"},
            "A unit from 0 to 5 can be held on or off, or be free; 6: 'on', 2: 'half' was ignored.",
        ),
    ],
)
def test_nonsense_is_corrected_with_a_word(explorer, typed, used, words):
    assert_corrected(explorer, typed, used, words)


def test_nonsense_typed_into_a_box_is_corrected_there_too(explorer):
    for name, lowest in (("steps", 0), ("temperature", 0.1), ("seed", 0), ("unit", 0)):
        explorer.texts[name].value = -3
        assert explorer.texts[name].value == lowest
        assert f"-3 was changed to {lowest:g}" in explorer.correction.value


def test_an_unknown_control_is_answered_with_the_known_ones(explorer):
    with pytest.raises(TypeError, match="'heat'.*steps, temperature, start, seed, unit, clamped"):
        explorer.set(heat=2)


@typed_into_one_explorer
@given(
    steps=st.one_of(st.sampled_from([math.nan, -math.inf, 2.5, None]), st.integers(-9, 60)),
    temperature=anything,
    seed=anything,
    unit=anything,
    clamped=st.one_of(anything, st.dictionaries(anything, anything, max_size=3)),
)
def test_nothing_that_is_typed_raises(explorer, steps, temperature, seed, unit, clamped):
    explorer.set(steps=steps, temperature=temperature, seed=seed, unit=unit, clamped=clamped)
    s = explorer.setting
    assert 0 <= s.steps <= 1000 and 0.1 <= s.temperature <= 10 and 0 <= s.unit <= 5
    assert set(s.clamped) <= set(range(6)) and set(s.clamped.values()) <= {"on", "off"}
    assert explorer.verdict.endswith(".") and "nan" not in explorer.verdict


def test_the_same_setting_gives_the_same_picture_whatever_lay_between(explorer):
    first, words = picture(explorer), explorer.words.value
    explorer.set(steps=80, unit=5, clamped={0: "on"})
    explorer.set(temperature=0.3, start="noise", seed=9)
    explorer.set(**{**START, "steps": 60})
    explorer.set(**START)
    assert picture(explorer) == first and explorer.words.value == words
    assert picture(DreamExplorer(small_rbm(), real_images(), **START)) == first


def test_without_images_chains_start_at_noise_and_nothing_is_compared():
    explorer = DreamExplorer(small_rbm())
    assert [value for _, value in explorer.choices["start"].options] == ["noise"]
    assert explorer.setting.start == "noise" and "real" not in explorer.verdict
    explorer.set(start="data")
    assert "start can be noise; 'data' was ignored." in html.unescape(explorer.correction.value)


def test_any_square_bernoulli_rbm_can_be_explored():
    for n_visible, n_hidden, n_chains in ((784, 30, 3), (4, 2, 1), (64, 90, 60)):
        rbm = small_rbm(n_visible, n_hidden, dtype=torch.float64)
        explorer = DreamExplorer(rbm, np.zeros((2, n_visible)), n_chains=n_chains, steps=2)
        assert explorer.dream.pictures.shape == (n_chains, n_visible)
        assert explorer.sliders["unit"].max == n_hidden - 1 and picture(explorer)


class Stack:
    rbms = ()


def diverged_rbm():
    rbm = small_rbm()
    rbm.weight[0, 0] = math.inf
    return rbm


@pytest.mark.parametrize(
    "rbm, options, error, words",
    [
        (Stack(), {}, TypeError, r"needs an RBM, got Stack; .* pass dbn.rbms\[0\]$"),
        (torch.nn.Linear(2, 2), {}, TypeError, "needs an RBM, got Linear$"),
        (small_rbm(visible="gaussian"), {}, ValueError, "Bernoulli .* got visible='gaussian'"),
        (small_rbm(10), {}, ValueError, "n_visible must be side · side, got 10"),
        (diverged_rbm(), {}, ValueError, "weight is not finite: .* diverged; try a smaller lr"),
        (small_rbm(), {"n_chains": 0}, ValueError, "n_chains .* 1 to 60, got 0"),
        (small_rbm(), {"n_chains": 2.5}, ValueError, "n_chains .* got 2.5"),
        (
            small_rbm(),
            {"start_images": torch.zeros(3, 784)},
            ValueError,
            r"\(n, 16\), as the RBM has 16 visible units; got \(3, 784\)",
        ),
        (small_rbm(), {"start_images": torch.zeros(0, 16)}, ValueError, r"got \(0, 16\)"),
        (
            small_rbm(),
            {"start_images": 255 * torch.ones(3, 16)},
            ValueError,
            r"values in \[0, 1\], got 255 to 255",
        ),
        (small_rbm(), {"start_images": torch.full((1, 16), math.nan)}, ValueError, "nan to nan"),
        (small_rbm(), {"heat": 3}, TypeError, "no control 'heat'"),
    ],
)
def test_what_cannot_be_explored_is_refused_in_words(rbm, options, error, words):
    with pytest.raises(error, match=words):
        DreamExplorer(rbm, **options)


def test_the_picture_is_twice_as_wide_as_it_is_shown(explorer):
    assert_twice_as_wide_as_shown(explorer)


def test_without_a_kernel_the_picture_and_a_sentence_remain(explorer):
    assert_readable_without_a_kernel(explorer, "20 chains from real images, steps: 5,")


def test_every_control_has_a_description_and_every_slider_a_typed_twin(explorer):
    assert list(explorer.sliders) == list(explorer.texts)
    labels = [box.description for box in explorer.sliders.values()]
    assert labels == ["Gibbs steps", "temperature", "seed", "unit"]
    assert all(box.description for box in [*explorer.texts.values(), *explorer.choices.values()])


def test_style_sheets_and_tests_find_every_part(explorer):
    assert_parts_are_named(explorer, "dream", ["steps", "temperature", "seed", "unit"])


def test_the_readout_names_setting_free_energy_and_units(explorer):
    explorer.set(clamped={1: "on"}, temperature=0.5)
    d = explorer.dream
    assert explorer.readout() == (
        "20 chains from real images, steps: 5, temperature 0.5, seed 0, held units: 1; "
        f"mean free energy {d.free_energy[-1]:.0f} nats, "
        f"{d.hidden.sum(1).mean():.0f} of 6 hidden units on"
    )
