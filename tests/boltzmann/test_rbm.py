"""The RBM: formulas against scikit-learn, enumeration and integration; training, and its ends."""

import math
import warnings

import numpy as np
import pytest
import torch
from helpers.boltzmann import all_states, bits, random_rbm, scikit_learns
from helpers.progress import assert_shown_and_wiped_out, terminal_for_bars
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.datasets import load_digits
from torch import nn

from course_utils.boltzmann import RBM
from course_utils.boltzmann.learning import RBMHistory
from course_utils.training import STEPS_BETWEEN_LOOKS, StopTraining

PARAMETERS = ("weight", "visible_bias", "hidden_bias")


@pytest.fixture(scope="module")
def digits():
    """Real digits, 1,797 of 8×8 pixels, black and white."""
    return torch.from_numpy(load_digits().data > 8).float()


def small(digits, **options):
    return RBM(64, 20, **options), digits[:500]


def train(digits, *, seed=1, **options):
    rbm, images = small(digits, seed=seed)
    history = rbm.fit(images, **({"epochs": 2, "log": None} | options))
    return rbm, history


# --- formulas ------------------------------------------------------------------------------------


def test_free_energy_and_hidden_probabilities_are_scikit_learns():
    rbm, v = random_rbm(12, 7, std=5.0), bits(50, 12)
    theirs = scikit_learns(rbm)
    free_energy = torch.from_numpy(theirs._free_energy(v.numpy()))
    assert (rbm.free_energy(v) - free_energy).abs().max() < 1e-12
    hidden = torch.from_numpy(theirs.transform(v.numpy()))
    assert (rbm.hidden_given_visible(v) - hidden).abs().max() < 1e-12


def test_the_pseudo_likelihood_of_the_same_bits_is_scikit_learns(monkeypatch):
    rbm, v = random_rbm(12, 7), bits(50, 12)
    theirs = scikit_learns(rbm, random_state=3)
    flipped = torch.from_numpy(np.random.RandomState(3).randint(0, 12, 50))
    monkeypatch.setattr(torch, "randint", lambda *a, **k: flipped)
    score = torch.from_numpy(theirs.score_samples(v.numpy()))
    assert (rbm.pseudo_log_likelihood(v) - score).abs().max() < 1e-12


def test_the_exact_pseudo_likelihood_is_the_sum_of_the_log_conditionals():
    rbm, v = random_rbm(5, 4), all_states(5)
    log_p = -rbm.free_energy(v)  # up to log Z, which cancels
    expected = torch.zeros(32, dtype=torch.float64)
    for i in range(5):
        other = torch.arange(32) ^ (1 << (4 - i))  # the state with bit i flipped
        expected += log_p - torch.logaddexp(log_p, log_p[other])
    assert (rbm.pseudo_log_likelihood(v, exact=True) - expected).abs().max() < 1e-12


def test_the_estimated_pseudo_likelihood_has_the_exact_one_as_its_mean():
    rbm, v = random_rbm(5, 4), bits(3, 5)
    draws = rbm.pseudo_log_likelihood(v.repeat_interleave(20_000, 0)).view(3, -1)
    error = draws.std(1) / math.sqrt(20_000)
    assert error.max() < 0.1
    assert ((draws.mean(1) - rbm.pseudo_log_likelihood(v, exact=True)) / error).abs().max() < 4.5


