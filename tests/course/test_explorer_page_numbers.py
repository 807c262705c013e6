"""The page that needs no kernel: is it the live explorer's, and is it current?"""

import json
import re

import numpy as np
import pytest
import torch
from helpers.page_script import explorer_page, mnist_or_skip
from hypothesis import given
from hypothesis import strategies as st

from course_utils.explorers.activation.experiment import MAX_DEPTH, ActivationSetting, SignalPath
from course_utils.explorers.activation.widget import JUMPS
from course_utils.explorers.base import STD_STEPS
from course_utils.networks import ACTIVATIONS

REDRAW = "the page is stale: run python figures/explorer_page.py"
HTML = explorer_page.PAGE.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def packed():
    return explorer_page.stored(HTML)


@pytest.fixture(scope="module")
def states(packed):
    return {(name, std): state for name, std, state in explorer_page.unpack(packed)}


@pytest.fixture(scope="module")
def mnist_images():
    return mnist_or_skip()


def test_the_page_is_its_template_with_the_numbers_put_in(packed):
    template = explorer_page.TEMPLATE.read_text(encoding="utf-8")
    assert explorer_page.render(template, packed) == HTML, REDRAW


def test_the_page_knows_what_the_live_explorer_knows(packed):
    constants = json.loads(json.dumps(explorer_page.constants()))
    assert packed["stds"] == pytest.approx(constants.pop("stds")), REDRAW
    for name, value in constants.items():
        assert packed[name] == value, f"{name}: {REDRAW}"


def test_every_state_of_the_page_is_one_of_the_live_explorer(packed):
    steps = explorer_page.STD_STEPS
    assert list(steps) == sorted(set(steps))
    assert STD_STEPS[0] <= steps[0] and steps[-1] <= STD_STEPS[1]
    assert set(packed["activations"]) <= set(ACTIVATIONS)
    assert packed["depths"][0] == 1 and packed["depths"][-1] == MAX_DEPTH
    width = explorer_page.WIDTH
    assert {name: packed["stds"][i] for name, i in packed["schemes"].items()} == {
        name: jump(width) for name, jump in JUMPS.items()
    }


@pytest.mark.parametrize(
    "activation, std",
    [("tanh", 0.0625), ("relu", 2**-3.5), ("sigmoid", 0.1), ("gelu", 0.1), ("linear", 0.01)],
)
def test_what_is_stored_is_what_the_live_explorer_measures_today(
    states, mnist_images, activation, std
):
    nearest = min((key for key in states if key[0] == activation), key=lambda k: abs(k[1] - std))
    signal_path = SignalPath(mnist_images, bins=explorer_page.BINS, panels=explorer_page.PANELS)
    now, then = explorer_page.measure(signal_path, *nearest), states[nearest]
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
    back = explorer_page.unquantize(explorer_page.quantize(np.array([value])))[0]
    assert f"{back:.2g}" == f"{value:.2g}"
    assert abs(back / value - 1) < 0.01


def test_zero_nan_infinity_and_what_no_axis_shows_are_stored_too():
    values = np.array([0.0, np.nan, np.inf, 1e-300, 1e300])
    back = explorer_page.unquantize(explorer_page.quantize(values))
    np.testing.assert_array_equal(back[:3], values[:3])
    np.testing.assert_allclose(back[3:], [10**explorer_page.LOW, 10**explorer_page.HIGH])


def test_two_states_survive_packing():
    images = np.random.default_rng(0).random((8, 784)).astype("float32")
    signal_path = SignalPath(torch.from_numpy(images), bins=explorer_page.BINS)
    states = [explorer_page.measure(signal_path, "selu", std) for std in (0.05, 0.0)]
    packed = explorer_page.pack(states) | {"activations": ["selu"], "stds": [0.05, 0.0]}
    for (_, _, back), state in zip(explorer_page.unpack(packed), states, strict=True):
        assert back.words == state.words
        np.testing.assert_array_equal(back.heights, state.heights)
        np.testing.assert_allclose(back.gradient, state.gradient, rtol=0.01)


def test_the_page_is_one_small_file_that_asks_nobody_for_anything():
    assert explorer_page.PAGE.stat().st_size < 1_500_000
    assert "default-src 'none'" in HTML
    assert not re.search(r"https?:|//\w+\.\w|@import|url\([^#]|fetch\(|<script[^>]* src=", HTML)
    assert 'href="../README.md"' in HTML
