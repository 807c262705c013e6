"""One Chromium for all tests of a browser, which run in one process (see the first conftest)."""

import pytest
from helpers.lab import FLAGS, chromium_or_skip


@pytest.fixture(scope="package")
def browser():
    chromium = chromium_or_skip()
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        yield browser
        browser.close()
