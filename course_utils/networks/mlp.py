"""`mlp`, the plain network of the course, and the activations and normalizations it can have.

``mlp([784, 256, 256, 10], "relu")`` is an ordinary :class:`torch.nn.Sequential`: print it, index
it, hook it, initialize it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from inspect import signature

from torch import Tensor, nn

from course_utils.names import called_here, meant, name_of, which

ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {
    "linear": nn.Identity,
    "tanh": nn.Tanh,
    "sigmoid": nn.Sigmoid,
    "relu": nn.ReLU,
    "leaky_relu": nn.LeakyReLU,
    "elu": nn.ELU,
    "selu": nn.SELU,
    "gelu": nn.GELU,
    "silu": nn.SiLU,
}
"""Name of an activation → the module that computes it (leaky ReLU has slope 0.01)."""

NORMALIZATIONS: dict[str, Callable[[int], nn.Module]] = {
    "batch": nn.BatchNorm1d,
    "layer": nn.LayerNorm,
}
"""Name of a normalization → what makes one for a number of units.

Both subtract a mean and divide by a std, then scale and shift each unit by numbers that are learned
and begin at 1 and 0. ``batch`` takes mean and std of each unit over the images of the batch (Ioffe
& Szegedy, 2015; in evaluation mode it uses running averages instead), ``layer`` those of each image
over its units (Ba, Kiros & Hinton, 2016).
"""


def mlp(
    sizes: Sequence[int],
    activation: str | Callable[[], nn.Module] = "relu",
    *,
    bias: bool = True,
    normalization: str | None = None,
    after_activation: bool = False,
) -> nn.Sequential:
    """Stack Linear, activation, Linear, …, Linear: no activation after the last layer.

    With a normalization: Linear, normalization, activation, Linear, …, or, ``after_activation``,
    Linear, activation, normalization, Linear, …; the last layer's scores are not normalized.

    Parameters
    ----------
    sizes
        Units per level, input first and output last: ``[784, 256, 10]`` has one hidden level.
    activation
        A key of :data:`ACTIVATIONS`, or a function that makes a module of your own each time it is
        called: ``lambda: nn.LeakyReLU(0.2)``.
    bias
        Whether the linear layers have a bias vector. (A normalization right after a layer has its
        own shift, so the layer's bias is of no use there: batch normalization removes it whole.)
    normalization
        A key of :data:`NORMALIZATIONS`, or None for a plain stack.
    after_activation
        Whether the normalization stands after each activation instead of before it.

    Returns
    -------
    torch.nn.Sequential
        Maps ``(batch, sizes[0])`` to ``(batch, sizes[-1])``; ``len(sizes) - 1`` linear layers, with
        the weights that PyTorch gives them by default.

    Raises
    ------
    ValueError
        If there are fewer than two sizes, a size below 1, or an unknown activation or
        normalization.
    TypeError
        If a function of your own does not make a module, or the activation is itself a module.
    """
    if len(sizes) < 2:
        raise ValueError(
            f"sizes needs an input and an output, got {list(sizes)}: try [784, 256, 10]"
        )
    if any(not isinstance(n, int) or n < 1 for n in sizes):
        raise ValueError(f"every size must be a whole number of at least 1, got {list(sizes)}")
    make, normalize = maker_of(activation), normalization_of(normalization)
    layers: list[nn.Module] = []
    for fan_in, fan_out in zip(sizes[:-2], sizes[1:-1], strict=True):
        layers += [nn.Linear(fan_in, fan_out, bias=bias), make()]
        if normalize is not None:
            place = len(layers) if after_activation else len(layers) - 1
            layers.insert(place, normalize(fan_out))
    return nn.Sequential(*layers, nn.Linear(*sizes[-2:], bias=bias))


def from_weights(
    weights: Sequence[Tensor], activation: str | Callable[[], nn.Module] = "relu"
) -> nn.Sequential:
    """Stack layers of the weights given, without biases, each followed by the activation.

    Parameters
    ----------
    weights
        One a layer, ``(fan_out, fan_in)``; they are used as they are, not copied, and not trained.
    activation
        As in :func:`mlp`, which also says what is raised.

    Returns
    -------
    torch.nn.Sequential
        Linear, activation, Linear, activation, …
    """
    make = maker_of(activation)
    network = nn.Sequential()
    for weight in weights:
        layer = nn.Linear(*reversed(weight.shape), bias=False, device="meta")
        layer.weight = nn.Parameter(weight, requires_grad=False)
        network.append(layer).append(make())
    return network


def maker_of(activation: str | Callable[[], nn.Module]) -> Callable[[], nn.Module]:
    """Return what makes a new module of an activation, or say in words why nothing does.

    Raises
    ------
    ValueError
        If no activation has that name.
    TypeError
        If it is a module, or no text and nothing to call; what is returned raises it too, where the
        function given needs arguments or makes no module.
    """
    if isinstance(activation, str):
        if activation not in ACTIVATIONS:
            raise ValueError(f"unknown activation {activation!r}: {which(activation, ACTIVATIONS)}")
        return ACTIVATIONS[activation]
    if isinstance(activation, nn.Module) or not callable(activation):
        raise TypeError(_no_maker(activation))

    def make() -> nn.Module:
        try:
            module = activation()
        except TypeError as error:
            if error.__traceback__.tb_next is None:  # nothing of it ran: it needs arguments
                raise TypeError(_no_maker(activation)) from None
            raise
        if not isinstance(module, nn.Module):
            raise TypeError(_no_maker(activation))
        return module

    return make


def _no_maker(activation: object) -> str:
    """Say what to give in place of what makes no module."""
    if isinstance(activation, nn.Module):
        given = f"the module {name_of(activation)}(), which all layers would share"
        hint = "lambda: copy.deepcopy(activation)"
        if _is_made_without_options(type(activation)):
            hint = f"its class nn.{name_of(activation)}, or with options lambda: nn.LeakyReLU(0.2)"
    else:
        given = name_of(activation) if callable(activation) else repr(activation)
        hint = "a class such as nn.ReLU, lambda: nn.LeakyReLU(0.2)"
    names = meant(activation, ACTIVATIONS) or ["relu"]
    return (
        "activation must be a name, or make a new module each time it is called without "
        f"arguments; got {given}: try {hint}, or a name such as {names[0]!r}"
    )


def _is_made_without_options(kind: type) -> bool:
    """Whether a class is an activation of torch's own that needs no options."""
    if kind is not getattr(nn, kind.__name__, None) or issubclass(kind, nn.Sequential):
        return False
    needed = [p for p in signature(kind).parameters.values() if p.default is p.empty]
    return all(p.kind in (p.VAR_POSITIONAL, p.VAR_KEYWORD) for p in needed)


def normalization_of(name: str | None) -> Callable[[int], nn.Module] | None:
    """Return what makes a normalization for a number of units, None for None; or ValueError."""
    if name is not None and name not in NORMALIZATIONS:
        hint = called_here(name, NORMALIZATIONS)
        known = f"choose None or one of {', '.join(NORMALIZATIONS)}"
        raise ValueError(f"unknown normalization {name!r}: {hint or known}")
    return NORMALIZATIONS.get(name)
