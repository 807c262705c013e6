"""One visual language for the course: the same picture in the same colours for the same thing.

Every function takes numbers (arrays, no networks) and returns the Axes that it drew on. The colours
start from the palette of Okabe and Ito ("Color Universal Design", 2008), made for readers with any
common colour blindness; a test holds them apart as such readers see them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure

FORWARD, BACKWARD, THEORY = "#0072B2", "#D55E00", "#333333"
"""Colours of the activations, of the gradients, and of anything that theory predicts."""

SCHEME_COLORS: dict[str, str] = {
    "zero": "#000000",
    "constant": "#AAAAAA",
    "uniform": "#E69F00",
    "normal": "#D55E00",
    "xavier": "#0072B2",
    "he": "#009E73",
    "lecun": "#56B4E9",
    "orthogonal": "#CC79A7",
    "pytorch_default": "#5B2A86",
    "lsuv": "#A55AFF",
    "batch_norm": "#5A551E",
    "layer_norm": "#2D18F4",
    "looks_linear": "#24CD66",
}
"""Scheme, without ``_normal`` or ``_uniform``, → its colour everywhere in the course."""


def use_course_style() -> None:
    """Set Matplotlib's defaults for the rest of the session: call it once, at a notebook's top."""
    sns.set_theme(style="whitegrid", context="notebook", font_scale=0.95)
    plt.rcParams.update(
        {
            "figure.dpi": 110,
            "figure.constrained_layout.use": True,
            "axes.titlesize": "medium",
            "axes.titleweight": "bold",
            "axes.edgecolor": "0.4",
            "grid.color": "0.9",
            "legend.frameon": True,
            "lines.linewidth": 1.8,
        }
    )


def scheme_style(scheme: str) -> dict[str, str]:
    """Return the line style of a scheme: its colour, solid for normal draws, dashed for uniform.

    Parameters
    ----------
    scheme
        A name such as ``"xavier_uniform"`` or ``"orthogonal"``.

    Raises
    ------
    ValueError
        If the scheme has no colour yet.
    """
    name = scheme.removesuffix("_normal").removesuffix("_uniform")
    if name not in SCHEME_COLORS:
        known = ", ".join(SCHEME_COLORS)
        raise ValueError(f"no colour for scheme {scheme!r}: the course has colours for {known}")
    return {"color": SCHEME_COLORS[name], "linestyle": "--" if "_uniform" in scheme else "-"}


def std_by_layer(
    curves: Mapping[str, Sequence[float]],
    *,
    predictions: Mapping[str, Sequence[float]] | None = None,
    colors: Mapping[str, str] | None = None,
    ylabel: str = "std of the activations",
    title: str = "",
    ax: Axes | None = None,
) -> Axes:
    """Draw one number per layer against depth, on a log axis; what theory predicts is dashed.

    Parameters
    ----------
    curves
        Label → values ``(n_layers,)``, layer 1 at x = 1; or ``(n_seeds, n_layers)``: then the line
        is the geometric mean over seeds, in a band from the lowest to the highest.
    predictions
        Label of a curve → predicted values ``(n_layers,)``, drawn through it as a dashed dark line.
    colors
        Label → colour; others take the palette's colours in order.
    ylabel, title
        Texts of the axes.
    ax
        Where to draw; a new figure by default.
    """
    ax = ax or plt.subplots(figsize=(8, 3.6))[1]
    palette = dict(zip(curves, sns.color_palette("colorblind", len(curves)), strict=True))
    for label, values in curves.items():
        color = (colors or {}).get(label, palette[label])
        values = np.atleast_2d(_hide_zeros(values))  # (n_seeds, n_layers)
        layers = np.arange(1, values.shape[1] + 1)
        middle = values[0] if len(values) == 1 else np.exp(np.log(values).mean(axis=0))
        ax.plot(layers, middle, marker="o", markersize=4, color=color, label=label)
        if len(values) > 1:
            low, high = values.min(axis=0), values.max(axis=0)
            ax.fill_between(layers, low, high, color=color, alpha=0.2, lw=0)
    for i, values in enumerate((predictions or {}).values()):
        layers = np.arange(1, len(values) + 1)
        label = "theory" if i == 0 else None
        ax.plot(layers, _hide_zeros(values), "--", color=THEORY, lw=1.2, zorder=5, label=label)
    ax.set(yscale="log", xlabel="layer", ylabel=ylabel, title=title)
    _show_whole_decades(ax)
    ax.xaxis.get_major_locator().set_params(integer=True)
    ax.legend(loc="best", fontsize="small")
    return ax


def _show_whole_decades(ax: Axes) -> None:
    """Let a log axis begin and end at powers of ten, so that its ticks can be read."""
    low, high = ax.dataLim.intervaly
    if 0 < low <= high < np.inf:
        ax.set_ylim(10.0 ** np.floor(np.log10(low / 1.2)), 10.0 ** np.ceil(np.log10(high * 1.2)))


def _hide_zeros(values: Sequence[float]) -> np.ndarray:
    values = np.asarray(values, dtype=float)
    return np.where(values > 0, values, np.nan)


def histograms_by_layer(
    counts: np.ndarray,
    edges: np.ndarray,
    *,
    names: Sequence[str],
    color: str = FORWARD,
    xlabel: str = "activation",
    title: str = "",
) -> np.ndarray:
    """Draw one histogram per layer side by side, each with its tallest bin at full height.

    Heights are the square root of the share of values, so that a thin bell stays visible beside a
    spike (the zeros of a ReLU layer, say).

    Parameters
    ----------
    counts
        Values per bin, ``(n_layers, n_bins)``.
    edges
        Edges of the bins, ``(n_bins + 1,)``; the outer bins also hold what lies outside.
    names
        One title per layer.
    color, xlabel, title
        Colour of the bars and texts of the figure.

    Returns
    -------
    numpy.ndarray of Axes
        One per layer.
    """
    width = min(1.7 * len(counts) + 0.5, 12)
    figure, axes = plt.subplots(
        1, len(counts), figsize=(width, 2.1), sharex=True, sharey=True, squeeze=False
    )
    for ax, row, name in zip(axes[0], counts, names, strict=True):
        ax.stairs(bar_heights(row), edges, fill=True, color=color)
        ax.set(title=name, ylim=(0, 1.05), yticks=[], xlim=(edges[0], edges[-1]))
        ax.grid(False)
    axes[0, 0].set_ylabel("√ share of values")
    figure.supxlabel(xlabel, fontsize="medium")
    if title:
        figure.suptitle(title, fontweight="bold", fontsize="medium")
    return axes[0]


def bar_heights(counts: np.ndarray) -> np.ndarray:
    """Scale counts ``(..., n_bins)`` to heights: square root, tallest bin at 1 (all 0 stays 0)."""
    roots = np.sqrt(np.asarray(counts, dtype=float))
    return roots / np.maximum(roots.max(axis=-1, keepdims=True), 1e-12)


def learning_curves(
    runs: Mapping[str, np.ndarray],
    *,
    x: Sequence[float] | None = None,
    colors: Mapping[str, str] | None = None,
    xlabel: str = "step",
    ylabel: str = "training loss",
    title: str = "",
    ax: Axes | None = None,
) -> Axes:
    """Draw the mean over seeds as a line and the range from the lowest to the highest as a band.

    Parameters
    ----------
    runs
        Label → values ``(n_points,)`` of one run or ``(n_seeds, n_points)`` of several.
    x
        Positions of the points, ``(n_points,)``; 1, 2, … by default.
    colors
        Label → colour; others take the palette's colours in order.
    xlabel, ylabel, title
        Texts of the axes.
    ax
        Where to draw; a new figure by default.
    """
    ax = ax or plt.subplots(figsize=(8, 3.6))[1]
    palette = dict(zip(runs, sns.color_palette("colorblind", len(runs)), strict=True))
    for label, values in runs.items():
        values = np.atleast_2d(np.asarray(values, dtype=float))
        where = np.arange(1, values.shape[1] + 1) if x is None else np.asarray(x)
        color = (colors or {}).get(label, palette[label])
        ax.plot(where, values.mean(axis=0), color=color, label=label)
        if len(values) > 1:
            ax.fill_between(
                where, values.min(axis=0), values.max(axis=0), color=color, alpha=0.2, lw=0
            )
    ax.set(xlabel=xlabel, ylabel=ylabel, title=title)
    ax.legend(loc="best", fontsize="small")
    return ax


def matrices(
    named: Mapping[str, np.ndarray],
    *,
    xlabel: str = "input",
    ylabel: str = "unit",
    title: str = "",
) -> np.ndarray:
    """Draw matrices side by side as heat maps on one colour scale, white at zero.

    Parameters
    ----------
    named
        Title → matrix ``(rows, columns)``.
    xlabel, ylabel, title
        Texts of the figure; the y label stands at the first matrix only.

    Returns
    -------
    numpy.ndarray of Axes
        One per matrix.
    """
    limit = max(float(np.abs(matrix).max()) for matrix in named.values()) or 1.0
    figure, axes = plt.subplots(1, len(named), figsize=(min(2.6 * len(named) + 1, 12), 3))
    axes = np.atleast_1d(axes)
    for ax, (name, matrix) in zip(axes, named.items(), strict=True):
        mesh = ax.imshow(matrix, cmap="RdBu_r", vmin=-limit, vmax=limit, aspect="auto")
        ax.set(title=name, xlabel=xlabel)
        ax.grid(False)
    axes[0].set_ylabel(ylabel)
    figure.colorbar(mesh, ax=axes.tolist(), shrink=0.9)
    if title:
        figure.suptitle(title, fontweight="bold", fontsize="medium")
    return axes


def images(pictures: np.ndarray, *, names: Sequence[str] = (), columns: int = 10) -> Figure:
    """Show square grey pictures in a grid, dark ink on white.

    Parameters
    ----------
    pictures
        ``(n, side * side)`` or ``(n, side, side)``, pixels in [0, 1].
    names
        One short title per picture, or none.
    columns
        Pictures per row.
    """
    pictures = np.asarray(pictures)
    side = int(round(pictures[0].size ** 0.5))
    rows = -(-len(pictures) // columns)
    size = (0.95 * columns, (1.2 if len(names) else 0.95) * rows)
    figure, axes = plt.subplots(rows, columns, figsize=size, squeeze=False)
    for ax in axes.flat:
        ax.axis("off")
    for ax, picture in zip(axes.flat, pictures, strict=False):
        ax.imshow(picture.reshape(side, side), cmap="gray_r", vmin=0, vmax=1)
    for ax, name in zip(axes.flat, names, strict=False):
        ax.set_title(name, fontsize="small", fontweight="normal")
    return figure
