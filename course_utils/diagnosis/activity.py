"""Do the units still answer? Numbers that are not finite, dead and saturated units, one output."""

from __future__ import annotations

import math

from course_utils.diagnosis.findings import Finding, named, number
from course_utils.diagnosis.flow import Flow, ends_an_activation
from course_utils.diagnosis.place import owner_of, place
from course_utils.diagnosis.run import Run
from course_utils.probes.elementwise import MIXING
from course_utils.probes.statistics import Statistics
from course_utils.probes.trace import PROJECTIONS, Operation

ALIKE_BAD, ALIKE_FATAL = 1e-3, 1e-5
"""Shares of the output's std that stem from the inputs."""


def not_finite(flow: Flow, run: Run) -> list[Finding]:
    """Find where a number stopped being one, if it matters: at the output, or in a gradient."""
    found = _given_broken(run)
    if found:
        return found
    outputs = [flow.operations[i] for i in flow.outputs]
    broken = [op for op in outputs if not op.signal.finite]
    bad_gradient = [op for op in flow.operations if op.gradient and not op.gradient.finite]
    bad_loss = run.loss is not None and not math.isfinite(run.loss)
    if not (broken or bad_gradient or bad_loss):
        return []
    if bad_loss and not broken:
        sentence = f"The loss is {run.loss}, though every output is finite."
        advice = "Look at the target, and for a logarithm, a root or a division at 0 in the loss."
        return [Finding("not finite", "", "fatal", sentence, advice)]
    reaches = {i for op in (broken or bad_gradient) for i in flow.above(op.index)}
    culprit = next(
        (op for op in flow.operations if op.index in reaches and _breaks(flow, op)), None
    )
    if culprit is not None:
        what = "nan" if culprit.signal.has_nan else "infinite"
        where = place(culprit) or place(flow.parameter_source(culprit))
        sentence = f"In {named(where)} ({culprit.name}) the signal becomes {what}."
        if culprit.name not in PROJECTIONS and not place(culprit):
            sentence = f"What {named(where)} makes becomes {what} in {culprit.name}."
        advice = "Look at the size of what enters it, and at its dtype: float16 ends at 65,504."
        return [Finding("not finite", where, "fatal", sentence, advice)]
    op = (bad_gradient or broken)[-1]
    sentence = f"In {named(place(op))} ({op.name}) the gradient is no longer finite."
    advice = "Look for a root, a logarithm or a division at 0 behind it; add a small number."
    return [Finding("not finite", place(op), "fatal", sentence, advice)]


def _given_broken(run: Run) -> list[Finding]:
    """Find a number that is none among the parameters, or in the batch itself."""
    for name, facts in run.parameters.items():
        if not facts.finite:
            sentence = f"'{name}' holds a number that is not finite."
            advice = "Draw it again, or load it again: nothing can be computed with it."
            return [Finding("not finite", owner_of(name), "fatal", sentence, advice)]
    if any(given.has_nan for given in run.inputs):
        sentence, advice = "The batch itself holds nan.", "Look at the data before the network."
        return [Finding("not finite", "", "fatal", sentence, advice)]
    return []


def _breaks(flow: Flow, op: Operation) -> bool:
    """Whether an operation makes such a number; a mask of -inf before a softmax does not count."""
    if op.signal is None or op.signal.finite:
        return False
    return op.signal.has_nan or not _is_mask(flow, op)


def _is_mask(flow: Flow, op: Operation) -> bool:
    readers = flow.consumers[op.index]
    return bool(readers) and all(r.name in MIXING or _is_mask(flow, r) for r in readers)


def dead_units(flow: Flow, run: Run) -> list[Finding]:
    """Find layers whose units are 0 for every input."""
    findings, spine = [], set(flow.spine)
    for op in flow.operations:
        if not (op.from_input and ends_an_activation(flow, op)) or op.signal is None:
            continue
        dead = op.signal.dead
        if math.isnan(dead) or dead < 0.5 or run.batch < 4:
            continue
        cause = flow.parameter_source(op)
        if cause.signal is not None and cause.signal.greatest == cause.signal.least == 0:
            continue  # a layer of zeros: that is said elsewhere
        alone = op in spine
        chance = 0.6 + op.signal.units**-0.5  # half of them are, where all inputs look alike
        severity = "fatal" if dead > 0.99 and alone else "bad" if dead >= chance else "note"
        where = place(cause)
        sentence = f"{100 * dead:.0f} % of the units of {named(where)} are 0 for every input."
        advice = (
            "Look at its bias and at the mean of what enters it."
            if severity != "note"
            else "About half can be: then all inputs look alike to it. A larger batch tells."
        )
        findings.append(Finding("dead units", where, severity, sentence, advice))
    return findings


