"""Every scheme against torch.nn.init, bit for bit, and against the variance that it promises."""

from __future__ import annotations

import math
import re
from functools import partial
from importlib import import_module

import numpy as np
import pytest
import torch
from helpers.numbers import seeded
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import init

from course_utils import theory
from course_utils.initializers import SCHEMES, fans, initialize_
from course_utils.initializers import schemes as initializers
from course_utils.initializers.schemes import gain
from course_utils.networks import ACTIVATIONS, mlp, weight_layers

FAN_BASED = [n for n in SCHEMES if n not in ("zero", "constant", "uniform", "normal")]
shapes = st.one_of(  # Linear, Conv1d, Conv2d, Conv3d
    st.tuples(st.integers(1, 40), st.integers(1, 40)),
    st.tuples(*[st.integers(1, 8)] * 2, st.integers(1, 5)),
    st.tuples(*[st.integers(1, 8)] * 2, *[st.integers(1, 5)] * 2),
    st.tuples(*[st.integers(1, 4)] * 2, *[st.integers(1, 3)] * 3),
)
dtypes = st.sampled_from([torch.float32, torch.float64, torch.bfloat16])
seeds = st.integers(0, 2**31)
gains = st.floats(0, 10)
slopes = st.floats(-3, 3)
law = settings(deadline=None, derandomize=True)


def assert_torchs_bit_for_bit(shape, dtype, seed, ours, torchs, *arguments):
    """Fill two tensors, ours and torch's, from the same seed: they are the same, bit for bit."""
    mine, reference = torch.full(shape, 7.0, dtype=dtype), torch.full(shape, 7.0, dtype=dtype)
    assert ours(mine, *arguments, generator=seeded(seed)) is mine
    torchs(reference, *arguments, generator=seeded(seed))
    assert torch.equal(mine, reference)


# ---------------------------------------------------------------- equal to torch, bit for bit


@law
@given(shape=shapes, dtype=dtypes, seed=seeds, gain=gains)
def test_xavier_is_torchs_bit_for_bit(shape, dtype, seed, gain):
    for ours, torchs in (
        (initializers.xavier_normal_, init.xavier_normal_),
        (initializers.xavier_uniform_, init.xavier_uniform_),
    ):
        assert_torchs_bit_for_bit(shape, dtype, seed, ours, torchs, gain)


@law
@given(
    shape=shapes,
    dtype=dtypes,
    seed=seeds,
    slope=slopes,
    mode=st.sampled_from(["fan_in", "fan_out"]),
)
def test_he_is_torchs_kaiming_bit_for_bit(shape, dtype, seed, slope, mode):
    for ours, torchs in (
        (initializers.he_normal_, init.kaiming_normal_),
        (initializers.he_uniform_, init.kaiming_uniform_),
    ):
        assert_torchs_bit_for_bit(shape, dtype, seed, ours, torchs, slope, mode)


@law
@given(shape=shapes, dtype=dtypes, seed=seeds)
def test_lecun_is_torchs_kaiming_for_a_linear_activation_bit_for_bit(shape, dtype, seed):
    for ours, torchs in (
        (initializers.lecun_normal_, init.kaiming_normal_),
        (initializers.lecun_uniform_, init.kaiming_uniform_),
    ):
        torchs = partial(torchs, nonlinearity="linear")
        assert_torchs_bit_for_bit(shape, dtype, seed, ours, torchs)


@law
@given(shape=shapes, dtype=st.sampled_from([torch.float32, torch.float64]), seed=seeds, gain=gains)
def test_orthogonal_is_torchs_bit_for_bit(shape, dtype, seed, gain):
    assert_torchs_bit_for_bit(shape, dtype, seed, initializers.orthogonal_, init.orthogonal_, gain)


@law
@given(shape=shapes, dtype=dtypes, seed=seeds, a=st.floats(-5, 5), b=st.floats(-5, 5))
def test_uniform_and_normal_are_torchs_bit_for_bit(shape, dtype, seed, a, b):
    low, high = min(a, b), max(a, b)
    assert_torchs_bit_for_bit(shape, dtype, seed, initializers.uniform_, init.uniform_, low, high)
    assert_torchs_bit_for_bit(shape, dtype, seed, initializers.normal_, init.normal_, a, abs(b))


