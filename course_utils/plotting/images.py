"""Many small pictures as one grid: filters, reconstructions, dreams, all with one look."""

from __future__ import annotations

import math
from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from course_utils.plotting.numbers import as_numbers, largest

GAP, TITLE = 0.08, 0.3
"""Room between two tiles, and for a line of titles, as shares of a tile's side."""


def image_grid(
    images,
    ax: Axes | None = None,
    *,
    columns: int = 10,
    titles: Sequence[str] = (),
    symmetric: bool = False,
    limit: float | None = None,
    scale: str = "",
    title: str = "",
) -> Axes:
    """Draw images as tiles, row by row: pixels as dark ink on white, weights in red and blue.

    Parameters
    ----------
    images
        ``(n, side * side)`` or ``(n, side, side)``, an array or a tensor. Values in [0, 1] are
        shown as white to black; what lies outside is cut.
    ax
        Where to draw; a new figure, at most 8 inches wide, by default.
    columns
        Tiles per row.
    titles
        One short title per image, or none.
    symmetric
        For values of both signs, as the weights of a filter: blue below 0, white at 0, red above,
        and the same scale for all tiles.
    limit
        The value of the strongest red or black; by default the largest magnitude of all images
        (``symmetric``), or 1. Give it where several grids are to be compared.
    scale
        What the colours measure (``"weight"``): draws a colour bar with this label.
    title
        Title of the whole.

    Raises
    ------
    ValueError
        If the images are not square, their number is 0, none has a finite number, the titles are
        not as many, or ``columns`` or ``limit`` is not positive.
    """
    tiles = square_images(images)  # (n, side, side)
    _check(tiles, columns, titles, "titles")
    columns = min(columns, len(tiles))
    if limit is None:
        limit = largest(tiles, "images") if symmetric else 1.0
    limit = float(limit)
    if not 0 < limit < math.inf:
        raise ValueError(f"limit must be a positive finite number, got {limit}")
    low, colors = (-limit, "RdBu_r") if symmetric else (0.0, "gray_r")
    step_x, step_y = 1 + GAP, 1 + GAP + (TITLE if len(titles) else 0.0)
    rows = -(-len(tiles) // columns)
    ax = ax or _new_axes(columns * step_x, rows * step_y)
    for i, tile in enumerate(tiles):
        x, y = (i % columns) * step_x, (i // columns) * step_y
        shown = ax.imshow(tile, cmap=colors, vmin=low, vmax=limit, extent=(x, x + 1, y + 1, y))
        ax.add_patch(Rectangle((x, y), 1, 1, fill=False, ec="0.75", lw=0.6))
        if len(titles):
            ax.text(x + 0.5, y - 0.04, titles[i], ha="center", va="bottom", fontsize="small")
    above = step_y - 1
    ax.set(xlim=(-GAP, columns * step_x), ylim=(rows * step_y - above + GAP, -above))
    ax.set(aspect="equal", title=title)
    ax.axis("off")
    if scale:
        ax.figure.colorbar(shown, ax=ax, shrink=0.8, aspect=25, pad=0.02, label=scale)
    return ax


def square_images(images) -> np.ndarray:
    """Return images ``(n, side * side)`` or ``(n, side, side)`` as an array ``(n, side, side)``.

    Torch's ``(n, 1, side, side)`` will do as well.

    Raises
    ------
    TypeError
        If they are no numbers.
    ValueError
        If there is no image, the images are not square, or no number is finite.
    """
    array = as_numbers(images, "images")
    if array.ndim == 4 and array.shape[1] == 1:
        array = array[:, 0]
    if array.ndim not in (2, 3):
        raise ValueError(
            f"images must be (n, side * side) or (n, side, side), got the shape {array.shape}; "
            "for one image write image[None]"
        )
    side = math.isqrt(array[0].size)
    if side * side != array[0].size or (array.ndim == 3 and array.shape[1] != array.shape[2]):
        raise ValueError(
            f"images must be square, got the shape {array.shape}: "
            f"{array[0].size} values are no side * side; MNIST has 784 = 28 * 28"
            if array.ndim == 2
            else f"images must be square, got the shape {array.shape}"
        )
    largest(array, "images")  # raises if nothing is finite
    return array.reshape(-1, side, side)


def _check(tiles: np.ndarray, columns: int, names: Sequence[str], called: str) -> None:
    if columns < 1:
        raise ValueError(f"columns must be 1 or more, got {columns}")
    if len(names) not in (0, len(tiles)):
        raise ValueError(f"{len(tiles)} images need as many {called} or none, got {len(names)}")


def _new_axes(width: float, height: float) -> Axes:
    """Make a figure for a grid of this many tiles, each 0.95 inches or what 8 inches allow."""
    inches = min(0.95, 8 / width)
    return plt.subplots(figsize=(inches * width, inches * height + 0.35))[1]


def images(pictures: np.ndarray, *, names: Sequence[str] = (), columns: int = 10) -> Figure:
    """Show square grey pictures in a grid, dark ink on white.

    Parameters
    ----------
    pictures
        ``(n, side * side)`` or ``(n, side, side)``, an array or a tensor, pixels in [0, 1].
    names
        One short title per picture, or none.
    columns
        Pictures per row.

    Raises
    ------
    ValueError
        As of `image_grid`; or for whole numbers up to more than 1, as files hold them.
    """
    pictures = square_images(pictures)  # (n, side, side)
    most = np.nanmax(pictures)
    if most > 1 and np.array_equal(pictures, np.round(pictures)):
        wish = "divide by 255, or by what else a pixel can be at most"
        raise ValueError(f"pictures must hold pixels in [0, 1], got up to {most:g}: {wish}")
    _check(pictures, columns, names, "names")
    rows = -(-len(pictures) // columns)
    size = (0.95 * columns, (1.2 if len(names) else 0.95) * rows)
    figure, axes = plt.subplots(rows, columns, figsize=size, squeeze=False)
    for ax in axes.flat:
        ax.axis("off")
    for ax, picture in zip(axes.flat, pictures, strict=False):
        ax.imshow(picture, cmap="gray_r", vmin=0, vmax=1)
    for ax, name in zip(axes.flat, names, strict=False):
        ax.set_title(name, fontsize="small", fontweight="normal")
    return figure
