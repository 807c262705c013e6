"""The restricted Boltzmann machine: Bernoulli or Gaussian visible units, Bernoulli hidden units.

>>> rbm = RBM(784, 500)
>>> history = rbm.fit(images, lr=0.05)
>>> digits = rbm.sample(16, steps=1000)

First what it is (energy, conditionals, free energy), then what it draws, then how it is trained.
One step of its learning: `learning`; its likelihood: `likelihood`.
"""

from __future__ import annotations

import math
import os
import time
import warnings
from collections.abc import Callable

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from course_utils.boltzmann.arguments import device_here, finite_range, number, whole
from course_utils.boltzmann.estimator import Estimator
from course_utils.boltzmann.learning import (
    ContrastiveDivergence,
    Parameters,
    RBMHistory,
    check_learning,
)
from course_utils.boltzmann.storage import load_machine, plain, save_state, tensor_of
from course_utils.boltzmann.units import (
    VISIBLE_KINDS,
    sample_bernoulli,
    sample_visible,
    softplus,
    visible_bias_of,
)
from course_utils.data import HAIR, as_images, bytes_up_to, conversion, greatest_pixel
from course_utils.generators import seeded
from course_utils.progress import progress
from course_utils.training import StopTraining, pass_on

_KIND = "RBM"  # what a saved file calls its contents
_MODEL = ("weight", "visible_bias", "hidden_bias")
_MEASURED = 1000  # training images on which error and pseudo-likelihood are measured


