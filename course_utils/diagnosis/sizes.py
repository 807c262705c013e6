"""The size of the signal on its way to the output, and of the gradient on its way back.

Both are followed along the spine. A factor at each step is fine; what counts is the product. Of a
product the cause is told: one layer that does nearly all of it, or a little at each. A single layer
that changes the size out of all proportion is told wherever it is, in a branch too.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass, replace

from course_utils.diagnosis.activity import lost_contrast
from course_utils.diagnosis.findings import SEVERITIES, Finding, named, number
from course_utils.diagnosis.flow import Flow, ends_an_activation, is_normalization
from course_utils.diagnosis.place import place
from course_utils.diagnosis.run import Run
from course_utils.probes.statistics import Statistics
from course_utils.probes.trace import RECURRENT, Operation

FATAL, BAD = 6.0, 3.0
"""Powers of ten between one end of the network and the other."""

ODD = 2.5
"""Powers of ten at a single layer: small heads (0.01) and weights of std 1 stay within 2."""

TABLE = (-4.0, 2.0)
"""Powers of ten of an embedding's numbers: a layer whose input, a 1 among 0s, has size 1."""

FROZEN = 4.0
"""Powers of ten of gradient / weight: a weight a hundred times too large before a norm."""

LOOP = 3
"""Calls of one layer from which on they are a loop."""

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
            or op.name in ("add", "sub", "embedding", "embedding_bag")
            or (op.name in ("mul", "div") and op.parameters)
            or ends_an_activation(flow, op)
        )
        and not flow.is_normalized(op)
    ]


def signal_steps(flow: Flow, run: Run) -> list[Step]:
    """Return the sizes of the signal along the spine."""
    found = [op for op in stations(flow) if op.signal is not None and op.signal.finite]
    flat = next((i for i, op in enumerate(found) if op.signal.saturated > 0.95), len(found))
    steps = []
    for op in found[:flat]:  # a flat activation hides the size of what enters
        before = next((flow.operations[i] for i in op.sources if flow.operations[i].from_input), op)
        if op.entered is not None and op.entered.finite:
            steps.append(Step(before, _size(op.entered, run)))
        steps.append(Step(op, _size(op.signal, run)))
    return steps


def _size(signal: Statistics, run: Run) -> float:
    """Return the size of what differs between the inputs, where there are several: no bias."""
    alike = math.isnan(signal.between) or run.batch < 2
    return signal.size if alike else signal.between


def gradient_steps(flow: Flow) -> list[Step]:
    """Return the norm of the gradient along the spine, from the output to the input."""
    found = [op for op in stations(flow) if op.gradient is not None and op.gradient.finite]
    return [Step(op, op.gradient.size * math.sqrt(op.gradient.count)) for op in reversed(found)]


def _outside_loops(flow: Flow, steps: list[Step]) -> list[Step]:
    """Leave out what lies inside a loop: its weights have their gradient from the last steps."""
    calls: dict[tuple, list[int]] = {}
    for op in flow.spine:
        if op.is_layer:
            calls.setdefault(op.parameters, []).append(op.index)
    loops = [(used[0], used[-1]) for used in calls.values() if len(used) >= LOOP]
    return [s for s in steps if not any(first <= s.op.index < last for first, last in loops)]


def sizes(flow: Flow, run: Run, meant: set[str]) -> list[Finding]:
    """Find a signal or a gradient that vanishes or explodes."""
    up, down = signal_steps(flow, run), gradient_steps(flow)
    start, quiet = _start(flow, run, up), allowance(flow, run)
    tables, layers = odd_tables(flow), odd_layers(flow, run, meant)
    findings = _lost(flow, run, up, start, meant)
    if not findings:
        findings += _travel(flow, run, "signal", up, start, quiet)
    back = _travel(flow, run, "gradient", down, None, quiet)
    if back and back[0].kind == "gradient vanishes":
        back = _travel(flow, run, "gradient", _outside_loops(flow, down), None, quiet)
    findings += back
    if tables:  # what comes behind a table of such numbers is its doing
        worst = min([f.severity for f in findings], key=SEVERITIES.index, default="bad")
        return [replace(f, severity=worst) for f in tables] + layers
    told = {(f.kind, f.where) for f in findings}
    alone = layers + frozen_layers(flow, run)
    return findings + [f for f in alone if (f.kind, f.where) not in told]


def allowance(flow: Flow, run: Run) -> float:
    """Return by how many powers of ten every branch is made quiet on purpose (LayerScale).

    What comes to the output through branches alone, as a class token's knowledge of the image does,
    is as small as the scales that end them, and so is its gradient.
    """
    quiet = []
    for branch in flow.branches:
        names = [n for op in branch.after_writer if op.name == "mul" for n in op.parameters]
        scales = [run.parameters[n] for n in names if n in run.parameters]
        scales = [s.size for s in scales if s.std == 0 and 0 < s.size < 1]
        if not scales:
            return 0.0
        quiet.append(-math.log10(math.prod(scales)))
    return min(quiet, default=0.0)


def _start(flow: Flow, run: Run, steps: list[Step]) -> float | None:
    """Return the size of the input at which the spine begins: of several the nearest."""
    sizes = [s.std for s in run.inputs if s.finite and s.std > 0]
    if not (sizes and flow.spine and flow.spine[0].from_input_itself):
        return None
    first = next((step.size for step in steps if step.size > 0), 1.0)
    return min(sizes, key=lambda size: abs(math.log(size / first)))


