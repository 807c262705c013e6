"""The defining properties: lengths are kept, whatever the shape and whatever the image."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F
from helpers.numbers import seeded
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from course_utils.initializers import delta_orthogonal_, initialize_, looks_linear_, orthogonal_
from course_utils.networks import mlp, weight_layers
from course_utils.probes import singular_values

law = settings(deadline=None, derandomize=True, max_examples=60)
kernels = st.lists(st.integers(1, 5), min_size=1, max_size=3)
channels = st.integers(1, 12)
seeds = st.integers(0, 2**31)
gains = st.floats(0.1, 10)
PAD = {1: F.conv1d, 2: F.conv2d, 3: F.conv3d}


def circular(images, w):
    """Convolve images (batch, in, *sides) with w (out, in, *kernel) as if they were periodic."""
    pads = [(side // 2, side - 1 - side // 2) for side in w.shape[:1:-1]]
    padded = F.pad(images, [p for pair in pads for p in pair], mode="circular")
    return PAD[w.dim() - 2](padded, w)


# ---------------------------------------------------------------- delta-orthogonal


@law
@given(n_in=channels, more=st.integers(0, 6), kernel=kernels, gain=gains, seed=seeds)
def test_delta_orthogonal_keeps_the_norm_of_every_periodic_image(n_in, more, kernel, gain, seed):
    generator = seeded(seed)
    w = torch.empty(n_in + more, n_in, *kernel, dtype=torch.float64)
    assert delta_orthogonal_(w, gain, generator=generator) is w
    images = torch.randn(2, n_in, *[5] * len(kernel), dtype=torch.float64, generator=generator)
    norms = circular(images, w).flatten(1).norm(dim=1)
    torch.testing.assert_close(norms, gain * images.flatten(1).norm(dim=1), rtol=1e-12, atol=0)


@law
@given(n_in=channels, n_out=channels, kernel=kernels, gain=gains, seed=seeds)
def test_delta_orthogonal_is_zero_but_for_an_orthogonal_matrix_at_the_middle(
    n_in, n_out, kernel, gain, seed
):
    w = delta_orthogonal_(torch.full((n_out, n_in, *kernel), 7.0), gain, generator=seeded(seed))
    matrix = orthogonal_(torch.empty(n_out, n_in), gain, generator=seeded(seed))
    middle = (..., *[side // 2 for side in kernel])
    assert torch.equal(w[middle], matrix)
    w[middle] = 0
    assert not w.any()


def test_with_zeros_around_an_odd_kernel_keeps_the_norm_too():
    conv = initialize_(nn.Conv2d(3, 8, (3, 5), padding="same").double(), delta_orthogonal_)
    images = torch.randn(4, 3, 6, 6, dtype=torch.float64)
    norms = conv(images).flatten(1).norm(dim=1)
    torch.testing.assert_close(norms, images.flatten(1).norm(dim=1), rtol=1e-12, atol=0)


def test_an_orthogonal_kernel_alone_does_not_keep_the_norm_of_an_image():
    w = orthogonal_(torch.empty(8, 3, 3, 3, dtype=torch.float64), generator=seeded(0))
    images = torch.randn(50, 3, 6, 6, dtype=torch.float64, generator=seeded(1))
    ratios = circular(images, w).flatten(1).norm(dim=1) / images.flatten(1).norm(dim=1)
    assert ratios.max() / ratios.min() > 1.1


def test_a_matrix_is_filled_as_by_orthogonal():
    w = delta_orthogonal_(torch.empty(5, 3), 2.0, generator=seeded(4))
    assert torch.equal(w, orthogonal_(torch.empty(5, 3), 2.0, generator=seeded(4)))


def test_a_parameter_is_changed_in_place_and_records_no_gradient():
    w = nn.Conv2d(3, 4, 3).weight
    assert delta_orthogonal_(w) is w and w.is_leaf and w.requires_grad and w.grad_fn is None
    assert not delta_orthogonal_(w, 0.0).any()


@pytest.mark.parametrize(
    ("w", "options", "message"),
    [
        (torch.empty(5), {}, r"two or more dimensions.*got shape \(5,\)"),
        ([[1.0]], {}, "w must be a tensor"),
        (torch.empty(4, 3, 3, dtype=torch.bfloat16), {}, "needs float32 or float64"),
        (torch.empty(4, 3, 3), {"gain": -1}, "gain must be a finite number of at least 0, got -1"),
    ],
)
def test_what_cannot_be_made_orthogonal_is_refused_in_words(w, options, message):
    with pytest.raises(ValueError, match=message):
        delta_orthogonal_(w, **options)


# ---------------------------------------------------------------- ReLU


@law
@given(
    sizes=st.lists(st.integers(1, 12), min_size=1, max_size=4),
    ends=st.tuples(st.integers(1, 9), st.integers(1, 9)),
    seed=seeds,
)
def test_looks_linear_starts_as_a_linear_network_without_biases(sizes, ends, seed):
    network = mlp([ends[0], *[2 * n for n in sizes], ends[1]], "relu").double()
    assert looks_linear_(network, generator=seeded(seed)) is network
    x = torch.randn(6, ends[0], dtype=torch.float64, generator=seeded(seed))
    columns = network(torch.eye(ends[0], dtype=torch.float64))  # the matrix, column by column
    torch.testing.assert_close(network(x), x @ columns, rtol=0, atol=1e-12)


def test_all_singular_values_of_a_deep_relu_network_are_one_with_looks_linear_only():
    x = torch.randn(3, 20, dtype=torch.float64, generator=seeded(0))
    network = mlp([20] + [40] * 50 + [20], "relu").double()
    ones = singular_values(looks_linear_(network, generator=seeded(1)), x)
    assert abs(ones - 1).max() < 1e-12
    initialize_(network, "orthogonal", gain=math.sqrt(2), generator=seeded(1))
    spread = singular_values(network, x)
    assert (spread[:, 0] / spread[:, 9] > 1e3).all()  # the largest against the tenth of twenty


def test_looks_linear_serves_leaky_relu_with_the_gain_of_its_two_slopes():
    network = mlp([20] + [40] * 10 + [20], lambda: nn.LeakyReLU(0.2)).double()
    looks_linear_(network, 1 / 1.2, generator=seeded(2))
    values = singular_values(network, torch.randn(2, 20, dtype=torch.float64))
    assert abs(values - 1).max() < 1e-12


@pytest.mark.parametrize("name", ["gelu", "silu"])
def test_looks_linear_starts_a_hundred_layers_of_gelu_or_silu_as_an_orthogonal_map(name):
    network = mlp([20] + [40] * 100 + [20], name).double()
    looks_linear_(network, generator=seeded(4))
    values = singular_values(network, torch.randn(2, 20, dtype=torch.float64, generator=seeded(5)))
    assert abs(values - 1).max() < 1e-12


def test_looks_linear_zeroes_the_biases_and_comes_from_the_generator():
    first, second = (looks_linear_(mlp([6, 4, 3]), generator=seeded(3)) for _ in range(2))
    for a, b in zip(weight_layers(first), weight_layers(second), strict=True):
        assert torch.equal(a.weight, b.weight) and not a.bias.any() and a.weight.requires_grad


def test_looks_linear_names_what_it_cannot_mirror():
    with pytest.raises(ValueError, match=r"even hidden widths, got \[4, 5\]"):
        looks_linear_(mlp([6, 4, 5, 3]))
    with pytest.raises(ValueError, match="two or more Linear layers in a row, got Linear"):
        looks_linear_(mlp([6, 3]))
    with pytest.raises(ValueError, match="got Conv2d, Linear"):
        looks_linear_(nn.Sequential(nn.Conv2d(1, 2, 3), nn.Linear(4, 2)))
