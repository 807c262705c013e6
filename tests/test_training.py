from __future__ import annotations

import io
import math
import sys

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.datasets import load_digits
from torch import nn

from course_utils import training
from course_utils.networks import mlp
from course_utils.training import accuracy, fit


def toy(n=230, classes=3, dtype=torch.float32):
    generator = torch.Generator().manual_seed(5)
    images = torch.randn(n, 8, generator=generator).to(dtype)
    return images, (images[:, :classes]).argmax(1)


def fresh(seed=3, sizes=(8, 16, 3), dtype=torch.float32):
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return mlp(list(sizes), "relu").to(dtype)


def with_dropout(seed=3):
    plain = fresh(seed)
    return nn.Sequential(plain[0], plain[1], nn.Dropout(0.5), nn.BatchNorm1d(16), plain[2])


def weights(network):
    return torch.cat([p.detach().ravel() for p in network.parameters()])


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


def test_fit_equals_a_plain_loop_bit_for_bit():
    images, labels = toy()
    network, twin = fresh(), fresh()
    history = fit(network, images, labels, epochs=3, batch_size=20, progress=False)
    adam = torch.optim.Adam(twin.parameters(), lr=1e-3, fused=True)
    losses, hits = by_hand(twin, images, labels, 3, adam)
    assert torch.equal(weights(network), weights(twin))
    assert history.step_losses.tolist() == losses.ravel().tolist()
    assert history.loss == pytest.approx(losses.mean(1), rel=1e-12)
    assert history.accuracy == pytest.approx(hits.mean(1), rel=1e-12)
    assert history.steps == 33 and history.outcome == "finished" and history.seconds > 0
    assert history.test_accuracy == ()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("channels_last", [False, True])
def test_the_lean_adam_is_torchs_fused_adam_bit_for_bit_on_convolutions(dtype, channels_last):
    def network():
        torch.manual_seed(0)
        net = nn.Sequential(nn.Conv2d(2, 4, 3), nn.Tanh(), nn.Flatten(), nn.Linear(64, 3)).to(dtype)
        return net.to(memory_format=torch.channels_last) if channels_last else net

    images = torch.rand(60, 2, 6, 6, dtype=dtype)
    labels = torch.arange(60) % 3
    lean, full = network(), network()
    fit(lean, images, labels, epochs=4, batch_size=10, lr=0.01, progress=False)
    fit(
        full,
        images,
        labels,
        epochs=4,
        batch_size=10,
        progress=False,
        optimizer=lambda p: torch.optim.Adam(p, lr=0.01, fused=True),
    )
    assert torch.equal(weights(lean), weights(full))


def test_weights_that_get_a_gradient_only_now_and_then_are_stepped_as_torch_does():
    class Sometimes(nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.b, self.never = nn.Linear(8, 3), nn.Linear(8, 3), nn.Linear(2, 2)
            self.calls = 0

        def forward(self, x):
            self.calls += 1
            return self.a(x) + (self.b(x) if self.calls % 3 == 0 else 0)

    def trained(optimizer):
        torch.manual_seed(0)
        network = Sometimes()
        fit(network, *toy(), epochs=2, batch_size=20, optimizer=optimizer, progress=False)
        return weights(network)

    assert torch.equal(trained(None), trained(lambda p: torch.optim.Adam(p, lr=1e-3, fused=True)))


def test_the_same_seed_gives_the_same_bits_and_another_seed_does_not():
    images, labels = toy()

    def trained(seed, global_seed):
        network = with_dropout()
        torch.manual_seed(global_seed)
        fit(network, images, labels, epochs=2, batch_size=20, seed=seed, progress=False)
        return weights(network)

    first = trained(1, 10)
    assert torch.equal(first, trained(1, 20))
    assert not torch.equal(first, trained(2, 10))


def test_the_global_random_state_is_left_as_found():
    torch.manual_seed(7)
    before = torch.get_rng_state()
    fit(with_dropout(), *toy(), batch_size=20, progress=False)
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
        progress=False,
    )
    per_epoch = n // batch_size
    total = steps or epochs * per_epoch
    assert len(batches) == history.steps == len(history.step_losses) == total
    assert len(history.loss) == len(history.accuracy) == math.ceil(total / per_epoch)
    for start in range(0, total, per_epoch):
        seen = sum(batches[start : start + per_epoch], [])
        assert len(seen) == len(set(seen)) == batch_size * len(batches[start : start + per_epoch])


