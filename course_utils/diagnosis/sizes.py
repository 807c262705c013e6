"""The size of the signal on its way to the output, and of the gradient on its way back.

Both are followed along the spine. A factor at each step is fine; what counts is the product. Of a
product the cause is told: one layer that does nearly all of it, or a little at each. A single layer
that changes the size out of all proportion is told wherever it is, in a branch too.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

from course_utils.diagnosis.findings import Finding, named, number
from course_utils.diagnosis.flow import Flow, ends_an_activation, is_normalization
from course_utils.diagnosis.place import place
from course_utils.diagnosis.run import Run
from course_utils.probes.statistics import Statistics
from course_utils.probes.trace import Operation

FATAL, BAD = 6.0, 3.0
"""Powers of ten between one end of the network and the other."""

ODD = 2.5
"""Powers of ten at a single layer: small heads (0.01) and weights of std 1 stay within 2."""

TABLE = (-4.0, 2.0)
"""Powers of ten of an embedding's numbers: a layer whose input, a 1 among 0s, has size 1."""

USUAL = 1.5
"""Powers of ten by which one layer must stand out among others to be the cause."""


@dataclass(frozen=True)
class Step:
    """One station of the spine: an operation, and the size of what passes there."""

    op: Operation
    size: float


def stations(flow: Flow) -> list[Operation]:
    """Return where the spine is looked at: after activations, norms, sums and layers.

    What a normalization takes in is left out, since it gives it another size.
    """
    return [
        op
        for op in flow.spine
        if (
            op.is_layer
            or is_normalization(op)
            or op.name in ("add", "sub", "embedding")
            or ends_an_activation(flow, op)
        )
        and not flow.is_normalized(op)
    ]


def signal_steps(flow: Flow, run: Run) -> list[Step]:
    """Return the sizes of the signal along the spine."""
    found = [op for op in stations(flow) if op.signal is not None and op.signal.finite]
    return [Step(op, _size(op.signal, run)) for op in found]


def _size(signal: Statistics, run: Run) -> float:
    """Return the size of what differs between the inputs, where there are several: no bias."""
    alike = math.isnan(signal.between) or run.batch < 2
    return signal.size if alike else signal.between


def gradient_steps(flow: Flow) -> list[Step]:
    """Return the norm of the gradient along the spine, from the output to the input."""
    found = [op for op in stations(flow) if op.gradient is not None and op.gradient.finite]
    return [Step(op, op.gradient.size * math.sqrt(op.gradient.count)) for op in reversed(found)]


def sizes(flow: Flow, run: Run, meant: set[str]) -> list[Finding]:
    """Find a signal or a gradient that vanishes or explodes."""
    up, down = signal_steps(flow, run), gradient_steps(flow)
    start = _start(flow, run, up)
    findings = _lost(flow, run, up, meant)
    if not findings:
        findings += _travel(flow, run, "signal", up, start)
    findings += _travel(flow, run, "gradient", down, None)
    told = {(f.kind, f.where) for f in findings}
    alone = odd_tables(flow) + odd_layers(flow, run, meant)
    return findings + [f for f in alone if (f.kind, f.where) not in told]


def _start(flow: Flow, run: Run, steps: list[Step]) -> float | None:
    """Return the size of the input at which the spine begins: of several the nearest."""
    sizes = [s.std for s in run.inputs if s.finite and s.std > 0]
    if not (sizes and flow.spine and flow.spine[0].from_input_itself):
        return None
    first = next((step.size for step in steps if step.size > 0), 1.0)
    return min(sizes, key=lambda size: abs(math.log(size / first)))


def _lost(flow: Flow, run: Run, steps: list[Step], meant: set[str]) -> list[Finding]:
    """Find the place from which on the signal is exactly 0."""
    lost = next((i for i, step in enumerate(steps) if step.size == 0), None)
    if lost is None:
        return []
    until = [op for op in flow.spine if op.index <= steps[lost].op.index and op.signal is not None]
    where = place(flow.parameter_source(next(op for op in until if _size(op.signal, run) == 0)))
    whole = all(step.size == 0 for step in steps[lost:])
    ends_there = not any(step.op.is_layer for step in steps[lost + 1 :])
    if where in meant and (ends_there or not whole):
        return []  # a zero head, or a zero branch
    if not whole:
        sentence = f"Behind {named(where)} the signal is 0, and only other ways go on."
    else:
        sentence = f"From {named(where)} on nothing differs between the inputs: the signal is 0."
    severity = "fatal" if whole and where not in meant else "bad"
    advice = "Draw its weights at random."
    return [Finding("signal vanishes", where, severity, sentence, advice)]


def _travel(
    flow: Flow, run: Run, what: str, steps: list[Step], start: float | None
) -> list[Finding]:
    """Find a signal or a gradient that is much smaller or larger at the end of its way."""
    steps = [step for step in steps if step.size > 0]
    values = [math.log10(size) for size in ([] if start is None else [start])]
    values += [math.log10(step.size) for step in steps]
    if len(values) < 2:
        return []
    ops = [None] * (start is not None) + [step.op for step in steps]
    # a layer makes the signal behind it, and the gradient before it
    causes = ops[1:] if what == "signal" else ops[:-1]
    changes = [after - before for before, after in zip(values[:-1], values[1:], strict=True)]
    if what == "signal":
        travelled = _since_normalized(flow, causes, changes)
        ends = max((travelled[-1], *_before_resets(flow, causes, travelled)), key=abs)
    else:
        travelled = list(itertools.accumulate(changes))
        ends = travelled[-1]
    worst = max(travelled, key=abs) if what == "signal" else ends
    decades = worst if abs(worst) >= FATAL and abs(ends) >= 1 else ends
    if abs(decades) < BAD:
        return []
    at, alone = _culprit(changes, travelled, decades)
    cause = causes[at]
    if what == "gradient" and cause.is_layer:  # of the layers that read one place, the largest
        beside = [op for op in flow.consumers[ops[at + 1].index] if op.is_layer]
        cause = max([cause, *beside], key=lambda op: _gain(flow, run, op))
    severity = "fatal" if abs(decades) >= FATAL else "bad"
    return [_finding(what, place(flow.parameter_source(cause)), severity, decades, alone)]


