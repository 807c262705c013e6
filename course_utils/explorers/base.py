"""What all explorers share: bound controls, corrections in words, a picture without a kernel.

Every slider has a typed twin; everything can be reached with the keyboard; the verdict is text.
Where no kernel runs (GitHub, nbviewer, nbconvert) the picture of the last state is shown instead.
"""

from __future__ import annotations

import base64
import html
import math
from collections.abc import Callable, Collection
from dataclasses import replace
from typing import Any

import ipywidgets as w

LABEL = {"description_width": "70px"}

STEPS_PER_DECADE = 50
"""A log slider counts fiftieths of a power of ten. (They are whole numbers because ipywidgets'
float sliders round in the browser and send the rounded value back.)"""

STD_STEPS = (-150, 25)
"""Where a slider of a std ends, in these steps: 10**-3 and 10**0.5."""


def _same(value):
    return value


class Explorer(w.VBox):
    """Controls over the picture of one setting, and the verdict in words.

    A subclass says what its controls are (``_rows``), which values it can show (``_corrected``),
    what it then draws and says (``_look``), and its state in one line (``readout``).

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
    verdict
        The words under the controls.
    sliders, texts
        Field → its slider, and its typed twin.
    """

    def __init__(self, setting: Any, name: str, prefix: str) -> None:
        self.setting, self.verdict = setting, ""
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

    def _look(self) -> tuple[bytes, str]:
        """Return the picture of the setting as PNG bytes, and the verdict."""
        raise NotImplementedError

    def readout(self) -> str:
        """State the setting and its measurement in one line."""
        raise NotImplementedError

    # ------------------------------------------------------------------ the programmatic way

    def set(self, **changes) -> None:
        """Change fields of the setting as the controls do; the impossible is corrected in words.

        Parameters
        ----------
        **changes
            Fields of the setting.

        Raises
        ------
        TypeError
            If a field does not exist.
        """
        previous, notes = self.setting, []
        for name, value in changes.items():
            if name not in vars(previous):
                known = ", ".join(vars(previous))
                raise TypeError(f"the explorer has no control {name!r}: it has {known}")
            changes[name], note = self._corrected(name, value, getattr(previous, name))
            notes += [note] if note else []
        self.setting = replace(previous, **changes)
        self._show_controls()
        self.correction.value = self._text(" ".join(notes), "correction", "#B00020")
        picture, self.verdict = self._look()
        self.words.value = self._text(self.verdict, "verdict", "inherit")
        self.picture.value = picture  # last: who sees it can read the words already

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


def corrected_number(value, previous, low: float, high: float, name: str) -> tuple[float, str]:
    """Return ``value`` as a number from ``low`` to ``high``, and a sentence if it was not one."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = math.nan
    if math.isnan(number):
        return previous, f"{name} must be a number; {value!r} was ignored."
    used = min(max(number, low), high)
    if used != number:
        return used, f"{name} goes from {low:g} to {high:g}: {number:g} was changed to {used:g}."
    return used, ""


def corrected_whole(value, previous: int, low: int, high: int, name: str) -> tuple[int, str]:
    """Return ``value`` as a whole number from ``low`` to ``high``, and a sentence if changed."""
    number, note = corrected_number(value, previous, low, high, name)
    if number != int(number):
        note = f"{name} is a whole number: {number:g} was changed to {int(number)}."
    return int(number), note


def corrected_choice(value, previous, allowed: Collection, name: str) -> tuple[Any, str]:
    """Return ``value`` if it is allowed, else ``previous`` and a sentence."""
    if value in list(allowed):  # a list also answers to what has no hash
        return value, ""
    known = ", ".join(str(choice) for choice in allowed)
    return previous, f"{name} can be {known}; {value!r} was ignored."
