"""log Z and log p(v) against sums written out, integrals, finite differences and each other."""

from __future__ import annotations

import math
import statistics
import warnings
from itertools import product

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from helpers.boltzmann import all_states
from helpers.progress import assert_shown_and_wiped_out, terminal_for_bars
from hypothesis import given, settings
from hypothesis import strategies as st

from course_utils.boltzmann import (
    RBM,
    annealed_log_partition,
    exact_log_partition,
    log_likelihood,
    two_way_log_partition,
)
from course_utils.boltzmann.likelihood import LogPartition, _summary

some_seed = st.integers(0, 10_000)


def random_rbm(n_visible, n_hidden, seed, *, std=1.0, visible="bernoulli", dtype=torch.float64):
    rbm = RBM(n_visible, n_hidden, visible=visible, std=std, seed=seed, dtype=dtype)
    generator = torch.Generator().manual_seed(seed + 1)
    rbm.visible_bias.normal_(generator=generator)
    rbm.hidden_bias.normal_(generator=generator)
    return rbm


def some_images(rbm, n=500, seed=0):
    """Samples of nothing in particular: each pixel with a rate of its own."""
    generator = torch.Generator().manual_seed(seed)
    rates = torch.rand(rbm.weight.shape[1], generator=generator, dtype=rbm.weight.dtype)
    return torch.bernoulli(rates.expand(n, -1), generator=generator)


# ---------------------------------------------------------------- exact


def test_log_z_is_the_sum_over_all_states_written_out():
    rbm = random_rbm(4, 3, seed=0)
    w, b, c = rbm.weight.tolist(), rbm.visible_bias.tolist(), rbm.hidden_bias.tolist()
    terms = []
    for v, h in product(product([0, 1], repeat=4), product([0, 1], repeat=3)):
        pairs = sum(w[j][i] * v[i] * h[j] for i in range(4) for j in range(3))
        alone = sum(map(math.prod, zip(b, v, strict=True)))
        alone += sum(map(math.prod, zip(c, h, strict=True)))
        terms.append(math.exp(pairs + alone))
    assert exact_log_partition(rbm) == pytest.approx(math.log(math.fsum(terms)), rel=1e-13)


@pytest.mark.parametrize("seed", range(5))
def test_log_z_is_the_same_over_visibles_hiddens_and_jointly(seed):
    rbm = random_rbm(12, 8, seed)
    over = [exact_log_partition(rbm, over=side) for side in ("visible", "hidden", "joint")]
    assert over[1:] == pytest.approx([over[0]] * 2, rel=1e-12)
    assert exact_log_partition(rbm) == over[1]  # hiddens are fewer


def test_log_z_is_the_sum_of_the_rbm_s_own_free_energies_and_energies():
    rbm = random_rbm(7, 5, seed=3)
    v, h = all_states(7), all_states(5)
    log_z = exact_log_partition(rbm)
    assert (-rbm.free_energy(v)).logsumexp(0).item() == pytest.approx(log_z, rel=1e-12)
    pairs = v.repeat_interleave(len(h), 0), h.repeat(len(v), 1)
    assert (-rbm.energy(*pairs)).logsumexp(0).item() == pytest.approx(log_z, rel=1e-12)


@given(seed=some_seed, unit=st.integers(0, 5))
@settings(deadline=None, derandomize=True, max_examples=25)
def test_renaming_black_and_white_of_a_pixel_moves_log_z_by_its_bias(seed, unit):
    rbm, renamed = random_rbm(6, 4, seed), random_rbm(6, 4, seed)
    renamed.hidden_bias += renamed.weight[:, unit]
    renamed.weight[:, unit] *= -1
    renamed.visible_bias[unit] *= -1
    moved = exact_log_partition(renamed) + rbm.visible_bias[unit].item()
    assert moved == pytest.approx(exact_log_partition(rbm), rel=1e-12)


