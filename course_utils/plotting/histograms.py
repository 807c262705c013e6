"""Histograms of the activations, one a layer, side by side."""

from __future__ import annotations

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np

from course_utils.plotting.numbers import as_numbers
from course_utils.plotting.style import FORWARD


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

    Raises
    ------
    TypeError, ValueError
        If these are no numbers, or their shapes and the number of names do not go together.
    """
    counts, edges = as_numbers(counts, "counts"), as_numbers(edges, "edges")
    if counts.ndim != 2 or edges.shape != (counts.shape[1] + 1,) or len(names) != len(counts):
        raise ValueError(
            "counts must be (n_layers, n_bins), edges (n_bins + 1,) and names one for each layer, "
            f"got the shapes {counts.shape} and {edges.shape} and {len(names)} names; for one "
            "layer try counts[None] and [name]"
        )
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
    roots = np.sqrt(as_numbers(counts, "counts"))
    return roots / np.maximum(roots.max(axis=-1, keepdims=True), 1e-12)
