"""Is everything installed? One line for Python and each package, before anything else is imported.

This module needs nothing but Python: it must still run where a package is missing.
"""

from __future__ import annotations

import platform
import re
from importlib import import_module, metadata

IMPORTED_AS = {"pillow": "PIL", "scikit-learn": "sklearn"}
"""Name of a package → what to import, where it is another word."""


def check_installation(package: str = "course-utils") -> None:
    """Print ``OK`` or ``FAIL`` for Python and for each package that the course needs.

    A line that fails says what is installed, what is needed, and what to type. Versions are printed
    only there, so that a healthy installation prints the same lines everywhere. The last line says
    whether the course can begin.
    """
    lines = [_python(metadata.metadata(package)["Requires-Python"])]
    needed = [line for line in metadata.requires(package) or [] if "extra ==" not in line]
    lines += [_package(line) for line in sorted(needed, key=str.lower)]
    failed = sum(line.startswith("FAIL") for line in lines)
    print(*lines, sep="\n")
    if failed:
        print(
            f"{failed} of {len(lines)} failed: run what stands behind Try in a new cell, restart "
            "the kernel, and run this cell again."
        )
    else:
        print("Everything is installed: the course can begin.")


def _python(needed: str) -> str:
    """Judge the version of Python by the lower bound in ``needed``, such as ``>=3.10``."""
    running = platform.python_version()
    if _numbers(running) >= _numbers(needed):
        return "OK   python"
    return _fail("python", f"{running} is installed, the course needs {needed}", "a newer Python")


def _package(requirement: str) -> str:
    """Judge one line of the dependencies, such as ``torch>=2.4``: its version, and if it loads."""
    name, needed = re.fullmatch(r"([\w-]+).*?(>=[\d.]+).*", requirement).groups()
    remedy = f'%pip install "{name}{needed}"'
    try:
        installed = metadata.version(name)
    except metadata.PackageNotFoundError:
        return _fail(name, f"is not installed, the course needs {needed}", remedy)
    if _numbers(installed) < _numbers(needed):
        return _fail(name, f"{installed} is installed, the course needs {needed}", remedy)
    try:
        import_module(IMPORTED_AS.get(name, name))
    except Exception as error:  # two packages that do not fit each other raise anything
        words = f"{type(error).__name__}: {' '.join(str(error).split())}"
        again = f'%pip install --force-reinstall "{name}{needed}"'
        return _fail(name, f"{installed} is installed but does not load ({words})", again)
    return f"OK   {name}"


def _fail(name: str, problem: str, remedy: str) -> str:
    return f"FAIL {name} {problem}. Try: {remedy}"


def _numbers(version: str) -> tuple[int, ...]:
    """Read the numbers of a release: (2, 4) of ``>=2.4``, (2, 15, 0) of ``2.15.0+cpu``."""
    return tuple(int(part) for part in re.search(r"\d+(\.\d+)*", version)[0].split("."))
