"""The size of the signal on its way to the output, and of the gradient on its way back.

Both are followed along the spine. A factor at each step is fine; what counts is the product. Of a
product the cause is told: one layer that loses nearly all of it, or a little at each.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from course_utils.diagnosis.findings import Finding, named, number
from course_utils.diagnosis.flow import Flow, ends_an_activation, is_normalization
from course_utils.diagnosis.place import place
from course_utils.diagnosis.run import Run
from course_utils.probes.trace import Operation

FATAL, BAD = 6.0, 3.0
"""Powers of ten between one end of the network and the other."""


@dataclass(frozen=True)
class Step:
    """One station of the spine: an operation, and the size of what passes there."""

    op: Operation
    size: float


def signal_steps(flow: Flow, run: Run) -> list[Step]:
    """Return the sizes of the signal where it is used: after activations, norms, sums and layers.

    The size is that of what differs between the inputs, where there are several: a bias is no
    signal. What a normalization takes in is left out, since it gives it another size.
    """
    steps = []
    for op in flow.spine:
        counts = op.is_layer or is_normalization(op) or op.name in ("add", "sub", "embedding")
        if not (counts or ends_an_activation(flow, op)) or flow.is_normalized(op):
            continue
        if op.signal is None or not op.signal.finite:
            continue
        alike = math.isnan(op.signal.between) or run.batch < 2
        steps.append(Step(op, op.signal.size if alike else op.signal.between))
    return steps


def gradient_steps(flow: Flow) -> list[Step]:
    """Return the norm of the gradient along the spine, from the output to the input."""
    stations = [op for op in flow.spine if op.is_layer or op.name in ("add", "sub")]
    found = [op for op in stations if op.gradient is not None and op.gradient.finite]
    return [Step(op, op.gradient.size * math.sqrt(op.gradient.count)) for op in reversed(found)]


def sizes(flow: Flow, run: Run, meant: set[str]) -> list[Finding]:
    """Find a signal or a gradient that vanishes or explodes."""
    up = signal_steps(flow, run)
    start = max((s.std for s in run.inputs if s.finite), default=0.0)
    first = flow.spine[0] if flow.spine else None
    begins_at_input = first is not None and first.from_input_itself and start > 0
    findings = _travel("signal", up, start if begins_at_input else None, meant)
    return findings + _travel("gradient", gradient_steps(flow), None, meant)


def _travel(what: str, steps: list[Step], start: float | None, meant: set[str]) -> list[Finding]:
    if len(steps) + (start is not None) < 2:
        return []
    lost = next((s for s in steps if s.size == 0), None)
    if lost is not None:
        return _lost(what, steps, lost, meant)
    stations = [start] if start is not None else []
    values = [math.log10(size) for size in stations + [s.size for s in steps]]
    ops = [None] * len(stations) + [s.op for s in steps]
    travelled = [value - values[0] for value in values]
    ends = travelled[-1]
    worst = max(travelled, key=abs) if what == "signal" else ends
    decades = worst if abs(worst) >= FATAL and abs(ends) >= 1 else ends
    if abs(decades) < BAD:
        return []
    at = _culprit(values, ops, decades)
    severity = "fatal" if abs(decades) >= FATAL else "bad"
    fate = "vanishes" if decades < 0 else "explodes"
    return [_sentence(what, fate, severity, decades, at)]


def _lost(what: str, steps: list[Step], lost: Step, meant: set[str]) -> list[Finding]:
    where = place(lost.op)
    if where in meant or meant and what == "gradient":
        return []
    if what == "gradient":
        return []  # what no gradient reaches is said for each parameter
    sentence = f"From {named(where)} on nothing differs between the inputs: the signal is 0."
    return [Finding("signal vanishes", where, "fatal", sentence, "Draw its weights at random.")]


def _culprit(values: list[float], ops: list[Operation | None], decades: float) -> tuple:
    """Return the layer that does most of it, and whether it does so alone."""
    changes = [after - before for before, after in zip(values[:-1], values[1:], strict=True)]
    sign = 1 if decades > 0 else -1
    best = max(range(len(changes)), key=lambda i: sign * changes[i])
    others = [sign * change for i, change in enumerate(changes) if i != best]
    usual = sorted(others)[len(others) // 2] if others else 0.0
    alone = sign * changes[best] > abs(decades) / 2 and sign * changes[best] > usual + 1.5
    if alone:
        return ops[best + 1], True
    crossed = next(
        i for i, v in enumerate(values) if sign * (v - values[0]) >= min(BAD, abs(decades)) - 1e-9
    )
    return ops[crossed], False


def _sentence(what, fate, severity, decades, culprit) -> Finding:
    op, alone = culprit
    where = place(op)
    factor = number(10 ** abs(decades)) if abs(decades) < 300 else f"10^{abs(decades):.0f}"
    change = f"falls to one part in {factor}" if decades < 0 else f"grows {factor}-fold"
    way = "on its way through" if what == "signal" else "on its way back through"
    if alone:
        sentence = f"The {what} {change}, and {named(where)} does it nearly alone."
        advice = f"Look at how {named(where)} is drawn: weights of variance 1/fan_in keep the size."
    else:
        sentence = (
            f"The {what} {change} {way} the network, a little at each layer; at {named(where)} "
            "it has changed a thousandfold."
        )
        advice = "Draw all layers by the fan and the activation: suggest(model) prints how."
    return Finding(f"{what} {fate}", where, severity, sentence, advice)
