"""What a restricted Boltzmann machine is: its energy and what follows from it, in formulas.

Nothing is drawn here and nothing is learned: that is :class:`course_utils.rbm.RBM`.
"""

from __future__ import annotations

import math
from numbers import Integral, Real

import torch
import torch.nn.functional as F
from torch import Tensor


class BoltzmannMachine:
    """A layer of visible units v and a layer of hidden units h, with weights only between them.

    The probability of a joint state is exp(-E(v, h)) / Z, with the energy in nats ::

        E(v, h) = -b·v - c·h - h·W v            Bernoulli v: 0 or 1 (as data also between)
        E(v, h) = ½|v - b|² - c·h - h·W v       Gaussian v: real, of variance 1 given h

    There are no weights within a layer, so its units are independent given the other layer.
    Smolensky (1986), "Information processing in dynamical systems: foundations of harmony theory";
    Hinton (2012), "A practical guide to training restricted Boltzmann machines".

    All tensors that come in must have the dtype and the device of the weights. Parameters and
    attributes are those of :class:`course_utils.rbm.RBM`.
    """

    def __init__(
        self,
        n_visible: int,
        n_hidden: int,
        *,
        visible: str = "bernoulli",
        std: float = 0.01,
        seed: int = 0,
        dtype: torch.dtype = torch.float32,
        device: torch.device | str = "cpu",
    ) -> None:
        check_whole("n_visible", n_visible)
        check_whole("n_hidden", n_hidden)
        if not isinstance(std, Real) or not 0 <= std < math.inf:
            raise ValueError(f"std must be a finite number of 0 or more, got {std!r}")
        if visible not in ("bernoulli", "gaussian"):
            raise ValueError(f'visible must be "bernoulli" or "gaussian", got {visible!r}')
        if dtype not in (torch.float32, torch.float64):
            raise ValueError(
                f"dtype must be torch.float32 or torch.float64, got {dtype}: in half precision "
                "small updates and small probabilities are lost"
            )
        self.visible = visible
        self.generator = torch.Generator(device).manual_seed(seed)
        self.weight = torch.empty(n_hidden, n_visible, dtype=dtype, device=device)
        self.weight.normal_(0.0, std, generator=self.generator)
        self.visible_bias = self.weight.new_zeros(n_visible)
        self.hidden_bias = self.weight.new_zeros(n_hidden)

    def hidden_given_visible(self, v: Tensor, *, temperature: float = 1.0) -> Tensor:
        """Return p(h = 1 | v), (n, n_hidden), for v (n, n_visible).

        A temperature divides the energy: the higher, the nearer are probabilities to ½.
        """
        return torch.sigmoid(self._hidden_input(v) / _positive(temperature))

    def visible_given_hidden(self, h: Tensor, *, temperature: float = 1.0) -> Tensor:
        """Return the mean of v, (n, n_visible), given h (n, n_hidden): probabilities, or reals.

        The temperature leaves Gaussian means alone: it is the variance around them.
        """
        self.check_states(h, "h", self.weight.shape[0])
        mean = h @ self.weight + self.visible_bias
        scaled = mean / _positive(temperature)
        return mean if self.visible == "gaussian" else torch.sigmoid(scaled)

    def reconstruct(self, v: Tensor) -> Tensor:
        """Return the mean of v given h = p(h = 1 | v), (n, n_visible): nothing is drawn."""
        return self.visible_given_hidden(self.hidden_given_visible(v))

    def energy(self, v: Tensor, h: Tensor) -> Tensor:
        """Return E(v, h) (n,) in nats, for v (n, n_visible) and h (n, n_hidden)."""
        self.check_states(h, "h", self.weight.shape[0])
        joint = (h * self._hidden_input(v)).sum(-1)  # h·W v + c·h
        return self._visible_energy(v) - joint

    def free_energy(self, v: Tensor) -> Tensor:
        """Return F(v) = -log Σ_h exp(-E(v, h)), (n,), in nats, for v (n, n_visible).

        p(v) = exp(-F(v)) / Z: of two images the one with less free energy is the more probable.
        """
        hidden = softplus(self._hidden_input(v)).sum(-1)
        return self._visible_energy(v) - hidden

    def pseudo_log_likelihood(
        self, v: Tensor, *, exact: bool = False, generator: torch.Generator | None = None
    ) -> Tensor:
        """Return Σᵢ log p(vᵢ | all other bits of v), (n,), in nats, for v (n, n_visible).

        By default estimated, as in scikit-learn, from one bit of each image, drawn with
        ``generator`` (or the RBM's own): n_visible times log σ(F(v with that bit flipped) - F(v)).
        With ``exact`` it is the sum over all bits. v is meant to be black and white; a grey pixel
        x "flips" to 1 - x.

        Raises
        ------
        ValueError
            If the visible units are Gaussian: they have no bits to flip.
        """
        if self.visible == "gaussian":
            raise ValueError(
                "the pseudo-likelihood flips bits, and Gaussian visible units have none: "
                "try free_energy, or course_utils.likelihood"
            )
        inputs, n_visible = self._hidden_input(v), self.weight.shape[1]  # (n, n_hidden)
        before = softplus(inputs).sum(-1)  # (n,)

        def log_conditional(bit: Tensor) -> Tensor:  # (n,) → (n,): log p(v_bit | the others)
            change = 1 - 2 * v.gather(1, bit[:, None])  # (n, 1): what the flip adds to the bit
            after = softplus(inputs + change * self.weight.T[bit]).sum(-1)
            return F.logsigmoid(before - after - change[:, 0] * self.visible_bias[bit])

        if exact:
            every = torch.arange(n_visible, device=v.device)
            return sum(log_conditional(bit.expand(len(v))) for bit in every)
        source = self.generator if generator is None else generator
        bits = torch.randint(n_visible, (len(v),), generator=source, device=v.device)
        return n_visible * log_conditional(bits)

    def check_states(self, states: Tensor, name: str, units: int) -> None:
        """Raise unless ``states`` is (…, units), of the dtype and device of the weights.

        Raises
        ------
        TypeError, ValueError
            In words that say what was given and what to try.
        """
        if not isinstance(states, Tensor):
            kind = type(states).__name__
            raise TypeError(f"{name} must be a tensor, got {kind}: try torch.as_tensor({name})")
        if states.ndim == 0 or states.shape[-1] != units:
            given = tuple(states.shape)
            raise ValueError(f"{name} must have the shape (n, {units}), got {given}")
        if states.dtype != self.weight.dtype or states.device != self.weight.device:
            own = f"{self.weight.dtype} on {self.weight.device}"
            raise ValueError(
                f"{name} is {states.dtype} on {states.device}, the weights are {own}: "
                f"try {name}.to(rbm.weight)"
            )

    def check_images(self, images: Tensor, name: str) -> None:
        """Raise unless ``images`` (n, n_visible) is data from which this machine can learn.

        Raises
        ------
        TypeError, ValueError
            Of :meth:`check_states`; or if there are no images, or their values do not fit.
        """
        self.check_states(images, name, self.weight.shape[1])
        if images.ndim != 2 or len(images) == 0:
            wish = f"(n, {self.weight.shape[1]}) with n of at least 1"
            raise ValueError(f"{name} must have the shape {wish}, got {tuple(images.shape)}")
        low, high = (x.item() for x in images.aminmax())  # both nan if one value is
        if not math.isfinite(high - low):
            raise ValueError(
                f"{name} must be finite, but holds nan or infinity: try torch.isfinite"
            )
        if self.visible == "bernoulli" and not 0 <= low <= high <= 1:
            raise ValueError(
                f"{name} must lie in [0, 1] for Bernoulli visible units, got {low:g} to {high:g}: "
                'try dividing by the greatest value, or visible="gaussian" and standardized data'
            )

    def _hidden_input(self, v: Tensor) -> Tensor:
        self.check_states(v, "v", self.weight.shape[1])
        return v @ self.weight.T + self.hidden_bias  # (n, n_hidden)

    def _visible_energy(self, v: Tensor) -> Tensor:
        if self.visible == "gaussian":
            return (v - self.visible_bias).square().sum(-1) / 2
        return -(v @ self.visible_bias)


def check_whole(name: str, value: object) -> None:
    """Raise ValueError unless ``value`` is a whole number of at least 1."""
    if not isinstance(value, Integral) or isinstance(value, bool) or value < 1:
        raise ValueError(f"{name} must be a whole number of at least 1, got {value!r}")


def _positive(temperature: float) -> float:
    if not isinstance(temperature, Real) or not 0 < temperature < math.inf:
        raise ValueError(f"temperature must be a positive finite number, got {temperature!r}")
    return temperature


def softplus(x: Tensor) -> Tensor:
    """Return log(1 + exp x), in the shape of ``x``, to full precision also in float64.

    (Above 20 torch's own returns x itself.)
    """
    return F.softplus(x, threshold=40)
