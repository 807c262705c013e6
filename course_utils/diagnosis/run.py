"""One forward and one backward pass, measured: what a diagnosis is made from."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.parameter import is_lazy
from tqdm import tqdm

from course_utils.data import conversion
from course_utils.diagnosis.untouched import untouched
from course_utils.generators import seeded
from course_utils.networks import ordinary_torch
from course_utils.probes.statistics import Statistics
from course_utils.probes.trace import Operation, Trace, tensors_in
from course_utils.progress import progress

STEPS = 2
"""Steps after the first pass, where zeros wait behind zeros: three passes in all."""


@dataclass(frozen=True)
class ParameterFacts:
    """What is kept of a parameter and its gradient."""

    name: str
    shape: tuple[int, ...]
    size: float  # root mean square
    std: float
    greatest: float
    trains: bool
    used: bool
    gradient: float | None  # root mean square, None where none came
    finite: bool
    later: float | None = None  # the same in a later step, where what was zero has moved
    twins: float = 0.0  # share of rows that equal another row
    twins_gradient: float = 0.0  # and share of rows whose gradient does too

    @property
    def count(self) -> int:
        """How many numbers it holds."""
        return math.prod(self.shape)

    @property
    def is_zero(self) -> bool:
        """Whether every number is 0."""
        return self.greatest == 0


@dataclass
class Run:
    """What one forward and one backward pass said about a network.

    ``parameters`` maps names to facts; ``shared`` a parameter's name to its other names;
    ``inputs`` are statistics of the floating-point inputs; ``classes`` is set where the loss was a
    cross-entropy.
    """

    network: nn.Module
    operations: list[Operation]
    outputs: tuple[int, ...]
    parameters: dict[str, ParameterFacts] = field(default_factory=dict)
    inputs: list[Statistics] = field(default_factory=list)
    loss: float | None = None
    classes: int | None = None
    batch: int = 1


class _Watched(Trace):
    """A trace with a bar that shows after two seconds; without ``signals`` of gradients alone."""

    def __init__(self, network: nn.Module, bar: tqdm, *, signals: bool) -> None:
        super().__init__(network)
        self._bar, self._signals = bar, signals

    def observe(self, operation, given, made) -> None:
        if self._signals:
            super().observe(operation, given, made)
        self._bar.update()

    def observe_gradient(self, operation, gradient) -> None:
        super().observe_gradient(operation, gradient)
        self._bar.update()


def measured(
    network: nn.Module, batch: object, target: object = None, loss: Callable | None = None
) -> Run:
    """Send a batch up and a gradient down, and measure; the network is left as it was."""
    check(network)
    args, kwargs = as_call(batch)
    device = next(network.parameters()).device
    with untouched(network), ordinary_torch(device), progress(
        desc="diagnosing", unit=" operations", delay=2
    ) as bar:  # fmt: skip
        for parameter in network.parameters():
            parameter.grad = None
        target = _copied(target)  # here, outside of an inference mode: a gradient may need it
        run = _pass(network, args, kwargs, target, loss, bar)
        run.parameters = _facts(network, run.operations)
        for _ in range(STEPS):
            opening = [f.name for f in run.parameters.values() if f.is_zero and _moves(f)]
            if not (opening and any(_waits(f) for f in run.parameters.values())):
                break
            _step(network, opening)
            again = _pass(network, args, kwargs, target, loss, bar, signals=False)
            _complete(run, again, network)
        else:
            _leave_open(run, opening)
    return run


def _moves(facts: ParameterFacts) -> bool:
    """Whether a gradient came, at once or in a later step."""
    return bool(facts.gradient or facts.later)


def _waits(facts: ParameterFacts) -> bool:
    return facts.trains and facts.gradient == 0 and not facts.later


def _pass(network, args, kwargs, target, loss, bar, *, signals: bool = True) -> Run:
    """Run once forward and once backward."""
    states = torch.get_rng_state()
    trace = _Watched(network, bar, signals=signals)
    with trace:
        output = _called(network, _copied(args), _copied(kwargs))
        run = Run(network, trace.operations, trace.outputs)
        dense = [t for t in tensors_in((args, kwargs)) if t.layout == torch.strided]
        run.inputs = [Statistics.of(t) for t in dense if t.is_floating_point() and t.numel()]
        every = [t for t in tensors_in((args, kwargs)) if t.dim()]
        run.batch = every[0].shape[0] if every else 1
        goal = _goal(run, output, target, loss, trace)
        if goal is not None:
            goal.backward()
    torch.set_rng_state(states)
    return run


def _step(network: nn.Module, names: list[str]) -> None:
    """Take a step of training for these parameters, to see whom they let move."""
    with torch.no_grad():
        for name in names:
            parameter = network.get_parameter(name)
            size = 0.0 if parameter.grad is None else _size(parameter.grad)
            if size > 0:
                parameter.sub_(parameter.grad * (0.01 / size))
    for parameter in network.parameters():
        parameter.grad = None


def _complete(run: Run, again: Run, network: nn.Module) -> None:
    """Fill in the gradients that came with a later step only."""
    for name, parameter in network.named_parameters():
        if name in run.parameters and not run.parameters[name].later:
            later = None if parameter.grad is None else _size(parameter.grad)
            run.parameters[name] = replace(run.parameters[name], later=later)
    if len(again.operations) == len(run.operations):
        for first, second in zip(run.operations, again.operations, strict=True):
            if first.gradient is not None and first.gradient.mean_square == 0:
                first.gradient, first.waited = second.gradient, True


def _leave_open(run: Run, moved: list[str]) -> None:
    """Believe of what still waits that it will move, if the last step opened another zero."""
    zeros = [f for f in run.parameters.values() if f.is_zero and _moves(f)]
    if any(f.name not in moved for f in zeros):
        for facts in run.parameters.values():
            if _waits(facts):
                run.parameters[facts.name] = replace(facts, later=math.nan)


def check(network: object) -> None:
    """Raise ValueError, in one sentence, for what cannot be looked into."""
    kind = type(network).__name__
    if not isinstance(network, nn.Module):
        raise ValueError(f"model must be a torch.nn.Module, got {kind}: hand over the model itself")
    for path, module in network.named_modules():
        place = f"its part '{path}'" if path else "the model"
        if isinstance(module, torch.jit.ScriptModule):
            raise ValueError(
                f"{place} is scripted, so nobody can look inside: diagnose it before torch.jit"
            )
        if hasattr(module, "_orig_mod") or module._compiled_call_impl is not None:
            raise ValueError(
                f"{place} is compiled, so its operations are out of sight: diagnose the "
                f"model before torch.compile, or its _orig_mod"
            )
    parameters = dict(network.named_parameters())
    if not parameters:
        raise ValueError(f"{kind} holds no parameter: there is no start to diagnose")
    for name, parameter in parameters.items():
        _check_parameter(name, parameter)


def _check_parameter(name: str, parameter: nn.Parameter) -> None:
    """Raise ValueError for a parameter that has no real numbers, or can have no gradient."""
    if is_lazy(parameter):
        raise ValueError(
            f"'{name}' is lazy and has no shape yet: run one batch through the model first"
        )
    if parameter.is_complex():
        raise ValueError(
            f"'{name}' is complex: only real weights can be diagnosed; try torch.view_as_real"
        )
    if parameter.is_inference():
        raise ValueError(
            f"'{name}' was made inside torch.inference_mode(), so it can have no gradient and "
            f"cannot learn: make the model outside of it"
        )
    if parameter.is_meta:
        raise ValueError(
            f"'{name}' is on the meta device and holds no numbers: call to_empty and"
            f" initialize it first"
        )


def as_call(batch: object) -> tuple[tuple, dict]:
    """Return the arguments with which the model is called; the tensors are copies."""
    first = next((t for t in tensors_in(batch) if t.dim()), None)
    if first is not None and len(first) == 0:
        raise ValueError(
            f"batch is empty, of shape {tuple(first.shape)}: hand over 16 inputs or more"
        )
    if isinstance(batch, dict) or (hasattr(batch, "keys") and not hasattr(batch, "to_numpy")):
        return (), {str(key): _copied(batch[key]) for key in batch.keys()}  # noqa: SIM118
    if isinstance(batch, (tuple, list)):
        return tuple(_copied(part) for part in batch), {}
    if isinstance(batch, Tensor):
        return (_copied(batch),), {}
    way = "try images, labels = next(iter(batch)) and those, as batch and target"
    if not hasattr(batch, "dataset"):  # which a DataLoader has
        way = conversion(batch, "batch")
    kind = type(batch).__name__
    raise ValueError(
        f"batch must be what the model is called with, a tensor, a tuple or a dict, got {kind}: "
        f"{way}"
    )


def _copied(value: object) -> object:
    if isinstance(value, Tensor):
        return value.detach().clone()
    if type(value) in (tuple, list):
        return type(value)(_copied(part) for part in value)
    if type(value) is dict:
        return {key: _copied(part) for key, part in value.items()}
    return value


def _called(network: nn.Module, args: tuple, kwargs: dict) -> object:
    try:
        return network(*args, **kwargs)
    except Exception as error:
        shapes = [str(tuple(t.shape)) for t in tensors_in((args, kwargs))]
        given = f"tensors of shape {', '.join(shapes)}" if shapes else "no tensor"
        first = str(error).strip().partition("\n")[0]
        raise ValueError(
            f"the model raised {type(error).__name__} ({first}) when it was called with {given}: "
            f"{_way_to_call(network, args, kwargs, error)}"
        ) from error


def _way_to_call(network: nn.Module, args: tuple, kwargs: dict, error: Exception) -> str:
    """Say what to try where a model could not be called."""
    if isinstance(error, TypeError) and len(args) == 2 and _may_be_labels(*args):
        return "if the second are the labels, try diagnose(model, batch[0], batch[1])"
    weight = next(network.parameters())
    for tensor in tensors_in((args, kwargs)):
        pixels = tensor.is_floating_point() or tensor.dtype == torch.uint8
        if pixels and tensor.dtype != weight.dtype:
            scale = " / 255" if tensor.dtype == torch.uint8 else ""
            return f"the weights are {weight.dtype}, try x.to({weight.dtype}){scale} of a tensor x"
        if tensor.device != weight.device:
            return f"the weights are on {weight.device}, try x.to('{weight.device}') of a tensor x"
    return "hand over what model(...) takes, a tensor, a tuple or a dict"


def _may_be_labels(images: object, labels: object) -> bool:
    both = isinstance(images, Tensor) and isinstance(labels, Tensor)
    return both and labels.dim() == 1 and images.shape[:1] == labels.shape


def _goal(
    run: Run, output: object, target: object, loss: Callable | None, trace: Trace
) -> Tensor | None:
    """Return the scalar whose gradient is sent down, None if nothing can be sent.

    Of several outputs the target is compared with the ``logits``, if one is called so; else with
    the first from which no other is made, as a hidden state is not.
    """
    if next(tensors_in(output), None) is None:
        raise ValueError(
            f"the model returned no tensor but {type(output).__name__}: its forward must return "
            "what is compared with a target"
        )
    made = [t for t in tensors_in(output) if t.is_floating_point() and t.requires_grad]
    if not made:
        return None
    named = output.get("logits") if isinstance(output, Mapping) else None
    named = getattr(output, "logits", named)
    compared = [t for t in made if t.dim() or target is None] or made  # not with a loss
    main = named if isinstance(named, Tensor) else (trace.last_of(compared) or compared)[0]
    if loss is not None:
        return _own_loss(run, main, output, target, loss)
    if target is not None:
        return _default_loss(run, made, main, target)
    if main.dim() == 0:  # the model computes its loss itself
        run.loss = float(main.detach())
        return main
    generator = seeded(0)
    noise = [torch.randn(t.shape, generator=generator, device="cpu").to(t) for t in made]
    return sum((t * n).sum() for t, n in zip(made, noise, strict=True)) / run.batch


def _own_loss(run: Run, main: Tensor, output: object, target: object, loss: Callable) -> Tensor:
    """Return what a loss of the user's own makes of output and target."""
    if not callable(loss):
        raise ValueError(f"loss must be a function of output and target, got {_shape(loss)}")
    try:
        goal = loss(output) if target is None else loss(output, target)
    except Exception as error:
        first = str(error).strip().partition("\n")[0]
        raise ValueError(
            f"loss raised {type(error).__name__} ({first}) when it was called with {_shape(output)}"
            f"{'' if target is None else ' and ' + _shape(target)}: try it by hand first"
        ) from error
    if not (isinstance(goal, Tensor) and goal.numel() == 1):
        raise ValueError(
            f"loss must return one number, got {_shape(goal)}: try loss(output, target).mean()"
        )
    if not goal.requires_grad:
        raise ValueError(
            "loss returned a number without a gradient: look for detach, item or argmax in it"
        )
    run.loss = float(goal.detach())
    is_cross_entropy = loss is F.cross_entropy or isinstance(loss, nn.CrossEntropyLoss)
    if is_cross_entropy and _is_classification(main, target):
        run.classes = main.shape[1]
    return goal