@given(
    seed=st.integers(0, 999),
    visible=st.sampled_from(["bernoulli", "gaussian"]),
    n=st.integers(1, 5),
)
@settings(deadline=None, max_examples=25)
def test_the_free_energy_is_the_energy_summed_over_hidden_states(seed, visible, n):
    rbm, h = random_rbm(n, 4, seed=seed, visible=visible), all_states(4)
    v = torch.randn(3, n, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    summed = torch.stack([-(-rbm.energy(row.expand(16, n), h)).logsumexp(0) for row in v])
    assert (rbm.free_energy(v) - summed).abs().max() < 1e-12


def test_the_energy_is_its_formula_unit_by_unit():
    for visible in ("bernoulli", "gaussian"):
        rbm, v, h = random_rbm(3, 2, visible=visible), bits(1, 3, 1) * 0.7, bits(1, 2, 2)
        w, b, c = (getattr(rbm, name) for name in PARAMETERS)
        expected = -sum(c[j] * h[0, j] for j in range(2))
        expected -= sum(h[0, j] * w[j, i] * v[0, i] for j in range(2) for i in range(3))
        for i in range(3):
            own = (v[0, i] - b[i]) ** 2 / 2 if visible == "gaussian" else -b[i] * v[0, i]
            expected = expected + own
        assert (rbm.energy(v, h) - expected).abs().item() < 1e-12


@pytest.mark.parametrize("temperature", [1.0, 0.5, 3.0])
def test_bernoulli_conditionals_follow_from_the_energy(temperature):
    rbm, v, h = random_rbm(4, 3), all_states(4), all_states(3)
    joint = torch.stack([rbm.energy(row.expand(8, 4), h) for row in v])  # (16, 8)
    p = (-joint / temperature).flatten().softmax(0).view(16, 8)
    given_v = (p / p.sum(1, keepdim=True)) @ h
    given_h = (p / p.sum(0)).T @ v
    assert (rbm.hidden_given_visible(v, temperature=temperature) - given_v).abs().max() < 1e-12
    assert (rbm.visible_given_hidden(h, temperature=temperature) - given_h).abs().max() < 1e-12


@pytest.mark.parametrize("temperature", [1.0, 2.0])
def test_gaussian_conditionals_follow_from_the_energy_by_integration(temperature):
    rbm, h = random_rbm(1, 2, visible="gaussian"), all_states(2)
    v = torch.linspace(-25, 25, 20_001, dtype=torch.float64)[:, None]
    energy = torch.stack([rbm.energy(v, row.expand(len(v), 2)) for row in h], 1)  # (20001, 4)
    p = (-energy / temperature).softmax(0)  # of v given each h
    mean = (p * v).sum(0)
    variance = (p * (v - mean) ** 2).sum(0)
    found = rbm.visible_given_hidden(h, temperature=temperature)[:, 0]
    assert (found - mean).abs().max() < 1e-9
    assert (variance - temperature).abs().max() < 1e-9
    draws = rbm.sample_visible(h[3].expand(40_000, 2), temperature=temperature)
    assert abs(draws.mean() - mean[3]) < 0.04
    assert abs(draws.var() / temperature - 1) < 0.04
    given_v = (-energy / temperature).softmax(1) @ h
    assert (rbm.hidden_given_visible(v, temperature=temperature) - given_v).abs().max() < 1e-12


def test_the_layout_is_that_of_a_linear_layer():
    rbm, v = random_rbm(6, 3), bits(5, 6)
    layer = nn.Linear(6, 3, dtype=torch.float64)
    layer.load_state_dict({"weight": rbm.weight, "bias": rbm.hidden_bias})
    assert (layer(v).sigmoid() - rbm.hidden_given_visible(v)).abs().max() < 1e-12
    expected = torch.sigmoid(rbm.hidden_given_visible(v) @ rbm.weight + rbm.visible_bias)
    assert torch.equal(rbm.reconstruct(v), expected)


# --- drawing -------------------------------------------------------------------------------------


@pytest.mark.parametrize("temperature", [1.0, 0.5, 3.0])
def test_long_chains_visit_states_as_often_as_the_model_says(temperature):
    rbm, v, h = random_rbm(4, 3), all_states(4), all_states(3)
    joint = torch.stack([rbm.energy(row.expand(8, 4), h) for row in v])  # (16, 8)
    p = (-joint / temperature).flatten().softmax(0).view(16, 8).sum(1)
    drawn = rbm.sample(20_000, 30, temperature=temperature)
    places = (drawn @ torch.tensor([8.0, 4, 2, 1], dtype=torch.float64)).long()
    deviation = torch.bincount(places, minlength=16) - 20_000 * p
    assert (deviation / (20_000 * p * (1 - p)).sqrt()).abs().max() < 4.5


def test_a_chain_can_be_continued():
    whole, parts = random_rbm(6, 4), random_rbm(6, 4)
    start = whole.sample(10, 5)
    assert torch.equal(start, parts.sample(10, 5))
    assert torch.equal(whole.gibbs(start, 7), parts.sample(10, 4, start=parts.gibbs(start, 3)))


def test_gibbs_draws_both_layers():
    rbm, v = random_rbm(8, 6), bits(400, 8)
    assert set(rbm.sample_hidden(v).unique().tolist()) == {0.0, 1.0}
    assert set(rbm.gibbs(v, 2).unique().tolist()) == {0.0, 1.0}


# --- training ------------------------------------------------------------------------------------


@pytest.mark.parametrize("options", [{}, {"persistent": True, "k": 2}])
def test_the_same_seed_gives_the_same_rbm_and_another_seed_another(digits, options):
    first, history = train(digits, **options)
    torch.manual_seed(99)
    second, again = train(digits, **options)
    other, _ = train(digits, seed=2, **options)
    assert torch.equal(first.weight, second.weight)
    assert history.pseudo_likelihood == again.pseudo_likelihood
    assert not torch.equal(first.weight, other.weight)


def test_the_global_generator_is_left_alone(digits):
    torch.manual_seed(5)
    before = torch.get_rng_state()
    rbm, _ = train(digits, held_out=digits[500:600])
    rbm.sample(3, 2)
    assert torch.equal(torch.get_rng_state(), before)


def test_what_is_measured_does_not_change_what_is_learned(digits):
    quiet, _ = train(digits)
    watched, _ = train(digits, held_out=digits[500:600], after_step=lambda _: None)
    assert torch.equal(quiet.weight, watched.weight)


def test_the_pseudo_likelihood_of_the_history_is_of_the_same_bits_and_not_drawn_by_the_rbm(
    digits, monkeypatch
):
    rbm, images = small(digits)
    same = rbm.fit(images, epochs=3, lr=0.0, weight_decay=0.0, log=None).pseudo_likelihood
    assert len(same) == 3 and len(set(same)) == 1
    measured, unmeasured = RBM(64, 20), RBM(64, 20)
    monkeypatch.setattr(unmeasured, "pseudo_log_likelihood", lambda v, generator: v.sum(1))
    for each in (measured, unmeasured):
        each.fit(images, epochs=2, log=None)
    assert torch.equal(measured.weight, unmeasured.weight)


def test_the_bits_of_the_pseudo_likelihood_come_from_the_generator_that_is_given():
    rbm, v, state = random_rbm(12, 7), bits(50, 12), random_rbm(12, 7).generator.get_state()
    one, again, other = (
        rbm.pseudo_log_likelihood(v, generator=torch.Generator().manual_seed(s)) for s in (0, 0, 1)
    )
    assert torch.equal(one, again) and not torch.equal(one, other)
    assert torch.equal(rbm.generator.get_state(), state)
    rbm.pseudo_log_likelihood(v)
    assert not torch.equal(rbm.generator.get_state(), state)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("persistent", [False, True])
def test_learning_raises_the_true_likelihood_of_images_it_has_not_seen(digits, dtype, persistent):
    images = digits.to(dtype)
    rbm = RBM(64, 12, seed=0, dtype=dtype)

    def likelihood():  # over all 2¹² hidden states
        h = all_states(12).to(dtype)
        log_z = nn.functional.softplus(h @ rbm.weight + rbm.visible_bias).sum(1)
        log_z = (log_z + h @ rbm.hidden_bias).logsumexp(0)
        return (-rbm.free_energy(images[1500:]) - log_z).mean().item()

    odds = (images[:1500].sum(0) + 1) / 1502
    rbm.visible_bias.copy_(odds.logit())
    before = likelihood()
    options = {"lr": (0.1, 0.0), "momentum": 0.5, "persistent": persistent, "log": None}
    history = rbm.fit(images[:1500], epochs=15, batch_size=20, **options)
    assert rbm.weight.dtype == dtype
    assert likelihood() > before + 3
    assert history.outcome == "finished" and history.steps == rbm.learner.steps == 15 * 75


def two_clusters(n):
    """Points (n, 4) around ±(1.5, -1.5, 1.5, 0), with noise of variance 1."""
    source = torch.Generator().manual_seed(0)
    sign = torch.randint(2, (n, 1), generator=source) * 2.0 - 1
    centres = sign * torch.tensor([1.5, -1.5, 1.5, 0.0])
    return centres + torch.randn(n, 4, generator=source)


def test_gaussian_units_learn_standardized_data():
    data = two_clusters(2000)
    data = (data - data.mean(0)) / data.std(0)
    shuffled = torch.stack([column.roll(500 * i) for i, column in enumerate(data.T)], 1)
    rbm = RBM(4, 6, visible="gaussian", seed=0)
    advantage = []  # of the data over data whose columns do not belong together, in nats

    def note(_=None):
        advantage.append((rbm.free_energy(shuffled) - rbm.free_energy(data)).mean().item())

    note()
    history = rbm.fit(data, epochs=15, lr=0.02, after_epoch=note, log=None)
    assert history.pseudo_likelihood == () and len(history.reconstruction_error) == 15
    assert advantage[0] < 0.01 and advantage[-1] > 0.5


def test_gaussian_units_model_data_whose_noise_has_variance_one():
    data = two_clusters(2000)
    rbm = RBM(4, 6, visible="gaussian", seed=0)
    rbm.fit(data, epochs=15, lr=0.02, log=None)
    drawn = rbm.sample(4000, 100)
    assert (torch.corrcoef(drawn.T) - torch.corrcoef(data.T)).abs().max() < 0.15
    assert (drawn.std(0) / data.std(0) - 1).abs().max() < 0.1


def pixels(n=2000, n_visible=20):
    """Grey values in [0, 1], as images of digits have them: some pixels are always black."""
    source = torch.Generator().manual_seed(0)
    grey = torch.rand(n, n_visible, generator=source) ** 3
    grey[:, :8] = 0.0
    return grey


def standardized(images):
    return (images - images.mean()) / images.std()


def warnings_of(images, **options):
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        rbm = RBM(images.shape[1], 4, visible=options.pop("visible", "gaussian"))
        rbm.fit(images, epochs=1, lr=0.001, log=None, **options)
    return [(str(warning.message), warning.filename) for warning in seen]


@pytest.mark.names_the_caller
def test_the_warning_of_gaussian_units_names_the_line_that_called():
    assert [file for _, file in warnings_of(255 * pixels())] == [__file__]


@pytest.mark.parametrize("scale", [1.0, 255.0, 0.01, 8.0])
def test_gaussian_units_warn_of_images_whose_variance_is_not_theirs(scale):
    images = pixels() * scale
    ((words, _),) = warnings_of(images)
    variance = images[:, 8:].double().numpy().var(0).mean()  # of the pixels that vary
    assert f"a variance of {variance:.3g} on average, but Gaussian visible units have 1" in words
    assert words.endswith("Try images = (images - images.mean()) / images.std(), and lr=0.001")


@pytest.mark.parametrize(
    ("variance", "warned"), [(0.25, True), (0.26, False), (3.9, False), (4.0, True)]
)
def test_gaussian_units_warn_from_a_quarter_down_and_from_four_up(variance, warned):
    one_pixel = torch.tensor([[-1.0], [1.0]]).repeat(100, 1) * variance**0.5
    assert bool(warnings_of(one_pixel)) == warned
    assert bool(warnings_of(torch.cat([one_pixel, torch.zeros(200, 3)], 1))) == warned


def test_gaussian_units_warn_of_black_and_white_and_of_constant_images(digits):
    assert "variance of 0.1" in warnings_of(digits[:500])[0][0]
    assert "variance of 0 on average" in warnings_of(torch.zeros(200, 4))[0][0]


@pytest.mark.parametrize(
    "scaled",
    [
        standardized,
        lambda v: (v - v.mean(0)) / v.std(0).clamp(min=0.1),
        lambda v: (v - v.mean(0)) / v.std(0).where(v.std(0) > 0, 1.0),
        lambda v: 1.5 * standardized(v),  # what the hidden units explain comes on top of 1
    ],
)
def test_gaussian_units_do_not_warn_of_standardized_images_with_constant_pixels(scaled):
    assert warnings_of(scaled(pixels())) == []


@pytest.mark.parametrize(
    ("variance", "warned"), [(0.24, True), (0.26, False), (3.9, False), (4.1, True)]
)
def test_the_variance_may_be_a_quarter_to_four(variance, warned):
    images = pixels()[:, 8:]
    images = (images - images.mean(0)) / images.std(0, correction=0)
    assert bool(warnings_of(images * variance**0.5)) == warned


def test_bernoulli_units_do_not_warn_of_a_variance():
    assert warnings_of(pixels(), visible="bernoulli") == []


@pytest.mark.parametrize("visible", ["bernoulli", "gaussian"])
def test_gaussian_units_that_diverge_are_told_the_rate_that_they_need(visible):
    rbm, told = RBM(4, 3, visible=visible), []
    data = standardized(torch.rand(100, 4, generator=torch.Generator().manual_seed(0)))
    data = data if visible == "gaussian" else data.sigmoid()

    def spoil(step):
        rbm.weight[0, 0] = math.nan

    rbm.fit(data, batch_size=10, after_step=spoil, log=told.append)
    assert ("Gaussian visible units need a rate of about 0.001" in told[0]) == (
        visible == "gaussian"
    )


def test_a_large_rate_diverges_with_words_and_ends_there():
    told = []
    rbm = RBM(10, 30, visible="gaussian")
    data = torch.randn(400, 10, generator=torch.Generator().manual_seed(0))
    history = rbm.fit(data, epochs=200, lr=10.0, momentum=0.9, log=told.append)
    assert history.outcome == "diverged" and history.steps < 800
    assert len(told) == 1 and "no longer finite" in told[0] and "smaller learning rate" in told[0]
    assert str(rbm.learner.steps) in told[0]


def test_an_interrupt_keeps_weights_and_chains(digits):
    told, seen = [], {}

    def stop(step):
        if step == 3:
            seen["weight"] = rbm.weight.clone()
            raise KeyboardInterrupt

    rbm, images = small(digits)
    history = rbm.fit(images, persistent=True, after_step=stop, log=told.append)
    assert told == ["Interrupted after 3 steps: the RBM keeps what it has learned."]
    assert (history.outcome, history.steps, rbm.learner.steps) == ("interrupted", 3, 3)
    assert history.reconstruction_error == ()
    assert torch.equal(rbm.weight, seen["weight"]) and rbm.weight.std() > 0
    assert rbm.learner.chains.shape == (100, 64)
    chains = rbm.learner.chains.clone()
    after = rbm.fit(images, epochs=1, persistent=True, log=None)
    assert after.outcome == "finished" and rbm.learner.steps == 8
    assert not torch.equal(rbm.learner.chains, chains)


def test_one_step_is_no_steps():
    rbm, told = RBM(64, 4), []

    def stop(step):
        if step == 1:
            raise KeyboardInterrupt

    rbm.fit(bits(200, 64).float(), after_step=stop, log=told.append)
    assert told == ["Interrupted after 1 step: the RBM keeps what it has learned."]


def test_without_a_word_a_step_has_the_rate_0_1_and_hidden_states_the_temperature_1():
    usual, said, v = RBM(6, 4, std=1.0), RBM(6, 4, std=1.0), bits(50, 6).float()
    assert torch.equal(usual.sample_hidden(v), said.sample_hidden(v, temperature=1.0))
    h = usual.sample_hidden(v)
    assert torch.equal(h, said.sample_hidden(v))
    assert torch.equal(usual.sample_visible(h), said.sample_visible(h, temperature=1.0))
    assert torch.equal(usual.gibbs(v), said.gibbs(v, 1, temperature=1.0))
    usual.partial_fit(v)
    said.partial_fit(v, lr=0.1)
    assert torch.equal(usual.weight, said.weight) and usual.weight.std() > 0


def test_without_a_word_an_rbm_learns_for_five_epochs_and_a_batch_may_be_all_images():
    images = bits(200, 6).float()
    assert RBM(6, 4).fit(images, log=None).steps == 10
    whole = RBM(6, 4).fit(images, epochs=3, batch_size=200, log=None)
    assert whole.steps == 3 and 0 < whole.seconds < 600


def test_a_falling_rate_is_the_first_at_the_first_step_and_the_second_at_the_last(monkeypatch):
    rbm, rates = RBM(6, 4), []
    monkeypatch.setattr(rbm.learner, "step", lambda *_, lr, **__: rates.append(lr))
    rbm.fit(bits(200, 6).float(), epochs=1, lr=(0.3, 0.1), log=None)
    assert rates == [0.3, pytest.approx(0.1)]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"held_out": "images.npy"}, "^held_out must be"),
        ({"momentum": "fast"}, "^momentum must be"),
        ({"momentum": (0.1, 0.2, 0.3)}, "^momentum must be"),
    ],
)
def test_what_is_wrong_is_called_by_its_name(options, words):
    with pytest.raises((TypeError, ValueError), match=words):
        RBM(6, 4).fit(bits(200, 6).float(), log=None, **options)


