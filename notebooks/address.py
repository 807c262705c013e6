"""Where the repository of the course lives on the web: one place, pyproject.toml.

``[project.urls]`` may hold a line ``Repository = "https://github.com/…"``. While it does not, the
address is unknown, and students type it themselves.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).resolve().parents[1]
ASKED = "On Colab, ADDRESS being that of this repository:  "
"""How the first cell of each notebook begins its line for Colab."""


def repository() -> str:
    """Return the address of the repository, or "" while pyproject.toml does not name it."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return project.get("urls", {}).get("Repository", "").rstrip("/")


def owner_and_name(address: str) -> str:
    """Return what stands behind the host of an address on GitHub, ``owner/name``.

    Raises
    ------
    ValueError
        If the address is not that of a repository on GitHub.
    """
    found = re.fullmatch(r"https://github\.com/([\w.-]+/[\w.-]+?)(\.git)?/?", address)
    if found is None:
        raise ValueError(
            f"the address of the repository must be https://github.com/OWNER/NAME, got {address!r}"
        )
    return found[1]


def completed(source: str, address: str) -> str:
    """Return the source of a cell, the address of the repository in place of the word ADDRESS."""
    if not address or ASKED not in source:
        return source
    return source.replace(ASKED, "On Colab:  ").replace("git clone ADDRESS", f"git clone {address}")
