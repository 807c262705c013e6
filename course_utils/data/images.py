"""Grey-scale images and what they show, as tensors: from tensors, NumPy arrays or lists."""

from __future__ import annotations

import math
from dataclasses import dataclass

from torch import Tensor

from course_utils.data.arrays import as_images
from course_utils.data.labels import as_labels

SIDE = 28  # pixels
HAIR = 1e-6  # so far beyond 0 or 1 a number that should be a pixel is a rounding error


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
            f"{part} images must be (n, 784) or (n, 28, 28), got {shape}: {_way_to_the_size(shape)}"
        )
    least, most = images.min().item(), images.max().item()
    if not (least >= -HAIR and most <= 1 + HAIR):
        scale = "(images - images.min()) / (images.max() - images.min())"
        wish = f"try {scale}" if math.isfinite(least) else "look at torch.isfinite(images)"
        raise ValueError(
            f"{part} images must hold pixels in [0, 1], got {least:.4g} to {most:.4g}: {wish}"
        )
    labels = as_labels(labels, len(images), f"{part} labels")
    return images.flatten(1).clamp(0, 1).contiguous(), labels


def _way_to_the_size(shape: tuple[int, ...]) -> str:
    """Say what makes (n, 28, 28) of images, arrays or tensors, of another shape."""
    if 0 in shape:
        return "there are none"
    if shape in ((SIDE**2,), (SIDE, SIDE)):
        return "try images[None], for one image"
    if len(shape) == 4 and shape[3] == 1:
        return "try images.squeeze(-1)"
    if len(shape) == 4 and shape[1] in (3, 4):
        return "try images.mean(1), which is grey"
    if len(shape) == 4 and shape[3] in (3, 4):
        return "try images.mean(-1), which is grey"
    if len(shape) == 3 or len(shape) == 4 and shape[1] == 1:
        add = "[:, None]" if len(shape) == 3 else ""
        return (
            f"try torch.nn.functional.interpolate(torch.as_tensor(images){add}, (28, 28), "
            'mode="bilinear", antialias=True)'
        )
    return "try images.reshape(n, rows, columns) first"
