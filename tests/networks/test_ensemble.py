"""An ensemble against its members alone: what it computes, what it takes back, what it refuses."""

import pytest
import torch
from helpers.toy import convolutional, members, toy, weights
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from course_utils.networks import ACTIVATIONS, Ensemble, mlp


@settings(max_examples=25, deadline=None)
@given(
    st.integers(1, 5),
    st.lists(st.integers(1, 9), min_size=1, max_size=4),
    st.sampled_from(list(ACTIVATIONS)),
    st.booleans(),
)
def test_an_ensemble_computes_what_its_members_compute(count, hidden, activation, bias):
    nets = members(count, (8, *hidden, 3), activation, torch.float64, bias=bias)
    images, _ = toy(20, dtype=torch.float64)
    ensemble = Ensemble(nets)
    assert ensemble.plain and len(ensemble) == count
    expected = torch.stack([network(images) for network in nets])
    torch.testing.assert_close(ensemble(images), expected)


def test_other_architectures_take_the_way_of_vmap():
    nets = [convolutional(seed) for seed in range(3)]
    images, _ = toy(20)
    ensemble = Ensemble(nets)
    assert not ensemble.plain
    torch.testing.assert_close(ensemble(images), torch.stack([m(images) for m in nets]))


def test_images_of_more_dimensions_go_through_linear_layers_as_they_do_alone():
    nets, x = members(2, (8, 5, 3)), torch.randn(6, 4, 8)
    expected = torch.stack([network(x) for network in nets])  # (members, 6, 4, 3)
    torch.testing.assert_close(Ensemble(nets)(x), expected)


def test_both_ways_agree_on_a_plain_network():
    ensemble, (images, _) = Ensemble(members()), toy(20)
    by_products = ensemble(images)
    ensemble.plain = False
    torch.testing.assert_close(ensemble(images), by_products)


def test_the_networks_are_not_touched_until_the_ensemble_is_unstacked():
    nets = members(2)
    before = [weights(network) for network in nets]
    ensemble = Ensemble(nets)
    with torch.no_grad():
        for parameter in ensemble.parameters():
            parameter.add_(1.0)
    assert all(torch.equal(weights(n), old) for n, old in zip(nets, before, strict=True))
    assert ensemble.unstack_() is ensemble.networks
    for network, old in zip(nets, before, strict=True):
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
        Ensemble(bad)


def test_one_network_twice_is_refused():
    network = mlp([8, 3])
    with pytest.raises(ValueError, match="member 1 stands in the list twice"):
        Ensemble([network, network])


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_torchs_global_state_changes_nothing_in_an_ensemble(dtype):
    nets, (images, _) = [convolutional(seed) for seed in range(2)], toy(20)
    ordinary = Ensemble(nets)
    try:
        torch.set_grad_enabled(False)
        torch.set_default_dtype(dtype)
        ensemble = Ensemble(nets)
        scores = ensemble(images)
    finally:
        torch.set_grad_enabled(True)
        torch.set_default_dtype(torch.float32)
    assert torch.equal(scores, ordinary(images)) and scores.dtype == torch.float32
    for one, other in zip(ensemble.parameters(), ordinary.parameters(), strict=True):
        assert torch.equal(one, other) and one.requires_grad
