import base64
import math
import re

import numpy as np
import pytest
import torch
from helpers.front_end import choose, move, press, typed
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

from course_utils.boltzmann import RBM
from course_utils.explorers.dream import DreamExplorer
from course_utils.explorers.dream.experiment import STEPS
from course_utils.explorers.dream.figure import limit_of
from course_utils.explorers.dream.widget import MOST_IN_TABLE, fixed_of

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
    "name, place, value, said",
    [
        ("steps", STEPS.index(14), 14, "14 steps"),
        ("unit", 4, 4, "4"),
        ("temperature", 25, 10**0.5, "3.162"),  # fiftieths of a power of ten
    ],
)
def test_moving_a_slider_moves_its_twin_the_setting_the_picture_and_the_words(
    explorer, name, place, value, said
):
    with picture_and_words_change(explorer):
        shown = move(explorer, **{name: place})
    assert getattr(explorer.dream.setting, name) == pytest.approx(value)
    assert float(shown["values"][name]) == pytest.approx(value, rel=1e-3)
    assert shown["places"][name] == place and shown["spoken"][name] == said


@pytest.mark.parametrize("name, value", [("steps", 30), ("unit", 4), ("temperature", 3.2)])
def test_typing_a_number_moves_the_slider_the_setting_and_the_picture(explorer, name, value):
    before, stood = picture(explorer), explorer.shown["places"][name]
    shown = typed(explorer, **{name: str(value)})
    assert getattr(explorer.setting, name) == value
    assert shown["places"][name] != stood and shown["values"][name] == str(value)
    assert picture(explorer) != before


def test_a_seed_is_typed(explorer):
    with picture_and_words_change(explorer):
        shown = typed(explorer, seed="7")
    assert explorer.dream.setting.seed == 7 and shown["values"]["seed"] == "7"


def test_a_decimal_comma_is_understood(explorer):
    typed(explorer, temperature="0,5")
    assert explorer.setting.temperature == 0.5 and explorer.correction == ""


@pytest.mark.parametrize("steps, stop", [(0, 0), (10, 10), (15, 14), (990, 1000), (1000, 1000)])
def test_the_steps_slider_stands_at_the_nearest_stop_and_the_steps_stay(explorer, steps, stop):
    explorer.set(steps=steps)
    assert explorer.setting.steps == steps and explorer.shown["values"]["steps"] == str(steps)
    assert STEPS[explorer.shown["places"]["steps"]] == stop


def test_choosing_a_start_changes_setting_picture_and_words(explorer):
    with picture_and_words_change(explorer):
        choose(explorer, start="noise")
    assert explorer.dream.setting.start == "noise"
    assert explorer.shown["values"]["start"] == "noise"


def test_the_switch_holds_the_chosen_unit_and_follows_from_unit_to_unit(explorer):
    def switch():
        return explorer.shown["values"]["clamped"]

    before = picture(explorer)
    choose(explorer, clamped="on")
    assert explorer.setting.clamped == {2: "on"} and explorer.dream.hidden[:, 2].all()
    assert picture(explorer) != before and "Unit 2 is held on." in explorer.verdict
    move(explorer, unit=3)
    assert switch() == "free" and explorer.setting.clamped == {2: "on"}
    choose(explorer, clamped="off")
    assert explorer.setting.clamped == {2: "on", 3: "off"}
    assert explorer.dream.hidden[:, 2].all() and not explorer.dream.hidden[:, 3].any()
    typed(explorer, unit="2")
    assert switch() == "on"
    choose(explorer, clamped="free")
    assert explorer.setting.clamped == {3: "off"}


def test_the_switch_is_asked_alone_for_it_speaks_of_the_unit_of_that_moment(explorer):
    controls = [control for row in explorer.spec["rows"] for control in row]
    alone = [control["name"] for control in controls if control.get("alone")]
    assert alone == ["clamped"]


def test_a_button_frees_all_units(explorer):
    free = seen(explorer)
    explorer.set(clamped={1: "on", 2: "off"})
    assert explorer.shown["values"]["clamped"] == "off" and seen(explorer) != free
    press(explorer, "free")
    assert explorer.setting.clamped == {} and seen(explorer) == free


@pytest.mark.parametrize("how", ["set", "slider"])
def test_after_an_error_no_chain_has_moved(explorer, monkeypatch, how):
    before, chains = seen(explorer), explorer.dreams.chains
    with monkeypatch.context() as patch, pytest.raises(MemoryError):
        patch.setattr("course_utils.explorers.dream.widget.dream_verdict", _run_out_of_memory)
        if how == "set":
            explorer.set(steps=40)
        else:
            move(explorer, steps=STEPS.index(40))
    assert explorer.dreams.chains is chains and explorer.setting.steps == 5
    assert {**seen(explorer), "correction": ""} == before


