"""Curves along depth and along training, and matrices side by side.

Every function takes numbers (lists, arrays, tensors, columns of pandas; no networks) and returns
the Axes that it drew on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes

from course_utils.plotting.numbers import as_named_numbers, as_numbers, largest
from course_utils.plotting.style import THEORY, colors_of


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

    Raises
    ------
    TypeError, ValueError
        If there is no label or nothing to draw, or what is to be drawn are no numbers of such a
        shape.
    """
    curves = as_named_numbers(curves, "curves", "(n_layers,)", "(n_seeds, n_layers)")
    if predictions:
        predictions = as_named_numbers(predictions, "predictions", "(n_layers,)")
    colors = colors_of(curves, colors)
    ax = ax or plt.subplots(figsize=(8, 3.6))[1]
    for label, values in curves.items():
        color = colors[label]
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


def _hide_zeros(values: np.ndarray) -> np.ndarray:
    return np.where(values > 0, values, np.nan)


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

    Raises
    ------
    TypeError, ValueError
        If there is no label or nothing to draw, what is to be drawn are no numbers of such a shape,
        or ``x`` has another number of points.
    """
    runs = as_named_numbers(runs, "runs", "(n_points,)", "(n_seeds, n_points)")
    colors = colors_of(runs, colors)
    positions = None if x is None else as_numbers(x, "x")
    ax = ax or plt.subplots(figsize=(8, 3.6))[1]
    for label, values in runs.items():
        values = np.atleast_2d(values)
        n_points, color = values.shape[1], colors[label]
        where = np.arange(1, n_points + 1) if positions is None else positions
        if where.shape != (n_points,):
            raise ValueError(f"x must have the {n_points} points of {label!r}, got {where.shape}")
        alone = "o" if n_points == 1 else None  # a line of one point could not be seen
        ax.plot(where, values.mean(axis=0), color=color, label=label, marker=alone)
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

    Raises
    ------
    TypeError, ValueError
        If there is no title or no matrix, or one is no matrix of numbers, or none is finite.
    """
    named = as_named_numbers(named, "named", "(rows, columns)")
    limit = largest(np.concatenate([matrix.ravel() for matrix in named.values()]), "named")
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
