"""What all explorers share: a setting that is measured, and all that is shown of it.

The kernel measures; the browser draws (`front_end`). All that a move changes travels as one object,
``shown``, so that boxes, words and picture cannot disagree. Where no kernel runs (GitHub, nbviewer,
nbconvert) a picture of the last state is stored with the cell.
"""

from __future__ import annotations

import base64
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import anywidget
import numpy as np
import traitlets

from course_utils.explorers.controls import Button, Jumps
from course_utils.explorers.front_end import STYLE, script
from course_utils.explorers.values import brief, read_choice, read_number


@dataclass(frozen=True)
class Table:
    """The numbers of a picture, for who cannot see it: one row a layer, say.

    Attributes
    ----------
    caption
        What the numbers are.
    columns
        A head for each column.
    rows
        Cells as text, the first of which names the row.
    """

    caption: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]


@dataclass(frozen=True)
class Look:
    """What one setting looks like.

    Attributes
    ----------
    picture
        What ``picture.js`` of this explorer draws, by :func:`plain`.
    verdict
        In words.
    alt
        What is to be seen, for who does not see it.
    table
        The numbers of the picture.
    measurement
        What was measured, if anything was.
    """

    picture: dict
    verdict: str
    alt: str
    table: Table | None = None
    measurement: Any = None


