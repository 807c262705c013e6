"""What a reader can move: sliders with a typed twin, lists, buttons that jump, buttons that act.

A control says what the browser must know of it (``spec``), what the browser shows of a value
(``text``, ``place``, ``spoken``), and which value a move in the browser means (``read``).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

STEPS_PER_DECADE = 50
"""A log slider counts fiftieths of a power of ten."""

STD_STEPS = (-150, 25)
"""Where a slider of a std ends, in these steps: 10**-3 and 10**0.5."""


@dataclass(frozen=True)
class Slider:
    """A number, by slider and typed.

    Attributes
    ----------
    name, label
        Field of the setting, and what the reader calls it.
    low, high
        Where the slider ends, in places, whole numbers.
    at, nearest
        From a place to the value, and from a value to the nearest place.
    integer
        Whether only whole numbers are meant.
    unit
        What follows the number when it is spoken: ``"layers"``.
    """

    kind: ClassVar[str] = "number"
    name: str
    label: str
    low: int
    high: int
    at: Callable[[int], float]
    nearest: Callable[[float], int]
    integer: bool
    unit: str = ""

    @property
    def spec(self) -> dict:
        """What the browser must know."""
        ends = {"low": self.low, "high": self.high, "integer": self.integer}
        return {"kind": self.kind, "name": self.name, "label": self.label, **ends}

    def read(self, how: str, value) -> Any:
        """Return the value that a move means: a place of the slider, or what was typed."""
        if how != "place":
            return value
        return self.at(min(max(round(value), self.low), self.high))

    def shown(self, value: float) -> dict:
        """Say how a value is written, where the slider then stands, and what is spoken."""
        text = f"{value:d}" if self.integer else f"{float(f'{value:.4g}'):g}"
        unit = self.unit.removesuffix("s") if text == "1" else self.unit
        spoken = f"{text} {unit}".strip()
        return {"values": text, "places": self.nearest(value), "spoken": spoken}


def whole_number(name: str, label: str, low: int, high: int, unit: str = "") -> Slider:
    """Make the slider of a whole number."""

    def nearest(value: int) -> int:
        return min(max(value, low), high)

    return Slider(name, label, low, high, int, nearest, integer=True, unit=unit)


def log_number(name: str, label: str, low: int, high: int) -> Slider:
    """Make a log slider, from step ``low`` to step ``high``, see :data:`STEPS_PER_DECADE`."""

    def at(step: int) -> float:
        return 10 ** (step / STEPS_PER_DECADE)

    def nearest(value: float) -> int:
        step = round(STEPS_PER_DECADE * math.log10(value)) if value > 0 else low
        return min(max(step, low), high)

    return Slider(name, label, low, high, at, nearest, integer=False)


@dataclass(frozen=True)
class Typed:
    """A whole number that is only typed."""

    kind: ClassVar[str] = "typed"
    name: str
    label: str

    @property
    def spec(self) -> dict:
        """What the browser must know."""
        return {"kind": self.kind, "name": self.name, "label": self.label, "integer": True}

    def read(self, how: str, value) -> Any:
        """Return what was typed."""
        return value

    def shown(self, value: int) -> dict:
        """Say how a value is written."""
        return {"values": f"{value:d}"}


@dataclass(frozen=True)
class Choice:
    """A drop-down list.

    Attributes
    ----------
    name, label
        Field of the setting, and what the reader calls it.
    options
        Value → what the list says.
    alone
        Whether a move is asked alone: what it means depends on where other controls stand.
    """

    kind: ClassVar[str] = "choice"
    name: str
    label: str
    options: Mapping[Any, str]
    alone: bool = False

    @property
    def spec(self) -> dict:
        """What the browser must know."""
        options = [[str(value), words] for value, words in self.options.items()]
        rest = {"options": options} | ({"alone": True} if self.alone else {})
        return {"kind": self.kind, "name": self.name, "label": self.label, **rest}

    def read(self, how: str, value) -> Any:
        """Return the option that the browser calls ``value``, or that itself if there is none."""
        return {str(option): option for option in self.options}.get(value, value)

    def shown(self, value) -> dict:
        """Say which option is chosen."""
        return {"values": str(value)}


@dataclass(frozen=True)
class Jumps:
    """Buttons that set the field ``name`` to functions of the field ``of``."""

    kind: ClassVar[str] = "jumps"
    name: str
    label: str
    values: Mapping[str, Callable[[Any], float]]
    of: str

    @property
    def spec(self) -> dict:
        """What the browser must know."""
        options = list(self.values)
        return {"kind": self.kind, "name": self.name, "label": self.label, "options": options}


@dataclass(frozen=True)
class Button:
    """A button that acts: it calls ``action``."""

    kind: ClassVar[str] = "button"
    name: str
    label: str
    tip: str
    action: Callable[[], None]
    primary: bool = False

    @property
    def spec(self) -> dict:
        """What the browser must know."""
        looks = {"label": self.label, "tip": self.tip, "primary": self.primary}
        return {"kind": self.kind, "name": self.name, **looks}


@dataclass(frozen=True)
class Progress:
    """A bar: how far something is that takes a while."""

    kind: ClassVar[str] = "progress"
    name: str
    label: str

    @property
    def spec(self) -> dict:
        """What the browser must know."""
        return {"kind": self.kind, "name": self.name, "label": self.label}
