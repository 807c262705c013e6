"""Training against the plain loop that it stands for, of a network alone and of ensembles."""

import copy
import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from helpers.progress import assert_shown_and_wiped_out, terminal_for_bars
from helpers.states import strange_torch
from helpers.toy import convolutional, fresh, members, toy, weights, with_dropout
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.datasets import load_digits
from torch import nn

from course_utils.networks import Ensemble
from course_utils.training import accuracy, fit


def by_hand(network, images, labels, epochs, optimizer, batch_size=20, seed=0):
    """The plain loop that fit stands for."""
    order = torch.Generator().manual_seed(seed)
    losses, hits = [], []
    network.train()
    for _ in range(epochs):
        rows = torch.randperm(len(images), generator=order)
        for start in range(0, len(images) - batch_size + 1, batch_size):
            chosen = rows[start : start + batch_size]
            scores = network(images[chosen])
            loss = F.cross_entropy(scores, labels[chosen])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
            hits.append((scores.argmax(1) == labels[chosen]).double().mean().item())
    return np.array(losses).reshape(epochs, -1), np.array(hits).reshape(epochs, -1)


@pytest.mark.parametrize("seed", [0, 3, np.int64(4)])
def test_fit_equals_a_plain_loop_bit_for_bit(seed):
    images, labels = toy()
    network, twin, other = fresh(), fresh(), fresh()
    history = fit(network, images, labels, epochs=3, batch_size=20, seed=seed, log=None)
    adam = torch.optim.Adam(twin.parameters(), lr=1e-3, fused=True)
    losses, hits = by_hand(twin, images, labels, 3, adam, seed=int(seed))
    fit(other, images, labels, epochs=3, batch_size=20, seed=seed + 1, log=None)
    assert not torch.equal(weights(network), weights(other))
    assert torch.equal(weights(network), weights(twin))
    assert history.step_losses.tolist() == losses.ravel().tolist()
    assert history.loss == pytest.approx(losses.mean(1), rel=1e-12)
    assert history.accuracy == pytest.approx(hits.mean(1), rel=1e-12)
    assert history.steps == 33 and history.outcome == "finished" and history.seconds > 0
    assert history.test_accuracy == ()


def test_the_same_seed_gives_the_same_bits_and_another_seed_does_not():
    images, labels = toy()

    def trained(seed, global_seed):
        network = with_dropout()
        torch.manual_seed(global_seed)
        fit(network, images, labels, epochs=2, batch_size=20, seed=seed, log=None)
        return weights(network)

    first = trained(1, 10)
    assert torch.equal(first, trained(1, 20))
    assert not torch.equal(first, trained(2, 10))


def test_the_global_random_state_is_left_as_found():
    torch.manual_seed(7)
    before = torch.get_rng_state()
    fit(with_dropout(), *toy(), batch_size=20, log=None)
    assert torch.equal(torch.get_rng_state(), before)


@given(
    n=st.integers(1, 60),
    batch_size=st.integers(1, 60),
    epochs=st.integers(1, 3),
    steps=st.none() | st.integers(1, 40),
)
@settings(max_examples=40, deadline=None)
def test_every_step_has_a_full_batch_and_no_image_twice_in_an_epoch(n, batch_size, epochs, steps):
    if batch_size > n:
        batch_size = n
    images = torch.arange(n, dtype=torch.float32)[:, None]
    batches = []

    class Spy(nn.Linear):
        def forward(self, x):
            batches.append(x[:, 0].int().tolist())
            return super().forward(x)

    history = fit(
        Spy(1, 2),
        images,
        torch.zeros(n, dtype=torch.int64),
        epochs=epochs,
        steps=steps,
        batch_size=batch_size,
        lr=1e-9,
        log=None,
    )
    per_epoch = n // batch_size
    total = steps or epochs * per_epoch
    assert len(batches) == history.steps == len(history.step_losses) == total
    assert len(history.loss) == len(history.accuracy) == math.ceil(total / per_epoch)
    for start in range(0, total, per_epoch):
        seen = sum(batches[start : start + per_epoch], [])
        assert len(seen) == len(set(seen)) == batch_size * len(batches[start : start + per_epoch])


