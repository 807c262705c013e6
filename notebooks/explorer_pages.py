"""The page without a kernel of an explorer, set as the explorer is where a notebook shows it.

What is set stands in the address of the page: ``explorer.html#std=0.1&depth=50``.
"""

from __future__ import annotations

import ast
import contextlib
import math
import re
from pathlib import Path
from urllib.parse import urlencode

FIGURES = Path(__file__).resolve().parents[1] / "figures"
PAGES = {
    "ActivationExplorer": "explorer.html",
    "DreamExplorer": "explorer_dream.html",
    "FunnelExplorer": "explorer_funnel.html",
    "LiveTrainingExplorer": "explorer_training.html",
    "ResidualExplorer": "explorer_residual.html",
    "TournamentExplorer": "explorer_tournament.html",
}
"""Explorer → its page without a kernel."""

PAGE_WIDTH = 256
"""Of the layers on the page of the ActivationExplorer."""


def address_of(shown: str, code: str) -> str:
    """Return the file of the page, and what is set behind a ``#``.

    ``shown`` is the text that stands for the explorer among the outputs of the cell, which begins
    with its name, and ``code`` the source of that cell.
    """
    explorer = shown.partition(":")[0]
    page = PAGES[explorer]
    controls = re.findall(r'"name": "(\w+)"', (FIGURES / page).read_text(encoding="utf-8"))
    setting = on_page(setting_of(explorer, code), set(controls))
    return f"{page}#{urlencode(setting)}" if setting else page


def on_page(setting: dict, controls: set[str]) -> dict[str, str]:
    """Return of a setting what the page has a control for, written as it stands in its address.

    A std means another gain in layers of another width: where the width of the page is fixed, the
    gain is kept.
    """
    if "std" in setting and "width" in setting and "width" not in controls:
        setting = setting | {"std": setting["std"] * math.sqrt(setting["width"] / PAGE_WIDTH)}
    return {
        name: f"{value:.4g}" if isinstance(value, float) else str(value)
        for name, value in setting.items()
        if name in controls
    }


def setting_of(explorer: str, code: str) -> dict[str, str | float]:
    """Return the numbers and words that the explorer is given where it is made for the last time.

    What a cell spells out counts; what it computes from data is not for the page to know.
    """
    known: dict = {"math": math, "__builtins__": {}}
    given: dict = {}
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            with contextlib.suppress(ValueError):
                known[node.targets[0].id] = ast.literal_eval(node.value)
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == explorer:
            given = {}
            for keyword in node.keywords:
                with contextlib.suppress(NameError, TypeError, AttributeError):
                    value = eval(compile(ast.Expression(keyword.value), "", "eval"), known)
                    given.update(value if keyword.arg is None else {keyword.arg: value})
    return {k: value for k, value in given.items() if isinstance(value, str | int | float)}
