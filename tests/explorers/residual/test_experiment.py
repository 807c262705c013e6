import math
import re
from dataclasses import replace

import numpy as np
import pytest
import torch
from helpers.spies import note_calls
from hypothesis import given
from hypothesis import strategies as st

from course_utils.explorers.residual import experiment
from course_utils.explorers.residual.experiment import (
    NORMALIZATION_CHOICES,
    START_CHOICES,
    ResidualMeasurement,
    ResidualPath,
    ResidualSetting,
    residual_verdict,
)
from course_utils.theory import stream_gradient_path, stream_path

SETTINGS = [
    ResidualSetting(depth, scale, normalization, start)
    for depth in (1, 6)
    for scale in (0.0, 0.3, 1.0)
    for normalization in NORMALIZATION_CHOICES
    for start in START_CHOICES
]


def images(n=60, pixels=80):
    return 5 * torch.rand(n, pixels, generator=torch.Generator().manual_seed(3))


@pytest.fixture(scope="module")
def path():
    return ResidualPath(images(), width=96)


def by_hand(network, inputs, setting):
    """The stream in plain tensor algebra, without modules."""
    h = [inputs @ network.stem.weight.T]
    for block in network.blocks[: setting.depth]:
        z = h[-1]
        if setting.normalization != "none":
            axis = {"layer": 1, "batch": 0}[setting.normalization]
            z = z - z.mean(axis, keepdim=True)
            z = z / (z.square().mean(axis, keepdim=True) + 1e-5).sqrt()
        scale = 0.0 if setting.start == "rezero" else setting.scale
        h.append(h[-1] + scale * z.clamp(min=0) @ block.branch[-1].weight.T)
    return h


@pytest.mark.parametrize("normalization", NORMALIZATION_CHOICES)
@pytest.mark.parametrize("start", START_CHOICES)
def test_the_measurement_is_that_of_a_stream_written_by_hand(normalization, start, monkeypatch):
    setting = ResidualSetting(5, 0.6, normalization, start)
    networks = note_calls(monkeypatch, experiment, "residual_mlp")
    path = ResidualPath(images(), width=96)
    m = path.measure(setting)
    (network,) = networks
    h = by_hand(network, path.inputs, setting)
    np.testing.assert_allclose(m.signal, [x.square().mean().sqrt() for x in h], rtol=1e-4)
    shares = [
        (b - a).square().mean().sqrt() / b.square().mean().sqrt()
        for a, b in zip(h[:-1], h[1:], strict=True)
    ]
    np.testing.assert_allclose(m.share, shares, rtol=1e-4)


def test_every_setting_has_its_theory_and_theory_holds_roughly_in_one_draw(path):
    for setting in SETTINGS:
        m = path.measure(setting)
        for name in ("signal", "gradient"):
            values, predicted = getattr(m, name), getattr(m, f"predicted_{name}")
            assert values.shape == predicted.shape == (setting.depth + 1,)
            np.testing.assert_allclose(values, predicted, rtol=0.35)


def test_batch_norms_theory_knows_how_much_each_unit_varies(path):
    """These images share most of their size: without that, the prediction is far too small."""
    m = path.measure(ResidualSetting(12, 1.0, "batch"))
    same_size = path.measure(ResidualSetting(12, 1.0, "layer")).predicted_gradient[0]
    assert m.predicted_gradient[0] > 2 * same_size
    assert m.gradient[0] == pytest.approx(m.predicted_gradient[0], rel=0.2)


def test_the_images_are_brought_to_size_1_and_so_is_the_stream_at_its_beginning(path):
    assert path.inputs.square().mean().item() == pytest.approx(1, rel=1e-5)
    assert path.measure(ResidualSetting(1)).signal[0] == pytest.approx(1, rel=0.2)


def test_another_depth_cuts_the_same_stack_and_another_scale_multiplies_the_same_branches(path):
    short, long = (path.measure(ResidualSetting(depth)) for depth in (4, 9))
    np.testing.assert_allclose(short.signal, long.signal[:5], rtol=1e-6)
    one, other = (path.measure(ResidualSetting(1, scale)) for scale in (0.5, 1.0))
    np.testing.assert_allclose(2 * one.share * one.signal[1], other.share * other.signal[1])


