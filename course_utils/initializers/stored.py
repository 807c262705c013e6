"""The weight that a layer computes with, read and set however it is stored.

Mostly a parameter holds it. But a parametrization (`torch.nn.utils.parametrize`), the older
`torch.nn.utils.weight_norm` and `spectral_norm`, and pruning compute it from other parameters anew
each time, so that whoever writes into ``layer.weight`` changes a result, not the network. Functions
here that change one return None if all went well, else what stands in the way, in words.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy
from torch.nn.utils import parametrizations, parametrize, prune
from torch.nn.utils.spectral_norm import SpectralNorm
from torch.nn.utils.weight_norm import WeightNorm

from course_utils.networks import mode

POWER_ITERATIONS = 100
"""After which spectral_norm knows the largest singular value of a random matrix to a percent."""


def parameters_of(module: nn.Module) -> dict[str, list[nn.Parameter]]:
    """Return the parameters behind each tensor that a module itself holds, under its name.

    A plain "weight" has one, a weight_norm's two: its lengths and its directions.
    """
    found: dict[str, list[nn.Parameter]] = {}
    behind = {
        f"{_target(hook)}{end}": _target(hook)
        for hook in _hooks(module)
        for end in ("_g", "_v", "_orig")
    }
    for name, parameter in module.named_parameters(recurse=False):
        found.setdefault(behind.get(name, name), []).append(parameter)
    if parametrize.is_parametrized(module):
        for name, originals in module.parametrizations.items():
            found[name] = list(originals.parameters(recurse=False))
    return found


def read(layer: nn.Module, name: str) -> Tensor:
    """Return the tensor that a layer computes with, detached; nothing of the layer changes."""
    with mode(layer, training=False), torch.no_grad():
        return getattr(layer, name).detach()


@torch.no_grad()
def change_(layer: nn.Module, name: str, change: Callable[[Tensor], object]) -> str | None:
    """Call ``change(tensor)``, which works in place, on the tensor that a layer computes with.

    Where that is a result, ``change`` gets a copy, which is then put behind it. If this cannot be
    done, the layer stays as it was; if something else comes out, it stays.
    """
    hook, chain = _hook(layer, name), _chain(layer, name)
    if hook is None and not chain:
        change(getattr(layer, name))
        return None
    if isinstance(hook, prune.BasePruningMethod):
        change(getattr(layer, f"{name}_orig"))
        hook(layer, None)
        return None
    if without := [step for step in chain if not hasattr(step, "right_inverse")]:
        return f"{_names(without)}, which has no right_inverse to set it through"
    wanted = read(layer, name).clone()
    change(wanted)
    if _lengths_and_directions(layer, name):
        _set_weight_norm_(layer, name, wanted)
        return None
    return _set_computed_(layer, name, wanted)


@torch.no_grad()
def divide_(layer: nn.Module, name: str, divisor: float) -> str | None:
    """Divide the tensor that a layer computes with; of a weight_norm the lengths are divided."""
    if pair := _lengths_and_directions(layer, name):
        pair[0].div_(divisor)
        _compute_again(layer, name)
        return None
    return change_(layer, name, lambda w: w.div_(divisor))


def _target(hook: object) -> str:
    return hook._tensor_name if isinstance(hook, prune.BasePruningMethod) else hook.name


def _hooks(layer: nn.Module) -> list:
    """Return what computes a weight of the layer before each forward pass, the older way."""
    kinds = (WeightNorm, SpectralNorm, prune.BasePruningMethod)
    return [hook for hook in layer._forward_pre_hooks.values() if isinstance(hook, kinds)]


def _hook(layer: nn.Module, name: str):
    return next((hook for hook in _hooks(layer) if _target(hook) == name), None)


def _chain(layer: nn.Module, name: str) -> list[nn.Module]:
    """Return the parametrizations of a tensor, first to last."""
    found = parametrize.is_parametrized(layer, name)
    return list(layer.parametrizations[name]) if found else []


def _names(chain: list[nn.Module]) -> str:
    return " and ".join(type(step).__name__.lstrip("_") for step in chain)


def _lengths_and_directions(layer: nn.Module, name: str) -> tuple[Tensor, Tensor, int] | None:
    """Return g, v and the dimension that g keeps, if the tensor is that of one weight_norm."""
    hook, chain = _hook(layer, name), _chain(layer, name)
    if isinstance(hook, WeightNorm):
        return getattr(layer, f"{name}_g"), getattr(layer, f"{name}_v"), hook.dim
    if len(chain) == 1 and isinstance(chain[0], parametrizations._WeightNorm):
        originals = layer.parametrizations[name]
        return originals.original0, originals.original1, chain[0].dim
    return None


def _set_weight_norm_(layer: nn.Module, name: str, wanted: Tensor) -> None:
    """Set g and v; a vector of length 0 keeps the direction that it had, as it has none itself."""
    g, v, dim = _lengths_and_directions(layer, name)
    g.copy_(torch.norm_except_dim(wanted, 2, dim))
    v.copy_(torch.where(g > 0, wanted, v))
    _compute_again(layer, name)


def _set_computed_(layer: nn.Module, name: str, wanted: Tensor) -> str | None:
    chain = _chain(layer, name)
    by = _names(chain) or type(_hook(layer, name)).__name__
    put_back = keep(layer)
    try:
        if chain:
            with torch.random.fork_rng(devices=[]):  # orthogonal completes a basis at random
                setattr(layer, name, wanted.clone())
        else:
            getattr(layer, f"{name}_orig").copy_(wanted)
        _compute_again(layer, name)
        got = read(layer, name)
    except (NotImplementedError, RuntimeError, ValueError) as error:
        put_back()
        return f"{by}, which refuses what it is given ({error or type(error).__name__})"
    if not got.isfinite().all():
        put_back()
        return f"{by}, which makes no finite weight of what it is given: it is as it was"
    return None if _close(got, wanted) else f"{by}, which makes another weight of what it is given"


def _compute_again(layer: nn.Module, name: str) -> None:
    """Let a changed weight be seen; spectral_norm first finds its largest singular value anew."""
    hook, chain = _hook(layer, name), _chain(layer, name)
    if any(isinstance(step, parametrizations._SpectralNorm) for step in chain):
        with mode(layer.parametrizations[name], training=True):
            for _ in range(POWER_ITERATIONS):
                getattr(layer, name)
    if isinstance(hook, SpectralNorm):
        with mode(layer, training=True):
            for _ in range(POWER_ITERATIONS):
                hook(layer, None)
    if hook is not None:
        with mode(layer, training=False):
            hook(layer, None)


def _close(got: Tensor, wanted: Tensor) -> bool:
    """Whether two tensors are one but for rounding: half of the digits of their number format."""
    limit = wanted.abs().max() * torch.finfo(wanted.dtype).eps ** 0.5
    return bool(((got - wanted).abs() <= limit).all())


def keep(network: nn.Module) -> Callable[[], None]:
    """Return a function that puts all numbers of a network back where they are at this moment.

    What is lazy has none yet, and stays as it is.
    """
    modules = list(network.modules())
    parameters = [(p, p.detach().clone()) for p in network.parameters() if not is_lazy(p)]
    buffers = [
        (module, name, tensor, tensor.clone())
        for module in modules
        for name, tensor in module.named_buffers(recurse=False)
        if not is_lazy(tensor)
    ]
    computed = [(m, _target(h), getattr(m, _target(h))) for m in modules for h in _hooks(m)]

    @torch.no_grad()
    def put_back() -> None:
        for parameter, value in parameters:
            parameter.copy_(value)
        for module, name, tensor, value in buffers:
            setattr(module, name, tensor)
            tensor.copy_(value)
        for module, name, tensor in computed:
            setattr(module, name, tensor)

    return put_back


@contextmanager
def undone_by_an_error(network: nn.Module) -> Iterator[None]:
    """Put all numbers of a network back if anything is raised inside, an interrupt too."""
    put_back = keep(network)
    try:
        yield
    except BaseException:
        put_back()
        raise
