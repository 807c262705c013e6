"""The page of the explorers as a teacher shows it: served by voila, in a real browser."""

import re
from contextlib import contextmanager

import pytest
from helpers.lab import served
from helpers.project import ROOT

ARTIFACTS = ROOT / "tests" / "artifacts"
CLASSES = {
    "Signal": "explorer",
    "Funnel": "funnel",
    "Training": "live-training",
    "Dreams": "dream",
    "Residual": "residual",
    "Tournament": "tournament",
}


@contextmanager
def voila(page, scratch):
    """Serve one notebook with voila, as the README says; give the address of its page."""
    options = ["--no-browser", "--Voila.ip=127.0.0.1", "--Voila.port_retries=0"]
    costs_no_kernel = "voila/static/voila.js"
    with served(["voila", str(page), *options], scratch, alive=costs_no_kernel) as address:
        yield f"{address}/"


@pytest.fixture(scope="module")
def opened(browser, tmp_path_factory):
    """Open the page at a projector's size; give it, and what its console complained about."""
    ARTIFACTS.mkdir(exist_ok=True)
    with voila(ROOT / "notebooks" / "explorers.ipynb", tmp_path_factory.mktemp("voila")) as address:
        page, problems = browser.new_page(viewport={"width": 1280, "height": 720}), []
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on("console", lambda message: problems.extend(_own_errors(message, address)))
        page.goto(address, timeout=240_000)
        page.wait_for_selector(".explorers .explorer-picture", timeout=240_000)
        yield page, problems
        page.close()


def _own_errors(message, address):
    """Return an error as a list of one, unless somebody else made it.

    voila asks another host for icons, and loads what extensions of JupyterLab it finds installed.
    """
    url = message.location.get("url", "")
    foreign = url.startswith("http") and not url.startswith(address)
    extension = re.search(r"/labextensions/(?!@jupyter-widgets)", message.text + url)
    return [] if message.type != "error" or foreign or extension else [f"{message.text} ({url})"]


def changes(page, picture, action):
    """Do ``action`` and wait until the picture is a new one, loaded."""
    before = page.locator(picture).get_attribute("src")
    action()
    page.wait_for_function(_PICTURE_IS_NEW, arg=[picture, before], timeout=30_000, polling="raf")


_PICTURE_IS_NEW = """([name, before]) => {
    const picture = document.querySelector(name);
    return picture && picture.src !== before && picture.complete && picture.naturalWidth > 0;
}"""


def test_the_page_shows_no_code(opened):
    page, _ = opened
    assert page.get_by_role("heading", name="The explorers").is_visible()
    text = page.locator("body").inner_text()
    assert "import " not in text and "lambda" not in text
    assert page.locator(".jp-InputArea-editor, .jp-CodeCell .jp-InputArea").count() == 0


def test_a_slider_moves_by_keyboard_and_the_picture_follows(opened):
    page, _ = opened
    typed = page.locator(".explorer-depth-text input")
    said, depth = page.locator(".explorer-verdict").inner_text(), int(typed.input_value())
    page.locator(".explorer-std-slider .noUi-handle").focus()
    for _ in range(5):
        changes(page, ".explorer-picture", lambda: page.keyboard.press("ArrowLeft"))
    page.locator(".explorer-depth-slider .noUi-handle").focus()
    for _ in range(2):
        changes(page, ".explorer-picture", lambda: page.keyboard.press("ArrowRight"))
    assert int(typed.input_value()) == depth + 2
    assert page.locator(".explorer-verdict").inner_text() != said


@pytest.mark.parametrize("name", CLASSES)
def test_each_explorer_is_one_key_away_and_says_what_to_try(opened, name):
    page, problems = opened
    page.get_by_role("button", name=name, exact=True).press("Enter")
    page.wait_for_selector(f".explorers .{CLASSES[name]}-picture", timeout=120_000)
    page.wait_for_function(_LOADED, arg=f".{CLASSES[name]}-picture", timeout=20_000)
    page.screenshot(path=ARTIFACTS / f"voila-{name.lower()}.png")
    assert page.locator(".explorers [class*='-picture']").count() == 1  # the others have left
    assert re.search(r"Try: .{40,}", page.locator(".explorers").inner_text())
    assert not problems


_LOADED = """name => {
    const picture = document.querySelector(name);
    return picture && picture.complete && picture.naturalWidth > 0;
}"""


def test_the_names_of_the_explorers_fit_a_projector(opened):
    page, _ = opened
    tops = {page.get_by_role("button", name=n, exact=True).bounding_box()["y"] for n in CLASSES}
    width = page.evaluate("document.documentElement.scrollWidth")
    assert len(tops) == 1 and width <= 1280