def test_without_weights_log_z_is_a_sum_over_units_even_for_huge_biases():
    rbm = RBM(9, 6, std=0.0, dtype=torch.float64)
    rbm.visible_bias.copy_(torch.linspace(-800, 800, 9))
    rbm.hidden_bias.copy_(torch.tensor([-30.0, -5.0, 0.0, 21.0, 25.0, 45.0]))
    biases = torch.cat([rbm.visible_bias, rbm.hidden_bias])
    expected = torch.logaddexp(biases, torch.zeros(15, dtype=torch.float64)).sum().item()
    for over in ("visible", "hidden", "joint"):
        assert exact_log_partition(rbm, over=over) == pytest.approx(expected, rel=1e-14)


@pytest.mark.parametrize(
    "over, units", [("visible", (17, 5)), ("hidden", (5, 17)), ("joint", (11, 6))]
)
def test_a_sum_over_so_many_states_that_it_is_taken_in_pieces_is_the_whole(over, units):
    rbm = random_rbm(*units, seed=1)
    whole = (-rbm.free_energy(all_states(units[0]))).logsumexp(0).item()
    assert exact_log_partition(rbm, over=over) == pytest.approx(whole, rel=1e-13)


def test_the_gradient_of_log_z_is_the_models_moments():
    rbm, step = random_rbm(5, 4, seed=2), 1e-5
    v, h = all_states(5), all_states(4)
    pairs = v.repeat_interleave(len(h), 0), h.repeat(len(v), 1)
    p = (-rbm.energy(*pairs)).softmax(0)
    moments = {
        "weight": (pairs[1] * p[:, None]).T @ pairs[0],
        "visible_bias": p @ pairs[0],
        "hidden_bias": p @ pairs[1],
    }
    for name, moment in moments.items():
        numbers = getattr(rbm, name).view(-1)
        for i, expected in enumerate(moment.flatten().tolist()):
            ends = []
            for sign in (1, -2):
                numbers[i] += sign * step
                ends.append(exact_log_partition(rbm))
            numbers[i] += step
            assert (ends[0] - ends[1]) / (2 * step) == pytest.approx(expected, abs=1e-9)


def test_the_gradient_of_the_log_likelihood_is_data_minus_model_moments():
    rbm = random_rbm(6, 4, seed=4)
    data = all_states(6)[[3, 17, 17, 40, 62]]
    parameters = [rbm.weight, rbm.visible_bias, rbm.hidden_bias]
    copies = [p.clone().requires_grad_() for p in parameters]

    def minus_free_energy(v):
        weight, visible_bias, hidden_bias = copies
        return v @ visible_bias + F.softplus(v @ weight.T + hidden_bias, threshold=40).sum(1)

    log_p = minus_free_energy(data) - minus_free_energy(all_states(6)).logsumexp(0)
    exact = log_likelihood(rbm, data, exact_log_partition(rbm))
    torch.testing.assert_close(exact, log_p.detach(), rtol=1e-12, atol=0)
    gradients = torch.autograd.grad(log_p.mean(), copies)

    def moments(v, p):  # p (n,): how often each v (n, 6) occurs
        h = rbm.hidden_given_visible(v) * p[:, None]
        return h.T @ v, p @ v, h.sum(0)

    seen = moments(data, torch.full((5,), 0.2, dtype=torch.float64))
    everything = all_states(6)
    dreamt = moments(everything, log_likelihood(rbm, everything, exact_log_partition(rbm)).exp())
    for gradient, positive, negative in zip(gradients, seen, dreamt, strict=True):
        torch.testing.assert_close(gradient, positive - negative, rtol=1e-11, atol=1e-13)


def test_exact_log_z_of_a_less_precise_model_is_computed_in_float64():
    rbm, precise = random_rbm(10, 6, 5, dtype=torch.float32), random_rbm(10, 6, 5)
    for name in ("weight", "visible_bias", "hidden_bias"):
        getattr(precise, name).copy_(getattr(rbm, name))
    assert exact_log_partition(rbm) == exact_log_partition(precise)


# ---------------------------------------------------------------- Gaussian visible units