def _run_out_of_memory(dream):
    raise MemoryError


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
        shown = typed(explorer, **{name: "-3"})
        assert shown["values"][name] == f"{lowest:g}"
        assert f"-3 was changed to {lowest:g}" in shown["correction"]


def test_a_unit_that_is_not_offered_is_answered_in_words(explorer):
    shown = choose(explorer, clamped="half")
    assert "can be held on or off, or be free; 2: 'half' was ignored." in shown["correction"]
    assert explorer.setting.clamped == {}


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
    first = seen(explorer)
    explorer.set(steps=80, unit=5, clamped={0: "on"})
    explorer.set(temperature=0.3, start="noise", seed=9)
    explorer.set(**{**START, "steps": 60})
    explorer.set(**START)
    assert seen(explorer) == first
    assert seen(DreamExplorer(small_rbm(), real_images(), **START)) == first


def test_without_images_chains_start_at_noise_and_nothing_is_compared():
    explorer = DreamExplorer(small_rbm())
    (start,) = [c for row in explorer.spec["rows"] for c in row if c["name"] == "start"]
    assert start["options"] == [["noise", "random noise"]]
    assert explorer.setting.start == "noise" and picture(explorer)["data"] is None
    assert "real" not in explorer.verdict and "real" not in explorer.shown["alt"]
    explorer.set(start="data")
    assert "start can be noise; 'data' was ignored." in explorer.correction


def test_any_square_bernoulli_rbm_can_be_explored():
    for n_visible, n_hidden, n_chains in ((784, 30, 3), (4, 2, 1), (64, 90, 60)):
        rbm = small_rbm(n_visible, n_hidden, dtype=torch.float64)
        explorer = DreamExplorer(rbm, np.zeros((2, n_visible)), n_chains=n_chains, steps=2)
        assert explorer.dream.pictures.shape == (n_chains, n_visible)
        (unit,) = [c for row in explorer.spec["rows"] for c in row if c["name"] == "unit"]
        assert unit["high"] == n_hidden - 1
        assert bytes_of(picture(explorer)["pictures"]).size == n_chains * n_visible


# ---------------------------------------------------------------------- what the browser is given


def bytes_of(text, dtype=np.uint8):
    return np.frombuffer(base64.b64decode(text), dtype)


def test_the_picture_holds_dreams_units_and_free_energy(explorer):
    explorer.set(clamped={1: "on", 4: "off"}, unit=3)
    shown, dream = picture(explorer), explorer.dream
    pictures = bytes_of(shown["pictures"]).reshape(dream.pictures.shape) / 255
    np.testing.assert_allclose(pictures, dream.pictures, atol=0.002)
    np.testing.assert_array_equal(bytes_of(shown["on"]), dream.hidden.sum(0))
    assert shown["framed"] == dream.hidden[:, 3].tolist() and shown["unit"] == 3
    assert shown["held"] == {"1": "on", "4": "off"}
    assert shown["steps"] == [0, 1, 2, 3, 4, 5]
    np.testing.assert_allclose(shown["free_energy"], dream.free_energy, atol=0.005)
    assert shown["data"] == {"mean": dream.data.free_energy, "std": dream.data.free_energy_std}
    assert shown["title"] == "20 chains after 5 steps"
    explorer.set(steps=0)
    assert picture(explorer)["title"] == "20 chains at the start"


def test_the_filters_travel_once_a_byte_a_weight(explorer):
    assert not {"filters", "scales"} & set(picture(explorer))
    fixed, weight = explorer.spec["fixed"], small_rbm().weight.numpy()
    largest, limit = np.abs(weight).max(1), limit_of(weight)
    filters = bytes_of(fixed["filters"], np.int8).reshape(6, 16)
    assert fixed["side"] == 4 and (np.abs(filters).max(1) == 127).all()
    np.testing.assert_allclose(fixed["scales"], largest / limit, atol=1e-4)
    np.testing.assert_allclose(filters / 127 * largest[:, None], weight, atol=largest.max() / 250)


def test_filters_of_zeros_can_be_sent():
    fixed = fixed_of(np.zeros((2, 4)))
    assert fixed["filters"] == bytes(8) and (fixed["scales"] == 0).all()


def test_the_filters_are_those_of_the_explorers_own_copy():
    rbm = small_rbm()
    explorer = DreamExplorer(rbm, **{**START, "start": "noise"})
    before = explorer._still()
    rbm.weight.zero_()
    assert explorer._still() == before


