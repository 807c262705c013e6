"""The explorers: sliders, a picture that follows them, and the verdict in words.

Every slider has a typed twin; everything can be reached with the keyboard; the verdict is text.
Where no kernel runs (GitHub, nbviewer, nbconvert) the picture of the last state is shown instead.
"""

from __future__ import annotations

import base64
import html
import math
from dataclasses import replace

import ipywidgets as w
import torch

from course_utils.explorer_figure import ExplorerFigure
from course_utils.networks import ACTIVATIONS
from course_utils.signal_path import DISTRIBUTIONS, INPUTS, MAX_DEPTH, Setting, SignalPath
from course_utils.verdict import verdict

STEPS_PER_DECADE = 50
STD_STEPS = (-150, 25)
"""The std slider counts fiftieths of a power of ten, 10**-3 to 10**0.5. (They are whole numbers
because ipywidgets' float sliders round in the browser and send the rounded value back.)"""

WIDTHS = (64, 128, 256, 512)
JUMPS = {
    "Zero": lambda width: 0.0,
    "Xavier": lambda width: math.sqrt(2 / (width + width)),
    "He": lambda width: math.sqrt(2 / width),
    "LeCun": lambda width: math.sqrt(1 / width),
    "PyTorch default": lambda width: math.sqrt(1 / (3 * width)),
}
"""Button → the std that the scheme gives to a layer of ``width`` inputs and ``width`` units."""