@pytest.mark.parametrize("late", [False, True])
def test_an_interrupt_at_any_moment_leaves_a_history_that_counts_as_the_rbm_does(
    digits, monkeypatch, late
):
    rbm, images = small(digits)
    rbm.fit(images, epochs=1, log=None)
    step = rbm.learner.step

    def interrupted(*arguments, **options):
        if rbm.learner.steps == 5 + 3:
            if late:  # after the update, before `fit` could count it
                step(*arguments, **options)
            raise KeyboardInterrupt
        step(*arguments, **options)

    monkeypatch.setattr(rbm.learner, "step", interrupted)
    told = []
    history = rbm.fit(images, epochs=2, log=told.append)
    assert (history.outcome, history.steps) == ("interrupted", 3 + late)
    assert rbm.learner.steps == 5 + history.steps
    assert told == [f"Interrupted after {3 + late} steps: the RBM keeps what it has learned."]


@pytest.mark.parametrize("measurement", ["reconstruct", "pseudo_log_likelihood", "free_energy"])
def test_an_epoch_whose_measurement_is_interrupted_has_no_metrics(digits, monkeypatch, measurement):
    rbm, images = small(digits)
    whole, calls = getattr(rbm, measurement), []

    def interrupted(*arguments, **options):
        calls.append(1)
        if rbm.learner.steps == 10:
            raise KeyboardInterrupt
        return whole(*arguments, **options)

    monkeypatch.setattr(rbm, measurement, interrupted)
    history = rbm.fit(images, held_out=digits[500:600], epochs=3, log=[].append)
    assert (history.outcome, history.steps) == ("interrupted", 10)
    columns = history.reconstruction_error, history.pseudo_likelihood, history.free_energy_gap
    assert calls and [len(column) for column in columns] == [1, 1, 1]


