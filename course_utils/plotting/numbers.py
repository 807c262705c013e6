"""Numbers from any container, also of torch and pandas, as arrays to draw."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

SHAPES = {
    "(n_points,)": 1,
    "(n_seeds,)": 1,
    "(n_layers,)": 1,
    "(n_seeds, n_points)": 2,
    "(n_seeds, n_layers)": 2,
    "(rows, columns)": 2,
}
"""What a shape is called in words → its number of dimensions."""


def as_numbers(values: object, name: str = "values") -> np.ndarray:
    """Return an array, a tensor (also one with a gradient), a Series or lists of them, as float64.

    Raises
    ------
    TypeError
        If they are no numbers, or rows of several lengths.
    ValueError
        If there are none.
    """
    try:
        array = np.asarray(_without_torch(values), dtype=float)
    except (TypeError, ValueError) as error:
        raise TypeError(
            f"{name} must be numbers, rows of one length, got {_kind(values)}: "
            "try a list, an array or a tensor"
        ) from error
    if not array.size:
        raise ValueError(f"there is no number in {name}: got the shape {array.shape}")
    return array


def as_named_numbers(values: object, name: str, *shapes: str) -> dict[str, np.ndarray]:
    """Return label → numbers: of a dictionary, a named Series, or the columns of a DataFrame.

    Parameters
    ----------
    values
        What was given.
    name
        Of the argument, for errors.
    *shapes
        Keys of :data:`SHAPES` that are allowed. A DataFrame that is itself of an allowed shape is
        not taken apart.

    Raises
    ------
    TypeError
        If there are no labels, or no numbers.
    ValueError
        If there is nothing to draw, or of another shape.
    """
    if isinstance(values, pd.Series) and values.name is not None:
        values = {values.name: values}
    if isinstance(values, pd.DataFrame) and 1 in [SHAPES[shape] for shape in shapes]:
        values = {label: values[label] for label in values}
    if not isinstance(values, Mapping):
        raise TypeError(
            f"{name} must be a dictionary, a label for each, got {_kind(values)}: "
            f'try {{"a label": {name}}}'
        )
    if not values:
        raise ValueError(f"{name} is empty: there is nothing to draw")
    arrays = {label: as_numbers(part, repr(label)) for label, part in values.items()}
    for label, array in arrays.items():
        if array.ndim not in [SHAPES[shape] for shape in shapes]:
            raise ValueError(
                f"{label!r} must be of the shape {' or '.join(shapes)}, got {array.shape}"
                + ("; for one row try values[None]" if array.ndim == 1 else "")
            )
    return arrays


def largest(array: np.ndarray, name: str) -> float:
    """Return the largest magnitude of the finite numbers, 1 if all are 0; ValueError if none is."""
    finite = array[np.isfinite(array)]
    if not finite.size:
        raise ValueError(f"no number in {name} is finite: try a smaller learning rate")
    return float(np.abs(finite).max()) or 1.0


def _without_torch(values: object) -> object:
    if hasattr(values, "detach"):
        return values.detach().cpu().double().numpy()
    return [_without_torch(part) for part in values] if isinstance(values, list | tuple) else values


def _kind(values: object) -> str:
    shape = getattr(values, "shape", None)
    return type(values).__name__ + ("" if shape is None else f" of the shape {tuple(shape)}")