def _lost(
    flow: Flow, run: Run, steps: list[Step], start: float | None, meant: set[str]
) -> list[Finding]:
    """Find the place from which on the signal is exactly 0."""
    lost = next((i for i, step in enumerate(steps) if step.size == 0), None)
    if lost is None:
        return []
    until = [op for op in flow.spine if op.index <= steps[lost].op.index and op.signal is not None]
    first = next((op for op in until if lost_contrast(op)), steps[lost].op)
    where = place(flow.parameter_source(first))
    whole = all(step.size == 0 for step in steps[lost:])
    ends_there = not any(step.op.is_layer for step in steps[lost + 1 :])
    if where in meant and (ends_there or not whole):
        return []  # a zero head, or a zero branch
    if not whole:
        sentence = f"Behind {named(where)} the signal is 0, and only other ways go on."
    else:
        sentence = f"From {named(where)} on nothing differs between the inputs: the signal is 0."
        before = _travel(flow, run, "signal", steps[:lost], start)
        if before and before[0].kind == "signal vanishes":  # a bias only gave it the rest
            return [replace(before[0], severity="fatal")]
    severity = "fatal" if whole and where not in meant else "bad"
    advice = "Draw its weights at random, and look at the biases there and at what enters."
    return [Finding("signal vanishes", where, severity, sentence, advice)]


def _travel(
    flow: Flow, run: Run, what: str, steps: list[Step], start: float | None, quiet: float = 0.0
) -> list[Finding]:
    """Find a signal or a gradient that is much smaller or larger at the end of its way.

    It may be smaller by ``quiet`` powers of ten.
    """
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
        changes = _within_a_step(ops, changes)
        travelled = list(itertools.accumulate(changes))
        ends = travelled[-1]
    worst = max(travelled, key=abs) if what == "signal" else ends
    decades = worst if abs(worst) >= FATAL and abs(ends) >= 1 else ends
    beyond = -decades - quiet if decades < 0 else decades
    if beyond < BAD:
        return []
    at, alone = _culprit(changes, travelled, decades)
    cause = causes[at]
    if what == "gradient" and cause.is_layer:  # of the layers that read one place, the largest
        beside = [op for op in flow.consumers[ops[at + 1].index] if op.is_layer]
        cause = max([cause, *beside], key=lambda op: _gain(flow, run, op))
    branch = next((b for b in flow.branches if b.sum is cause), None)
    if branch is not None and decades > 0:  # of the layers of a branch, that which stretches most
        layers = [op for op in branch.layers if not math.isnan(_gain(flow, run, op))]
        cause = max(layers, key=lambda op: _gain(flow, run, op), default=cause)
    severity = "fatal" if beyond >= FATAL else "bad"
    made = flow.parameter_source(cause)
    return [_finding(what, made, severity, decades, alone)]


def _within_a_step(ops: list[Operation], changes: list[float]) -> list[float]:
    """Leave out where the gradient becomes that of a later step: behind a zero on purpose."""
    pairs = zip(ops[:-1], ops[1:], changes, strict=True)
    return [change if before.waited == after.waited else 0.0 for before, after, change in pairs]


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


def _finding(what: str, made: Operation, severity: str, decades: float, alone: bool) -> Finding:
    change, where = _change(decades), place(made)
    if alone:
        sentence = f"The {what} {change}, and {named(where)} does it nearly alone."
        advice = f"Look at how {named(where)} is drawn: weights of variance 1/fan_in keep the size."
        if made.name in RECURRENT:
            advice = (
                "Draw each gate orthogonal, an LSTM's forget gate open: suggest(model) prints how."
            )
        elif not made.is_layer:
            advice = f"Look at the numbers with which {named(where)} begins."
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
    written = sorted(gains[i] for i in writers if not math.isnan(gains[i]))
    usual = written[len(written) // 2] if written else 0.0
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


def frozen_layers(flow: Flow, run: Run) -> list[Finding]:
    """Find layers before a norm whose weights are so large that no step moves them.

    A norm takes the size of a weight away from the signal and gives its square to the rate
    gradient / weight; layers that a norm follows are compared with one another.
    """
    rates: dict[str, float] = {}
    gains: dict[str, float] = {}
    for op in flow.operations:
        if op.is_layer and op.weight_shape is not None and flow.is_normalized(op):
            facts = [run.parameters[n] for n in op.parameters if n in run.parameters]
            facts = [f for f in facts if f.count == math.prod(op.weight_shape)]
            if len(facts) == 1 and facts[0].gradient and facts[0].size > 0:
                gains[place(op)] = _gain(flow, run, op)
                rates.setdefault(place(op), math.log10(facts[0].gradient / facts[0].size))
    if len(rates) < 2:
        return []
    usual = sorted(rates.values())[len(rates) // 2]
    findings = []
    for where, rate in rates.items():
        if usual - rate >= FROZEN and gains[where] >= 1:
            sentence = (
                f"In {named(where)} gradient / weight is one part in {number(10 ** (usual - rate))}"
                " of what it is in other layers: its weights are too large, and the norm hides it."
            )
            advice = "Draw its weights with variance 2/fan_in: no step will move them otherwise."
            findings.append(Finding("gradient vanishes", where, "bad", sentence, advice))
    return findings


def odd_tables(flow: Flow) -> list[Finding]:
    """Find embeddings whose numbers are out of all proportion."""
    findings = []
    for op in flow.operations:
        is_table = op.name in ("embedding", "embedding_bag") and op.signal is not None
        size = op.signal.size if is_table else 0.0
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
    if op.entered is not None:
        entering = [op.entered]
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
