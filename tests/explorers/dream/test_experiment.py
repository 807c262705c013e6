import dataclasses
import itertools

import numpy as np
import pytest
import torch
from helpers.spies import note_calls

from course_utils.boltzmann import RBM
from course_utils.explorers.dream.experiment import STEPS, Dreams, DreamSetting, dream_verdict


def strong_rbm(n_visible=16, n_hidden=6, seed=0):
    return RBM(n_visible, n_hidden, std=1.0, seed=seed, dtype=torch.float64)


def real_images(n=30, n_visible=16):
    return torch.rand(n, n_visible, generator=torch.Generator().manual_seed(5))


@pytest.fixture
def dreams():
    return Dreams(strong_rbm(), real_images())


def same(one, other):
    np.testing.assert_array_equal(one.pictures, other.pictures)
    np.testing.assert_array_equal(one.hidden, other.hidden)
    np.testing.assert_array_equal(one.free_energy, other.free_energy)
    return (one.moved, one.spread) == (other.moved, other.spread)


@pytest.mark.parametrize(
    "temperature, clamped", [(1.0, {}), (0.5, {}), (2.0, {}), (1.0, {0: "on", 2: "off"})]
)
def test_long_chains_visit_each_image_as_often_as_the_energy_says(
    temperature, clamped, monkeypatch
):
    rbm = strong_rbm(4, 3, seed=2)
    v, h = (
        torch.tensor([*itertools.product([0.0, 1.0], repeat=n)]).double() for n in (4, 3)
    )  # all states: (16, 4), (8, 3)
    energy = torch.stack([rbm.energy(v, row.expand(len(v), -1)) for row in h], dim=1)  # (16, 8)
    weight = torch.exp(-energy / temperature)
    for unit, state in clamped.items():
        weight[:, h[:, unit] != (state == "on")] = 0
    exact = weight.sum(1) / weight.sum()
    n = 20_000
    chains = Dreams(rbm, n_chains=n)
    samples = note_calls(monkeypatch, chains.rbm, "sample_visible")
    chains.dream(DreamSetting(30, temperature, clamped=clamped))
    assert len(samples) == 30
    index = (samples[-1].double() @ torch.tensor([8.0, 4.0, 2.0, 1.0]).double()).long()
    visited = torch.bincount(index, minlength=16) / n
    by_chance = (16 / (2 * np.pi * n)) ** 0.5  # the most that is expected of independent draws
    assert float((visited - exact).abs().sum()) / 2 < 2 * by_chance


def test_a_picture_is_the_probability_from_which_its_sample_was_drawn(dreams):
    for steps, temperature in ((1, 1.0), (7, 0.5), (7, 3.0)):
        dream = dreams.dream(DreamSetting(steps, temperature))
        h = torch.from_numpy(dream.hidden).double()
        expected = torch.sigmoid((h @ dreams.rbm.weight + dreams.rbm.visible_bias) / temperature)
        np.testing.assert_allclose(dream.pictures, expected.numpy(), rtol=1e-12)


def test_at_step_0_the_start_is_shown_and_the_units_that_it_switches_on(dreams):
    noise = dreams.dream(DreamSetting(0))
    assert set(np.unique(noise.pictures)) == {0, 1} and noise.moved == 0
    np.testing.assert_array_equal(noise.hidden, dreams.dream(DreamSetting(1)).hidden)
    real = dreams.dream(DreamSetting(0, start="data"))
    images = {tuple(image) for image in real_images().double().tolist()}
    assert len({tuple(picture) for picture in real.pictures.tolist()} & images) == 20


def test_fewer_real_images_than_chains_are_used_several_times():
    dream = Dreams(strong_rbm(), real_images(3)).dream(DreamSetting(0, start="data"))
    assert len(dream.pictures) == 20 and len(np.unique(dream.pictures, axis=0)) == 3


@pytest.mark.parametrize("start", ["noise", "data"])
def test_the_same_setting_gives_the_same_dream_whatever_came_before(start):
    setting = DreamSetting(40, 0.8, start, seed=3, clamped={1: "on"})
    at_once = Dreams(strong_rbm(), real_images()).dream(setting)
    dreams = Dreams(strong_rbm(), real_images())
    for steps in (0, 3, 60, 2):
        dreams.dream(dataclasses.replace(setting, steps=steps))
    dreams.dream(DreamSetting(9, 2.0))
    for steps in (11, 60):
        dreams.dream(dataclasses.replace(setting, steps=steps))
    assert same(dreams.dream(setting), at_once)


