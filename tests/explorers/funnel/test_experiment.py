import math
import re
from dataclasses import replace

import numpy as np
import pytest
import torch
from helpers.spies import note_plain_networks
from helpers.states import strange_torch
from hypothesis import given
from hypothesis import strategies as st

from course_utils.explorers.funnel import experiment
from course_utils.explorers.funnel.experiment import (
    GAINS,
    RULES,
    Funnel,
    FunnelMeasurement,
    FunnelSetting,
    funnel_verdict,
    predict,
)


@pytest.fixture(scope="module")
def funnel():
    return Funnel()


def by_hand(built, activation):
    """Forward and backward in plain tensor algebra, without modules, hooks or autograd."""
    phi, slope = {
        "linear": (lambda z: z, torch.ones_like),
        "tanh": (torch.tanh, lambda z: 1 - z.tanh() ** 2),
        "relu": (lambda z: z.clamp(min=0), lambda z: (z > 0).float()),
    }[activation]
    h, zs = built.inputs, []
    for w in built.weights:
        zs.append(h @ w.T)
        h = phi(zs[-1])
    deltas = [built.top]
    for w, z in zip(built.weights[:0:-1], zs[-2::-1], strict=True):
        deltas.append((deltas[-1] @ w) * slope(z))
    return [z.square().mean().sqrt() for z in zs], [d.square().mean().sqrt() for d in deltas[::-1]]


def test_a_funnel_is_the_same_in_any_state_of_torch(funnel):
    with strange_torch(device="meta"):
        strange = Funnel().measure(FunnelSetting())
    assert np.array_equal(strange.signal, funnel.measure(FunnelSetting()).signal)


@pytest.mark.parametrize("activation", GAINS)
@pytest.mark.parametrize("rule", RULES)
def test_the_measurement_is_that_of_a_network_written_by_hand(
    funnel, activation, rule, monkeypatch
):
    networks = note_plain_networks(monkeypatch, experiment)
    m = funnel.measure(FunnelSetting(90, 40, 5, rule, activation))
    (built,) = networks
    assert built.inputs.shape == (experiment.N_INPUTS, 90) and built.top.shape[1] == 40
    for noise in (built.inputs, built.top):
        assert noise.std().item() == pytest.approx(1, rel=0.06)
    signal, gradient = by_hand(built, activation)
    np.testing.assert_allclose(m.signal, signal, rtol=1e-4)
    np.testing.assert_allclose(m.gradient, gradient, rtol=1e-4)


EXPECTED = {"fan_in": 1 / 300, "fan_out": 1 / 75, "xavier": 1 / 187.5, "geometric": 1 / 150}


@pytest.mark.parametrize("rule", RULES)
def test_the_drawn_weights_have_the_rules_variance(funnel, rule, monkeypatch):
    networks = note_plain_networks(monkeypatch, experiment)
    for activation, factor in (("linear", 1), ("tanh", 1), ("relu", 2)):
        funnel.measure(FunnelSetting(300, 75, 2, rule, activation))
        weight = networks[-1].weights[0]
        assert weight.shape == (75, 300)
        error = math.sqrt(2 / weight.numel())  # relative standard error of a normal variance
        assert weight.var().item() == pytest.approx(factor * EXPECTED[rule], rel=5 * error)


def test_widths_take_turns_and_each_layer_has_its_own_fans():
    setting = FunnelSetting(784, 100, 3)
    assert setting.widths == [784, 100, 784, 100]
    assert setting.fans == [(784, 100), (100, 784), (784, 100)]


@pytest.mark.parametrize("activation", GAINS)
@pytest.mark.parametrize("rule", RULES)
def test_theory_holds_on_average_over_seeds(activation, rule, seeds):
    """Mean squares of 12 networks: ReLU's inputs grow alike, so that less averages out in each."""
    tolerance = {"linear": 0.04, "tanh": 0.04, "relu": 0.2}[activation]
    setting = FunnelSetting(500, 200, 6, rule, activation)
    runs = [funnel.measure(setting) for funnel in seeds]
    for name in ("signal", "gradient"):
        measured = np.mean([getattr(run, name) ** 2 for run in runs], axis=0)
        predicted = np.mean([getattr(run, f"predicted_{name}") ** 2 for run in runs], axis=0)
        np.testing.assert_allclose(measured, predicted, rtol=tolerance)


@pytest.fixture(scope="module")
def seeds():
    return [Funnel(seed=seed) for seed in range(12)]


widths, depths = st.integers(16, 800), st.integers(4, 30)


