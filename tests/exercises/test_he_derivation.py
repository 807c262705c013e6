import math

import numpy as np
import pytest
import torch
from helpers.answers import said
from torch import nn

from course_utils import theory
from course_utils.exercises.he_derivation import (
    check_depth_of_default,
    check_limp_scheme,
    check_transposed_std,
)


def scheme(std):
    """Return a scheme that draws normal weights with std(n_out, n_in)."""

    def limp_(w, *, generator=None):
        return w.normal_(0, std(*w.shape), generator=generator)

    return limp_


def right(n_out, n_in):
    return math.sqrt(8 / (5 * n_in))


def uniform_(w, *, generator=None):
    bound = math.sqrt(3) * right(*w.shape)
    with torch.no_grad():
        w.uniform_(-bound, bound, generator=generator)


def copied_(w, *, generator=None):
    w.copy_(torch.randn(w.shape, generator=generator).mul(right(*w.shape)))


def test_the_mean_square_that_limp_leaves_is_five_eighths_by_quadrature():
    mean_square = theory.gaussian_mean(lambda x: np.maximum(x, -x / 2) ** 2, [0.1, 1.0, 10.0])
    assert np.allclose(mean_square, 5 / 8 * np.array([0.1, 1.0, 10.0]))


@pytest.mark.parametrize("answer", [scheme(right), uniform_, copied_])
def test_normal_and_uniform_weights_of_the_right_variance_are_right(answer, capsys):
    assert said(capsys, check_limp_scheme, answer) == "Exercise 1: correct"


def test_torch_s_leaky_scheme_with_slope_minus_a_half_is_right(capsys):
    def limp_(w, *, generator=None):
        return nn.init.kaiming_uniform_(w, a=-0.5, generator=generator)

    assert said(capsys, check_limp_scheme, limp_) == "Exercise 1: correct"


@pytest.mark.parametrize(
    "std, hint",
    [
        (lambda o, i: math.sqrt(2 / i), "He's scheme"),
        (lambda o, i: math.sqrt(1 / i), "linear layer"),
        (lambda o, i: math.sqrt(1.6 / o), "counted the outputs"),
        (lambda o, i: math.sqrt(2 / (o + i)), "Xavier's compromise"),
        (lambda o, i: math.sqrt(3.2 / (o + i)), "mean of both fans"),
        (lambda o, i: 1.6 / i, "used it as the std"),
        (lambda o, i: (1.6 / i) ** 0.25, "a root too many"),
        (lambda o, i: math.sqrt(0.625 / i), "has to be made up for"),
        (lambda o, i: math.sqrt(0.8 / i), "left out the ½"),
        (lambda o, i: math.sqrt(1 / (0.5 * 1.5) / i), "φ² is z²/4"),
        (lambda o, i: math.sqrt(1 / (0.5 * 0.5) / i), "adds to the mean square"),
        (lambda o, i: math.sqrt(1 / 3 / i), "PyTorch's default"),
        (lambda o, i: 0.01, "half for each sign"),
    ],
)
def test_a_wrong_std_of_limp_is_explained(std, hint, capsys):
    line = said(capsys, check_limp_scheme, scheme(std))
    assert line.startswith("Exercise 1: not yet. ") and hint in line


def test_making_up_for_the_variance_instead_of_the_mean_square_is_explained(capsys):
    z = torch.randn(1_000_000, generator=torch.Generator().manual_seed(0))
    variance = torch.maximum(z, -z / 2).var().item()
    line = said(capsys, check_limp_scheme, scheme(lambda o, i: math.sqrt(1 / (variance * i))))
    assert "made up for Var(φ)" in line


def bound_is_std_(w, *, generator=None):
    w.uniform_(-right(*w.shape), right(*w.shape), generator=generator)


def positive_(w, *, generator=None):
    w.normal_(0, right(*w.shape), generator=generator).abs_()


def new_tensor(w, *, generator=None):
    return torch.randn(w.shape, generator=generator) * right(*w.shape)


def forgotten_tensor(w, *, generator=None):
    w = torch.randn(w.shape, generator=generator) * right(*w.shape)


def no_generator_(w, *, generator=None):
    w.normal_(0, right(*w.shape))


