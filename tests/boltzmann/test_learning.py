"""The learning step against scikit-learn, autograd, and enumeration of tiny models."""

import math

import numpy as np
import pytest
import torch
from helpers.boltzmann import all_states, random_rbm
from sklearn.neural_network import BernoulliRBM

from course_utils.boltzmann import RBM
from course_utils.boltzmann.learning import check_learning


def binary(n, n_visible, seed=0):
    return torch.from_numpy(np.random.RandomState(seed).randint(0, 2, (n, n_visible)).astype(float))


def update_of(rbm, v, **options):
    """What one step at rate 1 adds to each parameter, which is put back."""
    before = [p.clone() for p in rbm.parameters()]
    rbm.partial_fit(v, lr=1.0, **options)
    update = [new - old for new, old in zip(rbm.parameters(), before, strict=True)]
    for parameter, old in zip(rbm.parameters(), before, strict=True):
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
    """Stands for ``Tensor.uniform_``: hands out prepared uniforms, or records those it draws."""

    def __init__(self, monkeypatch, prepared=()):
        self.prepared, self.shapes = list(prepared), []
        draw = torch.Tensor.uniform_

        def uniform_(out, *, generator):
            self.shapes.append(tuple(out.shape))
            if self.prepared:
                return out.copy_(torch.as_tensor(self.prepared.pop(0)))
            return draw(out, generator=generator)

        monkeypatch.setattr(torch.Tensor, "uniform_", uniform_)


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
    draws = Draws(monkeypatch, [1.0 - theirs.h_samples_])
    for _ in batch_sizes:
        draws.prepared += [uniforms.uniform(size=(10, 8)), uniforms.uniform(size=(10, 5))]
    ours.start_chains(torch.zeros(10, 8, dtype=torch.float64))
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
    rbm = random_rbm(6, 4, visible=visible)
    v0 = binary(9, 6)
    if persistent:
        rbm.partial_fit(v0, lr=0.0, persistent=True)
        rbm.partial_fit(v0[:5], lr=0.0, persistent=True)  # 5 images beside 9 chains
        v0 = v0[:5]
    generator_state = rbm.generator.get_state()
    chains, particles = rbm.learner.chains, rbm.learner.particles
    update = update_of(rbm, v0, k=k, persistent=True)  # so that the chains' ends can be seen
    v1 = rbm.learner.chains
    if not persistent:  # the same step as CD: the first step of PCD is one
        rbm.generator.set_state(generator_state)
        rbm.learner.chains, rbm.learner.particles = chains, particles
        for first, second in zip(update, update_of(rbm, v0, k=k), strict=True):
            assert torch.equal(first, second)
    for parameter in rbm.parameters():
        parameter.requires_grad_()
    difference = rbm.free_energy(v0).mean() - rbm.free_energy(v1).mean()
    gradient = torch.autograd.grad(-difference, rbm.parameters())
    for mine, exact in zip(update, gradient, strict=True):
        assert (mine - exact).abs().max() < 1e-12


def test_the_likelihoods_gradient_is_data_moments_minus_model_moments():
    rbm, data = random_rbm(), binary(20, 4)
    v = all_states(4)
    for parameter in rbm.parameters():
        parameter.requires_grad_()
    log_z = (-rbm.free_energy(v)).logsumexp(0)
    gradient = torch.autograd.grad((-rbm.free_energy(data) - log_z).mean(), rbm.parameters())
    with torch.no_grad():
        weights = (-rbm.free_energy(v) - log_z).exp()[:, None]
        h = rbm.hidden_given_visible(v)
        of_model = [h.T @ (weights * v), (weights * v).sum(0), (weights * h).sum(0)]
        of_data = moments(data, rbm.hidden_given_visible(data))
    for exact, a, b in zip(gradient, of_data, of_model, strict=True):
        assert (exact - (a - b)).abs().max() < 1e-12


def test_the_gibbs_chain_leaves_the_model_as_it_is():
    rbm = random_rbm()
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
    rbm, v0 = random_rbm(), binary(3, 4)
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
    rbm, zeros = random_rbm(), torch.zeros(500, 4, dtype=torch.float64)
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
    rbm, v0, draws = random_rbm(6, 4), binary(9, 6), Draws(monkeypatch)
    rbm.partial_fit(v0, k=2)
    assert draws.shapes == [(9, 4), (9, 6), (9, 4), (9, 6)]  # h, v, h, v: and no more
    draws.shapes.clear()
    rbm.partial_fit(v0, persistent=True)
    assert set(rbm.learner.chains.unique().tolist()) == {0.0, 1.0}
    draws.shapes.clear()
    rbm.partial_fit(v0, k=2, persistent=True)
    assert draws.shapes == [(9, 6), (9, 4), (9, 6), (9, 4)]  # the last for the step to come


def test_chains_persist_and_go_on_from_where_they_are(monkeypatch):
    rbm, v0 = random_rbm(6, 4), binary(9, 6)
    rbm.partial_fit(v0, persistent=True)
    particles = rbm.learner.particles
    mean = rbm.visible_given_hidden(particles)
    Draws(monkeypatch, [torch.full((9, 6), 0.5)])  # v = 1 where its probability is over one half
    rbm.partial_fit(1 - v0, lr=0.0, persistent=True)
    assert torch.equal(rbm.learner.chains, (mean > 0.5).double())


def test_cd_leaves_the_persistent_chains_alone():
    rbm, v0 = random_rbm(6, 4), binary(9, 6)
    rbm.partial_fit(v0, persistent=True)
    chains = rbm.learner.chains.clone()
    rbm.partial_fit(v0)
    assert torch.equal(rbm.learner.chains, chains)