@pytest.mark.parametrize(
    "ours, torchs",
    [
        (initializers.xavier_normal_, init.xavier_normal_),
        (initializers.xavier_uniform_, init.xavier_uniform_),
        (initializers.he_normal_, init.kaiming_normal_),
        (initializers.he_uniform_, init.kaiming_uniform_),
        (initializers.orthogonal_, init.orthogonal_),
        (initializers.uniform_, init.uniform_),
        (initializers.normal_, init.normal_),
    ],
)
def test_the_defaults_are_torchs(ours, torchs):
    assert_torchs_bit_for_bit((5, 7), torch.float32, 3, ours, torchs)


@pytest.mark.parametrize("name", ["zero", "constant", "uniform", "normal"])
def test_what_needs_no_fans_fills_a_single_number_and_a_bias_too(name):
    for shape in ((), (4,)):
        w = torch.full(shape, 7.0)
        assert SCHEMES[name](w, generator=seeded(0)) is w and (w != 7).all()


@law
@given(n_in=st.integers(1, 40), n_out=st.integers(1, 40), bias=st.booleans(), seed=seeds)
def test_pytorch_default_is_what_a_fresh_linear_layer_holds_bit_for_bit(n_in, n_out, bias, seed):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        fresh = nn.Linear(n_in, n_out, bias=bias)
    other = initialize_(
        nn.Linear(n_in, n_out, bias=bias), "pytorch_default", generator=seeded(seed)
    )
    assert torch.equal(fresh.weight, other.weight)
    assert not bias or torch.equal(fresh.bias, other.bias)


@pytest.mark.parametrize("build", [nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.ConvTranspose2d])
def test_pytorch_default_is_what_a_fresh_convolution_holds_bit_for_bit(build):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        fresh = build(4, 6, 3, groups=2)
    other = initialize_(build(4, 6, 3, groups=2), "pytorch_default", generator=seeded(3))
    assert torch.equal(fresh.weight, other.weight) and torch.equal(fresh.bias, other.bias)


# ---------------------------------------------------------------- moments, bounds, orthogonality


def promised(scheme, w, options):
    """Mean and variance of one weight, from the papers and not from the code."""
    n_out, n_in = w.shape[0] * w[0, 0].numel(), w.shape[1] * w[0, 0].numel()
    fan = {"fan_in": n_in, "fan_out": n_out}[options.get("mode", "fan_in")]
    g, a = options.get("gain", 1), options.get("negative_slope", 0)
    low, high = options.get("low", 0), options.get("high", 1)
    return {
        "uniform": ((low + high) / 2, (high - low) ** 2 / 12),
        "normal": (options.get("mean", 0), options.get("std", 1) ** 2),
        "xavier": (0, g**2 * 2 / (n_in + n_out)),
        "he": (0, 2 / ((1 + a**2) * fan)),
        "lecun": (0, 1 / n_in),
        "orthogonal": (0, g**2 / max(w.shape[0], w[0].numel())),
        "pytorch_default": (0, 1 / (3 * n_in)),
    }[scheme if scheme in ("pytorch_default", "orthogonal") else scheme.split("_")[0]]


CASES = [
    ("uniform", {}),
    ("uniform", {"low": -0.3, "high": 0.1}),
    ("normal", {}),
    ("normal", {"mean": 2.0, "std": 0.01}),
    ("xavier_normal", {}),
    ("xavier_uniform", {"gain": 5 / 3}),
    ("he_normal", {}),
    ("he_normal", {"mode": "fan_out"}),
    ("he_uniform", {"negative_slope": 0.3, "mode": "fan_out"}),
    ("he_uniform", {"negative_slope": math.sqrt(5)}),
    ("lecun_normal", {}),
    ("lecun_uniform", {}),
    ("pytorch_default", {}),
]
KURTOSIS = {"normal": 3.0, "uniform": 1.8}


