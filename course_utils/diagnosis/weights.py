"""What the weights themselves say: twins, PyTorch's default, tied embeddings, forget gates."""

from __future__ import annotations

import math

import torch
from torch import nn

from course_utils.diagnosis.findings import Finding, named, number, several, verb
from course_utils.diagnosis.flow import Flow, is_normalization
from course_utils.diagnosis.place import owner_of, place
from course_utils.diagnosis.run import Run
from course_utils.probes.trace import Operation

DEEP = 10
"""From so many layers on, without norm or residual sum between, PyTorch's default is too small."""


WILD = 3.0
"""Times by which a recurrent weight stretches a state: orthogonal is 1, PyTorch's default 0.6."""


def twin_units(flow: Flow, run: Run) -> list[Finding]:
    """Find layers whose units compute the same, and would for ever: so are their gradients."""
    findings, layers = [], {n for op in flow.operations if op.is_layer for n in op.parameters}
    grouped = {
        name for op in flow.operations for name in op.parameters if op.options.get("groups", 1) > 1
    }
    for name, facts in run.parameters.items():
        if name not in layers or not facts.trains or facts.twins < 0.5:
            continue
        if facts.is_zero and (facts.gradient or facts.later):
            continue
        where, share = owner_of(name), 100 * facts.twins
        if facts.twins_gradient >= 0.5:
            sentence = (
                f"Units of {named(where)} are copies of one another ({share:.0f} % of "
                f"the rows of '{name}'), and so are their gradients: they stay one unit."
            )
            advice = "Draw the weights at random: zero_ and constant_ are for biases."
            findings.append(Finding("twin units", where, "fatal", sentence, advice))
        elif not facts.is_zero and name not in grouped:
            sentence = (
                f"{share:.0f} % of the rows of '{name}' are copies; only noise behind "
                f"them tells their gradients apart."
            )
            advice = "Draw the weights at random, unless the copies are meant."
            findings.append(Finding("twin units", where, "bad", sentence, advice))
    return findings


