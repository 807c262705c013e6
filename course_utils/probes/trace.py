"""Every operation of any network, in the order of execution, and what it did to the numbers.

>>> with Trace(network) as trace:
...     F.cross_entropy(network(images), labels).backward()
>>> for op in trace.operations:
...     print(op.where, op.name, op.signal.std, op.gradient.std)

Modules, functions, methods and operators are all seen, in place or not, called once or often, in
branches and in checkpoints, because a `TorchFunctionMode` sees each call that enters torch. What a
call makes is measured at once and let go: no tensor is kept.
"""

from __future__ import annotations

import math
import types
import weakref
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode
from torch.utils.weak import WeakTensorKeyDictionary

from course_utils.probes.contrast import FLAT, fraction_saturated
from course_utils.probes.elementwise import Chain, extended, slope
from course_utils.probes.statistics import SAMPLE, Statistics

BOUNDED = frozenset(
    "tanh sigmoid hardtanh hardsigmoid softsign erf atan arctan relu6 clamp mul add div sub".split()
)
"""Activations that are flat at both ends, and what may stretch and move them afterwards."""

PROJECTIONS = frozenset(
    "linear addmm matmul mm bmm baddbmm einsum bilinear conv1d conv2d conv3d conv_transpose1d "
    "conv_transpose2d conv_transpose3d tensordot mv addmv".split()
)
"""Operations that are a layer's product where one of their tensors is made of parameters."""

RECURRENT = frozenset(
    "lstm gru rnn_tanh rnn_relu lstm_cell gru_cell rnn_tanh_cell rnn_relu_cell".split()
)
"""Recurrent layers, which torch computes in one operation."""

NORMALIZATIONS = frozenset(
    "batch_norm layer_norm group_norm instance_norm rms_norm local_response_norm normalize".split()
)
"""Operations that give their output a size of its own."""

_SHORT = {
    "iadd": "add",
    "isub": "sub",
    "imul": "mul",
    "itruediv": "div",
    "truediv": "div",
    "true_divide": "div",
    "rsub": "sub",
    "radd": "add",
    "rmul": "mul",
    "rtruediv": "div",
    "multiply": "mul",
    "subtract": "sub",
    "ipow": "pow",
    "rpow": "pow",
    "rmatmul": "matmul",
    "imatmul": "matmul",
    "convolution": "conv",
}


@dataclass(eq=False)
class Operation:
    """One call that made new numbers.

    Attributes
    ----------
    index
        Its place in ``trace.operations``.
    name
        What it is, in torch's word: ``"linear"``, ``"relu"``, ``"add"``. The name of an in-place
        function is that of its twin. What happened out of sight (a function of your own for
        autograd, a library) goes by the class of the module that returned it.
    where, call
        The path of the module in which it ran, as in ``network.named_modules()``, and which call
        of that module that was, from 1.
    shape
        Of its output; of its first, where there are several.
    parameters
        Names of the parameters that entered, the largest first, also through a computation of
        their own, as a weight norm is one.
    weight_shape
        Shape of the weight, for a projection.
    sources
        Indices of the operations whose outputs entered.
    from_input, from_input_itself
        Whether the network's own input reached it; whether it took that input itself.
    seen
        Whether its steps were seen; if not, its output was measured all the same.
    requires_grad
        Whether a gradient can come back to its output.
    options
        What shapes a projection: ``stride`` and ``groups`` of a convolution, whether it is
        ``transposed``, which axis of a matrix it ``contracts``.
    chain
        What function of one number this is, where it is one (`elementwise`).
    signal, gradient
        Statistics of its output, and of the gradient at its output; None where none came.
    entered
        Statistics of what a layer was given, if that is a part of what another operation made (the
        last step of a sequence, a class token); None otherwise.
    waited
        Whether that gradient is one of a second step, as it was exactly 0 in the first.
    """

    index: int
    name: str
    where: str
    call: int
    shape: tuple[int, ...]
    parameters: tuple[str, ...] = ()
    weight_shape: tuple[int, ...] | None = None
    sources: tuple[int, ...] = ()
    from_input: bool = False
    from_input_itself: bool = False
    seen: bool = True
    requires_grad: bool = False
    options: dict = field(default_factory=dict)
    chain: Chain | None = None
    signal: Statistics | None = None
    gradient: Statistics | None = None
    entered: Statistics | None = None
    waited: bool = False

    @property
    def size(self) -> float:
        """Root mean square of the output; nan where nothing was measured."""
        return math.nan if self.signal is None else self.signal.size

    @property
    def is_layer(self) -> bool:
        """Whether it multiplies by a weight: a projection, or a recurrent layer."""
        return bool(self.parameters) and (self.weight_shape is not None or self.name in RECURRENT)