def test_test_accuracy_is_measured_after_each_epoch_also_one_cut_short():
    images, labels = toy()
    network = with_dropout()
    history = fit(
        network, images, labels, test=(images, labels), steps=15, batch_size=20, progress=False
    )
    assert len(history.test_accuracy) == len(history.loss) == 2
    assert history.test_accuracy[-1] == accuracy(network, images, labels)
    assert history.step_losses[11:].mean().item() == pytest.approx(history.loss[1], rel=1e-6)


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
        progress=False,
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
    fit(network, images, labels, test=(images, labels), batch_size=230, progress=False)
    assert modes == [True, False]
    assert [m.training for m in network.modules()] == flags
    assert all(p.grad is None for p in network.parameters())


def test_training_works_where_gradients_are_switched_off():
    network = fresh()
    before = weights(network)
    with torch.no_grad():
        fit(network, *toy(), batch_size=20, progress=False)
    assert not torch.equal(weights(network), before)


def test_frozen_weights_stay():
    network = fresh()
    network[0].weight.requires_grad_(False)
    before = network[0].weight.clone(), network[0].bias.clone()
    fit(network, *toy(), batch_size=20, progress=False)
    assert torch.equal(network[0].weight, before[0])
    assert not torch.equal(network[0].bias, before[1])


@pytest.mark.parametrize("stop", [1, 7, 11, 13])
def test_an_interrupt_keeps_exactly_the_updates_that_were_done(stop, capsys):
    images, labels = toy()
    network, twin = with_dropout(), with_dropout()
    network.eval()
    rng = torch.get_rng_state()

    def press_the_stop_button(step):
        if step == stop:
            raise KeyboardInterrupt

    options = dict(batch_size=20, progress=False, test=(images, labels))
    history = fit(network, images, labels, epochs=5, after_step=press_the_stop_button, **options)
    fit(twin, images, labels, steps=stop, **options)
    assert history.outcome == "interrupted"
    assert history.steps == len(history.step_losses) == stop
    assert capsys.readouterr().out.splitlines() == [
        f"Interrupted after {stop} step{'s' * (stop > 1)}: the network keeps what it has learned."
    ]
    assert torch.equal(weights(network), weights(twin))
    assert len(history.test_accuracy) == len(history.loss) == math.ceil(stop / 11)
    assert math.isnan(history.test_accuracy[-1])
    assert not network.training and torch.equal(torch.get_rng_state(), rng)
    assert 0 <= accuracy(network, images, labels) <= 1


def test_an_interrupt_during_forward_or_test_leaves_a_whole_history(capsys):
    images, labels = toy()

    class Interrupted(nn.Sequential):
        calls = 0

        def forward(self, x):
            self.calls += 1
            if self.calls == self.at:
                raise KeyboardInterrupt
            return super().forward(x)

    for at, steps, epochs in ((1, 0, 0), (5, 4, 1), (12, 11, 1), (13, 11, 1), (14, 12, 2)):
        network = Interrupted(*fresh())
        network.at = at
        history = fit(
            network,
            images,
            labels,
            test=(images, labels),
            epochs=3,
            batch_size=20,
            progress=False,
        )
        assert (history.outcome, history.steps) == ("interrupted", steps), at
        columns = (history.loss, history.accuracy, history.test_accuracy)
        assert [len(column) for column in columns] == [epochs] * 3, at
        assert weights(network).isfinite().all()


@pytest.mark.parametrize("watch", ["every step, as on a CPU", "every 50 steps, as on a GPU"])
def test_a_loss_that_is_not_finite_stops_the_training_and_is_named(watch, capsys, monkeypatch):
    if "GPU" in watch:
        init = training._Run.__init__

        def rarely(self, *args):
            init(self, *args)
            self.watch = 50

        monkeypatch.setattr(training._Run, "__init__", rarely)
    images, labels = toy()
    network = fresh()
    updates = []

    def poison(step):
        updates.append(step)
        if step == 14:
            with torch.no_grad():
                network[2].bias.fill_(math.nan)

    history = fit(
        network,
        images,
        labels,
        test=(images, labels),
        epochs=50,
        batch_size=20,
        progress=False,
        after_step=poison,
    )
    assert history.outcome == "diverged" and history.steps == 15
    assert history.step_losses[:14].isfinite().all() and history.step_losses[14].isnan()
    assert len(updates) == (14 if "CPU" in watch else 22)  # on a GPU, to the end of the epoch
    assert len(history.loss) == 2 and math.isnan(history.test_accuracy[1])
    assert capsys.readouterr().out == (
        "Stopped at step 15: the loss is nan. Try a smaller learning rate, or weights of smaller "
        "variance.\n"
    )