@pytest.mark.parametrize("shape", [(300, 700), (700, 300), (80, 50, 7, 7), (64, 32, 3, 4, 5)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize(("scheme", "options"), CASES)
def test_mean_and_variance_are_as_promised_within_five_standard_errors(
    scheme, options, dtype, shape
):
    w = SCHEMES[scheme](torch.empty(shape, dtype=dtype), generator=seeded(0), **options).double()
    mean, variance = promised(scheme, w, options)
    n = w.numel()
    # n independent weights: the mean has the standard error √(variance/n), the variance has
    # variance · √((kurtosis - 1)/n), where the kurtosis of a normal is 3 and of a uniform 1.8.
    kurtosis = KURTOSIS["normal" if "normal" in scheme else "uniform"]
    assert abs(w.mean().item() - mean) < 5 * math.sqrt(variance / n)
    assert abs(w.var().item() / variance - 1) < 5 * math.sqrt((kurtosis - 1) / n)


@law
@given(shape=shapes, seed=seeds, scale=st.floats(0.01, 5), slope=slopes)
def test_uniform_schemes_never_leave_their_bounds(shape, seed, scale, slope):
    positions = math.prod(shape[2:])
    n_in, n_out = shape[1] * positions, shape[0] * positions
    for scheme, options, bound in (
        ("uniform", {"low": -scale, "high": scale}, scale),
        ("xavier_uniform", {"gain": scale}, scale * math.sqrt(6 / (n_in + n_out))),
        ("he_uniform", {"negative_slope": slope}, math.sqrt(6 / ((1 + slope**2) * n_in))),
        ("lecun_uniform", {}, math.sqrt(3 / n_in)),
        ("pytorch_default", {}, 1 / math.sqrt(n_in)),
    ):
        w = SCHEMES[scheme](torch.empty(shape), generator=seeded(seed), **options)
        assert w.abs().max().item() <= bound * (1 + 1e-6)  # float32 rounds the bound itself


@pytest.mark.parametrize("scheme", ["xavier_uniform", "he_uniform", "lecun_uniform"])
def test_uniform_schemes_reach_for_their_bounds(scheme):
    w = SCHEMES[scheme](torch.empty(200, 500), generator=seeded(0))
    bound = math.sqrt(3 * promised(scheme, w, {})[1])
    # the largest of 100,000 uniform numbers falls short of the bound by about 1 part in 100,000
    assert bound * (1 - 2e-4) < w.max().item() and -w.min().item() > bound * (1 - 2e-4)


@law
@given(
    shape=shapes,
    dtype=st.sampled_from([torch.float32, torch.float64]),
    seed=seeds,
    gain=st.floats(0.1, 10),
)
def test_orthogonal_has_orthogonal_rows_or_columns_of_length_gain(shape, dtype, seed, gain):
    w = torch.empty(shape, dtype=dtype)
    matrix = initializers.orthogonal_(w, gain, generator=seeded(seed)).flatten(1).double()
    rows, columns = matrix.shape
    product = matrix @ matrix.T if rows <= columns else matrix.T @ matrix
    expected = gain**2 * torch.eye(min(rows, columns), dtype=torch.float64)
    tolerance = gain**2 * (1e-5 if dtype == torch.float32 else 1e-12)
    assert torch.allclose(product, expected, rtol=0, atol=tolerance)
    variance = promised("orthogonal", w, {"gain": gain})[1]  # Σw² is fixed: no sampling error
    assert matrix.square().mean().item() == pytest.approx(variance, rel=1e-5)


def test_orthogonal_has_no_preferred_direction():
    samples = 4000
    generator = seeded(0)
    w = torch.stack(
        [initializers.orthogonal_(torch.empty(3, 3), generator=generator) for _ in range(samples)]
    )
    # an entry of a random orthogonal 3×3 matrix is uniform on (-1, 1) (Archimedes)
    assert w.mean(dim=0).abs().max() < 5 * math.sqrt(1 / 3 / samples)
    assert (w.var(dim=0) * 3 - 1).abs().max() < 5 * math.sqrt(0.8 / samples)


@pytest.mark.parametrize("shape", [(), (5,), (3, 4), (3, 4, 5, 5)])
def test_zero_and_constant_take_any_shape_and_draw_nothing(shape):
    generator = seeded(1)
    before = generator.get_state()
    assert (initializers.zero_(torch.ones(shape), generator=generator) == 0).all()
    assert (initializers.constant_(torch.ones(shape), 0.25, generator=generator) == 0.25).all()
    assert (initializers.constant_(torch.zeros(shape)) == 1).all()
    assert torch.equal(generator.get_state(), before)


@law
@given(shape=shapes)
def test_fans_are_torchs(shape):
    assert fans(torch.empty(shape)) == init._calculate_fan_in_and_fan_out(torch.empty(shape))


def test_fans_of_a_convolution_are_the_connections_of_one_unit():
    conv = nn.Conv2d(6, 10, (3, 5))
    reached = torch.autograd.functional.jacobian(
        lambda x: conv(x)[0, 0, 0, 0], torch.randn(1, 6, 3, 5)
    )
    assert fans(conv.weight) == (reached.ne(0).sum().item(), 10 * 15)


# ---------------------------------------------------------------- randomness and autograd


@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_generator_reproduces_the_draw_and_leaves_the_global_state_alone(scheme):
    torch.manual_seed(5)
    before = torch.get_rng_state()
    draws = [SCHEMES[scheme](torch.empty(20, 30), generator=seeded(s)) for s in (1, 1, 2)]
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(draws[0], draws[1])
    assert torch.equal(draws[0], draws[2]) == (scheme in ("zero", "constant"))


@pytest.mark.parametrize("scheme", SCHEMES)
def test_without_a_generator_torchs_seed_decides(scheme):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(9)
        first = SCHEMES[scheme](torch.empty(20, 30))
        torch.manual_seed(9)
        assert torch.equal(first, SCHEMES[scheme](torch.empty(20, 30)))


@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_parameter_is_changed_in_place_and_records_no_gradient(scheme):
    w = nn.Parameter(torch.full((6, 5), 7.0))
    result = SCHEMES[scheme](w, generator=seeded(0))
    assert result is w and w.requires_grad and w.is_leaf and w.grad_fn is None and w.grad is None
    assert not torch.equal(w, torch.full((6, 5), 7.0))


# ---------------------------------------------------------------- gain


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_gain_is_torchs_or_says_where_to_find_one(name):
    if name in ("elu", "gelu", "silu"):
        with pytest.raises(ValueError, match=f"no gain for '{name}'.*forward_gain"):
            gain(name)
    else:
        assert gain(name) == init.calculate_gain(name) and isinstance(gain(name), float)


@law
@given(slope=slopes)
def test_gain_of_leaky_relu_follows_its_slope(slope):
    assert gain("leaky_relu", slope) == pytest.approx(math.sqrt(2 / (1 + slope**2)), rel=1e-15)


def test_gain_refuses_a_slope_where_there_is_none():
    with pytest.raises(ValueError, match="negative_slope belongs to leaky_relu only"):
        gain("relu", 0.1)
    with pytest.raises(ValueError, match="negative_slope must be a finite number, got nan"):
        gain("leaky_relu", math.nan)


# ---------------------------------------------------------------- whole networks


class Everything(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3)
        self.norm = nn.BatchNorm2d(8)
        self.up = nn.ConvTranspose2d(8, 4, 2)
        self.head = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10, bias=False))


