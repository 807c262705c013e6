"""Claims: sentences that are tested where they are printed.

A notebook states each finding through :func:`claim`. The printed line holds words only, never a
measured digit, so a test can compare it on every machine; the numbers appear when the claim fails.
"""

from __future__ import annotations

import ast
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from course_utils.terminal import say


def claim(text: str, holds: Any, **measured: Any) -> None:
    """Print ``text`` as a finding if it holds; otherwise raise with what was measured.

    Parameters
    ----------
    text
        The finding, as one sentence.
    holds
        The truth value: a ``bool``, a NumPy bool or a boolean tensor with one element.
    **measured
        The numbers behind the sentence; they are shown only when the claim fails.

    Raises
    ------
    AssertionError
        If ``holds`` is false; the message repeats the sentence and the measured values.
    TypeError
        If ``holds`` is not a single truth value (an array, ``None``, a number).
    """
    if not _as_bool(holds):
        raise AssertionError(f"This claim does not hold here: {text}\n  {_values(measured)}")
    say(f"✓ {text}")


def claim_on(data: Any) -> Callable[..., None]:
    """Return `claim` for a notebook that runs on ``data``, MNIST or not.

    The course speaks of MNIST, and is tested on it and on the embedded digits: there a sentence
    that fails stops the notebook. On any other images it says that it does not hold, and the
    notebook goes on.

    Parameters
    ----------
    data : course_utils.data.ImageData
        The images, as `load_mnist` or `load_images` returned them.
    """
    if not data.is_foreign:
        return claim

    def claim_of_mnist(text: str, holds: Any, **measured: Any) -> None:
        if _as_bool(holds):
            say(f"✓ {text}")
        else:
            numbers = " ".join(_values(measured).split())  # on one line
            say(f"– said of MNIST, not so on {data.name}: {text} ({numbers})")

    return claim_of_mnist


def _as_bool(holds: Any) -> bool:
    if isinstance(holds, bool | np.bool_):
        return bool(holds)
    dtype, size = str(getattr(holds, "dtype", "")), np.prod(getattr(holds, "shape", (0,)))
    if dtype in ("bool", "torch.bool") and size == 1:
        return bool(holds)
    raise TypeError(
        f"a claim needs one truth value, got {type(holds).__name__} {holds!r}: "
        "write a comparison of two numbers, or put .all() or .any() behind an array"
    )


def _values(measured: dict[str, Any]) -> str:
    if not measured:
        return "pass the measured numbers as keywords to see them here"
    return ", ".join(f"{name} = {_short(value)}" for name, value in measured.items())


def _short(value: Any) -> str:
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_short(v) for v in value) + "]"
    return repr(value)


def claims_of(notebook: str | Path) -> list[str]:
    """Return the sentences that a notebook claims, in order, as its code cells spell them out.

    ``notebook`` is the path of an ``.ipynb`` file. It is read, not run. A sentence that is put
    together while the notebook runs, as an f-string is, is not among them.
    """
    sentences = []
    for cell in json.loads(Path(notebook).read_text(encoding="utf-8"))["cells"]:
        code = "".join(cell["source"]) if cell["cell_type"] == "code" else ""
        for node in ast.walk(ast.parse(code)):
            if isinstance(node, ast.Call) and getattr(node.func, "id", None) == "claim":
                text = node.args[0] if node.args else None
                if isinstance(text, ast.Constant) and isinstance(text.value, str):
                    sentences.append(text.value)
    return sentences
