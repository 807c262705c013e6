"""The fan that the arithmetic has, beside the one that torch counts from a weight's shape."""

from __future__ import annotations

import math
from dataclasses import dataclass

from course_utils.diagnosis.findings import Finding, number
from course_utils.diagnosis.flow import Flow
from course_utils.diagnosis.place import place
from course_utils.diagnosis.run import Run
from course_utils.probes.trace import Operation


@dataclass(frozen=True)
class Fans:
    """Products summed into one output, and outputs that one input reaches."""

    fan_in: float
    fan_out: float


def torch_fans(shape: tuple[int, ...]) -> Fans:
    """Return what ``torch.nn.init`` counts: (out, in, *kernel), whatever the layer does with it."""
    positions = math.prod(shape[2:])
    return Fans(shape[1] * positions, shape[0] * positions)


def true_fans(flow: Flow, op: Operation, shape: tuple[int, ...]) -> Fans:
    """Return the fans of the layer's own sums, for a weight parameter of that shape."""
    positions = math.prod(shape[2:])
    if op.name.startswith("conv"):
        groups = op.options.get("groups", 1)
        strides = op.options.get("stride", 1)
        axes = len(shape) - 2
        stride = math.prod(strides) if isinstance(strides, (tuple, list)) else strides**axes
        if isinstance(strides, (tuple, list)) and len(strides) == 1:
            stride = strides[0] ** axes
        if op.options.get("transposed"):  # (in, out / groups, *kernel)
            return Fans(shape[0] / groups * positions / stride, shape[1] * positions)
        return Fans(shape[1] * positions, shape[0] / groups * positions)  # a stride thins out both
    if op.options.get("contracts") == 0:  # x @ w, as in GPT-2's own layers: (in, out)
        return Fans(shape[0], shape[1])
    if is_packed(flow, op, shape):  # queries, keys and values, one above the other
        return Fans(shape[1], shape[0] / 3)
    return Fans(shape[1], shape[0])


def is_packed(flow: Flow, op: Operation, shape: tuple[int, ...]) -> bool:
    """Whether a projection makes queries, keys and values at once."""
    readers = flow.consumers[op.index]
    compare = ("scaled_dot_product_attention", "matmul", "bmm", "einsum", "baddbmm")
    return shape[0] == 3 * shape[1] and any(
        r.name in compare and not r.is_layer
        for reader in readers
        for r in (reader, *flow.consumers[reader.index])
    )


RULES = {
    "He, fan_in": lambda f: 2 / f.fan_in,
    "He, fan_out": lambda f: 2 / f.fan_out,
    "Xavier": lambda f: 2 / (f.fan_in + f.fan_out),
    "Xavier with ReLU's gain": lambda f: 4 / (f.fan_in + f.fan_out),
    "LeCun": lambda f: 1 / f.fan_in,
    "PyTorch's default": lambda f: 1 / (3 * f.fan_in),
}
"""Variances of one weight by the fans."""


def wrong_fans(flow: Flow, run: Run) -> list[Finding]:
    """Find weights drawn by a fan that their layer does not have."""
    findings, seen = [], set()
    for op in flow.operations:
        weights = [n for n in op.parameters if n in run.parameters and _fits(op, run, n)]
        if not op.is_layer or not weights or weights[0] in seen:
            continue
        name = weights[0]
        seen.add(name)
        facts = run.parameters[name]
        counted, true = torch_fans(facts.shape), true_fans(flow, op, facts.shape)
        rule = _rule(facts, counted)
        if rule is None or _matches(facts, RULES[rule](true)):
            continue
        factor = RULES[rule](true) / RULES[rule](counted)
        off = max(factor, 1 / factor)
        if off < 1.2:
            continue
        severe = off >= 4 and not flow.is_normalized(op)
        sentence = (
            f"'{name}' has the variance of {rule} for the fans that torch counts, "
            f"{counted.fan_in:g} and {counted.fan_out:g}; the layer's own are {true.fan_in:g} and "
            f"{true.fan_out:g}, which asks for a std {number(math.sqrt(factor))} times as large."
        )
        advice = "initialize_ of this course draws by the layer's own fans."
        kind, severity = "wrong fan", "bad" if severe else "note"
        findings.append(Finding(kind, place(op), severity, sentence, advice))
    return findings


def _fits(op: Operation, run: Run, name: str) -> bool:
    facts = run.parameters[name]
    if op.weight_shape is None or len(facts.shape) < 2:
        return False
    return math.prod(op.weight_shape) == facts.count


def _rule(facts, fans: Fans) -> str | None:
    return next((rule for rule, of in RULES.items() if _matches(facts, of(fans))), None)


def _matches(facts, variance: float) -> bool:
    """Whether a sample of that many weights can have come from such a variance (4 sigma)."""
    tolerance = max(0.01, 4 * math.sqrt(2 / facts.count))
    return tolerance < 0.4 and abs(facts.std**2 / variance - 1) < tolerance
