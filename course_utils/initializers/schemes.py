"""Every scheme under its name, with fans and gains: zero, normal, Xavier, He, LeCun, orthogonal.

Each scheme draws all weights of a layer from one distribution with mean zero (``constant`` and
``uniform`` may have another mean), so that its variance is what tells it from the others:

=================  ====================================  ========================================
scheme             variance of one weight                drawn from
=================  ====================================  ========================================
zero               0                                     nothing: every weight is 0
constant           0                                     nothing: every weight is ``value``
uniform            (high - low)² / 12                    U(low, high), whose mean is their middle
normal             std²                                  N(mean, std²)
xavier_*           gain² · 2 / (fan_in + fan_out)        normal, or uniform with the same variance
he_*               2 / ((1 + negative_slope²) · fan)     normal, or uniform with the same variance
lecun_*            1 / fan_in                            normal, or uniform with the same variance
orthogonal         gain² / max(rows, columns)            orthonormal rows or columns, times gain
pytorch_default    1 / (3 · fan_in)                      U(-1/√fan_in, 1/√fan_in)
=================  ====================================  ========================================

A uniform distribution on (-a, a) has variance a²/3: that is why its bound is √3 times the std.

A weight has the shape (fan_out, fan_in) in ``nn.Linear`` and (out, in / groups, *kernel) in a
convolution; `fans` counts as torch does. So in a transposed convolution, whose weight is
(in, out / groups, *kernel), fan_in and fan_out change their roles, and in a grouped convolution
fan_out counts the channels of all groups. `initialize_` hands each scheme the matrices that a layer
computes with instead: `arithmetic_fans`.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable

import torch
from torch import Generator, Tensor
from torch.nn import init
from torch.nn.parameter import is_lazy

from course_utils.names import called_here, meant
from course_utils.theory.activations import ACTIVATION_FUNCTIONS, EXAMPLE

Rng = Generator | None  # None stands for torch's global random state
Scheme = Callable[..., Tensor]  # scheme(weight, generator=…, **options) fills and returns weight


def _check(w: Tensor, *, least_dim: int = 2) -> None:
    """Raise ValueError, in words, for what cannot be initialized."""
    if not isinstance(w, Tensor):
        raise ValueError(f"w must be a tensor, such as layer.weight, got {type(w).__name__}")
    if is_lazy(w):
        raise ValueError("a lazy layer has no shape yet: run one batch through the network first")
    if not w.is_floating_point():
        raise ValueError(f"w must hold real floating-point numbers, got {w.dtype}: try w.float()")
    if w.numel() == 0:
        raise ValueError(f"w holds no number, its shape is {tuple(w.shape)}")
    if w.dim() < least_dim:
        raise ValueError(
            "fan_in and fan_out need a weight of two or more dimensions (out, in, *kernel), got "
            f"shape {tuple(w.shape)}: for a bias try zero_, constant_, uniform_ or normal_"
        )


def _number(name: str, value: float, *, at_least: float = -math.inf) -> float:
    """Return ``value`` as a float, or raise ValueError if it is not finite or too small."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = math.nan
    if not (math.isfinite(number) and number >= at_least):
        limit = "" if at_least == -math.inf else f" of at least {at_least:g}"
        raise ValueError(f"{name} must be a finite number{limit}, got {value!r}")
    return number


def fans(w: Tensor) -> tuple[int, int]:
    """Return (fan_in, fan_out): the connections into and out of one unit, counted as torch does.

    These are ``in`` and ``out`` of ``w`` (out, in, *kernel), each times the positions in the
    kernel. ValueError if ``w`` has fewer than two dimensions, as a bias has.
    """
    _check(w)
    positions = math.prod(w.shape[2:])  # 1 where there is no kernel
    return w.shape[1] * positions, w.shape[0] * positions


def gain(activation: str, negative_slope: float | None = None) -> float:
    """Return the gain that torch recommends for an activation: `torch.nn.init.calculate_gain`.

    For "linear", "tanh", "sigmoid", "relu", "leaky_relu" (whose ``negative_slope`` is 0.01 where
    it is not given) and "selu". ValueError for any other: torch has none for "gelu", "silu".
    """
    names = ("linear", "tanh", "sigmoid", "relu", "leaky_relu", "selu")
    if activation not in names:
        if hint := called_here(activation, names):
            raise ValueError(f"there is no gain {activation!r}: {hint}")
        raise ValueError(
            f"torch recommends no gain for {activation!r}, only for {', '.join(names)}: "
            f"{_gain_elsewhere(activation)}"
        )
    if negative_slope is None:
        return float(init.calculate_gain(activation))
    if activation != "leaky_relu":
        raise ValueError(f"negative_slope belongs to leaky_relu only, {activation} takes none")
    return init.calculate_gain("leaky_relu", _number("negative_slope", negative_slope))