def test_gaussian_log_z_equals_numerical_integration():
    rbm = random_rbm(2, 3, seed=6, visible="gaussian")
    line = torch.linspace(-14, 14, 1401, dtype=torch.float64)  # the trapezoid rule: exact here
    grid = torch.cartesian_prod(line, line)
    log_z = (-rbm.free_energy(grid)).logsumexp(0).item() + 2 * math.log(line[1] - line[0])
    assert exact_log_partition(rbm) == pytest.approx(log_z, rel=1e-10)
    density = log_likelihood(rbm, grid, exact_log_partition(rbm)).exp()
    assert density.sum().item() * (line[1] - line[0]).item() ** 2 == pytest.approx(1, rel=1e-10)


def test_annealing_to_gaussian_models_ends_within_three_error_bars():
    scores = []
    for seed in range(20):
        rbm = random_rbm(5, 6, seed, std=0.5, visible="gaussian")
        images = rbm.sample(200, 20)
        estimate = annealed_log_partition(rbm, images, n_temperatures=100)
        scores.append((estimate.value - exact_log_partition(rbm)) / estimate.error)
    assert max(map(abs, scores)) < 3
    assert 0.6 < statistics.pstdev(scores, mu=0) < 1.5


def test_gaussian_visible_units_are_not_enumerated():
    rbm = random_rbm(2, 3, seed=0, visible="gaussian")
    for over in ("visible", "joint"):
        with pytest.raises(ValueError, match='no list of states.*try over="hidden"'):
            exact_log_partition(rbm, over=over)
    with pytest.raises(ValueError, match=r"26 hidden units.*2\^26 terms"):
        exact_log_partition(RBM(2, 26, visible="gaussian"))


# ---------------------------------------------------------------- annealed


def test_annealing_ends_within_three_error_bars_which_are_neither_too_wide_nor_too_narrow():
    scores = []
    for seed in range(60):
        rbm = random_rbm(12, 8, seed, std=0.8)
        estimate = annealed_log_partition(rbm, some_images(rbm), n_temperatures=100, seed=seed)
        scores.append((estimate.value - exact_log_partition(rbm)) / estimate.error)
    assert max(map(abs, scores)) < 3
    assert 0.75 < statistics.pstdev(scores, mu=0) < 1.3  # 60 numbers: 1 ± 0.09
    assert abs(statistics.fmean(scores)) < 0.4


@pytest.mark.parametrize("betas", [2, 3, [0, 0.1, 0.6, 1], [0, 0.9, 1]])
def test_the_mean_weight_is_unbiased_with_few_and_uneven_temperatures(betas):
    rbm = random_rbm(6, 4, seed=8)
    options = {"n_chains": 200_000, "n_temperatures": betas}
    estimate = annealed_log_partition(rbm, some_images(rbm), **options)
    assert estimate.error < 0.01
    assert estimate.value == pytest.approx(exact_log_partition(rbm), abs=3 * estimate.error)


def test_more_temperatures_make_the_error_smaller():
    rbm = random_rbm(12, 8, seed=9)
    few, many = (
        annealed_log_partition(rbm, some_images(rbm), n_temperatures=n) for n in (30, 1000)
    )
    assert many.error < few.error / 3
    assert many.effective_sample_size > few.effective_sample_size


def test_error_bar_effective_sample_size_and_bounds_belong_together():
    rbm = random_rbm(12, 8, seed=10)
    z = annealed_log_partition(rbm, some_images(rbm), n_chains=50, n_temperatures=30)
    assert z.n_chains == 50
    assert 10 < z.effective_sample_size < 50
    assert z.error**2 == pytest.approx((50 / z.effective_sample_size - 1) / 49, rel=1e-9)
    assert math.exp(z.high - z.value) == pytest.approx(1 + 3 * z.error, rel=1e-9)
    assert math.exp(z.low - z.value) == pytest.approx(1 - 3 * z.error, rel=1e-9)