def saturated_units(flow: Flow) -> list[Finding]:
    """Find activations that work where their curve is flat, and attention that looks at one."""
    findings = []
    for op in flow.operations:
        share = op.signal.saturated if op.signal is not None and op.from_input else math.nan
        if math.isnan(share) or share < 0.3:
            continue
        compares = op.name in MIXING or op.name == "scaled_dot_product_attention"
        where = place(flow.parameter_source(op))
        if compares and not _is_of_a_layer(flow, op):
            where = op.where  # a product of two, queries and keys
        severity = "fatal" if share > 0.95 else "bad" if share >= 0.5 else "note"
        if compares:
            severity = "bad" if share >= 0.5 else "note"
            sentence = (
                f"In {named(where)} {100 * share:.0f} % of the softmax gives over "
                f"0.99 to one entry."
            )
            advice = (
                "Its logits are too large: divide by the root of the width, draw "
                "smaller queries and keys."
            )
        else:
            sentence = (
                f"{100 * share:.0f} % of what {named(where)} sends into {op.name} lies "
                f"where that is flat."
            )
            advice = "Its std is too large there, or its bias: try weights of variance 1/fan_in."
        findings.append(Finding("saturated", where, severity, sentence, advice))
    return findings


def _is_of_a_layer(flow: Flow, op: Operation) -> bool:
    """Whether an operation's numbers come from one layer, with no product of two between."""
    while not op.parameters:
        before = [i for i in op.sources if flow.operations[i].from_input]
        if len(before) != 1 or op.name in (*PROJECTIONS, "scaled_dot_product_attention"):
            return False
        op = flow.operations[before[0]]
    return op.is_layer


def constant_output(flow: Flow, run: Run, meant: set[str], quiet: float) -> list[Finding]:
    """Find an output that hardly depends on the input; ``quiet`` is as for `sizes`."""
    if not flow.spine or run.batch < 2:
        return []
    if run.inputs and all(s.between <= 1e-6 * s.size for s in run.inputs if s.size):
        return []  # the inputs themselves are alike
    last = flow.spine[-1]
    if last.signal is None or not last.signal.finite or math.isnan(last.signal.between):
        return []
    lost = next((flow.parameter_source(op) for op in flow.spine if lost_contrast(op)), last)
    if lost.entered is not None and _is_alike(lost.entered):  # a part of what came before is alike
        before = [flow.operations[i] for i in lost.sources if flow.operations[i].from_input]
        lost = flow.parameter_source(before[0]) if before else lost
    if place(lost) in meant:
        return []
    contrast = last.signal.contrast if last.signal.std > 0 else 0.0
    if last.signal.std > 0 and last.signal.count == run.batch:
        contrast = 1.0  # one number an input: its std is what differs
    if last.signal.std == 0 or contrast < ALIKE_BAD * 10**-quiet or _is_constant(last):
        where = place(lost)
        told = 0.0 if _is_constant(last) else contrast
        severity = "fatal" if told < ALIKE_FATAL else "bad"
        share = "Nothing" if told == 0 else f"One part in {number(1 / told)}"
        sentence = (
            f"All inputs give the same output: {share.lower()} of its spread comes from "
            f"them; it is lost at {named(where)}."
        )
        advice = "A signal must survive beside the biases: draw by the fan, let biases be 0."
        return [Finding("constant output", where, severity, sentence, advice)]
    return []


def _is_constant(op: Operation) -> bool:
    return op.signal.between <= 1e-6 * op.signal.size


def lost_contrast(op: Operation) -> bool:
    """Whether hardly anything of an output's spread stems from the inputs."""
    if op.signal is None or not op.signal.finite or math.isnan(op.signal.between):
        return False
    return _is_alike(op.signal) or _is_constant(op)


def _is_alike(signal: Statistics) -> bool:
    return signal.between <= ALIKE_BAD * max(signal.std, 1e-300)