def test_real_digits_are_learned_far_above_chance():
    digits = load_digits()
    images = torch.tensor(digits.data / 16, dtype=torch.float32)
    labels = torch.tensor(digits.target)
    history = fit(
        fresh(sizes=(64, 64, 10)),
        images[:1400],
        labels[:1400],
        test=(images[1400:], labels[1400:]),
        epochs=8,
        batch_size=20,
        lr=3e-3,
        log=None,
    )
    assert history.test_accuracy[-1] > 0.85
    assert history.loss[-1] < history.loss[0] / 2
    assert history.accuracy[-1] > history.accuracy[0]


def test_training_flags_come_back_as_found_and_gradients_are_cleared():
    images, labels = toy()
    network = with_dropout()
    network[3].eval()
    flags = [m.training for m in network.modules()]
    modes = []
    network[2].register_forward_hook(lambda module, *_: modes.append(module.training))
    fit(network, images, labels, test=(images, labels), batch_size=230, log=None)
    assert modes == [True, False]
    assert [m.training for m in network.modules()] == flags
    assert all(p.grad is None for p in network.parameters())


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_states_of_torch_change_nothing(dtype):
    """Gradients switched off, another dtype for new tensors: the training is the ordinary one."""
    images, labels = toy()
    images, networks = images.to(dtype), [fresh().to(dtype) for _ in range(2)]

    def trained(network):
        fit(network, images, labels, batch_size=20, log=None)
        return weights(network), accuracy(network, images, labels)

    with strange_torch():
        strange, found = trained(networks[0])
    ordinary, wanted = trained(networks[1])
    assert torch.equal(strange, ordinary) and found == wanted
    assert not torch.equal(ordinary, weights(fresh().to(dtype)))


def test_frozen_weights_stay():
    network = fresh()
    network[0].weight.requires_grad_(False)
    before = network[0].weight.clone(), network[0].bias.clone()
    fit(network, *toy(), batch_size=20, log=None)
    assert torch.equal(network[0].weight, before[0])
    assert not torch.equal(network[0].bias, before[1])


def test_the_progress_bar_wipes_itself_out(monkeypatch):
    screen = terminal_for_bars(monkeypatch)
    fit(fresh(), *toy(), batch_size=20)
    assert_shown_and_wiped_out(screen, "11/11")


def test_without_a_log_there_is_no_bar_and_no_word(monkeypatch, capsys):
    screen = terminal_for_bars(monkeypatch)
    rate = {"optimizer": lambda p: torch.optim.SGD(p, lr=1e30)}
    assert fit(fresh(), *toy(), batch_size=20, log=None, **rate).outcome == "diverged"
    assert screen.getvalue() == capsys.readouterr().out == ""


def test_a_short_training_writes_nothing(capfd):
    fit(fresh(), *toy(), batch_size=20)
    assert capfd.readouterr() == ("", "")


