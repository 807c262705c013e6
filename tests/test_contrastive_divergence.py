"""The learning step against scikit-learn, autograd, and enumeration of tiny models."""

import itertools
import math

import numpy as np
import pytest
import torch
from sklearn.neural_network import BernoulliRBM

from course_utils import contrastive_divergence
from course_utils.contrastive_divergence import check_learning, sample_bernoulli, sample_gaussian
from course_utils.rbm import RBM


def all_states(n):
    return torch.tensor(list(itertools.product((0.0, 1.0), repeat=n)), dtype=torch.float64)


def tiny(n_visible=4, n_hidden=3, *, seed=0, visible="bernoulli"):
    rbm = RBM(n_visible, n_hidden, std=0.8, seed=seed, visible=visible, dtype=torch.float64)
    source = torch.Generator().manual_seed(seed + 100)
    rbm.visible_bias.normal_(generator=source)
    rbm.hidden_bias.normal_(generator=source)
    return rbm


def parameters(rbm):
    return [rbm.weight, rbm.visible_bias, rbm.hidden_bias]


def binary(n, n_visible, seed=0):
    return torch.from_numpy(np.random.RandomState(seed).randint(0, 2, (n, n_visible)).astype(float))


def update_of(rbm, v, **options):
    """What one step at rate 1 adds to each parameter, which is put back."""
    before = [p.clone() for p in parameters(rbm)]
    rbm.partial_fit(v, lr=1.0, **options)
    update = [new - old for new, old in zip(parameters(rbm), before, strict=True)]
    for parameter, old in zip(parameters(rbm), before, strict=True):
        parameter.copy_(old)
    return update


def moments(v, h):
    """Means of h vᵀ, v and h over the rows."""
    return [h.T @ v / len(v), v.mean(0), h.mean(0)]


def transition_matrix(rbm):
    """Probability of each visible state (columns) one Gibbs step after each (rows)."""
    v, h = all_states(rbm.weight.shape[1]), all_states(rbm.weight.shape[0])
    up, down = rbm.hidden_given_visible(v), rbm.visible_given_hidden(h)
    to_hidden = (h[None] * up[:, None] + (1 - h[None]) * (1 - up[:, None])).prod(-1)
    to_visible = (v[None] * down[:, None] + (1 - v[None]) * (1 - down[:, None])).prod(-1)
    return to_hidden @ to_visible


class Draws:
    """Stands for ``uniform_``: hands out prepared uniforms, or records those that it draws."""

    def __init__(self, prepared=()):
        self.prepared, self.shapes = list(prepared), []

    def __call__(self, out, generator):
        self.shapes.append(tuple(out.shape))
        if self.prepared:
            return out.copy_(torch.as_tensor(self.prepared.pop(0)))
        return out.uniform_(generator=generator)


@pytest.mark.parametrize("batch_sizes", [(10,) * 5, (10, 7, 10, 3, 10)], ids=["even", "uneven"])
def test_five_steps_of_pcd_are_scikit_learns_with_the_same_uniforms(monkeypatch, batch_sizes):
    theirs = BernoulliRBM(5, learning_rate=0.3, batch_size=10, random_state=0)
    data = np.random.RandomState(1).randint(0, 2, (50, 8)).astype(float)
    theirs.random_state_ = np.random.RandomState(7)
    theirs.components_ = np.random.RandomState(2).normal(0, 1, (5, 8))
    theirs.intercept_hidden_ = np.random.RandomState(3).normal(0, 1, 5)
    theirs.intercept_visible_ = np.random.RandomState(4).normal(0, 1, 8)
    theirs.h_samples_ = np.random.RandomState(5).randint(0, 2, (10, 5)).astype(float)
    ours = RBM(8, 5, dtype=torch.float64)
    ours.weight.copy_(torch.from_numpy(theirs.components_))
    ours.hidden_bias.copy_(torch.from_numpy(theirs.intercept_hidden_))
    ours.visible_bias.copy_(torch.from_numpy(theirs.intercept_visible_))
    uniforms = np.random.RandomState(7)
    # one draw that makes the chains' hidden states those of scikit-learn, then its own order
    draws = Draws([1.0 - theirs.h_samples_])
    for _ in batch_sizes:
        draws.prepared += [uniforms.uniform(size=(10, 8)), uniforms.uniform(size=(10, 5))]
    monkeypatch.setattr(contrastive_divergence, "uniform_", draws)
    ours.chains = torch.zeros(10, 8, dtype=torch.float64)
    rows = np.split(data, np.cumsum(batch_sizes))
    for batch, size in zip(rows, batch_sizes, strict=False):
        before = theirs.components_.copy()
        # scikit-learn divides both sums by the number of images, also that of the chains
        if size == 10:
            theirs.partial_fit(batch)
        else:
            scaled_step(theirs, batch)
        ours.partial_fit(torch.from_numpy(batch), lr=0.3, persistent=True)
        assert np.abs(theirs.components_ - before).max() > 1e-3
        for mine, their in (
            (ours.weight, theirs.components_),
            (ours.hidden_bias, theirs.intercept_hidden_),
            (ours.visible_bias, theirs.intercept_visible_),
        ):
            assert (mine - torch.from_numpy(their)).abs().max() < 1e-12
    assert not draws.prepared