def test_an_update_after_which_nothing_is_finite_is_counted():
    rbm, data = RBM(4, 3), torch.full((20, 4), 0.5)

    def spoil(step):
        if step == 2:
            rbm.weight[0, 0] = math.nan

    history = rbm.fit(data, batch_size=5, after_step=spoil, log=None)
    assert (history.outcome, history.steps, rbm.learner.steps) == ("diverged", 3, 3)


def test_divergence_between_two_looks_is_seen_at_the_end_of_the_epoch(monkeypatch):
    monkeypatch.setitem(STEPS_BETWEEN_LOOKS, "cpu", 50)  # as on a GPU
    rbm, data, told = RBM(4, 3), torch.full((20, 4), 0.5), []

    def spoil(step):
        if step == 2:
            rbm.weight[0, 0] = math.nan

    history = rbm.fit(data, batch_size=5, epochs=3, after_step=spoil, log=told.append)
    assert (history.outcome, history.steps) == ("diverged", 4) and "no longer finite" in told[0]
    assert history.reconstruction_error == ()


def enough_after(last):
    def stop(number):
        if number == last:
            raise StopTraining

    return stop


@pytest.mark.parametrize("persistent", [False, True])
def test_a_callback_ends_the_training_without_a_word_and_keeps_what_was_learned(
    digits, persistent, capfd
):
    (rbm, images), (twin, _), said = small(digits), small(digits), []
    options = {"epochs": 3, "persistent": persistent}
    history = rbm.fit(images, after_step=enough_after(7), log=said.append, **options)
    assert (history.outcome, history.steps, rbm.learner.steps) == ("stopped", 7, 7)
    assert len(history.reconstruction_error) == len(history.pseudo_likelihood) == 1
    assert not said and capfd.readouterr() == ("", "")
    learned = []
    twin.fit(
        images,
        after_step=lambda step: learned.append([p.clone() for p in twin.parameters()]),
        log=None,
        **options,
    )
    assert all(map(torch.equal, rbm.parameters(), learned[6]))
    assert (rbm.learner.chains is not None) == persistent
    after = rbm.fit(images, log=None, **options)
    assert after.outcome == "finished" and rbm.learner.steps == 22


