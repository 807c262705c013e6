import math

import pytest
import torch
from helpers.answers import said
from torch import nn

from course_utils import load_mnist, theory
from course_utils.exercises import how_deep_can_we_go as checkers
from course_utils.initializers import initialize_
from course_utils.networks import weight_layers
from course_utils.theory import correlation as mean_field


@pytest.fixture(scope="module")
def data():
    return load_mnist("digits", log=None)


def settled(w2, b2):
    return mean_field.settle(math.sqrt(w2), math.sqrt(b2))


def bisect_edge(sigma_b):
    low, high = 1.0, 4.0
    while high - low > 1e-6:
        middle = (low + high) / 2
        low, high = (middle, high) if theory.chi(middle, sigma_b) < 1 else (low, middle)
    return low


RIGHT = {
    checkers.check_depth_limit: (1, lambda w2, b2: -6 / math.log(settled(w2, b2).chi_c)),
    checkers.check_edge: (2, bisect_edge),
    checkers.check_branch_scale: (4, lambda depth, growth: math.sqrt(growth ** (1 / depth) - 1)),
    checkers.check_output_std: (5, lambda blocks, std: std * (2 * blocks) ** -0.5),
}
WRONG = [
    (checkers.check_depth_limit, lambda w2, b2: 6 * mean_field.settle(w2, b2).xi_c, "variances"),
    (checkers.check_depth_limit, lambda w2, b2: settled(w2, b2).xi_c, "one depth scale"),
    (checkers.check_depth_limit, lambda w2, b2: 6 * settled(w2, b2).xi_q, "scale of q"),
    (checkers.check_depth_limit, lambda w2, b2: 6 / abs(math.log(settled(w2, b2).chi)), "c*"),
    (checkers.check_depth_limit, lambda w2, b2: -6 / math.log(settled(w2, b2).chi), "c*"),
    (checkers.check_depth_limit, lambda w2, b2: -6 / math.log10(settled(w2, b2).chi_c), "base 10"),
    (checkers.check_depth_limit, lambda w2, b2: 100.0, "ξ_c = −1/ln χ_c"),
    (checkers.check_edge, lambda b: bisect_edge(b) ** 2, "That is σ_w²"),
    (checkers.check_edge, lambda b: 1.0, "without biases"),
    (checkers.check_edge, lambda b: bisect_edge(math.sqrt(b)), "took σ_b for the variance"),
    (checkers.check_edge, lambda b: 1.5925, "keeps the size"),
    (checkers.check_edge, lambda b: 2.0, "halve the interval"),
    (checkers.check_branch_scale, lambda n, growth: growth ** (1 / n) - 1, "Stds do not add"),
    (checkers.check_branch_scale, lambda n, growth: n**-0.5, "near e"),
    (checkers.check_branch_scale, lambda n, growth: ((growth - 1) / n) ** 0.5, "multiply"),
    (checkers.check_branch_scale, lambda n, growth: (growth ** (2 / n) - 1) ** 0.5, "the size"),
    (checkers.check_branch_scale, lambda n, growth: 0.5, "Solve"),
    (checkers.check_output_std, lambda n, std: std / n**0.5, "two in each block"),
    (checkers.check_output_std, lambda n, std: std / (2 * n), "A root is missing"),
    (checkers.check_output_std, lambda n, std: std * (2 * n) ** 0.5, "divide"),
    (checkers.check_output_std, lambda n, std: std**2 / (2 * n), "That is the variance"),
    (checkers.check_output_std, lambda n, std: 1.0, "2L independent terms"),
]


@pytest.mark.parametrize("check", RIGHT)
def test_a_right_formula_is_correct(check, capsys):
    number, answer = RIGHT[check]
    assert said(capsys, check, answer) == f"Exercise {number}: correct"


@pytest.mark.parametrize("check, answer, words", WRONG)
def test_a_wrong_formula_is_known_by_its_values(check, answer, words, capsys):
    out = said(capsys, check, answer)
    assert "not yet" in out and words in out


def orthogonal(network, generator, gain=1.0):
    initialize_(network, "orthogonal", generator=generator, gain=gain)


def test_orthogonal_weights_train_a_hundred_layers(data, capsys):
    assert said(capsys, checkers.check_hundred_layers, orthogonal, data) == "Exercise 3: correct"


@pytest.mark.parametrize("stub", [..., None, lambda network, generator: ...])
def test_a_network_that_was_not_touched_is_not_attempted(data, stub, capsys):
    assert (
        said(capsys, checkers.check_hundred_layers, stub, data) == "Exercise 3: not attempted yet"
    )


def gaussian(network, generator):
    initialize_(network, "lecun_normal", generator=generator)


def pytorch(network, generator):
    initialize_(network, "pytorch_default", generator=generator)
    for layer in weight_layers(network):
        nn.init.zeros_(layer.bias)


def chaotic(network, generator):
    initialize_(network, "xavier_normal", generator=generator, gain=5 / 3)


def not_finite(network, generator):
    nn.init.constant_(network[0].weight, math.nan)


def rebuild(network, generator):
    orthogonal(network, generator)
    network.insert(1, nn.LayerNorm(32))


def replace(network, generator):
    network[0].weight = nn.Parameter(torch.randn(32, 784) / 28)


def smuggle(network, generator):
    gaussian(network, generator)
    network[1].register_forward_hook(lambda module, x, out: out / out.std())


@pytest.mark.parametrize(
    "initialize, words",
    [
        (gaussian, "lie on one line"),
        (pytorch, "vanishes on its way up"),
        (chaotic, "this is chaos"),
        (not_finite, "not finite"),
        (rebuild, "rebuilt"),
        (replace, "in place"),
        (smuggle, "in place"),
        (3, "Hand over the function"),
        (lambda network, generator: 1 / 0, "ZeroDivisionError"),
    ],
)
def test_what_is_wrong_with_a_hundred_layers_is_said(data, initialize, words, capsys):
    out = said(capsys, checkers.check_hundred_layers, initialize, data)
    assert "not yet" in out and words in out


def test_the_checker_leaves_the_global_generator_alone(data, capsys):
    torch.manual_seed(3)
    expected = torch.rand(2)
    torch.manual_seed(3)
    checkers.check_hundred_layers(not_finite, data)
    assert torch.equal(torch.rand(2), expected)