def scaled_step(theirs, batch):
    """scikit-learn's step, but with the chains' mean in place of their sum over the batch size."""
    rng, rate = theirs.random_state_, theirs.learning_rate
    h_pos = theirs._mean_hiddens(batch)
    v_neg = theirs._sample_visibles(theirs.h_samples_, rng).astype(float)
    h_neg = theirs._mean_hiddens(v_neg)
    n, m = len(batch), len(v_neg)
    theirs.components_ += rate * (h_pos.T @ batch / n - h_neg.T @ v_neg / m)
    theirs.intercept_hidden_ += rate * (h_pos.mean(0) - h_neg.mean(0))
    theirs.intercept_visible_ += rate * (batch.mean(0) - v_neg.mean(0))
    theirs.h_samples_ = (rng.uniform(size=h_neg.shape) < h_neg).astype(float)


@pytest.mark.parametrize("visible", ["bernoulli", "gaussian"])
@pytest.mark.parametrize("k", [1, 3])
@pytest.mark.parametrize("persistent", [False, True])
def test_the_update_is_minus_the_gradient_of_the_free_energy_difference(visible, k, persistent):
    rbm = tiny(6, 4, visible=visible)
    v0 = binary(9, 6)
    if persistent:
        rbm.partial_fit(v0, lr=0.0, persistent=True)
        rbm.partial_fit(v0[:5], lr=0.0, persistent=True)  # 5 images beside 9 chains
        v0 = v0[:5]
    generator_state = rbm.generator.get_state()
    chains, particles = rbm._learner.chains, rbm._learner.particles
    update = update_of(rbm, v0, k=k, persistent=True)  # so that the chains' ends can be seen
    v1 = rbm.chains
    if not persistent:  # the same step as CD: the first step of PCD is one
        rbm.generator.set_state(generator_state)
        rbm._learner.chains, rbm._learner.particles = chains, particles
        for first, second in zip(update, update_of(rbm, v0, k=k), strict=True):
            assert torch.equal(first, second)
    for parameter in parameters(rbm):
        parameter.requires_grad_()
    difference = rbm.free_energy(v0).mean() - rbm.free_energy(v1).mean()
    gradient = torch.autograd.grad(-difference, parameters(rbm))
    for mine, exact in zip(update, gradient, strict=True):
        assert (mine - exact).abs().max() < 1e-12


def test_the_likelihoods_gradient_is_data_moments_minus_model_moments():
    rbm, data = tiny(), binary(20, 4)
    v = all_states(4)
    for parameter in parameters(rbm):
        parameter.requires_grad_()
    log_z = (-rbm.free_energy(v)).logsumexp(0)
    gradient = torch.autograd.grad((-rbm.free_energy(data) - log_z).mean(), parameters(rbm))
    with torch.no_grad():
        weights = (-rbm.free_energy(v) - log_z).exp()[:, None]
        h = rbm.hidden_given_visible(v)
        of_model = [h.T @ (weights * v), (weights * v).sum(0), (weights * h).sum(0)]
        of_data = moments(data, rbm.hidden_given_visible(data))
    for exact, a, b in zip(gradient, of_data, of_model, strict=True):
        assert (exact - (a - b)).abs().max() < 1e-12


def test_the_gibbs_chain_leaves_the_model_as_it_is():
    rbm = tiny()
    p = (-rbm.free_energy(all_states(4))).softmax(0)
    transition = transition_matrix(rbm)
    flow = p[:, None] * transition
    assert (transition.sum(1) - 1).abs().max() < 1e-12
    assert (p @ transition - p).abs().max() < 1e-12  # stationary
    assert (flow - flow.T).abs().max() < 1e-12  # detailed balance


def standard_errors(draw, exact, repeats):
    """How many standard errors the mean of ``draw()`` is from ``exact``, at worst."""
    values = torch.stack([torch.cat([x.flatten() for x in draw()]) for _ in range(repeats)])
    error = values.std(0) / math.sqrt(repeats)
    exact = torch.cat([x.flatten() for x in exact])
    assert error.max() < 0.02 and (values.std(0) > 0).all()
    return ((values.mean(0) - exact) / error).abs().max().item()


