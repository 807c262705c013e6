"""Where an operation is: the path of a module, as a learner would look it up."""

from __future__ import annotations

import re

from course_utils.probes.trace import Operation

_OF_A_LAYER = re.compile(
    r"(weight|bias)(_[a-z]+(_l\d+(_reverse)?)?)?|in_proj_(weight|bias)|[qkv]_proj_weight"
)
"""Names that torch's layers give their parameters: the layer's own path says more than they do."""


def place(op: Operation) -> str:
    """Return the path of the module whose parameters an operation used, or in which it ran."""
    weights = [name for name in op.parameters if not name.endswith("bias")] or list(op.parameters)
    if not weights:
        return op.where
    owner = owner_of(weights[0])
    inside = not op.where or owner == op.where or owner.startswith(f"{op.where}.")
    return owner if inside else op.where


def owner_of(parameter: str) -> str:
    """Return the path of the module that holds a parameter.

    One in a ``ParameterList``, or with a name of its own at the root, goes by its own name.
    """
    owner, parametrized, _ = f".{parameter}".partition(".parametrizations.")
    if parametrized:
        return owner[1:]
    owner, _, last = parameter.rpartition(".")
    if last.isdigit() or (not owner and not _OF_A_LAYER.fullmatch(last)):
        return parameter
    return owner