def test_who_does_not_see_the_picture_hears_its_numbers(explorer):
    explorer.set(steps=20, unit=1, clamped={4: "on"})
    alt, dream = explorer.shown["alt"], explorer.dream
    assert alt.startswith(
        f"20 chains after 20 steps from real images, {dream.moved:.0f} of 16 pixels from it, at "
        f"temperature 1. The mean free energy in nats by steps: {dream.free_energy[0]:.0f} after "
        f"0, {dream.free_energy[1]:.0f} after 1, "
    )
    real = f"{dream.data.free_energy:.0f} ± {dream.data.free_energy_std:.0f}"
    assert f"{dream.free_energy[-1]:.0f} after 20; real images have {real}. On average " in alt
    assert f"{dream.hidden.sum(1).mean():.0f} of 6 hidden units are on, in most" in alt
    assert "4 (20)" in alt
    chains = ", ".join(str(i + 1) for i in range(20) if dream.hidden[i, 1])
    ink = [100 * dream.pictures[dream.hidden[:, 1] == on].mean() for on in (True, False)]
    assert f"Unit 1 is free and on in chains {chains}; ink in these dreams: {ink[0]:.0f} %" in alt
    assert alt.endswith(f" and {ink[1]:.0f} % where it is off.")
    explorer.set(unit=4)
    assert "Unit 4 is held on and on in all chains; ink" in explorer.shown["alt"]
    explorer.set(clamped={4: "off"})
    assert "Unit 4 is held off and on in no chain; ink" in explorer.shown["alt"]
    explorer.set(steps=0)
    assert explorer.shown["alt"].startswith("20 chains at the start from real images, at")


def test_the_table_holds_free_energy_by_steps_units_and_chains(explorer):
    explorer.set(unit=1)
    rows, dream = dict(explorer.shown["table"]["rows"]), explorer.dream
    assert len(rows) == 6 + 6 + 20
    assert rows["step 3"] == f"mean free energy {dream.free_energy[3]:.1f} nats"
    counts = dream.hidden.sum(0)
    units = [int(name.split()[1]) for name in rows if name.startswith("unit")]
    assert counts[units].tolist() == sorted(counts, reverse=True)
    assert rows["unit 5"] == f"on in {counts[5]} of 20 chains"
    state = "on" if dream.hidden[6, 1] else "off"
    assert rows["chain 7"] == f"{dream.hidden[6].sum()} units on, unit 1 {state}"


def test_of_many_units_those_that_are_on_most_are_in_the_table():
    explorer = DreamExplorer(small_rbm(16, 40), steps=3)
    rows, counts = explorer.shown["table"]["rows"], explorer.dream.hidden.sum(0)
    found = [re.findall(r"\d+", " ".join(row)) for row in rows if row[0].startswith("unit")]
    assert len(found) == MOST_IN_TABLE
    assert [int(on) for _, on, _ in found] == sorted(counts, reverse=True)[:MOST_IN_TABLE]


# ---------------------------------------------------------------------- what cannot be explored


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
            r"pixels in \[0, 1\], got up to 255: divide by 255",
        ),
        (small_rbm(), {"start_images": -torch.ones(3, 16)}, ValueError, "got -1 to -1"),
        (small_rbm(), {"start_images": torch.full((1, 16), math.nan)}, ValueError, "nan to nan"),
        (small_rbm(), {"heat": 3}, TypeError, "no control 'heat'"),
    ],
)
def test_what_cannot_be_explored_is_refused_in_words(rbm, options, error, words):
    with pytest.raises(error, match=words):
        DreamExplorer(rbm, **options)


def test_without_a_kernel_the_picture_and_a_sentence_remain(explorer):
    assert_readable_without_a_kernel(explorer, "20 chains from real images, steps: 5,")


def test_every_slider_has_a_name_that_is_not_cut_and_a_typed_twin(explorer):
    controls = [control for row in explorer.spec["rows"] for control in row]
    labels = [c["label"] for c in controls if c["kind"] == "number"]
    assert labels == ["Gibbs steps", "temperature", "unit"]
    names = [c["label"] for c in controls if c["kind"] != "number"]
    assert names == ["this unit is", "Free all units", "start", "seed"]


def test_style_sheets_and_tests_find_every_part(explorer):
    assert_parts_are_named(explorer, "dream", ["steps", "temperature", "unit"])


def test_the_readout_names_setting_free_energy_and_units(explorer):
    explorer.set(clamped={1: "on"}, temperature=0.5)
    d = explorer.dream
    assert explorer.readout() == (
        "20 chains from real images, steps: 5, temperature 0.5, seed 0, held units: 1; "
        f"mean free energy {d.free_energy[-1]:.0f} nats, "
        f"{d.hidden.sum(1).mean():.0f} of 6 hidden units on"
    )