def _gain_elsewhere(activation: object) -> str:
    """Say how to compute the gain of an activation for which torch recommends none."""
    known = meant(activation, ACTIVATION_FUNCTIONS)
    if known:
        return f"try theory.forward_gain({known[0]!r}), which computes it"
    return (
        "try theory.forward_gain, which computes one for any activation; build your own of two "
        f"NumPy functions, theory.forward_gain(theory.{EXAMPLE})"
    )


def zero_(w: Tensor, *, generator: Rng = None) -> Tensor:
    """Fill ``w`` (any shape) with zeros and return it; nothing is drawn."""
    _check(w, least_dim=0)
    return init.zeros_(w)


def constant_(w: Tensor, value: float = 1.0, *, generator: Rng = None) -> Tensor:
    """Fill ``w`` (any shape) with one finite ``value`` and return it; nothing is drawn."""
    _check(w, least_dim=0)
    return init.constant_(w, _number("value", value))


def uniform_(w: Tensor, low: float = 0.0, high: float = 1.0, *, generator: Rng = None) -> Tensor:
    """Fill ``w`` (any shape) from U(low, high), variance (high - low)² / 12, and return it.

    The defaults are torch's: mean 0.5, so every unit is pushed the same way.
    """
    _check(w, least_dim=0)
    low, high = _number("low", low), _number("high", high)
    if low > high:
        raise ValueError(f"low must not be above high, got low={low} and high={high}: swap them")
    return init.uniform_(w, low, high, generator=generator)


def normal_(w: Tensor, mean: float = 0.0, std: float = 1.0, *, generator: Rng = None) -> Tensor:
    """Fill ``w`` (any shape) from N(mean, std²) and return it.

    The defaults are torch's: std 1, so a layer multiplies the std of its signal by √fan_in.
    """
    _check(w, least_dim=0)
    mean, std = _number("mean", mean), _number("std", std, at_least=0)
    return init.normal_(w, mean, std, generator=generator)


def xavier_normal_(w: Tensor, gain: float = 1.0, *, generator: Rng = None) -> Tensor:
    """Fill ``w`` (out, in, *kernel) from a normal of variance gain² · 2 / (fan_in + fan_out).

    Glorot & Bengio (2010), "Understanding the difficulty of training deep feedforward neural
    networks", eq. 12: a compromise between 1/fan_in (forward) and 1/fan_out (backward).
    """
    _check(w)
    return init.xavier_normal_(w, _number("gain", gain, at_least=0), generator=generator)


def xavier_uniform_(w: Tensor, gain: float = 1.0, *, generator: Rng = None) -> Tensor:
    """Fill ``w`` (out, in, *kernel) from U(-a, a), a = gain · √6 / √(fan_in + fan_out).

    The same variance as `xavier_normal_`; Glorot & Bengio (2010), eq. 16.
    """
    _check(w)
    return init.xavier_uniform_(w, _number("gain", gain, at_least=0), generator=generator)


def _he(draw: Callable, w: Tensor, negative_slope: float, mode: str, generator):
    _check(w)
    if mode not in ("fan_in", "fan_out"):
        raise ValueError(f"mode must be 'fan_in' or 'fan_out', got {mode!r}")
    return draw(w, a=_number("negative_slope", negative_slope), mode=mode, generator=generator)


def he_normal_(
    w: Tensor, negative_slope: float = 0.0, mode: str = "fan_in", *, generator: Rng = None
) -> Tensor:
    """Fill ``w`` (out, in, *kernel) from a normal of variance 2 / ((1 + negative_slope²) · fan).

    He et al. (2015), "Delving deep into rectifiers", eq. 10 (``mode="fan_in"``, keeps the
    signal), eq. 14 (``"fan_out"``, keeps the gradient) and eq. 15 (the slope of a leaky ReLU).
    """
    return _he(init.kaiming_normal_, w, negative_slope, mode, generator)


def he_uniform_(
    w: Tensor, negative_slope: float = 0.0, mode: str = "fan_in", *, generator: Rng = None
) -> Tensor:
    """Fill ``w`` (out, in, *kernel) from U(-a, a), a = √6 / √((1 + negative_slope²) · fan).

    The same variance, options and paper as `he_normal_`.
    """
    return _he(init.kaiming_uniform_, w, negative_slope, mode, generator)


def lecun_normal_(w: Tensor, *, generator: Rng = None) -> Tensor:
    """Fill ``w`` (out, in, *kernel) from a normal of variance 1 / fan_in.

    LeCun, Bottou, Orr & Müller (1998), "Efficient BackProp", section 4.6 (std 1/√fan_in, any
    zero-mean distribution); also the scheme that SELU is made for (Klambauer et al., 2017).
    """
    return init.normal_(w, 0.0, 1 / math.sqrt(fans(w)[0]), generator=generator)


def lecun_uniform_(w: Tensor, *, generator: Rng = None) -> Tensor:
    """Fill ``w`` (out, in, *kernel) from U(-a, a), a = √3 / √fan_in: variance 1 / fan_in.

    LeCun, Bottou, Orr & Müller (1998), as `lecun_normal_`.
    """
    bound = math.sqrt(3) * (1 / math.sqrt(fans(w)[0]))
    return init.uniform_(w, -bound, bound, generator=generator)