def test_accuracy_counts_in_evaluation_mode_whatever_the_batch_size():
    images, labels = toy()
    network = with_dropout()
    network.train()
    expected = (network.eval()(images).argmax(1) == labels).double().mean().item()
    network.train()
    for batch_size in (1, 7, 230, 1000):
        assert accuracy(network, images, labels, batch_size) == expected
    assert network.training and network[2].training


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"epochs": 0}, ValueError, "epochs must be a whole number of at least 1, got 0"),
        ({"steps": 0}, ValueError, "steps must be a whole number of at least 1, got 0"),
        ({"steps": 2.5}, ValueError, "steps must be a whole number"),
        ({"batch_size": 0}, ValueError, "batch_size must be a whole number"),
        ({"batch_size": 231}, ValueError, "batch_size 231 is more than the 230 images"),
        ({"lr": 0}, ValueError, "lr must be a positive finite number, got 0"),
        ({"lr": math.inf}, ValueError, "lr must be a positive finite number, got inf"),
        ({"lr": -1.0}, ValueError, "lr must be a positive finite number, got -1.0"),
        ({"lr": math.nan}, ValueError, "lr must be a positive finite number, got nan"),
        ({"optimizer": "adam"}, TypeError, "optimizer must make one"),
        ({"optimizer": lambda p: None}, TypeError, "optimizer must make one"),
        ({"test": toy()[0]}, TypeError, "test must be a pair"),
        ({"test": toy()[0][:2]}, TypeError, "test must be a pair"),
        ({"test": (*toy(), None)}, TypeError, "test must be a pair"),
        ({"test": (toy()[0], toy()[1][:5])}, ValueError, "need the same n"),
    ],
)
def test_impossible_options_are_named(options, error, words):
    network = fresh()
    before = weights(network)
    with pytest.raises(error, match=words):
        fit(network, *toy(), log=None, **options)
    assert torch.equal(weights(network), before)


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        (lambda x, y: (x.numpy(), y), TypeError, r"got ndarray: try torch.as_tensor\(images\)"),
        (lambda x, y: (x, y.tolist()), TypeError, r"got list: try torch.as_tensor\(labels\)"),
        (lambda x, y: (x[:0], y[:0]), ValueError, "n >= 1"),
        (lambda x, y: (x[:9], y), ValueError, r"got \(9, 8\) and \(230,\)"),
        (lambda x, y: (x, y.float()), ValueError, r"torch.float32 \(230,\): try labels.long"),
        (lambda x, y: (x, F.one_hot(y)), ValueError, r"\(230, 3\): try labels.argmax\(1\)$"),
        (lambda x, y: (x, y[:, None]), ValueError, r"\(230, 1\): try labels.flatten\(\)$"),
        (lambda x, y: (x, y - 1), ValueError, r"\(230,\), the least -1: count the classes from 0"),
        (lambda x, y: (x.double(), y), ValueError, r"images.to\(torch.float32\)"),
        (lambda x, y: (x.byte(), y), ValueError, "the images torch.uint8 on cpu"),
        (lambda x, y: ((x * 99).byte(), y), ValueError, r"\.to\('cpu'\) / 255, and labels"),
    ],
)
def test_data_that_do_not_fit_are_named(change, error, words):
    with pytest.raises(error, match=words):
        fit(fresh(), *change(*toy()), log=None)
    with pytest.raises(error, match=words):
        accuracy(fresh(), *change(*toy()))


@pytest.mark.parametrize("many", [1, 2])
def test_a_label_without_a_score_is_named_before_anything_is_learned(many):
    images, labels = toy()
    nets = [fresh(seed=i) for i in range(many)]
    network = nets[0] if many == 1 else Ensemble(nets)
    before = [weights(net) for net in nets]
    high = labels.clone()
    high[-1] = 7
    for options, name in (
        ({"labels": high}, "labels"),
        ({"labels": labels, "test": (images, high)}, "test labels"),
    ):
        with pytest.raises(ValueError, match=f"^{name} must be from 0 to 2, .* got up to 7: count"):
            fit(network, images, steps=3, log=None, **options)
    assert all(torch.equal(weights(net), old) for net, old in zip(nets, before, strict=True))
    assert fit(
        network, images, high, steps=1, log=None, loss=lambda s, y: s.sum()
    )  # others may take any labels


def test_the_state_of_torch_around_it_does_not_matter():
    images, labels = toy()
    plain, strange = fresh(), fresh()
    fit(plain, images, labels, steps=5, log=None)
    with torch.inference_mode(), torch.device("meta"):
        fit(strange, images, labels, steps=5, log=None)
    assert torch.equal(weights(plain), weights(strange))


def test_what_was_made_in_inference_mode_is_named():
    with torch.inference_mode():
        images, labels = toy()
        network = fresh()
    with pytest.raises(ValueError, match="the network cannot learn, made in inference mode"):
        fit(network, images, labels, log=None)
    with pytest.raises(ValueError, match="the images cannot learn, made in inference mode"):
        fit(fresh(), images, labels, log=None)
    assert accuracy(network, images, labels) == accuracy(fresh(), *toy())  # nothing learns there
    fit(fresh(), *toy(), test=(images, labels), steps=1, log=None)


def test_the_global_generator_is_left_alone_where_nothing_is_drawn_from_it():
    images, labels = toy()
    torch.manual_seed(8)
    before, seen = torch.get_rng_state(), []
    fit(
        fresh(),
        images,
        labels,
        steps=2,
        log=None,
        after_step=lambda *_: seen.append(torch.get_rng_state()),
    )
    assert all(torch.equal(state, before) for state in seen) and len(seen) == 2