def one_seed_(w, *, generator=None):
    w.normal_(0, right(*w.shape), generator=torch.Generator().manual_seed(0))


def without_keyword_(w):
    w.normal_(0, right(*w.shape))


def first_row_(w, *, generator=None):
    w[0].normal_(0, right(*w.shape), generator=generator)


def nan_(w, *, generator=None):
    w.fill_(math.nan)


def shifted_(w, *, generator=None):
    w.normal_(0.03 * right(*w.shape), right(*w.shape), generator=generator)


def equal_units_(w, *, generator=None):
    w.copy_(torch.randn(1, w.shape[1], generator=generator) * right(*w.shape))


def similar_units_(w, *, generator=None):
    equal_units_(w, generator=generator)
    w += 0.01 * w.std() * torch.randn(w.shape, generator=generator)
    w -= w.mean()
    w *= right(*w.shape) / w.std()


def equal_weights_of_a_unit_(w, *, generator=None):
    w.copy_(torch.randn(w.shape[0], 1, generator=generator) * right(*w.shape))


@pytest.mark.parametrize(
    "wrong, hint",
    [
        (bound_is_std_, "the std a/√3"),
        (positive_, "mean 0"),
        (shifted_, "mean 0"),
        (new_tensor, "w is as it was"),
        (forgotten_tensor, "w is as it was"),
        (no_generator_, "pass the generator on"),
        (one_seed_, "different seeds"),
        (without_keyword_, "TypeError"),
        (first_row_, "not filled"),
        (nan_, "no finite numbers"),
        (equal_units_, "copies"),
        (equal_weights_of_a_unit_, "copies"),
        (similar_units_, "independent"),
    ],
)
def test_what_else_can_be_wrong_with_a_scheme_is_explained(wrong, hint, capsys):
    line = said(capsys, check_limp_scheme, wrong)
    assert line.startswith("Exercise 1: not yet. ") and hint in line


def test_the_global_random_state_is_left_alone(capsys):
    before = torch.get_rng_state()
    check_limp_scheme(scheme(right))
    assert torch.equal(torch.get_rng_state(), before)


SHAPES = [(32, 24, 4, 2), (32, 24, 3, 2), (24, 40, 6, 3), (24, 40, 5, 3), (32, 24, 3, 1)]


def transposed_std(in_channels, out_channels, kernel_size, stride):
    return math.sqrt(2 * stride**2 / (in_channels * kernel_size**2))


def interior(image, kernel_size, stride):
    """Cut away the border, leaving whole strides: (..., side, side)."""
    whole = (image.shape[-1] - 2 * kernel_size) // stride * stride
    return image[..., kernel_size : kernel_size + whole, kernel_size : kernel_size + whole]


@pytest.mark.parametrize("shape", SHAPES)
def test_an_output_of_a_transposed_convolution_adds_up_in_k2_over_stride2_terms(shape):
    in_channels, _, kernel_size, stride = shape
    layer = nn.ConvTranspose2d(*shape, bias=False)
    nn.init.ones_(layer.weight)
    with torch.no_grad():
        terms = interior(layer(torch.ones(1, in_channels, 16, 16)), kernel_size, stride)
    assert math.isclose(terms.mean(), in_channels * kernel_size**2 / stride**2, rel_tol=1e-4)
    assert (terms.min() == terms.max()) == (kernel_size % stride == 0)


@pytest.mark.parametrize("shape", SHAPES)
def test_its_std_keeps_the_signal_through_relu_on_average_over_positions(shape, capsys):
    _, _, kernel_size, stride = shape
    assert said(capsys, check_transposed_std, transposed_std) == "Exercise 2: correct"
    generator, ratios = torch.Generator().manual_seed(0), []
    for _ in range(6):
        z = torch.randn(4, shape[0], 20, 20, generator=generator)  # (batch, in, side, side)
        layer = nn.ConvTranspose2d(*shape, bias=False)
        nn.init.normal_(layer.weight, 0, transposed_std(*shape), generator=generator)
        with torch.no_grad():
            out = interior(layer(z.relu()), kernel_size, stride)
        ratios.append(out.square().mean() / z.square().mean())
    assert abs(np.mean(ratios) - 1) < 0.1