@dataclass(frozen=True)
class Origin:
    """What a tensor was made of: operations, parameters, the network's input."""

    operations: tuple[int, ...] = ()
    parameters: tuple[str, ...] = ()
    from_input: bool = False
    is_input: bool = False
    axis: int | None = None  # of the units, where a layer made them
    custom: bool = False  # whether a function of one's own for autograd is known to have made it


_NOTHING = Origin()


class Trace:
    """Record every operation of one forward pass, and the gradients of the backward passes.

    Hooks live inside the ``with`` block only; a new forward pass of ``network`` replaces the
    operations. Outputs and gradients are those of the network without a trace, bit for bit.
    Gradients of several backward passes add up.

    Parameters
    ----------
    network
        Any module; ``TypeError`` for anything else.
    """

    def __init__(self, network: nn.Module) -> None:
        if not isinstance(network, nn.Module):
            kind = type(network).__name__
            raise TypeError(f"a trace needs a torch.nn.Module, got {kind}")
        self.network = network
        self.operations: list[Operation] = []
        self.outputs: tuple[int, ...] = ()
        self._handles: list = []
        self._stack: list[nn.Module] = []
        self._mode = _Mode(self)
        self._forget()

    def __enter__(self) -> Trace:
        """Start to record: hook every module, and return the trace itself."""
        if self._handles:
            raise RuntimeError("this trace is already recording: make a second one instead")
        self._forget()
        self._names = {module: name for name, module in self.network.named_modules()}
        try:
            for module in self._names:
                self._handles.append(module.register_forward_pre_hook(self._before, prepend=True))
                self._handles.append(module.register_forward_hook(self._after, always_call=True))
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *error: object) -> None:
        """Remove every hook, whatever happened."""
        while self._handles:
            self._handles.pop().remove()
        self._close()

    def _close(self) -> None:
        if self._stack:  # an interrupt passes torch's hooks by
            self._mode.__exit__(None, None, None)
        self._stack = []

    def _forget(self) -> None:
        self.operations, self.outputs = [], ()
        self._calls: Counter = Counter()
        self._origins: WeakTensorKeyDictionary = WeakTensorKeyDictionary()
        self._kept_gradients: dict[int, Tensor] = {}
        self._again: dict[tuple, list[Operation]] = {}  # what a checkpoint computes once more

    # ---- modules: where we are

    def _before(self, module: nn.Module, inputs: tuple) -> None:
        if module is self.network and not _in_backward():
            self._close()
            self._forget()
            self._counts = {}
            for name, parameter in self.network.named_parameters():
                self._origins[parameter] = Origin(parameters=(name,))
                self._counts[name] = parameter.numel()
            for buffer in self.network.buffers():
                self._origins[buffer] = _NOTHING
        elif not self._stack and not _in_backward():
            return  # a part was called by itself, outside of the network's own pass
        if not self._stack:
            self._mode.__enter__()
        elif not _in_backward():
            with torch._C.DisableTorchFunction():
                self._notice_custom(tensors_in(inputs))
        self._stack.append(module)
        if not _in_backward():
            self._calls[module] += 1

    def _after(self, module: nn.Module, inputs: tuple, output: object) -> None:
        if not self._stack or self._stack[-1] is not module:
            return
        if output is not None and not _in_backward():
            with torch._C.DisableTorchFunction():  # our own calls are none of the network's
                self._notice_unseen(module, inputs, output)
                self._notice_custom(tensors_in(output))
                self.module_ended(module, inputs, output)
        self._stack.pop()
        if not self._stack:
            self._mode.__exit__(None, None, None)
            found = [self._origins.get(t, _NOTHING).operations for t in tensors_in(output)]
            self.outputs = tuple(dict.fromkeys(index for indices in found for index in indices))

    def _notice_unseen(self, module: nn.Module, inputs: tuple, output: object) -> None:
        for tensor in tensors_in(output):
            if _is_wrapped(tensor):
                continue
            if tensor not in self._origins and tensor.is_floating_point():
                given = [t for t in tensors_in(inputs) if t is not tensor]
                sources = [self._origin(t) for t in given]
                operation = self._new(type(module).__name__, tensor, sources)
                operation.seen = False
                self.observe(operation, given, tensor)
                self._origins[tensor] = replace(self._origins[tensor], custom=True)

    def _notice_custom(self, tensors: Iterable[Tensor]) -> None:
        """Mark what a function of one's own for autograd made: its backward is out of sight."""
        for tensor in tensors:
            name = _custom_function(tensor)
            known = None if name is None else self._origins.get(tensor)
            if name is None or (known is not None and known.custom) or not self.operations:
                continue
            last = self.operations[-1]
            if known is not None and known.operations == (last.index,) and not last.requires_grad:
                operation = last  # what it did last is what it did
                operation.requires_grad = True
                self.follow(operation, tensor)
            else:
                if known is None:  # all that is known of it is when it came
                    self._origins[tensor] = Origin((last.index,), (), last.from_input)
                operation = self._new(name, tensor, [self._origin(tensor)])
                self.observe(operation, [], tensor)
            operation.seen = False
            self._origins[tensor] = replace(self._origins[tensor], custom=True)

    # ---- operations: what happened

    def _origin(self, tensor: Tensor) -> Origin:
        """Return what is known of a tensor; what came from outside is the network's input."""
        known = self._origins.get(tensor)
        if known is None:
            base = tensor._base
            known = None if base is None else self._origins.get(base)
        return Origin(from_input=True, is_input=True) if known is None else known

    def last_of(self, tensors: list[Tensor]) -> list[Tensor]:
        """Return those of a network's outputs from which it has made no other of them."""
        made_by = [self._origin(t).operations for t in tensors]
        before: set[int] = set()
        waiting = [i for made in set(made_by) for j in made for i in self.operations[j].sources]
        while waiting:
            if (index := waiting.pop()) not in before:
                before.add(index)
                waiting += self.operations[index].sources
        return [t for t, made in zip(tensors, made_by, strict=True) if not before & {*made}]

    def _note(self, call: _Call) -> None:
        if not _in_backward():
            self._notice_custom(call.tensors)
        sources = [self._origin(tensor) for tensor in call.tensors]
        first = True
        for made in call.made:
            alias = next((t for t in call.tensors if _shares(made, t)), None)
            if alias is None and call.name in _COPIES:
                alias = call.tensors[0]
            changed = any(made is t for t in call.overwritten)
            if alias is not None and not changed:  # a view: the same numbers in another shape
                origin = self._origin(alias)
                self._origins[made] = _replace_axis(origin, alias, made)
            elif call.name in _FACTORIES or not call.tensors:
                self._origins[made] = _NOTHING
            elif made.is_floating_point() and made.numel() and _is_strided(made):
                if first:
                    self._operation(call, made, sources)
                    operation, first = self.operations[-1], False
                else:
                    self._origins[made] = Origin((operation.index,), (), operation.from_input)
            else:
                self._origins[made] = _merged(sources)

    def _operation(self, call: _Call, made: Tensor, sources: list[Origin]) -> None:
        if _in_backward():
            self._meet_again(call.name, made)
            return
        operation = self._new(call.name, made, sources)
        operation.options = call.options()
        if call.name in PROJECTIONS:
            pairs = zip(call.tensors, sources, strict=True)
            weights = [t for t, s in pairs if s.parameters and not s.from_input and t.dim() > 1]
            if weights:
                operation.weight_shape = tuple(weights[0].shape)
                operation.options["contracts"] = _contracted(call, weights[0])
        operation.chain = extended(call, operation, made, sources, self.operations)
        self.observe(operation, call.tensors, made)

    def _new(self, name: str, made: Tensor, sources: list[Origin]) -> Operation:
        module = self._stack[-1]
        merged = _merged(sources)
        parameters = [p for source in sources if not source.from_input for p in source.parameters]
        operation = Operation(
            index=len(self.operations),
            name=name,
            where=self._names.get(module, ""),
            call=self._calls[module],
            shape=tuple(made.shape),
            parameters=tuple(sorted(dict.fromkeys(parameters), key=self._counts.get, reverse=True)),
            sources=merged.operations,
            from_input=merged.from_input,
            from_input_itself=any(source.is_input for source in sources),
            requires_grad=made.requires_grad,
        )
        self.operations.append(operation)
        passed_on = () if merged.from_input else operation.parameters
        axis = unit_axis(operation, made, sources)
        self._origins[made] = Origin((operation.index,), passed_on, merged.from_input, False, axis)
        if made.requires_grad:
            self.follow(operation, made)
        return operation

    def follow(self, operation: Operation, tensor: Tensor) -> None:
        """Wait for the gradient at an operation's output."""
        me, index = weakref.ref(self), operation.index

        def arrived(gradient: Tensor) -> None:
            trace = me()
            if trace is not None and trace._handles and trace._knows(operation):
                trace._add_gradient(operation, index, gradient.detach())

        tensor.register_hook(arrived)

    def _knows(self, operation: Operation) -> bool:
        known = self.operations
        return operation.index < len(known) and known[operation.index] is operation

    def _add_gradient(self, operation: Operation, index: int, gradient: Tensor) -> None:
        if index in self._kept_gradients:
            gradient = self._kept_gradients[index] + gradient
        if _graph_is_kept():  # another backward pass may add to it
            self._kept_gradients[index] = gradient.clone()
        self.observe_gradient(operation, gradient)

    def _meet_again(self, name: str, made: Tensor) -> None:
        """Give what a checkpoint computes once more the place that it had the first time."""
        where = self._names.get(self._stack[-1], "") if self._stack else ""
        if not self._again:
            for operation in self.operations:
                key = (operation.where, operation.name, operation.shape)
                self._again.setdefault(key, []).append(operation)
        twins = self._again.get((where, name, tuple(made.shape)), [])
        if not made.requires_grad or not twins:
            return
        same = Statistics.of(made.detach())
        for operation in twins:
            if not operation.requires_grad and same.equals(operation.signal):
                operation.requires_grad = True
                self.follow(operation, made)
                return

    # ---- what is done with it

    def observe(self, operation: Operation, given: list[Tensor], made: Tensor) -> None:
        """Measure what an operation made; ``given`` are the tensors that entered."""
        operation.signal = Statistics.of(made, axis=self._origins[made].axis)
        if operation.is_layer and operation.seen and given:
            operation.entered = self._part(given[0])
        operation.signal.saturated = self._saturated(operation, given, made)

    def _part(self, given: Tensor) -> Statistics | None:
        """Measure a tensor that is a part of what an operation made."""
        made = self._origin(given).operations
        whole = math.prod(self.operations[made[0]].shape) if len(made) == 1 else 0
        return Statistics.of(given) if 0 < given.numel() < whole else None

    def _saturated(self, operation: Operation, given: list[Tensor], made: Tensor) -> float:
        """Return the share of an activation's inputs where it is flat, from a sample of them."""
        chain = operation.chain
        if operation.name == "softmax" and made.shape[-1] > 3:
            return (made.detach().amax(-1) > 0.99).double().mean().item()
        if operation.name == "scaled_dot_product_attention":
            return _looks_at_one(given)
        if chain is None or chain.entered is None or operation.name not in BOUNDED:
            return math.nan
        z = next((t for t in given if self._origin(t).operations == (chain.entered,)), None)
        if z is None or not chain.uniform:
            return math.nan
        flat = z.detach().reshape(-1)
        return _saturated_share(chain.function(), flat[:: -(-flat.numel() // SAMPLE)])

    def observe_gradient(self, operation: Operation, gradient: Tensor) -> None:
        """Measure the gradient at an operation's output: all that has come so far."""
        operation.gradient = Statistics.of(gradient, sizes_only=True)

    def before_overwriting(self, name: str, tensors: list[Tensor]) -> None:
        """Hear that an operation is about to overwrite these tensors in place."""

    def module_ended(self, module: nn.Module, inputs: tuple, output: object) -> None:
        """Hear that a module returned."""


class _Mode(TorchFunctionMode):
    """See each call that enters torch while a network's forward pass runs."""

    def __init__(self, trace: Trace) -> None:
        super().__init__()
        self._trace = weakref.ref(trace)

    def __torch_function__(self, func, types, args=(), kwargs=None):
        kwargs, trace = kwargs or {}, self._trace()
        if func is F.multi_head_attention_forward:
            with self:  # look inside: packed projection, attention, projection
                return _open_attention()(*args, **kwargs)
        call = _Call(func, args, kwargs)
        if call.in_place:
            trace.before_overwriting(short_name(call.raw), call.tensors[:1])
        result = func(*args, **kwargs)
        if call.in_place or isinstance(result, (Tensor, tuple, list)):
            call.finish(result)
            if call.made and not any(_is_wrapped(t) for t in (*call.tensors, *call.made)):
                trace._note(call)
        return result


def _saturated_share(phi: Callable[[Tensor], Tensor], z: Tensor) -> float:
    """Return the share of the numbers at which a bounded activation is flat.

    Where it is a rectifier, flat below 0 and not above, like ReLU6 and a clamp at 0, what lies
    below does not count: half of the units rest there, and are meant to. One that is not bounded
    gives nan.
    """
    slopes = slope(phi, z.new_tensor([-1e4, -1e-3, 1e-3, 1e4]))
    below, left, right, above = (slopes > FLAT * slopes.max()).tolist()
    if below or above:
        return math.nan
    counted = z[z > 0] if right and not left else z
    return fraction_saturated(phi, counted) if len(counted) else 0.0


_COPIES = frozenset(
    "contiguous clone to type float double half bfloat16 cpu cuda type_as reshape flatten "
    "unflatten".split()
)
"""Operations whose output is their input, elsewhere."""

_FACTORIES = frozenset(
    "zeros_like ones_like full_like empty_like rand_like randn_like new_zeros new_ones new_full "
    "new_empty new_tensor bernoulli uniform normal exponential zero fill".split()
)
"""Operations whose output does not depend on the numbers in their input."""


_AUGMENTED = frozenset(
    "__setitem__ __iadd__ __isub__ __imul__ __itruediv__ __ifloordiv__ __ipow__ __imod__ "
    "__iand__ __ior__ __ixor__".split()
)


class _Call:
    """One call into torch: what entered, what came out, what was overwritten."""

    def __init__(self, func: Callable, args: tuple, kwargs: dict) -> None:
        self.func, self.args, self.kwargs = func, args, kwargs
        self.raw = getattr(func, "__name__", type(func).__name__)
        ends = self.raw.endswith("_") and not self.raw.endswith("__")
        asked = any(arg is True for arg in args) or kwargs.get("inplace") is True or "out" in kwargs
        self.in_place = ends or asked or self.raw in _AUGMENTED
        self.tensors: list[Tensor] = list(tensors_in((args, kwargs))) if self.in_place else []
        self.versions = [_version(tensor) for tensor in self.tensors]
        self.made: list[Tensor] = []
        self.overwritten: list[Tensor] = []

    def finish(self, result: object) -> None:
        """Look at the result."""
        self.name = short_name(self.raw)
        self.made = list(tensors_in(result))
        self.tensors = self.tensors or list(tensors_in((self.args, self.kwargs)))
        pairs = zip(self.tensors, self.versions, strict=False)
        self.overwritten = [t for t, version in pairs if _version(t) != version]
        if not self.made and self.name == "setitem":
            self.made = self.overwritten[:1]

    def options(self) -> dict:
        """Return what shapes a layer's product: stride, groups."""
        if not self.name.startswith("conv"):
            return {}
        names = ("input", "weight", "bias", "stride", "padding", "dilation", "groups")
        if "transpose" in self.name:
            names = (*names[:5], "output_padding", "groups", "dilation")
        given = {**dict(zip(names, self.args, strict=False)), **self.kwargs}
        options = {key: given[key] for key in ("stride", "groups") if key in given}
        return {**options, "transposed": "transpose" in self.name}


def short_name(raw: str) -> str:
    """Return the name of an operation without underscores: ``__iadd__`` and ``add_`` are add."""
    name = raw.strip("_")
    return _SHORT.get(name, name)


def tensors_in(value: object) -> Iterator[Tensor]:
    """Yield the tensors in nested tuples, lists, dicts and dataclasses."""
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, dict):
        for part in value.values():
            yield from tensors_in(part)
    elif isinstance(value, (tuple, list)):
        for part in value:
            yield from tensors_in(part)
    elif hasattr(value, "__dataclass_fields__") and not isinstance(value, type):
        yield from tensors_in(vars(value) if hasattr(value, "__dict__") else {})


def unit_axis(operation: Operation, made: Tensor, sources: list[Origin]) -> int | None:
    """Return the axis of the units: the last of a Linear layer, the channels of a convolution."""
    if operation.name.startswith("conv") and operation.name.endswith("d"):
        axis = made.dim() - 1 - int(operation.name[-2])  # after it come the places: conv2d has two
        return axis if 0 <= axis < made.dim() else None
    if operation.name in PROJECTIONS | RECURRENT | {"embedding"}:
        return made.dim() - 1
    axes = {source.axis for source in sources if source.from_input}
    axis = axes.pop() if len(axes) == 1 else None
    if axis is not None and axis < made.dim():
        return axis
    return {2: 1, 4: 1, 5: 1}.get(made.dim())


def _replace_axis(origin: Origin, before: Tensor, after: Tensor) -> Origin:
    """Follow the axis of the units through a view: the same stride and size, elsewhere."""
    axis = origin.axis
    if axis is not None and axis < before.dim():
        mine = before.shape[axis], before.stride(axis)
        theirs = list(zip(after.shape, after.stride(), strict=True))
        axis = theirs.index(mine) if mine in theirs else {2: 1, 4: 1, 5: 1}.get(after.dim())
    return replace(origin, axis=axis)


def _merged(sources: list[Origin]) -> Origin:
    operations = dict.fromkeys(index for source in sources for index in source.operations)
    parameters = dict.fromkeys(name for source in sources for name in source.parameters)
    from_input = any(source.from_input for source in sources)
    return Origin(tuple(operations), () if from_input else tuple(parameters), from_input)


def _contracted(call: _Call, weight: Tensor) -> int:
    """Return which axis of a two-dimensional weight is summed over."""
    if call.name in ("linear", "bilinear") or call.tensors[0] is weight:
        return 1
    return 0 if weight.is_contiguous() else 1  # a transposed view belongs to (out, in)


def _looks_at_one(given: list[Tensor]) -> float:
    """Return the share of queries whose softmax gives over 0.99 to one key, of the first input."""
    query, key = (t.detach().reshape(-1, *t.shape[-2:])[:4].float() for t in given[:2])
    if key.shape[-2] < 4 or len(query) != len(key):
        return math.nan
    logits = query @ key.transpose(-2, -1) / query.shape[-1] ** 0.5
    return (logits.softmax(-1).amax(-1) > 0.99).double().mean().item()


def _custom_function(tensor: Tensor) -> str | None:
    """Return the name of the custom autograd function that made a tensor, a checkpoint apart."""
    made_by = tensor.grad_fn
    if not isinstance(made_by, torch.autograd.function.BackwardCFunction):
        return None
    function = made_by._forward_cls
    return None if function.__module__ == "torch.utils.checkpoint" else function.__name__


def _shares(made: Tensor, given: Tensor) -> bool:
    if made is given:
        return True
    if not (_is_strided(made) and _is_strided(given)) or not made.numel():
        return False
    same = made.untyped_storage().data_ptr() == given.untyped_storage().data_ptr()
    return same and made.dtype == given.dtype


def _is_wrapped(tensor: Tensor) -> bool:
    """Whether torch.func stands between a tensor and its numbers, as it does inside vmap."""
    return torch._C._functorch.is_functorch_wrapped_tensor(tensor)


def _is_strided(tensor: Tensor) -> bool:
    return tensor.layout == torch.strided and not tensor.is_nested


def _version(tensor: Tensor) -> int:
    return -1 if tensor.is_inference() else tensor._version


def _in_backward() -> bool:
    return torch._C._current_graph_task_id() != -1


def _graph_is_kept() -> bool:
    asked = getattr(torch._C._autograd, "_get_current_graph_task_keep_graph", None)
    return True if asked is None else bool(asked())


def _open_attention() -> Callable:
    """Return torch's attention as a function whose own calls are seen.

    ``F.multi_head_attention_forward`` hands itself over whole where somebody listens; a copy that
    believes that nobody does goes on to its own steps.
    """
    whole = F.multi_head_attention_forward
    nobody = {"has_torch_function": lambda *tensors: False}
    opened = types.FunctionType(
        whole.__code__, {**whole.__globals__, **nobody}, whole.__name__, whole.__defaults__
    )
    opened.__kwdefaults__ = whole.__kwdefaults__
    return opened