@pytest.mark.parametrize("k", [1, 2])
def test_the_mean_of_cd_is_its_exact_expectation(k):
    rbm, v0 = tiny(), binary(3, 4)
    ends = torch.linalg.matrix_power(transition_matrix(rbm), k)
    places = (v0 @ torch.tensor([8.0, 4, 2, 1], dtype=torch.float64)).long()
    v, p = all_states(4), ends[places].mean(0)[:, None]  # of the chains' ends
    h = rbm.hidden_given_visible(v)
    positive = moments(v0, rbm.hidden_given_visible(v0))
    negative = [h.T @ (p * v), (p * v).sum(0), (p * h).sum(0)]
    exact = [a - b for a, b in zip(positive, negative, strict=True)]
    many = v0.repeat(200, 1)
    assert standard_errors(lambda: update_of(rbm, many, k=k), exact, 100) < 4.5


def test_persistent_chains_reach_the_model_and_do_not_stay_at_the_data():
    rbm, zeros = tiny(), torch.zeros(500, 4, dtype=torch.float64)
    for _ in range(30):
        rbm.partial_fit(zeros, lr=0.0, persistent=True)
    v = all_states(4)
    p = (-rbm.free_energy(v)).softmax(0)[:, None]
    h = rbm.hidden_given_visible(v)
    of_model = [h.T @ (p * v), (p * v).sum(0), (p * h).sum(0)]
    of_data = moments(zeros[:1], rbm.hidden_given_visible(zeros[:1]))
    exact = [a - b for a, b in zip(of_data, of_model, strict=True)]

    def draw():  # several steps apart: nearly independent
        for _ in range(3):
            rbm.partial_fit(zeros, lr=0.0, persistent=True)
        return update_of(rbm, zeros, persistent=True)

    assert standard_errors(draw, exact, 100) < 4.5


def test_what_drives_the_chain_is_drawn_and_the_last_hidden_step_is_not(monkeypatch):
    rbm, v0, draws = tiny(6, 4), binary(9, 6), Draws()
    monkeypatch.setattr(contrastive_divergence, "uniform_", draws)
    rbm.partial_fit(v0, k=2)
    assert draws.shapes == [(9, 4), (9, 6), (9, 4), (9, 6)]  # h, v, h, v: and no more
    draws.shapes.clear()
    rbm.partial_fit(v0, persistent=True)
    assert set(rbm.chains.unique().tolist()) == {0.0, 1.0}
    draws.shapes.clear()
    rbm.partial_fit(v0, k=2, persistent=True)
    assert draws.shapes == [(9, 6), (9, 4), (9, 6), (9, 4)]  # the last for the step to come


def test_chains_persist_and_go_on_from_where_they_are(monkeypatch):
    rbm, v0 = tiny(6, 4), binary(9, 6)
    rbm.partial_fit(v0, persistent=True)
    particles = rbm._learner.particles
    mean = rbm.visible_given_hidden(particles)
    draws = Draws([torch.full((9, 6), 0.5)])  # v = 1 where its probability is over one half
    monkeypatch.setattr(contrastive_divergence, "uniform_", draws)
    rbm.partial_fit(1 - v0, lr=0.0, persistent=True)
    assert torch.equal(rbm.chains, (mean > 0.5).double())


def test_cd_leaves_the_persistent_chains_alone():
    rbm, v0 = tiny(6, 4), binary(9, 6)
    rbm.partial_fit(v0, persistent=True)
    chains = rbm.chains.clone()
    rbm.partial_fit(v0)
    assert torch.equal(rbm.chains, chains)


def test_momentum_repeats_a_part_of_the_last_update():
    rbm, v0 = tiny(6, 4), binary(9, 6)
    first = update_of(rbm, v0)
    state = rbm.generator.get_state()
    second = update_of(rbm, v0, momentum=0.5)
    rbm.generator.set_state(state)
    plain = update_of(rbm, v0)
    for a, b, c in zip(first, second, plain, strict=True):
        assert (b - (0.5 * a + c)).abs().max() < 1e-14


def test_decay_shrinks_the_weights_and_not_the_biases():
    rbm, v0 = tiny(6, 4), binary(9, 6)
    state = rbm.generator.get_state()
    plain = update_of(rbm, v0)
    rbm.generator.set_state(state)
    decayed = update_of(rbm, v0, weight_decay=0.01)
    assert (decayed[0] - (plain[0] - 0.01 * rbm.weight)).abs().max() < 1e-14
    assert torch.equal(decayed[1], plain[1]) and torch.equal(decayed[2], plain[2])


