"""What flows through a network: pre-activations, activations and gradients, layer by layer.

>>> with Probe(network) as probe:
...     F.cross_entropy(network(images), labels).backward()
>>> probe.stds("activation"), probe.stds("gradient")
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from course_utils.networks import is_activation, weight_layers
from course_utils.probes.contrast import FLAT, fraction_saturated

KINDS = ("pre_activation", "activation", "gradient", "activation_gradient", "weight_gradient")
"""What a probe can be asked for: see :meth:`Probe.values`."""

_IF_LINEAR = {"activation": "pre_activation", "activation_gradient": "gradient"}


class Probe:
    """Record what flows through a network in one forward and one backward pass.

    Every call of a Linear or convolution layer makes one record, in the order of execution; a
    layer that is called twice makes two. Its *activation* is the output of the first activation
    module that runs after it and before the next weight layer; its *pre-activation* is the tensor
    that entered that module, so a normalization or a sum in between is included. A layer that no
    activation module follows is linear: its output is both. An activation module is one from
    ``torch.nn.modules.activation``, ``nn.Identity``, or a module of your own without children and
    parameters. Functions such as ``torch.relu`` cannot be hooked and are not seen.

    Hooks live inside the ``with`` block only and are removed after an exception too; the records
    stay readable. A new forward pass of ``network`` replaces them. Outputs and gradients of the
    network are the same with and without a probe.

    Parameters
    ----------
    network
        Any module with at least one Linear or convolution layer; ``TypeError`` or ``ValueError``
        if it is something else.
    """

    def __init__(self, network: nn.Module) -> None:
        kind = type(network).__name__
        if not isinstance(network, nn.Module):
            raise TypeError(f"a probe needs a torch.nn.Module, got {kind}")
        if not weight_layers(network):
            what = "no Linear or convolution layer, so there is nothing to record"
            raise ValueError(f"{kind} holds {what}: try a network such as mlp([784, 256, 10])")
        self.network = network
        self._records: list[_Record] = []
        self._open: _Record | None = None  # the last record while no activation has followed it
        self._handles: list = []

    def __enter__(self) -> Probe:
        """Start to record: hook the network, and return the probe itself."""
        if self._handles:
            raise RuntimeError("this probe is already recording: make a second Probe instead")
        self._forget()
        try:
            self._hook()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *error: object) -> None:
        """Remove every hook, whatever happened."""
        for handle in self._handles + [h for r in self._records for h in r.handles.values()]:
            handle.remove()
        self._handles.clear()

    def _hook(self) -> None:
        keep, layers = self._handles.append, set(weight_layers(self.network))
        keep(self.network.register_forward_pre_hook(self._forget))
        for name, module in self.network.named_modules():
            if module in layers:
                keep(module.register_forward_hook(self._on_layer(name or type(module).__name__)))
            elif is_activation(module):
                keep(module.register_forward_pre_hook(self._before_activation))
                keep(module.register_forward_hook(self._after_activation))
            if getattr(module, "inplace", False):
                keep(module.register_forward_pre_hook(self._before_inplace))

    def _forget(self, *call: object) -> None:
        self._records, self._open = [], None

    def _on_layer(self, name: str) -> Callable:
        def hook(layer: nn.Module, inputs: tuple, output: Tensor) -> None:
            calls = 1 + sum(record.layer is layer for record in self._records)
            self._open = _Record(name if calls == 1 else f"{name} (call {calls})", layer)
            self._open.keep("pre_activation", "gradient", output)
            self._records.append(self._open)

        return hook

    def _before_activation(self, module: nn.Module, inputs: tuple) -> None:
        if self._open and inputs and isinstance(inputs[0], Tensor):
            self._open.keep("pre_activation", "gradient", inputs[0])

    def _after_activation(self, module: nn.Module, inputs: tuple, output: Tensor) -> None:
        if self._open and isinstance(output, Tensor):
            self._open.activation = module
            self._open.keep("activation", "activation_gradient", output)
            self._open = None

    def _before_inplace(self, module: nn.Module, inputs: tuple) -> None:
        if self._records and inputs:
            self._records[-1].protect(inputs[0])

    def _recorded(self) -> list[_Record]:
        if not self._records:
            raise RuntimeError("nothing was recorded: run network(images) inside the with block")
        return self._records

    @property
    def layer_names(self) -> list[str]:
        """Name of each recorded layer call, as in ``network.named_modules()``."""
        return [record.name for record in self._recorded()]

    def values(self, kind: str) -> list[Tensor]:
        """Return the recorded tensors themselves, one a layer, detached.

        ``kind`` is ``"pre_activation"`` z, ``"activation"`` h = φ(z), ``"gradient"`` ∂loss/∂z,
        ``"activation_gradient"`` ∂loss/∂h, each (batch, units) or (batch, channels, …), or
        ``"weight_gradient"``, the ``.grad`` that the layer's weight has when you ask. Raises
        ``ValueError`` for another kind; ``RuntimeError`` if nothing was recorded, if no gradient
        came to a layer, or if a recorded tensor was overwritten by an in-place function.
        """
        if kind not in KINDS:
            raise ValueError(f"unknown kind {kind!r}: choose one of {', '.join(KINDS)}")
        return [record.get(kind) for record in self._recorded()]

    def means(self, kind: str) -> np.ndarray:
        """Return the mean over all entries of each layer, float64 (n_layers,)."""
        return np.array([t.sum(dtype=torch.float64).item() / t.numel() for t in self.values(kind)])

    def stds(self, kind: str) -> np.ndarray:
        """Return the population std over all entries (batch and units), float64 (n_layers,)."""
        return np.array([_std(t) for t in self.values(kind)])

    def mean_squares(self, kind: str) -> np.ndarray:
        """Return the mean square over all entries of each layer, float64 (n_layers,)."""
        return np.array([_root_mean_square(t) for t in self.values(kind)]) ** 2

    def histograms(
        self, kind: str, bins: int, low: float, high: float, layers: Sequence[int] | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Count each layer's entries in equal bins between ``low`` and ``high``.

        Values outside, infinities too, count in the first or the last bin; nan is not counted.
        ``layers`` chooses layers by index. Returns the counts, float64 (n_layers, bins), and the
        edges, float64 (bins + 1,). Raises ``ValueError`` if there is no bin, or if ``low`` and
        ``high`` are not finite and in order.
        """
        if bins < 1 or not (np.isfinite([low, high]).all() and low < high):
            given = f"bins={bins}, low={low}, high={high}"
            raise ValueError(f"a histogram needs bins >= 1 and finite low < high, got {given}")
        tensors = self.values(kind)
        tensors = tensors if layers is None else [tensors[i] for i in layers]
        counts = np.empty((len(tensors), bins))
        for row, t in zip(counts, tensors, strict=True):
            row[:] = torch.histc(t.clamp(low, high), bins, min=low, max=high).cpu()
        return counts, np.linspace(low, high, bins + 1)

    def fraction_dead(self) -> np.ndarray:
        """Return, per layer, the fraction of units (or channels) that are 0 for every input."""
        return np.array([record.fraction_dead() for record in self._recorded()])

    def fraction_saturated(self, threshold: float = FLAT) -> np.ndarray:
        """Return, per layer, the fraction of entries at which the activation is nearly flat.

        See :func:`course_utils.probes.fraction_saturated`; it is 0 for a linear layer.
        """
        return np.array([record.fraction_saturated(threshold) for record in self._recorded()])

    def summary(self) -> list[LayerStats]:
        """Return one :class:`LayerStats` a layer; gradients are nan before backward."""
        nan = np.full(len(self._recorded()), np.nan)
        columns = [f(k) for k in ("pre_activation", "activation") for f in (self.means, self.stds)]
        complete = all("gradient" in record.tensors for record in self._records)
        columns += [f("gradient") if complete else nan for f in (self.means, self.stds)]
        columns += [self.fraction_dead(), self.fraction_saturated()]
        shapes = [tuple(t.shape) for t in self.values("activation")]
        rows = zip(self.layer_names, shapes, np.transpose(columns).tolist(), strict=True)
        return [LayerStats(name, shape, *row) for name, shape, row in rows]


