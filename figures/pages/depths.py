"""Measurements at several depths: what does not depend on the depth is stored once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pages.numbers import pack_words, quantize, to_text

CURVES = ("signal", "predicted_signal", "gradient", "predicted_gradient")


@dataclass(frozen=True)
class Depths:
    """What one setting looks like at all depths of a page.

    A deeper stack begins with the layers of the shallower one, so the signal is that of the
    deepest; the gradient comes from the top, so it is another for each depth.

    Attributes
    ----------
    signal, predicted_signal
        Sizes in the deepest stack, ``(levels,)``.
    gradient, predicted_gradient
        Sizes at each depth, those of one depth behind those of another.
    words
        The verdict on each depth.
    """

    signal: np.ndarray
    predicted_signal: np.ndarray
    gradient: np.ndarray
    predicted_gradient: np.ndarray
    words: list[str]


def gathered(measurements: Sequence, say) -> Depths:
    """Gather measurements of one setting, the shallowest first; ``say`` puts each in words."""
    deepest = measurements[-1]
    return Depths(
        signal=deepest.signal,
        predicted_signal=deepest.predicted_signal,
        gradient=np.concatenate([m.gradient for m in measurements]),
        predicted_gradient=np.concatenate([m.predicted_gradient for m in measurements]),
        words=[say(m) for m in measurements],
    )


def pack_depths(states: Sequence[Depths]) -> dict:
    """Turn all states into what a page holds: arrays as base64, and the words."""
    packed = {
        name: to_text(quantize(np.stack([getattr(state, name) for state in states])))
        for name in CURVES
    }
    return packed | pack_words([words for state in states for words in state.words])
