"""A finding: what is wrong, where, how bad it is, and what to do about it."""

from __future__ import annotations

from dataclasses import dataclass

KINDS = (
    "signal vanishes",
    "signal explodes",
    "gradient vanishes",
    "gradient explodes",
    "no gradient",
    "dead units",
    "saturated",
    "twin units",
    "twin layers",
    "constant output",
    "not finite",
    "first loss",
    "stream grows",
    "writer not scaled",
    "wrong fan",
    "tied embedding",
    "forget bias",
    "default start",
    "unused parameter",
    "not seen",
)
"""What a finding can be about."""

CAUSES = ("not finite", "dead units", "twin units")
"""Kinds that are told first: a signal that vanishes and a gradient that is 0 follow from them."""

SEVERITIES = ("fatal", "bad", "note")
"""It will hardly begin to learn, if at all; worse than it could; worth knowing, often meant."""


@dataclass(frozen=True)
class Finding:
    """One sentence about a network's start.

    Attributes
    ----------
    kind
        One of :data:`KINDS`.
    where
        Path of the module, or name of the parameter, as in ``named_modules()``; ``""`` is the
        network itself.
    severity
        ``"fatal"``, ``"bad"`` or ``"note"``.
    sentence
        What is there, with the numbers measured.
    advice
        What to do, as far as it can be said in a line.
    """

    kind: str
    where: str
    severity: str
    sentence: str
    advice: str

    def __str__(self) -> str:
        """Return the finding as one line."""
        return f"{self.severity.upper():5} {self.kind}: {self.sentence} {self.advice}".rstrip()


def sorted_findings(findings: list[Finding]) -> list[Finding]:
    """Return findings worst first; among equals causes before what they do.

    Of one kind, with one advice for one place, only the worst is kept.
    """
    kinds = (*CAUSES, *(kind for kind in KINDS if kind not in CAUSES))
    ordered = sorted(findings, key=lambda f: (SEVERITIES.index(f.severity), kinds.index(f.kind)))
    once: dict[tuple[str, str, str], Finding] = {}
    for finding in ordered:  # a block that is called six times is one block
        once.setdefault((finding.kind, finding.where, finding.advice), finding)
    return list(once.values())


def named(where: str) -> str:
    """Return a module path for a sentence; the network itself has none."""
    return f"'{where}'" if where else "the network"


def several(names: list[str], most: int = 3) -> str:
    """Return names for a sentence: the first ones, and how many more there are."""
    shown = ", ".join(f"'{name}'" for name in names[:most])
    more = len(names) - most
    return shown if more <= 0 else f"{shown} and {more} more"


def verb(names: list[str], one: str, many: str) -> str:
    """Return the form of a verb that goes with so many names."""
    return one if len(names) == 1 else many


def number(value: float) -> str:
    """Return a number with two digits that count: 0.42, 13, 3.1e-07."""
    return f"{value:.2g}"
