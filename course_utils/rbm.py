"""The restricted Boltzmann machine: Bernoulli or Gaussian visible units, Bernoulli hidden units.

>>> rbm = RBM(784, 500)
>>> history = rbm.fit(images, lr=0.05)
>>> digits = rbm.sample(16, steps=1000)

Its formulas: :mod:`course_utils.boltzmann_machine`; how it learns:
:mod:`course_utils.contrastive_divergence`; its likelihood: :mod:`course_utils.likelihood`.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from functools import cached_property, partial

import torch
from torch import Tensor

from course_utils.boltzmann_machine import BoltzmannMachine, check_whole
from course_utils.contrastive_divergence import (
    ContrastiveDivergence,
    check_learning,
    sample_bernoulli,
    sample_gaussian,
)
from course_utils.rbm_training import RBMHistory, pair, train

_KIND = "course_utils.rbm.RBM, version 1"  # the first word of a saved file
_MODEL = ("weight", "visible_bias", "hidden_bias")
_LEARNER = ("velocities", "chains", "particles", "steps", "products")


class RBM(BoltzmannMachine):
    """A Boltzmann machine that draws states and learns; its formulas are inherited.

    Parameters
    ----------
    n_visible, n_hidden
        Units of each layer.
    visible
        ``"bernoulli"`` for data in [0, 1], ``"gaussian"`` for data that were standardized.
    std
        Standard deviation of the normal weights at the start; the biases start at 0.
    seed
        Of the RBM's own generator, which makes all draws: weights, order of images, states.
    dtype, device
        ``torch.float32`` or ``torch.float64``, and where the tensors live.

    Attributes
    ----------
    weight : Tensor, shape (n_hidden, n_visible)
        W, laid out as in ``nn.Linear`` and in scikit-learn's ``components_``.
    visible_bias, hidden_bias : Tensor, shapes (n_visible,) and (n_hidden,)
        b and c. Learning changes the three in place; put your own numbers in with ``copy_``.
    generator : torch.Generator
        Source of all draws.
    """

    @cached_property
    def _learner(self) -> ContrastiveDivergence:
        return ContrastiveDivergence(self)

    @property
    def steps(self) -> int:
        """Number of updates taken so far."""
        return self._learner.steps

    @property
    def products(self) -> torch.dtype:
        """Dtype of learning's products: the weights' own, or (assign it) ``torch.bfloat16``."""
        return self._learner.products

    @products.setter
    def products(self, dtype: torch.dtype) -> None:
        if dtype not in (self.weight.dtype, torch.bfloat16):
            wish = f"{self.weight.dtype}, as the weights, or torch.bfloat16"
            raise ValueError(f"products must be {wish}, got {dtype!r}")
        self._learner.products = dtype

    @property
    def chains(self) -> Tensor | None:
        """Visible states (m, n_visible) of the persistent chains, or None; both can be set."""
        return self._learner.chains

    @chains.setter
    def chains(self, v: Tensor | None) -> None:
        self._learner.particles = None if v is None else self.sample_hidden(v)
        self._learner.chains = v

    def sample_hidden(self, v: Tensor, *, temperature: float = 1.0) -> Tensor:
        """Draw h, zeros and ones (n, n_hidden), given v (n, n_visible)."""
        probability = self.hidden_given_visible(v, temperature=temperature)
        return sample_bernoulli(probability, self.generator)

    def sample_visible(self, h: Tensor, *, temperature: float = 1.0) -> Tensor:
        """Draw v, zeros and ones or reals (n, n_visible), given h (n, n_hidden)."""
        mean = self.visible_given_hidden(h, temperature=temperature)
        if self.visible == "gaussian":
            return sample_gaussian(mean, self.generator, std=math.sqrt(temperature))
        return sample_bernoulli(mean, self.generator)

    def gibbs(self, v: Tensor, steps: int = 1, *, temperature: float = 1.0) -> Tensor:
        """Return v (n, n_visible) after ``steps`` Gibbs steps v → h → v, all states drawn."""
        check_whole("steps", steps)
        for _ in range(steps):
            h = self.sample_hidden(v, temperature=temperature)
            v = self.sample_visible(h, temperature=temperature)
        return v

    def sample(
        self, n: int, steps: int, *, start: Tensor | None = None, temperature: float = 1.0
    ) -> Tensor:
        """Return n states (n, n_visible) after ``steps`` Gibbs steps from ``start``, of that shape.

        Without ``start`` each chain begins with the visible biases alone (h = 0). Give what came
        back as ``start`` to go on with the chains.
        """
        check_whole("n", n)
        if start is None:
            off = self.weight.new_zeros(n, self.weight.shape[0])
            start = self.sample_visible(off, temperature=temperature)
        if len(start) != n:
            raise ValueError(f"start must hold n = {n} states, got {len(start)}")
        return self.gibbs(start, steps, temperature=temperature)

    def partial_fit(
        self,
        v: Tensor,
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
        self.check_images(v, "v")
        check_learning(lr, k, momentum, weight_decay, sparsity)
        rule = partial(self._learner.step, k=k, persistent=persistent, sparsity=sparsity)
        rule(v, lr=lr, momentum=momentum, weight_decay=weight_decay)
        return self

    def fit(
        self,
        images: Tensor,
        *,
        held_out: Tensor | None = None,
        epochs: int = 5,
        batch_size: int = 100,
        k: int = 1,
        persistent: bool = False,
        lr: float | tuple[float, float] = 0.1,
        momentum: float | tuple[float, float] = (0.5, 0.9),
        weight_decay: float = 2e-4,
        sparsity: tuple[float, float] | None = None,
        visible_bias_from_data: bool = True,
        progress: bool = True,
        after_step: Callable[[int], object] | None = None,
        after_epoch: Callable[[int], object] | None = None,
        tell: Callable[[str], object] = print,
    ) -> RBMHistory:
        """Learn from images (n, n_visible), the same for the same seed, and return the history.

        Each epoch is a new permutation of the images; an incomplete last batch is dropped. A
        keyboard interrupt, also one raised by a callback, ends the training; weights and chains
        keep what they have. So do weights that are no longer finite, but then all is lost. Both
        ``tell`` one line and are the history's ``outcome``.

        Parameters
        ----------
        held_out
            Other images (n', n_visible), for the history's free-energy gap.
        epochs, batch_size
            How often each image is seen, and images a step.
        k, persistent
            Gibbs steps of a chain before each update; whether the ``batch_size`` chains go on from
            step to step (PCD-k; also into the next call) or begin at the batch anew (CD-k).
        lr
            Learning rate, or a pair (first, last): it moves evenly from the first to the last step.
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
        progress
            Whether a bar shows on stderr after the first second; it wipes itself out at the end.
        after_step, after_epoch
            Called after each update, or epoch, with their number in this call: 1, 2, …
        tell
            Called with a line of words if the training stops early.

        Raises
        ------
        TypeError, ValueError
            If the images do not fit the RBM, or an option makes no sense.
        """
        self.check_images(images, "images")
        if held_out is not None:
            self.check_images(held_out, "held_out")
        rates, momenta = pair("lr", lr), pair("momentum", momentum)
        for rate, fraction in zip(rates, momenta, strict=True):
            check_learning(rate, k, fraction, weight_decay, sparsity)
        check_whole("epochs", epochs)
        check_whole("batch_size", batch_size)
        if batch_size > len(images):
            n = len(images)
            raise ValueError(
                f"batch_size {batch_size} is more than the {n} images: try {n} or less"
            )
        if visible_bias_from_data and self.steps == 0:
            self.visible_bias.copy_(self._log_odds(images))
        rule = partial(self._learner.step, k=k, persistent=persistent, sparsity=sparsity)
        return train(
            self,
            partial(rule, weight_decay=weight_decay),
            images,
            held_out=held_out,
            epochs=epochs,
            batch_size=batch_size,
            lr=rates,
            momentum=momenta,
            progress=progress,
            after_step=after_step,
            after_epoch=after_epoch,
            tell=tell,
        )

    def _log_odds(self, images: Tensor) -> Tensor:
        """Return the visible bias (n_visible,) that fits the images best without any weights."""
        if self.visible == "gaussian":
            return images.mean(0)
        return torch.logit((images.sum(0) + 1) / (len(images) + 2))  # never quite 0 or 1

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the RBM, with all that its next step depends on, to a file without code."""
        torch.save(self.state(), path)

    def state(self) -> dict:
        """Return what :meth:`save` writes: tensors, numbers and names."""
        return {
            "kind": _KIND,
            "visible": self.visible,
            "generator": (self.generator.device.type, self.generator.get_state()),
            "model": {name: getattr(self, name) for name in _MODEL},
            "learner": {name: getattr(self._learner, name) for name in _LEARNER},
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
        device = torch.empty(0, device=device).device  # refuses one that is not there
        wrong = ValueError(f"{os.fspath(path)!r} holds no RBM: try a file that RBM.save wrote")
        with open(path, "rb") as file:
            try:
                state = torch.load(file, map_location=device, weights_only=True)
            except Exception as error:  # a damaged file raises nearly anything
                raise wrong from error
        if not isinstance(state, dict) or state.get("kind") != _KIND:
            raise wrong
        return cls.from_state(state, device)

    @classmethod
    def from_state(cls, state: dict, device: torch.device | str = "cpu") -> RBM:
        """Make the RBM that :meth:`state` describes, its tensors being on ``device`` already."""
        model, (device_type, draws) = state["model"], state["generator"]
        options = {"visible": state["visible"], "dtype": model["weight"].dtype, "device": device}
        rbm = cls(*reversed(model["weight"].shape), **options)
        for name in _MODEL:
            getattr(rbm, name).copy_(model[name])
        for name, value in state["learner"].items():
            setattr(rbm._learner, name, value)
        if rbm.generator.device.type == device_type:
            rbm.generator.set_state(draws.cpu())
        return rbm
