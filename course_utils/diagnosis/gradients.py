"""Which parameters will move? Zero on purpose, cut off, not used, not seen.

A parameter that is zero is meant to be so if its own gradient is not: it moves at the first step,
and then opens the way for the others (a zero gamma, a zero head, ReZero, LoRA's B). If its gradient
is zero too, nothing ever moves it.
"""

from __future__ import annotations

from course_utils.diagnosis.findings import Finding, named, several, verb
from course_utils.diagnosis.flow import SUMS, Flow
from course_utils.diagnosis.place import owner_of, place
from course_utils.diagnosis.run import ParameterFacts, Run
from course_utils.probes.trace import Operation


def zero_on_purpose(flow: Flow, run: Run) -> set[str]:
    """Return the modules with a zero weight that the first steps will move."""
    biases = _biases(flow, run)
    return {
        owner_of(name)
        for name, facts in run.parameters.items()
        if facts.is_zero and (facts.gradient or facts.later) and name not in biases
    }


def _biases(flow: Flow, run: Run) -> set[str]:
    """Return the names of biases: vectors that are added, whatever they are called."""
    added = {
        name for op in flow.operations if op.is_layer or op.name in SUMS for name in op.parameters
    }
    return {
        name
        for name, facts in run.parameters.items()
        if "bias" in name.rpartition(".")[2] or (name in added and len(facts.shape) == 1)
    }


def unmoved(flow: Flow, run: Run, meant: set[str]) -> list[Finding]:
    """Find parameters that no gradient reaches, and say why."""
    trained = {n: f for n, f in run.parameters.items() if f.trains}
    got = {n: f for n, f in trained.items() if f.gradient is not None}
    unused = [n for n, f in trained.items() if not f.used]
    findings = _unused(unused)
    if not any(f.gradient for f in got.values()):
        return findings + [_nothing_moves(flow, run)]
    cut = [n for n, f in trained.items() if f.used and f.gradient is None]
    idle = _idle(flow, cut)
    findings += _told_idle(idle) + _cut(flow, [n for n in cut if n not in idle])
    biases = _biases(flow, run)
    still = [n for n, f in got.items() if f.gradient == 0 and f.count > 1 and _holds(f, n, biases)]
    return findings + _still(flow, run, still, meant) + _meant(meant)


def _holds(facts: ParameterFacts, name: str, biases: set[str]) -> bool:
    """Whether a parameter can hold others up: a weight, or a scale of zero; no bias does."""
    return name not in biases and (len(facts.shape) > 1 or facts.is_zero)


def _unused(names: list[str]) -> list[Finding]:
    findings = []
    for owner in dict.fromkeys(owner_of(name) for name in names):
        mine = [name for name in names if owner_of(name) == owner]
        sentence = f"{several(mine)} took no part in this pass."
        advice = "Call it, or remove it; if another mode of the model uses it, this is no fault."
        findings.append(Finding("unused parameter", owner, "note", sentence, advice))
    return findings


def _idle(flow: Flow, names: list[str]) -> list[str]:
    """Return the parameters whose layers were computed, but lead to no output.

    Where numbers come in from outside later on, NumPy may be the way that they went.
    """
    leading = set().union(*(flow.above(i) for i in flow.outputs))
    entries = [op.index for op in flow.operations if op.from_input_itself]
    behind = {n for op in flow.operations if op.index in leading for n in op.parameters}
    idle = []
    for name in set(names) - behind:
        users = [op.index for op in flow.operations if name in op.parameters]
        if users and max(users) > max(entries, default=-1):
            idle.append(name)
    return sorted(idle)


def _told_idle(names: list[str]) -> list[Finding]:
    if not names:
        return []
    sentence = f"What {several(names)} {verb(names, 'makes', 'make')} reaches no output."
    advice = "Its result is computed and dropped: use it, or leave the layer out."
    return [Finding("unused parameter", owner_of(names[0]), "note", sentence, advice)]