def ratios(path, over):
    """Factors on the mean square between layers that lie ``over`` apart, in layer order."""
    return path[over:] ** 2 / path[:-over] ** 2


@given(widths, widths, depths)
def test_xavier_multiplies_both_by_4ab_over_the_square_of_the_sum(a, b, depth):
    signal, gradient = predict(FunnelSetting(a, b, depth, "xavier"))
    factor = 4 * a * b / (a + b) ** 2
    np.testing.assert_allclose(ratios(signal, 2), factor)
    np.testing.assert_allclose(ratios(gradient, 2), 1 / factor)  # it comes from the top


@given(widths, widths, depths)
def test_a_one_sided_rule_keeps_one_and_lets_the_other_zigzag(a, b, depth):
    signal, gradient = predict(FunnelSetting(a, b, depth, "fan_in"))
    np.testing.assert_allclose(signal, 1)
    np.testing.assert_allclose(ratios(gradient, 2), 1)
    np.testing.assert_allclose(ratios(gradient, 1)[0], b / a)
    signal, gradient = predict(FunnelSetting(a, b, depth, "fan_out"))
    np.testing.assert_allclose(gradient, 1)
    np.testing.assert_allclose(ratios(signal, 2), 1)
    np.testing.assert_allclose(ratios(signal, 1)[0], b / a)


@given(widths, widths, depths)
def test_the_geometric_mean_lets_both_zigzag_half_as_far_and_loses_nothing(a, b, depth):
    signal, gradient = predict(FunnelSetting(a, b, depth, "geometric"))
    for path in (signal, gradient):
        np.testing.assert_allclose(ratios(path, 2), 1)
        np.testing.assert_allclose(ratios(path, 1)[0], math.sqrt(b / a))


@given(widths, widths, depths, st.sampled_from([*RULES]))
def test_with_its_doubled_rule_relu_does_what_linear_units_do(a, b, depth, rule):
    linear = predict(FunnelSetting(a, b, depth, rule))
    relu = predict(FunnelSetting(a, b, depth, rule, "relu"))
    np.testing.assert_allclose(relu[0], np.sqrt(2) * linear[0])  # the input is not halved
    np.testing.assert_allclose(relu[1], linear[1])


@given(widths, widths, depths, st.sampled_from([*RULES]))
def test_tanh_leaves_less_than_linear_units_do(a, b, depth, rule):
    linear = predict(FunnelSetting(a, b, depth, rule))
    tanh = predict(FunnelSetting(a, b, depth, rule, "tanh"))
    assert (tanh[0][1:] < linear[0][1:]).all() and (tanh[1][:-1] < linear[1][:-1]).all()


def test_theory_starts_from_the_size_of_input_and_top_gradient():
    signal, gradient = predict(FunnelSetting(64, 16, 3), 4.0, 9.0)
    unit_signal, unit_gradient = predict(FunnelSetting(64, 16, 3))
    np.testing.assert_allclose(signal, 2 * unit_signal)
    np.testing.assert_allclose(gradient, 3 * unit_gradient)


def test_another_rule_rescales_the_same_draw(funnel):
    one, other = (funnel.measure(FunnelSetting(64, 16, 6, rule)) for rule in ("fan_in", "xavier"))
    per_layer = np.array([64 / 40, 16 / 40] * 3)  # Var(W) by Xavier in units of 1/n_in
    np.testing.assert_allclose((other.signal / one.signal) ** 2, np.cumprod(per_layer), rtol=1e-4)


def test_another_depth_cuts_or_extends_the_same_stack(funnel):
    short, long = (funnel.measure(FunnelSetting(64, 30, depth)) for depth in (5, 9))
    np.testing.assert_allclose(short.signal, long.signal[:5], rtol=1e-6)


def test_another_width_cuts_another_corner_of_the_same_draw(funnel, monkeypatch):
    networks = note_plain_networks(monkeypatch, experiment)
    for width in (30, 31):
        funnel.measure(FunnelSetting(64, width, 2, "fan_in"))
    narrow, wide = (built.weights for built in networks)
    torch.testing.assert_close(narrow[0], wide[0][:30])
    torch.testing.assert_close(narrow[-1] * 30**0.5, wide[-1][:, :30] * 31**0.5)


