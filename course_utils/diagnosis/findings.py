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

SEVERITIES = ("fatal", "bad", "note")
"""It will not learn; it learns worse than it could; worth knowing, and often meant."""


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
    """Return findings worst first; among equals in the order of :data:`KINDS`, none twice."""
    once = list(dict.fromkeys(findings))
    return sorted(once, key=lambda f: (SEVERITIES.index(f.severity), KINDS.index(f.kind)))


def named(where: str) -> str:
    """Return a module path for a sentence; the network itself has none."""
    return f"'{where}'" if where else "the network"


def several(names: list[str], most: int = 3) -> str:
    """Return names for a sentence: the first ones, and how many more there are."""
    shown = ", ".join(f"'{name}'" for name in names[:most])
    more = len(names) - most
    return shown if more <= 0 else f"{shown} and {more} more"


def number(value: float) -> str:
    """Return a number with two digits that count: 0.42, 13, 3.1e-07."""
    return f"{value:.2g}"
