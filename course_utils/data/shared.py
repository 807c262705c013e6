"""One copy of the pixels for all kernels of a machine: a file in the cache, mapped into memory."""

from __future__ import annotations

import hashlib
import math
import os
import tempfile
from contextlib import suppress
from pathlib import Path

import numpy as np
import platformdirs
import torch
from torch import Tensor

FOLDER = "pixels"
FEW = 1000
"""Images of which each kernel may have a copy of its own."""
ROWS = 2000
"""Images that are compared at a time: what that takes stays small."""


def pixels(raw: np.ndarray, beside: Path) -> Tensor:
    """Return images of bytes as pixels in [0, 1], on memory that all kernels share.

    They lie in the user's cache as they lie in memory, under the sum of their bytes, and are mapped
    from there: ten kernels hold them once. Who changes them changes a copy of their own. A file
    that differs from ``raw`` is written again; where none can be written, this kernel has the
    pixels for itself. For many users of one machine a copy of the cache's folder ``pixels`` beside
    the data serves all; it is only read.

    Parameters
    ----------
    raw : numpy.ndarray, shape (n, rows, columns), uint8
        0 is background, 255 full ink.
    beside
        The folder that holds the folder of the raw files.

    Returns
    -------
    Tensor, shape (n, rows · columns), float32
    """
    raw = np.ascontiguousarray(raw).reshape(len(raw), math.prod(raw.shape[1:]))
    if len(raw) < FEW:
        return torch.from_numpy(_floats(raw))
    name = f"{hashlib.md5(raw, usedforsecurity=False).hexdigest()}.npy"
    path = platformdirs.user_cache_path("course_utils") / FOLDER / name
    held = _mapped(beside / FOLDER / name, raw)
    held = _mapped(path, raw) if held is None else held
    if held is None:
        held = _floats(raw)
        with suppress(OSError):
            _write(path, held)
            mapped = _mapped(path, raw)
            held = held if mapped is None else mapped
    return torch.from_numpy(held)


def _floats(raw: np.ndarray) -> np.ndarray:
    return raw.astype(np.float32) / np.float32(255)


def _mapped(path: Path, raw: np.ndarray) -> np.ndarray | None:
    """Return what a file holds, without reading it into memory; None if it is not these pixels."""
    try:
        held = np.lib.format.open_memmap(path, mode="c")  # "c": changes stay in this kernel
    except Exception:  # not there, or damaged: NumPy has a dozen kinds of error for that
        return None
    if (held.shape, held.dtype) != (raw.shape, np.float32):
        return None
    rows = (slice(start, start + ROWS) for start in range(0, len(raw), ROWS))
    same = all(np.array_equal(held[part], _floats(raw[part])) for part in rows)
    return held.view(np.ndarray) if same else None


def _write(path: Path, values: np.ndarray) -> None:
    """Write an array whole or not at all; OSError if the disk refuses."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, scratch = tempfile.mkstemp(dir=path.parent, suffix=".part")
    try:
        with os.fdopen(handle, "wb") as file:
            np.save(file, values)
        os.replace(scratch, path)
    except BaseException:
        os.unlink(scratch)
        raise
