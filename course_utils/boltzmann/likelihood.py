"""The true log-likelihood of an RBM: its partition function, exact or by annealing.

An RBM knows p(v) only up to the number Z: log p(v) = -F(v) - log Z. For a small model Z is a sum
that can be done; for a large one annealed importance sampling estimates it, with an error bar. From
one side it errs towards too small a Z; from both sides one sees how far it may be wrong.

>>> log_z = exact_log_partition(rbm)  # up to 25 units on the smaller side
>>> log_z = annealed_log_partition(rbm, train_images)
>>> log_z = two_way_log_partition(rbm, train_images, samples)  # samples of the model itself
>>> log_likelihood(rbm, test_images, log_z).mean()  # nats an image
"""

from __future__ import annotations

import math
import reprlib
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from numbers import Integral, Real

import torch
from torch import Tensor

from course_utils.boltzmann.rbm import RBM
from course_utils.boltzmann.units import (
    sample_bernoulli,
    sample_visible,
    softplus,
    states_of,
    visible_bias_of,
    visible_mean,
)
from course_utils.generators import seeded
from course_utils.progress import progress

MAX_UNITS = 25  # 2²⁵ = 33,554,432 states
_CHUNK = 2**18  # numbers in memory at once while states are enumerated
_FEW = 10  # effective chains below which an error bar is not to be trusted


@dataclass(frozen=True)
class LogPartition:
    """An estimate of log Z in nats, made by :func:`annealed_log_partition`.

    Attributes
    ----------
    value : float
        The logarithm of the mean weight; the mean weight itself estimates Z without bias.
    error : float
        Standard deviation of `value`, by the delta method: that of the mean weight, relative.
    low, high : float
        log(Z - 3σ) and log(Z + 3σ), where σ is the standard deviation of the mean weight, as in
        Salakhutdinov & Murray (2008). `low` is -inf where 3σ exceeds Z.
    effective_sample_size : float
        (Σw)² / Σw², from 1 to `n_chains`: how many equally weighted chains are worth as much.
    n_chains : int
        How many chains there were.
    """

    value: float
    error: float
    low: float
    high: float
    effective_sample_size: float
    n_chains: int


@dataclass(frozen=True, eq=False)
class TwoWayLogPartition:
    """An estimate of log Z in nats from both sides, made by :func:`two_way_log_partition`.

    Attributes
    ----------
    value : float
        Where the chains that went up and those that came down agree.
    error : float
        Standard deviation of `value` (Shirts and others 2003).
    low, high : float
        Mean of `up` less three of its standard errors, mean of `down` plus three: log Z lies
        between them, if the samples were the model's own.
    up, down : Tensor, shape (n_chains,)
        What every chain says of log Z; on average too little and too much.
    """

    value: float
    error: float
    low: float
    high: float
    up: Tensor
    down: Tensor


