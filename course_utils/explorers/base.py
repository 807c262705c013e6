"""What all explorers share: bound controls, corrections in words, a picture without a kernel.

Every slider has a typed twin; everything can be reached with the keyboard; the verdict is text.
Where no kernel runs (GitHub, nbviewer, nbconvert) the picture of the last state is shown instead.
"""

from __future__ import annotations

import base64
import html
import math
import reprlib
from collections.abc import Callable, Collection, Mapping, Sequence, Set
from dataclasses import replace
from typing import Any, NamedTuple

import ipywidgets as w

LABEL = {"description_width": "70px"}

STEPS_PER_DECADE = 50
"""A log slider counts fiftieths of a power of ten. (They are whole numbers because ipywidgets'
float sliders round in the browser and send the rounded value back.)"""

STD_STEPS = (-150, 25)
"""Where a slider of a std ends, in these steps: 10**-3 and 10**0.5."""


def _same(value):
    return value


class Look(NamedTuple):
    """What one setting looks like.

    Attributes
    ----------
    picture
        As PNG bytes.
    verdict
        In words.
    measurement
        What was measured, if anything was.
    """

    picture: bytes
    verdict: str
    measurement: Any = None


class _Shown(NamedTuple):
    """All that a move changes, the controls aside: they follow the setting."""

    setting: Any
    measurement: Any
    verdict: str
    correction: str
    words: str
    picture: bytes