@pytest.mark.parametrize("scheme", [s for s in SCHEMES if s != "pytorch_default"])
def test_initialize_draws_every_weight_in_order_and_zeroes_the_biases(scheme):
    network = Everything()
    with torch.no_grad():
        network.norm.weight.fill_(3.0)
        network.norm.bias.fill_(4.0)
    assert initialize_(network, scheme, generator=seeded(2)) is network
    generator = seeded(2)
    for layer in weight_layers(network):
        weight = layer.weight.transpose(0, 1) if layer is network.up else layer.weight
        expected = SCHEMES[scheme](torch.empty(weight.shape), generator=generator)  # (out, in, …)
        assert torch.equal(weight, expected)
        assert layer.bias is None or (layer.bias == 0).all()
    assert (network.norm.weight == 3).all() and (network.norm.bias == 4).all()


def test_pytorch_default_draws_biases_within_their_bound():
    layer = initialize_(nn.Linear(25, 10_000), "pytorch_default", generator=seeded(0))
    assert 0.999 / 5 < layer.bias.abs().max().item() <= 1 / 5
    # 10,000 numbers of variance 1/75: standard error of the variance √(0.8/10,000)
    assert layer.bias.var().item() * 75 == pytest.approx(1, abs=5 * math.sqrt(0.8 / 10_000))


