"""Where an operation is: the path of a module, as a learner would look it up."""

from __future__ import annotations

from course_utils.probes.trace import Operation


def place(op: Operation) -> str:
    """Return the path of the module whose parameters an operation used, or in which it ran."""
    weights = [name for name in op.parameters if not name.endswith("bias")] or list(op.parameters)
    if not weights:
        return op.where
    owner = owner_of(weights[0])
    inside = not op.where or owner == op.where or owner.startswith(f"{op.where}.")
    return owner if inside else op.where


def owner_of(parameter: str) -> str:
    """Return the path of the module that holds a parameter; for one of the root, its own name."""
    owner, _, last = parameter.rpartition(".")
    owner = owner.partition(".parametrizations.")[0]
    if owner.startswith("parametrizations."):
        return ""
    return owner
