"""A plain stack of 3×3 convolutions over images, with zeros around them: no pooling in between.

>>> convolutional([1, 16, 16, 16, 10])(images).shape  # (batch, 784) → (batch, 10)
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from torch import Tensor, nn

from course_utils.networks.mlp import maker_of

SHRINK = 4
"""The images are averaged over squares of so many pixels first: MNIST's become 7 × 7."""


class Images(nn.Module):
    """Turn rows of pixels into small pictures: (batch, side²) to (batch, 1, side/4, side/4)."""

    def forward(self, images: Tensor) -> Tensor:
        """Average over squares of `SHRINK` × `SHRINK` pixels."""
        side = math.isqrt(images.shape[-1])
        pictures = images.unflatten(-1, (1, side, side))
        return nn.functional.avg_pool2d(pictures, SHRINK)


def convolutional(
    channels: Sequence[int], activation: str | Callable[[], nn.Module] = "relu"
) -> nn.Sequential:
    """Stack 3×3 convolutions with zero padding, then the mean over the pixels and a linear layer.

    Parameters
    ----------
    channels
        Of the image, of each hidden layer, and the number of classes: ``[1, 16, 16, 10]`` has two
        convolutions and three weight layers.
    activation
        After each convolution: a key of `ACTIVATIONS`, or a function that makes a module, as in
        `mlp`.

    Returns
    -------
    torch.nn.Sequential
        Maps (batch, pixels) of square images to (batch, channels[-1]).

    Raises
    ------
    ValueError
        If there is no hidden layer, or the activation is unknown.
    TypeError
        If a function of your own does not make a module, or the activation is itself a module.
    """
    if len(channels) < 3:
        raise ValueError(f"channels needs a hidden layer, got {list(channels)}: try [1, 16, 10]")
    make = maker_of(activation)
    layers: list[nn.Module] = [Images()]
    for fan_in, fan_out in zip(channels[:-2], channels[1:-1], strict=True):
        layers += [nn.Conv2d(fan_in, fan_out, 3, padding=1), make()]
    mean = nn.AdaptiveAvgPool2d(1), nn.Flatten(-3)
    return nn.Sequential(*layers, *mean, nn.Linear(*channels[-2:]))