class Explorer(w.VBox):
    """Controls over the picture of one setting, and the verdict in words.

    A subclass says what its controls are (``_rows``), which values it can show (``_corrected``),
    what it draws and says of them (``_look``), and its state in one line (``readout``). A move
    reads, measures and draws before it shows anything, and one that fails leaves no trace.

    Parameters
    ----------
    setting
        A frozen dataclass: its fields are what :meth:`set` takes and what the controls show.
    name
        CSS class of the whole.
    prefix
        Of the CSS classes of its parts, as in ``"explorer-picture"``.

    Attributes
    ----------
    setting
        What the controls say.
    measurement
        What was measured of it; None where nothing is.
    verdict
        The words under the controls.
    sliders, texts
        Field → its slider, and its typed twin.
    """

    def __init__(self, setting: Any, name: str, prefix: str) -> None:
        self.setting, self.measurement, self.verdict = setting, None, ""
        self._prefix, self._busy, self._bound = prefix, False, []
        self.sliders, self.texts = {}, {}
        self.correction, self.words = w.HTML(), w.HTML()
        self.words.layout.min_height = "84px"  # four lines: the picture stays where it is
        self.picture = w.Image(format="png", layout=w.Layout(width="100%"))
        self._name(self.picture, "picture")
        wrap = w.Layout(flex_flow="row wrap")
        rows = [w.HBox(row, layout=wrap) for row in self._rows()]
        super().__init__([*rows, self.correction, self.words, self.picture])
        self.add_class(name)
        self.layout.max_width = "1000px"

    # ------------------------------------------------------------------ for a subclass to say

    def _rows(self) -> list[list[w.Widget]]:
        """Make the controls, bind them, and return them in rows."""
        raise NotImplementedError

    def _corrected(self, name: str, value, previous) -> tuple:
        """Return a value that can be shown, and a sentence if that is not what was asked."""
        raise NotImplementedError

    def _look(self) -> Look:
        """Measure and draw the setting; nothing else of this explorer is changed yet."""
        raise NotImplementedError

    def readout(self) -> str:
        """State the setting and its measurement in one line."""
        raise NotImplementedError

    # ------------------------------------------------------------------ the programmatic way

    def set(self, **changes) -> None:
        """Change fields of the setting as the controls do; the impossible is corrected in words.

        Whatever is raised, in here or below, leaves the explorer as it was.

        Parameters
        ----------
        **changes
            Fields of the setting: numbers (also those of NumPy and torch, or as text) and choices.

        Raises
        ------
        TypeError
            If a field does not exist.
        """
        before = self._shown()
        try:
            self.setting, notes = self._read(changes)
            look = Look(*self._look())
            correction = self._text(notes, "correction", "#B00020")
            words = self._text(look.verdict, "verdict", "inherit")
            measured = look.measurement, look.verdict
            self._show(_Shown(self.setting, *measured, correction, words, look.picture))
        except BaseException:
            self._show(before)  # a control may have moved already
            raise

    def _read(self, changes: dict) -> tuple[Any, str]:
        """Return the setting with its changes, and what had to be corrected, in words."""
        fields, values, notes = vars(self.setting), {}, []
        for name in changes:
            if name not in fields:
                known = ", ".join(fields)
                raise TypeError(f"the explorer has no control {brief(name)}: it has {known}")
        for name, value in changes.items():
            values[name], note = self._corrected(name, value, fields[name])
            notes += [note] if note else []
        return replace(self.setting, **values), " ".join(notes)

    def _shown(self) -> _Shown:
        shown = self.correction.value, self.words.value, self.picture.value
        return _Shown(self.setting, self.measurement, self.verdict, *shown)

    def _show(self, state: _Shown) -> None:
        """Store a state, and show it."""
        self.setting, self.measurement, self.verdict = state[:3]
        self._show_controls()
        shown = (self.correction, state.correction), (self.words, state.words)
        for box, value in (*shown, (self.picture, state.picture)):  # last: its words can be read
            if self.setting is state.setting:  # else one who observes a control has moved on
                box.value = value

    # ------------------------------------------------------------------ controls

    def _bind(
        self, name: str, box: w.Widget, read: Callable = _same, show: Callable = _same
    ) -> None:
        """Let ``box`` move the field ``name`` and show it; ``read`` and ``show`` translate."""
        self._bound.append((name, box, show))
        box.observe(lambda change: self._moved(name, read(change["new"])), "value")

    def _twins(self, name: str, slider: w.Widget, text: w.Widget) -> w.HBox:
        """Lay a slider beside its typed twin, and name both for style sheets and tests."""
        self.sliders[name], self.texts[name] = slider, text
        slider.layout.width, text.layout.width = "260px", "150px"
        self._name(slider, f"{name.replace('_', '-')}-slider")
        self._name(text, f"{name.replace('_', '-')}-text")
        return w.HBox([slider, text])

    def _whole_number(self, name: str, label: str, low: int, high: int) -> w.HBox:
        """Make slider and typed twin of a whole number, bound to the field ``name``."""
        slider = w.IntSlider(min=low, max=high, description=label, readout=False, style=LABEL)
        text = w.IntText(description=f"{label} =", style=LABEL)
        for box in (slider, text):
            self._bind(name, box)
        return self._twins(name, slider, text)

    def _log_number(self, name: str, label: str, low: int, high: int) -> w.HBox:
        """Make log slider, from step ``low`` to step ``high``, and typed twin of a field."""
        slider = w.IntSlider(
            value=low, min=low, max=high, description=label, readout=False, style=LABEL
        )
        text = w.FloatText(step=0.01, description=f"{label} =", style=LABEL)

        def nearest(value: float) -> int:
            step = round(STEPS_PER_DECADE * math.log10(value)) if value > 0 else low
            return min(max(step, low), high)

        self._bind(name, slider, lambda step: 10 ** (step / STEPS_PER_DECADE), nearest)
        self._bind(name, text, show=lambda value: float(f"{value:.4g}"))
        return self._twins(name, slider, text)

    def _choice(self, name: str, label: str, options: Collection, width: str) -> w.Dropdown:
        """Make a drop-down list bound to the field ``name``."""
        box = w.Dropdown(options=options, description=label, style=LABEL)
        box.layout.width = width
        self._bind(name, box)
        return box

    def _jumps(self, name: str, label: str, values: dict[str, Callable], of: str) -> list[w.Widget]:
        """Make buttons that set the field ``name`` to their own function of the field ``of``."""
        self.buttons = [w.Button(description=key, tooltip=f"{label} {key}") for key in values]
        for button in self.buttons:
            button.layout.width = "auto"
            button.on_click(
                lambda b: self.set(**{name: values[b.description](getattr(self.setting, of))})
            )
        return [w.Label(label), *self.buttons]

    def _name(self, part: w.Widget, name: str) -> None:
        part.add_class(f"{self._prefix}-{name}")

    def _moved(self, name: str, value) -> None:
        if not self._busy:
            self.set(**{name: value})

    def _show_controls(self) -> None:
        """Write the setting into all controls without their answering."""
        self._busy = True
        try:
            for name, box, show in self._bound:
                box.value = show(getattr(self.setting, name))
        finally:
            self._busy = False

    # ------------------------------------------------------------------ words

    def _text(self, words: str, name: str, color: str) -> str:
        style = f"color:{color}; font-size:110%; line-height:1.4"
        css_class = f"{self._prefix}-{name}"
        return f'<div class="{css_class}" role="status" style="{style}">{html.escape(words)}</div>'

    def _repr_mimebundle_(self, **kwargs):
        """Add the current picture and a sentence to the live view, for readers without a kernel."""
        bundle = super()._repr_mimebundle_(**kwargs) or {}
        data, metadata = bundle if isinstance(bundle, tuple) else (bundle, {})
        picture = base64.b64encode(bytes(self.picture.value)).decode()
        text = f"{type(self).__name__}: {self.readout()}. {self.verdict}"
        metadata = {**metadata, "image/png": {"width": 1000}}
        return {**data, "image/png": picture, "text/plain": text}, metadata


