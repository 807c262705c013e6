"""What the tournament's stored rows say about one network, or about the nearest that was played."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from course_utils.experiments.advice import (
    RULES,
    Line,
    advise,
    by_setting,
    find,
    judge,
    name_of_family,
    span,
)
from course_utils.experiments.contestants import FAMILIES
from course_utils.experiments.tournament import BUDGETS, RATES, Setting, Verdict

STEPS = {steps: f"{name}: {steps:,} steps" for name, steps in BUDGETS.items()}


@dataclass(frozen=True)
class Race:
    """What is shown: one setting that was played, and the advice for networks of its kind.

    Attributes
    ----------
    asked, setting
        What was asked for, and the nearest setting that was played.
    rows
        Of that setting, one a contestant.
    verdict
        Who won it.
    advice
        The line of the table of advice; None if there is none.
    """

    asked: Setting
    setting: Setting
    rows: tuple[dict, ...]
    verdict: Verdict
    advice: Line | None

    @property
    def advised(self) -> str | None:
        """The contestant that is advised."""
        return None if self.advice is None else self.advice.start


class Results:
    """The tournament's rows, ready to be asked.

    Parameters
    ----------
    rows
        As `experiments.stored("tournament")["rows"]`.
    """

    def __init__(self, rows: Sequence[dict]) -> None:
        self.rows = by_setting(rows)
        self.verdicts = judge(rows)
        self.table = advise(rows)

    def values(self, field: str) -> list:
        """Return what was played of a field of the setting, in its own order or sorted."""
        found = {getattr(setting, field) for setting in self.rows}
        order = {"family": [*FAMILIES], "rule": [*RATES]}.get(field)
        return [value for value in order if value in found] if order else sorted(found)

    def race(self, asked: Setting) -> Race:
        """Return the setting asked for, or the nearest of the same family that was played.

        Raises ValueError if none of the family was.
        """
        own = [setting for setting in self.rows if setting.family == asked.family]
        if not own:
            known = ", ".join(self.values("family"))
            raise ValueError(f"there is no race of {asked.family!r}, only of {known}")
        setting = min(own, key=lambda other: _distance(asked, other))
        line = find(self.table, asked.family, asked.depth, asked.rule)
        return Race(asked, setting, tuple(self.rows[setting]), self.verdicts[setting], line)


def _distance(one: Setting, other: Setting) -> tuple[float, int]:
    """Depth counts most, as ratios; then optimizer, data, steps; then the width."""
    ratio = abs(math.log(one.depth / other.depth))
    differs = 0.9 * (one.rule != other.rule) + 0.7 * (one.data != other.data)
    differs += 0.5 * (one.steps != other.steps) + 0.3 * abs(math.log(one.width / other.width))
    return ratio + differs, other.depth


def name_of(setting: Setting) -> str:
    """Return a setting in words."""
    what = FAMILIES[setting.family].depth_is
    return (
        f"{name_of_family(setting.family)}, {setting.depth} {what} × {setting.width}, "
        f"{RULES[setting.rule]}, {setting.steps:,} steps, {setting.data}"
    )


def note_of(row: dict) -> str:
    """Return the rate of a contestant in words, and how many of its runs diverged."""
    accidents = f", {row['diverged']} of {len(row['accuracy'])} diverged" if row["diverged"] else ""
    return f"rate {row['rate']:g}{accidents}"


def words(race: Race) -> str:
    """Return what happened in a race, and what is advised, in sentences."""
    parts = [outcome(race), advised(race.advice)]
    if race.setting != race.asked:
        parts.insert(0, f"This was not played; the nearest is shown: {name_of(race.setting)}.")
    return " ".join(parts)


def outcome(race: Race) -> str:
    """Return who is best in a race, who equals it, and who learns nothing, in sentences."""
    found = race.verdict
    if found.winner in found.learn_nothing:
        return "Nothing learns here."
    best = next(row for row in race.rows if row["contestant"] == found.winner)
    percent = 100 * sum(best["accuracy"]) / len(best["accuracy"])
    parts, equals = [f"Best: {found.winner}, {percent:.0f} %."], found.not_told_apart[1:]
    if equals:
        parts.append(f"Not told apart from it: {', '.join(equals)}.")
    if found.learn_nothing:
        parts.append(f"Learns nothing: {', '.join(found.learn_nothing)}.")
    return " ".join(parts)


def advised(line: Line | None) -> str:
    """Return the advice of a line in a sentence."""
    if line is None:
        return "No advice for such a depth: none was played."
    where = f"{name_of_family(line.family)} of {span(*line.depths)}"
    kind = f"{FAMILIES[line.family].depth_is} with {RULES[line.rule]}"
    wins = ""
    if len(line.nothing) < line.played:
        won = f"{line.wins[line.start]} of {line.played}"
        wins = f" (best or not told apart from it in {won} settings)"
    return f"Advice for {where} {kind}: {line.advice}{wins}."
