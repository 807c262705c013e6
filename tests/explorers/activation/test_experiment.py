"""What the activation explorer measures, against a network written by hand, and theory."""

import numpy as np
import pytest
import torch
from helpers.spies import note_plain_networks
from torch.nn import functional as F

from course_utils.explorers.activation import ActivationSetting, SignalPath, experiment
from course_utils.explorers.activation.experiment import MAX_DEPTH
from course_utils.networks import ACTIVATIONS


@pytest.fixture(scope="module")
def path():
    return SignalPath(torch.rand(256, 784, generator=torch.Generator().manual_seed(3)) * 0.3)


def by_hand(built, activation):
    """Forward and backward in plain tensor algebra, without modules, hooks or autograd."""
    slope = {"tanh": lambda z: 1 - z.tanh() ** 2, "relu": lambda z: (z > 0).float()}
    phi = {"tanh": torch.tanh, "relu": F.relu}[activation]
    h, zs, hs = built.inputs, [], []
    for w in built.weights:
        zs.append(h @ w.T)
        h = phi(zs[-1])
        hs.append(h)
    delta = built.top * slope[activation](zs[-1])
    deltas = [delta]
    for w, z in zip(built.weights[:0:-1], zs[-2::-1], strict=True):
        delta = (delta @ w) * slope[activation](z)
        deltas.append(delta)
    return [a.std().item() for a in hs], [d.std().item() for d in deltas[::-1]], hs


@pytest.mark.parametrize("activation", ["tanh", "relu"])
@pytest.mark.parametrize("source", ["images", "noise"])
@pytest.mark.parametrize("distribution", ["normal", "uniform"])
def test_the_measurement_is_that_of_a_network_written_by_hand(
    path, activation, source, distribution, monkeypatch
):
    setting = ActivationSetting(0.08, 6, 64, activation, distribution, source)
    networks = note_plain_networks(monkeypatch, experiment)
    m = path.measure(setting)
    (built,) = networks
    assert torch.equal(built.inputs, path.inputs[source]) and len(built.weights) == 6
    assert built.top.std().item() == pytest.approx(1, rel=0.03)
    signal, gradient, hs = by_hand(built, activation)
    np.testing.assert_allclose(m.signal, signal, rtol=1e-4)
    np.testing.assert_allclose(m.gradient, gradient, rtol=1e-4)
    low, high = m.edges[0], m.edges[-1]
    for layer, counts in zip(m.layers, m.counts, strict=True):
        values = hs[layer - 1].clamp(low, high).numpy()
        expected, _ = np.histogram(values, bins=m.edges)
        assert counts.sum() == values.size
        assert np.abs(counts - expected).sum() <= 0.002 * values.size  # values on an edge


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_theory_runs_through_the_measurement_of_a_wide_shallow_stack(path, activation):
    m = path.measure(ActivationSetting(0.06, 4, 512, activation, source="noise"))
    np.testing.assert_allclose(m.signal, m.predicted_signal, rtol=0.06)
    np.testing.assert_allclose(m.gradient, m.predicted_gradient, rtol=0.06)


def test_moving_std_rescales_the_same_draw(path):
    thin, thick = (path.measure(ActivationSetting(std, 5, 64, "linear")) for std in (0.01, 0.02))
    np.testing.assert_allclose(thick.signal / thin.signal, 2.0 ** np.arange(1, 6), rtol=1e-4)


def test_moving_depth_cuts_or_extends_the_same_stack(path):
    short, long = (path.measure(ActivationSetting(0.1, depth, 64)) for depth in (5, 9))
    np.testing.assert_array_equal(short.signal, long.signal[:5])


@pytest.mark.parametrize("std", [1.0, 0.02])
def test_uniform_weights_have_the_std_and_the_bound_of_the_setting(path, std, monkeypatch):
    networks = note_plain_networks(monkeypatch, experiment)
    path.measure(ActivationSetting(std, MAX_DEPTH, 64, distribution="uniform"))
    draws = torch.cat([weight.flatten() for weight in networks[0].weights]) / std
    n = len(draws)
    kurtosis_error = np.sqrt((1.8 - 1) / n) / 2  # standard error of a uniform sample's std
    assert abs(draws.std().item() - 1) < 5 * kurtosis_error
    assert draws.abs().max() <= 3**0.5 * (1 + 1e-6)


@pytest.mark.parametrize("depth", [1, 2, 9, 10, 11, MAX_DEPTH])
def test_at_most_ten_layers_are_shown_evenly_with_first_and_last(path, depth):
    layers = path.measure(ActivationSetting(depth=depth, width=64)).layers
    assert layers[0] == 1 and layers[-1] == depth
    assert len(layers) == min(depth, 10)
    assert np.ptp(np.diff(layers)) <= 1 if depth > 1 else True


def test_a_measurement_leaves_threads_inputs_and_global_randomness_alone(path):
    threads, state = torch.get_num_threads(), torch.get_rng_state()
    path.measure(ActivationSetting(depth=3, width=64))
    assert torch.get_num_threads() == threads
    assert torch.equal(torch.get_rng_state(), state)
    assert path.inputs["images"].grad is None and not path.inputs["images"].requires_grad


def test_images_of_a_wrong_shape_are_answered_with_the_right_one():
    with pytest.raises(ValueError, match=r"\(n_images, n_pixels\).*\(5, 28, 28\)"):
        SignalPath(torch.zeros(5, 28, 28))


def test_rectifiers_have_no_two_flat_ends_between_which_a_unit_lives(path):
    for activation in ("linear", "relu", "leaky_relu", "gelu"):
        assert path.measure(ActivationSetting(1.0, 3, 64, activation)).saturated == 0


def test_large_weights_saturate_tanh_and_the_measurement_says_so():
    path = SignalPath(torch.rand(64, 784, generator=torch.Generator().manual_seed(0)))
    shares = [
        path.measure(ActivationSetting(std, 20, 256)).saturated for std in (0.05, 0.0625, 1.0)
    ]
    assert shares[0] < 0.01 and shares[1] < 0.01 and shares[2] > 0.8
