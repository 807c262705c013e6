"""Numbers and words as text: 16 bits a number, and sentences in pieces that many share."""

from __future__ import annotations

import base64
import itertools
import re
from collections.abc import Sequence

import numpy as np

LOW, HIGH, NAN, INFINITE = -47.0, 47.0, 65534, 65535
"""A std is stored as 16 bits: 0 is 0, the last two codes are nan and ∞, and those between are even
steps of its logarithm, from 10**LOW to 10**HIGH. (``page.js`` knows them too.)"""


def quantize(values: np.ndarray) -> np.ndarray:
    """Store values, 0 or more, as 16-bit codes that show the same two significant digits."""
    values = np.asarray(values, dtype=float)
    with np.errstate(divide="ignore"):
        places = (np.log10(values) - LOW) / (HIGH - LOW)  # 0 to 1
    codes = 1 + np.nan_to_num(np.clip(places, 0, 1) * (NAN - 2)).round().astype(int)
    inside = (places > 0) & (places < 1)
    for i in np.flatnonzero(inside):  # a neighbouring code, where rounding changes a digit
        near = (codes.flat[i] + shift for shift in (0, 1, -1, 2, -2))
        shown = f"{values.flat[i]:.2g}"
        codes.flat[i] = next(code for code in near if f"{unquantize(code):.2g}" == shown)
    codes[values == 0], codes[np.isnan(values)], codes[np.isposinf(values)] = 0, NAN, INFINITE
    return codes.astype("<u2")


def unquantize(codes: np.ndarray) -> np.ndarray:
    """Return the values that codes stand for."""
    codes = np.asarray(codes)
    values = 10 ** (LOW + (HIGH - LOW) * (codes - 1.0) / (NAN - 2))
    special = [codes == 0, codes == NAN, codes == INFINITE]
    return np.select(special, [0.0, np.nan, np.inf], values)


def rounded(value: float) -> float:
    """Return a value in ten digits: processors may differ in the seventeenth."""
    return float(f"{value:.10g}")


def pack_words(sentences: Sequence[str]) -> dict:
    """Return ``pieces``, each once, and ``spoken``: which of them make each sentence.

    ``words`` is the number of pieces a sentence; the shorter ones end with empty ones.
    """
    cut = [re.split(r"(?<=[.:]) ", sentence) for sentence in sentences]
    most = max(map(len, cut))
    cut = [pieces + [""] * (most - len(pieces)) for pieces in cut]
    known = list(dict.fromkeys(itertools.chain(*cut)))
    place = {piece: i for i, piece in enumerate(known)}
    spoken = np.array([[place[piece] for piece in pieces] for pieces in cut], "<u2")
    return {"pieces": known, "spoken": to_text(spoken), "words": most}


def unpack_words(packed: dict) -> list[str]:
    """Return the sentences again."""
    spoken = np.frombuffer(base64.b64decode(packed["spoken"]), "<u2").reshape(-1, packed["words"])
    return [" ".join(packed["pieces"][i] for i in row).rstrip() for row in spoken]


def to_text(array: np.ndarray) -> str:
    """Return an array's bytes in base64."""
    return base64.b64encode(np.ascontiguousarray(array).tobytes()).decode()
