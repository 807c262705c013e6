"""The stream of a residual network: whether it grows, and what writes into it."""

from __future__ import annotations

import math

from course_utils.diagnosis.findings import Finding, named, number
from course_utils.diagnosis.flow import Branch, Flow, is_normalization
from course_utils.diagnosis.place import place
from course_utils.diagnosis.run import Run

ALONE = 10.0
"""How many times the stream, and what any branch before it adds, one branch adds to stand out."""

MANY = 8
"""Branches from which on the sum of all counts."""


def runs_of_sums(flow: Flow) -> list[list[Branch]]:
    """Group branches that write into one stream: each begins where the one before ended.

    A normalization or a layer on the stream itself (post-norm, a projection) begins another.
    """
    groups: list[list[Branch]] = []
    for branch in flow.branches:
        last = groups[-1][-1].sum if groups else None
        if last is not None and branch.stream is not None and _same_stream(flow, last, branch):
            groups[-1].append(branch)
        else:
            groups.append([branch])
    return groups


def _same_stream(flow: Flow, last, branch: Branch) -> bool:
    index = branch.stream.index
    while index > last.index:
        op = flow.operations[index]
        if op.is_layer or is_normalization(op) or len(op.sources) != 1:
            return False
        index = op.sources[0]
    return index == last.index


def stream(flow: Flow, run: Run, meant: set[str]) -> list[Finding]:
    """Find a stream that grows, and branches that add as if each were the only one."""
    findings = []
    for group in runs_of_sums(flow):
        sizes = [_start(group[0], run), *(b.sum.signal.size for b in group)]
        growth = sizes[-1] / sizes[0] if sizes[0] > 0 else math.nan
        unscaled = [b for b in group if _is_unscaled(b, run)]
        if growth >= 8 and math.isfinite(growth) and len(group) >= 2:
            added = [b.tip.signal.size / s for b, s in zip(group, sizes, strict=False) if s]
            most = max(range(len(added)), key=lambda i: added[i])
            writers = group[most].layers
            where = place(writers[-1]) if writers else group[most].sum.where
            earlier = [b.tip.signal.size for b in group[:most]]  # later ones read a larger stream
            largest = max(earlier, default=math.inf)
            alone = added[most] >= ALONE and group[most].tip.signal.size >= ALONE * largest
            severity = "bad" if growth >= 100 or alone else "note"
            sentence = (
                f"The stream grows {number(growth)}-fold over {len(group)} sums, most at"
                f" {named(where)}."
            )
            advice = (
                "Scale what is added: by 1/√L in the last layer of each of L branches, or by zero."
            )
            findings.append(Finding("stream grows", where, severity, sentence, advice))
        if len(group) >= MANY and len(unscaled) > len(group) / 2:
            where = place(unscaled[0].layers[-1])
            sentence = (
                f"{len(unscaled)} branches write into one stream, from {named(where)} on, each "
                "with weights as large as if it were the only one."
            )
            advice = (
                f"Multiply the last layer of each by 1/√{len(group)} = "
                f"{number(len(group) ** -0.5)}, as GPT-2 does, or begin it at zero."
            )
            findings.append(Finding("writer not scaled", where, "note", sentence, advice))
    return findings


def _start(first: Branch, run: Run) -> float:
    """Return the size of a stream at its beginning, which may be the network's only input."""
    if first.stream is not None:
        return first.stream.signal.size
    return run.inputs[0].size if len(run.inputs) == 1 else first.sum.signal.size


def _is_unscaled(branch: Branch, run: Run) -> bool:
    """Whether the layer that writes is drawn like the one that reads, and nothing scales it."""
    layers = branch.layers
    if len(layers) < 2:
        return False
    reader, writer = layers[0], layers[-1]
    sizes = [_weight(op, run) for op in (reader, writer)]
    if None in sizes or 0 in (sizes[0][0], sizes[1][0]):
        return False
    scale = 1.0
    for op in branch.after_writer:
        if is_normalization(op):
            gammas = [run.parameters[n].size for n in op.parameters if n in run.parameters]
            return bool(gammas) and gammas[0] > 0.7
        if op.name == "mul" and op.signal is not None:
            before = [b.signal.size for b in branch.operations if b.index in op.sources]
            scale *= op.signal.size / before[0] if before and before[0] else 1.0
    same_std = sizes[1][0] * scale / sizes[0][0] > 0.8
    gains = [std * math.sqrt(fan) for std, fan in sizes]
    return same_std or gains[1] * scale / gains[0] > 0.8


def _weight(op, run: Run) -> tuple[float, float] | None:
    facts = [run.parameters[n] for n in op.parameters if n in run.parameters]
    weights = [f for f in facts if len(f.shape) > 1]
    if not weights or op.weight_shape is None:
        return None
    return weights[0].std, math.prod(op.weight_shape[1:])