def _nothing_moves(flow: Flow, run: Run) -> Finding:
    frozen = not any(f.trains for f in run.parameters.values())
    where = place(flow.spine[-1]) if flow.spine else ""
    if frozen:
        sentence, severity = "Every parameter is frozen: requires_grad is False.", "note"
        return Finding("no gradient", "", severity, sentence, "Nothing will be learned, as told.")
    reached = [op for op in flow.operations if op.gradient is not None]
    sentence = "No gradient reaches any parameter" + (
        f": it ends at {named(place(reached[0]))}." if reached else ": the output has none."
    )
    advice = "Look for detach, .data, no_grad, argmax or NumPy on the way."
    return Finding("no gradient", where, "fatal", sentence, advice)


def _cut(flow: Flow, names: list[str]) -> list[Finding]:
    """Say where the gradient is cut: the last layer before the cut, and all that lies behind."""
    if not names:
        return []
    cut = set(names)
    lost = [op for op in flow.operations if op.gradient is None and cut & set(op.parameters)]
    ahead = [op for op in flow.operations if op.gradient is not None]
    first = min((op.index for op in ahead), default=0)
    where = place(lost[-1]) if lost else owner_of(names[0])
    whole = [op for op in flow.spine if op in lost and op.index < first]
    severity = "fatal" if whole else "bad"
    sentence = f"No gradient comes to {several(names)}: it is cut behind {named(where)}."
    advice = "Look for detach, .data, no_grad, argmax or NumPy there; freeze it if that is meant."
    if lost and not any(op.requires_grad for op in flow.operations[: lost[-1].index + 1]):
        severity = "bad"  # a backbone that is not trained, said in words, though not frozen
        sentence = f"All up to {named(where)} runs under no_grad: {several(names)} will not move."
        advice = f"If that is meant, say so: requires_grad_(False) on {named(where)} and before."
    return [Finding("no gradient", where, severity, sentence, advice)]


def _still(flow: Flow, run: Run, names: list[str], meant: set[str]) -> list[Finding]:
    """Say of weights whose gradient is exactly 0 whether the first step will change that."""
    findings = []
    later = {n for n in names if run.parameters[n].later}
    stuck = [n for n in names if run.parameters[n].is_zero and n not in later]
    moving = [n for n in names if n in later]
    dead = [n for n in names if n not in later and n not in stuck]
    if stuck:
        where = owner_of(stuck[0])
        sentence = (
            f"{several(stuck)} {verb(stuck, 'is', 'are')} zero, gradient and all, and will stay so."
        )
        advice = "One of two factors may begin at zero, not both: draw one at random."
        findings.append(Finding("no gradient", where, "fatal", sentence, advice))
    if moving:
        where = owner_of(moving[0])
        sentence = (
            f"{several(moving)} {verb(moving, 'has', 'have')} no gradient in the first step: "
            "something behind is zero."
        )
        advice = "That is meant: the gradient comes with the second step."
        findings.append(Finding("no gradient", where, "note", sentence, advice))
    if dead and not stuck:
        silent = [op for op in flow.operations if op.is_layer and _has_zero_gradient(op)]
        where = place(silent[-1]) if silent else owner_of(dead[0])
        severity = "fatal" if len(dead) > len(run.parameters) / 4 else "bad"
        sentence = f"The gradient of {several(dead)} is exactly 0."
        advice = "The units behind it are dead or saturated, or its output is not used."
        findings.append(Finding("no gradient", where, severity, sentence, advice))
    return findings


def _has_zero_gradient(op: Operation) -> bool:
    return op.gradient is not None and op.gradient.mean_square == 0


def _meant(meant: set[str]) -> list[Finding]:
    if not meant:
        return []
    names = sorted(meant)
    begins = verb(names, "begins at zero and has", "begin at zero and have")
    sentence = f"{several(names)} {begins} a gradient: zero on purpose."
    return [Finding("no gradient", names[0], "note", sentence, "Leave it so.")]


def not_seen(flow: Flow) -> list[Finding]:
    """Find what happened out of sight, in a function of one's own or another library."""
    hidden = [op for op in flow.operations if not op.seen]
    findings = []
    for where in dict.fromkeys(op.where for op in hidden):
        sentence = f"What {named(where)} does is out of sight; its output was measured."
        advice = "A custom autograd function or another library: check it by hand."
        findings.append(Finding("not seen", where, "note", sentence, advice))
    return findings
