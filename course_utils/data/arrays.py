"""What people have, as tensors: arrays, lists, tensors; in words how to convert anything else."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor


def as_images(
    images: object,
    name: str = "images",
    dtype: torch.dtype = torch.float32,
    *,
    whole: bool = False,
) -> Tensor:
    """Return images, shape (n, …), as a tensor of ``dtype``: of a tensor, a NumPy array or lists.

    Nothing is rescaled: pixels belong into [0, 1]. ``name`` is what errors call the images;
    ``whole`` allows whole numbers above 1, for labels.

    Raises
    ------
    TypeError
        For anything else, pandas and sparse matrices among them; the message says how to convert.
    ValueError
        If the pixels are whole numbers up to more than 1, of whatever type, as files hold them:
        0 to 255.
    """
    if not isinstance(images, Tensor):
        try:
            images = torch.from_numpy(_as_array(images))
        except (TypeError, ValueError) as error:
            kind, advice = type(images).__name__, conversion(images, name)
            raise TypeError(f"{name} must be a tensor of numbers, got {kind}: {advice}") from error
    if images.is_complex():
        raise TypeError(f"{name} must be real numbers, got {images.dtype}")
    if images.layout != torch.strided:
        raise TypeError(
            f"{name} must be a dense tensor, got {images.layout}: try {name.split()[-1]}.to_dense()"
        )
    if not whole and (most := bytes_up_to(images)) > 1:
        scale = greatest_pixel(most)
        raise ValueError(f"{name} must hold pixels in [0, 1], got up to {most}: divide by {scale}")
    return images.to(dtype)


def bytes_up_to(images: Tensor) -> int:
    """Return the greatest value if all are whole numbers from 0, as in files; else 0."""
    if not images.numel() or images.is_complex() or images.dtype == torch.bool:
        return 0
    floats = images.detach() if images.is_floating_point() else images.double()
    least, most = (x.item() for x in floats.aminmax())
    if not 0 <= least <= most < math.inf or most <= 1:  # nan is none of these
        return 0
    whole = bool((floats - floats.round()).abs().max() < 1e-3)
    return round(most) if whole else 0


def greatest_pixel(most: int) -> int:
    """Return the greatest value that a pixel can have where ``most`` is the greatest of some.

    Bytes hold up to 255, 16 bits up to 65535; scikit-learn's digits have 16.
    """
    return next((scale for scale in (16, 255, 65535) if scale / 4 < most <= scale), most)


def conversion(given: object, name: str) -> str:
    """Say how to make a tensor of what is none, for a message."""
    code = name if name.isidentifier() else name.split()[-1] if name.split() else "x"
    for method in ("to_numpy", "toarray"):  # pandas, polars; the sparse matrices of SciPy
        if hasattr(given, method):
            given, code = _array_of(given, method), f"{code}.{method}()"
            break
    else:
        if not isinstance(given, np.ndarray | list | tuple):
            if not hasattr(given, "__array_interface__"):  # which Pillow's images have
                return "try the tensors of course_utils.load_mnist()"
            code = f"numpy.asarray({code})"
        given = _array_of(given)
    if given is None:
        return f"try torch.as_tensor({code}), with numbers in rows of equal length"
    if given.dtype.kind not in "OSUT":
        return f"try torch.as_tensor({code})"
    kind = "int" if name.endswith("labels") else "float"
    if _is_number(given):
        return f"try torch.as_tensor(numpy.asarray({code}).astype({kind}))"
    if name.endswith("labels"):
        return f"try torch.as_tensor(numpy.unique({code}, return_inverse=True)[1])"
    return f"try torch.as_tensor({code}), with numbers in rows of equal length"


def _array_of(given: object, method: str = "") -> np.ndarray | None:
    """Return an array of what is none; None if there is no way."""
    try:
        return getattr(given, method)() if method else np.asarray(given)
    except (TypeError, ValueError):
        return None


def _is_number(words: np.ndarray) -> bool:
    """Whether all of some words are numbers, as text."""
    try:
        words.astype(float)
    except (TypeError, ValueError):
        return False
    return True


def _as_array(given: object) -> np.ndarray:
    """Return a copy of numbers in the machine's own byte order; TypeError if they are none."""
    if not isinstance(given, np.ndarray | list | tuple):
        raise TypeError("neither an array nor lists")
    if not isinstance(given, np.ndarray):
        given = [x.detach().cpu() if isinstance(x, Tensor) else x for x in given]
    array = np.asarray(given)
    if array.dtype.kind not in "biufc":
        raise TypeError("no numbers")
    return array.astype(array.dtype.newbyteorder("="), order="C", copy=True)
