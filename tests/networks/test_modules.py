"""The parts of a network: weight layers, activations, modes, threads."""

import pytest
import torch
from helpers.states import strange_torch
from torch import nn
from torch.overrides import _get_current_function_mode_stack

from course_utils.networks import (
    is_activation,
    is_elementwise,
    is_plain,
    mlp,
    mode,
    one_thread,
    ordinary_torch,
    weight_layers,
)


def test_one_thread_gives_the_threads_back_also_after_an_error():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        with pytest.raises(RuntimeError), one_thread():
            assert torch.get_num_threads() == 1
            raise RuntimeError
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


def test_ordinary_torch_is_that_of_a_fresh_python_and_leaves_the_learners():
    with strange_torch(device="meta"), pytest.raises(RuntimeError), ordinary_torch():
        new = torch.ones(2, requires_grad=True).exp()
        assert new.requires_grad and new.dtype == torch.float32 and new.device.type == "cpu"
        raise RuntimeError
    with strange_torch(device="meta"):
        with ordinary_torch("cpu"), torch.device("meta"), ordinary_torch("meta"):
            assert torch.ones(2).device.type == "meta"


def test_where_no_default_device_is_set_no_mode_slows_torch_down():
    before = _get_current_function_mode_stack()
    with ordinary_torch():
        assert _get_current_function_mode_stack() == before == []


def test_weight_layers_finds_linear_and_convolutions_in_order():
    network = nn.Sequential(
        nn.Conv2d(1, 2, 3), nn.Sequential(nn.ReLU(), nn.ConvTranspose2d(2, 3, 3)), nn.Linear(4, 5)
    )
    kinds = [type(layer) for layer in weight_layers(network)]
    assert kinds == [nn.Conv2d, nn.ConvTranspose2d, nn.Linear]


class Square(nn.Module):
    def forward(self, x):
        return x**2


ELEMENTWISE = [nn.ReLU(), nn.Tanh(), nn.Identity(), nn.PReLU(), nn.Hardswish(), Square()]
MIXING = [nn.Softmax(-1), nn.LogSoftmax(-1), nn.GLU(), nn.PReLU(3)]
NEITHER = [
    nn.Linear(2, 2),
    nn.Dropout(),
    nn.BatchNorm1d(3),
    nn.MultiheadAttention(4, 2),
    nn.Sequential(),
]


@pytest.mark.parametrize("module", [*ELEMENTWISE, *MIXING, *NEITHER], ids=repr)
def test_activations_are_told_from_other_modules_and_elementwise_ones_from_those_that_mix(module):
    assert is_activation(module) == (module not in NEITHER)
    assert is_elementwise(module) == (module in ELEMENTWISE)


RELU = nn.ReLU()


@pytest.mark.parametrize(
    "network, plain",
    [
        (mlp([5, 4, 3], "tanh"), True),
        (mlp([5, 3]), True),
        (mlp([5, 4, 3], normalization="layer"), False),
        (nn.Sequential(nn.ReLU(), nn.Linear(5, 3)), False),
        (nn.Sequential(nn.Linear(5, 3), nn.Dropout()), False),
        (nn.Sequential(nn.Linear(5, 3), nn.RReLU()), False),
        (nn.Sequential(nn.Linear(5, 3), nn.PReLU()), False),
        (nn.Sequential(nn.Linear(5, 3), nn.Softmax(-1)), False),
        (nn.Sequential(nn.Linear(5, 3), Square()), False),
        (nn.Sequential(nn.Linear(5, 4), RELU, nn.Linear(4, 3), RELU), False),
        (nn.Sequential(), False),
        (nn.Linear(5, 3), False),
    ],
    ids=repr,
)
def test_plain_is_a_linear_layer_and_then_such_layers_and_fixed_activations(network, plain):
    assert is_plain(network) == plain


@pytest.mark.parametrize("training", [False, True])
def test_a_mode_lasts_as_long_as_its_block_also_after_an_error(training):
    network = nn.Sequential(nn.Linear(2, 2), nn.Sequential(nn.Dropout()))
    network[1][0].eval()
    flags = [module.training for module in network.modules()]
    with pytest.raises(RuntimeError), mode(network, training=training):
        assert all(module.training == training for module in network.modules())
        raise RuntimeError
    assert [module.training for module in network.modules()] == flags
