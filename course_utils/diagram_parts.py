"""What the diagrams are made of: units, edges, arrows, boxes and words on an empty sheet.

All coordinates are inches on the sheet. The look is Matplotlib's own, with the letters that come
with it, so a diagram is the same whatever style the notebook has set.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Iterable

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection, PatchCollection
from matplotlib.patches import Circle, FancyBboxPatch, Rectangle

from course_utils.plotting import THEORY

LOOK = ["default", {"font.family": "DejaVu Sans", "mathtext.fontset": "dejavusans"}]
"""For ``plt.style.context``: the style of every diagram."""

DPI = 100
FAINT, PALE = "0.82", "0.93"
"""Greys of the edges that are not meant, and of what is in the background."""

RADIUS = 0.21
"""Of a unit, in inches."""

Point = tuple[float, float]


def diagram(draw: Callable) -> Callable:
    """Let a function draw in the look of all diagrams, whatever style the notebook has set."""

    @functools.wraps(draw)
    def drawn(*args, **options):
        plt.draw_if_interactive()  # opens the backend: inside, the context would close it again
        with plt.style.context(LOOK):
            return draw(*args, **options)

    return drawn


def sheet(width: float, height: float) -> Axes:
    """Open an empty figure of this size, in inches, whose coordinates are inches too."""
    figure = plt.figure(figsize=(width, height), dpi=DPI)
    ax = figure.add_axes((0, 0, 1, 1), xlim=(0, width), ylim=(0, height))
    ax.axis("off")
    return ax


def say(ax: Axes, place: Point, words: str, size: float = 12, **look) -> None:
    """Write words, centred at a place."""
    look = {"ha": "center", "va": "center", "color": THEORY, "linespacing": 1.35, **look}
    ax.text(*place, words, fontsize=size, zorder=6, **look)


def unit(ax: Axes, place: Point, name: str = "", fill: str = "white", edge: str = THEORY) -> None:
    """Draw a unit as a circle with its name inside, white on a dark ``fill``."""
    ax.add_patch(Circle(place, RADIUS, fc=fill, ec=edge, lw=1.6, zorder=4))
    say(ax, place, name, color=THEORY if fill in ("white", PALE) else "white")


def edges(ax: Axes, starts: Iterable[Point], ends: Iterable[Point], color=FAINT, lw=1.0) -> None:
    """Connect every start with every end, under all units."""
    pairs = list(itertools.product(starts, ends))
    ax.add_collection(LineCollection(pairs, color=color, lw=lw, zorder=2))


def arrow(ax: Axes, start: Point, end: Point, color: str, *, style="-|>", gap=0.0, **look) -> None:
    """Draw an arrow that keeps ``gap`` inches away from both ends."""
    look = {"lw": 2.0, "mutation_scale": 14, **look}
    look |= {"arrowstyle": style, "color": color, "shrinkA": 72 * gap, "shrinkB": 72 * gap}
    ax.annotate("", end, start, arrowprops=look, zorder=5)


def box(
    ax: Axes, centre: Point, extent: Point, name: str, color: str, fill="white", **look
) -> None:
    """Draw a box with rounded corners and its name inside."""
    (x, y), (width, height) = centre, extent
    corner, rounding = (x - width / 2, y - height / 2), "round,pad=0,rounding_size=0.06"
    patch = FancyBboxPatch(corner, width, height, rounding, fc=fill, ec=color, lw=1.8, zorder=4)
    ax.add_patch(patch)
    say(ax, centre, name, **look)


def cells(ax: Axes, corner: Point, shape: tuple[int, int], side: float, colors: dict) -> None:
    """Draw a grid of ``shape`` (rows, columns) down from its upper left corner.

    ``colors`` holds the colour of each cell (row, column) that is not white.
    """
    x, y = corner
    places = [(row, column) for row in range(shape[0]) for column in range(shape[1])]
    squares = [Rectangle((x + side * c, y - side * (r + 1)), side, side) for r, c in places]
    fills = [colors.get(place, "white") for place in places]
    ax.add_collection(PatchCollection(squares, fc=fills, ec="0.6", lw=0.8, zorder=4))
