"""The diagrams of the course: each function draws one, in the course's notation and colours.

Blue is what runs forward, orange what runs back or learns. ``python figures/draw.py`` stores them
all as pictures for slides. First come the diagrams, then what they are made of: units, edges,
arrows, boxes and words on an empty sheet, whose coordinates are inches. The look is Matplotlib's
own, with the letters that come with it, so a diagram is the same whatever style the notebook has.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Iterable

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection, PatchCollection
from matplotlib.figure import Figure
from matplotlib.patches import Circle, FancyBboxPatch, Rectangle

from course_utils.plotting.style import BACKWARD, FORWARD, THEORY

STYLE = ["default", {"font.family": "DejaVu Sans", "mathtext.fontset": "dejavusans"}]
"""For ``plt.style.context``: the style of every diagram."""

DPI = 100
FAINT, PALE = "0.82", "0.93"
"""Greys of the edges that are not meant, and of what is in the background."""

RADIUS = 0.21
"""Of a unit, in inches."""

Point = tuple[float, float]

FIXED = "0.55"
"""Grey of what does not learn."""


def diagram(draw: Callable) -> Callable:
    """Let a function draw in the look of all diagrams, whatever style the notebook has set."""

    @functools.wraps(draw)
    def drawn(*args, **options):
        plt.draw_if_interactive()  # opens the backend: inside, the context would close it again
        with plt.style.context(STYLE):
            return draw(*args, **options)

    return drawn


@diagram
def restricted_boltzmann_machine() -> Figure:
    """Draw two layers, every connection between them and none inside, the way up and down."""
    ax = sheet(9, 3.7)
    visible = [(2.4 + 0.84 * i, 0.95) for i in range(6)]
    hidden = [(3 + j, 2.6) for j in range(4)]
    edges(ax, visible, hidden)
    edges(ax, visible[1:2], hidden[1:2], color=THEORY, lw=2.4)
    for i, place in enumerate(visible):
        unit(ax, place, "$v_i$" if i == 1 else "")
    for j, place in enumerate(hidden):
        unit(ax, place, "$h_j$" if j == 1 else "", fill=FORWARD, edge=FORWARD)
    middle = tuple((a + b) / 2 for a, b in zip(visible[1], hidden[1], strict=True))
    say(ax, middle, "$W_{ji}$", backgroundcolor="white")
    say(ax, (3.6, 3.3), "hidden units $h$, each with a bias $c_j$", 13)
    say(ax, (4.5, 0.3), "visible units $v$: the pixels, each with a bias $b_i$", 13)
    say(ax, (7.2, 3.3), "×  no connection inside a layer", 11)
    _missing(ax, hidden[2:], -0.4)
    _missing(ax, visible[4:], 0.5)
    arrow(ax, (1, 0.95), (1, 2.6), THEORY, lw=2.6)
    say(ax, (1, 2.85), "encode $x$ → $y$")
    say(ax, (1, 0.7), r"$y=\mathrm{sig}(Wx+c)$")
    arrow(ax, (8, 2.6), (8, 0.95), THEORY, lw=2.6)
    say(ax, (8, 2.85), "decode $y$ → $x′$")
    say(ax, (8, 0.7), r"$x′=\mathrm{sig}(W^\mathrm{T}y+b)$")
    return ax.figure


def _missing(ax: Axes, pair: list[Point], bend: float) -> None:
    """Mark a connection that a restricted machine does not have."""
    look = {"connectionstyle": f"arc3,rad={bend}", "linestyle": ":", "lw": 1.6}
    arrow(ax, *pair, FIXED, style="-", gap=RADIUS, **look)
    (x0, y), (x1, _) = pair
    say(ax, ((x0 + x1) / 2, y - bend * (x1 - x0) / 2), "×", 16)


# ---------------------------------------------------------------------- deep belief network


@diagram
def deep_belief_network() -> Figure:
    """Draw the greedy steps from left to right, then the network to be fine-tuned."""
    ax = sheet(9, 4.4)
    for step in range(1, 6):
        left = 0.08 + 1.79 * (step - 1)
        greedy_step(ax.figure.add_axes((left / 9, 0.95 / 4.4, 1.7 / 9, 3.4 / 4.4)), step)
        say(ax, (left + 0.73, 0.78), f"greedy step {step}" if step < 5 else "fine-tuning", 12)
    for left, right, words in (
        (0.1, 6.75, "without labels: one RBM after the other; what it learned stays fixed"),
        (7.0, 8.95, "with labels: all\nweights learn"),
    ):
        ax.plot([left, right], [0.55, 0.55], color=THEORY, lw=1.2)
        say(ax, ((left + right) / 2, 0.28), words, 11)
    arrow(ax, (6.87, 1.12), (7.3, 1.12), THEORY)
    say(ax, (7.08, 1.3), "unroll", 11)
    arrow(ax, (0.4, 3.9), (1.0, 3.9), BACKWARD, style="<|-|>")
    say(ax, (1.15, 3.9), "an RBM learns its weights, up and down", 11, ha="left")
    arrow(ax, (0.4, 3.55), (1.0, 3.55), FIXED)
    say(ax, (1.15, 3.55), "fixed: hands the data up", 11, ha="left")
    return ax.figure


def greedy_step(ax: Axes, step: int, *, size: float = 11) -> None:
    """Draw one greedy step on ``ax``: its RBM in orange, in grey what is fixed.

    Parameters
    ----------
    ax
        Where to draw; its limits are set and its axis hidden.
    step
        1 to 4: the RBM that learns; 5 is fine-tuning, where all weights learn.
    size
        Of the letters, in points.
    """
    for level in range(step + 1):
        learns = level >= step - 1 or step == 5
        color = BACKWARD if learns else FIXED
        name = "$x$" if level == 0 else f"$h_{level}$" if level < 5 else "10 digits"
        fill = "#FBE9DD" if learns else PALE
        box(ax, (0, level + 0.18), (1, 0.36), name, color, fill, size=size)
        if level < step:
            style = "<|-|>" if learns and step < 5 else "-|>"
            arrow(ax, (-0.2, level + 0.36), (-0.2, level + 1), color, style=style, gap=0.02)
            words = f"$W_{level + 1}$ {'learns' if learns else 'fixed'}"
            say(ax, (-0.08, level + 0.68), words, size, color=color, ha="left")
    ax.set(xlim=(-0.6, 0.8), ylim=(-0.1, 5.5))
    ax.axis("off")


# ---------------------------------------------------------------------- fans


@diagram
def fans_of_linear() -> Figure:
    """Draw the edges into one unit and out of one input, and where they stand in the matrix."""
    ax = sheet(9, 4.5)
    say(ax, (2.25, 4.2), "fan_in: the edges into one unit", 13, weight="bold")
    say(ax, (6.8, 4.2), "fan_out: the edges out of one input", 13, weight="bold")
    _linear_fan(ax, 0.1, forward=True)
    _linear_fan(ax, 4.7, forward=False)
    say(ax, (2.25, 0.95), r"$z_i=\sum_{j=1}^{n_\mathrm{in}}\,w_{ij}\,h_j$", color=FORWARD)
    gradient = r"$\partial L/\partial h_j=\sum_{i=1}^{n_\mathrm{out}}\,w_{ij}\,\delta_i$"
    say(ax, (6.8, 0.95), gradient, color=BACKWARD)
    up = r"$\mathrm{Var}(z)=n_\mathrm{in}\,\mathrm{Var}(W)\;\mathrm{E}[h^2]$"
    say(ax, (2.25, 0.32), up, 13, color=FORWARD)
    down = (
        up.replace("(z)", r"(\partial L/\partial h)")
        .replace("in}", "out}")
        .replace("h^2", r"\delta^2")
    )
    say(ax, (6.8, 0.32), down, 13, color=BACKWARD)
    return ax.figure


def _linear_fan(ax: Axes, left: float, *, forward: bool) -> None:
    """Draw five inputs and three units; forward the edges of one unit, else of one input."""
    color, i, j = (FORWARD if forward else BACKWARD), 1, 3
    inputs = [(left + 0.7, 3.65 - 0.5 * k) for k in range(5)]
    units = [(left + 2.3, 3.4 - 0.75 * k) for k in range(3)]
    edges(ax, inputs, units)
    pairs = [(start, units[i]) for start in inputs] if forward else [(u, inputs[j]) for u in units]
    for start, end in pairs:
        arrow(ax, start, end, color, gap=RADIUS)
    for k, place in enumerate(inputs):
        unit(ax, place, f"$h_{k + 1}$", edge=color if forward or k == j else THEORY)
    for k, place in enumerate(units):
        name = f"$z_{k + 1}$" if forward else rf"$\delta_{k + 1}$"
        unit(ax, place, name, edge=color if not forward or k == i else THEORY)
    if not forward:
        say(ax, (left + 0.12, inputs[j][1]), r"$\partial L/\partial h_4$", 11, color=color)
    chosen = [(i, k) for k in range(5)] if forward else [(k, j) for k in range(3)]
    cells(ax, (left + 3.0, 3.0), (3, 5), 0.2, dict.fromkeys(chosen, color))
    say(ax, (left + 3.5, 3.2), "$W$, shape (3, 5)", 11)
    words = r"row 2: $n_\mathrm{in}=5$" if forward else r"column 4: $n_\mathrm{out}=3$"
    say(ax, (left + 3.5, 2.2), words, 11, color=color)


@diagram
def fans_of_conv() -> Figure:
    """Draw what one output of a convolution adds up, and which outputs one input pixel serves."""
    ax = sheet(9, 4.8)
    say(ax, (2.2, 4.55), "fan_in: what one output adds up", 13, weight="bold")
    say(ax, (6.8, 4.55), "fan_out: which outputs one input serves", 13, weight="bold")
    n_in = r"$n_\mathrm{in}=\mathrm{in}\cdot k^2=2\cdot 3^2=18$"
    n_out = r"$n_\mathrm{out}=\mathrm{out}\cdot k^2=3\cdot 3^2=27$"
    say(ax, (2.2, 4.2), n_in, 13, color=FORWARD)
    say(ax, (6.8, 4.2), n_out, 13, color=BACKWARD)
    _conv_fan(ax, 0.0, forward=True)
    _conv_fan(ax, 4.6, forward=False)
    return ax.figure


def _conv_fan(ax: Axes, left: float, *, forward: bool) -> None:
    """Draw 2 maps in and 3 maps out; forward the window of one output, else of one input."""
    color, side = (FORWARD if forward else BACKWARD), 0.2
    window, centre = [(row, column) for row in (1, 2, 3) for column in (1, 2, 3)], [(2, 2)]
    inputs = [(left + 0.5, 3.3 - 1.2 * k) for k in range(2)]
    outputs = [(left + 2.8, 3.9 - 1.1 * k) for k in range(3)]
    one = outputs[1] if forward else inputs[0]
    for corner in inputs + outputs:
        wide = corner in (inputs if forward else outputs)
        meant = window if wide else centre if corner == one else []
        cells(ax, corner, (5, 5), side, dict.fromkeys(meant, color))
    for x, y in inputs if forward else outputs:
        if forward:  # from the window's right side to the left side of one cell
            arrow(
                ax, (x + 4 * side, y - 2.5 * side), (one[0] + 2 * side, one[1] - 2.5 * side), color
            )
        else:
            arrow(ax, (x + side, y - 2.5 * side), (one[0] + 3 * side, one[1] - 2.5 * side), color)
    names = ("$h$", "$z$") if forward else (r"$\partial L/\partial h$", r"$\delta$")
    say(ax, (left + 1.0, 0.85), f"{names[0]}: in = 2 channels")
    say(ax, (left + 3.3, 0.4), f"{names[1]}: out = 3 channels")


# ---------------------------------------------------------------------- rhythm of variance


@diagram
def rhythm_of_variance() -> Figure:
    """Draw what a layer does to the mean squares, both ways, and what five ReLU layers do."""
    ax = sheet(9, 5.6)
    places = [(0.9, 4.75), (4.35, 4.75), (8.1, 4.75)]
    for place, name in zip(places, (r"$h_{\ell-1}$", r"$z_\ell$", r"$h_\ell$"), strict=True):
        box(ax, place, (0.8, 0.5), name, THEORY, size=14)
    words = (
        ("weights: × fan_in · σ²", "× fan_out · σ²"),
        ("φ: × E[φ(z)²] / E[z²],  ReLU: × ½", "slope: × E[φ′(z)²],  ReLU: × ½"),
    )
    for (x0, y), (x1, _), (up, down) in zip(places, places[1:], words, strict=False):
        arrow(ax, (x0 + 0.45, y + 0.1), (x1 - 0.45, y + 0.1), FORWARD, lw=2.4)
        arrow(ax, (x1 - 0.45, y - 0.1), (x0 + 0.45, y - 0.1), BACKWARD, lw=2.4)
        say(ax, ((x0 + x1) / 2, y + 0.36), up, 11, color=FORWARD)
        say(ax, ((x0 + x1) / 2, y - 0.36), down, 11, color=BACKWARD)
    say(ax, (4.5, 5.42), "what one layer does to the mean squares", 13, weight="bold")
    say(ax, (4.5, 3.9), "the same in five ReLU layers with fan_in = fan_out", 13, weight="bold")
    titles = ("too small", "steady", "too large")
    for column, (factor, title) in enumerate(zip((1, 2, 4), titles, strict=True)):
        up, down = np.cumprod([1] + [factor, 0.5] * 5), np.cumprod([1] + [0.5, factor] * 5)[::-1]
        top, bottom = (_panel(ax.figure, column, y) for y in (2.2, 0.6))
        top.set_title(f"σ² = {factor} / fan_in: {title}", fontsize=12)
        _zigzag(top, up, FORWARD, (0.05, 0.2))
        _zigzag(bottom, down, BACKWARD, (0.95, 0.8))
        bottom.set_xlabel("layer", fontsize=11)
    say(ax, (0.27, 2.85), "signal at ● $h$  ○ $z$", 11, color=FORWARD, rotation=90)
    say(ax, (0.27, 1.2), "gradient at ● $h$  ○ $z$", 11, color=BACKWARD, rotation=90)
    return ax.figure


def _panel(figure: Figure, column: int, bottom: float) -> Axes:
    """Open a small log axis for five layers, in a column from 0 to 2."""
    width, height = figure.get_size_inches()
    box = ((0.85 + 2.8 * column) / width, bottom / height, 2.4 / width, 1.3 / height)
    ax = figure.add_axes(box, yscale="log", ylim=(2**-7, 2**7), xlim=(-0.5, 10.5))
    ax.axhline(1, color=FIXED, lw=1, zorder=1)
    ax.set_xticks(range(1, 11, 2), range(1, 6))
    ax.set_yticks([1 / 32, 1, 32], ["1/32", "1", "32"] if column == 0 else [])
    ax.minorticks_off()
    ax.spines[["top", "right"]].set_visible(False)
    return ax


def _zigzag(ax: Axes, values: np.ndarray, color: str, direction: tuple[float, float]) -> None:
    """Draw values at h, z, h, z, …, h; an arrow says in which direction they run."""
    ax.plot(values, color=color, lw=1.6)
    ax.plot(values, "o", color=color, ms=6)
    ax.plot(range(1, 11, 2), values[1::2], "o", color=color, mfc="white", ms=6)
    start, end = ((x, 0.9) for x in direction)
    look = {"arrowstyle": "-|>", "color": color, "lw": 2.0, "mutation_scale": 14}
    ax.annotate("", end, start, xycoords="axes fraction", arrowprops=look)


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