def twin_layers(network: nn.Module) -> list[Finding]:
    """Find layers that begin with the same numbers, as deep copies do."""
    groups: dict[tuple, list[str]] = {}
    for name, parameter in network.named_parameters():
        value = parameter.detach()
        if not parameter.requires_grad:
            continue  # a copy that is not trained is meant: a target network, an average
        if value.dim() < 2 or value.numel() < 8 or value.flatten()[0] == value.flatten()[-1]:
            continue
        sample = value.flatten()[:: -(-value.numel() // 64)]
        key = (tuple(value.shape), tuple(sample.tolist()))
        groups.setdefault(key, []).append(name)
    pairs: dict[str, str] = {}  # a copy's module → that of the first
    for names in groups.values():
        first = network.get_parameter(names[0])
        for name in names[1:]:
            if torch.equal(network.get_parameter(name), first):
                copy, original = _blocks(names[0], name)
                pairs.setdefault(copy, original)
    originals: dict[str, list[str]] = {}
    for copy, original in pairs.items():
        originals.setdefault(original, []).append(copy)
    findings = []
    for original, copies in originals.items():
        begin = verb(copies, "begins", "begin")
        sentence = f"{several(copies)} {begin} with the very weights of '{original}'."
        advice = "deepcopy copies the numbers too: draw each again, for example by initialize_."
        findings.append(Finding("twin layers", copies[0], "bad", sentence, advice))
    return findings


def _blocks(first: str, second: str) -> tuple[str, str]:
    """Return the modules in which two equal parameters differ: layers.1 and layers.0."""
    a, b = first.split("."), second.split(".")
    same = next((i for i, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), 0)
    return ".".join(b[: same + 1]), ".".join(a[: same + 1])


def default_start(flow: Flow, run: Run) -> list[Finding]:
    """Find a long row of layers with PyTorch's own start, and nothing that holds the size."""
    found = [n for n, f in run.parameters.items() if _is_default(f, _fan_in(flow, n))]
    row: list[str] = []
    longest: list[str] = []
    for op in flow.spine:
        if is_normalization(op) or op.name in ("add", "sub") and len(op.sources) > 1:
            row = []
        weights = [name for name in op.parameters if name in found]
        if op.is_layer and weights:
            row = [*row, place(op)]
        elif op.is_layer:
            row = []
        longest = max(longest, row, key=len)
    if len(longest) < DEEP - 4:
        return []
    severity = "bad" if len(longest) >= DEEP else "note"
    sentence = (
        f"{len(longest)} layers in a row, from {named(longest[0])} on, have PyTorch's own start: a "
        "weight of variance 1/(3 fan_in), which a ReLU network shrinks by 0.41 at each layer."
    )
    advice = "model.apply(init_weights) with what suggest(model) prints."
    return [Finding("default start", longest[0], severity, sentence, advice)]


def _fan_in(flow: Flow, name: str) -> float | None:
    op = next((op for op in flow.operations if name in op.parameters and op.is_layer), None)
    return None if op is None or op.weight_shape is None else math.prod(op.weight_shape[1:])


def _is_default(facts, fan_in: float | None) -> bool:
    """Whether weights lie in U(-1/√fan_in, 1/√fan_in), and fill it."""
    if fan_in is None or len(facts.shape) < 2 or facts.count < 16 or facts.std == 0:
        return False
    bound = 1 / math.sqrt(math.prod(facts.shape[1:]))
    fills = facts.greatest > bound * (1 - 12 / facts.count)
    uniform = abs(facts.std / (bound / math.sqrt(3)) - 1) < max(0.02, 2 / math.sqrt(facts.count))
    return facts.greatest <= bound * (1 + 1e-6) and fills and uniform


def tied_embedding(flow: Flow, run: Run) -> list[Finding]:
    """Find an embedding that is the output's weight too, and too large for that."""
    findings = []
    tables = [op for op in flow.operations if op.name in ("embedding", "embedding_bag")]
    for table in tables:
        for op in flow.operations:
            shared = set(table.parameters) & set(op.parameters)
            if not (op.is_layer and shared) or op.signal is None or op is table:
                continue
            name = next(iter(shared))
            facts = run.parameters[name]
            if op.signal.std <= 2.5 or _feeds_a_layer(flow, op):
                continue
            width = facts.shape[-1]
            sentence = (
                f"'{name}', of std {number(facts.std)}, is the weight of the output too: the "
                f"logits have std {number(op.signal.std)}."
            )
            advice = f"Draw it with std 0.02, or 1/√width = {number(width**-0.5)}."
            findings.append(Finding("tied embedding", place(table), "bad", sentence, advice))
            break
    return findings


def _feeds_a_layer(flow: Flow, op: Operation) -> bool:
    """Whether layers come behind: a codebook is looked up by distance, and is no output."""
    others = [other for other in flow.operations if other.is_layer and other is not op]
    return any(op.index in flow.above(other.index) for other in others)


def wild_recurrence(network: nn.Module) -> list[Finding]:
    """Find recurrent layers whose state comes back too large: their gates are then stuck.

    torch computes all steps in one operation, so the weights are looked at: each gate is a matrix
    (hidden, hidden), which stretches a state by the std of its numbers times the root of hidden.
    """
    findings = []
    for path, module in network.named_modules():
        if not isinstance(module, (nn.RNNBase, nn.RNNCellBase)):
            continue
        found = [(n, p) for n, p in module.named_parameters(recurse=False) if "weight_hh" in n]
        stretched = [(p.detach().double().std().item() * p.shape[1] ** 0.5, n) for n, p in found]
        stretch, name = max(stretched, default=(0.0, ""))
        if not WILD <= stretch < math.inf:
            continue
        sentence = (
            f"'{name}' of {named(path)} stretches its state {number(stretch)}-fold at each step: "
            "its gates stand open or shut, and pass no gradient."
        )
        advice = "Draw each gate orthogonal, as suggest(model) prints, or with std 1/√hidden."
        findings.append(Finding("saturated", path, "bad", sentence, advice))
    return findings


def forget_bias(network: nn.Module) -> list[Finding]:
    """Find LSTMs that forget half of what they hold at each step."""
    findings = []
    for path, module in network.named_modules():
        if not isinstance(module, (nn.LSTM, nn.LSTMCell)) or not module.bias:
            continue
        hidden = module.hidden_size
        names = [n for n, _ in module.named_parameters(recurse=False) if n.startswith("bias")]
        layers = len(names) // 2
        total = sum(getattr(module, n)[hidden : 2 * hidden].detach().double().mean() for n in names)
        mean = float(total) / max(1, layers)
        if mean > 0.5 or mean != mean:
            continue
        kept = 1 / (1 + math.exp(-mean))
        severity = "bad" if mean <= -1 else "note"
        sentence = (
            f"The forget gates of {named(path)} begin at {number(kept)}: after 10 steps "
            f"{number(kept**10)} of the cell is left."
        )
        advice = "Let their bias begin at 1 (Jozefowicz et al., 2015): see suggest(model)."
        findings.append(Finding("forget bias", path, severity, sentence, advice))
    return findings