def exact_log_partition(rbm: RBM, over: str | None = None) -> float:
    """Return log Z in nats, a sum over all states of one side of ``rbm``, in float64.

    The sum over n units has 2ⁿ terms; in each the other side is summed (or, if Gaussian,
    integrated) by formula. It is done in pieces, so that memory stays small.

    Parameters
    ----------
    rbm
        With at most 25 units on the side that is enumerated.
    over
        ``"hidden"`` or ``"visible"``, the side to enumerate, by default the smaller one; or
        ``"joint"``, both, without any formula. Gaussian visible units cannot be enumerated.

    Raises
    ------
    ValueError
        If there are too many states, or ``over`` is not possible; the message says what to try.
    """
    weight, visible_bias, hidden_bias = _parameters(rbm, torch.float64)
    n_hidden, n_visible = weight.shape
    gaussian = rbm.visible == "gaussian"
    sizes = {"hidden": n_hidden, "visible": n_visible, "joint": n_hidden + n_visible}
    if over is None:
        over = "visible" if n_visible < n_hidden and not gaussian else "hidden"
    _check_enumeration(over, sizes, gaussian)

    def log_terms(states: Tensor) -> Tensor:  # (chunk, units) → (chunk,)
        if over == "hidden":
            natural = visible_bias + states @ weight  # (chunk, n_visible)
            return states @ hidden_bias + _visible_log_partition(natural, gaussian)
        if over == "visible":
            return states @ visible_bias + softplus(hidden_bias + states @ weight.T).sum(1)
        v, h = states.split([n_visible, n_hidden], dim=1)
        return v @ visible_bias + h @ hidden_bias + (h @ weight * v).sum(1)

    total = weight.new_tensor(-math.inf)
    for states in _states_in_pieces(sizes[over], max(1, _CHUNK // (n_hidden + n_visible)), weight):
        total = torch.logaddexp(total, log_terms(states).logsumexp(0))
    return total.item() - _constant(visible_bias, gaussian)


def annealed_log_partition(
    rbm: RBM,
    images: Tensor,
    *,
    n_chains: int = 100,
    n_temperatures: int | Sequence[float] = 1000,
    seed: int = 0,
    log: Callable[[str], object] | None = print,
) -> LogPartition:
    """Estimate log Z in nats by annealed importance sampling from the base rates of ``images``.

    Each chain starts as a sample of a model whose Z is known: it has no weights, and as visible
    biases the log-odds of the images' pixels (Gaussian: their means). Then all parameters move to
    those of ``rbm`` in small steps, and the chain follows with a Gibbs step at each. The weight of
    a chain is the product of the ratios p*(v, next) / p*(v, now) along its way; the mean weight
    estimates Z / Z(base) without bias (Neal 2001; Salakhutdinov & Murray 2008). Its logarithm is
    too low rather than too high, so a log-likelihood comes out too high. Give the images that
    ``rbm`` was trained on.

    A small effective sample size is warned about. A large one says that the chains agree, not
    that they found every mode: compare with :func:`two_way_log_partition`.

    Parameters
    ----------
    rbm
        Bernoulli or Gaussian; everything is computed in its dtype, on its device.
    images
        (n, n_visible), grey values allowed.
    n_chains
        Chains side by side, at least 2.
    n_temperatures
        How many inverse temperatures, evenly spaced, with the 0 of the start and the 1 of the end;
        or a sequence of them that rises from 0 to 1.
    seed
        Fixes all draws.
    log
        None for no bar; else one shows after the first second and leaves nothing at the end.
        (No words are logged: what is doubtful is a warning.)

    Raises
    ------
    TypeError, ValueError
        If the images do not fit ``rbm``, or an option makes no sense.
    """
    bridge, betas = _Bridge.of(rbm, images), _inverse_temperatures(n_temperatures)
    if not isinstance(n_chains, Integral) or isinstance(n_chains, bool) or n_chains < 2:
        raise ValueError(f"n_chains must be a whole number of 2 or more, got {n_chains!r}: try 100")
    generator = seeded(seed, rbm.weight.device)
    return _summary(bridge.up(int(n_chains), betas, generator, log))


def two_way_log_partition(
    rbm: RBM,
    images: Tensor,
    samples: Tensor,
    *,
    n_temperatures: int | Sequence[float] = 1000,
    seed: int = 0,
    log: Callable[[str], object] | None = print,
) -> TwoWayLogPartition:
    """Estimate log Z in nats from both ends of the bridge of :func:`annealed_log_partition`.

    As many chains as there are ``samples`` go up, as there. As many come down: each starts at one
    of the samples, walks the same steps backwards, and one over its weight estimates Z(base) / Z.
    On average the logarithms of the weights lie below log Z on the way up and above it on the way
    down (Grosse, Ghahramani & Adams 2015). And a chain that says u occurs exp(u - log Z) times as
    often on the way down as on the way up (Crooks 2000). So the means of sigmoid(u - x) over those
    that went up and of sigmoid(x - u) over those that came down are equal at x = log Z: that x is
    returned (Bennett 1976). It needs far fewer temperatures than the way up alone.

    Parameters
    ----------
    rbm, images, n_temperatures, seed, log
        As for :func:`annealed_log_partition`.
    samples
        (n_chains, n_visible), drawn from ``rbm`` itself: the ends of long chains, such as
        ``rbm.sample(100, 1000, start=rbm.learner.chains)``. What neither these chains nor the way
        up have found, nobody sees here. Two ways that cannot both be right, or that do not meet,
        are warned about.

    Raises
    ------
    TypeError, ValueError
        If the images or the samples do not fit ``rbm``, or an option makes no sense.
    """
    bridge, betas = _Bridge.of(rbm, images), _inverse_temperatures(n_temperatures)
    rbm.check_images(samples, "samples")
    n_chains = len(samples)
    if n_chains < 2:
        raise ValueError("samples must be two or more, got one: try rbm.sample(100, 1000)")
    generator = seeded(seed, rbm.weight.device)
    up = bridge.up(n_chains, betas, generator, log)
    down = bridge.down(samples, betas, generator, log)
    low, high = (
        (ways.mean() + sign * 3 * ways.std() / math.sqrt(n_chains)).item()
        for ways, sign in ((up, -1), (down, 1))
    )
    value, error, meeting = _where_both_agree(up, down)
    doubt = ""
    if low > high:
        doubt = "so the samples are not the RBM's own. Try longer chains, from other starts."
    elif meeting < 1:
        doubt = "and hardly a chain lies where those of the other way are. Try more temperatures."
    if doubt:
        said = f"The way up says that log Z is at least {low:.1f}, the way down at most {high:.1f}"
        warnings.warn(f"{said}: {doubt}", stacklevel=2)
    return TwoWayLogPartition(value, error, low, high, up, down)


def log_likelihood(
    rbm: RBM, images: Tensor, log_z: float | LogPartition | TwoWayLogPartition
) -> Tensor:
    """Return log p(v) = -F(v) - log Z of each image, (n,) nats (Gaussian: a log-density).

    ``images`` (n, n_visible) must be black and white if the visible units are Bernoulli: such a
    model gives no probability to a grey pixel. ``log_z`` comes from one of the functions above.

    Raises
    ------
    TypeError, ValueError
        If the images do not fit ``rbm``, or hold something other than 0 and 1.
    """
    rbm.check_images(images, "images")
    if rbm.visible == "bernoulli" and not ((images == 0) | (images == 1)).all():
        raise ValueError(
            "images hold values between 0 and 1; a Bernoulli RBM gives probabilities to zeros and "
            "ones only. Try torch.bernoulli(images), or (images > 0.5).to(images.dtype)"
        )
    value = getattr(log_z, "value", log_z)
    return -rbm.free_energy(images) - value


@dataclass(frozen=True, eq=False)
class _Bridge:
    """Models between one without weights, whose Z is known (β = 0), and an RBM (β = 1)."""

    weight: Tensor  # (n_hidden, n_visible)
    hidden_bias: Tensor  # (n_hidden,)
    base_bias: Tensor  # (n_visible,): visible bias at β = 0
    change: Tensor  # (n_visible,): what is added to it until β = 1
    visible: str
    log_z_base: float

    @classmethod
    def of(cls, rbm: RBM, images: Tensor) -> _Bridge:
        weight, visible_bias, hidden_bias = _parameters(rbm, rbm.weight.dtype)
        rbm.check_images(images, "images")
        base_bias, gaussian = visible_bias_of(images, rbm.visible), rbm.visible == "gaussian"
        log_z = _visible_log_partition(base_bias, gaussian).item() + len(hidden_bias) * math.log(2)
        log_z -= _constant(visible_bias, gaussian)
        change = visible_bias - base_bias
        return cls(weight, hidden_bias, base_bias, change, rbm.visible, log_z)

    def up(self, n_chains: int, betas: list[float], generator: torch.Generator, log) -> Tensor:
        """Return what ``n_chains`` chains say of log Z, (n_chains,), on average too little."""
        v = self._draw(self.base_bias.repeat(n_chains, 1), generator)
        return self.log_z_base + self._walk(v, betas, generator, log)

    def down(self, v: Tensor, betas: list[float], generator: torch.Generator, log) -> Tensor:
        """Return what chains from the RBM's samples v say of it, (n_chains,): too much."""
        return self.log_z_base - self._walk(v, betas[::-1], generator, log)

    def _walk(self, v: Tensor, betas: list[float], generator: torch.Generator, log) -> Tensor:
        """Walk from β to β, and return the logarithms of the weights, (n_chains,), float64."""
        log_ratios = self.weight.new_empty(len(betas) - 1, len(v))
        for step in progress(range(len(betas) - 1), quiet=log is None, unit="step"):
            now, following = betas[step], betas[step + 1]
            inputs = v @ self.weight.T + self.hidden_bias  # serves the ratio and the Gibbs step
            gain = softplus(following * inputs) - softplus(now * inputs)
            drift = v @ self.change  # (n_chains,)
            torch.add(gain.sum(1), drift, alpha=following - now, out=log_ratios[step])
            h = sample_bernoulli(inputs.mul_(following).sigmoid_(), generator)
            bias = torch.add(self.base_bias, self.change, alpha=following)
            v = self._draw(torch.addmm(bias, h, self.weight, alpha=following), generator)
        return log_ratios.cpu().double().sum(0)

    def _draw(self, natural: Tensor, generator: torch.Generator) -> Tensor:
        return sample_visible(visible_mean(natural, self.visible), self.visible, generator)


def _where_both_agree(up: Tensor, down: Tensor) -> tuple[float, float, float]:
    """Return the x at which both means are equal, its std, and how many chains meet there."""
    low, high = min(up.min(), down.min()).item(), max(up.max(), down.max()).item()
    for _ in range(60):  # the one falls with x, the other rises: halve the interval
        x = (low + high) / 2
        rises = torch.sigmoid(up - x).mean() > torch.sigmoid(x - down).mean()
        low, high = (x, high) if rises else (low, x)
    shares = torch.sigmoid(up - x), torch.sigmoid(x - down)
    spread = sum(s.square().mean() / s.mean().square() - 1 for s in shares)
    return x, math.sqrt(spread.item() / len(up)), shares[0].sum().item()


def _parameters(rbm: RBM, dtype: torch.dtype) -> tuple[Tensor, Tensor, Tensor]:
    """Return weight, visible and hidden bias as ``dtype``; refuse what is not finite."""
    tensors = (rbm.weight, rbm.visible_bias, rbm.hidden_bias)
    if not all(t.isfinite().all() for t in tensors):
        raise ValueError(
            "the RBM has weights or biases that are not finite, so it has no log Z. "
            "Try training it again with a smaller learning rate"
        )
    weight, visible_bias, hidden_bias = (t.detach().to(dtype) for t in tensors)
    return weight, visible_bias, hidden_bias


def _check_enumeration(over: str, sizes: dict[str, int], gaussian: bool) -> None:
    """Refuse a side that is unknown, Gaussian or too large."""
    if over not in sizes:
        raise ValueError(f"over must be one of {', '.join(map(repr, sizes))}, got {over!r}")
    if gaussian and over != "hidden":
        raise ValueError(
            f"Gaussian visible units have no list of states, so over={over!r} cannot be done: "
            'try over="hidden"'
        )
    if sizes[over] > MAX_UNITS:
        raise ValueError(
            f"log Z over {sizes[over]} {over} units would be a sum of 2^{sizes[over]} terms; at "
            f"most {MAX_UNITS} units are enumerated. Try annealed_log_partition, or a smaller model"
        )


def _inverse_temperatures(n_temperatures: int | Sequence[float]) -> list[float]:
    """Return the inverse temperatures, from 0 to 1."""
    if isinstance(n_temperatures, Integral) and n_temperatures >= 2:
        return torch.linspace(0, 1, int(n_temperatures), dtype=torch.float64, device="cpu").tolist()
    if isinstance(n_temperatures, Real):
        raise ValueError(
            "n_temperatures must be a whole number of 2 or more, or a sequence from 0 to 1; "
            f"got {n_temperatures}: try 1000"
        )
    betas = [float(beta) for beta in n_temperatures]
    rises = all(a < b for a, b in pairwise(betas))
    if len(betas) < 2 or betas[0] != 0 or betas[-1] != 1 or not rises:
        given = reprlib.repr(betas)  # cut short if it is long
        raise ValueError(f"inverse temperatures must rise from 0 to 1, as [0, 0.5, 1]; got {given}")
    return betas


def _visible_log_partition(natural: Tensor, gaussian: bool) -> Tensor:
    """Return log Σ exp(natural · v) over v (Gaussian: an integral): (…, n_visible) → (…)."""
    terms = natural.square() / 2 + math.log(2 * math.pi) / 2 if gaussian else softplus(natural)
    return terms.sum(-1)


def _constant(visible_bias: Tensor, gaussian: bool) -> float:
    """Return what the Gaussian energy ½|v - b|² holds beside ½|v|² - b · v."""
    return visible_bias.square().sum().item() / 2 if gaussian else 0.0


def _states_in_pieces(n_units: int, chunk: int, like: Tensor) -> Iterator[Tensor]:
    """Yield all 2ⁿ states of n units, zeros and ones, in pieces (at most chunk, n_units)."""
    for first in range(0, 2**n_units, chunk):
        numbers = torch.arange(first, min(first + chunk, 2**n_units), device=like.device)
        yield states_of(numbers, n_units).to(like.dtype)


def _summary(log_weights: Tensor) -> LogPartition:
    """Return log of the mean weight with its error bar; warn if a few chains carry it."""
    n_chains = len(log_weights)
    value = log_weights.logsumexp(0).item() - math.log(n_chains)
    relative = (log_weights - value).exp()  # weights over their mean
    error = relative.std().item() / math.sqrt(n_chains)
    size = relative.sum().item() ** 2 / relative.square().sum().item()
    if size < _FEW:
        warnings.warn(
            f"Only {size:.1f} of {n_chains} chains carry the estimate of log Z (their effective "
            "sample size): its error bar is not to be trusted, and log Z is probably larger. Try "
            "ten times as many temperatures, or the images that the RBM was trained on.",
            stacklevel=3,
        )
    low = value + math.log1p(-3 * error) if 3 * error < 1 else -math.inf
    high = value + math.log1p(3 * error)
    return LogPartition(value, error, low, high, size, n_chains)