def test_a_callback_after_an_epoch_ends_the_training_with_that_epochs_metrics(digits):
    rbm, history = train(digits, epochs=4, after_epoch=enough_after(2))
    assert (history.outcome, history.steps, rbm.learner.steps) == ("stopped", 10, 10)
    assert len(history.reconstruction_error) == len(history.pseudo_likelihood) == 2


def test_interrupting_after_an_epoch_keeps_that_epochs_metrics(digits):
    def stop(epoch):
        if epoch == 2:
            raise KeyboardInterrupt

    _, history = train(digits, epochs=4, after_epoch=stop, log=[].append)
    assert (history.outcome, history.steps) == ("interrupted", 10)
    assert len(history.reconstruction_error) == len(history.pseudo_likelihood) == 2
    with pytest.raises(KeyboardInterrupt):  # without words nothing would tell
        train(digits, epochs=4, after_epoch=stop, log=None)


def test_callbacks_count_steps_and_epochs_of_the_call(digits):
    rbm, images = small(digits)
    for _ in range(2):
        steps, epochs = [], []
        rbm.fit(images, epochs=2, after_step=steps.append, after_epoch=epochs.append, log=None)
        assert steps == list(range(1, 11)) and epochs == [1, 2]
    assert rbm.learner.steps == 20


def test_chains_persist_between_fits_and_partial_fits(digits):
    rbm, images = small(digits)
    assert rbm.learner.chains is None
    rbm.fit(images, epochs=1, persistent=True, log=None)
    particles = rbm.learner.particles.clone()
    rbm.partial_fit(images[:30], lr=0.0, persistent=True)
    assert rbm.learner.chains.shape == (100, 64)  # as many as before, beside 30 images
    mean = rbm.visible_given_hidden(particles)
    likely = (mean > 0.9) | (mean < 0.1)
    agree = (rbm.learner.chains == mean.round())[likely].float().mean()
    assert agree > 0.9  # they went on from those hidden states
    rbm.start_chains(None)
    rbm.partial_fit(images[:30], persistent=True)
    assert rbm.learner.chains.shape == (30, 64)


def spied(monkeypatch, rbm):
    """Record the options of each learning step."""
    calls, step = [], rbm.learner.step

    def spy(parameters, images, rows, **options):
        calls.append((images[rows], options))
        step(parameters, images, rows, **options)

    monkeypatch.setattr(rbm.learner, "step", spy)
    return calls


def test_schedules_move_the_rate_evenly_and_raise_momentum_after_the_first_epoch(
    digits, monkeypatch
):
    rbm, images = small(digits)
    calls = spied(monkeypatch, rbm)
    rbm.fit(images, epochs=3, lr=(0.1, 0.0), momentum=(0.5, 0.9), log=None)
    rates = torch.tensor([options["lr"] for _, options in calls])
    assert (rates - torch.linspace(0.1, 0.0, 15)).abs().max() < 1e-7
    assert [options["momentum"] for _, options in calls] == [0.5] * 5 + [0.9] * 10
    calls.clear()
    rbm.fit(images, epochs=1, lr=0.05, momentum=0.3, log=None)
    assert {(options["lr"], options["momentum"]) for _, options in calls} == {(0.05, 0.3)}


def test_every_image_is_seen_once_an_epoch_in_a_new_order(monkeypatch):
    images = torch.arange(250.0)[:, None].expand(250, 3) / 250
    rbm = RBM(3, 2)
    calls = spied(monkeypatch, rbm)
    rbm.fit(images, epochs=2, batch_size=50, log=None)
    epochs = torch.cat([v[:, 0] for v, _ in calls]).view(2, 250)
    assert torch.equal(epochs.sort(1).values, images[:, 0].expand(2, 250))
    assert not torch.equal(epochs[0], epochs[1])
    assert not torch.equal(epochs[0], images[:, 0])
    calls.clear()
    rbm.fit(images, epochs=1, batch_size=100, log=None)
    assert [len(v) for v, _ in calls] == [100, 100]  # the incomplete batch is dropped


def test_the_order_is_another_for_another_seed_and_in_the_next_call(monkeypatch):
    images, orders = torch.arange(250.0)[:, None].expand(250, 3) / 250, []
    for seed in (0, 1):
        rbm = RBM(3, 2, seed=seed)
        calls = spied(monkeypatch, rbm)
        for _ in range(2):
            rbm.fit(images, epochs=1, batch_size=50, log=None)
        orders += torch.cat([v[:, 0] for v, _ in calls]).view(2, 250).tolist()
    assert len({tuple(order) for order in orders}) == 4


@pytest.mark.filterwarnings("ignore:.*Gaussian visible units have 1")
def test_the_visible_bias_starts_at_the_log_odds_and_only_once(digits):
    rbm, images = small(digits)
    rbm.fit(images, epochs=1, lr=0.0, weight_decay=0.0, log=None)
    ink = images.sum(0)
    assert torch.allclose(rbm.visible_bias, torch.log((ink + 1) / (500 - ink + 1)), atol=1e-6)
    rbm.visible_bias.zero_()
    rbm.fit(images, epochs=1, lr=0.0, log=None)  # has learned already
    assert not rbm.visible_bias.any()
    plain, _ = small(digits)
    plain.fit(images, epochs=1, lr=0.0, visible_bias_from_data=False, log=None)
    assert not plain.visible_bias.any()
    gaussian = RBM(64, 5, visible="gaussian")
    gaussian.fit(images, epochs=1, lr=0.0, log=None)
    assert torch.allclose(gaussian.visible_bias, images.mean(0))


def test_a_sparsity_target_moves_the_mean_activity_to_it(digits):
    activity = {}
    for name, sparsity in {"none": None, "low": (0.05, 3.0), "high": (0.7, 3.0)}.items():
        rbm, _ = train(digits, epochs=20, batch_size=20, sparsity=sparsity)
        activity[name] = rbm.hidden_given_visible(digits[:500]).mean(0)
    assert (activity["low"].mean() - 0.05).abs() < 0.05
    assert (activity["high"].mean() - 0.7).abs() < 0.1
    assert activity["none"].mean() > 0.2
    assert (activity["low"] - 0.05).abs().mean() < (activity["none"] - 0.05).abs().mean() / 3