def test_initialize_takes_the_options_of_the_scheme():
    layer = initialize_(nn.Linear(100, 100), "normal", mean=3.0, std=0.0)
    assert (layer.weight == 3).all()


def test_initialize_takes_a_function():
    calls = []

    def mine(weight, *, generator, depth):
        calls.append((weight, generator, depth))

    network, generator = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2)), seeded(0)
    initialize_(network, mine, generator=generator, depth=5)
    assert [c[0] is layer.weight for c, layer in zip(calls, (network[0], network[2]), strict=True)]
    assert all(c[1:] == (generator, 5) for c in calls)
    by_function = initialize_(nn.Linear(9, 9), initializers.pytorch_default_, generator=seeded(1))
    by_name = initialize_(nn.Linear(9, 9), "pytorch_default", generator=seeded(1))
    assert torch.equal(by_function.bias, by_name.bias) and by_name.bias.abs().max() > 0


# ---------------------------------------------------------------- errors


@pytest.mark.parametrize("bad", [-0.1, math.nan, math.inf, None, "wide"])
def test_a_bad_scale_is_named(bad):
    w = torch.full((3, 4), 7.0)
    for name, scheme in (
        ("std", initializers.normal_),
        ("gain", initializers.xavier_normal_),
        ("gain", initializers.xavier_uniform_),
        ("gain", initializers.orthogonal_),
    ):
        with pytest.raises(ValueError, match=f"{name} must be a finite number of at least 0, got"):
            scheme(w, **{name: bad})
    assert (w == 7).all()


@pytest.mark.parametrize("bad", [math.nan, -math.inf, None])
def test_a_number_that_is_not_finite_is_named(bad):
    w = torch.empty(3, 4)
    for name, scheme in (
        ("value", initializers.constant_),
        ("low", initializers.uniform_),
        ("high", initializers.uniform_),
        ("mean", initializers.normal_),
        ("negative_slope", initializers.he_normal_),
    ):
        with pytest.raises(ValueError, match=f"{name} must be a finite number, got"):
            scheme(w, **{name: bad})


def test_low_above_high_is_refused():
    with pytest.raises(ValueError, match="low must not be above high, got low=1.0 and high=-1.0"):
        initializers.uniform_(torch.empty(3, 4), 1, -1)


def test_an_unknown_mode_is_answered_with_the_two():
    with pytest.raises(ValueError, match="mode must be 'fan_in' or 'fan_out', got 'fan_avg'"):
        initializers.he_uniform_(torch.empty(3, 4), mode="fan_avg")


@pytest.mark.parametrize("scheme", FAN_BASED)
def test_a_bias_has_no_fans(scheme):
    with pytest.raises(ValueError, match=r"two or more dimensions.*got shape \(5,\).*bias"):
        SCHEMES[scheme](torch.empty(5))


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize(
    ("not_a_weight", "message"),
    [
        ([[1.0]], "w must be a tensor, such as layer.weight, got list"),
        (nn.Linear(2, 2), "w must be a tensor, such as layer.weight, got Linear"),
        (torch.zeros(2, 2, dtype=torch.int64), "floating-point numbers, got torch.int64"),
        (torch.empty(0, 3), r"w holds no number, its shape is \(0, 3\)"),
        (nn.LazyLinear(3).weight, "a lazy layer has no shape yet"),
    ],
)
def test_what_is_no_weight_is_refused_in_words(scheme, not_a_weight, message):
    with pytest.raises(ValueError, match=message):
        SCHEMES[scheme](not_a_weight)


def test_orthogonal_names_the_number_formats_that_it_needs():
    with pytest.raises(ValueError, match="orthogonal_ needs float32 or float64.*bfloat16"):
        initializers.orthogonal_(torch.empty(3, 4, dtype=torch.bfloat16))


