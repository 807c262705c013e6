"""The parts of a network: weight layers and activations; training mode, threads, torch's state."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import torch
from torch import nn


@contextmanager
def one_thread() -> Iterator[None]:
    """Compute on one thread: for small networks two are no quicker, on a busy machine far slower.

    Inside ``with one_thread():`` torch uses one thread of the processor, afterwards as many as
    before.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


@contextmanager
def ordinary_torch(device: torch.device | str = "cpu") -> Iterator[None]:
    """Compute as in a fresh Python: gradients are recorded, new tensors are float32, on the CPU.

    A learner may have called ``torch.set_grad_enabled(False)``, ``torch.set_default_dtype`` or
    ``torch.set_default_device``; inside ``with ordinary_torch():`` none of them counts, afterwards
    all do again. (The default dtype is one for all threads.) It serves as a decorator too:
    ``@ordinary_torch()``. ``device`` is where new tensors are made instead of on the learner's
    default device, if there is one.
    """
    dtype = torch.get_default_dtype()
    torch.set_default_dtype(torch.float32)
    try:
        with ExitStack() as states:
            states.enter_context(torch.inference_mode(False))
            states.enter_context(torch.enable_grad())
            if torch.get_default_device().type != "cpu":  # a mode slows down every call of torch
                states.enter_context(torch.device(device))
            yield
    finally:
        torch.set_default_dtype(dtype)


@contextmanager
def mode(network: nn.Module, *, training: bool) -> Iterator[None]:
    """Switch to training or evaluation mode, then put every module's own flag back."""
    flags = [(module, module.training) for module in network.modules()]
    try:
        network.train(training)
        yield
    finally:
        for module, flag in flags:
            module.training = flag


def weight_layers(network: nn.Module) -> list[nn.Module]:
    """List the layers that hold weights (Linear and convolutions), in the order of definition."""
    kinds = (nn.Linear, nn.modules.conv._ConvNd)
    return [module for module in network.modules() if isinstance(module, kinds)]


_NOT_ELEMENTWISE = (
    nn.Softmax,
    nn.Softmax2d,
    nn.Softmin,
    nn.LogSoftmax,
    nn.GLU,
    nn.MultiheadAttention,
)


def is_activation(module: nn.Module) -> bool:
    """Whether a module is an activation: torch's own, or one without children and parameters.

    Torch's own are those of ``torch.nn.modules.activation``, and ``nn.Identity``.
    """
    if _of_torch(module):
        return not isinstance(module, nn.MultiheadAttention)
    home = type(module).__module__
    return not (home.startswith("torch.nn.") or [*module.children(), *module.parameters()])


def is_elementwise(module: nn.Module) -> bool:
    """Whether an activation is one function of one number, the same for all units.

    Softmax is not, as it looks at all units, nor is a PReLU with a slope for each channel.
    """
    many_slopes = any(parameter.numel() > 1 for parameter in module.parameters())
    return is_activation(module) and not isinstance(module, _NOT_ELEMENTWISE) and not many_slopes


def is_plain(network: nn.Module) -> bool:
    """Whether a network is a Linear layer, then such layers and activations without weights.

    It maps numbers to numbers: nothing in it draws at random or keeps statistics. An activation of
    your own does not count, for nobody knows what it does.
    """
    modules = list(network) if isinstance(network, nn.Sequential) else []
    once_each = len(set(modules)) == len(modules)
    begins_linear = bool(modules) and isinstance(modules[0], nn.Linear)
    return (
        begins_linear
        and once_each
        and all(isinstance(m, nn.Linear) or _is_fixed(m) for m in modules)
    )


def _of_torch(module: nn.Module) -> bool:
    home = type(module).__module__
    return home == "torch.nn.modules.activation" or isinstance(module, nn.Identity)


def _is_fixed(module: nn.Module) -> bool:
    """Whether a module is an elementwise activation of torch that learns and draws nothing."""
    learns_or_draws = isinstance(module, nn.RReLU) or list(module.parameters())
    known = _of_torch(module) and type(module).__module__.startswith("torch.nn.")
    return known and is_elementwise(module) and not learns_or_draws