def orthogonal_(w: Tensor, gain: float = 1.0, *, generator: Rng = None) -> Tensor:
    """Fill ``w`` (out, in, *kernel), seen as a matrix (out, in · kernel), with gain · orthogonal.

    The shorter side is orthonormal, every direction equally likely; one weight has the variance
    gain² / max(rows, columns). Saxe, McClelland & Ganguli (2014), "Exact solutions to the
    nonlinear dynamics of learning in deep linear neural networks". float32 and float64 only.
    """
    _check(w)
    if w.dtype not in (torch.float32, torch.float64):
        raise ValueError(
            f"orthogonal_ needs float32 or float64 for its QR factorization, got {w.dtype}: "
            "initialize in float32, convert afterwards"
        )
    return init.orthogonal_(w, _number("gain", gain, at_least=0), generator=generator)


def pytorch_default_(w: Tensor, *, generator: Rng = None) -> Tensor:
    """Fill ``w`` (out, in, *kernel) as PyTorch does by itself in ``nn.Linear`` and ``nn.Conv2d``.

    PyTorch calls ``kaiming_uniform_(a=√5)``. Its bound is √(6 / ((1 + 5) fan_in)) = 1/√fan_in,
    so it is U(-1/√fan_in, 1/√fan_in) of variance 1 / (3 fan_in): a sixth of He's, in spite of
    the name. It is the older rule that Glorot & Bengio (2010) start from, their eq. 1.
    """
    _check(w)
    return init.kaiming_uniform_(w, a=math.sqrt(5), generator=generator)


_NORMAL = (normal_, xavier_normal_, he_normal_, lecun_normal_)
_UNIFORM = (uniform_, xavier_uniform_, he_uniform_, lecun_uniform_)
_OTHER = (zero_, constant_, orthogonal_, pytorch_default_)
SCHEMES: dict[str, Scheme] = {f.__name__.rstrip("_"): f for f in _NORMAL + _UNIFORM + _OTHER}


_FUNCTIONS = {
    "delta_orthogonal": "delta_orthogonal_(layer.weight)",
    "fixup": 'start_(network, "fixup")',
    "gpt2": "gpt2_(network)",
    "looks_linear": "looks_linear_(network)",
    "lsuv": "lsuv_(network, images)",
    "mup": "parametrize_(network, MUP, base_width=64)",
    "rezero": 'start_(network, "rezero")',
}
"""What is no scheme, as it looks at more than one weight → the function that does it."""

_NEAREST = {
    "trunc_normal": "normal, whose tails are not cut",
    "truncated_normal": "normal, whose tails are not cut",
    "variance_scaling": "lecun_* (scale 1, fan_in), xavier_* (1, fan_avg) or he_* (2, fan_in)",
}
"""Schemes of PyTorch and Keras that are not in the course → what comes nearest."""


def named(scheme: str, options: dict) -> Scheme:
    """Return the scheme of that name after checking that it takes the options."""
    if not isinstance(scheme, str) or scheme not in SCHEMES:
        hint = _hint(scheme) if isinstance(scheme, str) else ""
        raise ValueError(
            f"there is no scheme {scheme!r}"
            + (f": {hint}" if hint else f"; the schemes are {', '.join(SCHEMES)}")
        )
    takes = list(inspect.signature(SCHEMES[scheme]).parameters)[1:-1]  # all but w and generator
    unknown = [option for option in options if option not in takes]
    if unknown:
        takes = ", ".join(takes) or "no option"
        raise ValueError(f"{scheme} takes {takes}; it does not take {', '.join(unknown)}")
    return SCHEMES[scheme]


def scheme_of(scheme: str | Scheme, options: dict) -> Scheme:
    """Return the scheme of a name; or a function, which need not take a generator.

    Raises ValueError for anything else.
    """
    if isinstance(scheme, type) or not callable(scheme):
        return named(scheme, options)
    try:
        takes = inspect.signature(scheme).parameters
    except ValueError:  # of a function that is not written in Python
        return scheme
    if "generator" in takes or any(p.kind is p.VAR_KEYWORD for p in takes.values()):
        return scheme

    def without_generator(w: Tensor, *, generator: Rng, **options: object) -> Tensor:
        return scheme(w, **options)

    return without_generator


def _hint(scheme: str) -> str:
    """Say what the name of no scheme may mean: a scheme, a function, or what comes nearest."""
    if names := meant(scheme, SCHEMES):
        return f"here it is {' or '.join(names)}"
    if names := meant(scheme, _FUNCTIONS):
        return f"it is a function, {_FUNCTIONS[names[0]]} of course_utils.initializers"
    return "".join(f"the nearest here is {_NEAREST[name]}" for name in meant(scheme, _NEAREST))