def _since_normalized(flow: Flow, causes: list[Operation], changes: list[float]) -> list[float]:
    """Sum up changes; a normalization of a stream begins anew, as it gives it another size."""
    travelled, so_far = [], 0.0
    for op, change in zip(causes, changes, strict=True):
        so_far = 0.0 if flow.normalizes_a_stream(op) else so_far + change
        travelled.append(so_far)
    return travelled


def _before_resets(flow: Flow, causes: list[Operation], travelled: list[float]) -> list[float]:
    """Return how far the signal had come where a normalization of the stream begins anew."""
    pairs = zip(travelled[:-1], causes[1:], strict=True)
    return [value for value, op in pairs if flow.normalizes_a_stream(op)]


def _culprit(changes: list[float], travelled: list[float], decades: float) -> tuple[int, bool]:
    """Return the step that does most of it, and whether it does so alone."""
    sign = 1 if decades > 0 else -1
    best = max(range(len(changes)), key=lambda i: sign * changes[i])
    others = sorted(sign * change for i, change in enumerate(changes) if i != best)
    usual = others[len(others) // 2] if others else 0.0
    if sign * changes[best] > abs(decades) / 2 and sign * changes[best] > usual + USUAL:
        return best, True
    threshold = min(BAD, abs(decades)) - 1e-9
    return next(i for i, value in enumerate(travelled) if sign * value >= threshold), False


def _finding(what: str, where: str, severity: str, decades: float, alone: bool) -> Finding:
    change = _change(decades)
    if alone:
        sentence = f"The {what} {change}, and {named(where)} does it nearly alone."
        advice = f"Look at how {named(where)} is drawn: weights of variance 1/fan_in keep the size."
    else:
        way = "on its way through" if what == "signal" else "on its way back through"
        sentence = (
            f"The {what} {change} {way} the network, a little at each layer; at {named(where)} "
            "it has changed a thousandfold."
        )
        advice = "Draw all layers by the fan and the activation: suggest(model) prints how."
    return Finding(_fate(what, decades), where, severity, sentence, advice)


def _fate(what: str, decades: float) -> str:
    return f"{what} vanishes" if decades < 0 else f"{what} explodes"


def _change(decades: float) -> str:
    factor = number(10 ** abs(decades)) if abs(decades) < 300 else f"10^{abs(decades):.0f}"
    return f"falls to one part in {factor}" if decades < 0 else f"grows {factor}-fold"


def odd_layers(flow: Flow, run: Run, meant: set[str]) -> list[Finding]:
    """Find single layers that shrink or stretch out of all proportion what they are given.

    A branch that writes little is meant so where its siblings do too (zero-initialized branches
    have such cousins).
    """
    gains = {op.index: _gain(flow, run, op) for op in flow.operations if op.is_layer}
    writers = [b.layers[-1].index for b in flow.branches if b.layers]
    quiet = sorted(gains[i] for i in writers if not math.isnan(gains[i]))
    usual = quiet[len(quiet) // 2] if quiet else 0.0
    findings: dict[tuple[str, str], Finding] = {}
    for op in flow.operations:
        gain = gains.get(op.index, math.nan)
        if not abs(gain) >= ODD or place(op) in meant:
            continue
        if op.index in writers and gain < 0 and gain > usual - USUAL:
            continue
        where = place(op)
        sentence = f"In {named(where)} alone the signal {_change(gain)}."
        advice = "Draw its weights with variance 1/fan_in, or 2/fan_in before a ReLU."
        finding = Finding(_fate("signal", gain), where, "bad", sentence, advice)
        findings.setdefault((finding.kind, where), finding)
    return list(findings.values())


def odd_tables(flow: Flow) -> list[Finding]:
    """Find embeddings whose numbers are out of all proportion."""
    findings = []
    for op in flow.operations:
        size = op.signal.size if op.name == "embedding" and op.signal is not None else 0.0
        if not 0 < size < math.inf or TABLE[0] <= math.log10(size) <= TABLE[1]:
            continue
        where = place(op)
        sentence = f"The numbers in {named(where)} have the size {number(size)}."
        advice = "Draw it with std 0.02 to 1: nothing behind it expects another size."
        findings.append(Finding(_fate("signal", math.log10(size)), where, "bad", sentence, advice))
    return findings


def _gain(flow: Flow, run: Run, op: Operation) -> float:
    """Return by how many powers of ten a layer changes what differs between the inputs."""
    entering = [flow.operations[i].signal for i in op.sources if flow.operations[i].from_input]
    if op.from_input_itself:
        entering += run.inputs
    pairs = [(_size(s, run), s.size) for s in entering if s is not None and s.finite]
    if op.signal is None or not op.signal.finite or not pairs:
        return math.nan
    made = _size(op.signal, run)
    if made == 0 or any(given <= 1e-6 * size for given, size in pairs):
        return math.nan  # nothing comes out, or nothing that differs goes in: said elsewhere
    gains = [math.log10(made / given) for given, _ in pairs]
    return min(gains, key=abs)
