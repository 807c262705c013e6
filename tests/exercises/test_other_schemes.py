import math

import numpy as np
import pytest
import torch
from helpers.answers import said
from torch import nn

from course_utils import theory
from course_utils.exercises.other_schemes import (
    check_amplitude,
    check_batch_norm_growth,
    check_lsuv,
    check_orthonormal,
)
from course_utils.initializers import initialize_, orthogonal_
from course_utils.networks import mlp
from course_utils.probes import Probe

# ---------------------------------------------------------------- exercise 1


def kept(b):
    return float(theory.gaussian_mean(lambda z: np.tanh(b * z) ** 2, 1.0))


def amplitude_by_simulation(b):
    z = torch.randn(1_000_000, generator=torch.Generator().manual_seed(0))
    return 1 / (b * z).tanh().square().mean().sqrt()


@pytest.mark.parametrize("answer", [lambda b: 1 / math.sqrt(kept(b)), amplitude_by_simulation])
def test_the_amplitude_that_keeps_the_mean_square_is_right(answer, capsys):
    assert said(capsys, check_amplitude, answer) == "Exercise 1: correct"


@pytest.mark.parametrize(
    "wrong, hint",
    [
        (lambda b: 1 / math.tanh(b), "as LeCun's 1.7159 does"),
        (lambda b: 1 / b, "the slope at 0"),
        (lambda b: 1 / kept(b), "take the root"),
        (lambda b: math.sqrt(kept(b)), "Upside down"),
        (lambda b: 1 / math.sqrt(kept(math.sqrt(b))), "variance b²"),
        (lambda b: 1 / math.sqrt(kept(1.0)), "You left b out"),
        (
            lambda b: 1 / b / math.sqrt(theory.gaussian_mean(lambda z: np.cosh(b * z) ** -4.0, 1)),
            "keeps the gradient's",
        ),
        (lambda b: 1.7159, "Average tanh(b z)²"),
        (lambda b: [1.0], "for 0.3 yours is"),
        (lambda: 1.0, "TypeError"),
    ],
)
def test_a_wrong_amplitude_is_explained(wrong, hint, capsys):
    line = said(capsys, check_amplitude, wrong)
    assert line.startswith("Exercise 1: not yet. ") and hint in line


# ---------------------------------------------------------------- exercise 2


def by_hand_(w, *, generator=None):
    rows, columns = w.shape
    q, _ = torch.linalg.qr(torch.randn(max(w.shape), min(w.shape), generator=generator))
    w.copy_(q if rows >= columns else q.T)


def torch_s_own_(w, *, generator=None):
    return nn.init.orthogonal_(w, generator=generator)


@pytest.mark.parametrize("answer", [by_hand_, torch_s_own_, orthogonal_])
def test_orthonormal_rows_or_columns_are_right(answer, capsys):
    assert said(capsys, check_orthonormal, answer) == "Exercise 2: correct"


def wide_forgotten_(w, *, generator=None):
    w.copy_(torch.linalg.qr(torch.randn(w.shape, generator=generator))[0])


def only_lengths_(w, *, generator=None):
    w.normal_(generator=generator)
    w /= w.norm(dim=1, keepdim=True)


def gaussian_(w, *, generator=None):
    w.normal_(0, 1 / math.sqrt(w.shape[1]), generator=generator)


def with_gain_(w, *, generator=None):
    orthogonal_(w, gain=2.0, generator=generator)


def without_generator_(w, *, generator=None):
    orthogonal_(w)


def same_seed_(w, *, generator=None):
    orthogonal_(w, generator=torch.Generator().manual_seed(0))


def new_tensor(w, *, generator=None):
    return torch.linalg.qr(torch.randn(w.shape, generator=generator))[0]


def nan_where_tall_(w, *, generator=None):
    orthogonal_(w, generator=generator)
    w[w.shape[1] :] = math.nan


def nan_(w, *, generator=None):
    w.fill_(math.nan)


@pytest.mark.parametrize(
    "wrong, hint",
    [
        (wide_forgotten_, "A wide matrix stops it"),
        (only_lengths_, "not perpendicular"),
        (gaussian_, "not all 1: q of a QR"),
        (with_gain_, "equal, but not 1"),
        (without_generator_, "pass the generator on"),
        (same_seed_, "should come from the generator"),
        (new_tensor, "w is as it was"),
        (nan_, "no finite numbers"),
        (nan_where_tall_, "For 9 rows and 4 columns some weights are no finite numbers"),
        (lambda w: orthogonal_(w), "TypeError"),
    ],
)
def test_what_is_wrong_with_a_scheme_is_explained(wrong, hint, capsys):
    line = said(capsys, check_orthonormal, wrong)
    assert line.startswith("Exercise 2: not yet. ") and hint in line


def test_the_global_random_state_is_left_alone(capsys):
    before = torch.get_rng_state()
    check_orthonormal(without_generator_)
    assert torch.equal(torch.get_rng_state(), before)


# ---------------------------------------------------------------- exercise 3


def moments(slope):
    """Return E[φ′²], E[φ²] and E[φ] by quadrature."""
    f = (lambda z: np.where(z > 0, 1.0, slope) ** 2, lambda z: np.where(z > 0, z, slope * z) ** 2)
    mean = theory.gaussian_mean(lambda z: np.where(z > 0, z, slope * z), 1.0)
    return theory.gaussian_mean(f[0], 1.0), theory.gaussian_mean(f[1], 1.0), mean