def test_a_measurement_depends_on_seed_and_setting_only():
    setting = ResidualSetting(6, 0.8)
    first, second, other = (ResidualPath(images(), width=30, seed=seed) for seed in (5, 5, 6))
    first.measure(ResidualSetting(9, 3.0, "batch"))
    m, again = first.measure(setting), second.measure(setting)
    np.testing.assert_array_equal(m.signal, again.signal)
    np.testing.assert_array_equal(m.gradient, again.gradient)
    assert (m.signal != other.measure(setting).signal).all()


def test_a_measurement_leaves_threads_and_global_randomness_alone():
    threads, state = torch.get_num_threads(), torch.get_rng_state()
    ResidualPath(images(), width=20).measure(ResidualSetting(3))
    assert torch.get_num_threads() == threads
    assert torch.equal(torch.get_rng_state(), state)


def test_at_the_ends_of_the_sliders_nothing_overflows(path):
    m = path.measure(ResidualSetting(50, 3.0))
    assert np.isfinite([*m.signal, *m.gradient, *m.predicted_signal]).all()
    assert m.signal[-1] > 1e20


@pytest.mark.parametrize(
    "bad, words",
    [
        (torch.rand(1, 5), r"n_images from 2, got \(1, 5\): try"),
        (torch.rand(5), r"got \(5,\)"),
        (torch.zeros(3, 5), "root mean square of the images is 0.0: it must be above 0"),
        (torch.full((3, 5), math.nan), "is nan"),
    ],
)
def test_what_cannot_be_measured_is_refused_in_words(bad, words):
    with pytest.raises(ValueError, match=words):
        ResidualPath(bad)


# ---------------------------------------------------------------------- the verdict


def flat(setting, top=1.0, bottom=1.0):
    """A measurement of given growths, on which theory agrees."""
    signal = np.geomspace(1, top, setting.depth + 1)
    gradient = np.geomspace(bottom, 1, setting.depth + 1)
    share = np.zeros(setting.depth)
    return ResidualMeasurement(setting, signal, gradient, signal, gradient, share)


@pytest.mark.parametrize(
    "setting, words",
    [
        (ResidualSetting(10), "The signal doubles about every 2 blocks on its way up, and so"),
        (ResidualSetting(50, 0.5), "doubles about every 6.2 blocks"),
        (ResidualSetting(50, 3.0), "Every block makes the signal 3.2 times as large on its way up"),
        (ResidualSetting(1, 1.0), "Every block makes the signal 1.4 times as large on its way up"),
        (ResidualSetting(20, 0.2), "adds so little that over all blocks together signal and "
         "gradient become only 1.5 times as large."),
        (ResidualSetting(20, 0.01), "together signal and gradient keep their size."),
        (ResidualSetting(50, 50**-0.5), "All 50 blocks together make signal and gradient only 1.6 "
         "times as large: with s = 1/√depth that hardly depends on the depth."),
        (ResidualSetting(9, 1, "layer"), "later blocks matter less and less. The gradient, coming "
         "down, grows by as much in all."),
        (ResidualSetting(9, 1, "batch"), "The gradient, coming down, grows more than the signal."),
        (ResidualSetting(9, 0.0), "The scale is 0: every block hands on what it gets"),
        (ResidualSetting(9, 1, "layer", "fixup"), "The last layer of every branch begins at zero:"),
        (ResidualSetting(9, 1, "batch", "rezero"), "is learned and begins at 0 (not at the"),
    ],
)  # fmt: skip
def test_each_stack_is_explained(setting, words):
    assert words in residual_verdict(flat(setting))


scales = st.floats(0.01, 3)