def _default_loss(run: Run, made: list[Tensor], main: Tensor, target: object) -> Tensor:
    if not isinstance(target, Tensor):
        kind, advice = type(target).__name__, conversion(target, "target")
        raise ValueError(f"target must be a tensor, got {kind}: {advice}, or give loss=")
    target = target.to(main.device)
    if not (target.is_floating_point() or target.is_complex()):
        target = target.long()  # of whatever type, classes are classes
    alike = [t for t in made if t.shape == main.shape]  # heads that help in training, too
    if _is_classification(main, target):
        run.classes = main.shape[1]
        _check_classes(target, run.classes)
        losses = [F.cross_entropy(t.float(), target) for t in alike]
    elif _is_language(main, target):
        run.classes = main.shape[-1]
        _check_classes(target, run.classes)
        losses = [F.cross_entropy(t.float().flatten(0, -2), target.flatten()) for t in alike]
    elif target.shape == main.shape and target.is_floating_point():
        return F.mse_loss(main, target.to(main.dtype))
    else:
        raise ValueError(
            f"no loss fits an output of shape {tuple(main.shape)} and a target of shape "
            f"{tuple(target.shape)} and {target.dtype}: give loss=, a function of both"
        )
    run.loss = float(losses[0].detach())
    return sum(losses)


