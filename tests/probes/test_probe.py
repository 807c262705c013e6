from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from course_utils.networks import ACTIVATIONS, mlp, weight_layers
from course_utils.probes import Probe
from course_utils.probes.probe import KINDS

BY_HAND = {  # activation and slope, written out
    "linear": (lambda z: z, np.ones_like),
    "tanh": (np.tanh, lambda z: 1 - np.tanh(z) ** 2),
    "sigmoid": (
        lambda z: 1 / (1 + np.exp(-z)),
        lambda z: np.exp(-z) / (1 + np.exp(-z)) ** 2,
    ),
    "relu": (lambda z: np.maximum(z, 0), lambda z: (z > 0).astype(float)),
}


def network_and_batch(activation="tanh", sizes=(6, 5, 4, 3), batch=7):
    torch.manual_seed(1)
    network = mlp(list(sizes), activation).double()
    return (
        network,
        torch.randn(batch, sizes[0], dtype=torch.float64),
        torch.arange(batch) % sizes[-1],
    )


def record(network, images, labels):
    with Probe(network) as probe:
        F.cross_entropy(network(images), labels).backward()
    return probe


def hook_count(network):
    kinds = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")
    return sum(len(getattr(m, kind)) for m in network.modules() for kind in kinds)


@pytest.mark.parametrize("name", list(BY_HAND))
def test_three_layers_equal_a_forward_and_backward_written_by_hand(name):
    network, images, labels = network_and_batch(name)
    probe = record(network, images, labels)
    phi, slope = BY_HAND[name]
    layers = weight_layers(network)
    w = [layer.weight.detach().numpy() for layer in layers]
    b = [layer.bias.detach().numpy() for layer in layers]
    z0 = images.numpy() @ w[0].T + b[0]
    z1 = phi(z0) @ w[1].T + b[1]
    z2 = phi(z1) @ w[2].T + b[2]
    softmax = np.exp(z2) / np.exp(z2).sum(1, keepdims=True)
    d2 = (softmax - np.eye(3)[labels.numpy()]) / len(images)
    dh1 = d2 @ w[2]
    d1 = dh1 * slope(z1)
    dh0 = d1 @ w[1]
    d0 = dh0 * slope(z0)
    expected = {
        "pre_activation": [z0, z1, z2],
        "activation": [phi(z0), phi(z1), z2],
        "gradient": [d0, d1, d2],
        "activation_gradient": [dh0, dh1, d2],
        "weight_gradient": [d0.T @ images.numpy(), d1.T @ phi(z0), d2.T @ phi(z1)],
    }
    assert set(expected) == set(KINDS)
    for kind, arrays in expected.items():
        for got, want in zip(probe.values(kind), arrays, strict=True):
            np.testing.assert_allclose(got.numpy(), want, rtol=1e-12, atol=1e-14)
        np.testing.assert_allclose(probe.means(kind), [a.mean() for a in arrays], atol=1e-13)
        np.testing.assert_allclose(probe.stds(kind), [a.std() for a in arrays], rtol=1e-10)
        np.testing.assert_allclose(
            probe.mean_squares(kind), [(a**2).mean() for a in arrays], rtol=1e-10
        )


@pytest.mark.parametrize("inplace", [False, True])
def test_a_convolutional_network_equals_its_functions_called_one_by_one(inplace):
    torch.manual_seed(0)
    network = nn.Sequential(
        nn.Sequential(nn.Conv2d(1, 3, 3), nn.ReLU(inplace=inplace), nn.MaxPool2d(2)),
        nn.Conv2d(3, 4, 3),
        nn.Tanh(),
        nn.Flatten(),
        nn.Linear(64, 10),
    ).double()
    images, labels = torch.rand(5, 1, 14, 14, dtype=torch.float64), torch.arange(5)
    probe = record(network, images, labels)
    conv1, conv2, linear = weight_layers(network)
    z1 = conv1(images)
    h1 = z1.relu()
    z2 = conv2(F.max_pool2d(h1, 2))
    h2 = z2.tanh()
    z3 = linear(h2.flatten(1))
    loss = F.cross_entropy(z3, labels)
    assert probe.layer_names == ["0.0", "1", "4"]
    for kind, tensors in {"pre_activation": (z1, z2, z3), "activation": (h1, h2, z3)}.items():
        for got, want in zip(probe.values(kind), tensors, strict=True):
            torch.testing.assert_close(got, want)
        name = "gradient" if kind == "pre_activation" else "activation_gradient"
        gradients = torch.autograd.grad(loss, tensors, retain_graph=True)
        for got, want in zip(probe.values(name), gradients, strict=True):
            torch.testing.assert_close(got, want)


