"""Runs that take too long for a notebook: made once by a script, stored with the package.

`stored` reads one. The scripts in ``benchmarks`` write them, to `stored_path`, through `as_text`
and `write_whole`: one line a row, and a file that is never seen half written.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from importlib.resources import files
from pathlib import Path

RUNS = {  # name → how long the script of this name takes
    "five_layers": "about half an hour of one core",
    "lecture_labs": "about an hour",
    "mup_transfer": "about ten minutes",
    "pretraining_study": "about two hours of one core",
    "rbm_likelihood": "about 20 minutes a seed",
    "schemes_table": "about 40 minutes",
    "tournament": "about two hours of two cores",
    "trainability_map": "about ten minutes",
}


def stored(name: str) -> dict:
    """Return what a long run has measured.

    Parameters
    ----------
    name : str
        One of `RUNS`, which is also the name of the script in ``benchmarks`` that made it.

    Returns
    -------
    dict
        ``"setting"``, how it was made, and one or two lists of rows, ``"rows"`` or ``"runs"`` and
        ``"costs"``: a row is a dict. The script's docstring says what the entries mean.

    Raises
    ------
    ValueError
        If there is no run of this name; the message lists those that there are.
    FileNotFoundError
        If the run has not been made, or its file was lost; the message says what to type.
    """
    _check(name)
    file = files("course_utils.experiments") / "stored_runs" / f"{name}.json"
    try:
        text = file.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise FileNotFoundError(
            f"the stored run {name!r} is missing: in a clone of the course, "
            f"python benchmarks/{name}.py makes it again ({RUNS[name]})"
        ) from None
    return json.loads(text)


def stored_path(name: str) -> Path:
    """Return where a run is stored, whether it is there or not.

    Raises
    ------
    ValueError
        If there is no run of this name.
    """
    _check(name)
    return Path(__file__).with_name("stored_runs") / f"{name}.json"


def rows_with(rows: Iterable[dict], **values: object) -> list[dict]:
    """Return the rows that have all these values, in their order.

    >>> rows_with([{"seed": 0, "loss": 2.3}, {"seed": 1, "loss": 2.1}], seed=1)
    [{'seed': 1, 'loss': 2.1}]
    """
    return [row for row in rows if values.items() <= row.items()]


def as_text(setting: dict, **tables: Iterable[dict]) -> str:
    """Return JSON that people can read and compare: the setting on one line, then a line a row."""
    parts = [f'"setting": {json.dumps(setting, ensure_ascii=False)}']
    for name, rows in tables.items():
        lines = ",\n    ".join(json.dumps(row, ensure_ascii=False) for row in rows)
        parts.append(f'"{name}": [\n    {lines}\n  ]')
    return "{\n  " + ",\n  ".join(parts) + "\n}\n"


def write_whole(path: Path, text: str) -> None:
    """Replace a file at once, as UTF-8: a run that is killed leaves the old one or the new one."""
    scratch = path.with_suffix(".part")
    scratch.write_text(text, encoding="utf-8")
    scratch.replace(path)


def _check(name: str) -> None:
    if name not in RUNS:
        raise ValueError(f"there is no stored run {name!r}: try one of {', '.join(RUNS)}")
