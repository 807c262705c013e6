"""The site of the course, built once for all tests that look at it."""

import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

import packages
import pytest
from filelock import FileLock
from helpers.project import ROOT

ADDRESS = "https://github.com/someone/course"
PARTS = ("docs", "notebooks", "figures", "course_utils")
FILES = ("README.md", "CONTRIBUTING.md", "pyproject.toml")


def site_or_skip():
    """Skip, in words, where the site cannot be built."""
    if importlib.util.find_spec("myst_nb") is None:
        pytest.skip("the extra docs is not installed (it needs Python 3.11)")
    try:
        packages.fetch(packages.MATHJAX)
    except OSError as error:
        pytest.skip(f"no site can be built here: {error}")


def built(tmp_path_factory) -> Path:
    """Return the folder of the site; the first test that asks for it builds it.

    It is built from a copy of the repository, with an address of which the buttons are made.
    """
    site_or_skip()
    folder = tmp_path_factory.getbasetemp()
    if os.environ.get("PYTEST_XDIST_WORKER"):
        folder = folder.parent  # that of all processes
    copy, site = folder / "course", folder / "site"
    with FileLock(folder / "site.lock"):
        if not (folder / "built").exists():
            if copy.exists():
                pytest.fail(
                    "the site could not be built: the first test that asked for it says why"
                )
            _copy(copy)
            build(copy, site, "-D", f"course_repository={ADDRESS}")
            (folder / "built").touch()
    return site


def _copy(folder):
    made = shutil.ignore_patterns("__pycache__")
    for name in PARTS:
        shutil.copytree(ROOT / name, folder / name, ignore=made)
    for name in FILES:
        shutil.copy(ROOT / name, folder / name)


def build(course, site, *options, seed="0"):
    """Build the site of a copy of the repository; a warning is an error."""
    command = [sys.executable, "-m", "sphinx", "-W", "-q", "-j", "2", *options, "docs", site]
    environment = {**os.environ, "PYTHONHASHSEED": seed}
    done = subprocess.run(
        command, cwd=course, env=environment, capture_output=True, encoding="utf-8"
    )
    assert done.returncode == 0, done.stdout + done.stderr
