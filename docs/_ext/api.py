"""The pages of the package: one a room, from the docstrings, made before Sphinx looks for pages.

A page holds the names that the room hands out to notebooks; a room that hands out none, such as
the checkers of the exercises, shows those of its files.
"""

from __future__ import annotations

import ast
import importlib
import re
from pathlib import Path

from sphinx.pycode import ModuleAnalyzer

FROM_THEIR_FILES = {
    "experiments": ("advice", "deep_linear", "five_layers", "trainability"),
    "plotting": ("diagrams",),
}
"""Files from which notebooks import directly, beside what the room hands out."""

ROOMS = """The package
===========

Each name in the code of a notebook leads here. A folder of the package is a room, one concept of
the field, and a room imports only from the rooms on the floors below: see :doc:`/contributing`.

.. toctree::
   :maxdepth: 1

   course_utils
"""


def write_api(package: Path, folder: Path) -> None:
    """Write a page for each room, one for the package itself, and one that lists them."""
    folder.mkdir(parents=True, exist_ok=True)
    rooms = sorted(path.parent for path in package.glob("*/__init__.py"))
    names = [room.name for room in rooms]
    text = ROOMS + "".join(f"   {name}\n" for name in names)
    (folder / "index.rst").write_text(text, encoding="utf-8")
    own = ["claims", "generators", "guesses", "installation"]
    (folder / "course_utils.rst").write_text(_page("course_utils", own, []), encoding="utf-8")
    for room in rooms:
        handed_out = _hands_out(room / "__init__.py")
        files = FROM_THEIR_FILES.get(room.name, ())
        if not handed_out:
            files = sorted(path.stem for path in room.glob("[a-z]*.py"))
        page = _page(f"course_utils.{room.name}", files, handed_out)
        (folder / f"{room.name}.rst").write_text(page, encoding="utf-8")


def _hands_out(init: Path) -> list[str]:
    """Return the names that a room hands out."""
    for node in ast.parse(init.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "__all__":
            return ast.literal_eval(node.value)
    return []


def _page(module: str, files: list[str] | tuple[str, ...], handed_out: list[str]) -> str:
    title = module.rpartition(".")[2]
    lines = [title, "=" * len(title), "", f".. automodule:: {module}"]
    if handed_out:
        lines += ["   :members:", "   :imported-members:"]
    room = importlib.import_module(module)
    constants = [name for name in handed_out if not callable(getattr(room, name))]
    for name in constants:  # automodule passes over what another file sets
        lines += ["", f".. autodata:: {module}.{name}"]
    for name in files:
        lines += ["", name, "-" * len(name), "", f".. automodule:: {module}.{name}", "   :members:"]
    return "\n".join([*lines, ""])


def plain(app, what, name, obj, options, lines: list[str]) -> None:
    """Let ``*kernel`` and ``|z|`` in a docstring stand for themselves, outside of code."""
    if what == "data":  # not what Python says of every dict
        lines[:] = _said_where_it_is_set(name)
    for i, line in enumerate(lines):
        parts = re.split(r"(``.*?``)", line)
        parts[::2] = [re.sub(r"\||(?<=[ (])\*(?=\w+\))", r"\\\g<0>", part) for part in parts[::2]]
        lines[i] = "".join(parts)


def _said_where_it_is_set(name: str) -> list[str]:
    """Return what stands below a constant in the file that sets it, be it of the room or not."""
    home, _, constant = name.rpartition(".")
    tree = ast.parse(Path(importlib.import_module(home).__file__).read_text(encoding="utf-8"))
    for node in tree.body:
        if isinstance(node, ast.ImportFrom) and constant in [alias.name for alias in node.names]:
            home = node.module
    return [*ModuleAnalyzer.for_module(home).find_attr_docs().get(("", constant), [])]