def test_momentum_repeats_a_part_of_the_last_update():
    rbm, v0 = random_rbm(6, 4), binary(9, 6)
    first = update_of(rbm, v0)
    state = rbm.generator.get_state()
    second = update_of(rbm, v0, momentum=0.5)
    rbm.generator.set_state(state)
    plain = update_of(rbm, v0)
    for a, b, c in zip(first, second, plain, strict=True):
        assert (b - (0.5 * a + c)).abs().max() < 1e-14


def test_decay_shrinks_the_weights_and_not_the_biases():
    rbm, v0 = random_rbm(6, 4), binary(9, 6)
    state = rbm.generator.get_state()
    plain = update_of(rbm, v0)
    rbm.generator.set_state(state)
    decayed = update_of(rbm, v0, weight_decay=0.01)
    assert (decayed[0] - (plain[0] - 0.01 * rbm.weight)).abs().max() < 1e-14
    assert torch.equal(decayed[1], plain[1]) and torch.equal(decayed[2], plain[2])


@pytest.mark.parametrize("lr", [0.25, 1.0])
def test_the_rate_multiplies_all_that_a_step_adds(lr):
    one, other, v0 = random_rbm(6, 4), random_rbm(6, 4), binary(9, 6)
    options = {"weight_decay": 0.01, "sparsity": (0.1, 2.0), "momentum": 0.5}
    before = [p.clone() for p in one.parameters()]
    one.partial_fit(v0, lr=1.0, **options)
    other.partial_fit(v0, lr=lr, **options)
    for start, whole, part in zip(before, one.parameters(), other.parameters(), strict=True):
        assert (lr * (whole - start) - (part - start)).abs().max() < 1e-14


def test_a_step_does_not_depend_on_the_sizes_of_the_step_before():
    fresh, used, v0 = random_rbm(6, 4), random_rbm(6, 4), binary(9, 6)
    for rbm in (fresh, used):
        rbm.partial_fit(v0, lr=0.0, persistent=True)  # 9 chains
    state = used.generator.get_state()
    used.partial_fit(v0[:5], lr=0.0, persistent=True)  # 5 images above 9 chains: 14 rows
    used.generator.set_state(state)
    for rbm in (fresh, used):
        rbm.partial_fit(v0[:7])  # 7 images above 7 chains: 14 rows, too
    assert all(map(torch.equal, fresh.parameters(), used.parameters()))


@pytest.mark.parametrize("k", [1, 4, 7])
def test_a_chain_takes_as_many_steps_as_it_is_told(monkeypatch, k):
    rbm, draws = random_rbm(6, 4), Draws(monkeypatch)
    rbm.partial_fit(binary(9, 6), k=k)
    assert draws.shapes == [(9, 4), (9, 6)] * k
    rbm.partial_fit(binary(9, 6), persistent=True)
    draws.shapes.clear()
    rbm.partial_fit(binary(9, 6), k=k, persistent=True)
    assert draws.shapes == [(9, 6), (9, 4)] * k


def test_sparsity_adds_its_term_to_weights_and_hidden_biases_only():
    rbm, v0 = random_rbm(6, 4), binary(9, 6)
    state = rbm.generator.get_state()
    plain = update_of(rbm, v0)
    rbm.generator.set_state(state)
    sparse = update_of(rbm, v0, sparsity=(0.1, 2.0))
    push = 2.0 * (0.1 - rbm.hidden_given_visible(v0).mean(0))  # (n_hidden,)
    assert (sparse[0] - plain[0] - torch.outer(push, v0.mean(0))).abs().max() < 1e-14
    assert torch.equal(sparse[1], plain[1])
    assert (sparse[2] - plain[2] - push).abs().max() < 1e-14


@pytest.mark.parametrize("persistent", [False, True])
@pytest.mark.parametrize("visible", ["bernoulli", "gaussian"])
def test_bfloat16_products_take_nearly_the_same_steps_of_full_weights(visible, persistent):
    v, moved = binary(5000, 12).float(), []
    for products in (torch.float32, torch.bfloat16):
        rbm = RBM(12, 8, std=0.5, visible=visible)
        rbm.learner.compute_dtype = products
        before = [p.clone() for p in rbm.parameters()]
        options = {"momentum": 0.9, "weight_decay": 0.01, "persistent": persistent}
        for _ in range(3):
            rbm.partial_fit(v, lr=0.2, **options)
        assert {p.dtype for p in rbm.parameters()} == {torch.float32}
        assert (rbm.learner.chains is not None) == persistent
        assert not persistent or rbm.learner.chains.dtype == torch.float32
        moved.append([new - old for new, old in zip(rbm.parameters(), before, strict=True)])
    for full, rounded in zip(*moved, strict=True):
        assert 0 < (full - rounded).norm() < 0.03 * full.norm()


def test_products_of_another_precision_are_refused_in_words():
    rbm = random_rbm()
    weight = rbm.weight.clone()
    rbm.learner.compute_dtype = torch.float16
    with pytest.raises(ValueError, match="torch.float64, as the weights, or torch.bfloat16, got"):
        rbm.partial_fit(binary(5, 4))
    assert torch.equal(rbm.weight, weight) and rbm.learner.steps == 0


def test_weights_that_are_not_finite_are_noticed_with_words():
    rbm, v0 = random_rbm(), binary(5, 4)
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
        random_rbm().partial_fit(binary(5, 4), **wrong)