class Explorer(anywidget.AnyWidget):
    """Controls over the picture of one setting, and the verdict in words.

    A subclass says what its controls are (``_rows``), which values it can show (``_corrected``),
    what it measures and says of them (``_look``), how it is drawn without a kernel
    (``_still``), and its state in one line (``readout``). A move reads and measures before it
    shows anything, and one that fails leaves no trace.

    Parameters
    ----------
    setting
        A frozen dataclass: its fields are what :meth:`set` takes and what the controls show.
    label
        What a screen reader calls the whole.

    Attributes
    ----------
    setting
        What the controls say.
    measurement
        What was measured of it; None where nothing is.
    verdict
        The words under the picture.
    correction
        What was not taken as it was asked, in words; empty if all was.
    shown
        All that the browser shows: the values of the controls, words, numbers, picture.
    """

    folder = ""
    """Where ``picture.js`` lies."""

    prefix = ""
    """Of the CSS classes of the parts, as in ``"explorer-picture"``."""

    _css = STYLE
    spec = traitlets.Dict().tag(sync=True)
    shown = traitlets.Dict().tag(sync=True)

    def __init_subclass__(cls, **options) -> None:
        """Give the class its script: the picture's and all explorers' own."""
        if "folder" in vars(cls):
            cls._esm = script(cls.folder)
        super().__init_subclass__(**options)

    def __init__(self, setting: Any, label: str) -> None:
        self.setting, self.measurement, self.verdict, self.correction = setting, None, "", ""
        self._look_shown: Look | None = None
        rows = self._rows()
        self.controls = {
            control.name: control
            for row in rows
            for control in row
            if not isinstance(control, Jumps)
        }
        self.jumps = {c.name: c for row in rows for c in row if isinstance(c, Jumps)}
        rows = [[control.spec for control in row] for row in rows]
        spec = {"prefix": self.prefix, "label": label, "rows": rows, "fixed": self._fixed()}
        super().__init__(spec=plain(spec))
        self.on_msg(lambda _, content, buffers: self._asked(content))

    # ------------------------------------------------------------------ for a subclass to say

    def _rows(self) -> list[list]:
        """Return the controls, in rows."""
        raise NotImplementedError

    def _fixed(self) -> dict:
        """Return what the picture needs and no move changes; it travels once."""
        return {}

    def _corrected(self, name: str, value, previous) -> tuple:
        """Return a value that can be shown, and a sentence if that is not what was asked."""
        raise NotImplementedError

    def _look(self, setting: Any) -> Look:
        """Measure a setting, and say what it looks like; nothing of this explorer is changed."""
        raise NotImplementedError

    def _still(self) -> bytes:
        """Draw what is shown as PNG bytes, for readers without a kernel."""
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
            Fields of the setting: numbers (also those of NumPy and torch, or as text), choices,
            and names of buttons that jump, as in ``set(std="He")``.

        Raises
        ------
        TypeError
            If a field does not exist.
        """
        self._change(changes)

    def _change(self, changes: Mapping, answer: str = "") -> None:
        before = self._state()
        try:
            setting, notes = self._read(changes)
            look = self._look_shown
            if look is None or setting != self.setting:
                look = self._look(setting)
            self._store(setting, look, notes)
            self._publish(answer)
        except BaseException:
            self._restore(before)
            raise

    def _store(self, setting: Any, look: Look, correction: str) -> None:
        self.setting, self._look_shown, self.correction = setting, look, correction
        self.measurement, self.verdict = look.measurement, look.verdict

    def _state(self) -> tuple:
        return self.setting, self._look_shown, self.measurement, self.verdict, self.correction

    def _restore(self, state: tuple) -> None:
        self.setting, self._look_shown, self.measurement, self.verdict, self.correction = state
        if self._look_shown is not None:
            self._publish()

    def _read(self, changes: Mapping) -> tuple[Any, str]:
        """Return the setting with its changes, and what had to be corrected, in words."""
        fields, values, notes = vars(self.setting), {}, []
        for name in changes:
            if name not in fields:
                known = ", ".join(fields)
                raise TypeError(f"the explorer has no control {brief(name)}: it has {known}")
        pressed = {name: self._button(name, value) for name, value in changes.items()}
        for name in sorted(changes, key=lambda name: bool(pressed[name])):  # the buttons last
            value = changes[name]
            if pressed[name]:
                jump = self.jumps[name]
                value = jump.values[pressed[name]](values.get(jump.of, fields[jump.of]))
            values[name], note = self._corrected(name, value, fields[name])
            notes += [note + self._buttons_in_words(name, value)] if note else []
        return replace(self.setting, **values), " ".join(notes)

    def _button(self, name: str, value) -> str | None:
        """Return the button that jumps whose name was given for a number, None if it is none."""
        is_text = name in self.jumps and isinstance(value, str)
        return read_choice(value, self.jumps[name].values) if is_text else None

    def _buttons_in_words(self, name: str, value) -> str:
        """Say which buttons jump, where a word was given for a number."""
        is_word = name in self.jumps and isinstance(value, str) and math.isnan(read_number(value))
        if not is_word:
            return ""
        return f" {name} can also be the name of a button: {', '.join(self.jumps[name].values)}."

    # ------------------------------------------------------------------ what the browser asks

    def _asked(self, content: dict) -> None:
        """Answer a request of the browser; it waits for an answer, whatever happens."""
        answer = content.get("request", "")
        try:
            self._try(content, answer)
        finally:
            if self.shown.get("answer") != answer:
                self._publish(answer)

    def _try(self, content: dict, answer: str) -> None:
        try:
            if "press" in content:
                self._press(content["press"])
            else:
                moves = content.get("set", {}).items()
                self._change(dict(self._moved(name, *move) for name, move in moves), answer)
        except BaseException as error:
            self.correction = f"That failed: {brief(error)}."
            self._publish(answer)
            raise

    def _moved(self, name: str, how: str, value) -> tuple[str, Any]:
        """Return the field that a move in the browser changes, and the value that it means."""
        return name, value if how == "jump" else self.controls[name].read(how, value)

    def _press(self, name: str) -> None:
        button = self.controls.get(name)
        if isinstance(button, Button):
            button.action()

    def _publish(self, answer: str = "") -> None:
        """Hand all that is shown to the browser, at once; what was answered last stays told."""
        look, answer = self._look_shown, answer or self.shown.get("answer", "")
        table = None if look.table is None else vars(look.table)
        words = {"correction": self.correction, "verdict": look.verdict, "alt": look.alt}
        self.shown = plain(
            {"answer": answer, **self._controls_shown(), **words, "table": table}
            | {"picture": look.picture}
        )

    def _controls_shown(self) -> dict:
        """Return what the controls show: by kind of text, then by control."""
        shown: dict[str, dict] = {"values": {}, "places": {}, "spoken": {}, "jumped": {}}
        for name, control in self.controls.items():
            if hasattr(self.setting, name):
                for what, text in control.shown(getattr(self.setting, name)).items():
                    shown[what][name] = text
        for name, jump in self.jumps.items():
            of, now = getattr(self.setting, jump.of), getattr(self.setting, name)
            shown["jumped"][name] = [key for key, value in jump.values.items() if value(of) == now]
        return shown

    # ------------------------------------------------------------------ without a kernel

    def _repr_mimebundle_(self, **kwargs):
        """Add a picture and a sentence to the live view, for readers without a kernel."""
        bundle = super()._repr_mimebundle_(**kwargs) or {}
        data, metadata = bundle if isinstance(bundle, tuple) else (bundle, {})
        picture = base64.b64encode(self._still()).decode()
        text = f"{type(self).__name__}: {self.readout()}. {self.verdict}"
        metadata = {**metadata, "image/png": {"width": 1000}}
        return {**data, "image/png": picture, "text/plain": text}, metadata


def plain(value: Any) -> Any:
    """Return a value as JSON knows it: arrays as lists, what is not finite as None.

    Bytes become text in base64.
    """
    if isinstance(value, np.ndarray | np.generic):
        return plain(value.tolist())
    if isinstance(value, Mapping):
        return {str(key): plain(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [plain(part) for part in value]
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
