import pytest
import torch
from torch import nn

from course_utils.networks import ACTIVATIONS, from_weights, mlp, one_thread, weight_layers


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_mlp_is_linear_activation_linear_and_computes_that(activation):
    network = mlp([5, 4, 3], activation).double()
    first, act, last = network
    x = torch.randn(7, 5, dtype=torch.float64)
    by_hand = act(x @ first.weight.T + first.bias) @ last.weight.T + last.bias
    torch.testing.assert_close(network(x), by_hand)
    assert type(act) is type(ACTIVATIONS[activation]())


def test_mlp_without_bias_has_none():
    assert all(layer.bias is None for layer in weight_layers(mlp([5, 4, 3], bias=False)))


def test_one_layer_is_logistic_regression():
    assert [type(m) for m in mlp([784, 10])] == [nn.Linear]


@pytest.mark.parametrize("sizes", [[], [5], [5, 0], [5, 2.5], [5, -1, 3]])
def test_impossible_sizes_are_named(sizes):
    with pytest.raises(ValueError, match="size"):
        mlp(sizes)


def test_an_unknown_activation_is_answered_with_the_known_ones():
    with pytest.raises(ValueError, match="'swish'.*tanh"):
        mlp([5, 4, 3], "swish")


def test_mlp_takes_a_function_that_makes_a_module_a_new_one_for_each_layer():
    network = mlp([5, 4, 4, 3], lambda: nn.PReLU(init=0.3))
    _, first, _, second, _ = network
    assert first is not second and first.weight.item() == pytest.approx(0.3)
    with pytest.raises(TypeError):
        mlp([5, 4, 3], lambda: torch.tanh)


def test_from_weights_multiplies_and_bends_and_shares_the_weights():
    first, second = torch.randn(4, 5), torch.randn(3, 4)
    network, x = from_weights([first, second], "tanh"), torch.randn(7, 5)
    torch.testing.assert_close(network(x), torch.tanh(torch.tanh(x @ first.T) @ second.T))
    assert [layer.weight.data_ptr() for layer in weight_layers(network)] == [
        first.data_ptr(),
        second.data_ptr(),
    ]
    assert not any(p.requires_grad for p in network.parameters())


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


def test_weight_layers_finds_linear_and_convolutions_in_order():
    network = nn.Sequential(
        nn.Conv2d(1, 2, 3), nn.Sequential(nn.ReLU(), nn.ConvTranspose2d(2, 3, 3)), nn.Linear(4, 5)
    )
    kinds = [type(layer) for layer in weight_layers(network)]
    assert kinds == [nn.Conv2d, nn.ConvTranspose2d, nn.Linear]