# ---------------------------------------------------------------------- values from anywhere


def read_number(value) -> float:
    """Return the real number that ``value`` is or spells; nan if it is none, whatever it is.

    An array or tensor of one number is that number. A truth value is none.
    """
    try:
        value = _only(value)
        if isinstance(value, bool):
            return math.nan
        try:
            return float(value)
        except OverflowError:
            return math.inf if value > 0 else -math.inf
    except Exception:  # of a class of anybody's: it is no number then
        return math.nan


def read_choice(value, allowed: Collection) -> Any:
    """Return the one of ``allowed`` that equals ``value``, or None if there is none."""
    equal = [choice for choice in allowed if _equal(value, choice)]
    return equal[0] if len(equal) == 1 else None


def _only(value):
    """Take what an array or a tensor of one element holds out of it."""
    shape = getattr(value, "shape", None)
    return value.item() if isinstance(shape, tuple) and math.prod(shape) == 1 else value


def _equal(value, choice) -> bool:
    try:
        value = _only(value)
        return not isinstance(value, bool) and (value == choice) is True  # of arrays, it is neither
    except Exception:  # of a class of anybody's
        return False


def corrected_number(value, previous, low: float, high: float, name: str) -> tuple[float, str]:
    """Return ``value`` as a number from ``low`` to ``high``, and a sentence if it was not one."""
    number = read_number(value)
    if math.isnan(number):
        return previous, f"{name} must be a number; {brief(value)} was ignored."
    used = min(max(number, low), high)
    if used != number:
        given = f"{number:g}" if math.isfinite(number) else brief(value)
        return used, f"{name} goes from {low:g} to {high:g}: {given} was changed to {used:g}."
    return used, ""


def corrected_whole(value, previous: int, low: int, high: int, name: str) -> tuple[int, str]:
    """Return ``value`` as a whole number from ``low`` to ``high``, and a sentence if changed."""
    number, note = corrected_number(value, previous, low, high, name)
    if number != int(number):
        note = f"{name} is a whole number: {number:g} was changed to {int(number)}."
    return int(number), note


def corrected_choice(value, previous, allowed: Collection, name: str) -> tuple[Any, str]:
    """Return that of ``allowed`` which equals ``value``, else ``previous`` and a sentence."""
    choice = read_choice(value, allowed)
    if choice is not None:
        return choice, ""
    known = ", ".join(str(choice) for choice in allowed)
    return previous, f"{name} can be {known}; {brief(value)} was ignored."


MOST_LETTERS = 60
"""So much of a value at most is repeated in a sentence."""


class _Brief(reprlib.Repr):
    """Python's own abbreviated ``repr``, which here also writes no long collection or number."""

    def repr1(self, x, level):
        """Write ``x``, which lies ``level`` levels above the deepest that is still written."""
        if isinstance(x, int) and x.bit_length() > 4 * MOST_LETTERS:
            return f"a whole number of about {round(x.bit_length() * math.log10(2)):,} digits"
        if isinstance(x, Mapping | Sequence | Set) and not isinstance(x, str) and len(x) > 6:
            return f"a {type(x).__name__} of {len(x):,}"
        return super().repr1(x, level)


_BRIEF = _Brief()
_BRIEF.maxlevel, _BRIEF.maxstring, _BRIEF.maxother = 3, MOST_LETTERS, MOST_LETTERS


def brief(value) -> str:
    """Return ``repr(value)`` in at most 60 letters, soon; what has none is called by its class."""
    try:
        text = " ".join(_BRIEF.repr(value).split())
    except Exception:  # of a class of anybody's
        text = f"something of the class {type(value).__name__}"
    return text if len(text) <= MOST_LETTERS else f"{text[: MOST_LETTERS - 1]}…"