def test_a_measurement_depends_on_seed_and_setting_only():
    deep_first, shallow_first, other = Funnel(seed=5), Funnel(seed=5), Funnel(seed=6)
    setting = FunnelSetting(40, 30, 7)
    deep_first.measure(replace(setting, depth=9))
    shallow_first.measure(replace(setting, depth=2))
    first = deep_first.measure(setting)
    np.testing.assert_array_equal(first.signal, shallow_first.measure(setting).signal)
    np.testing.assert_array_equal(first.gradient, shallow_first.measure(setting).gradient)
    assert (first.signal != other.measure(setting).signal).all()


def test_a_measurement_leaves_threads_and_global_randomness_alone(funnel):
    threads, state = torch.get_num_threads(), torch.get_rng_state()
    funnel.measure(FunnelSetting(32, 16, 3))
    assert torch.get_num_threads() == threads
    assert torch.equal(torch.get_rng_state(), state)


# ---------------------------------------------------------------------- the verdict


def as_predicted(setting):
    return FunnelMeasurement(setting, *predict(setting), *predict(setting))


@given(widths, widths, depths, st.sampled_from([*RULES]), st.sampled_from(["linear", "relu"]))
def test_the_factors_in_the_words_are_those_of_two_layers(a, b, depth, rule, activation):
    m = as_predicted(FunnelSetting(a, b, depth, rule, activation))
    said = re.search(r"mean square by (\S+) and the gradient's by (\S+):", funnel_verdict(m))
    up, down = float(said[1]), float(said[2])
    assert up == pytest.approx(ratios(m.signal, 2)[0], rel=0.051)
    assert down == pytest.approx(1 / ratios(m.gradient, 2)[0], rel=0.051)
    if rule == "xavier":
        assert (up == 1) == (down == 1) == (a == b)  # never rounded to 1


@pytest.mark.parametrize(
    "rule, words",
    [
        ("xavier", "by 0.40 and the gradient's by 0.40: the compromise loses in both directions."),
        (
            "fan_in",
            "by 1 and the gradient's by 1: the signal keeps its size in every layer, and the "
            "gradient's zigzags, times 7.8 in one layer and divided by 7.8 in the next, and does "
            "not decay.",
        ),
        (
            "fan_out",
            "by 1 and the gradient's by 1: the gradient keeps its size in every layer, and the "
            "signal's zigzags, times 7.8 in one layer and divided by 7.8 in the next, and does "
            "not decay.",
        ),
        (
            "geometric",
            "by 1 and the gradient's by 1: each zigzags, times 2.8 in one layer and divided by "
            "2.8 in the next, and does not decay.",
        ),
    ],
)
def test_each_rule_is_called_what_it_is(rule, words):
    for activation, start in (
        ("linear", "Two layers multiply"),
        ("relu", "With the factor 2 that relu needs, two layers multiply"),
        ("tanh", "Where tanh is nearly linear, two layers multiply"),
    ):
        said = funnel_verdict(as_predicted(FunnelSetting(784, 100, 20, rule, activation)))
        assert said.startswith(start) and words in said
        assert ("Where it bends, less is left." in said) == (activation == "tanh")


@pytest.mark.parametrize("rule", RULES)
def test_with_equal_widths_all_rules_agree(rule):
    said = funnel_verdict(as_predicted(FunnelSetting(50, 50, 6, rule)))
    assert "by 1 and the gradient's by 1: the widths are equal, the four rules agree" in said


def test_what_was_measured_is_said_in_the_direction_of_travel():
    setting = FunnelSetting(784, 100, 3)
    m = FunnelMeasurement(
        setting, np.array([1, 1, 0.5]), np.array([3.0, 1, 1]), np.ones(3), np.ones(3)
    )
    assert (
        "Measured over 3 layers, in rms: signal, going up: 50 % is left; "
        "gradient, coming down: it is 3 times as large." in funnel_verdict(m)
    )


def test_a_draw_far_from_theory_is_explained_and_one_close_to_it_is_not():
    m = as_predicted(FunnelSetting(16, 16, 4))
    assert "narrow" not in funnel_verdict(replace(m, signal=1.4 * m.signal))
    assert funnel_verdict(replace(m, signal=2 * m.signal)).endswith("by a factor of up to 2.")
    assert funnel_verdict(replace(m, gradient=m.gradient / 4)).endswith("by a factor of up to 4.")


def test_a_signal_that_died_is_said_to_have_left_nothing():
    m = as_predicted(FunnelSetting(16, 16, 3, "xavier", "relu"))
    dead = replace(m, signal=np.array([1.0, 0, 0]), gradient=np.array([0.0, 0, 1]))
    said = funnel_verdict(dead)
    assert said.count("nothing is left") == 2 and "nan" not in said and "inf" not in said