def test_the_history_is_in_the_units_that_it_names(digits):
    rbm, images = small(digits)
    held_out = digits[1000:1200]
    history = rbm.fit(images, held_out=held_out, epochs=2, log=None)
    assert isinstance(history, RBMHistory)
    error = (rbm.reconstruct(images) - images).square().mean().item()  # per pixel
    assert history.reconstruction_error[-1] == pytest.approx(error, rel=1e-5)
    exact = rbm.pseudo_log_likelihood(images, exact=True).mean().item()  # nats an image
    assert history.pseudo_likelihood[-1] == pytest.approx(exact, rel=0.15)
    seen = images[:: 500 // 200][:200]
    gap = (rbm.free_energy(held_out).mean() - rbm.free_energy(seen).mean()).item()  # nats
    assert history.free_energy_gap[-1] == pytest.approx(gap, abs=1e-3)
    assert len(history.free_energy_gap) == 2 and history.seconds > 0
    assert train(digits)[1].free_energy_gap == ()


def test_the_free_energy_gap_grows_when_few_images_are_learned_by_heart(digits):
    rbm = RBM(64, 100, seed=0)
    history = rbm.fit(digits[:50], held_out=digits[1000:1050], epochs=150, batch_size=10, log=None)
    gap = history.free_energy_gap
    assert gap[-1] > 10 and gap[-1] > 3 * gap[5]


def test_progress_shows_on_stderr_only_if_asked_for(digits, capsys, monkeypatch):
    train(digits)
    assert capsys.readouterr() == ("", "")
    screen = terminal_for_bars(monkeypatch)
    train(digits)
    assert not screen.getvalue()
    train(digits, log=print)
    assert_shown_and_wiped_out(screen, "10/10")
    assert capsys.readouterr().out == ""


# --- sizes, devices, numbers of NumPy ------------------------------------------------------------


def test_it_says_what_it_is_and_how_long_it_has_learned(digits):
    rbm = RBM(64, 20)
    rbm.fit(digits[:500], epochs=1, log=None)
    start = "RBM(64, 20, visible='bernoulli', dtype=torch.float32, device=cpu; "
    assert repr(rbm) == start + "5 steps learned)"
    assert "visible='gaussian', dtype=torch.float64" in repr(
        RBM(3, 2, visible="gaussian", dtype=torch.float64)
    )


@pytest.mark.parametrize("device", ["cpu", torch.device("cpu")])
def test_moved_to_where_it_is_it_goes_on_as_if_nothing_had_happened(device):
    moved, stayed, v = random_rbm(6, 4), random_rbm(6, 4), bits(20, 6)
    options = {"persistent": True, "momentum": 0.9}
    for rbm in (moved, stayed):
        rbm.partial_fit(v, **options)
    assert moved.to(device) is moved
    assert moved.generator is moved.learner.generator
    assert moved.device == device and moved.get_params()["device"] == device
    for rbm in (moved, stayed):
        rbm.partial_fit(v[:7], **options)
    assert all(map(torch.equal, moved.parameters(), stayed.parameters()))
    assert torch.equal(moved.learner.chains, stayed.learner.chains)
    assert torch.equal(moved.sample(3, 2), stayed.sample(3, 2))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_moved_to_another_kind_of_device_it_learns_there_and_draws_anew(tmp_path):
    rbm, v = random_rbm(6, 4, seed=3), bits(20, 6)
    rbm.partial_fit(v, persistent=True, momentum=0.9)
    weight = rbm.weight.clone()
    assert rbm.to("cuda") is rbm and torch.equal(rbm.weight.cpu(), weight)
    expected = torch.Generator("cuda").manual_seed(3).get_state()
    assert torch.equal(rbm.generator.get_state(), expected)
    rbm.partial_fit(v.cuda(), persistent=True, momentum=0.9)
    rbm.save(tmp_path / "rbm.pt")
    assert torch.equal(RBM.load(tmp_path / "rbm.pt").weight, rbm.weight.cpu())
    assert torch.equal(RBM.load(tmp_path / "rbm.pt", device="cuda").weight, rbm.weight)
    assert rbm.to("cpu").learner.chains.device.type == "cpu"
    rbm.partial_fit(v, persistent=True, momentum=0.9)


@pytest.mark.parametrize("device", ["meta", "gpu", "cuda:99", "", 1.5, torch.float64, [], True])
def test_a_device_that_is_not_here_is_named_and_nothing_has_moved(device):
    rbm, v = random_rbm(6, 4), bits(20, 6)
    with pytest.raises(ValueError, match="device must be one that this machine has, got "):
        rbm.to(device)
    rbm.partial_fit(v)
    assert rbm.device == "cpu" and rbm.weight.device.type == "cpu"


@pytest.mark.parametrize("number", [np.int64, np.int32, np.uint8])
def test_whole_numbers_of_numpy_are_whole_numbers(digits, number):
    ours = RBM(number(64), number(20), seed=number(3), std=np.float32(0.5))
    plain = RBM(64, 20, seed=3, std=0.5)
    options = {"lr": 0.05, "persistent": True, "log": None}
    ours.fit(digits[:500], epochs=number(2), batch_size=number(50), k=number(2), **options)
    plain.fit(digits[:500], epochs=2, batch_size=50, k=2, **options)
    ours.partial_fit(digits[:50], k=number(2), lr=np.float32(0.5), momentum=np.float32(0.5))
    plain.partial_fit(digits[:50], k=2, lr=0.5, momentum=0.5)
    assert all(map(torch.equal, ours.parameters(), plain.parameters()))
    assert torch.equal(ours.sample(number(3), number(4)), plain.sample(3, 4))
    assert torch.equal(ours.gibbs(digits[:9], number(2)), plain.gibbs(digits[:9], 2))
    assert type(ours.learner.steps) is int


def test_seeds_of_64_bits_are_seeds():
    largest = RBM(4, 3, seed=np.uint64(2**64 - 1))
    assert torch.equal(largest.weight, RBM(4, 3, seed=2**64 - 1).weight)
    assert not torch.equal(RBM(4, 3, seed=-(2**63)).weight, largest.weight)


# --- files ---------------------------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore:.*Gaussian visible units have 1")
@pytest.mark.parametrize("visible", ["bernoulli", "gaussian"])
@pytest.mark.parametrize("persistent", [False, True])
def test_a_saved_rbm_goes_on_as_if_nothing_had_happened(tmp_path, visible, persistent):
    rbm, v = RBM(6, 4, visible=visible, dtype=torch.float64), bits(20, 6)
    options = {"persistent": persistent, "momentum": 0.9}
    rbm.learner.compute_dtype = torch.bfloat16
    rbm.partial_fit(v, **options)
    rbm.save(tmp_path / "rbm.pt")
    loaded = RBM.load(str(tmp_path / "rbm.pt"))
    assert (loaded.visible, loaded.learner.steps, loaded.weight.dtype) == (
        visible,
        1,
        torch.float64,
    )
    assert (loaded.learner.chains is None) == (not persistent)
    for each in (rbm, loaded):
        each.partial_fit(v, **options)
        each.fit(v, epochs=1, batch_size=10, log=None, **options)
    for name in PARAMETERS:
        assert torch.equal(getattr(rbm, name), getattr(loaded, name))
    assert torch.equal(rbm.sample(3, 4), loaded.sample(3, 4))


def test_an_rbm_that_never_learned_can_be_saved(tmp_path):
    rbm = RBM(6, 4, seed=3)
    rbm.save(tmp_path / "rbm.pt")
    loaded = RBM.load(tmp_path / "rbm.pt")
    assert (
        torch.equal(loaded.weight, rbm.weight)
        and loaded.learner.chains is None
        and loaded.learner.steps == 0
    )


# --- errors --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"n_visible": 0}, "n_visible must be a whole number of at least 1, got 0"),
        ({"n_hidden": 2.0}, "n_hidden must be a whole number of at least 1, got 2.0"),
        ({"visible": "binary"}, 'visible must be "bernoulli" or "gaussian", got \'binary\''),
        ({"std": -1.0}, "std must be a finite number of 0 or more, got -1.0"),
        ({"std": math.nan}, "std must be"),
        ({"dtype": torch.float16}, "dtype must be torch.float32 or torch.float64"),
        ({"n_visible": True}, "n_visible must be a whole number of at least 1, got True"),
        ({"n_hidden": np.bool_(True)}, "n_hidden must be a whole number of at least 1, got"),
        ({"n_hidden": "20"}, "n_hidden must be a whole number of at least 1, got '20'"),
        ({"std": True}, "std must be a finite number of 0 or more, got True"),
        ({"std": "0.1"}, "std must be"),
        ({"seed": 2.0}, "seed must be a whole number of at most 64 bits, got 2.0: try 0"),
        ({"seed": True}, "seed must be a whole number"),
        ({"seed": None}, "seed must be a whole number"),
        ({"seed": "a"}, "seed must be a whole number"),
        ({"seed": 2**64}, "seed must be a whole number of at most 64 bits"),
        ({"seed": -(2**63) - 1}, "seed must be a whole number of at most 64 bits"),
        ({"device": "gpu"}, "device must be one that this machine has, got 'gpu': try \"cpu\""),
        ({"device": "meta"}, "device must be one that this machine has, got 'meta'"),
    ],
)
def test_an_impossible_machine_is_refused(options, words):
    with pytest.raises(ValueError, match=words):
        RBM(**({"n_visible": 3, "n_hidden": 2} | options))