def _check_classes(target: Tensor, classes: int) -> None:
    named = target[target != -100]  # which cross_entropy leaves out
    wrong = named[(named < 0) | (named >= classes)]
    if len(wrong):
        raise ValueError(
            f"target names class {wrong[0].item()}, but the output has {classes} classes, "
            f"0 to {classes - 1}: look at the labels, or give the last layer as many units"
        )


def _is_classification(output: Tensor, target: object) -> bool:
    if not isinstance(target, Tensor) or target.is_floating_point() or output.dim() < 2:
        return False
    return target.shape == (output.shape[0], *output.shape[2:])


def _is_language(output: Tensor, target: Tensor) -> bool:
    return not target.is_floating_point() and target.shape == output.shape[:-1]


def _shape(value: object) -> str:
    if isinstance(value, Tensor):
        return f"a tensor of shape {tuple(value.shape)}"
    return type(value).__name__


def _facts(network: nn.Module, operations: list[Operation]) -> dict[str, ParameterFacts]:
    used = {name for operation in operations for name in operation.parameters}
    facts = {}
    for name, parameter in network.named_parameters():
        if parameter.numel() == 0:
            continue
        value, gradient = parameter.detach(), parameter.grad
        size, std, greatest = _sizes(value)
        facts[name] = ParameterFacts(
            name=name,
            shape=tuple(value.shape),
            size=size,
            std=std,
            greatest=greatest,
            trains=parameter.requires_grad,
            used=name in used or gradient is not None,
            gradient=None if gradient is None else _size(gradient),
            finite=math.isfinite(greatest),
            **_twins(value, gradient),
        )
    return facts


