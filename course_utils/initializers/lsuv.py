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
from dataclasses import dataclass, field
from numbers import Integral

import numpy as np
import torch
from torch import Generator, Tensor, nn

from course_utils.initializers.arithmetic import check_shaped
from course_utils.initializers.network import LeftAlone, draw_, left_alone, warn_of
from course_utils.initializers.stored import divide_, undone_by_an_error
from course_utils.networks import is_activation, mode, weight_layers

_Ends = dict[nn.Module, nn.Module | None]  # a layer → the activation after which it is measured


@dataclass(frozen=True, eq=False)
class Report:
    """What `lsuv_` found and did, layer by layer in the order of execution.

    ``names`` are those of ``network.named_modules()``. ``before`` and ``after`` are the stds of the
    layers in the whole network before the first division (but after the orthonormal start) and at
    the end, float64 (n_layers,); ``iterations`` (n_layers,) counts the divisions. ``left_alone``
    says of parameters that were not set, name by name, why: recurrent layers, attention,
    embeddings, ….
    """

    names: tuple[str, ...]
    before: np.ndarray
    after: np.ndarray
    iterations: tuple[int, ...]
    left_alone: LeftAlone = field(default_factory=dict)


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

    A weight_norm is scaled by its lengths g, another parametrization through its ``right_inverse``.
    Recurrent, attention and bilinear layers, embeddings and parameters of your own are left alone:
    a UserWarning names them.

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
        finite), is not called, or is called twice; if a parametrization fixes its scale (as
        spectral_norm and orthogonal do); or if it does not come, or does not stay, within the
        tolerance.
    """
    _check(network, images, tolerance, max_iterations, batch)
    names = {module: name for name, module in network.named_modules()}
    counts: dict[nn.Module, int] = {}
    check_shaped(network.modules())
    layers = _layers(network)
    with undone_by_an_error(network), _every_module_called(network), torch.no_grad():
        left = left_alone(network, layers)
        if orthonormal:
            left = draw_(network, "orthogonal", {}, generator, layers)
        if batch is not None:
            chosen = torch.randperm(len(images), generator=generator)[:batch]
            images = images[chosen.to(images.device)]
        ends = _ends(network, images, names)
        ends = ends if after_activation else dict.fromkeys(ends)

        def scale(layer: nn.Module, inputs: tuple, output: Tensor) -> Tensor:
            for divisions in range(max_iterations + 1):
                std, counts[layer] = _std(output, ends[layer]), divisions
                if not 0 < std < math.inf:
                    raise ValueError(_dead(names[layer], std))
                if abs(std - 1) < tolerance:
                    return output  # the next layers see what this one does now
                if divisions < max_iterations:
                    _divide_(layer, names[layer], std)
                    output = layer.forward(*inputs)
            raise ValueError(_stuck(names[layer], std, max_iterations, tolerance))

        before = _stds(network, images, ends)
        _run(network, images, scale)
        after = _stds(network, images, ends)
        for layer, std in after.items():
            if not abs(std - 1) < tolerance:
                raise ValueError(
                    f"the std of layer {names[layer]!r} is {std:.3g} again after all layers were "
                    "scaled: does it share its weight with another?"
                )
    stds = (np.array(list(column.values())) for column in (before, after))
    warn_of(left, "lsuv_", stacklevel=3)
    return Report(tuple(names[layer] for layer in ends), *stds, tuple(counts.values()), left)


def _layers(network: nn.Module) -> list[nn.Module]:
    """Return the layers to scale; attention reads its projection's weight without calling it."""
    attention = (m for m in network.modules() if isinstance(m, nn.MultiheadAttention))
    inside = {part for module in attention for part in module.modules()}
    return [layer for layer in weight_layers(network) if layer not in inside]


def _run(network: nn.Module, images: Tensor, after_layer: Callable) -> None:
    """Send images through; ``after_layer(layer, inputs, output)`` may return another output."""
    handles = [layer.register_forward_hook(after_layer) for layer in _layers(network)]
    try:
        network(images)
    finally:
        for handle in handles:
            handle.remove()


def _ends(network: nn.Module, images: Tensor, names: dict) -> _Ends:
    """Return the layers in the order of execution, each with the activation it feeds, if any."""
    ends: _Ends = {}
    last: list = []  # the layer that was called last, and its output

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

    layers = _layers(network)
    activations = [m for m in network.modules() if m not in layers and is_activation(m)]
    handles = [m.register_forward_pre_hook(before_activation) for m in activations]
    try:
        _run(network, images, after_layer)
    finally:
        for handle in handles:
            handle.remove()
    for layer in layers:
        if layer not in ends:
            raise ValueError(
                f"network(images) never calls layer {names[layer]!r}: remove the layer"
            )
    return ends


def _stds(network: nn.Module, images: Tensor, ends: _Ends) -> dict[nn.Module, float]:
    stds = {}

    def note(layer: nn.Module, inputs: tuple, output: Tensor) -> None:
        stds[layer] = _std(output, ends[layer])

    _run(network, images, note)
    return stds


def _std(output: Tensor, activation: nn.Module | None) -> float:
    """Return the population std of a layer's output, or of what an activation makes of it."""
    if activation is not None:
        output = activation.forward(output.clone())  # a copy, for activations that work in place
    return output.double().std(correction=0).item()


def _dead(name: str, std: float) -> str:
    return (
        f"layer {name!r} is dead: the std of its output is {std}, and no scale of its "
        "weight makes that 1. Try other images or weights, or look at the layers before it"
    )


def _stuck(name: str, std: float, limit: int, tolerance: float) -> str:
    return (
        f"the std of layer {name!r} is {std:.3g} after {limit} divisions, not 1 ± {tolerance:g}: a "
        "tanh comes near 1 only where it saturates, a sigmoid never, and a bias has a std of its "
        "own. Try after_activation=False, orthonormal=True, or more max_iterations"
    )


def _divide_(layer: nn.Module, name: str, std: float) -> None:
    if obstacle := divide_(layer, "weight", std):
        raise ValueError(
            f"the std of layer {name!r} is {std:.3g} and cannot be changed: its scale is fixed by "
            f"{obstacle}. Try lsuv_ before the weight is parametrized"
        )


@contextmanager
def _every_module_called(network: nn.Module) -> Iterator[None]:
    """Evaluate without torch's fast path, which computes a transformer's layers without them."""
    fast = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        with mode(network, training=False):
            yield
    finally:
        torch.backends.mha.set_fastpath_enabled(fast)


def _check(network, images, tolerance, max_iterations, batch) -> None:
    if not isinstance(network, nn.Module) or not _layers(network):
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
