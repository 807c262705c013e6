"""One Chromium and one JupyterLab for all tests of a browser, which run in one process."""

import shutil

import pytest
from helpers.lab import EXPLORERS, FLAGS, chromium_or_skip, jupyter_lab, write_notebook
from helpers.project import ROOT


@pytest.fixture(scope="package")
def browser():
    chromium = chromium_or_skip()
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture(scope="package")
def lab(browser, tmp_path_factory):
    """Serve copies of the notebooks, and one that shows all explorers; give the address."""
    scratch = tmp_path_factory.mktemp("jupyter")
    notebooks = scratch / "notebooks"
    shutil.copytree(ROOT / "notebooks", notebooks, ignore=shutil.ignore_patterns(".ipynb_check*"))
    write_notebook(notebooks / "all_explorers.ipynb", EXPLORERS.values())
    with jupyter_lab(notebooks, scratch / "server") as address:
        yield address