def _size(t: Tensor) -> float:
    """Return the root mean square of a gradient, 0 only where every number is 0."""
    t = t.detach().to_dense() if t.is_sparse else t.detach()
    size = torch.linalg.vector_norm(t).item() / t.numel() ** 0.5
    return _sizes(t)[0] if size == 0 else size


def _sizes(t: Tensor) -> tuple[float, float, float]:
    """Return root mean square, std and the greatest size of a number; no copy is made."""
    t = t.detach()
    t = t.to_dense() if t.is_sparse else t
    least, most = (end.item() for end in t.aminmax())
    greatest = max(abs(least), abs(most)) if least == least else math.nan
    scale = greatest if 0 < greatest < math.inf else 1.0
    if greatest < 1e-15 or t.dtype in (torch.float16, torch.bfloat16):
        t = t.double() / scale  # its square would be 0 in its own dtype
    else:
        scale = 1.0
    size = torch.linalg.vector_norm(t).item() / t.numel() ** 0.5
    variance = max(size**2 - t.mean().item() ** 2, 0.0) if math.isfinite(size) else math.nan
    if variance < 1e-6 * size**2:
        variance = t.double().var(correction=0).item()
    return size * scale, math.sqrt(variance) * scale, greatest


def _twins(value: Tensor, gradient: Tensor | None) -> dict[str, float]:
    """Return the share of rows (units) that are copies of another, and of their gradients."""
    if value.dim() < 2 or value.shape[0] < 2 or gradient is None or gradient.is_sparse:
        return {}
    rows = value.flatten(1)
    if rows.shape[1] < 2:
        return {}
    twins = _share_of_copies(rows)
    if twins == 0:
        return {}
    slopes = gradient.flatten(1)
    both = torch.cat([_of_size_one(rows), _of_size_one(slopes)], dim=1)
    return {"twins": twins, "twins_gradient": _share_of_copies(both)}


def _of_size_one(rows: Tensor) -> Tensor:
    rows = rows.float()
    return rows / rows.abs().amax().clamp_min(1e-30)


def _share_of_copies(rows: Tensor) -> float:
    """Return the share of rows that equal another, up to rounding, which comes before them."""
    rows = rows.float()
    least, most = (end.item() for end in rows.aminmax())
    scale = max(abs(least), abs(most))
    if not math.isfinite(scale):
        return 0.0
    direction = torch.linspace(1, 2, rows.shape[1], device=rows.device).mul_(9).sin_()
    keys = rows @ direction  # rows that are equal have equal keys
    order = keys.argsort()
    gap = keys[order].diff().abs()
    close = (gap <= 1e-5 * scale * rows.shape[1] ** 0.5).nonzero().flatten()
    if not len(close):
        return 0.0
    apart = (rows[order[close]] - rows[order[close + 1]]).abs().amax(1)
    return int((apart <= 1e-5 * scale).sum()) / len(rows)
