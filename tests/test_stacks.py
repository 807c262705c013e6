"""A stack against its members alone: forward, training, divergence, interrupts, refusals."""

import copy
import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from course_utils.initializers import initialize_
from course_utils.networks import ACTIVATIONS, mlp
from course_utils.stacks import Stack
from course_utils.training import accuracy, fit


def toy(n=230, classes=3, dtype=torch.float32):
    generator = torch.Generator().manual_seed(5)
    images = torch.randn(n, 8, generator=generator).to(dtype)
    return images, images[:, :classes].argmax(1)


def networks(count=4, sizes=(8, 16, 12, 3), activation="relu", dtype=torch.float32, **options):
    made = [mlp(list(sizes), activation, **options).to(dtype) for _ in range(count)]
    for i, network in enumerate(made):
        initialize_(network, "pytorch_default", generator=torch.Generator().manual_seed(i))
    return made


def convolutional(seed):
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return nn.Sequential(
            nn.Unflatten(1, (1, 2, 4)), nn.Conv2d(1, 3, 2), nn.Tanh(), nn.Flatten(), nn.Linear(9, 3)
        )


def weights(network):
    return torch.cat([p.detach().ravel() for p in network.parameters()])


@settings(max_examples=25, deadline=None)
@given(
    st.integers(1, 5),
    st.lists(st.integers(1, 9), min_size=1, max_size=4),
    st.sampled_from(list(ACTIVATIONS)),
    st.booleans(),
)
def test_a_stack_computes_what_its_members_compute(count, hidden, activation, bias):
    members = networks(count, (8, *hidden, 3), activation, torch.float64, bias=bias)
    images, _ = toy(20, dtype=torch.float64)
    stack = Stack(members)
    assert stack.plain and len(stack) == count
    expected = torch.stack([network(images) for network in members])
    torch.testing.assert_close(stack(images), expected)


def test_other_architectures_take_the_way_of_vmap():
    members = [convolutional(seed) for seed in range(3)]
    images, _ = toy(20)
    stack = Stack(members)
    assert not stack.plain
    torch.testing.assert_close(stack(images), torch.stack([m(images) for m in members]))


def test_images_of_more_dimensions_go_through_linear_layers_as_they_do_alone():
    members, x = networks(2, (8, 5, 3)), torch.randn(6, 4, 8)
    expected = torch.stack([network(x) for network in members])  # (members, 6, 4, 3)
    torch.testing.assert_close(Stack(members)(x), expected)


def test_both_ways_agree_on_a_plain_stack():
    stack, (images, _) = Stack(networks()), toy(20)
    by_products = stack(images)
    stack.plain = False
    torch.testing.assert_close(stack(images), by_products)


@pytest.mark.parametrize("make", [lambda: networks(4), lambda: [convolutional(i) for i in (1, 2)]])
@pytest.mark.parametrize("optimizer", [None, lambda p: torch.optim.SGD(p, lr=0.3, momentum=0.5)])
def test_every_member_ends_as_if_trained_alone(make, optimizer):
    members, (images, labels) = [network.double() for network in make()], toy(dtype=torch.float64)
    options = {"epochs": 3, "batch_size": 20, "lr": 0.01, "seed": 4, "optimizer": optimizer}
    options |= {"test": (images[:50], labels[:50]), "progress": False}
    alone = [copy.deepcopy(network) for network in members]
    single = [fit(network, images, labels, **options) for network in alone]
    before = [weights(network) for network in members]
    together = fit(Stack(members), images, labels, **options)
    for network, twin, old in zip(members, alone, before, strict=True):
        torch.testing.assert_close(weights(network), weights(twin), rtol=1e-9, atol=1e-10)
        assert (weights(network) - old).abs().max() > 0.01
    for a, b in zip(together, single, strict=True):
        torch.testing.assert_close(a.step_losses, b.step_losses)
        assert a.loss == pytest.approx(b.loss) and a.accuracy == b.accuracy
        assert a.test_accuracy == b.test_accuracy
        assert (a.steps, a.outcome) == (b.steps, b.outcome) == (33, "finished")


def test_single_precision_members_agree_within_rounding():
    members, (images, labels) = networks(), toy()
    alone = [copy.deepcopy(network) for network in members]
    fit(Stack(members), images, labels, epochs=2, batch_size=20, progress=False)
    for network, twin in zip(members, alone, strict=True):
        fit(twin, images, labels, epochs=2, batch_size=20, progress=False)
        torch.testing.assert_close(weights(network), weights(twin), rtol=1e-3, atol=1e-5)


