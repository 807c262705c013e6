"""The verdict: words for what signal and gradient do along depth, halve, double, vanish."""

from __future__ import annotations

import math

import numpy as np


def verdict(
    signal: np.ndarray, gradient: np.ndarray, contrast: float = 1.0, saturated: float = 0.0
) -> str:
    """Say in words what the signal does on its way up, and the gradient on its way down.

    Parameters
    ----------
    signal
        Std of the activations, layer 1 first, ``(depth,)``.
    gradient
        Std of the gradients, layer 1 first, ``(depth,)``.
    contrast
        Share of the last layer's std that comes from the inputs being different, 0 to 1.
    saturated
        Share of the last layer's activations at the flat ends of their curve, 0 to 1.
    """
    if not np.any(signal):
        return "Every activation is the same number: no signal passes and nothing can be learned."
    up = _travel("signal", np.asarray(signal, dtype=float), "after", "on")
    arrives = signal[-1] > 0 and np.isfinite(signal[-1])
    if not np.any(gradient):
        up = "The signal gets through, but no" if arrives else f"{up} No"
        return f"{up} gradient comes back: nothing can be learned."
    if len(signal) == 1:
        return "One layer: nothing is passed on yet. Make it deeper."
    down = _travel("gradient", np.asarray(gradient, dtype=float)[::-1], "going down", "down")
    but = "But"
    if saturated > 0.25 and arrives:
        up += f" {but} {_share(saturated)} of the last layer's activations are saturated."
        but = "And"
    if contrast < 0.1 and arrives:
        up += f" {but} all inputs look alike there: of the last layer's std only {_share(contrast)}"
        up += " tells them apart."
    return f"{up} {down}"


def _travel(name: str, values: np.ndarray, when: str, onward: str) -> str:
    """One sentence on ``values``, listed in the order in which signal or gradient travels."""
    lost = ~np.isfinite(values) | (values == 0)
    if lost.any():
        step = int(lost.argmax())
        layer = step + 1 if onward == "on" else len(values) - step
        fate = "vanishes" if values[step] == 0 else "explodes"
        size = "small" if values[step] == 0 else "large"
        return f"The {name} {fate}: from layer {layer} {onward} it is too {size} for float32."
    steps = len(values) - 1
    decades = float(np.log10(values[-1]) - np.log10(values[0]))  # of 10, from first to last
    left = f"{when} {len(values)} layers {amount(decades)}"
    return f"The {name} {_pace(decades, steps)}: {left}."


def _pace(decades: float, steps: int) -> str:
    shrinks = decades < 0
    if abs(decades) <= math.log10(2):
        return "keeps its size"
    layers = math.log10(2) * steps / abs(decades)  # for a factor of two
    if layers > 1.05:
        return f"{'halves' if shrinks else 'doubles'} about every {layers:.2g} layers"
    if layers > 0.95:
        return f"{'halves' if shrinks else 'doubles'} at about every layer"
    factor = _number(abs(decades) / steps)
    return f"{'shrinks' if shrinks else 'grows'} {factor}-fold at every layer"


def _share(part: float) -> str:
    return f"{100 * part:.0f} %" if part >= 0.01 else "less than 1 %"


def amount(decades: float) -> str:
    """Say how much is left of 1 after ``decades`` powers of ten: ``"5 % is left"``."""
    if abs(decades) < math.log10(1.05):
        return "about as much is left"
    if decades > 0:
        return f"it is {_number(decades)} times as large"
    if decades >= -2:
        return f"{100 * 10**decades:.0f} % is left"
    return f"one part in {_number(-decades)} is left"


def plainly(value: float) -> str:
    """Write a number in two digits, without a power of ten where it is read well: 570, 34,000."""
    return f"{float(f'{value:.2g}'):,.12g}"


def _number(decades: float) -> str:
    if decades < 5.99:
        return f"{float(f'{10**decades:.2g}'):,.12g}"
    first_digit, power = f"{10 ** (decades % 1):.0f}", math.floor(decades)
    if first_digit == "10":
        first_digit, power = "1", power + 1
    ten = "10" + "".join("⁰¹²³⁴⁵⁶⁷⁸⁹"[int(digit)] for digit in str(power))
    return ten if first_digit == "1" else f"{first_digit} · {ten}"
