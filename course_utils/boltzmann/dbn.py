"""Deep belief networks: restricted Boltzmann machines trained one upon the other.

>>> dbn = DBN([784, 500, 500])
>>> dbn.fit(images)  # without labels
>>> network = dbn.to_network(10)  # an ordinary mlp, to be trained with labels
>>> pictures = dbn.dream(20)

Hinton, Osindero & Teh (2006), "A fast learning algorithm for deep belief nets".
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence

import numpy as np
import torch
from torch import Tensor, nn

from course_utils.boltzmann.arguments import device_here, whole
from course_utils.boltzmann.learning import RBMHistory
from course_utils.boltzmann.rbm import RBM
from course_utils.boltzmann.storage import load_machine, plain, save_state, tensor_of
from course_utils.generators import seeded
from course_utils.initializers import normal_
from course_utils.networks import mlp, weight_layers
from course_utils.training import StopTraining, pass_on

_KIND = "DBN"  # what a saved file calls its contents


class DBN:
    """A stack of RBMs: the hidden units of each are the visible units of the next.

    Parameters
    ----------
    sizes
        Units per level, pixels first: ``[784, 500, 500]`` has two RBMs.
    visible
        The units of the lowest level, ``"bernoulli"`` or ``"gaussian"``; all others are Bernoulli.
    std
        Standard deviation of the first weights, drawn from a normal of mean 0.
    seed
        Gives every RBM a generator of its own; RBMs put on top change nothing below.
    dtype, device
        Of the weights, and so of the images.

    Attributes
    ----------
    sizes : list of int
    rbms : list of RBM
        From the pixels upwards; ``rbms[i].weight`` is (sizes[i + 1], sizes[i]).
    chains : Tensor, shape (n, sizes[-2]), or None
        Where the chains of the last dream stand: states of the top RBM's visible units.

    Raises
    ------
    ValueError
        If there are fewer than two sizes, or an option that an RBM does not take.
    """

    def __init__(
        self,
        sizes: Sequence[int],
        *,
        visible: str = "bernoulli",
        std: float = 0.01,
        seed: int = 0,
        dtype: torch.dtype = torch.float32,
        device: torch.device | str = "cpu",
    ) -> None:
        if not isinstance(sizes, Iterable):
            raise ValueError(f"sizes must be a list of whole numbers, got {sizes!r}")
        self.sizes = [whole("each of sizes", size) for size in sizes]
        self.chains: Tensor | None = None
        if len(self.sizes) < 2:
            raise ValueError(f"sizes needs pixels and a layer, got {self.sizes}: try [784, 500]")
        seeds = seeded(seed)
        options = {"std": std, "dtype": dtype, "device": device}
        self.rbms: list[RBM] = []
        for below, above in zip(self.sizes[:-1], self.sizes[1:], strict=True):
            own = int(torch.randint(2**31, (), generator=seeds, device="cpu"))
            kind = "bernoulli" if self.rbms else visible
            self.rbms.append(RBM(below, above, visible=kind, seed=own, **options))

    def __repr__(self) -> str:
        """Return sizes, units, dtype, device, and how many steps each RBM has learned."""
        low, steps = self.rbms[0], [rbm.learner.steps for rbm in self.rbms]
        made = f"{self.sizes}, visible={low.visible!r}, dtype={low.dtype}"
        return f"DBN({made}, device={low.weight.device}; {steps} steps learned)"

    def to(self, device: torch.device | str) -> DBN:
        """Move all RBMs and the chains to a device, and return the stack; see :meth:`RBM.to`.

        Raises
        ------
        ValueError
            If this machine has no such device.
        """
        for rbm in self.rbms:
            rbm.to(device)
        self.chains = None if self.chains is None else self.chains.to(device)
        return self

    def fit(
        self,
        images: Tensor | np.ndarray,
        *,
        held_out: Tensor | np.ndarray | None = None,
        epochs: int = 5,
        after_layer: Callable[[int, RBMHistory], object] | None = None,
        log: Callable[[str], object] | None = print,
        **options,
    ) -> list[RBMHistory]:
        """Train the RBMs greedily, the lowest first, in place; return a history for each.

        An RBM learns while everything below it is fixed, from the hidden probabilities of the one
        below. One that is stopped, is interrupted or diverges ends the training: those above it
        learn nothing, and have no history; all that was learnt is kept.

        Parameters
        ----------
        images, held_out
            (n, sizes[0]), as for :meth:`course_utils.boltzmann.RBM.fit`.
        epochs, **options
            The same for every RBM. For options of their own, call :meth:`fit_layer` for one after
            the other: Gaussian pixels need a rate of about 0.001, the layers above do not.
        after_layer
            Called with i and the history when ``rbms[i]`` has learnt; a
            :class:`course_utils.training.StopTraining` that it raises ends the training.
        log
            As for :meth:`course_utils.boltzmann.RBM.fit`.
        """
        histories = []
        options |= {"held_out": held_out, "epochs": epochs, "log": log}
        for i in range(len(self.rbms)):
            history = self.fit_layer(i, images, **options)
            histories.append(history)
            try:
                if after_layer is not None:
                    after_layer(i, history)
            except StopTraining:
                break
            except KeyboardInterrupt:
                if log is not None:
                    log(f"Interrupted after rbms[{i}]: the stack keeps what it has learned.")
                pass_on("interrupted", silent=log is None)
                break
            if history.outcome != "finished":
                break
        return histories

    def fit_layer(
        self,
        i: int,
        images: Tensor | np.ndarray,
        *,
        held_out: Tensor | np.ndarray | None = None,
        log: Callable[[str], object] | None = print,
        **options,
    ) -> RBMHistory:
        """Take one greedy step: train ``rbms[i]`` and nothing else.

        Its data are the hidden probabilities of ``rbms[i - 1]``, for i = 0 the images themselves.

        Parameters
        ----------
        i
            Which one, 0 the lowest; those below it should have learnt before.
        images, held_out
            (n, sizes[0]): pixels, whatever i is.
        log
            As for :meth:`course_utils.boltzmann.RBM.fit`.
        **options
            Of :meth:`course_utils.boltzmann.RBM.fit`.

        Raises
        ------
        ValueError
            If there is no such RBM, or if images and options are not what an RBM can learn from.
        """
        i = whole("i", i, 0, len(self.rbms) - 1)
        data = self.transform(images, i)
        unseen = None if held_out is None else self.transform(held_out, i)
        named = None if log is None else lambda line: log(f"rbms[{i}]: {line}")
        return self.rbms[i].fit(data, held_out=unseen, log=named, **options)

    def transform(self, images: Tensor | np.ndarray, layers: int | None = None) -> Tensor:
        """Send images up through the first ``layers`` RBMs, as probabilities all the way.

        Parameters
        ----------
        images
            (n, sizes[0]).
        layers
            How many RBMs, by default all; 0 returns the images.

        Returns
        -------
        Tensor
            Hidden probabilities, (n, sizes[layers]): what the unrolled network computes there.

        Raises
        ------
        ValueError
            If there are not so many RBMs, or the images do not fit the lowest.
        """
        n = len(self.rbms)
        layers = n if layers is None else whole("layers", layers, 0, n)
        images = self.rbms[0].read(images, "images")
        for rbm in self.rbms[:layers]:
            images = rbm.hidden_given_visible(images)
        return images

    def to_network(
        self, n_classes: int, *, std: float = 0.01, generator: torch.Generator | None = None
    ) -> nn.Sequential:
        """Unroll the stack into a sigmoid network whose hidden layers are the RBMs' hidden units.

        Parameters
        ----------
        n_classes
            Units of the output layer, which is put on top.
        std
            Standard deviation of the output layer's weights, normal with mean 0; its biases are 0.
        generator
            Where these come from; the global state of torch if not given.

        Returns
        -------
        torch.nn.Sequential
            ``networks.mlp([*sizes, n_classes], "sigmoid")`` with copies of the RBMs' weights and
            hidden biases; the visible biases have no place in it.
        """
        n_classes = whole("n_classes", n_classes)
        with torch.device("meta"):  # no numbers are drawn: all are set below
            network = mlp([*self.sizes, n_classes], "sigmoid")
        first = self.rbms[0].weight
        network.to(first.dtype).to_empty(device=first.device)
        *hidden, output = weight_layers(network)
        with torch.no_grad():
            for layer, rbm in zip(hidden, self.rbms, strict=True):
                layer.weight.copy_(rbm.weight)
                layer.bias.copy_(rbm.hidden_bias)
            output.bias.zero_()
        normal_(output.weight, std=std, generator=generator)
        return network

    def dream(
        self,
        n: int = 20,
        steps: int = 1000,
        *,
        start: Tensor | None = None,
        temperature: float = 1.0,
    ) -> Tensor:
        """Let the top RBM run freely, then go down to the pixels: what the stack believes in.

        Draws come from the top RBM's generator, and the chains stay in ``dbn.chains``.

        Parameters
        ----------
        n
            How many chains, if they do not start from ``start``.
        steps
            Gibbs steps in the top RBM.
        start
            (n, sizes[-2]): states of the top RBM's visible units. ``dbn.chains`` continues the
            last dream; ``dbn.transform(images, len(dbn.rbms) - 1)`` begins at images.
        temperature
            Of the top RBM; below 1 the chains prefer what is likely.

        Returns
        -------
        Tensor
            (n, sizes[0]): probabilities, not samples, of the pixels; Gaussian pixels: their means.
        """
        if start is not None:
            start = self.rbms[-1].read(start, "start")
            n, width = len(start), self.sizes[-2]
            if start.shape[1:] != (width,):
                advice = f"dbn.chains, or dbn.transform(images, {len(self.rbms) - 1})"
                shapes = f"(n, {width}), got {tuple(start.shape)}"
                raise ValueError(f"start must have the shape {shapes}: try {advice}")
        self.chains = self.rbms[-1].sample(n, steps, start=start, temperature=temperature)
        return self.down(self.chains)

    def down(self, states: Tensor) -> Tensor:
        """Send states of the top RBM's visible units (n, sizes[-2]) down to pixels (n, sizes[0]).

        Probabilities all the way. With a single RBM they are pixels: they go up and down once.
        """
        if len(self.rbms) == 1:
            return self.rbms[0].reconstruct(states)
        for rbm in reversed(self.rbms[:-1]):
            states = rbm.visible_given_hidden(states)
        return states

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the stack to a file: numbers and names, no code.

        Raises
        ------
        OSError, ValueError
            If the file cannot be written, or weights are not finite; what was there before is
            still there.
        """
        rbms = [rbm.state() for rbm in self.rbms]
        save_state(path, {"kind": _KIND, "chains": plain("chains", self.chains), "rbms": rbms})

    @classmethod
    def load(cls, path: str | os.PathLike[str], *, device: torch.device | str = "cpu") -> DBN:
        """Read a stack that :meth:`save` wrote; it learns and dreams on as that would.

        Raises
        ------
        OSError, ValueError
            If the file cannot be read, or holds something other than a stack.
        """
        device_here(device)
        return load_machine(path, cls.__name__, lambda state: cls._from_state(state, device))

    @classmethod
    def _from_state(cls, state: dict, device: torch.device | str) -> DBN:
        """Make the stack that a file describes; raise whatever comes if it describes none."""
        if state["kind"] != _KIND:
            raise ValueError(f"it holds a machine of the kind {state['kind']!r}")
        dbn = cls.__new__(cls)
        dbn.rbms = [RBM.from_state(rbm, device) for rbm in state["rbms"]]
        low = dbn.rbms[0]
        dbn.sizes = [low.n_visible, *(rbm.n_hidden for rbm in dbn.rbms)]
        for rbm, size in zip(dbn.rbms, dbn.sizes, strict=False):
            if (rbm.n_visible, rbm.dtype) != (size, low.dtype):
                raise ValueError("its RBMs do not stand on one another")
            if rbm is not low and rbm.visible != "bernoulli":
                raise ValueError("an RBM above the lowest has Gaussian units")
        dbn.chains = chains = state["chains"]
        if chains is not None:
            shape = whole("the number of chains", len(chains)), dbn.sizes[-2]
            dbn.chains = tensor_of("chains", chains, shape, low.dtype).to(device)
        return dbn
