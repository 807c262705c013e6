"""What the tournament advises: one rule turns its stored rows into a table, and names its limits.

The rule (`advise`): the settings of a family are put into *lines*, one for each optimizer and each
range of depths in `RANGES`; a line holds all widths, budgets and data sets that were played.
Advised is the start that is most often *the best or not told apart from the best*
(`tournament.verdict`); of equal ones that which stays behind the best by the fewest points on
average. Where the advice is told apart from the best, and where it learns nothing, is listed with
it: there it ends.

>>> table = advise(stored("tournament")["rows"])
>>> print(as_markdown(table))
>>> find(table, "tanh", depth=50, rule="adam").start
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby

from course_utils.experiments.contestants import FAMILIES
from course_utils.experiments.tournament import BUDGETS, Setting, Verdict, verdict
from course_utils.names import which

RANGES = {"few": (1, 14), "some": (15, 39), "many": (40, math.inf)}
"""Name of a range → its first and last depth. The grid has 3 and 10, 20 and 30, 50 and 100 layers:
a range ends half-way to the next, on a log scale."""

NEAR = 0.01
"""Points of accuracy, in [0, 1], within which two starts of equal verdicts are equals."""

GUESS = {"MNIST": 0.117, "digits": 0.1028, "Shapeset-3×2": 0.1795}
"""Share of the most frequent class among the test images that the tournament looks at."""


@dataclass(frozen=True)
class Line:
    """One line of the table: a family, a range of depths, an optimizer, and what to do there.

    Attributes
    ----------
    family, rule
        As in `tournament.Setting`.
    depths
        The depths that were played, least and greatest.
    start, second
        The contestant advised, and the one that the same rule takes if that is left out.
    equals
        Others that are as often the best or not told apart from it, and on average at most `NEAR`
        behind the one advised: to choose among these is a matter of taste.
    played
        How many settings the line has.
    wins
        Contestant → in how many of them it is the best or not told apart from it.
    behind
        Contestant → points that it stays behind the best on average, in [0, 1].
    ends
        Settings in which the advice is told apart from the best, and by how many points.
    nothing
        Settings in which the advice learns nothing.
    accuracy
        Least and greatest mean accuracy of the advice over the settings.
    """

    family: str
    rule: str
    depths: tuple[int, int]
    start: str
    second: str
    equals: tuple[str, ...]
    played: int
    wins: dict[str, int]
    behind: dict[str, float]
    ends: tuple[tuple[Setting, float], ...]
    nothing: tuple[Setting, ...]
    accuracy: tuple[float, float]

    @property
    def advice(self) -> str:
        """The start in words, and its equals; "nothing learns" where nothing does."""
        if len(self.nothing) == self.played:
            return "nothing learns"
        others = len(self.equals)
        if others == 1:
            return f"{self.start}, or {self.equals[0]}"
        return f"{self.start}, or {others} others" if others else self.start


def by_setting(rows: Iterable[dict]) -> dict[Setting, list[dict]]:
    """Return the rows of each setting, in the order in which the settings first appear."""
    found: dict[Setting, list[dict]] = {}
    for row in rows:
        setting = Setting(*(row[name] for name in Setting.__dataclass_fields__))
        found.setdefault(setting, []).append(row)
    return found


def judge(rows: Iterable[dict]) -> dict[Setting, Verdict]:
    """Return the verdict about each setting of the rows."""
    return {s: verdict(own, GUESS[s.data]) for s, own in by_setting(rows).items()}


def advise(rows: Sequence[dict]) -> list[Line]:
    """Return the table of advice: the lines in the order of families, depths and optimizers.

    Parameters
    ----------
    rows
        Of the tournament, as `tournament.play` returns them.
    """
    verdicts, results = judge(rows), by_setting(rows)
    order = sorted(verdicts, key=_line)
    lines = []
    for _, group in groupby(order, key=_line):
        settings = list(group)
        lines.append(_advice(settings, verdicts, results))
    return lines


def _line(setting: Setting) -> tuple[int, int, str]:
    """Return where in the table a setting belongs."""
    return [*FAMILIES].index(setting.family), _range(setting.depth), setting.rule


def _range(depth: int) -> int:
    return next(i for i, (_, last) in enumerate(RANGES.values()) if depth <= last)


def _advice(
    settings: list[Setting], verdicts: dict[Setting, Verdict], results: dict[Setting, list[dict]]
) -> Line:
    """Apply the rule to the settings of one line."""
    everywhere = list(verdicts[settings[0]].behind)
    everywhere = [name for name in everywhere if all(name in verdicts[s].behind for s in settings)]
    wins = {name: sum(name in verdicts[s].not_told_apart for s in settings) for name in everywhere}
    behind = {
        name: sum(verdicts[s].behind[name] for s in settings) / len(settings) for name in everywhere
    }
    start, second, *rest = sorted(everywhere, key=lambda name: (-wins[name], behind[name]))
    near = [n for n in (second, *rest) if wins[n] == wins[start]]
    own = [
        sum(row["accuracy"]) / len(row["accuracy"])
        for s in settings
        for row in results[s]
        if row["contestant"] == start
    ]
    depths = [s.depth for s in settings]
    return Line(
        family=settings[0].family,
        rule=settings[0].rule,
        depths=(min(depths), max(depths)),
        start=start,
        second=second,
        equals=tuple(name for name in near if behind[name] <= behind[start] + NEAR),
        played=len(settings),
        wins=wins,
        behind=behind,
        ends=tuple(
            (s, verdicts[s].behind[start])
            for s in settings
            if start not in verdicts[s].not_told_apart
        ),
        nothing=tuple(s for s in settings if start in verdicts[s].learn_nothing),
        accuracy=(min(own), max(own)),
    )


def find(table: Sequence[Line], family: str, depth: int, rule: str) -> Line | None:
    """Return the line about a network, also of a depth that was not played; None if there is none.

    Raises ValueError for a family that the table does not know.
    """
    if family not in FAMILIES:
        raise ValueError(f"unknown family {family!r}: {which(family, FAMILIES)}")
    lines = [line for line in table if (line.family, line.rule) == (family, rule)]
    return next((line for line in lines if _range(line.depths[0]) == _range(depth)), None)


RULES = {"sgd": "SGD", "adam": "Adam"}
"""Name of an optimizer → how it is written."""


def as_markdown(table: Sequence[Line]) -> str:
    """Return the table as Markdown, the README's too: a row for each family and range of depths.

    Ranges that follow each other and have the same advice are one row. An advice that learns
    nothing in all its settings is no advice: "nothing learns".
    """
    rows: list[tuple[str, tuple, list[int]]] = []
    for (family, _), group in groupby(table, key=_family_and_range):
        lines = {line.rule: line for line in group}
        depths = [depth for line in lines.values() for depth in line.depths]
        starts = tuple(lines[rule].advice if rule in lines else "not played" for rule in RULES)
        if rows and rows[-1][:2] == (family, starts):
            rows[-1][2].extend(depths)
        else:
            rows.append((family, starts, depths))
    head = "| your network | depth | start it with (SGD) | start it with (Adam) |"
    body = [
        f"| {name_of_family(family)} | {span(min(depths), max(depths))} | {' | '.join(starts)} |"
        for family, starts, depths in rows
    ]
    return "\n".join([head, "| --- | --- | --- | --- |", *body])


def _family_and_range(line: Line) -> tuple[str, int]:
    return line.family, _range(line.depths[0])


def name_of_family(family: str) -> str:
    """Return a family as the tables call it: "plain tanh", "residual, batch norm"."""
    names = {"relu": "ReLU", "leaky_relu": "leaky ReLU", "selu": "SELU", "gelu": "GELU"}
    names |= {"silu": "SiLU", "tanh": "tanh", "sigmoid": "sigmoid"}
    return f"plain {names[family]}" if family in names else family


def span(low: int, high: int) -> str:
    """Return a range of depths in words: "10 to 30", or "50"."""
    return f"{low}" if low == high else f"{low} to {high}"


def where_it_ends(line: Line) -> str:
    """Return in words where a line's advice is beaten, and where it learns nothing."""
    if len(line.nothing) == line.played:
        return "no start that was tried learns"
    parts = [
        f"{100 * points:.0f} points behind at {setting.depth} × {setting.width}{_rest(setting)}"
        for setting, points in line.ends
    ]
    parts += [
        f"learns nothing at {setting.depth} × {setting.width}{_rest(setting)}"
        for setting in line.nothing
    ]
    return "; ".join(parts) or "nowhere in what was played"


def _rest(setting: Setting) -> str:
    parts = [f"{setting.steps:,} steps"] if setting.steps != BUDGETS["short"] else []
    parts += [setting.data] if setting.data != "MNIST" else []
    return f" ({', '.join(parts)})" if parts else ""