def test_a_member_that_diverges_keeps_its_last_weights_and_the_others_go_on(capsys):
    members, (images, labels) = networks(3), toy()
    with torch.no_grad():
        for parameter in members[1].parameters():
            parameter.mul_(1e20)
    alone = [copy.deepcopy(network) for network in members]
    options = {"epochs": 2, "batch_size": 20, "progress": False, "test": (images, labels)}
    single = [fit(network, images, labels, **options) for network in alone]
    capsys.readouterr()
    together = fit(Stack(members), images, labels, **options)
    printed = capsys.readouterr().out
    assert printed.startswith("Network 1: Stopped at step 1") and printed.count("\n") == 1
    assert [h.outcome for h in together] == ["finished", "diverged", "finished"]
    assert math.isnan(together[1].test_accuracy[0]) and len(together[1].test_accuracy) == 1
    for network, twin, a, b in zip(members, alone, together, single, strict=True):
        torch.testing.assert_close(weights(network), weights(twin), rtol=1e-3, atol=1e-5)
        assert (a.steps, a.outcome) == (b.steps, b.outcome)


def test_a_stack_of_which_all_diverge_stops_at_once(capsys):
    members, (images, labels) = networks(2), toy()
    with torch.no_grad():
        for parameter in (p for network in members for p in network.parameters()):
            parameter.mul_(1e20)
    histories = fit(Stack(members), images, labels, epochs=5, batch_size=20, progress=False)
    assert [(h.steps, h.outcome) for h in histories] == [(1, "diverged")] * 2
    assert capsys.readouterr().out.count("Stopped at step 1") == 2


def test_an_interrupt_gives_every_network_what_it_has_learned(capsys):
    def interrupt(step):
        if step == 7:
            raise KeyboardInterrupt

    members, (images, labels) = networks(2), toy()
    alone = [copy.deepcopy(network) for network in members]
    options = {"batch_size": 20, "progress": False}
    histories = fit(Stack(members), images, labels, epochs=3, after_step=interrupt, **options)
    assert [(h.steps, h.outcome) for h in histories] == [(7, "interrupted")] * 2
    for network, twin in zip(members, alone, strict=True):
        fit(twin, images, labels, steps=7, **options)
        torch.testing.assert_close(weights(network), weights(twin), rtol=1e-3, atol=1e-5)


def test_accuracy_of_a_stack_is_that_of_each_member():
    members, (images, labels) = networks(3), toy()
    assert accuracy(Stack(members), images, labels) == [
        accuracy(network, images, labels) for network in members
    ]


def test_frozen_weights_stay():
    members, (images, labels) = networks(2), toy()
    for network in members:
        network[0].weight.requires_grad_(False)
    before = [network[0].weight.clone() for network in members]
    fit(Stack(members), images, labels, steps=3, batch_size=20, progress=False)
    for network, old in zip(members, before, strict=True):
        torch.testing.assert_close(network[0].weight, old, rtol=0, atol=0)


def test_the_networks_are_not_touched_until_the_stack_is_unstacked():
    members = networks(2)
    before = [weights(network) for network in members]
    stack = Stack(members)
    with torch.no_grad():
        for parameter in stack.parameters():
            parameter.add_(1.0)
    assert all(torch.equal(weights(n), old) for n, old in zip(members, before, strict=True))
    assert stack.unstack_() is stack.networks
    for network, old in zip(members, before, strict=True):
        torch.testing.assert_close(weights(network), old + 1)


@pytest.mark.parametrize(
    ("bad", "error", "words"),
    [
        ([], ValueError, "at least one network"),
        ([nn.Linear(2, 2), "no"], TypeError, "member 1 must be a torch.nn.Module, got str"),
        ([mlp([8, 4, 3]), mlp([8, 5, 3])], ValueError, "one architecture.*member 1"),
        ([mlp([8, 3]), mlp([8, 3]).double()], ValueError, "one architecture"),
        ([nn.Sequential(nn.Linear(3, 3), nn.Dropout(0.5))], ValueError, "Dropout.*one by one"),
        ([nn.Sequential(nn.Linear(3, 3), nn.BatchNorm1d(3))], ValueError, "BatchNorm1d"),
    ],
)
def test_what_cannot_be_stacked_is_refused_in_words(bad, error, words):
    with pytest.raises(error, match="(?s)" + words):
        Stack(bad)


def test_one_network_twice_is_refused():
    network = mlp([8, 3])
    with pytest.raises(ValueError, match="member 1 stands in the list twice"):
        Stack([network, network])