@pytest.mark.parametrize("name", list(ACTIVATIONS))
def test_outputs_and_gradients_are_bit_for_bit_the_same_without_the_probe(name):
    network, images, labels = network_and_batch(name)
    twin = copy.deepcopy(network)
    with Probe(network) as probe:
        output = network(images)
        F.cross_entropy(output, labels).backward()
        probe.summary()
    expected = twin(images)
    F.cross_entropy(expected, labels).backward()
    assert torch.equal(output, expected)
    for p, q in zip(network.parameters(), twin.parameters(), strict=True):
        assert torch.equal(p.grad, q.grad) and torch.equal(p, q)
        assert p.requires_grad
    assert not images.requires_grad
    assert all(not t.requires_grad for kind in KINDS for t in probe.values(kind))


def test_a_normalization_in_between_belongs_to_the_pre_activation():
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 2)).double()
    images = torch.randn(64, 4, dtype=torch.float64)
    with Probe(network) as probe:
        network(images).square().sum().backward()
    z = network[1](network[0](images))
    loss = network[3](z.relu()).square().sum()
    torch.testing.assert_close(probe.values("pre_activation")[0], z)
    torch.testing.assert_close(probe.values("gradient")[0], torch.autograd.grad(loss, z)[0])


def test_a_layer_called_twice_makes_two_records_in_order():
    class Twice(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer, self.act = nn.Linear(3, 3), nn.Tanh()

        def forward(self, x):
            return self.act(self.layer(self.act(self.layer(x))))

    network, x = Twice(), torch.randn(5, 3)
    with Probe(network) as probe:
        out = network(x)
    assert probe.layer_names == ["layer", "layer (call 2)"]
    first, second = probe.values("activation")
    assert torch.equal(first, network.layer(x).tanh()) and torch.equal(second, out)


def test_an_activation_of_your_own_is_seen_and_a_bare_layer_is_linear():
    class Sine(nn.Module):
        def forward(self, z):
            return z.sin()

    network, x = nn.Sequential(nn.Linear(3, 4), Sine(), nn.Linear(4, 2)), torch.randn(5, 3)
    with Probe(network) as probe:
        network(x)
    hidden, output = probe.values("activation")
    assert torch.equal(hidden, network[0](x).sin())
    assert torch.equal(output, probe.values("pre_activation")[1])
    with Probe(network[0]) as probe:
        network[0](x)
    assert probe.layer_names == ["Linear"] and len(probe.values("activation")) == 1


def test_dropout_in_place_does_not_overwrite_the_recorded_activation():
    network = nn.Sequential(nn.Linear(9, 9), nn.ReLU(), nn.Dropout(0.5, inplace=True))
    x = torch.randn(20, 9)
    with Probe(network) as probe:
        network(x)
    assert torch.equal(probe.values("activation")[0], network[0](x).relu())


def test_what_a_function_overwrites_inside_the_network_is_kept_as_it_was():
    class Overwriting(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(3, 3)

        def forward(self, x):
            return self.layer(x).relu_()

    network, x = Overwriting(), torch.randn(20, 3)
    with Probe(network) as probe:
        network(x).sum().backward()
    torch.testing.assert_close(probe.values("pre_activation")[0], network.layer(x).detach())
    torch.testing.assert_close(probe.values("activation")[0], network.layer(x).relu().detach())
    assert torch.equal(probe.values("gradient")[0] != 0, network.layer(x) > 0)


def test_a_tensor_overwritten_afterwards_is_refused_not_returned():
    network = nn.Linear(3, 3)
    with Probe(network) as probe, torch.no_grad():
        network(torch.randn(2, 3)).relu_()
    with pytest.raises(RuntimeError, match="overwritten in place"):
        probe.values("activation")


def test_the_last_forward_pass_replaces_the_one_before():
    network, images, _ = network_and_batch()
    with Probe(network) as probe:
        network(images)
        network(images[:2])
    assert [len(t) for t in probe.values("activation")] == [2, 2, 2]


@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode])
def test_a_pass_without_gradients_gives_activations_and_says_what_is_missing(mode):
    network, images, _ = network_and_batch()
    with Probe(network) as probe, mode():
        network(images)
    assert probe.stds("activation").shape == (3,)
    assert probe.fraction_saturated().shape == (3,)
    with pytest.raises(RuntimeError, match=r"layer '0' has no gradient: call loss\.backward"):
        probe.values("gradient")
    with pytest.raises(RuntimeError, match="no weight_gradient"):
        probe.values("weight_gradient")


