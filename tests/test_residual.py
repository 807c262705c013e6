"""Residual networks: what they compute, how they begin, what flows along their stream."""

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from course_utils.networks import weight_layers
from course_utils.residual import STARTS, Residual, measure_stream, residual_mlp, start_
from course_utils.residual_theory import Stack as TheoryStack
from course_utils.residual_theory import stream_gradient_path, stream_path
from course_utils.stacks import Stack
from course_utils.training import accuracy, fit

law = settings(deadline=None, derandomize=True, max_examples=25)


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def noise(*shape, seed=0):
    return torch.randn(*shape, generator=seeded(seed))


# ---------------------------------------------------------------- what they compute


def test_a_block_adds_its_scaled_branch_to_the_stream():
    branch, x = nn.Linear(5, 5), noise(3, 5)
    torch.testing.assert_close(Residual(branch, 0.3)(x), x + 0.3 * branch(x))
    assert not [p for p in Residual(nn.Identity(), 0.3).parameters()]
    (scale,) = Residual(nn.Identity(), 0.3, learned=True).parameters()
    assert scale.item() == pytest.approx(0.3) and scale.shape == ()


@pytest.mark.parametrize("normalization", [None, "layer", "batch"])
@pytest.mark.parametrize("layers", [1, 2])
def test_the_network_is_the_one_written_by_hand(normalization, layers):
    network = residual_mlp(
        [7, 6, 3], 4, branch_layers=layers, activation="tanh", scale=0.5,
        normalization=normalization, generator=seeded(),
    ).double()  # fmt: skip
    x = noise(9, 7).double()

    def normalized(h):
        if normalization is None:
            return h
        axis = {"layer": 1, "batch": 0}[normalization]
        h = h - h.mean(axis, keepdim=True)
        return h / (h.square().mean(axis, keepdim=True) + 1e-5).sqrt()

    stem, *weights, head = (layer.weight for layer in weight_layers(network))
    h = x @ stem.T
    for i in range(4):
        z = normalized(h)
        for weight in weights[layers * i : layers * (i + 1)]:
            z = z.tanh() @ weight.T
        h = h + 0.5 * z
    torch.testing.assert_close(network(x), normalized(h) @ head.T)


# ---------------------------------------------------------------- how they begin


def drawn(start, depth=6, layers=2, seed=0, **options):
    return residual_mlp(
        [20, 300, 10], depth, branch_layers=layers, start=start, generator=seeded(seed), **options
    )


@pytest.mark.parametrize("start", STARTS)
def test_weights_have_the_stds_of_their_start_and_biases_are_zero(start):
    network, depth = drawn(start), 6
    expected = {"he": [2 / 300, 2 / 300], "rezero": [2 / 300, 2 / 300]}
    expected["fixup"] = [2 / 300 / depth, 0.0]  # L^(-1/2) on the std, two layers a branch
    for block in network.blocks:
        for layer, variance in zip(weight_layers(block.branch), expected[start], strict=True):
            error = math.sqrt(2 / layer.weight.numel())
            assert layer.weight.var().item() == pytest.approx(variance, rel=5 * error)
        assert torch.as_tensor(block.scale).item() == (0.0 if start == "rezero" else 1.0)
        assert isinstance(block.scale, nn.Parameter) == (start == "rezero")
    assert network.stem.weight.var().item() == pytest.approx(1 / 20, rel=0.1)
    head = weight_layers(network.head)[-1].weight.var().item()
    assert head == (0.0 if start == "fixup" else pytest.approx(1 / 300, rel=0.15))
    assert not any(layer.bias.any() for layer in weight_layers(network))