def test_without_weights_the_start_is_the_end_and_every_chain_agrees():
    rbm = RBM(8, 5, std=0.0, dtype=torch.float64)
    images = some_images(rbm)
    rbm.visible_bias.copy_(((images.sum(0) + 1) / (len(images) + 2)).logit())
    z = annealed_log_partition(rbm, images, n_temperatures=5)
    assert z.value == pytest.approx(exact_log_partition(rbm), rel=1e-13)
    assert z.error < 1e-12
    assert z.effective_sample_size == pytest.approx(100, rel=1e-12)


def test_a_few_chains_that_carry_the_estimate_are_warned_about():
    rbm = random_rbm(20, 10, seed=11, std=3)
    trust = (
        "its error bar is not to be trusted, and log Z is probably larger. Try ten times as many"
    )
    words = rf"Only \d\.\d of 100 chains carry .* \(their effective sample size\): {trust} "
    with pytest.warns(UserWarning, match=words + "temperatures, or the images .* trained on.$"):
        z = annealed_log_partition(rbm, some_images(rbm), n_temperatures=3)
    assert z.effective_sample_size < 10
    assert z.low == -math.inf
    assert z.high < math.inf
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        annealed_log_partition(random_rbm(20, 10, seed=11, std=0.3), some_images(rbm))


@pytest.mark.filterwarnings("ignore:Only 2.0 of 2 chains")
def test_two_chains_are_enough_and_a_thousand_temperatures_usual():
    rbm = random_rbm(6, 4, seed=14, std=0.1)
    z = annealed_log_partition(rbm, some_images(rbm), n_chains=2)
    assert z == annealed_log_partition(rbm, some_images(rbm), n_chains=2, n_temperatures=1000)
    assert z.n_chains == 2
    with pytest.raises(ValueError, match="n_chains must be a whole number of 2 or more, got 1"):
        annealed_log_partition(rbm, some_images(rbm), n_chains=1)