def test_after_each_step_the_loss_of_its_batch_is_handed_out_without_a_gradient():
    seen, (images, labels) = [], toy()
    options = {"epochs": 2, "batch_size": 20, "log": None}
    options["after_step"] = lambda step, loss: seen.append((step, loss))
    history = fit(fresh(), images, labels, **options)
    assert [step for step, _ in seen] == list(range(1, 23))
    assert all(loss.shape == () and not loss.requires_grad for _, loss in seen)
    assert torch.equal(torch.stack([loss for _, loss in seen]), history.step_losses)
    seen.clear()
    histories = fit(Ensemble(members(3)), images, labels, **options)
    assert all(loss.shape == (3,) and not loss.requires_grad for _, loss in seen)
    columns = torch.stack([loss for _, loss in seen], 1)  # (members, steps)
    assert torch.equal(columns, torch.stack([h.step_losses for h in histories]))


@pytest.mark.parametrize("make", [lambda: members(4), lambda: [convolutional(i) for i in (1, 2)]])
@pytest.mark.parametrize("optimizer", [None, lambda p: torch.optim.SGD(p, lr=0.3, momentum=0.5)])
def test_every_member_ends_as_if_trained_alone(make, optimizer):
    nets, (images, labels) = [network.double() for network in make()], toy(dtype=torch.float64)
    options = {"epochs": 3, "batch_size": 20, "lr": 0.01, "seed": 4, "optimizer": optimizer}
    options |= {"test": (images[:50], labels[:50]), "log": None}
    alone = [copy.deepcopy(network) for network in nets]
    single = [fit(network, images, labels, **options) for network in alone]
    before = [weights(network) for network in nets]
    together = fit(Ensemble(nets), images, labels, **options)
    for network, twin, old in zip(nets, alone, before, strict=True):
        torch.testing.assert_close(weights(network), weights(twin), rtol=1e-9, atol=1e-10)
        assert (weights(network) - old).abs().max() > 0.01
    for a, b in zip(together, single, strict=True):
        torch.testing.assert_close(a.step_losses, b.step_losses)
        assert a.loss == pytest.approx(b.loss) and a.accuracy == b.accuracy
        assert a.test_accuracy == b.test_accuracy
        assert (a.steps, a.outcome) == (b.steps, b.outcome) == (33, "finished")


def test_members_with_a_loss_of_their_own_end_as_if_trained_alone():
    nets, (images, _) = [n.double() for n in members(3, sizes=(8, 16, 8))], toy(dtype=torch.float64)
    alone = [copy.deepcopy(network) for network in nets]
    options = {"loss": F.mse_loss, "steps": 15, "batch_size": 20, "log": None}
    together = fit(Ensemble(nets), images, images, **options)
    for network, twin, history in zip(nets, alone, together, strict=True):
        single = fit(twin, images, images, **options)
        torch.testing.assert_close(weights(network), weights(twin), rtol=1e-9, atol=1e-10)
        torch.testing.assert_close(history.step_losses, single.step_losses)
        assert history.step_losses.dtype == torch.float64


def test_without_a_word_a_step_has_a_hundred_images():
    assert fit(fresh(), *toy(), log=None).steps == 2  # of 230 images


def test_single_precision_members_agree_within_rounding():
    nets, (images, labels) = members(), toy()
    alone = [copy.deepcopy(network) for network in nets]
    fit(Ensemble(nets), images, labels, epochs=2, batch_size=20, log=None)
    for network, twin in zip(nets, alone, strict=True):
        fit(twin, images, labels, epochs=2, batch_size=20, log=None)
        torch.testing.assert_close(weights(network), weights(twin), rtol=1e-3, atol=1e-5)


def test_accuracy_of_an_ensemble_is_that_of_each_member():
    nets, (images, labels) = members(3), toy()
    assert accuracy(Ensemble(nets), images, labels) == [
        accuracy(network, images, labels) for network in nets
    ]


def test_frozen_weights_of_an_ensemble_stay():
    nets, (images, labels) = members(2), toy()
    for network in nets:
        network[0].weight.requires_grad_(False)
    before = [network[0].weight.clone() for network in nets]
    fit(Ensemble(nets), images, labels, steps=3, batch_size=20, log=None)
    for network, old in zip(nets, before, strict=True):
        torch.testing.assert_close(network[0].weight, old, rtol=0, atol=0)
