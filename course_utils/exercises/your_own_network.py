"""Checkers of notebook 11: the planted fault of three networks, and a start for one more."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from course_utils.diagnosis import assert_healthy
from course_utils.exercises.judging import NotAttempted, attempted, no_function, report, tampering
from course_utils.exercises.reading import is_open, shown
from course_utils.generators import seeded
from course_utils.initializers import initialize_
from course_utils.networks import mlp, ordinary_torch, residual_mlp, weight_layers

DEPTH = 30
"""Layers of the network of exercise 4."""

_WHERE = {1: "6", 2: "blocks.4.branch.1", 3: "4"}
_SYMPTOM = {
    1: "Above that layer the signal is wrong too, but it came in wrong. Which is the first one?",
    2: "Blocks pass on what they are given. Which layer makes the stream larger all at once?",
    3: "Means, stds and gradients are fine here. Compare the units of each layer with one another.",
}


@ordinary_torch()
@torch.random.fork_rng(devices=[])
def faulty_network(number: int) -> tuple[nn.Module, Tensor]:
    """Return a network with one planted fault, and a batch for it.

    Parameters
    ----------
    number
        1, a plain ReLU network; 2, a residual network; 3, a small convolutional network.

    Returns
    -------
    network, batch
        The same ones at each call; the batch is N(0, 1) noise, 64 inputs.

    Raises
    ------
    ValueError
        If there is no network of that number.
    """
    if number not in _WHERE:
        raise ValueError(f"there are the faulty networks 1, 2 and 3, got {number!r}")
    generator = seeded(number)
    if number == 1:
        network, shape = mlp([32] + [64] * 8 + [10], "relu"), (64, 32)
    elif number == 2:
        network, shape = residual_mlp([32, 64, 10], depth=8, scale=8**-0.5), (64, 32)
    else:
        convolutions = [nn.Conv2d(1, 16, 3), nn.ReLU(), nn.Conv2d(16, 32, 3), nn.ReLU()]
        convolutions += [nn.Conv2d(32, 32, 3), nn.ReLU()]
        network = nn.Sequential(*convolutions, nn.Flatten(), nn.Linear(128, 10))
        shape = (64, 1, 8, 8)
    initialize_(network, "he_normal", generator=generator)
    _plant(number, network.get_submodule(_WHERE[number]))
    return network, torch.randn(shape, generator=generator)


@torch.no_grad()
def _plant(number: int, layer: nn.Module) -> None:
    if number == 1:
        layer.bias.fill_(-30.0)
    elif number == 2:
        layer.weight.mul_(50)
    else:
        layer.weight.copy_(layer.weight[:1].clone().expand_as(layer.weight))


def check_fault(number: int, where: str) -> None:
    """Check which layer of `faulty_network` is at fault.

    Parameters
    ----------
    number
        1, 2 or 3.
    where
        The path of the layer, as ``named_modules()`` has it.
    """

    def attempt() -> str | None:
        attempted(where)
        network, _ = faulty_network(number)
        paths = [path for path, _ in network.named_modules()]
        if not isinstance(where, str) or not where:
            return f"The answer is a layer's path, such as {_example(network)}, not {shown(where)}."
        path = where.removesuffix(".weight").removesuffix(".bias")
        if path == _WHERE[number]:
            return None
        if path not in paths:
            return f"There is no {shown(where)} in this network. Look at named_modules()."
        if not any(True for _ in network.get_submodule(path).parameters(recurse=False)):
            return f"{shown(path)} has no numbers of its own: name the layer that does the harm."
        return _SYMPTOM[number]

    report(f"Exercise {number}", attempt)


def _example(network: nn.Module) -> str:
    last = weight_layers(network)[-1]
    return repr(next(path for path, module in network.named_modules() if module is last))


@ordinary_torch()
@torch.random.fork_rng(devices=[])
def thirty_layers() -> tuple[nn.Module, Tensor]:
    """Return the network of exercise 4, as PyTorch starts it, and a batch for it."""
    generator = seeded(4)
    network = mlp([64] + [128] * (DEPTH - 1) + [10], "relu")
    initialize_(network, "pytorch_default", generator=generator)
    return network, torch.randn(64, 64, generator=generator)


def check_init_weights(init_weights: Callable[[nn.Module], object]) -> None:
    """Check that ``network.apply(init_weights)`` makes the start of `thirty_layers` healthy.

    Parameters
    ----------
    init_weights
        Called with each module of the network; it changes its numbers in place.
    """

    def attempt() -> str | None:
        if words := no_function(init_weights):
            return words
        network, batch = thirty_layers()
        before = [p.detach().clone() for p in network.parameters()]
        tampered, given = tampering(network), []
        network.apply(lambda module: given.append(init_weights(module)))
        if words := tampered(None):
            return words
        if all(map(torch.equal, before, network.parameters())):
            if all(map(is_open, given)):
                raise NotAttempted
            return "Your function has changed no number: set module.weight in place."
        try:
            assert_healthy(network, batch)
        except AssertionError as error:
            return str(error).splitlines()[0]
        return None

    report("Exercise 4", attempt)


EXERCISES = (check_fault, check_fault, check_fault, check_init_weights)