def test_an_error_of_a_third_has_no_lower_end():
    weights = [torch.tensor([0.0] * 12 + [x]).double() for x in (1.8, 2.2, 3.0, 5.0)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of few chains
        found = [_summary(w) for w in weights]
    thrice = [3 * z.error for z in found]
    assert 0.75 < thrice[0] < 1 < thrice[1] < 4 / 3 < thrice[2] < 2 < thrice[3]
    for z, three in zip(found, thrice, strict=True):
        low = z.value + math.log(1 - three) if three < 1 else -math.inf
        assert z.low == pytest.approx(low)


def test_fewer_than_ten_chains_that_carry_the_estimate_are_warned_about():
    rbm = random_rbm(6, 4, seed=14)
    with pytest.warns(UserWarning, match=r"Only \d\.\d of 20 chains"):
        z = annealed_log_partition(rbm, some_images(rbm), n_chains=20, n_temperatures=5, seed=3)
    assert 5 < z.effective_sample_size < 10


def test_base_rates_are_a_better_start_than_fair_coins():
    rates = torch.linspace(0.001, 0.05, 200, dtype=torch.float64)  # most pixels are mostly black
    images = torch.bernoulli(rates.expand(500, -1), generator=torch.Generator().manual_seed(0))
    rbm = RBM(200, 10, std=0.4, dtype=torch.float64)
    rbm.visible_bias.copy_(rates.logit())
    rbm.hidden_bias.fill_(-1)
    at_rates = annealed_log_partition(rbm, images, n_temperatures=50)
    assert abs(at_rates.value - exact_log_partition(rbm)) < 3 * at_rates.error < 0.1
    assert at_rates.effective_sample_size > 80
    with pytest.warns(UserWarning, match=r"Only [123]\.\d of 100 chains"):
        annealed_log_partition(rbm, torch.full_like(images, 0.5), n_temperatures=50)


def test_pixels_that_are_always_black_or_always_white_are_no_obstacle():
    rbm = random_rbm(6, 4, seed=12)
    images = torch.tensor([[0, 1, 0, 1, 0, 1]], dtype=torch.float64).repeat(20, 1)
    z = annealed_log_partition(rbm, images, n_chains=1000)
    assert z.value == pytest.approx(exact_log_partition(rbm), abs=3 * z.error)


def test_the_same_seed_gives_the_same_numbers_and_leaves_every_other_generator_alone():
    rbm = random_rbm(12, 8, seed=13)
    torch.manual_seed(5)
    before = torch.get_rng_state().clone(), rbm.generator.get_state()
    first, again, other = (
        annealed_log_partition(rbm, some_images(rbm), n_temperatures=50, seed=s) for s in (0, 0, 1)
    )
    assert first == again
    assert first.value != other.value
    assert torch.equal(before[0], torch.get_rng_state())
    assert torch.equal(before[1], rbm.generator.get_state())


def test_a_number_of_temperatures_means_evenly_spaced():
    rbm = random_rbm(6, 4, seed=14)
    images = some_images(rbm)
    listed = annealed_log_partition(rbm, images, n_temperatures=[0, 0.25, 0.5, 0.75, 1])
    assert annealed_log_partition(rbm, images, n_temperatures=5) == listed


def test_whole_numbers_of_numpy_are_whole_numbers():
    rbm = random_rbm(6, 4, seed=14)
    ours = {"n_chains": np.int64(50), "n_temperatures": np.int64(50), "seed": np.int64(3)}
    plain = {"n_chains": 50, "n_temperatures": 50, "seed": 3}
    images = some_images(rbm)
    one, other = (annealed_log_partition(rbm, images, **options) for options in (ours, plain))
    assert one == other and type(one.n_chains) is int


def test_annealing_works_in_float32():
    rbm = random_rbm(12, 8, seed=15, std=0.5, dtype=torch.float32)
    z = annealed_log_partition(rbm, some_images(rbm), n_temperatures=300, n_chains=300)
    assert z.value == pytest.approx(exact_log_partition(rbm), abs=3 * z.error)


def test_a_bar_shows_only_when_asked_for_and_wipes_itself_out(capsys, monkeypatch):
    rbm, screen = random_rbm(4, 3, seed=0), terminal_for_bars(monkeypatch)
    annealed_log_partition(rbm, some_images(rbm), n_temperatures=3, log=None)
    assert not screen.getvalue()
    said = []
    annealed_log_partition(rbm, some_images(rbm), n_temperatures=3, log=said.append)
    assert_shown_and_wiped_out(screen, "2/2")
    assert not said and capsys.readouterr().out == ""


# ---------------------------------------------------------------- from both sides


def own_samples(rbm, n=100, seed=0):
    """Draw pictures with exactly the probabilities that the RBM gives them."""
    generator = torch.Generator().manual_seed(seed)
    h = all_states(rbm.weight.shape[0])
    natural = rbm.visible_bias + h @ rbm.weight
    gaussian = rbm.visible == "gaussian"
    others = natural.square() / 2 if gaussian else F.softplus(natural, threshold=40)
    p = (h @ rbm.hidden_bias + others.sum(1)).softmax(0)
    mean = natural[torch.multinomial(p, n, True, generator=generator)]
    if gaussian:
        return mean + torch.randn(mean.shape, generator=generator, dtype=mean.dtype)
    return torch.bernoulli(mean.sigmoid(), generator=generator)


@pytest.mark.parametrize("visible", ["bernoulli", "gaussian"])
def test_both_ways_end_within_three_error_bars_which_are_neither_too_wide_nor_too_narrow(visible):
    scores, wide = [], []
    for seed in range(60):
        rbm = random_rbm(12, 8, seed, std=0.8 if visible == "bernoulli" else 0.3, visible=visible)
        samples = own_samples(rbm, seed=seed)
        images = some_images(rbm) if visible == "bernoulli" else samples
        z = two_way_log_partition(rbm, images, samples, n_temperatures=30, seed=seed)
        exact = exact_log_partition(rbm)
        scores.append((z.value - exact) / z.error)
        wide.append(z.low < exact < z.high)
    assert max(map(abs, scores)) < 3.3
    assert 0.75 < statistics.pstdev(scores, mu=0) < 1.3
    assert abs(statistics.fmean(scores)) < 0.4
    assert all(wide)


@pytest.mark.parametrize("betas", [2, 3, [0, 0.1, 0.6, 1]])
def test_one_over_the_weight_of_a_chain_that_comes_down_is_unbiased(betas):
    rbm = random_rbm(6, 4, seed=8)
    options = {"n_temperatures": betas, "seed": 3}
    z = two_way_log_partition(rbm, some_images(rbm), own_samples(rbm, 200_000), **options)
    exact = exact_log_partition(rbm)
    share = (exact - z.down).exp()
    assert share.mean().item() == pytest.approx(1, abs=4 * share.std().item() / 200_000**0.5)
    assert z.value == pytest.approx(exact, abs=4 * z.error) and z.error < 0.01
    assert z.up.mean() < exact < z.down.mean()


def test_a_number_going_up_occurs_so_much_more_often_coming_down():
    """The histograms of both ways differ by the factor exp(u - log Z), bin by bin (Crooks)."""
    rbm = random_rbm(6, 4, seed=8)
    z = two_way_log_partition(rbm, some_images(rbm), own_samples(rbm, 200_000), n_temperatures=3)
    exact = exact_log_partition(rbm)
    for low in (-1.0, -0.5, 0.0, 0.5):
        up, down = (u[(u > exact + low) & (u < exact + low + 0.5)] for u in (z.up, z.down))
        expected = (up - exact).exp().sum().item()
        assert len(down) == pytest.approx(expected, rel=0.04) and len(down) > 5000


def test_both_ways_need_fewer_temperatures_than_the_way_up_alone():
    far = {"up": [], "both": []}
    for seed in range(20):
        rbm = random_rbm(16, 10, seed, std=1.5)
        z = two_way_log_partition(rbm, some_images(rbm), own_samples(rbm), n_temperatures=10)
        exact = exact_log_partition(rbm)
        far["up"].append(z.up.logsumexp(0).item() - math.log(100) - exact)
        far["both"].append(z.value - exact)
    assert statistics.pstdev(far["both"], mu=0) < 0.6 * statistics.pstdev(far["up"], mu=0)


def test_the_way_up_is_the_one_of_annealing_alone():
    rbm, images = random_rbm(12, 8, seed=13), some_images(random_rbm(12, 8, seed=13))
    z = two_way_log_partition(rbm, images, own_samples(rbm, 40), n_temperatures=50, seed=4)
    one = annealed_log_partition(rbm, images, n_chains=40, n_temperatures=50, seed=4)
    assert z.up.logsumexp(0).item() - math.log(40) == pytest.approx(one.value, rel=1e-12)
    assert z.up.shape == z.down.shape == (40,)
    for mean, end, sign in ((z.up, z.low, -1), (z.down, z.high, 1)):
        assert end == pytest.approx((mean.mean() + sign * 3 * mean.std() / 40**0.5).item())


def two_heaps():
    """Return an RBM whose pixels are all on or all off, by 8 nats more often on, and all off."""
    rbm = RBM(10, 1, std=0.0, dtype=torch.float64)
    rbm.weight.fill_(12)
    rbm.visible_bias.fill_(-6)
    rbm.hidden_bias.fill_(-52)
    return rbm, torch.zeros(100, 10, dtype=torch.float64)


def test_samples_that_are_not_the_models_own_are_warned_about():
    rbm, dark = two_heaps()
    grey, options = torch.full_like(dark, 0.5), {"n_temperatures": 300}
    wrong = r"at least 6\.\d, the way down at most 2\.\d: so the samples are not the RBM's own"
    with pytest.warns(UserWarning, match=wrong):
        two_way_log_partition(rbm, grey, dark, **options)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        z = two_way_log_partition(rbm, grey, own_samples(rbm), **options)
    assert z.value == pytest.approx(exact_log_partition(rbm), abs=0.3)


def test_ways_that_do_not_meet_are_warned_about():
    rbm, dark = two_heaps()
    with pytest.warns(
        UserWarning,
        match=r"at least 0.0, the way down at most 23.*: and hardly .* Try more temperatures.$",
    ):
        z = two_way_log_partition(rbm, dark, own_samples(rbm), n_temperatures=300)
    assert z.low < exact_log_partition(rbm) < z.high


@pytest.mark.filterwarnings("ignore:.*samples are not the RBM's own|.*hardly a chain")
def test_two_samples_are_enough_for_both_ways_and_a_thousand_temperatures_usual():
    rbm = random_rbm(6, 4, seed=14, std=0.1)
    images, samples = some_images(rbm), own_samples(rbm)[:2]
    z = two_way_log_partition(rbm, images, samples)
    said = two_way_log_partition(rbm, images, samples, n_temperatures=1000)
    assert (z.value, z.low, z.high) == (said.value, said.low, said.high)


def test_both_ways_leave_every_other_generator_alone():
    rbm = random_rbm(12, 8, seed=13)
    samples, images = own_samples(rbm), some_images(rbm)
    torch.manual_seed(5)
    before = torch.get_rng_state().clone(), rbm.generator.get_state()
    first, again, other = (
        two_way_log_partition(rbm, images, samples, n_temperatures=50, seed=s) for s in (0, 0, 1)
    )
    assert first.value == again.value != other.value
    assert torch.equal(first.down, again.down) and not torch.equal(first.down, other.down)
    assert torch.equal(before[0], torch.get_rng_state())
    assert torch.equal(before[1], rbm.generator.get_state())


def test_a_bar_shows_for_each_of_both_ways(monkeypatch):
    rbm, screen = random_rbm(4, 3, seed=0), terminal_for_bars(monkeypatch)
    options = {"n_temperatures": 3}
    two_way_log_partition(rbm, some_images(rbm), own_samples(rbm, 5), log=None, **options)
    assert not screen.getvalue()
    two_way_log_partition(rbm, some_images(rbm), own_samples(rbm, 5), **options)
    assert_shown_and_wiped_out(screen, "2/2")


@pytest.mark.parametrize(
    "samples, message",
    [
        (torch.zeros(5, 3), r"samples must have the shape \(n, 4\).*got \(5, 3\)"),
        (torch.zeros(1, 4), r"samples must be two or more, got one: try rbm.sample\(100, 1000\)"),
        (torch.full((2, 4), 7.0), r"samples must lie in \[0, 1\]"),
    ],
)
def test_samples_that_do_not_fit_are_named(samples, message):
    with pytest.raises(ValueError, match=message):
        two_way_log_partition(RBM(4, 3), torch.zeros(5, 4), samples)


# ---------------------------------------------------------------- log likelihood


@given(seed=some_seed)
@settings(deadline=None, derandomize=True, max_examples=25)
def test_probabilities_of_all_images_sum_to_one(seed):
    rbm = random_rbm(8, 5, seed)
    log_p = log_likelihood(rbm, all_states(8), exact_log_partition(rbm))
    assert log_p.shape == (256,)
    assert log_p.exp().sum().item() == pytest.approx(1, rel=1e-12)


def test_log_likelihood_takes_an_estimate_or_a_number():
    rbm = random_rbm(8, 5, seed=0)
    z = LogPartition(12.5, 0.1, 12.2, 12.8, 80.0, 100)
    images = some_images(rbm, n=7)
    assert torch.equal(log_likelihood(rbm, images, z), log_likelihood(rbm, images, 12.5))
    both = two_way_log_partition(rbm, images, own_samples(rbm), n_temperatures=5)
    same = log_likelihood(rbm, images, both.value)
    assert torch.equal(log_likelihood(rbm, images, both), same)


def test_grey_images_are_refused_by_the_likelihood_and_taken_by_the_base_rates():
    rbm = random_rbm(6, 4, seed=0)
    grey = torch.full((5, 6), 0.5, dtype=torch.float64)
    with pytest.raises(ValueError, match="zeros and ones only.*torch.bernoulli"):
        log_likelihood(rbm, grey, 1.0)
    assert math.isfinite(annealed_log_partition(rbm, grey).value)


# ---------------------------------------------------------------- refused, with advice


def test_more_than_25_units_are_refused_with_a_reason():
    with pytest.raises(ValueError, match=r"26 hidden units.*2\^26 terms.*annealed_log_partition"):
        exact_log_partition(RBM(784, 26))
    with pytest.raises(ValueError, match="30 joint units"):
        exact_log_partition(RBM(20, 10), over="joint")
    assert exact_log_partition(random_rbm(3, 40, seed=0)) > 0  # the visible side is small


def test_a_side_that_does_not_exist_is_named():
    with pytest.raises(ValueError, match="'hidden', 'visible', 'joint', got 'hiden'"):
        exact_log_partition(RBM(4, 3), over="hiden")


@pytest.mark.parametrize("name", ["weight", "visible_bias", "hidden_bias"])
@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_model_that_diverged_has_no_log_z(name, value):
    rbm = random_rbm(4, 3, seed=0)
    getattr(rbm, name).view(-1)[0] = value
    for compute in (exact_log_partition, lambda r: annealed_log_partition(r, all_states(4))):
        with pytest.raises(ValueError, match="not finite.*smaller learning rate"):
            compute(rbm)


@pytest.mark.parametrize(
    "images, message",
    [
        (torch.zeros(5, 3), r"shape \(n, 4\), got \(5, 3\)"),
        (torch.zeros(4), r"shape \(n, 4\).*got \(4,\)"),
        ([[0, 0, 0, 0]], "images must be a tensor, got list"),
        (torch.zeros(0, 4), r"n of at least 1, got \(0, 4\)"),
        (torch.zeros(2, 4, dtype=torch.float64), "images is torch.float64.*weights are"),
        (torch.full((2, 4), math.nan), "images must be finite"),
        (torch.full((2, 4), 255.0), r"\[0, 1\].*got 255 to 255"),
    ],
)
def test_images_that_do_not_fit_are_named(images, message):
    rbm = RBM(4, 3)
    with pytest.raises((TypeError, ValueError), match=message):
        annealed_log_partition(rbm, images)
    with pytest.raises((TypeError, ValueError), match=message):
        log_likelihood(rbm, images, 1.0)


@pytest.mark.parametrize(
    "options, message",
    [
        ({"n_chains": 1}, "n_chains must be a whole number of 2 or more, got 1"),
        ({"n_chains": 2.5}, "n_chains must be a whole number of 2 or more, got 2.5"),
        ({"n_chains": True}, "n_chains must be a whole number of 2 or more, got True"),
        ({"seed": 1.5}, "seed must be a whole number of at most 64 bits, got 1.5"),
        ({"seed": True}, "seed must be a whole number"),
        ({"n_temperatures": True}, "whole number of 2 or more, or a sequence.*got True"),
        ({"n_temperatures": 1}, "whole number of 2 or more, or a sequence.*got 1: try 1000"),
        ({"n_temperatures": [0.1, 1.0]}, "rise from 0 to 1"),
        ({"n_temperatures": [0.0, 0.9]}, "rise from 0 to 1"),
        ({"n_temperatures": [0.0, 0.7, 0.6, 1.0]}, "rise from 0 to 1.*0.7, 0.6"),
        ({"n_temperatures": [0.0, math.nan, 1.0]}, "rise from 0 to 1"),
        ({"n_temperatures": []}, "rise from 0 to 1"),
        ({"n_temperatures": 10.0}, "whole number of 2 or more, or a sequence.*got 10.0"),
    ],
)
def test_options_that_make_no_sense_are_named(options, message):
    rbm = RBM(4, 3)
    with pytest.raises(ValueError, match=message):
        annealed_log_partition(rbm, all_states(4, torch.float32), **options)