@pytest.mark.parametrize("change", [{"seed": 1}, {"temperature": 0.9}, {"clamped": {0: "off"}}])
def test_seed_temperature_and_held_units_each_change_the_dream(dreams, change):
    one = dreams.dream(DreamSetting(5))
    assert not np.array_equal(dreams.dream(DreamSetting(5, **change)).pictures, one.pictures)


def test_steps_that_were_taken_are_not_taken_again(dreams, monkeypatch):
    taken = []
    sample = dreams.rbm.sample_hidden
    monkeypatch.setattr(
        dreams.rbm, "sample_hidden", lambda v, **options: taken.append(1) or sample(v, **options)
    )
    for steps, expected in ((10, 10), (25, 25), (3, 25), (25, 25)):
        dreams.dream(DreamSetting(steps))
        assert len(taken) == expected
    dreams.dream(DreamSetting(25, unit=3))  # to look at a unit changes no chain
    assert len(taken) == 25
    dreams.dream(DreamSetting(4, seed=1))
    assert len(taken) == 29


def test_held_units_stay_as_they_are_told_in_every_step(dreams):
    clamped = {2: "on", 4: "off"}
    for steps in range(12):
        hidden = dreams.dream(DreamSetting(steps, clamped=clamped)).hidden
        assert hidden[:, 2].all() and not hidden[:, 4].any()


def test_a_unit_that_is_held_on_draws_its_filter_into_the_dream():
    rbm = RBM(16, 2)
    rbm.weight.zero_()
    rbm.weight[0, 5] = 20.0
    rbm.visible_bias.fill_(-10.0)
    dreams = Dreams(rbm)
    on = dreams.dream(DreamSetting(3, clamped={0: "on"})).pictures
    off = dreams.dream(DreamSetting(3, clamped={0: "off"})).pictures
    assert (on[:, 5] > 0.99).all() and (off[:, 5] < 0.01).all()
    assert (np.delete(on, 5, axis=1) < 0.01).all()


def samples_on_the_way(monkeypatch, dreams, steps):
    """Return the dream after so many steps, and the sample after each of 0 … steps."""
    start = torch.from_numpy(dreams.dream(DreamSetting(0, seed=7)).pictures)
    drawn = note_calls(monkeypatch, dreams.rbm, "sample_visible")
    dreams.dream(DreamSetting(0))  # of another seed: now nothing is left of the dream above
    drawn.clear()
    dream = dreams.dream(DreamSetting(steps, seed=7))
    assert len(drawn) == steps
    return dream, [start, *drawn]


def test_the_free_energy_is_that_of_the_samples_on_the_way(dreams, monkeypatch):
    dream, samples = samples_on_the_way(monkeypatch, dreams, 37)
    assert list(dream.steps) == [n for n in STEPS if n < 37] + [37]
    expected = [float(dreams.rbm.free_energy(samples[n].double()).mean()) for n in dream.steps]
    np.testing.assert_allclose(dream.free_energy, expected, rtol=1e-12)


def test_distances_are_those_of_all_pairs(dreams, monkeypatch):
    dream, (start, *_, now) = samples_on_the_way(monkeypatch, dreams, 8)
    assert dream.moved == pytest.approx(
        np.mean([int((a != b).sum()) for a, b in zip(now, start, strict=True)])
    )
    pairs = [int((a != b).sum()) for a, b in itertools.combinations(now, 2)]
    assert dream.spread == pytest.approx(np.mean(pairs))


def test_the_facts_of_the_data_are_those_of_black_and_white_images():
    images = (real_images(50) > 0.5).double()  # nothing is left to chance
    rbm = strong_rbm()
    facts = Dreams(rbm, images).data
    energies = rbm.free_energy(images)
    assert facts.free_energy == pytest.approx(float(energies.mean()))
    assert facts.free_energy_std == pytest.approx(float(energies.std(correction=0)))
    assert facts.on == pytest.approx(float(rbm.hidden_given_visible(images).sum(1).mean()))
    pairs = [int((a != b).sum()) for a, b in itertools.combinations(images, 2)]
    assert facts.spread == pytest.approx(np.mean(pairs))