@pytest.mark.parametrize(
    "elsewhere, here",
    [
        ("kaiming_normal", "he_normal"),
        ("kaiming_uniform_", "he_uniform"),
        ("Glorot_Uniform", "xavier_uniform"),
        ("He", "he_normal or he_uniform"),
        ("glorot", "xavier_normal or xavier_uniform"),
        ("zeros", "zero"),
        ("orthogonal_", "orthogonal"),
        ("HeNormal", "he_normal"),
        ("GlorotUniform", "xavier_uniform"),
        ("xavier-uniform", "xavier_uniform"),
        ("Random Normal", "normal"),
        ("ones_", "constant"),
        ("PyTorch", "pytorch_default"),
    ],
)
def test_a_scheme_that_is_called_otherwise_elsewhere_is_told_its_name_here(elsewhere, here):
    with pytest.raises(ValueError, match=f"no scheme '{elsewhere}': here it is {here}$"):
        initialize_(mlp([3, 3]), elsewhere)


@pytest.mark.parametrize("name", ["trunc_normal_", "TruncatedNormal", "VarianceScaling"])
def test_a_scheme_that_is_not_here_is_answered_with_the_nearest(name):
    with pytest.raises(ValueError, match=f"no scheme '{name}': the nearest here is .*_?normal|lec"):
        initialize_(mlp([3, 3]), name)


@pytest.mark.parametrize(
    "name", ["looks_linear", "lsuv", "LSUV", "delta-orthogonal", "gpt2", "mup"]
)
def test_a_scheme_that_is_a_function_is_answered_with_its_call(name):
    with pytest.raises(ValueError, match="it is a function, .* of course_utils.initiali") as error:
        initialize_(mlp([3, 3]), name)
    call = re.search(r"function, (\w+)\(", str(error.value))
    assert callable(getattr(import_module("course_utils.initializers"), call[1]))


@pytest.mark.parametrize(
    "elsewhere, here",
    [("ReLU", "relu"), ("LeakyReLU", "leaky_relu"), ("identity", "linear"), (nn.Tanh(), "tanh")],
)
def test_a_gain_is_told_under_the_name_that_is_used_here(elsewhere, here):
    with pytest.raises(ValueError, match=f"is called '{here}' here$"):
        gain(elsewhere)


def test_a_gain_that_torch_has_not_is_computed_under_the_name_that_is_used_here():
    with pytest.raises(ValueError, match=r"no gain for 'swish'.*theory.forward_gain\('silu'\)"):
        gain("swish")


@pytest.mark.parametrize("name", ["mish", lambda z: z, None])
def test_an_activation_without_a_gain_is_shown_how_to_get_one(name):
    with pytest.raises(ValueError, match=r"try theory.forward_gain.*theory.Activation\(") as error:
        gain(name)
    shown = str(error.value).split("NumPy functions, ")[1]
    assert eval(shown, {"theory": theory, "np": np}) > 1
    with pytest.raises(ValueError, match="build your own of two NumPy functions") as error:
        theory.forward_gain(name)
    own = eval(str(error.value).split("such as ")[1], {"Activation": theory.Activation, "np": np})
    assert theory.forward_gain(own) > 1


@pytest.mark.parametrize("unknown", ["heavy", "", None, 3])
def test_an_unknown_scheme_is_answered_with_the_names(unknown):
    with pytest.raises(ValueError, match="there is no scheme .*zero.*pytorch_default") as error:
        initialize_(nn.Linear(2, 2), unknown)
    assert all(name in str(error.value) for name in SCHEMES)


def test_an_option_that_the_scheme_does_not_take_is_answered_with_what_it_takes():
    layer = nn.Linear(2, 2)
    before = layer.weight.clone()
    with pytest.raises(ValueError, match="xavier_normal takes gain; it does not take std"):
        initialize_(layer, "xavier_normal", std=0.1)
    with pytest.raises(ValueError, match="he_uniform takes negative_slope, mode; .* not take gain"):
        initialize_(layer, "he_uniform", gain=2.0)
    with pytest.raises(ValueError, match="zero takes no option; it does not take value"):
        initialize_(layer, "zero", value=2.0)
    assert torch.equal(layer.weight, before)


def test_a_network_without_weights_is_refused():
    with pytest.raises(ValueError, match="Sequential holds no nn.Linear and no convolution"):
        initialize_(nn.Sequential(nn.ReLU(), nn.BatchNorm1d(3)), "zero")
    with pytest.raises(ValueError, match="network must be an nn.Module, got Tensor"):
        initialize_(torch.empty(3, 3), "zero")