class RBM(Estimator):
    """A layer of visible units v and a layer of hidden units h, with weights only between them.

    The probability of a joint state is exp(-E(v, h)) / Z, with the energy in nats ::

        E(v, h) = -b·v - c·h - h·W v            Bernoulli v: 0 or 1 (as data also between)
        E(v, h) = ½|v - b|² - c·h - h·W v       Gaussian v: real, of variance 1 given h

    There are no weights within a layer, so its units are independent given the other layer.
    Smolensky (1986), "Information processing in dynamical systems: foundations of harmony theory";
    Hinton (2012), "A practical guide to training restricted Boltzmann machines".

    All tensors that come in must have the dtype and the device of the weights. To scikit-learn an
    RBM is a transformer: see `estimator`.

    Parameters
    ----------
    n_visible, n_hidden
        Units of each layer.
    visible
        ``"bernoulli"`` for data in [0, 1], ``"gaussian"`` for data that were standardized,
        ``(images - images.mean()) / images.std()``: these need a learning rate of about 0.001.
    std
        Standard deviation of the normal weights at the start; the biases start at 0.
    seed
        Of the RBM's own generator, which makes all draws: weights, order of images, states.
    dtype, device
        ``torch.float32`` or ``torch.float64``, and where the tensors live.

    All of them are attributes, too: what :meth:`get_params` returns.

    Attributes
    ----------
    weight : Tensor, shape (n_hidden, n_visible)
        W, laid out as in ``nn.Linear`` and in scikit-learn's ``components_``.
    visible_bias, hidden_bias : Tensor, shapes (n_visible,) and (n_hidden,)
        b and c. Learning changes the three in place; put your own numbers in with ``copy_``.
    generator : torch.Generator
        Source of all draws.
    learner : ContrastiveDivergence
        Takes the learning steps: it has counted them (``learner.steps``) and holds the persistent
        chains (``learner.chains``) and the dtype of the products (``learner.compute_dtype``).
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
        shape = whole("n_hidden", n_hidden), whole("n_visible", n_visible)
        spread = number("std", std, "a finite number of 0 or more")
        if visible not in VISIBLE_KINDS:
            raise ValueError(f'visible must be "bernoulli" or "gaussian", got {visible!r}')
        if dtype not in (torch.float32, torch.float64):
            half = dtype in (torch.float16, torch.bfloat16)
            lost = ": in half precision small updates and small probabilities are lost"
            wish = "dtype must be torch.float32 or torch.float64"
            raise ValueError(f"{wish}, got {dtype!r}{lost if half else ''}")
        self.generator = seeded(seed, device_here(device))
        self.n_visible, self.n_hidden, self.visible, self.std = n_visible, n_hidden, visible, std
        self.seed, self.dtype, self.device = seed, dtype, device
        self.weight = torch.empty(shape, dtype=dtype, device=device)
        self.weight.normal_(0.0, spread, generator=self.generator)
        self.visible_bias = self.weight.new_zeros(shape[1])
        self.hidden_bias = self.weight.new_zeros(shape[0])
        self.learner = ContrastiveDivergence(self.parameters(), visible, self.generator)

    def __repr__(self) -> str:
        """Return sizes, units, dtype, device, and how many steps were learned."""
        made = f"{self.n_visible}, {self.n_hidden}, visible={self.visible!r}, dtype={self.dtype}"
        return f"RBM({made}, device={self.weight.device}; {self.learner.steps} steps learned)"

    def to(self, device: torch.device | str) -> RBM:
        """Move the RBM, with what its learner holds, to a device, and return it.

        On another kind of device the draws start anew, from the seed: a generator of the one kind
        cannot go on where one of the other kind stands.

        Raises
        ------
        ValueError
            If this machine has no such device.
        """
        there = device_here(device)
        generator = seeded(self.seed, there)
        if there.type == self.generator.device.type:
            generator.set_state(self.generator.get_state())
        for name in _MODEL:
            setattr(self, name, getattr(self, name).to(there))
        self.learner.to(there, generator)
        self.generator, self.device = generator, device
        return self

    def parameters(self) -> Parameters:
        """Return weight, visible bias and hidden bias: the tensors themselves, not copies."""
        return self.weight, self.visible_bias, self.hidden_bias

    def hidden_given_visible(self, v: Tensor, *, temperature: float = 1.0) -> Tensor:
        """Return p(h = 1 | v), (n, n_hidden), for v (n, n_visible).

        A temperature divides the energy: the higher, the nearer are probabilities to ½.
        """
        self.check_states(v, "v", self.weight.shape[1])
        return self._hidden_mean(v, _positive(temperature))

    def visible_given_hidden(self, h: Tensor, *, temperature: float = 1.0) -> Tensor:
        """Return the mean of v, (n, n_visible), given h (n, n_hidden): probabilities, or reals.

        The temperature leaves Gaussian means alone: it is the variance around them.
        """
        self.check_states(h, "h", self.weight.shape[0])
        return self._visible_mean(h, _positive(temperature))

    def reconstruct(self, v: Tensor) -> Tensor:
        """Return the mean of v given h = p(h = 1 | v), (n, n_visible): nothing is drawn."""
        return self._visible_mean(self.hidden_given_visible(v))

    def energy(self, v: Tensor, h: Tensor) -> Tensor:
        """Return E(v, h) (n,) in nats, for v (n, n_visible) and h (n, n_hidden)."""
        self.check_states(v, "v", self.weight.shape[1])
        self.check_states(h, "h", self.weight.shape[0])
        joint = (h * self._hidden_input(v)).sum(-1)  # h·W v + c·h
        return self._visible_energy(v) - joint

    def free_energy(self, v: Tensor) -> Tensor:
        """Return F(v) = -log Σ_h exp(-E(v, h)), (n,), in nats, for v (n, n_visible).

        p(v) = exp(-F(v)) / Z: of two images the one with less free energy is the more probable.
        """
        self.check_states(v, "v", self.weight.shape[1])
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
                "try free_energy, or course_utils.boltzmann.log_likelihood"
            )
        n_visible = self.weight.shape[1]
        self.check_states(v, "v", n_visible)
        inputs = self._hidden_input(v)  # (n, n_hidden)
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

    def sample_hidden(self, v: Tensor, *, temperature: float = 1.0) -> Tensor:
        """Draw h, zeros and ones (n, n_hidden), given v (n, n_visible)."""
        self.check_states(v, "v", self.weight.shape[1])
        return self._draw_hidden(v, _positive(temperature))

    def sample_visible(self, h: Tensor, *, temperature: float = 1.0) -> Tensor:
        """Draw v, zeros and ones or reals (n, n_visible), given h (n, n_hidden)."""
        self.check_states(h, "h", self.weight.shape[0])
        return self._draw_visible(h, _positive(temperature))

    def gibbs(self, v: Tensor, steps: int = 1, *, temperature: float = 1.0) -> Tensor:
        """Return v (n, n_visible) after ``steps`` Gibbs steps v → h → v, all states drawn."""
        self.check_states(v, "v", self.weight.shape[1])
        temperature = _positive(temperature)
        for _ in range(whole("steps", steps)):
            v = self._draw_visible(self._draw_hidden(v, temperature), temperature)
        return v

    def sample(
        self, n: int, steps: int, *, start: Tensor | None = None, temperature: float = 1.0
    ) -> Tensor:
        """Return n states (n, n_visible) after ``steps`` Gibbs steps from ``start``, of that shape.

        Without ``start`` each chain begins with the visible biases alone (h = 0). Give what came
        back as ``start`` to go on with the chains.
        """
        n = whole("n", n)
        if start is None:
            off = self.weight.new_zeros(n, self.weight.shape[0])
            start = self.sample_visible(off, temperature=temperature)
        if len(start) != n:
            raise ValueError(f"start must hold n = {n} states, got {len(start)}")
        return self.gibbs(start, steps, temperature=temperature)

    def start_chains(self, v: Tensor | None) -> None:
        """Let persistent CD go on from v (m, n_visible), or, with None, from its next batch."""
        if v is not None:
            self.check_images(v, "v")
        self.learner.particles = None if v is None else self.sample_hidden(v)
        self.learner.chains = v

    def partial_fit(
        self,
        v: Tensor | np.ndarray,
        y: object = None,
        *,
        lr: float = 0.1,
        k: int = 1,
        persistent: bool = False,
        momentum: float = 0.0,
        weight_decay: float = 0.0,
        sparsity: tuple[float, float] | None = None,
    ) -> RBM:
        """Take one learning step on the batch v (n, n_visible), and return the RBM.

        The options mean what they mean for :meth:`fit`.

        Raises
        ------
        TypeError, ValueError, FloatingPointError
            If the batch does not fit the RBM, an option makes no sense, or the weights diverged.
        """
        v = self._data(v, "v")
        check_learning(lr, k, momentum, weight_decay, sparsity)
        options = {"k": k, "persistent": persistent, "momentum": momentum, "sparsity": sparsity}
        self.learner.step(self.parameters(), v, lr=lr, weight_decay=weight_decay, **options)
        return self

    def fit(
        self,
        images: Tensor | np.ndarray,
        y: object = None,
        *,
        held_out: Tensor | np.ndarray | None = None,
        epochs: int = 5,
        batch_size: int = 100,
        k: int = 1,
        persistent: bool = False,
        lr: float | tuple[float, float] = 0.1,
        momentum: float | tuple[float, float] = (0.5, 0.9),
        weight_decay: float = 2e-4,
        sparsity: tuple[float, float] | None = None,
        visible_bias_from_data: bool = True,
        after_step: Callable[[int], object] | None = None,
        after_epoch: Callable[[int], object] | None = None,
        log: Callable[[str], object] | None = print,
    ) -> RBMHistory:
        """Learn from images (n, n_visible), the same for the same seed, and return the history.

        Each epoch is a new permutation of the images; an incomplete last batch is dropped. A
        :class:`course_utils.training.StopTraining` that a callback raises ends the training, and so
        does a keyboard interrupt (without a ``log`` that tells of it, it is raised again); weights
        and chains keep what they have. Weights that are no longer finite end it too, but then all
        is lost. How it ended is the history's ``outcome``.

        Parameters
        ----------
        y
            Ignored: scikit-learn hands labels to all parts of a pipeline.
        held_out
            Other images (n', n_visible), for the history's free-energy gap.
        epochs, batch_size
            How often each image is seen, and images a step.
        k, persistent
            Gibbs steps of a chain before each update; whether the ``batch_size`` chains go on from
            step to step (PCD-k; also into the next call) or begin at the batch anew (CD-k).
        lr
            Learning rate, or a pair (first, last): it moves evenly from the first to the last step.
            Gaussian visible units need about 0.001: at 0.1 they diverge or end at nonsense.
        momentum
            Fraction of the last update that is taken again; a pair is for the first epoch of this
            call, and for the others.
        weight_decay
            Times weight and learning rate: what each step takes from the weights, not the biases.
        sparsity
            A pair (target, cost): cost · (target - mean p(h = 1 | v) in the batch) is added to what
            the data say to each hidden unit (Hinton 2012, there with a running mean).
        visible_bias_from_data
            Whether an RBM that has not learned yet first sets its visible bias to the log-odds of
            the pixels (one image of ink and one without are added), or to the mean if Gaussian.
        after_step, after_epoch
            Called after each update, or epoch, with their number in this call: 1, 2, …
        log
            Called with a line of words if the training ends early; a bar shows after the
            first second and leaves nothing at the end. None for neither.

        Raises
        ------
        TypeError, ValueError
            If the images do not fit the RBM, or an option makes no sense.
        """
        images = self._data(images, "images")
        held_out = None if held_out is None else self._data(held_out, "held_out")
        rates, momenta = _pair("lr", lr), _pair("momentum", momentum)
        for rate, fraction in zip(rates, momenta, strict=True):
            check_learning(rate, k, fraction, weight_decay, sparsity)
        epochs, batch_size, per_epoch = _sizes(epochs, batch_size, len(images))
        if self.visible == "gaussian":
            _warn_of_variance(images)
        if visible_bias_from_data and self.learner.steps == 0:
            self.visible_bias.copy_(visible_bias_of(images, self.visible))
        last_step = epochs * per_epoch - 1
        options = dict(k=k, persistent=persistent, sparsity=sparsity, weight_decay=weight_decay)
        after_step, after_epoch = after_step or _ignore, after_epoch or _ignore
        metrics, before = _Metrics(images, held_out), self.learner.steps
        outcome, words, done, started = "finished", "", 0, time.perf_counter()
        bar = progress(total=last_step + 1, quiet=log is None, unit="step")
        try:
            for epoch in range(epochs):
                order = torch.randperm(len(images), generator=self.generator, device=images.device)
                options["momentum"] = momenta[epoch > 0]
                for rows in order[: per_epoch * batch_size].split(batch_size):
                    options["lr"] = rates[0] + (rates[1] - rates[0]) * done / max(1, last_step)
                    self.learner.step(self.parameters(), images, rows, **options)
                    done += 1
                    bar.update()
                    after_step(done)
                self.learner.check_finite(self.visible_bias, self.hidden_bias)
                metrics.measure(self)
                after_epoch(epoch + 1)
        except StopTraining:
            outcome = "stopped"
        except KeyboardInterrupt:
            outcome, words = "interrupted", _interrupted_after(self.learner.steps - before)
        except FloatingPointError as error:
            outcome, words = "diverged", str(error)
        finally:
            bar.close()
        if words and log is not None:
            log(words)
        pass_on(outcome, silent=log is None)
        return RBMHistory(
            *metrics.columns(), self.learner.steps - before, time.perf_counter() - started, outcome
        )

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the RBM, with all that its next step depends on, to a file without code.

        Raises
        ------
        OSError, ValueError
            If the file cannot be written, or the weights are not finite; what was there before is
            still there.
        """
        save_state(path, self.state())

    def state(self) -> dict:
        """Return what :meth:`save` writes: tensors, numbers and names."""
        return {
            "kind": _KIND,
            "options": {"visible": self.visible, "std": float(self.std), "seed": int(self.seed)},
            "generator": (self.generator.device.type, self.generator.get_state()),
            "model": {name: plain(name, getattr(self, name)) for name in _MODEL},
            "learner": self.learner.state(),
        }

    @classmethod
    def load(cls, path: str | os.PathLike[str], *, device: torch.device | str = "cpu") -> RBM:
        """Read an RBM that :meth:`save` wrote; nothing in the file is run as code.

        On another kind of device than the one it was saved on, the draws start anew.

        Raises
        ------
        OSError, ValueError
            If the file cannot be read, or holds something other than an RBM.
        """
        device_here(device)
        return load_machine(path, cls.__name__, lambda state: cls.from_state(state, device))

    @classmethod
    def from_state(cls, state: dict, device: torch.device | str = "cpu") -> RBM:
        """Make the RBM that :meth:`state` describes.

        Raises
        ------
        Exception
            Of one kind or another, if ``state`` describes none.
        """
        if state["kind"] != _KIND:
            raise ValueError(f"it holds a machine of the kind {state['kind']!r}")
        options, weight = state["options"], state["model"]["weight"]
        tensor_of("weight", weight, weight.shape, weight.dtype)
        kept = {name: options[name] for name in ("visible", "std", "seed")}
        rbm = cls(*reversed(weight.shape), dtype=weight.dtype, device=device, **kept)
        for name in _MODEL:
            own = getattr(rbm, name)
            own.copy_(tensor_of(name, state["model"][name], own.shape, own.dtype))
        rbm.learner.restore(state["learner"])
        device_type, draws = state["generator"]
        tensor_of("generator", draws, draws.shape, torch.uint8)
        if rbm.generator.device.type == torch.device(device_type).type:
            rbm.generator.set_state(draws)
        return rbm

    def read(self, images: Tensor | np.ndarray, name: str) -> Tensor:
        """Return a tensor as it is; of a NumPy array or of lists make one that fits the weights.

        Raises
        ------
        TypeError, ValueError
            Of :func:`course_utils.data.as_images`.
        """
        if isinstance(images, Tensor):
            return images
        whole = self.visible == "gaussian"  # which can be any numbers
        return as_images(images, name, self.weight.dtype, whole=whole).to(self.weight.device)

    def check_states(self, states: Tensor, name: str, units: int) -> None:
        """Raise unless ``states`` is (…, units), finite, of dtype and device of the weights.

        Raises
        ------
        TypeError, ValueError
            In words that say what was given and what to try.
        """
        self._check_layout(states, name, units)
        finite_range(name, states)

    def check_images(self, images: Tensor, name: str) -> None:
        """Raise unless ``images`` (n, n_visible) is data from which this machine can learn.

        Raises
        ------
        TypeError, ValueError
            Of :meth:`check_states`; or if there are no images, or their values do not fit.
        """
        self._check_layout(images, name, self.weight.shape[1])
        if images.ndim != 2 or len(images) == 0:
            wish = f"(n, {self.weight.shape[1]}) with n of at least 1"
            raise ValueError(f"{name} must have the shape {wish}, got {tuple(images.shape)}")
        self.check_values(images, name)

    def check_values(self, images: Tensor, name: str) -> None:
        """Raise ValueError unless ``images``, of any shape, holds what visible units can be."""
        low, high = finite_range(name, images)
        if self.visible == "bernoulli" and not -HAIR <= low <= high <= 1 + HAIR:
            most = bytes_up_to(images)
            scale = f"by {greatest_pixel(most)}" if most > 1 else "by the greatest value"
            raise ValueError(
                f"{name} must lie in [0, 1] for Bernoulli visible units, got {low:g} to {high:g}: "
                f'try dividing {scale}, or visible="gaussian" and standardized data'
            )

    def _check_layout(self, states: Tensor, name: str, units: int) -> None:
        if not isinstance(states, Tensor):
            kind = type(states).__name__
            raise TypeError(f"{name} must be a tensor, got {kind}: {conversion(states, name)}")
        if states.ndim == 0 or states.shape[-1] != units:
            given = tuple(states.shape)
            flat = math.prod(given[1:]) == units
            wish = f": try {name}.reshape(len({name}), -1)" if flat else ""
            raise ValueError(f"{name} must have the shape (n, {units}), got {given}{wish}")
        if states.layout != torch.strided:
            raise TypeError(f"{name} must be dense, got {states.layout}: try {name}.to_dense()")
        if states.dtype != self.weight.dtype or states.device != self.weight.device:
            own = f"{self.weight.dtype} on {self.weight.device}"
            most = 0 if states.is_floating_point() else bytes_up_to(states)
            scale = f" / {greatest_pixel(most)}" if most > 1 else ""
            raise ValueError(
                f"{name} is {states.dtype} on {states.device}, the weights are {own}: "
                f"try {name}.to(rbm.weight){scale}"
            )

    def _data(self, images: Tensor | np.ndarray, name: str) -> Tensor:
        images = self.read(images, name)
        self.check_images(images, name)
        return images

    def _hidden_input(self, v: Tensor) -> Tensor:
        return v @ self.weight.T + self.hidden_bias  # (n, n_hidden)

    def _hidden_mean(self, v: Tensor, temperature: float = 1.0) -> Tensor:
        return torch.sigmoid(self._hidden_input(v) / temperature)

    def _visible_mean(self, h: Tensor, temperature: float = 1.0) -> Tensor:
        natural = h @ self.weight + self.visible_bias  # (n, n_visible)
        return natural if self.visible == "gaussian" else torch.sigmoid(natural / temperature)

    def _draw_hidden(self, v: Tensor, temperature: float) -> Tensor:
        return sample_bernoulli(self._hidden_mean(v, temperature), self.generator)

    def _draw_visible(self, h: Tensor, temperature: float) -> Tensor:
        mean = self._visible_mean(h, temperature)
        return sample_visible(mean, self.visible, self.generator, std=math.sqrt(temperature))

    def _visible_energy(self, v: Tensor) -> Tensor:
        if self.visible == "gaussian":
            return (v - self.visible_bias).square().sum(-1) / 2
        return -(v @ self.visible_bias)


class _Metrics:
    """What costs little and is measured once an epoch; columns of :class:`RBMHistory`."""

    def __init__(self, images: Tensor, held_out: Tensor | None) -> None:
        self.held_out = held_out
        self.images = _spread(images, _MEASURED)
        self.seen = None if held_out is None else _spread(images, len(held_out))
        self.errors: list[float] = []
        self.pseudo_likelihoods: list[float] = []
        self.gaps: list[float] = []

    @torch.no_grad()
    def measure(self, rbm: RBM) -> None:
        images, measured = self.images, []
        measured.append((self.errors, (rbm.reconstruct(images) - images).square().mean()))
        if rbm.visible == "bernoulli":
            generator = seeded(0, images.device)  # leave the RBM's alone
            value = rbm.pseudo_log_likelihood(images, generator=generator).mean()
            measured.append((self.pseudo_likelihoods, value))
        if self.held_out is not None:
            new, seen = (rbm.free_energy(v).mean() for v in (self.held_out, self.seen))
            measured.append((self.gaps, new - seen))
        for column, value in measured:  # all of them or none: an interrupt may come at any time
            column.append(value.item())

    def columns(self) -> tuple[tuple[float, ...], ...]:
        return tuple(self.errors), tuple(self.pseudo_likelihoods), tuple(self.gaps)


def _ignore(number: int) -> None:
    """Stand in for a callback that was not given."""


def _spread(images: Tensor, count: int) -> Tensor:
    """Return ``count`` images at equal distances, or all if there are fewer."""
    return images[:: max(1, len(images) // count)][:count]


def _pair(name: str, value: float | tuple[float, float]) -> tuple[float, float]:
    """Return a pair as it is, and a number twice."""
    if isinstance(value, Tensor | np.ndarray):
        value = value.tolist()
    if not isinstance(value, tuple | list):
        return value, value
    if len(value) != 2:
        raise ValueError(f"{name} must be a number or a pair of numbers, got {value!r}")
    return tuple(value)


def _sizes(epochs: int, batch_size: int, n: int) -> tuple[int, int, int]:
    """Return epochs, images a batch, and batches an epoch, for n images."""
    epochs, batch_size = whole("epochs", epochs), whole("batch_size", batch_size)
    if batch_size > n:
        raise ValueError(f"batch_size {batch_size} is more than the {n} images: try {n} or less")
    return epochs, batch_size, n // batch_size


def _interrupted_after(steps: int) -> str:
    count = "1 step" if steps == 1 else f"{steps} steps"
    return f"Interrupted after {count}: the RBM keeps what it has learned."


def _warn_of_variance(images: Tensor) -> None:
    """Warn if Gaussian units, of variance 1, cannot fit images (n, n_visible).

    Their own variance is at least 1 everywhere; pixels in [0, 1] have at most ¼.
    """
    variance = images.var(0, correction=0)  # (n_visible,)
    variance = (variance.sum() / (variance > 0).sum().clamp(min=1)).item()
    if not 0.25 < variance < 4:
        warnings.warn(
            f"the images' pixels that vary at all have a variance of {variance:.3g} on average, "
            "but Gaussian visible units have 1, so these images are not modelled well. Try "
            "images = (images - images.mean()) / images.std(), and lr=0.001",
            stacklevel=3,
        )


def _positive(temperature: float) -> float:
    return number("temperature", temperature, "a positive finite number", lambda x: x > 0)
