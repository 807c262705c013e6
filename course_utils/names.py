"""Names as PyTorch and Keras write them, and what they are called here.

>>> called_here("HeNormal", ["he_normal", "zero"])
"'HeNormal' is called 'he_normal' here"
"""

from __future__ import annotations

import re
from collections.abc import Collection

_ELSEWHERE = {
    "batchnorm": "batch",
    "batchnorm1d": "batch",
    "identity": "linear",
    "layernorm": "layer",
    "logistic": "sigmoid",
    "ones": "constant",
    "randomnormal": "normal",
    "randomuniform": "uniform",
    "swish": "silu",
    "zeros": "zero",
}
"""Letters of a name elsewhere → those of the name here."""

_AUTHORS = {"kaiming": "he", "msra": "he", "glorot": "xavier"}


def meant(given: object, known: Collection[str]) -> list[str]:
    """Return those of ``known`` that a name of elsewhere may mean; a function or class has its own.

    Capitals, blanks, hyphens and underscores do not count. The first word of a name means all that
    begin with it: "Glorot" is xavier_normal or xavier_uniform.
    """
    letters = _letters(name_of(given))
    letters = _ELSEWHERE.get(letters, letters)
    for author, here in _AUTHORS.items():
        letters = letters.replace(author, here)
    equal = [name for name in known if _letters(name) == letters]
    return equal or [name for name in known if name.partition("_")[0] == letters]


def called_here(given: object, known: Collection[str]) -> str:
    """Return a sentence that says which of ``known`` is meant, or "" if none is."""
    names = meant(given, known)
    shown = repr(given) if isinstance(given, str) else name_of(given)
    return f"{shown} is called {' or '.join(map(repr, names))} here" if names else ""


def which(given: object, known: Collection[str]) -> str:
    """Say which of ``known`` is meant, or else which there are: the end of an error's sentence."""
    return called_here(given, known) or f"choose one of {', '.join(known)}"


def name_of(given: object) -> str:
    """Return a text itself, the name of a function or class, or that of the class of a thing."""
    return given if isinstance(given, str) else getattr(given, "__name__", type(given).__name__)


def _letters(name: str) -> str:
    return re.sub(r"[\W_]", "", name.lower())