def spoiled(value):
    images = torch.full((20, 4), 0.5)
    images[3, 2] = value
    return images


@pytest.mark.parametrize(
    ("images", "words"),
    [
        (torch.zeros(20, 5), r"must have the shape \(n, 4\), got \(20, 5\)"),
        (torch.zeros(4), r"must have the shape \(n, 4\) with n of at least 1, got \(4,\)"),
        (torch.zeros(20, 2, 4), "must have the shape"),
        (torch.zeros(0, 4), "with n of at least 1"),
        (torch.zeros(20, 4, dtype=torch.float64), "is torch.float64 on cpu, the weights are"),
        (torch.zeros(20, 4, dtype=torch.uint8), "is torch.uint8 on cpu"),
        (torch.zeros(20, 4, device="meta"), "is torch.float32 on meta, the weights are"),
        (spoiled(math.nan), "must be finite, but holds nan or infinity"),
        (spoiled(-math.inf), "must be finite"),
        (torch.full((20, 4), math.nan), "must be finite"),
        (spoiled(1.5), r"must lie in \[0, 1\] for Bernoulli visible units, got 0.5 to 1.5"),
        (spoiled(-0.5), "must lie in"),
    ],
)
def test_data_that_do_not_fit_are_refused_before_anything_is_learned(images, words):
    rbm = RBM(4, 3)
    weight = rbm.weight.clone()
    good = torch.zeros(20, 4)
    for attempt in (
        lambda: rbm.fit(images, batch_size=10),
        lambda: rbm.fit(good, held_out=images, batch_size=10),
        lambda: rbm.partial_fit(images),
    ):
        with pytest.raises(ValueError, match=words):
            attempt()
    assert torch.equal(rbm.weight, weight) and rbm.learner.steps == 0 and not rbm.visible_bias.any()


def test_gaussian_units_take_any_finite_numbers():
    rbm = RBM(4, 3, visible="gaussian")
    rbm.partial_fit(spoiled(-7.0), lr=0.01)
    with pytest.raises(ValueError, match="must be finite"):
        rbm.partial_fit(spoiled(math.inf))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"batch_size": 21}, "batch_size 21 is more than the 20 images: try 20 or less"),
        ({"batch_size": 0}, "batch_size must be a whole number"),
        ({"epochs": 0}, "epochs must be a whole number of at least 1, got 0"),
        ({"k": 0}, "k must be a whole number of at least 1, got 0"),
        ({"epochs": True}, "epochs must be a whole number of at least 1, got True"),
        ({"epochs": 1.0}, "epochs must be a whole number of at least 1, got 1.0"),
        ({"batch_size": 10.0}, "batch_size must be a whole number of at least 1, got 10.0"),
        ({"k": 1.0}, "k must be a whole number of at least 1, got 1.0"),
        ({"lr": True}, "lr must be a finite number, 0 or more, got True"),
        ({"lr": (0.1, -0.1)}, "lr must be a finite number"),
        ({"lr": (0.1, 0.05, 0.0)}, "lr must be a number or a pair of numbers"),
        ({"momentum": (0.5, 1.0)}, "momentum must be a finite number, from 0 to less than 1"),
        ({"weight_decay": -1}, "weight_decay must be"),
        ({"sparsity": (0.0, 1.0)}, "the target of sparsity must be a finite number, between"),
    ],
)
def test_options_that_make_no_sense_are_refused(options, words):
    rbm = RBM(4, 3)
    with pytest.raises(ValueError, match=words):
        rbm.fit(torch.zeros(20, 4), **({"batch_size": 10} | options))
    assert rbm.learner.steps == 0 and not rbm.visible_bias.any()