@law
@given(st.integers(1, 9), st.integers(2, 4))
def test_fixup_rescales_by_the_depth_to_minus_one_over_2m_minus_2(depth, layers):
    """Branches of any number of layers m, against He's draw of the same numbers."""
    widths = [nn.Linear(8, 8) for _ in range(layers)]
    network = drawn("he", depth)
    network.blocks = nn.Sequential(
        *(Residual(nn.Sequential(*[nn.Linear(8, 8) for _ in widths])) for _ in range(depth))
    )
    weights = {}
    for start in ("he", "fixup"):
        start_(network, start, generator=seeded(1))
        weights[start] = [layer.weight.clone() for layer in weight_layers(network.blocks)]
    for i, (he, fixup) in enumerate(zip(weights["he"], weights["fixup"], strict=True)):
        last = i % layers == layers - 1
        factor = 0 if last else depth ** (-1 / (2 * layers - 2))
        torch.testing.assert_close(fixup, factor * he)


@pytest.mark.parametrize("start", ["fixup", "rezero"])
@pytest.mark.parametrize("normalization", [None, "layer", "batch"])
@pytest.mark.parametrize("layers", [1, 2])
def test_with_silent_branches_the_stream_is_the_stem_from_end_to_end(start, normalization, layers):
    network = drawn(start, 5, layers, normalization=normalization)
    x = noise(8, 20)
    assert torch.equal(network.blocks(network.stem(x)), network.stem(x))
    m = measure_stream(network, x)
    assert not m.added.any()
    np.testing.assert_array_equal(m.gradient, m.gradient[-1])


def gradients(network, x, y):
    F.cross_entropy(network(x), y).backward()
    return [[p.grad.norm().item() for p in block.parameters()] for block in network.blocks]


def test_at_the_first_step_rezero_moves_the_scales_only_and_fixup_the_head_only():
    x, y = noise(30, 20), torch.arange(30) % 10
    network = drawn("rezero", 3)
    gradients(network, x, y)
    for block in network.blocks:
        assert block.scale.grad.abs() > 1e-4
        assert not any(p.grad.any() for p in block.branch.parameters())
    network = drawn("fixup", 3)
    assert not np.any(gradients(network, x, y))  # the zero head sends nothing down
    assert weight_layers(network.head)[-1].weight.grad.any()
    with torch.no_grad():
        weight_layers(network.head)[-1].weight.normal_(generator=seeded())
    first, _, last, _ = np.transpose(gradients(network, x, y))  # weight and bias, twice
    assert not first.any() and last.all()


def test_of_two_depths_the_deeper_begins_with_the_blocks_of_the_other():
    short, long = drawn("he", 2), drawn("he", 5)
    for a, b in zip(short.blocks, long.blocks, strict=False):
        for p, q in zip(a.parameters(), b.parameters(), strict=True):
            assert torch.equal(p, q)


# ---------------------------------------------------------------- what flows along the stream


def test_the_measurement_is_that_of_autograd_by_hand():
    network, x, y = drawn("he", 3), noise(9, 20), torch.arange(9) % 10
    h = [network.stem(x)]
    for block in network.blocks:
        h.append(block(h[-1]))
    goal = F.cross_entropy(network.head(h[-1]), y)
    m = measure_stream(network, x, y)
    for i, gradient in enumerate(torch.autograd.grad(goal, h)):
        assert m.signal[i] == pytest.approx(h[i].square().mean().sqrt().item(), rel=1e-5)
        assert m.gradient[i] == pytest.approx(gradient.square().mean().sqrt().item(), rel=1e-4)
    for i in range(3):
        added = network.blocks[i].branch(h[i])
        assert m.added[i] == pytest.approx(added.square().mean().sqrt().item(), rel=1e-4)


def test_without_labels_noise_of_size_1_enters_at_the_top_and_the_seed_decides_which():
    network, x = drawn("he", 3), noise(50, 20)
    m, again, other = (measure_stream(network, x, seed=seed) for seed in (0, 0, 1))
    assert m.gradient[-1] == pytest.approx(1, rel=0.03)
    np.testing.assert_array_equal(m.gradient, again.gradient)
    assert (m.gradient != other.gradient).all()
    np.testing.assert_array_equal(m.signal, other.signal)


