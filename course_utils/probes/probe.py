"""What flows through a network: pre-activations, activations and gradients, layer by layer.

>>> with Probe(network) as probe:
...     F.cross_entropy(network(images), labels).backward()
>>> probe.stds("activation"), probe.stds("gradient")
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor, nn

from course_utils.probes.contrast import FLAT, fraction_saturated
from course_utils.probes.elementwise import ACTIVATIONS, MIXING, Chain
from course_utils.probes.trace import PROJECTIONS, Operation, Trace, tensors_in

KINDS = ("pre_activation", "activation", "gradient", "activation_gradient", "weight_gradient")
"""What a probe can be asked for: see :meth:`Probe.values`."""

_IF_LINEAR = {"activation": "pre_activation", "activation_gradient": "gradient"}


class Probe(Trace):
    """Keep what flows through the layers of a network in one forward and one backward pass.

    Every product with a weight makes one record, in the order of execution, whether a module or a
    function computes it: Linear layers, convolutions, the projections of attention; a recurrent
    layer makes one too. A layer that is called twice makes two. Its *activation* is the output of
    the first activation that its output meets on its way to the next layer; its *pre-activation*
    is the tensor that entered that activation, so a normalization or a sum in between is included.
    A layer that meets none is linear: its output is both. An activation is whatever bends single
    numbers: a module, a function, or several operations in a row (`elementwise`); a softmax or a
    GLU that follows a layer directly counts too.

    Hooks live inside the ``with`` block only and are removed after an exception too; the records
    stay readable. A new forward pass of ``network`` replaces them. Outputs and gradients of the
    network are the same with and without a probe. Unlike a `Trace`, a probe keeps the tensors.

    Parameters
    ----------
    network
        Any module with at least one weight; ``TypeError`` or ``ValueError`` if it is something
        else.
    """

    def __init__(self, network: nn.Module) -> None:
        kind = type(network).__name__
        if not isinstance(network, nn.Module):
            raise TypeError(f"a probe needs a torch.nn.Module, got {kind}")
        if not any(parameter.dim() > 1 for parameter in network.parameters()):
            what = "no Linear or convolution layer, so there is nothing to record"
            raise ValueError(f"{kind} holds {what}: try a network such as mlp([784, 256, 10])")
        super().__init__(network)

    def _forget(self) -> None:
        super()._forget()
        self._records: list[_Record] = []
        self._open: dict[int, list[_Record]] = {}  # operation → layers that await an activation
        self._closed: dict[int, list[_Record]] = {}  # activation → the layers that it closed
        self._made_by: dict[int, list[tuple[_Record, str, str]]] = {}

    def follow(self, operation: Operation, tensor: Tensor) -> None:
        """Wait for gradients of what is kept, and of nothing else."""

    def observe(self, operation: Operation, given: list[Tensor], made: Tensor) -> None:
        """Keep what a layer or an activation made."""
        chain, name = operation.chain, operation.name
        before = [r for i in operation.sources for r in self._open.get(i, []) if not r.closed]
        before = list(dict.fromkeys(before))
        if operation.is_layer and operation.from_input:
            record = _Record(self._name(operation), operation, self._weight(operation, given))
            self._records.append(record)
            self._open[operation.index] = [record]
            self._keep(record, "pre_activation", "gradient", made, operation.index)
        elif chain is not None and chain.entered is not None:
            earlier = [r for i in operation.sources for r in self._closed.get(i, [])]
            self._close_by(operation, chain, list(dict.fromkeys(before + earlier)), given, made)
        elif name in MIXING and before:  # of constants it ends no layer
            self._close_by(operation, None, before, given, made)
        elif name not in PROJECTIONS and name != "embedding":
            self._open[operation.index] = before

    def _close_by(self, operation, chain, records, given, made) -> None:
        """Give an activation to the layers that it ends; a later step of it replaces it."""
        self._closed[operation.index] = records
        entered = operation.sources[0] if chain is None else chain.entered
        z = next((t for t in given if self._origin(t).operations == (entered,)), None)
        for record in records:
            record.activation, record.closed = chain, True
            if z is not None:
                self._keep(record, "pre_activation", "gradient", z, entered)
            self._keep(record, "activation", "activation_gradient", made, operation.index)

    def module_ended(self, module: nn.Module, inputs: tuple, output: object) -> None:
        """Take a module of one's own for an activation if all it does is to bend its input."""
        made = next(tensors_in(output), None)
        origin = None if made is None else self._origins.get(made)
        if origin is None or len(origin.operations) != 1 or [*module.parameters()]:
            return
        operation = self.operations[origin.operations[0]]
        chain, z = operation.chain, next(tensors_in(inputs), None)
        if chain is None or not chain.bent or z is None:
            return
        if self._origin(z).operations != (chain.root,) or operation.where != self._names[module]:
            return
        records = self._closed.get(operation.index) or self._open.pop(operation.index, [])
        whole = replace(chain, entered=chain.root)  # from what entered the module
        self._close_by(operation, whole, records, [z], made)

    def _keep(self, record: _Record, kind: str, gradient_kind: str, t: Tensor, made_by: int):
        record.keep(self, kind, gradient_kind, t)
        self._made_by.setdefault(made_by, []).append((record, kind, gradient_kind))

    def _meet_again(self, name: str, made: Tensor) -> None:
        where = self._names.get(self._stack[-1], "") if self._stack else ""
        for index, kept in self._made_by.items():
            operation = self.operations[index]
            if (operation.where, operation.name, operation.shape) != (where, name, made.shape):
                continue
            for record, kind, gradient_kind in kept:
                held = record.tensors[kind][0]
                waits = made.requires_grad and gradient_kind not in record.handles
                if waits and held.shape == made.shape and torch.equal(held, made.detach()):
                    record.follow(self, gradient_kind, made)

    def before_overwriting(self, name: str, tensors: list[Tensor]) -> None:
        """Copy what is kept and about to be overwritten in place."""
        for tensor in tensors:
            if name in ACTIVATIONS:  # it enters an activation, and then it is gone
                for index in self._origin(tensor).operations:
                    for record in self._open.get(index, []):
                        if not record.closed:
                            self._keep(record, "pre_activation", "gradient", tensor, index)
            for record in self._records:
                record.protect(tensor)

    def _name(self, operation: Operation) -> str:
        module = self._stack[-1]
        own = isinstance(module, (nn.Linear, nn.modules.conv._ConvNd, nn.RNNBase, nn.RNNCellBase))
        name = operation.where if own else operation.parameters[0]
        if not own:
            name = name.removesuffix("weight").rstrip("._") or name
        name = name or type(module).__name__
        calls = 1 + sum(record.layer_name == name for record in self._records)
        return name if calls == 1 else f"{name} (call {calls})"

    def _weight(self, operation: Operation, given: list[Tensor]) -> Tensor:
        found = (t for t in given if self._origin(t).parameters and t.dim() > 1)
        weight = next(t for t in found if not self._origin(t).from_input)
        return weight

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
        return np.array([_mean(t) for t in self.values(kind)])

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
            t = t.clamp(low, high).to(torch.promote_types(t.dtype, torch.float32))
            row[:] = torch.histc(t, bins, min=low, max=high).cpu()
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
        """Return one :class:`LayerStats` a layer; a gradient is nan where none came."""
        columns = [f(k) for k in ("pre_activation", "activation") for f in (self.means, self.stds)]
        gradients = [record.tensors.get("gradient", (None,))[0] for record in self._recorded()]
        columns += [[math.nan if g is None else f(g) for g in gradients] for f in (_mean, _std)]
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
    """One call of one layer: detached tensors, and the hooks that wait for gradients."""

    def __init__(self, name: str, operation: Operation, weight: Tensor) -> None:
        self.name, self.layer_name = name, name.partition(" (call ")[0]
        self.operation, self.weight = operation, weight
        self.activation: Chain | None = None
        self.closed = False  # by an activation
        self.tensors: dict[str, tuple[Tensor, int]] = {}  # with the version when recorded
        self.handles: dict = {}
        self.axis: int | None = None

    def keep(self, probe: Probe, kind: str, gradient_kind: str, tensor: Tensor) -> None:
        self._hold(kind, tensor.detach())
        if kind == "activation" or "activation" not in self.tensors:
            self.axis = probe._origin(tensor).axis
        if gradient_kind in self.handles:  # the layer's output, until its activation is known
            self.handles.pop(gradient_kind).remove()
        if tensor.requires_grad:
            self.follow(probe, gradient_kind, tensor)
        if not self.weight.is_leaf and "weight_gradient" not in self.handles:
            self.follow(probe, "weight_gradient", self.weight)

    def follow(self, probe: Probe, gradient_kind: str, tensor: Tensor) -> None:
        """Wait for a gradient; those of several backward passes add up."""

        def arrived(gradient: Tensor) -> None:
            if probe._handles:
                before = self.tensors.get(gradient_kind, (0, 0))[0]
                self._hold(gradient_kind, before + gradient.detach())

        self.handles[gradient_kind] = tensor.register_hook(arrived)

    def _hold(self, kind: str, tensor: Tensor) -> None:
        self.tensors[kind] = (tensor, tensor.is_inference() or tensor._version)

    def protect(self, tensor: Tensor) -> None:
        """Copy what shares memory with ``tensor``, which is about to be overwritten."""
        for kind, (held, _) in list(self.tensors.items()):
            if held.data_ptr() == tensor.data_ptr():
                self._hold(kind, held.clone())

    def get(self, kind: str) -> Tensor:
        if not self.closed:  # a linear layer: its output is both
            kind = _IF_LINEAR.get(kind, kind)
        if kind == "weight_gradient" and self.weight.is_leaf and self.weight.grad is not None:
            return self.weight.grad.detach()
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
        t, axis = self.get("activation"), self.axis
        units = t.movedim(t.dim() - 1 if axis is None else axis, 0).flatten(1)
        return (units.abs().amax(1) == 0).double().mean().item()

    def fraction_saturated(self, threshold: float) -> float:
        if not self.closed:
            return fraction_saturated(nn.Identity(), self.get("pre_activation"), threshold)
        if self.activation is None or not self.activation.uniform:
            return math.nan
        return fraction_saturated(self.activation.function(), self.get("pre_activation"), threshold)


def _mean(t: Tensor) -> float:
    return t.sum(dtype=torch.float64).item() / t.numel()


def _root_mean_square(t: Tensor) -> float:
    return torch.linalg.vector_norm(t, dtype=torch.float64).item() / t.numel() ** 0.5


def _std(t: Tensor) -> float:
    deviation = t.to(torch.float64, copy=True)  # a signal of 1e-30 must not underflow
    deviation -= deviation.mean()
    return _root_mean_square(deviation)