@pytest.mark.parametrize("visible", ["bernoulli", "gaussian"])
@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_states_that_are_not_finite_are_refused_by_every_door(visible, value):
    rbm = RBM(4, 3, visible=visible)
    v, h, state = torch.zeros(2, 4), torch.zeros(2, 3), rbm.generator.get_state()
    bad_v, bad_h = v.clone(), h.clone()
    bad_v[1, 3] = bad_h[1, 2] = value
    doors = {
        "v": [
            rbm.hidden_given_visible,
            rbm.free_energy,
            rbm.gibbs,
            rbm.reconstruct,
            rbm.sample_hidden,
            rbm.start_chains,
            rbm.partial_fit,
            lambda v: rbm.energy(v, h),
            lambda v: rbm.sample(2, 1, start=v),
        ],
        "h": [rbm.visible_given_hidden, rbm.sample_visible, lambda h: rbm.energy(v, h)],
        "images": [rbm.transform, lambda v: rbm.fit(v, batch_size=1)],
        "held_out": [lambda w: rbm.fit(v, held_out=w, batch_size=1)],
    }
    if visible == "bernoulli":
        doors["v"] += [rbm.pseudo_log_likelihood]
    for name, calls in doors.items():
        for call in calls:
            with pytest.raises(ValueError, match="must be finite, but holds nan or infinity"):
                call(bad_h if name == "h" else bad_v)
    assert torch.equal(rbm.generator.get_state(), state) and rbm.learner.chains is None


def test_states_are_looked_at_once_and_not_at_every_step(monkeypatch):
    rbm, looks, aminmax = random_rbm(6, 4), [], torch.Tensor.aminmax
    monkeypatch.setattr(
        torch.Tensor, "aminmax", lambda t, **k: looks.append(t.shape) or aminmax(t, **k)
    )
    rbm.gibbs(bits(3, 6), 50)
    assert looks == [(3, 6)]


def test_no_states_at_all_have_no_hidden_units_and_no_range():
    rbm = random_rbm(6, 4)
    none = torch.zeros(0, 6, dtype=torch.float64)
    assert rbm.hidden_given_visible(none).shape == (0, 4) and rbm.free_energy(none).shape == (0,)


def test_chains_must_be_states_from_which_learning_can_go_on():
    rbm = RBM(4, 3)
    for wrong in (torch.zeros(0, 4), torch.zeros(4), torch.zeros(2, 3), torch.full((2, 4), 2.0)):
        with pytest.raises(ValueError, match="v must"):
            rbm.start_chains(wrong)
    assert rbm.learner.chains is rbm.learner.particles is None


def test_wrong_states_are_refused_by_every_formula():
    rbm, good, h = RBM(4, 3), torch.zeros(2, 4), torch.zeros(2, 3)
    for call in (
        rbm.hidden_given_visible,
        rbm.free_energy,
        rbm.gibbs,
        rbm.reconstruct,
        rbm.sample_hidden,
        rbm.pseudo_log_likelihood,
        lambda v: rbm.energy(v, h),
        lambda v: rbm.sample(2, 1, start=v),
    ):
        with pytest.raises(ValueError, match=r"v must have the shape \(n, 4\), got \(2, 3\)"):
            call(h)
        with pytest.raises(TypeError, match="v must be a tensor, got list: try torch.as_tensor"):
            call([[0.0] * 4] * 2)
    for call in (rbm.visible_given_hidden, rbm.sample_visible, lambda h: rbm.energy(good, h)):
        with pytest.raises(ValueError, match=r"h must have the shape \(n, 3\), got \(2, 4\)"):
            call(good)
    for temperature in (0.0, -1.0, math.inf, math.nan, True, "hot"):
        with pytest.raises(ValueError, match="temperature must be a positive finite number"):
            rbm.gibbs(good, temperature=temperature)
    for steps in (0, 1.0, True, "1"):
        with pytest.raises(ValueError, match=f"steps must be a whole number of .*, got '?{steps}"):
            rbm.gibbs(good, steps)
        with pytest.raises(ValueError, match=f"n must be a whole number of .*, got '?{steps}"):
            rbm.sample(steps, 1)
    with pytest.raises(ValueError, match="start must hold n = 3 states, got 2"):
        rbm.sample(3, 1, start=good)
    with pytest.raises(ValueError, match="Gaussian visible units have none"):
        RBM(4, 3, visible="gaussian").pseudo_log_likelihood(good)


@pytest.mark.parametrize(
    "option",
    [
        {"weight_decay": 0.05},
        {"k": 3},
        {"persistent": True},
        {"momentum": 0.9},
        {"sparsity": (0.1, 0.5)},
        {"lr": 0.03},
    ],
    ids=lambda option: next(iter(option)),
)
def test_each_option_of_a_training_is_that_of_its_steps(digits, option):
    """One epoch is a loop of `partial_fit` over the batches, drawn as `fit` draws them."""
    images, options = digits[:100], {"lr": 0.1, "momentum": 0.0, "weight_decay": 0.0} | option
    trained, twin, plain = (RBM(images.shape[1], 8, std=0.1, seed=2) for _ in range(3))
    start = {"visible_bias_from_data": False, "epochs": 1, "batch_size": 20, "log": None}
    trained.fit(images, **options, **start)
    order = torch.randperm(len(images), generator=twin.generator)
    for rows in order.split(20):
        twin.partial_fit(images[rows], **options)
    plain.fit(images, lr=0.1, momentum=0.0, weight_decay=0.0, **start)
    for one, other in zip(trained.parameters(), twin.parameters(), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-6)
    assert not torch.allclose(trained.weight, plain.weight, rtol=1e-3, atol=1e-4)