def test_no_hook_stays_after_the_block_nor_after_an_exception():
    network, images, labels = network_and_batch()
    record(network, images, labels)
    assert hook_count(network) == 0
    with pytest.raises(RuntimeError, match="shapes cannot be multiplied"), Probe(network):
        network(images[:, :3])
    assert hook_count(network) == 0


def test_no_hook_stays_when_hooking_fails_half_way(monkeypatch):
    network, images, labels = network_and_batch()

    def refuse(*args, **kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr(network[4], "register_forward_hook", refuse)
    probe = Probe(network)
    with pytest.raises(KeyboardInterrupt), probe:
        pass
    assert hook_count(network) == 0
    monkeypatch.undo()
    with probe:  # and the probe can be used again
        network(images)
    assert probe.layer_names == ["0", "2", "4"]


def test_a_backward_after_the_block_is_not_recorded():
    network, images, labels = network_and_batch()
    with Probe(network) as probe:
        loss = F.cross_entropy(network(images), labels)
    loss.backward()
    with pytest.raises(RuntimeError, match="no gradient"):
        probe.means("gradient")


def test_entering_twice_is_refused_and_the_first_recording_goes_on():
    network, images, _ = network_and_batch()
    with Probe(network) as probe:
        with pytest.raises(RuntimeError, match="already recording"):
            probe.__enter__()
        network(images)
    assert len(probe.layer_names) == 3 and hook_count(network) == 0


def test_two_probes_on_one_network_agree():
    network, images, labels = network_and_batch()
    with Probe(network) as outer, Probe(network) as inner:
        F.cross_entropy(network(images), labels).backward()
    for kind in KINDS:
        np.testing.assert_array_equal(outer.stds(kind), inner.stds(kind))


def test_errors_say_what_was_given_and_what_is_allowed():
    with pytest.raises(TypeError, match=r"torch\.nn\.Module, got list"):
        Probe([1])
    with pytest.raises(ValueError, match="no Linear or convolution layer"):
        Probe(nn.Sequential(nn.ReLU()))
    network, images, _ = network_and_batch()
    with Probe(network) as probe:
        with pytest.raises(RuntimeError, match="nothing was recorded"):
            probe.summary()
        network(images)
    with pytest.raises(ValueError, match="'grad': choose one of pre_activation, activation, "):
        probe.values("grad")
    for bad in ((0, -1, 1), (5, 1, 1), (5, 2, 1), (5, float("nan"), 1), (5, 0, float("inf"))):
        with pytest.raises(ValueError, match="finite low < high"):
            probe.histograms("activation", *bad)
    with pytest.raises(ValueError, match="threshold"):
        probe.fraction_saturated(0)


def forced(values, module):
    """A probe of a layer whose pre-activations are exactly ``values``, followed by ``module``."""
    z = torch.as_tensor(values, dtype=torch.float64)
    layer = nn.Linear(z.shape[1], z.shape[1], bias=False).double()
    nn.init.eye_(layer.weight)
    with Probe(nn.Sequential(layer, module)) as probe:
        probe.network(z)
    return probe


@given(
    values=st.lists(st.floats(-5, 5), min_size=1, max_size=40),
    bins=st.integers(1, 12),
    low=st.floats(-2, 0),
    width=st.floats(0.5, 3),
)
@settings(max_examples=60, deadline=None)
def test_histograms_count_every_entry_and_clamp_what_lies_outside(values, bins, low, width):
    probe = forced([values], nn.Identity())
    counts, edges = probe.histograms("activation", bins, low, low + width)
    clipped = np.clip(probe.values("activation")[0].numpy().ravel(), low, low + width)
    assert counts.shape == (1, bins) and counts.sum() == len(values)
    np.testing.assert_allclose(edges, np.linspace(low, low + width, bins + 1))
    # cumulative counts agree with NumPy up to the entries that lie on an edge
    want = np.histogram(clipped, edges)[0].cumsum()
    on_edge = (np.abs(clipped[:, None] - edges) < 1e-9).any(1).sum()
    assert np.abs(counts[0].cumsum() - want).max() <= on_edge


def test_histograms_of_chosen_layers_are_rows_of_all():
    network, images, labels = network_and_batch()
    probe = record(network, images, labels)
    everything, _ = probe.histograms("gradient", 9, -0.2, 0.2)
    some, _ = probe.histograms("gradient", 9, -0.2, 0.2, layers=[2, 0])
    np.testing.assert_array_equal(some, everything[[2, 0]])


def test_values_that_are_not_finite_come_out_as_such_and_crash_nothing():
    network = mlp([2, 3, 2], "linear")
    with torch.no_grad():
        network[0].weight.fill_(1e38)
        network[0].bias.zero_()
    with Probe(network) as probe:
        network(torch.tensor([[10.0, 0.0], [-10.0, 20.0]])).sum().backward()
    first = probe.values("activation")[0]
    assert first[0].isinf().all() and first[1].isnan().all()
    for statistic in (probe.means, probe.stds, probe.mean_squares):
        assert not np.isfinite(statistic("activation")).any()
    counts, _ = probe.histograms("activation", 4, -1, 1)
    assert counts[0].tolist() == [0, 0, 0, 3]  # infinity in the last bin, nan in none
    assert len(probe.summary()) == 2


def test_stds_of_a_tiny_float32_signal_do_not_underflow():
    network = mlp([100, 100], bias=False)
    with torch.no_grad():
        network[0].weight.mul_(1e-32)
    with Probe(network) as probe:
        network(torch.randn(50, 100))
    got = probe.values("activation")[0].double()
    assert got.std() < 1e-30
    assert probe.stds("activation")[0] == pytest.approx(got.std(correction=0).item(), rel=1e-9)


def test_a_unit_is_dead_if_it_is_zero_for_every_input_of_the_batch():
    values = [[-1.0, 2.0, -1.0, -3.0], [-2.0, -1.0, 5.0, -1.0]]
    assert forced(values, nn.ReLU()).fraction_dead() == [0.5]
    assert forced(values, nn.LeakyReLU()).fraction_dead() == [0.0]


def test_dead_units_of_a_convolution_are_channels_also_without_a_batch_axis():
    conv = nn.Conv2d(1, 4, 3)
    with torch.no_grad():
        conv.bias.copy_(torch.tensor([9.0, -9.0, -9.0, -9.0]))
    network = nn.Sequential(conv, nn.ReLU())
    for shape in ((6, 1, 8, 8), (1, 8, 8)):
        with Probe(network) as probe:
            network(torch.rand(shape))
        assert probe.fraction_dead() == [0.75]


@pytest.mark.parametrize(
    ("name", "flat"),
    [
        ("linear", lambda z: np.zeros_like(z, dtype=bool)),
        ("tanh", lambda z: 1 - np.tanh(z) ** 2 < 0.02),
        ("sigmoid", lambda z: np.exp(-z) / (1 + np.exp(-z)) ** 2 < 0.02 * 0.25),
        ("relu", lambda z: z <= 0),
        ("leaky_relu", lambda z: z <= 0),
        (
            "selu",
            lambda z: (
                np.where(z > 0, 1, 1.6732632423543772 * np.exp(np.minimum(z, 0)))
                < 0.02 * 1.6732632423543772
            ),
        ),
    ],
)
def test_saturated_means_a_slope_below_a_fiftieth_of_the_greatest(name, flat):
    z = np.linspace(-9, 9, 1000).reshape(100, 10)
    measured = forced(z, ACTIVATIONS[name]()).fraction_saturated()
    assert measured == pytest.approx([flat(z).mean()], abs=0.002)


def test_saturation_is_not_claimed_where_the_activation_mixes_entries():
    assert np.isnan(forced([[1.0, 2.0]], nn.Softmax(1)).fraction_saturated()[0])
    assert np.isnan(forced([[1.0, 2.0]], nn.PReLU(2).double()).fraction_saturated()[0])
    assert forced([[1.0, -2.0]], nn.ReLU(inplace=True)).fraction_saturated() == [0.5]


def test_summary_repeats_the_statistics_and_has_no_gradient_before_backward():
    network, images, labels = network_and_batch("relu")
    with Probe(network) as probe:
        loss = F.cross_entropy(network(images), labels)
        assert all(np.isnan(row.gradient_std) for row in probe.summary())
        loss.backward()
    rows = probe.summary()
    assert [row.name for row in rows] == ["0", "2", "4"]
    assert [row.shape for row in rows] == [(7, 5), (7, 4), (7, 3)]
    assert [row.gradient_std for row in rows] == list(probe.stds("gradient"))
    assert [row.activation_mean for row in rows] == list(probe.means("activation"))
    assert [row.fraction_dead for row in rows] == list(probe.fraction_dead())