def test_torch_s_own_scheme_is_not_the_right_one_and_is_recognized(capsys):
    def by_torch(in_channels, out_channels, kernel_size, stride):
        weight = nn.ConvTranspose2d(in_channels, out_channels, kernel_size, stride).weight
        bound = max(nn.init.kaiming_uniform_(weight.detach()).abs().max() for _ in range(20))
        return float(bound) / math.sqrt(3)

    assert "what torch.nn.init does" in said(capsys, check_transposed_std, by_torch)


@pytest.mark.parametrize(
    "wrong, hint",
    [
        (lambda i, o, k, s: math.sqrt(2 / o) / k, "what torch.nn.init does"),
        (lambda i, o, k, s: math.sqrt(2 / o) * s / k, "The stride is right"),
        (lambda i, o, k, s: math.sqrt(2 / i) / k, "forgot the stride"),
        (lambda i, o, k, s: math.sqrt(2 * s / i) / k, "both directions"),
        (lambda i, o, k, s: math.sqrt(2 / i) / k / s, "must be larger"),
        (lambda i, o, k, s: 2 * s**2 / (i * k**2), "the variance"),
        (lambda i, o, k, s: math.sqrt(1 / i) * s / k, "left out the 2"),
        (lambda i, o, k, s: math.sqrt(2 * s / (i * k)), "k² taps"),
        (lambda i, o, k, s: 0.1, "counts its terms"),
        (lambda i, o, k, s: torch.ones(2, 2), "a Tensor of shape (2, 2)"),
        (lambda i, o, k, s: math.nan, "for 16, 32, 4, 2 yours is nan"),
        (lambda i, o, k: 0.1, "TypeError"),
    ],
)
def test_a_wrong_std_of_a_transposed_convolution_is_explained(wrong, hint, capsys):
    line = said(capsys, check_transposed_std, wrong)
    assert line.startswith("Exercise 2: not yet. ") and hint in line


def first_below(fraction, factor):
    n = 0
    while factor**n >= fraction:
        n += 1
    return n


@pytest.mark.parametrize(
    "answer",
    [
        lambda fraction: first_below(fraction, 1 / math.sqrt(6)),
        lambda fraction: math.ceil(2 * math.log(1 / fraction) / math.log(6)),
        lambda fraction: math.floor(math.log(fraction**2, 1 / 6)) + 1.0,
    ],
)
def test_the_default_loses_a_factor_of_root_six_a_layer(answer, capsys):
    assert said(capsys, check_depth_of_default, answer) == "Exercise 3: correct"


def test_networks_of_relus_with_the_default_weights_give_the_right_answer(capsys):
    torch.manual_seed(0)
    log_rms = torch.zeros(8, 18)
    with torch.no_grad():
        for row in log_rms:
            z = torch.randn(32, 512)
            for layer in range(18):
                z = nn.Linear(512, 512, bias=False)(z.relu() if layer else z)
                row[layer] = z.square().mean().log() / 2
    share = (log_rms - log_rms[:, :1]).mean(dim=0).exp()  # (layer,), of the first layer's rms

    def measured(fraction):
        return int((share >= fraction).sum())

    assert said(capsys, check_depth_of_default, measured) == "Exercise 3: correct"


@pytest.mark.parametrize(
    "wrong, hint",
    [
        (lambda f: first_below(f, 1 / 6), "That is when the mean square"),
        (lambda f: first_below(f, 3**-0.5), "ReLU halves it"),
        (lambda f: first_below(f, 1 / 3), "with ReLU it is 1/6"),
        (lambda f: first_below(f, 2**-0.5), "a third of that variance"),
        (lambda f: first_below(f, 6**-0.5) - 1, "One layer too few"),
        (lambda f: first_below(f, 6**-0.5) + 1, "One layer too many"),
        (lambda f: 2 * math.log(1 / f) / math.log(6), "whole number"),
        (lambda f: 4, "After n layers"),
        (lambda f: math.inf, "for 0.5 yours is inf"),
        (lambda f: [3], "yours is [3]"),
        (lambda: 3, "TypeError"),
    ],
)
def test_a_wrong_depth_is_explained(wrong, hint, capsys):
    line = said(capsys, check_depth_of_default, wrong)
    assert line.startswith("Exercise 3: not yet. ") and hint in line
