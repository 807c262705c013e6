"""The page of the activation explorer: is it the live explorer's, and is it current?"""

import json

import numpy as np
import pytest
import torch
from helpers.pages import mnist_or_skip
from hypothesis import given
from hypothesis import strategies as st
from pages import activation, numbers
from pages.frame import FIGURES, held

from course_utils.explorers.activation.experiment import MAX_DEPTH, ActivationSetting, SignalPath
from course_utils.explorers.activation.widget import JUMPS
from course_utils.explorers.controls import STD_STEPS
from course_utils.networks import ACTIVATIONS

REDRAW = "the page is stale: run python figures/draw_pages.py activation"


@pytest.fixture(scope="module")
def packed():
    return held((FIGURES / activation.FILE).read_text(encoding="utf-8"))["data"]


@pytest.fixture(scope="module")
def states(packed):
    return {(name, std): state for name, std, state in activation.unpack(packed)}


@pytest.fixture(scope="module")
def mnist_images():
    return mnist_or_skip()


def test_the_page_knows_what_the_live_explorer_knows(packed):
    constants = json.loads(json.dumps(activation.constants()))
    assert packed["stds"] == pytest.approx(constants.pop("stds")), REDRAW
    for name, value in constants.items():
        assert packed[name] == value, f"{name}: {REDRAW}"


def test_every_state_of_the_page_is_one_of_the_live_explorer(packed):
    steps = activation.STD_STEPS
    assert list(steps) == sorted(set(steps))
    assert STD_STEPS[0] <= steps[0] and steps[-1] <= STD_STEPS[1]
    assert set(packed["activations"]) <= set(ACTIVATIONS)
    assert packed["depths"][0] == 1 and packed["depths"][-1] == MAX_DEPTH
    assert activation.jumps() == pytest.approx({k: v(activation.WIDTH) for k, v in JUMPS.items()})
    assert set(activation.jumps().values()) <= set(packed["stds"])


@pytest.mark.parametrize(
    "phi, std",
    [("tanh", 0.0625), ("relu", 2**-3.5), ("sigmoid", 0.1), ("gelu", 0.1), ("linear", 0.01)],
)
def test_what_is_stored_is_what_the_live_explorer_measures_today(states, mnist_images, phi, std):
    nearest = min((key for key in states if key[0] == phi), key=lambda k: abs(k[1] - std))
    signal_path = SignalPath(mnist_images, bins=activation.BINS, panels=activation.PANELS)
    now, then = activation.measure(signal_path, *nearest), states[nearest]
    for name in ("signal", "predicted_signal", "gradient", "predicted_gradient"):
        new, old = getattr(now, name), getattr(then, name)
        np.testing.assert_allclose(old, new, rtol=0.01, atol=1e-40, err_msg=f"{name}: {REDRAW}")
    off = np.abs(now.heights.astype(int) - then.heights)
    assert off.max() <= 4, REDRAW
    assert now.words == then.words, REDRAW


def test_what_differs_between_depths_is_only_the_gradient(mnist_images):
    signal_path = SignalPath(mnist_images)
    deep, shallow = (
        signal_path.measure(ActivationSetting(0.1, d, activation="gelu")) for d in (50, 20)
    )
    np.testing.assert_array_equal(deep.signal[:20], shallow.signal)
    np.testing.assert_array_equal(deep.predicted_signal[:20], shallow.predicted_signal)
    first = {layer: row for layer, row in zip(deep.layers, deep.counts, strict=True)}
    second = {layer: row for layer, row in zip(shallow.layers, shallow.counts, strict=True)}
    for layer in first.keys() & second.keys():
        np.testing.assert_array_equal(first[layer], second[layer])
    assert not np.allclose(deep.gradient[:20], shallow.gradient, rtol=0.01)


@given(st.floats(1e-46, 1e46))
def test_a_stored_number_shows_the_same_two_digits(value):
    back = numbers.unquantize(numbers.quantize(np.array([value])))[0]
    assert f"{back:.2g}" == f"{value:.2g}"
    assert abs(back / value - 1) < 0.01


def test_zero_nan_infinity_and_what_no_axis_shows_are_stored_too():
    values = np.array([0.0, np.nan, np.inf, 1e-300, 1e300])
    back = numbers.unquantize(numbers.quantize(values))
    np.testing.assert_array_equal(back[:3], values[:3])
    np.testing.assert_allclose(back[3:], [10**numbers.LOW, 10**numbers.HIGH])


def test_two_states_survive_packing():
    images = np.random.default_rng(0).random((8, 784)).astype("float32")
    signal_path = SignalPath(torch.from_numpy(images), bins=activation.BINS)
    states = [activation.measure(signal_path, "selu", std) for std in (0.05, 0.0)]
    packed = activation.pack(states) | {"activations": ["selu"], "stds": [0.05, 0.0]}
    for (_, _, back), state in zip(activation.unpack(packed), states, strict=True):
        assert back.words == state.words
        np.testing.assert_array_equal(back.heights, state.heights)
        np.testing.assert_allclose(back.gradient, state.gradient, rtol=0.01)