@dataclass(frozen=True)
class LayerStats:
    """One row of :meth:`Probe.summary`: statistics over all entries of one layer."""

    name: str
    shape: tuple[int, ...]
    pre_activation_mean: float
    pre_activation_std: float
    activation_mean: float
    activation_std: float
    gradient_mean: float
    gradient_std: float
    fraction_dead: float
    fraction_saturated: float


class _Record:
    """One call of one weight layer: detached tensors, and the hooks that wait for gradients."""

    def __init__(self, name: str, layer: nn.Module) -> None:
        self.name, self.layer = name, layer
        self.activation: nn.Module | None = None
        self.tensors: dict[str, tuple[Tensor, int]] = {}  # with the version when recorded
        self.handles: dict = {}

    def keep(self, kind: str, gradient_kind: str, tensor: Tensor) -> None:
        self._hold(kind, tensor.detach())
        if gradient_kind in self.handles:  # the layer's output, until its activation is known
            self.handles[gradient_kind].remove()
        if tensor.requires_grad:
            self.handles[gradient_kind] = tensor.register_hook(
                lambda gradient: self._hold(gradient_kind, gradient.detach())
            )

    def _hold(self, kind: str, tensor: Tensor) -> None:
        self.tensors[kind] = (tensor, tensor.is_inference() or tensor._version)

    def protect(self, tensor: Tensor) -> None:
        """Copy what shares memory with ``tensor``, which is about to be overwritten."""
        for kind, (held, _) in list(self.tensors.items()):
            if held.data_ptr() == tensor.data_ptr():
                self._hold(kind, held.clone())

    def get(self, kind: str) -> Tensor:
        if self.activation is None:  # a linear layer: its output is both
            kind = _IF_LINEAR.get(kind, kind)
        if kind == "weight_gradient" and self.layer.weight.grad is not None:
            return self.layer.weight.grad.detach()
        if kind not in self.tensors:
            what = "inside the with block, with gradients on, on a loss that depends on this layer"
            raise RuntimeError(f"layer {self.name!r} has no {kind}: call loss.backward() {what}")
        tensor, version = self.tensors[kind]
        if (tensor.is_inference() or tensor._version) != version:
            what = "use a function that is not in place, or a module with inplace=True"
            raise RuntimeError(
                f"the {kind} of layer {self.name!r} was overwritten in place: {what}"
            )
        return tensor

    def fraction_dead(self) -> float:
        t, spatial = self.get("activation"), self.layer.weight.ndim - 2  # Linear 0, Conv2d 2
        same_axes = t.ndim == self.tensors["pre_activation"][0].ndim
        units = t.movedim(t.ndim - 1 - spatial if same_axes else -1, 0).flatten(1)
        return (units.abs().amax(1) == 0).double().mean().item()

    def fraction_saturated(self, threshold: float) -> float:
        activation = nn.Identity() if self.activation is None else self.activation
        return fraction_saturated(activation, self.get("pre_activation"), threshold)


def _root_mean_square(t: Tensor) -> float:
    return torch.linalg.vector_norm(t, dtype=torch.float64).item() / t.numel() ** 0.5


def _std(t: Tensor) -> float:
    deviation = t.to(torch.float64, copy=True)  # a signal of 1e-30 must not underflow
    deviation -= deviation.mean()
    return _root_mean_square(deviation)