def test_the_rbm_of_the_reader_is_neither_changed_nor_followed():
    rbm = strong_rbm()
    state, weight = rbm.generator.get_state(), rbm.weight.clone()
    dreams = Dreams(rbm)
    before = dreams.dream(DreamSetting(5))
    assert torch.equal(rbm.generator.get_state(), state) and torch.equal(rbm.weight, weight)
    rbm.weight.zero_()
    dreams.dream(DreamSetting(5, seed=1))
    assert same(dreams.dream(DreamSetting(5)), before)


def test_the_stops_of_the_slider_are_small_steps_from_0_to_1000():
    assert STEPS[:12] == [*range(11), 11] and STEPS[-1] == 1000
    ratios = np.array(STEPS[11:]) / STEPS[10:-1]
    assert (np.diff(STEPS) > 0).all() and (ratios < 1.2).all()


def dreamt(**changes):
    """A dream of 4 chains, 3 hidden units and 16 pixels with the numbers that the words need."""
    dreams = Dreams(strong_rbm(n_hidden=3), real_images(), n_chains=4)
    dream = dreams.dream(DreamSetting(**changes.pop("setting", {})))
    hidden = np.array([[1, 1, 0], [1, 0, 0], [1, 1, 0], [1, 0, 0]], bool)
    data = dataclasses.replace(
        dreams.data, free_energy=-50.0, free_energy_std=5.0, on=2.2, spread=6
    )
    told = {"hidden": hidden, "moved": 7.0, "spread": 5.0, "data": data, **changes}
    return dataclasses.replace(dream, **told)


@pytest.mark.parametrize(
    "free_energy, words",
    [
        (-44.0, "is -44 nats, of the data -50 ± 5: to the model less likely than real images."),
        (-46.0, "is -46 nats, of the data -50 ± 5: to the model as likely as real images."),
        (-56.0, "is -56 nats, of the data -50 ± 5: likelier than real images."),
    ],
)
def test_the_verdict_compares_the_free_energy_with_the_datas_spread(free_energy, words):
    assert words in dream_verdict(dreamt(free_energy=np.array([0.0, free_energy])))


def test_the_verdict_counts_units_and_pixels():
    said = dream_verdict(dreamt())
    assert said.startswith("After 20 steps the mean free energy of the chains is")
    assert "2 of 3 hidden units draw a dream (an image of the data switches 2 on)." in said
    assert "A chain is 7 of 16 pixels from its start; two chains differ in 5" in said
    assert "(two images of the data: 6)." in said
    assert said.endswith("Unit 0 is on in 4 of 4 chains (orange frames).")
    assert "alike" not in said and "almost the same" not in said
    same_dreams = dream_verdict(dreamt(spread=1.9))
    assert "two chains differ in 2 (two images of the data: 6): they dream almost the same." in (
        same_dreams
    )


def test_the_verdict_names_the_units_held_by_hand():
    said = dream_verdict(dreamt(setting={"clamped": {0: "on", 2: "off"}}))
    assert said.endswith("Unit 0 is held on. Also held off: 2.")
    said = dream_verdict(dreamt(setting={"clamped": {0: "on", 2: "on"}, "unit": 1}))
    assert said.endswith("Unit 1 is on in 2 of 4 chains (orange frames). Also held on: 0, 2.")


def test_the_verdict_at_the_start_speaks_of_the_start():
    said = dream_verdict(dreamt(setting={"steps": 0}))
    assert said.startswith("At the start the mean free energy") and "from its start" not in said
    assert "2 of 3 hidden units are switched on by it" in said
    assert dream_verdict(dreamt(setting={"steps": 1})).startswith("After 1 step the mean")


def test_without_real_images_nothing_is_said_of_them():
    dream = Dreams(strong_rbm(), n_chains=1).dream(DreamSetting(4))
    said = dream_verdict(dream)
    assert dream.data is None and "data" not in said and "real" not in said
    assert "two chains" not in said and dream.spread == 0
