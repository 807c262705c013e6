"""Shapeset-3×2: pictures of one or two shapes out of three, to be named wherever they lie.

The data set of Glorot & Bengio (2010), Section 2.1, "Understanding the difficulty of training deep
feedforward neural networks": no handwriting, as many images as one likes, and hard for a dense
network, which has to learn every position, size, angle and grey for itself.

>>> data = shapeset(10_000, 2_000, seed=0)
>>> data.train_images.shape, CLASSES[data.train_labels[0]]
"""

from __future__ import annotations

import math
from itertools import combinations_with_replacement
from numbers import Integral

import torch
from torch import Tensor

from course_utils.data.images import ImageData
from course_utils.generators import seeded

SIDE = 32
"""Pixels of a side."""

SHAPES = ("triangle", "parallelogram", "ellipse")
_CORNERS = (3, 4, math.inf)

CLASSES = tuple([(shape,) for shape in SHAPES] + [*combinations_with_replacement(SHAPES, 2)])
"""What a label means: three classes of one shape, six of two."""

RADII = (0.1, 0.4)
"""Least and greatest half-axis of a shape, in sides of the picture."""

LEAST_AREA, MOST_HIDDEN = 25, 0.5
"""Pixels of the smallest shape; share of either shape that the other may cover."""


def shapeset(n_train: int = 10_000, n_test: int = 2_000, seed: int = 0) -> ImageData:
    """Draw images of one or two triangles, parallelograms and ellipses, and their classes.

    A picture has one or two shapes, equally often; each is one of the three, equally often. So the
    classes are not: a network that always says one shape's name is right once in six. A shape is an
    equilateral triangle, a square or a disk, stretched along two axes, turned, and put where it is
    wholly in the picture. Each shape has a grey of its own in [0.55, 1] on a background in
    [0, 0.45], or, in every other picture, the other way round. The second lies over the first; at
    most half of either is covered.

    Parameters
    ----------
    n_train, n_test
        How many images, 1 or more.
    seed
        Fixes all of them. The training images are drawn first: more test images leave them.

    Returns
    -------
    ImageData
        Images (n, 1024), pixels in [0, 1]; labels are places in `CLASSES`, 0 to 8.

    Raises
    ------
    ValueError
        If a number is impossible.
    """
    for name, n in {"n_train": n_train, "n_test": n_test}.items():
        if isinstance(n, bool) or not isinstance(n, Integral) or n < 1:
            raise ValueError(f"{name} must be a whole number of at least 1, got {n!r}")
    generator = seeded(seed)
    with torch.device("cpu"):  # whatever a learner's default device is
        return ImageData(*_draw(n_train, generator), *_draw(n_test, generator), "Shapeset-3×2")


def _draw(n: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Return ``n`` images (n, 1024) and their classes (n,)."""
    kinds = torch.randint(3, (2, n), generator=generator)
    two = torch.rand(n, generator=generator) < 0.5
    pairs = torch.tensor([[3, 4, 5], [4, 6, 7], [5, 7, 8]])  # places in CLASSES
    labels = torch.where(two, pairs[kinds[0], kinds[1]], kinds[0])
    images = torch.cat(
        [
            _pictures(k, t, generator)
            for k, t in zip(kinds.split(1000, 1), two.split(1000), strict=True)
        ]
    )
    return images, labels


def _pictures(kinds: Tensor, two: Tensor, generator: torch.Generator) -> Tensor:
    """Draw pictures (n, 1024) of the first of ``kinds`` (2, n), or of both where ``two`` (n,)."""
    n = len(two)
    first, second = torch.zeros(2, n, SIDE**2, dtype=torch.bool)
    open_ = torch.arange(n)
    while len(open_):  # place again the shapes of which too little is seen
        first[open_] = _masks(kinds[0, open_], generator)
        second[open_] = _masks(kinds[1, open_], generator) & two[open_, None]
        open_ = open_[~_seen(first[open_], second[open_], two[open_])]
    greys = torch.rand(3, n, 1, generator=generator)
    picture = 0.45 * greys[0].expand(n, SIDE**2)
    for mask, grey in ((first, greys[1]), (second, greys[2])):
        picture = torch.where(mask, 0.55 + 0.45 * grey, picture)
    inverted = torch.rand(n, 1, generator=generator) < 0.5
    return torch.where(inverted, 1 - picture, picture)


def _seen(first: Tensor, second: Tensor, two: Tensor) -> Tensor:
    """Return in which pictures (n,) the shapes, bool (n, 1024), are neither tiny nor hidden."""
    areas = torch.stack([first.sum(1), second.sum(1)])
    tiny = areas < LEAST_AREA
    tiny[1] &= two
    hidden = (first & second).sum(1) > MOST_HIDDEN * areas
    return ~(tiny | hidden).any(0)


def _masks(kinds: Tensor, generator: torch.Generator) -> Tensor:
    """Return which pixels of the picture lie in a shape of each kind: bool (n, pixels)."""
    n = len(kinds)
    turn, angle = (math.tau * torch.rand(n, generator=generator) for _ in range(2))
    low, high = RADII
    axes = SIDE * (low + (high - low) * torch.rand(n, 2, generator=generator))
    matrix = _rotation(turn) @ torch.diag_embed(axes) @ _rotation(angle)  # of the regular shape
    corners = torch.stack([_support(matrix, kinds, sign * e) for sign in (-1, 1) for e in _UNITS])
    left, right = corners[:2].T, SIDE - corners[2:].T  # where the centre can be
    centre = left + (right - left) * torch.rand(n, 2, generator=generator)
    grid = torch.arange(SIDE) + 0.5
    pixels = torch.cartesian_prod(grid, grid)  # (pixels, 2)
    offset = pixels.T - centre[:, :, None]  # (n, 2, pixels)
    regular = torch.linalg.inv(matrix) @ offset  # as the regular shape, of circumradius 1, sees it
    inside = regular.square().sum(1) <= 1
    for kind, count in enumerate(_CORNERS[:2]):
        sides = math.tau * (torch.arange(count) + 0.5) / count
        normals = torch.stack([sides.cos(), sides.sin()], dim=1)  # (count, 2)
        chosen = kinds == kind
        inside[chosen] = (normals @ regular[chosen] <= math.cos(math.pi / count)).all(1)
    return inside


_UNITS = torch.eye(2)


def _rotation(angle: Tensor) -> Tensor:
    cos, sin = angle.cos(), angle.sin()
    return torch.stack([torch.stack([cos, -sin], -1), torch.stack([sin, cos], -1)], -2)


def _support(matrix: Tensor, kinds: Tensor, direction: Tensor) -> Tensor:
    """Return how far each shape reaches from its centre in a direction: (n,), in pixels."""
    pulled = direction @ matrix  # (n, 2): the direction as the regular shape sees it
    reach = pulled.norm(dim=1)
    for kind, count in enumerate(_CORNERS[:2]):
        at = math.tau * torch.arange(count) / count
        corners = torch.stack([at.cos(), at.sin()])  # (2, count)
        reach = torch.where(kinds == kind, (pulled @ corners).amax(1), reach)
    return reach
