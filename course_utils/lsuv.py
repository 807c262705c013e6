"""LSUV: scale each layer by what it does to real data, so that its output has std 1.

Mishkin & Matas (2016), "All you need is a good init": fill the weights with orthonormal matrices,
then go from the first layer to the last and divide each weight by the std of that layer's output
on a batch, until the std is 1 up to a tolerance. No gain has to be derived: the data tell it.

>>> report = lsuv_(network, images[:1024])
>>> report.before, report.after, report.iterations
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from numbers import Integral

import numpy as np
import torch
from torch import Generator, Tensor, nn

from course_utils.initializers import initialize_
from course_utils.networks import mode, weight_layers
from course_utils.probes import is_activation

_Modules = tuple[nn.Module, ...]  # a layer, and its activation where that is measured
_Visit = Callable[[_Modules, Tensor, Tensor], Tensor | None]


@dataclass(frozen=True, eq=False)
class Report:
    """What `lsuv_` found and did, layer by layer in the order of execution.

    ``names`` are those of ``network.named_modules()``. ``before`` and ``after`` are the stds of the
    layers in the whole network before the first division (but after the orthonormal start) and at
    the end, float64 (n_layers,); ``iterations`` (n_layers,) counts the divisions.
    """

    names: tuple[str, ...]
    before: np.ndarray
    after: np.ndarray
    iterations: tuple[int, ...]


def lsuv_(
    network: nn.Module,
    images: Tensor,
    *,
    tolerance: float = 0.1,
    max_iterations: int = 10,
    after_activation: bool = False,
    orthonormal: bool = True,
    batch: int | None = None,
    generator: Generator | None = None,
) -> Report:
    """Scale every Linear and convolution weight until its layer's output has std 1 on ``images``.

    The std is that over all entries (images, units or channels, pixels). One division is exact
    where the output is proportional to the weight: without a bias, before the activation or after
    a ReLU. The network runs four times in all, however deep it is, in evaluation mode and without
    gradients. If anything fails, it is left as it was.

    Parameters
    ----------
    network
        Calls each of its Linear and convolution layers once. Changed in place.
    images
        (n, …), as the network takes them.
    tolerance
        A layer is done when abs(std - 1) is below it; in (0, 1).
    max_iterations
        Divisions allowed for one layer, at least 1.
    after_activation
        Whether to scale the output of the activation module that follows a layer, instead of the
        layer's own. A layer whose output goes elsewhere first (to a normalization, a sum, the
        loss) is scaled at its own. Made for ReLU: a tanh has std 1 only where it saturates, a
        sigmoid never.
    orthonormal
        Whether to begin with orthogonal weights and biases of zero, as the paper does. If not, the
        weights are scaled from where they are, and biases are kept.
    batch
        How many of the images to use, drawn without replacement; all of them if not given.
    generator
        Where the orthogonal weights and the choice of images come from; the global state of torch
        if not given.

    Returns
    -------
    Report

    Raises
    ------
    ValueError
        If an option is impossible; if a layer is dead (its output has std 0, or none that is
        finite), is not called, or is called twice; or if it does not come, or does not stay,
        within the tolerance.
    """
    _check(network, images, tolerance, max_iterations, batch)
    before, after, counts = {}, {}, {}

    def scale(modules: _Modules, x: Tensor, output: Tensor) -> Tensor:
        output, counts[modules[0]] = _scale(
            names[modules[0]], modules, x, output, tolerance, max_iterations
        )
        return output

    names = {module: name for name, module in network.named_modules()}
    with _left_alone_after_an_error(network), mode(network, training=False), torch.no_grad():
        if orthonormal:
            initialize_(network, "orthogonal", generator=generator)
        if batch is not None:
            chosen = torch.randperm(len(images), generator=generator)[:batch]
            images = images[chosen.to(images.device)]
        ends = _ends(network, images, names)
        ends = ends if after_activation else dict.fromkeys(ends)
        _walk(network, images, ends, lambda m, x, output: before.update({m[0]: _std(output)}))
        _walk(network, images, ends, scale)
        _walk(network, images, ends, lambda m, x, output: after.update({m[0]: _std(output)}))
        for layer, std in after.items():
            if not abs(std - 1) < tolerance:
                raise ValueError(
                    f"the std of layer {names[layer]!r} is {std:.3g} again after all layers were "
                    "scaled: does it share its weight with another?"
                )
    stds = (np.array(list(column.values())) for column in (before, after))
    return Report(tuple(names[layer] for layer in ends), *stds, tuple(counts.values()))


def _scale(
    name: str, modules: _Modules, x: Tensor, output: Tensor, tolerance: float, limit: int
) -> tuple[Tensor, int]:
    """Divide the weight by the std of the output until that is 1; return output and divisions."""
    for iteration in range(limit + 1):
        std = _std(output)
        if not 0 < std < math.inf:
            raise ValueError(
                f"layer {name!r} is dead: the std of its output is {std}, and no scale of its "
                "weight makes that 1. Try other images or weights, or look at the layers before it"
            )
        if abs(std - 1) < tolerance:
            return output, iteration
        if iteration < limit:
            modules[0].weight.div_(std)
            output = x
            for module in modules:
                output = module.forward(output)  # not module(output): its hook brought us here
    raise ValueError(
        f"the std of layer {name!r} is {std:.3g} after {limit} divisions, not 1 ± {tolerance:g}: a "
        "tanh comes near 1 only where it saturates, a sigmoid never, and a bias has a std of its "
        "own. Try after_activation=False, orthonormal=True, or more max_iterations"
    )


def _ends(network: nn.Module, images: Tensor, names: dict) -> dict[nn.Module, nn.Module | None]:
    """Return the layers in the order of execution, each with the activation it feeds, if any."""
    ends: dict[nn.Module, nn.Module | None] = {}
    last: list = []

    def after_layer(layer: nn.Module, inputs: tuple, output: Tensor) -> None:
        if layer in ends:
            raise ValueError(
                f"layer {names[layer]!r} is called twice: it cannot be scaled for both"
            )
        ends[layer] = None
        last[:] = layer, output

    def before_activation(module: nn.Module, inputs: tuple) -> None:
        if last and inputs and inputs[0] is last[1]:
            ends[last[0]] = module

    layers = weight_layers(network)
    activations = [m for m in network.modules() if m not in layers and is_activation(m)]
    handles = [layer.register_forward_hook(after_layer) for layer in layers]
    handles += [m.register_forward_pre_hook(before_activation) for m in activations]
    with _removed(handles):
        network(images)
    for layer in layers:
        if layer not in ends:
            raise ValueError(
                f"network(images) never calls layer {names[layer]!r}: remove the layer"
            )
    return ends


def _walk(network: nn.Module, images: Tensor, ends: dict, visit: _Visit) -> None:
    """Run ``images`` through; at each end go on with the output that ``visit`` returns, if any."""
    opened: list = []

    def after_layer(layer: nn.Module, inputs: tuple, output: Tensor) -> Tensor | None:
        if ends[layer] is None:
            return visit((layer,), inputs[0], output)
        opened[:] = layer, inputs[0]
        return None

    def after_activation(module: nn.Module, inputs: tuple, output: Tensor) -> Tensor | None:
        if opened and ends[opened[0]] is module:
            layer, x = opened
            opened.clear()
            return visit((layer, module), x, output)
        return None

    handles = [layer.register_forward_hook(after_layer) for layer in ends]
    activations = {module for module in ends.values() if module is not None}
    handles += [module.register_forward_hook(after_activation) for module in activations]
    with _removed(handles):
        network(images)


def _std(output: Tensor) -> float:
    """Return the population std over all entries."""
    return output.double().std(correction=0).item()


@contextmanager
def _removed(handles: list) -> Iterator[None]:
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


@contextmanager
def _left_alone_after_an_error(network: nn.Module) -> Iterator[None]:
    kept = [parameter.detach().clone() for parameter in network.parameters()]
    try:
        yield
    except BaseException:
        with torch.no_grad():
            for parameter, value in zip(network.parameters(), kept, strict=True):
                parameter.copy_(value)
        raise


def _check(network, images, tolerance, max_iterations, batch) -> None:
    if not isinstance(network, nn.Module) or not weight_layers(network):
        raise ValueError(
            "network must be an nn.Module with Linear or convolution layers, got "
            f"{type(network).__name__}: try mlp([784, 256, 10])"
        )
    if not isinstance(images, Tensor) or images.dim() < 2 or len(images) == 0:
        given = tuple(images.shape) if isinstance(images, Tensor) else type(images).__name__
        raise ValueError(f"images must be a tensor (n, …), got {given}: try images[:1024]")
    if not 0 < tolerance < 1:
        raise ValueError(f"tolerance must lie in (0, 1), got {tolerance}: try 0.1")
    for option, value, most in (
        ("max_iterations", max_iterations, math.inf),
        ("batch", len(images) if batch is None else batch, len(images)),
    ):
        if not isinstance(value, Integral) or not 1 <= value <= most:
            limit = "of at least 1" if most == math.inf else f"from 1 to {most}"
            raise ValueError(f"{option} must be a whole number {limit}, got {value!r}")