@given(st.integers(1, 50), scales)
def test_what_is_said_of_blocks_without_a_norm_is_what_theory_says(depth, scale):
    setting = ResidualSetting(depth, scale)
    said = residual_verdict(flat(setting)).split(" Measured")[0]
    block = (1 + scale**2) ** 0.5
    path = np.sqrt(stream_path(setting.stack))
    assert path[-1] / path[0] == pytest.approx(block**depth)
    if found := re.search(r"doubles about every (\S+) blocks", said):
        assert block ** float(found[1]) == pytest.approx(2, rel=0.05)
        assert block**depth > 1.9
    elif found := re.search(r"Every block makes the signal (\S+) times", said):
        assert block == pytest.approx(float(found[1]), rel=0.05)
    elif found := re.search(r"only (\S+) times as large", said):
        assert block**depth == pytest.approx(float(found[1]), rel=0.05)
        assert block**depth < 2.1
    else:
        assert "keep their size" in said and block**depth < 1.05


@given(st.integers(2, 50), scales, st.floats(0.05, 1))
def test_what_is_said_of_blocks_behind_a_norm_is_what_theory_says(depth, scale, varying):
    """``varying`` is the part of the stem's mean square that differs between images."""
    layer, batch = (ResidualSetting(depth, scale, name).stack for name in ("layer", "batch"))
    signal = np.sqrt(stream_path(layer))
    np.testing.assert_array_equal(signal, np.sqrt(stream_path(batch)))
    np.testing.assert_allclose(np.diff(signal**2), scale**2)  # equally much
    assert (np.diff(signal, n=2) < 0).all()  # more and more slowly
    as_much = stream_gradient_path(layer)[0] ** 0.5
    assert as_much == pytest.approx(signal[-1] / signal[0])
    assert stream_gradient_path(batch, varying)[0] ** 0.5 > signal[-1] / signal[0]


def test_the_scale_is_said_to_follow_the_depth_only_where_it_does():
    for setting in (ResidualSetting(50, 0.2), ResidualSetting(1, 1.0), ResidualSetting(9, 0.3)):
        assert "1/√depth" not in residual_verdict(flat(setting))
    whole = [(1 + 1 / depth) ** (depth / 2) for depth in range(5, 51)]
    assert max(whole) / min(whole) < 1.05  # "hardly depends on the depth"


@pytest.mark.parametrize(
    "factor, words",
    [
        (1.04, "keeps its size"),
        (0.96, "keeps its size"),
        (0.5, "shrinks to 50 % of its size"),
        (0.031, "shrinks to 3.1 % of its size"),
        (8, "becomes 8 times as large"),
        (950.4, "becomes 950 times as large"),
        (34_100, "becomes 34,000 times as large"),
        (1.26e6, "becomes 1.3 million times as large"),
        (999e6, "becomes 1 billion times as large"),
        (5.56e12, "becomes 5.6 trillion times as large"),
        (4.2e24, "is multiplied by a number of 25 digits"),
    ],
)
def test_what_was_measured_is_said_in_plain_words_in_the_direction_of_travel(factor, words):
    said = residual_verdict(flat(ResidualSetting(3), top=factor))
    assert f"Measured over 3 blocks: going up, the signal {words}; coming down, the grad" in said
    said = residual_verdict(flat(ResidualSetting(1), bottom=factor))
    assert said.endswith(
        f"over 1 block: going up, the signal keeps its size; coming down, the gradient {words}."
    )


@given(st.integers(1, 50), st.floats(0, 3), st.floats(1e-3, 1e26), st.floats(1e-3, 1e26))
def test_no_verdict_needs_powers_or_symbols_to_be_read(depth, scale, top, bottom):
    for name in NORMALIZATION_CHOICES:
        said = residual_verdict(flat(ResidualSetting(depth, scale, name), top=top, bottom=bottom))
        assert not re.search(r"[\^²⁰¹³-⁹]|\de[+\d-]|·|nan|inf", said)


def test_a_draw_far_from_theory_is_explained_and_one_close_to_it_is_not():
    m = flat(ResidualSetting(4))
    assert "strays" not in residual_verdict(replace(m, signal=1.4 * m.signal))
    assert residual_verdict(replace(m, gradient=m.gradient / 4)).endswith("by a factor of up to 4.")