def test_a_huge_learning_rate_really_diverges(capsys):
    network = fresh()
    history = fit(
        network,
        *toy(),
        epochs=5,
        batch_size=20,
        progress=False,
        optimizer=lambda p: torch.optim.SGD(p, lr=1e30),
    )
    assert history.outcome == "diverged" and history.steps < 10
    assert "Stopped at step" in capsys.readouterr().out


def test_another_loss_with_other_labels_has_no_accuracy():
    images, _ = toy()
    network = fresh(sizes=(8, 8))
    history = fit(network, images, images, loss=F.mse_loss, epochs=30, progress=False)
    assert history.loss[-1] < history.loss[0]
    assert all(math.isnan(a) for a in history.accuracy)


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_the_progress_bar_wipes_itself_out(monkeypatch):
    screen = Terminal()
    monkeypatch.setattr(sys, "stderr", screen)
    bar = training.tqdm
    monkeypatch.setattr(training, "tqdm", lambda **kw: bar(**kw | {"delay": 0, "mininterval": 0}))
    fit(fresh(), *toy(), batch_size=20)
    assert "11/11" in screen.getvalue()
    assert screen.getvalue().endswith("\r") and not screen.getvalue().split("\r")[-2].strip()


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
        ({"lr": -1.0}, ValueError, "lr must be a positive finite number, got -1.0"),
        ({"lr": math.nan}, ValueError, "lr must be a positive finite number, got nan"),
        ({"optimizer": "adam"}, TypeError, "optimizer must make one"),
        ({"optimizer": lambda p: None}, TypeError, "optimizer must make one"),
        ({"test": toy()[0]}, TypeError, "test must be a pair"),
        ({"test": (toy()[0], toy()[1][:5])}, ValueError, "need the same n"),
    ],
)
def test_impossible_options_are_named(options, error, words):
    network = fresh()
    before = weights(network)
    with pytest.raises(error, match=words):
        fit(network, *toy(), progress=False, **options)
    assert torch.equal(weights(network), before)


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        (lambda x, y: (x.numpy(), y), TypeError, r"got ndarray: try torch.as_tensor\(images\)"),
        (lambda x, y: (x, y.tolist()), TypeError, r"got list: try torch.as_tensor\(labels\)"),
        (lambda x, y: (x[:0], y[:0]), ValueError, "n >= 1"),
        (lambda x, y: (x[:9], y), ValueError, r"got \(9, 8\) and \(230,\)"),
        (lambda x, y: (x, y.float()), ValueError, r"torch.float32 \(230,\): try labels.long"),
        (lambda x, y: (x, F.one_hot(y)), ValueError, r"got torch.int64 \(230, 3\)"),
        (lambda x, y: (x, y - 1), ValueError, "classes 0, 1"),
        (lambda x, y: (x.double(), y), ValueError, r"images.to\(torch.float32\)"),
        (lambda x, y: (x.byte(), y), ValueError, "the images torch.uint8 on cpu"),
    ],
)
def test_data_that_do_not_fit_are_named(change, error, words):
    with pytest.raises(error, match=words):
        fit(fresh(), *change(*toy()), progress=False)
    with pytest.raises(error, match=words):
        accuracy(fresh(), *change(*toy()))


def test_a_network_without_weights_to_train_is_named():
    network = fresh().requires_grad_(False)
    with pytest.raises(ValueError, match="no weights to train"):
        fit(network, *toy(), progress=False)


def test_what_stopped_a_training_is_told_where_the_caller_wants(capsys):
    images, labels = toy()
    heard = []

    def stop(_):
        raise KeyboardInterrupt

    fit(fresh(), images, labels, progress=False, after_step=stop, tell=heard.append)
    assert heard == ["Interrupted after 1 step: the network keeps what it has learned."]
    assert capsys.readouterr().out == ""


def test_the_global_generator_is_left_alone_where_nothing_is_drawn_from_it():
    images, labels = toy()
    torch.manual_seed(8)
    before, seen = torch.get_rng_state(), []
    fit(
        fresh(),
        images,
        labels,
        steps=2,
        progress=False,
        after_step=lambda _: seen.append(torch.get_rng_state()),
    )
    assert all(torch.equal(state, before) for state in seen) and len(seen) == 2