class ActivationExplorer(w.VBox):
    """Move std and depth; see every layer's activations and gradients follow, and theory with them.

    Parameters
    ----------
    images
        Real input images ``(n_images, n_pixels)``, pixels in [0, 1]; 256 of them are plenty.
    seed
        Of the weights. The same draw is rescaled as the sliders move.
    **setting
        The state at the start: fields of :class:`course_utils.signal_path.Setting`.

    Examples
    --------
    >>> explorer = ActivationExplorer(data.train_images[:256], std=0.05, depth=20)
    >>> explorer.set(activation="relu")
    >>> print(explorer.readout())
    """

    def __init__(self, images: torch.Tensor, *, seed: int = 0, **setting) -> None:
        self.path = SignalPath(images, seed=seed)
        self.drawing = ExplorerFigure(panels=self.path.panels, bins=self.path.bins)
        self.setting = Setting()
        self._busy = False
        self._build_controls()
        super().__init__(self._layout())
        self.add_class("activation-explorer")
        self.layout.max_width = "1000px"
        self.set(**setting)

    # ------------------------------------------------------------------ the programmatic way

    def set(self, **changes) -> None:
        """Change fields of the setting as the controls do; the impossible is corrected in words.

        Parameters
        ----------
        **changes
            Fields of :class:`course_utils.signal_path.Setting`.

        Raises
        ------
        TypeError
            If a field does not exist.
        """
        previous, notes = self.setting, []
        for name, value in changes.items():
            if not hasattr(previous, name):
                known = ", ".join(vars(previous))
                raise TypeError(f"the explorer has no control {name!r}: it has {known}")
            changes[name], note = _corrected(name, value, getattr(previous, name))
            notes += [note] if note else []
        self.setting = replace(previous, **changes)
        self._show_controls()
        self.correction.value = _text(" ".join(notes), "explorer-correction", "#B00020")
        self._draw()

    def readout(self) -> str:
        """State std, depth and what is left of signal and gradient, in two significant digits."""
        m, s = self.measurement, self.setting
        return (
            f"{s.depth} {s.activation} layers, std {s.std:.3g}: "
            f"signal {m.signal[0]:.2g} at layer 1, {m.signal[-1]:.2g} at layer {s.depth}; "
            f"gradient {m.gradient[-1]:.2g} at layer {s.depth}, {m.gradient[0]:.2g} at layer 1"
        )

    # ------------------------------------------------------------------ controls

    def _build_controls(self) -> None:
        label = {"description_width": "70px"}
        low, high = STD_STEPS
        self.std_slider = w.IntSlider(
            value=0, min=low, max=high, description="std", readout=False, style=label
        )
        self.std_text = w.FloatText(value=0.05, step=0.01, description="std =", style=label)
        self.depth_slider = w.IntSlider(
            value=10, min=1, max=MAX_DEPTH, description="depth", readout=False, style=label
        )
        self.depth_text = w.IntText(value=10, description="depth =", style=label)
        self.choices = {
            name: w.Dropdown(options=options, description=text, style=label)
            for name, text, options in (
                ("activation", "activation", list(ACTIVATIONS)),
                ("distribution", "weights", list(DISTRIBUTIONS)),
                ("width", "width", list(WIDTHS)),
                ("source", "input", list(INPUTS)),
            )
        }
        self.buttons = [w.Button(description=name, tooltip=f"std of {name}") for name in JUMPS]
        self.correction, self.words = w.HTML(), w.HTML()
        self.picture = w.Image(format="png")
        self._connect()

    def _connect(self) -> None:
        sources = {
            "std": (self.std_text,),
            "depth": (self.depth_slider, self.depth_text),
            **{name: (box,) for name, box in self.choices.items()},
        }
        for name, boxes in sources.items():
            for box in boxes:
                box.observe(lambda change, name=name: self._moved(name, change["new"]), "value")
        self.std_slider.observe(
            lambda change: self._moved("std", 10 ** (change["new"] / STEPS_PER_DECADE)), "value"
        )
        for button in self.buttons:
            button.on_click(lambda b: self.set(std=JUMPS[b.description](self.setting.width)))

    def _layout(self) -> list[w.Widget]:
        for slider, text in (
            (self.std_slider, self.std_text),
            (self.depth_slider, self.depth_text),
        ):
            slider.layout.width, text.layout.width = "260px", "150px"
        for box in self.choices.values():
            box.layout.width = "200px"
        for button in self.buttons:
            button.layout.width = "auto"
        self.picture.layout.width = "100%"
        for child, name in (
            (self.std_slider, "std-slider"),
            (self.std_text, "std-text"),
            (self.depth_slider, "depth-slider"),
            (self.depth_text, "depth-text"),
            (self.picture, "picture"),
        ):
            child.add_class(f"explorer-{name}")
        rows = [
            [
                w.HBox([self.std_slider, self.std_text]),
                w.HBox([self.depth_slider, self.depth_text]),
            ],
            [*self.choices.values()],
            [w.Label("Jump to the std of"), *self.buttons],
        ]
        wrap = w.Layout(flex_flow="row wrap")
        return [
            *(w.HBox(row, layout=wrap) for row in rows),
            self.correction,
            self.words,
            self.picture,
        ]

    def _moved(self, name: str, value) -> None:
        if not self._busy:
            self.set(**{name: value})

    def _show_controls(self) -> None:
        """Write the setting into all controls without their answering."""
        self._busy = True
        try:
            s = self.setting
            self.std_slider.value = _nearest_step(s.std)
            self.std_text.value = float(f"{s.std:.4g}")
            self.depth_slider.value = self.depth_text.value = s.depth
            for name, box in self.choices.items():
                box.value = getattr(s, name)
        finally:
            self._busy = False

    # ------------------------------------------------------------------ picture and words

    def _draw(self) -> None:
        self.measurement = self.path.measure(self.setting)
        m = self.measurement
        self.verdict = verdict(m.signal, m.gradient, m.contrast)
        self.picture.value = self.drawing.png(m)
        self.words.value = _text(self.verdict, "explorer-verdict", "inherit")

    def _repr_mimebundle_(self, **kwargs):
        """Add the current picture and a sentence to the live view, for readers without a kernel."""
        bundle = super()._repr_mimebundle_(**kwargs) or {}
        data, metadata = bundle if isinstance(bundle, tuple) else (bundle, {})
        picture = base64.b64encode(bytes(self.picture.value)).decode()
        text = f"ActivationExplorer: {self.readout()}. {self.verdict}"
        metadata = {**metadata, "image/png": {"width": 1000}}
        return {**data, "image/png": picture, "text/plain": text}, metadata


def _nearest_step(std: float) -> int:
    """Return the place on the std slider that is nearest to ``std``."""
    low, high = STD_STEPS
    step = round(STEPS_PER_DECADE * math.log10(std)) if std > 0 else low
    return min(max(step, low), high)


def _corrected(name: str, value, previous) -> tuple:
    """Return a value that the explorer can show, and a sentence if that is not what was asked."""
    if name == "std":
        return _corrected_number(value, previous, 0.0, 10.0, "std")
    if name == "depth":
        number, note = _corrected_number(value, previous, 1, MAX_DEPTH, "depth")
        if number != int(number):
            note = f"depth is a whole number: {number:g} was changed to {int(number)}."
        return int(number), note
    allowed = {
        "activation": ACTIVATIONS,
        "distribution": DISTRIBUTIONS,
        "width": WIDTHS,
        "source": INPUTS,
    }[name]
    if value in allowed:
        return value, ""
    known = ", ".join(str(choice) for choice in allowed)
    return previous, f"{name} can be {known}; {value!r} was ignored."


def _corrected_number(value, previous, low, high, name: str) -> tuple:
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


def _text(words: str, css_class: str, color: str) -> str:
    style = f"color:{color}; font-size:110%; line-height:1.4"
    return f'<div class="{css_class}" role="status" style="{style}">{html.escape(words)}</div>'
