"""What torch is set to outside changes no bit of what a machine does."""

import contextlib

import pytest
import torch
from helpers.boltzmann import random_rbm
from helpers.states import strange_torch

from course_utils.boltzmann import (
    DBN,
    RBM,
    all_states,
    annealed_log_partition,
    exact_log_partition,
    log_likelihood,
)
from course_utils.networks import weight_layers


@contextlib.contextmanager
def other_seed():
    before = torch.get_rng_state()
    torch.manual_seed(99)
    try:
        yield
    finally:
        torch.set_rng_state(before)


STATES = {
    "no gradients": lambda: strange_torch(torch.float32),
    "inference": torch.inference_mode,
    "float64": lambda: strange_torch(torch.float64, gradients=True),
    "bfloat16": lambda: strange_torch(torch.bfloat16, gradients=True),
    "another global seed": other_seed,
}


def images(dtype):
    source = torch.Generator().manual_seed(0)
    return torch.randint(2, (60, 12), generator=source).to(dtype)


def rbm_results(folder, dtype, visible):
    v = images(dtype)
    if visible == "gaussian":
        v = (v - v.mean()) / v.std()
    rbm = RBM(12, 5, visible=visible, std=0.1, seed=3, dtype=dtype)
    options = {"lr": 0.01, "batch_size": 20, "log": None}
    history = rbm.fit(v, held_out=v[:20], epochs=2, sparsity=(0.1, 0.5), **options)
    rbm.fit(v.tolist(), epochs=1, persistent=True, k=2, **options)
    rbm.partial_fit(v.numpy(), persistent=True)
    rbm.save(folder / "rbm.pt")
    rbm = RBM.load(folder / "rbm.pt").to("cpu")
    yield from rbm.parameters()
    yield from (*rbm.learner.velocities, rbm.learner.chains, rbm.learner.particles)
    for column in (history.reconstruction_error, history.free_energy_gap):
        yield torch.tensor(column, dtype=torch.float64)
    h = rbm.sample_hidden(v, temperature=0.7)
    yield from (h, rbm.sample_visible(h), rbm.gibbs(v, 3), rbm.sample(4, 3), rbm.reconstruct(v))
    yield from (rbm.energy(v, h), rbm.free_energy(v), rbm.transform(v))
    yield torch.from_numpy(rbm.transform(v.tolist()))
    if visible == "bernoulli":
        yield from (rbm.pseudo_log_likelihood(v, exact=True), rbm.score_samples(v))
    z = annealed_log_partition(rbm, v, n_chains=30, n_temperatures=20, seed=1, log=None)
    for log_z in (exact_log_partition(rbm), z):
        yield log_likelihood(rbm, v, log_z)


def dbn_results(folder, dtype, visible):
    v = images(dtype)
    if visible == "gaussian":
        v = (v - v.mean()) / v.std()
    dbn = DBN([12, 7, 5, 4], visible=visible, std=0.1, seed=3, dtype=dtype)
    dbn.fit(v, held_out=v[:20], epochs=2, lr=0.01, batch_size=20, log=None)
    dbn.save(folder / "dbn.pt")
    dbn = DBN.load(folder / "dbn.pt").to("cpu")
    yield from (dbn.dream(3, 4), dbn.chains, dbn.transform(v), dbn.down(dbn.chains))
    for rbm in dbn.rbms:
        yield from rbm.parameters()
    network = dbn.to_network(3, std=0.5, generator=torch.Generator().manual_seed(0))
    for layer in weight_layers(network):
        assert layer.weight.requires_grad
        yield from (layer.weight.detach(), layer.bias.detach())
    yield network(v).detach()


@pytest.mark.filterwarnings("ignore:Only .* chains carry")
@pytest.mark.parametrize("visible", ["bernoulli", "gaussian"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("results", [rbm_results, dbn_results])
def test_results_are_bit_for_bit_the_same_whatever_torch_is_set_to(
    tmp_path, results, dtype, visible
):
    ordinary = list(results(tmp_path, dtype, visible))
    for name, state in STATES.items():
        with state():
            found = list(results(tmp_path, dtype, visible))
        assert len(found) == len(ordinary) > 10
        for number, (one, other) in enumerate(zip(found, ordinary, strict=True)):
            assert one.dtype == other.dtype and torch.equal(one, other), (name, number)


def test_functions_alone_are_the_same_too():
    rbm = random_rbm(6, 4)
    ordinary = exact_log_partition(rbm), all_states(4)
    for state in STATES.values():
        with state():
            assert exact_log_partition(rbm) == ordinary[0]
            assert torch.equal(all_states(4), ordinary[1]) and all_states(4).dtype == torch.float64
