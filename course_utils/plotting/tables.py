"""Tables of measurements, as pandas frames: rows by name, columns with their digits."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import pandas as pd


def table(
    rows: Mapping, columns: Mapping[str, str], corner: str | Sequence[str] = ""
) -> pd.DataFrame:
    """Write measurements as a table with the digits that each column asks for.

    >>> table({"Xavier": [0.3812, (0.881, 0.008)]}, {"loss": ".2f", "accuracy": ".1%"}, "scheme")
    scheme  loss      accuracy
    Xavier  0.38  88.1% ± 0.8%

    Parameters
    ----------
    rows : mapping, or pandas.DataFrame
        The name of a row, or a tuple of names if there are several to the left, and its values,
        one a column. A value is a number, a text, a pair (mean, half width of its interval), which
        is written as "mean ± half width", or None, which leaves the place empty.
    columns : mapping
        The heading of each column, with its unit, and how `format` is to write the numbers below
        it, such as ``".2f"`` or ``",.0f"``; texts stay as they are.
    corner : str, or sequence of str
        What the names of the rows are, for tuples one word each.

    Returns
    -------
    pandas.DataFrame
        Of texts; the last value of a cell is shown as a table.

    Raises
    ------
    TypeError
        If rows or columns have no names, or a row or a value cannot be written.
    ValueError
        If there is no row, or a row has not as many values as there are columns.
    """
    if isinstance(rows, pd.DataFrame):
        rows = dict(zip(rows.index, rows.itertuples(index=False, name=None), strict=True))
    for argument, given, example in (
        ("rows", rows, '{"Xavier": [0.38, 0.88]}'),
        ("columns", columns, '{"loss": ".2f", "accuracy": ".1%"}'),
    ):
        if not isinstance(given, Mapping):
            raise TypeError(
                f"{argument} must be a dictionary, got {type(given).__name__}: try {example}"
            )
    if not rows:
        raise ValueError("a table needs at least one row, got none")
    cells = []
    for name, values in rows.items():
        if not isinstance(values, Iterable) or isinstance(values, str):
            raise TypeError(f"row {name!r} must be a list, a value a column, got {values!r}")
        values = list(values)
        if len(values) != len(columns):
            raise ValueError(f"row {name!r} has {len(values)} values for {len(columns)} columns")
        cells.append(
            [_written(v, digits) for v, digits in zip(values, columns.values(), strict=True)]
        )
    names, headings = list(rows), pd.Index(columns)
    if isinstance(names[0], tuple):
        index = pd.MultiIndex.from_tuples(names, names=corner or None)
    else:  # the corner stands beside the headings, which takes one line less
        index, headings.name = pd.Index(map(str, names)), corner or None
    return pd.DataFrame(cells, index=index, columns=headings)


def _written(value: object, digits: str) -> str:
    if value is None or isinstance(value, str):
        return value or ""
    if getattr(value, "ndim", 0):
        shape = tuple(value.shape)
        raise TypeError(f"a value is one number or a pair, got the shape {shape}: try its mean")
    if isinstance(value, Iterable) and not hasattr(value, "item"):
        return " ± ".join(format(part, digits) for part in value)
    return format(value, digits)