def test_a_measurement_leaves_no_gradient_and_no_randomness_behind():
    network, state = drawn("he", 3), torch.get_rng_state()
    measure_stream(network, noise(5, 20))
    assert all(p.grad is None for p in network.parameters())
    assert torch.equal(torch.get_rng_state(), state)
    network.requires_grad_(False)  # a frozen network can be measured too
    assert measure_stream(network, noise(5, 20)).gradient.all()


CASES = [
    (8, 1.0, 1, None, 0.12),
    (8, 1.0, 2, None, 0.12),
    (12, 12**-0.5, 1, None, 0.08),
    (30, 1.0, 1, "layer", 0.06),
    (30, 0.4, 2, "layer", 0.06),
    (30, 1.0, 1, "batch", 0.12),
    (30, 0.4, 2, "batch", 0.12),
]


@pytest.mark.parametrize("depth, scale, layers, normalization, tolerance", CASES)
def test_signal_and_gradient_grow_as_theory_says(depth, scale, layers, normalization, tolerance):
    """Mean squares over draws of 300 units, noise as inputs; tolerances on the mean square."""
    stack = TheoryStack(depth, scale, layers, normalization)
    x, runs = noise(200, 100, seed=9), []
    for seed in range(4 if normalization else 24):  # without, a draw's luck is multiplied
        network = residual_mlp(
            [100, 300, 10], depth, branch_layers=layers, scale=scale,
            normalization=normalization, generator=seeded(seed),
        )  # fmt: skip
        m = measure_stream(network, x, seed=seed)
        runs.append([m.signal**2, m.gradient**2])
    signal, gradient = np.mean(runs, axis=0)
    np.testing.assert_allclose(signal, stream_path(stack, signal[0]), rtol=tolerance)
    predicted = stream_gradient_path(stack, signal[0]) * gradient[-1]
    np.testing.assert_allclose(gradient, predicted, rtol=1.5 * tolerance)


# ---------------------------------------------------------------- the rest of the package


def test_fit_trains_them_alone_and_side_by_side_and_the_scales_begin_to_move():
    x = noise(400, 20)
    y = (x[:, 0] > 0).long()
    options = {"epochs": 10, "batch_size": 40, "lr": 1e-2, "progress": False}
    networks = [
        residual_mlp([20, 30, 2], 3, start="rezero", generator=seeded(seed)) for seed in (0, 1)
    ]
    side_by_side = Stack(networks)
    fit(side_by_side, x, y, **options)
    fit(networks[0], x, y, **options)
    assert min(accuracy(side_by_side, x, y)) > 0.95 and accuracy(networks[0], x, y) > 0.95
    assert all(block.scale.item() != 0 for block in networks[0].blocks)


@pytest.mark.parametrize(
    "sizes, options, words",
    [
        ([784, 10], {}, r"sizes are input, width and output, .* got \[784, 10\]: try"),
        ([784, 0, 10], {}, "got .784, 0, 10."),
        ([7, 6, 3], {"depth": 0}, "depth must be a whole number of at least 1, got 0"),
        ([7, 6, 3], {"depth": True}, "depth .* got True"),
        ([7, 6, 3], {"branch_layers": 3}, "branch_layers must be 1 or 2, got 3"),
        ([7, 6, 3], {"scale": math.nan}, "scale must be a finite number, .* got nan"),
        ([7, 6, 3], {"activation": "relu6"}, "unknown activation 'relu6': choose one of linear"),
        ([7, 6, 3], {"normalization": "group"}, "normalization 'group': .* None, batch, layer"),
        ([7, 6, 3], {"start": "zero"}, "unknown start 'zero': choose one of he, fixup, rezero"),
    ],
)
def test_what_cannot_be_built_is_refused_in_words(sizes, options, words):
    with pytest.raises(ValueError, match=words):
        residual_mlp(sizes, **{"depth": 2, **options})