def test_sparsity_adds_its_term_to_weights_and_hidden_biases_only():
    rbm, v0 = tiny(6, 4), binary(9, 6)
    state = rbm.generator.get_state()
    plain = update_of(rbm, v0)
    rbm.generator.set_state(state)
    sparse = update_of(rbm, v0, sparsity=(0.1, 2.0))
    push = 2.0 * (0.1 - rbm.hidden_given_visible(v0).mean(0))  # (n_hidden,)
    assert (sparse[0] - plain[0] - torch.outer(push, v0.mean(0))).abs().max() < 1e-14
    assert torch.equal(sparse[1], plain[1])
    assert (sparse[2] - plain[2] - push).abs().max() < 1e-14


def test_bernoulli_and_gaussian_draws_have_their_means_and_deviations():
    generator = torch.Generator().manual_seed(0)
    p = torch.tensor([0.0, 0.1, 0.5, 0.9, 1.0]).expand(40_000, 5)
    ones = sample_bernoulli(p, generator)
    assert set(ones.unique().tolist()) == {0.0, 1.0}
    assert (ones.mean(0) - p[0]).abs().max() < 0.01
    assert ones[:, 0].sum() == 0 and ones[:, 4].all()
    reals = sample_gaussian(3 * p, generator, std=2.0)
    assert (reals.mean(0) - 3 * p[0]).abs().max() < 0.05
    assert (reals.std(0) - 2).abs().max() < 0.03


def test_bfloat16_draws_keep_small_probabilities():
    p = torch.full((1_000_000,), 1e-3, dtype=torch.bfloat16)
    ones = sample_bernoulli(p, torch.Generator().manual_seed(0))
    assert ones.dtype == torch.bfloat16 and set(ones.unique().tolist()) == {0.0, 1.0}
    assert abs(ones.float().sum().item() - 1e6 * p[0].item()) < 5 * math.sqrt(1000)


@pytest.mark.parametrize("persistent", [False, True])
@pytest.mark.parametrize("visible", ["bernoulli", "gaussian"])
def test_bfloat16_products_take_nearly_the_same_steps_of_full_weights(visible, persistent):
    v, moved = binary(5000, 12).float(), []
    for products in (torch.float32, torch.bfloat16):
        rbm = RBM(12, 8, std=0.5, visible=visible)
        rbm.products = products
        before = [p.clone() for p in parameters(rbm)]
        options = {"momentum": 0.9, "weight_decay": 0.01, "persistent": persistent}
        for _ in range(3):
            rbm.partial_fit(v, lr=0.2, **options)
        assert {p.dtype for p in parameters(rbm)} == {torch.float32}
        assert (rbm.chains is not None) == persistent
        assert not persistent or rbm.chains.dtype == torch.float32
        moved.append([new - old for new, old in zip(parameters(rbm), before, strict=True)])
    for full, rounded in zip(*moved, strict=True):
        assert 0 < (full - rounded).norm() < 0.03 * full.norm()


def test_products_of_another_precision_are_refused_in_words():
    with pytest.raises(ValueError, match="torch.float64, as the weights, or torch.bfloat16, got"):
        tiny().products = torch.float16


def test_weights_that_are_not_finite_are_noticed_with_words():
    rbm, v0 = tiny(), binary(5, 4)
    rbm.weight[0, 0] = math.nan
    with pytest.raises(FloatingPointError, match="step 1: the weights are no longer finite"):
        rbm.partial_fit(v0)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"k": 0}, "k must be a whole number of at least 1, got 0"),
        ({"k": 1.5}, "k must be a whole number"),
        ({"k": True}, "k must be a whole number"),
        ({"lr": -0.1}, "lr must be a finite number, 0 or more, got -0.1"),
        ({"lr": math.nan}, "lr must be"),
        ({"lr": "fast"}, "lr must be a finite number, 0 or more, got 'fast'"),
        ({"momentum": 1.0}, "momentum must be a finite number, from 0 to less than 1"),
        ({"momentum": -0.1}, "momentum must be"),
        ({"weight_decay": math.inf}, "weight_decay must be"),
        ({"sparsity": 0.1}, "sparsity must be None or a pair"),
        ({"sparsity": (0.1,)}, "sparsity must be None or a pair"),
        ({"sparsity": (1.0, 1.0)}, "the target of sparsity must be"),
        ({"sparsity": (0.1, -1.0)}, "the cost of sparsity must be"),
    ],
)
def test_options_without_sense_are_refused_in_words(wrong, words):
    options = {"lr": 0.1, "k": 1, "momentum": 0.0, "weight_decay": 0.0, "sparsity": None}
    check_learning(**options)
    with pytest.raises(ValueError, match=words):
        check_learning(**(options | wrong))
    with pytest.raises(ValueError, match=words):
        tiny().partial_fit(binary(5, 4), **wrong)
