"""Grey-scale images and what they show, as tensors: from tensors, NumPy arrays or lists."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

SIDE, CLASSES = 28, 10  # pixels of an image's side; classes that the networks of the course tell


@dataclass(frozen=True, eq=False, repr=False)
class ImageData:
    """Grey-scale images and what they show; one row an image of 28×28 pixels (`shapeset`: 32×32).

    Attributes
    ----------
    train_images, test_images : Tensor, shape (n, 784), float32
        Pixels row by row; 0 is background, 1 is full ink.
    train_labels, test_labels : Tensor, shape (n,), int64
        The class, from 0: of MNIST the digit.
    name : str
        ``"MNIST"``, ``"digits"``, or what another data set is called.
    """

    train_images: Tensor
    train_labels: Tensor
    test_images: Tensor
    test_labels: Tensor
    name: str

    @property
    def is_mnist(self) -> bool:
        """Whether these are MNIST's images: not the embedded digits, nor another data set."""
        return self.name == "MNIST"

    @property
    def is_foreign(self) -> bool:
        """Whether the course was not written for these images: neither MNIST nor the digits."""
        return self.name not in ("MNIST", "digits")

    def __repr__(self) -> str:
        """Return one line that says which images these are, and how many."""
        train, test = len(self.train_images), len(self.test_images)
        side = math.isqrt(self.train_images.shape[1])
        size = f"{side}×{side} pixels in [0, 1]"
        return f"{self.name}: {train:,} training and {test:,} test images of {size}"


def image_data(train: tuple, test: tuple, name: str) -> ImageData:
    """Return images of your own as the course takes them.

    >>> data = image_data((x_train / 255, y_train), (x_test / 255, y_test), "my digits")

    Parameters
    ----------
    train, test
        Pairs of images, (n, 784), (n, 28, 28) or (n, 1, 28, 28) with pixels in [0, 1], and labels,
        (n,) whole numbers from 0 to 9: tensors, NumPy arrays or lists.
    name
        What the images are called, other than ``"MNIST"`` and ``"digits"``.

    Raises
    ------
    TypeError, ValueError
        If a part is missing, has another shape, or holds other numbers; the message says which.
    """
    if name in ("MNIST", "digits"):
        raise ValueError(f'name must not be {name!r}, which the course knows: try "my images"')
    pairs = {"train": train, "test": test}
    for part, pair in pairs.items():
        if not isinstance(pair, tuple | list) or len(pair) != 2:
            kind = type(pair).__name__
            raise TypeError(f"{part} must be a pair (images, labels), got {kind}")
    parts = [_checked(*pair, part) for part, pair in pairs.items()]
    return ImageData(*parts[0], *parts[1], name)


def _checked(images: object, labels: object, part: str) -> tuple[Tensor, Tensor]:
    """Return images (n, 784) and labels (n,) of one part, or say what is wrong with them."""
    images = as_images(images, f"{part} images")
    shape = tuple(images.shape)
    if shape[1:] not in ((SIDE**2,), (SIDE, SIDE), (1, SIDE, SIDE)) or not len(images):
        raise ValueError(
            f"{part} images must be (n, 784) or (n, 28, 28), got {shape}: "
            "try torchvision.transforms.v2.functional.resize(images, [28, 28])"
        )
    least, most = images.min().item(), images.max().item()
    if not (least >= 0 and most <= 1):
        raise ValueError(
            f"{part} images must hold pixels in [0, 1], got {least:.4g} to {most:.4g}: "
            "try (images - images.min()) / (images.max() - images.min())"
        )
    labels = as_images(labels, f"{part} labels", torch.float64, whole=True)
    if labels.shape != images.shape[:1]:
        raise ValueError(
            f"{part} labels must be ({len(images)},), one an image, got {tuple(labels.shape)}"
        )
    if not torch.isin(labels, torch.arange(CLASSES, dtype=labels.dtype)).all():
        least, most = labels.min().item(), labels.max().item()
        raise ValueError(
            f"{part} labels must be whole numbers from 0 to 9, got {least:g} to {most:g}: "
            "choose ten classes and count them from 0"
        )
    return images.flatten(1).contiguous(), labels.long()


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
        If the pixels are whole numbers above 1, as files hold them: 0 to 255.
    """
    if not isinstance(images, Tensor):
        try:
            images = torch.from_numpy(_as_array(images))
        except (TypeError, ValueError) as error:
            kind, advice = type(images).__name__, conversion(images, name)
            raise TypeError(f"{name} must be a tensor of numbers, got {kind}: {advice}") from error
    if images.is_complex():
        raise TypeError(f"{name} must be real numbers, got {images.dtype}")
    if not (whole or images.is_floating_point()) and images.numel():
        most = int(images.double().max())
        if most > 1:
            raise ValueError(f"{name} must hold pixels in [0, 1], got up to {most}: divide by 255")
    return images.to(dtype)


def conversion(given: object, name: str) -> str:
    """Say how to make a tensor of what is none, for a message."""
    code = name if name.isidentifier() else "x"
    for method in ("to_numpy", "toarray"):  # pandas, polars; the sparse matrices of SciPy
        if hasattr(given, method):
            return f"try torch.as_tensor({code}.{method}())"
    if isinstance(given, np.ndarray | list | tuple):
        return f"try torch.as_tensor({code}), with numbers in rows of equal length"
    return "try the tensors of course_utils.load_mnist()"


def _as_array(given: object) -> np.ndarray:
    """Return a copy of numbers in the machine's own byte order; TypeError if they are none."""
    if not isinstance(given, np.ndarray | list | tuple):
        raise TypeError("neither an array nor lists")
    array = np.asarray(given)
    if array.dtype.kind not in "biufc":
        raise TypeError("no numbers")
    return array.astype(array.dtype.newbyteorder("="), order="C", copy=True)
