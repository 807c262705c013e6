"""The pages of the package: one a room, from the docstrings, made before Sphinx looks for pages.

A page holds the names that the room hands out to notebooks; a room that hands out none, such as
the checkers of the exercises, shows those of its files.
"""

from __future__ import annotations

import ast
import re
from pathlib import Path

FROM_THEIR_FILES = {
    "experiments": ("advice", "deep_linear", "five_layers", "trainability"),
    "plotting": ("diagrams",),
}
"""Files from which notebooks import directly, beside what the room hands out."""

ROOMS = """The package
===========

Each name in the code of a notebook leads here. A folder of the package is a room, one concept of the
field, and a room imports only from the rooms on the floors below: see :doc:`/contributing`.

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
    (folder / "course_utils.rst").write_text(_page("course_utils", own, False), encoding="utf-8")
    for room in rooms:
        handed_out = _hands_out(room / "__init__.py")
        files = FROM_THEIR_FILES.get(room.name, ())
        if not handed_out:
            files = sorted(path.stem for path in room.glob("[a-z]*.py"))
        page = _page(f"course_utils.{room.name}", files, handed_out)
        (folder / f"{room.name}.rst").write_text(page, encoding="utf-8")


def _hands_out(init: Path) -> bool:
    """Return whether a room names what it hands out."""
    tree = ast.parse(init.read_text(encoding="utf-8"))
    return any(getattr(n.targets[0], "id", "") == "__all__" for n in tree.body if _assigns(n))


def _assigns(node: ast.stmt) -> bool:
    return isinstance(node, ast.Assign)


def _page(module: str, files: list[str] | tuple[str, ...], handed_out: bool) -> str:
    title = module.rpartition(".")[2]
    lines = [title, "=" * len(title), "", f".. automodule:: {module}"]
    if handed_out:
        lines += ["   :members:", "   :imported-members:"]
    for name in files:
        lines += ["", name, "-" * len(name), "", f".. automodule:: {module}.{name}", "   :members:"]
    return "\n".join([*lines, ""])


def plain(app, what, name, obj, options, lines: list[str]) -> None:
    """Let ``*kernel`` and ``|z|`` in a docstring stand for themselves, outside of code."""
    for i, line in enumerate(lines):
        parts = re.split(r"(``.*?``)", line)
        parts[::2] = [re.sub(r"\||(?<=[ (])\*(?=\w+\))", r"\\\g<0>", part) for part in parts[::2]]
        lines[i] = "".join(parts)
