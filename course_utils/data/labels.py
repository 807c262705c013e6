"""Labels: the class of each image, 0, 1, …, and what to type where they are something else."""

from __future__ import annotations

import torch
from torch import Tensor

from course_utils.data.arrays import as_images

CLASSES = 10  # so many the networks of the course tell apart


def as_labels(labels: object, n: int, name: str = "labels", classes: int = CLASSES) -> Tensor:
    """Return labels (n,) of so many ``classes`` as torch.int64: of a tensor, an array or a list.

    ``name`` is what errors call them.

    Raises
    ------
    TypeError, ValueError
        If they are something else; the message says what to try.
    """
    read = as_images(labels, name, torch.float64, whole=True)
    if read.shape != (n,):
        code = "labels" if hasattr(labels, "argmax") else "numpy.asarray(labels)"  # of a list
        whole = read.long() if torch.equal(read, read.round()) else read
        tried = way_to_classes(whole, code) if read.ndim == 2 and len(read) == n else ""
        raise ValueError(f"{name} must be ({n},), one an image, got {tuple(read.shape)}{tried}")
    if missing := int(read.isnan().sum()):
        raise ValueError(f"{name} hold {missing} nan: leave out the images without a class")
    if not torch.isin(read, torch.arange(classes, dtype=read.dtype)).all():
        least, most = read.min().item(), read.max().item()
        raise ValueError(
            f"{name} must be whole numbers from 0 to {classes - 1}, got {least:g} to {most:g}: "
            f"choose {classes} classes and count them from 0"
        )
    return read.long()


def is_one_hot(labels: Tensor) -> bool:
    """Whether labels (n, classes) hold a single 1 in each row, and 0 besides; as floats too."""
    if labels.ndim != 2 or labels.shape[1] < 2 or labels.is_complex():
        return False
    numbers = labels.double()
    return bool(((numbers == 0) | (numbers == 1)).all() and (numbers.sum(1) == 1).all())


def way_to_classes(labels: Tensor, code: str = "labels") -> str:
    """Say after a colon what makes classes (n,) of such labels; "" if nothing is known that does.

    Known are a column (n, 1), one-hot rows and probabilities (n, classes), other kinds of numbers,
    and classes that are counted from elsewhere than 0. ``code`` is what one types for the labels.
    """
    if labels.layout != torch.strided:
        return f": try {code}.to_dense()"
    if labels.is_complex() or labels.ndim not in (1, 2):
        return ""
    given, numbers = code, labels.double()
    if not numbers.isfinite().all():
        return ", some nan or inf: leave out the images without a class"
    if labels.ndim == 2 and labels.shape[1] > 1:
        sums = numbers.sum(1)
        if not (
            bool((numbers >= 0).all()) and torch.allclose(sums, torch.ones_like(sums), atol=1e-2)
        ):
            return ""
        return f": try {code}{'.int()' if labels.dtype == torch.bool else ''}.argmax(1)"
    if labels.ndim == 2:
        code += ".flatten()"
    if not torch.equal(numbers, numbers.round()):
        return ", which are no whole numbers: count the classes from 0"
    least = numbers.min().item() if labels.numel() else 0
    if least < 0:
        return f", the least {least:g}: count the classes from 0"
    code += "" if labels.dtype == torch.int64 else ".long()"
    return f": try {code}" if code != given else ""