def growth(slope):
    slopes, square, mean = moments(slope)
    return slopes / (square - mean**2)


def test_the_growth_by_quadrature_is_right(capsys):
    assert said(capsys, check_batch_norm_growth, growth) == "Exercise 3: correct"


def test_networks_with_batch_normalization_grow_as_the_right_answer_says():
    sizes = [50] + [200] * 40 + [10]
    network = mlp(sizes, lambda: nn.LeakyReLU(0.5), normalization="batch")
    initialize_(network, "he_normal", generator=torch.Generator().manual_seed(0))
    with Probe(network) as probe:
        x = torch.randn(256, 50, generator=torch.Generator().manual_seed(1))
        nn.functional.cross_entropy(network(x), torch.arange(256) % 10).backward()
    squares = probe.mean_squares("gradient")
    assert (squares[5] / squares[35]) ** (1 / 30) == pytest.approx(growth(0.5), rel=0.03)


@pytest.mark.parametrize(
    "wrong, hint",
    [
        (lambda a: moments(a)[0] / moments(a)[1], "layer normalization"),
        (lambda a: 1 / growth(a), "Upside down"),
        (lambda a: math.sqrt(growth(a)), "no root"),
        (lambda a: math.pi / (math.pi - 1), "That is plain ReLU"),
        (lambda a: 0.5 * (1 + a * a) / (0.5 * (1 + a * a) - (1 + a) ** 2 / math.tau), "a minus"),
        (lambda a: 0.5 * (1 + a * a) / (0.5 * (1 + a * a) - 1 / math.tau), "depends on the slope"),
        (lambda a: moments(a)[0] / (moments(a)[1] - moments(a)[2]), "Square the mean"),
        (lambda a: 1 / (moments(a)[1] - moments(a)[2] ** 2), "left out E[φ′²]"),
        (lambda a: 2.0, "Write down"),
        (lambda a: math.inf, "for 0.0 yours is inf"),
    ],
)
def test_a_wrong_growth_is_explained(wrong, hint, capsys):
    line = said(capsys, check_batch_norm_growth, wrong)
    assert line.startswith("Exercise 3: not yet. ") and hint in line


# ---------------------------------------------------------------- exercise 4


def lsuv(network, x, size=lambda t: t.std(correction=0), place=lambda t: t, skip_last=False):
    with torch.no_grad():
        for i, module in enumerate(network):
            if isinstance(module, nn.Linear) and not (skip_last and i == len(network) - 1):
                out = module(x)
                module.weight /= size(place(out) if i < len(network) - 1 else out)
            x = module(x)


def all_at_once(network, x):
    with torch.no_grad():
        stds, out = [], x
        for module in network:
            out = module(out)
            stds.append(out.std())
        for module, std in zip(network, stds, strict=True):
            if isinstance(module, nn.Linear):
                module.weight /= std


def through_data(network, x):
    for i, module in enumerate(network):
        if isinstance(module, nn.Linear):
            module.weight.data.div_(network[: i + 1](x).std().detach())


def with_new_parameters(network, x):
    for i, module in enumerate(network):
        if isinstance(module, nn.Linear):
            module.weight = nn.Parameter(module.weight / network[: i + 1](x).std())


@pytest.mark.parametrize("answer", [lsuv, through_data, with_new_parameters])
def test_layers_scaled_in_order_are_right(answer, capsys):
    assert said(capsys, check_lsuv, answer) == "Exercise 4: correct"


def new_weights(network, x):
    initialize_(network, "orthogonal", generator=torch.Generator().manual_seed(0))
    lsuv(network, x)


def with_layer_norm(network, x):
    network.insert(1, nn.LayerNorm(40))
    lsuv(network, x)


def using_up(network, x):
    lsuv(network, x)
    x.zero_()


def zeroed(network, x):
    for module in network[:1]:
        module.weight.data.fill_(math.inf)


def test_an_lsuv_may_use_up_its_images(capsys):
    assert said(capsys, check_lsuv, using_up) == "Exercise 4: correct"


def first_only(network, x):
    lsuv(network[:1], x)


@pytest.mark.parametrize(
    "wrong, hint",
    [
        (all_at_once, "before you scaled any"),
        (lambda n, x: lsuv(n, x, lambda t: t.var()), "by the variance"),
        (lambda n, x: lsuv(n, x, lambda t: t.std().sqrt()), "root of the std"),
        (lambda n, x: lsuv(n, x, lambda t: t.square().mean().sqrt()), "root mean square"),
        (lambda n, x: lsuv(n, x, place=torch.relu), "after the ReLU"),
        (lambda n, x: lsuv(n, x, skip_last=True), "last layer is not scaled"),
        (lambda n, x: lsuv(n, x, lambda t: t.std(dim=0).mean()), "std of each unit"),
        (new_weights, "Layer 1 has new weights"),
        (with_layer_norm, "has been rebuilt"),
        (zeroed, "no finite numbers"),
        (first_only, "The output of layer 2 has not the std 1"),
        (lambda n, x: mlp([3, 2]), "The network is as it was"),
        (lambda n: None, "TypeError"),
    ],
)
def test_what_is_wrong_with_an_lsuv_is_explained(wrong, hint, capsys):
    line = said(capsys, check_lsuv, wrong)
    assert line.startswith("Exercise 4: not yet. ") and hint in line
