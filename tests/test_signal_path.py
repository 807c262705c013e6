import numpy as np
import pytest
import torch
from torch.nn import functional as F

from course_utils.networks import ACTIVATIONS
from course_utils.signal_path import MAX_DEPTH, Setting, SignalPath, contrast, saturated


@pytest.fixture(scope="module")
def path():
    return SignalPath(torch.rand(256, 784, generator=torch.Generator().manual_seed(3)) * 0.3)


def by_hand(path, setting):
    """Forward and backward in plain tensor algebra, without modules, hooks or autograd."""
    slope = {"tanh": lambda z: 1 - z.tanh() ** 2, "relu": lambda z: (z > 0).float()}
    phi = {"tanh": torch.tanh, "relu": F.relu}[setting.activation]
    weights = [w * setting.std for w in path._unit_draws(setting)[: setting.depth]]
    h, zs, hs = path.inputs[setting.source], [], []
    for w in weights:
        zs.append(h @ w.T)
        h = phi(zs[-1])
        hs.append(h)
    delta = path._top_gradient(setting.width) * slope[setting.activation](zs[-1])
    deltas = [delta]
    for w, z in zip(weights[:0:-1], zs[-2::-1], strict=True):
        delta = (delta @ w) * slope[setting.activation](z)
        deltas.append(delta)
    return [a.std().item() for a in hs], [d.std().item() for d in deltas[::-1]], hs


@pytest.mark.parametrize("activation", ["tanh", "relu"])
@pytest.mark.parametrize("source", ["images", "noise"])
@pytest.mark.parametrize("distribution", ["normal", "uniform"])
def test_the_measurement_is_that_of_a_network_written_by_hand(
    path, activation, source, distribution
):
    setting = Setting(0.08, 6, 64, activation, distribution, source)
    m = path.measure(setting)
    signal, gradient, hs = by_hand(path, setting)
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
    m = path.measure(Setting(0.06, 4, 512, activation, source="noise"))
    np.testing.assert_allclose(m.signal, m.predicted_signal, rtol=0.06)
    np.testing.assert_allclose(m.gradient, m.predicted_gradient, rtol=0.06)


def test_moving_std_rescales_the_same_draw(path):
    thin, thick = (path.measure(Setting(std, 5, 64, "linear")) for std in (0.01, 0.02))
    np.testing.assert_allclose(thick.signal / thin.signal, 2.0 ** np.arange(1, 6), rtol=1e-4)


def test_moving_depth_cuts_or_extends_the_same_stack(path):
    short, long = (path.measure(Setting(0.1, depth, 64)) for depth in (5, 9))
    np.testing.assert_array_equal(short.signal, long.signal[:5])


def test_uniform_weights_have_the_std_and_the_bound_of_the_setting(path):
    draws = torch.cat(
        [w.flatten() for w in path._unit_draws(Setting(width=64, distribution="uniform"))]
    )
    n = len(draws)
    kurtosis_error = np.sqrt((1.8 - 1) / n) / 2  # standard error of a uniform sample's std
    assert abs(draws.std().item() - 1) < 5 * kurtosis_error
    assert draws.abs().max() <= 3**0.5 * (1 + 1e-6)


@pytest.mark.parametrize("depth", [1, 2, 9, 10, 11, MAX_DEPTH])
def test_at_most_ten_layers_are_shown_evenly_with_first_and_last(path, depth):
    layers = path.measure(Setting(depth=depth, width=64)).layers
    assert layers[0] == 1 and layers[-1] == depth
    assert len(layers) == min(depth, 10)
    assert np.ptp(np.diff(layers)) <= 1 if depth > 1 else True


def test_a_measurement_leaves_threads_inputs_and_global_randomness_alone(path):
    threads, state = torch.get_num_threads(), torch.get_rng_state()
    path.measure(Setting(depth=3, width=64))
    assert torch.get_num_threads() == threads
    assert torch.equal(torch.get_rng_state(), state)
    assert path.inputs["images"].grad is None and not path.inputs["images"].requires_grad


def test_contrast_is_1_for_centred_independent_inputs_and_0_for_equal_ones():
    noise = torch.randn(500, 200, generator=torch.Generator().manual_seed(0))
    assert contrast(noise) == pytest.approx(1, abs=0.01)
    assert contrast(noise[:1].expand(50, -1)) == pytest.approx(0, abs=1e-6)
    assert contrast(torch.zeros(3, 4)) == 0
    # by construction: half of the variance between units, half within
    units = torch.randn(1, 4000, generator=torch.Generator().manual_seed(1))
    rest = torch.randn(500, 4000, generator=torch.Generator().manual_seed(2))
    assert contrast(units + rest) == pytest.approx(0.5**0.5, abs=0.02)


def test_images_of_a_wrong_shape_are_answered_with_the_right_one():
    with pytest.raises(ValueError, match=r"\(n_images, n_pixels\).*\(5, 28, 28\)"):
        SignalPath(torch.zeros(5, 28, 28))


def test_saturated_counts_what_lies_beyond_the_99_percent_of_tanh():
    z = torch.tensor([-9.0, -2.6, -1.0, 0.0, 2.6, 2.7])  # tanh 2.6 = 0.989, tanh 2.7 = 0.991
    assert saturated(torch.tanh(z), "tanh") == pytest.approx(2 / 6)
    assert saturated(torch.sigmoid(2 * z), "sigmoid") == pytest.approx(2 / 6)  # tanh, rescaled
    assert saturated(torch.relu(z), "relu") == 0


def test_large_weights_saturate_tanh_and_the_measurement_says_so():
    path = SignalPath(torch.rand(64, 784, generator=torch.Generator().manual_seed(0)))
    shares = [path.measure(Setting(std, 20, 256)).saturated for std in (0.05, 0.0625, 1.0)]
    assert shares[0] < 0.01 and shares[1] < 0.01 and shares[2] > 0.8
