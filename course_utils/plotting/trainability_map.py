"""The picture of a trainability map: accuracy over sigma_w² and depth, with a predicted border."""

from __future__ import annotations

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes

from course_utils.plotting.numbers import as_numbers


def trainability_map(
    sigma_w2: Sequence[float],
    depths: Sequence[int],
    accuracy: np.ndarray,
    *,
    border: tuple[Sequence[float], Sequence[float]] | None = None,
    border_label: str = "6 depth scales, 6 ξ_c",
    title: str = "",
    ax: Axes | None = None,
) -> Axes:
    """Draw a map: one cell a network, dark where it learned nothing, bright where it learned.

    Parameters
    ----------
    sigma_w2, depths
        Columns and rows of the map, rising: ``(n_columns,)`` and ``(n_rows,)``, two or more each.
    accuracy
        ``(n_rows, n_columns)``, from 0 to 1.
    border
        Values of sigma_w² and predicted depths, ``(n_points,)`` each, infinite ones allowed: drawn
        as a dashed line, which the map cuts off. Its legend stands above the map, on the right.
    border_label, title
        Texts of the figure.
    ax
        Where to draw; a new figure by default.

    Raises
    ------
    ValueError
        If the shapes do not go together.
    TypeError
        If these are no numbers.
    """
    accuracy = as_numbers(accuracy, "accuracy")
    sigma_w2, depths = as_numbers(sigma_w2, "sigma_w2"), as_numbers(depths, "depths")
    if accuracy.shape != depths.shape + sigma_w2.shape or min(accuracy.shape) < 2:
        raise ValueError(
            f"accuracy must have one row for each of the {depths.size} depths and one column for "
            f"each of the {sigma_w2.size} values of sigma_w2, two or more, got {accuracy.shape}"
        )
    ax = ax or plt.subplots(figsize=(7, 4))[1]
    x, y = _edges(sigma_w2), _edges(depths)
    mesh = ax.pcolormesh(x, y, 100 * accuracy, cmap="inferno", vmin=10, vmax=100)
    ax.figure.colorbar(mesh, ax=ax, label="test accuracy (%)")
    if border is not None:
        at, depth = (as_numbers(values, "border") for values in border)
        depth = np.minimum(depth, 10 * y[-1])  # an infinite depth still has a direction
        ax.plot(at, depth, "--", color="white", label=border_label)
        look = {"fontsize": "small", "facecolor": "0.3", "labelcolor": "white"}
        ax.legend(loc="lower right", bbox_to_anchor=(1, 1), borderaxespad=0.3, **look)
    ax.set(
        xlabel="variance of the weights × fan_in, σ_w²",
        ylabel="hidden layers",
        xlim=x[[0, -1]],
        ylim=y[[0, -1]],
    )
    ax.set_title(title, loc="left")
    ax.grid(False)
    return ax


def _edges(values: np.ndarray) -> np.ndarray:
    """Return the borders of cells around ``values`` (n,): halfway between them, (n + 1,)."""
    middle = (values[1:] + values[:-1]) / 2
    first, last = 2 * values[0] - middle[0], 2 * values[-1] - middle[-1]
    return np.concatenate([[first], middle, [last]])
