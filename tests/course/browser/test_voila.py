"""The page of the explorers as a teacher shows it: served by voila, in a real browser."""

import re
from contextlib import contextmanager

import pytest
from helpers.lab import DRAWN, find_violations, served
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

LAPTOP, PROJECTOR = {"width": 1280, "height": 800}, {"width": 1920, "height": 1080}


@contextmanager
def classroom(scratch, *more, **environment):
    """Serve the page of explorers as docs/teachers.md says; give its address."""
    options = ["--no-browser", "--Voila.ip=127.0.0.1", "--Voila.port_retries=0", *more]
    command = ["course_utils.classroom", str(ROOT / "notebooks" / "explorers.ipynb"), *options]
    costs_no_kernel = "voila/static/voila.js"
    with served(command, scratch, alive=costs_no_kernel, environment=environment) as address:
        yield f"{address}/"


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    with classroom(tmp_path_factory.mktemp("voila")) as address:
        yield address


@pytest.fixture(scope="module")
def opened(browser, address):
    """Open the page at a laptop's size; give it, and what its console complained about."""
    ARTIFACTS.mkdir(exist_ok=True)
    page, problems = browser.new_page(viewport=LAPTOP), []
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("console", lambda message: problems.extend(_own_errors(message, address)))
    go(page, address)
    yield page, problems
    page.close()


def go(page, address):
    """Open the page, and wait for its first picture."""
    page.goto(address, timeout=240_000)
    page.wait_for_selector(".explorers .explorer-picture svg", timeout=240_000)


def _own_errors(message, address):
    """Return an error as a list of one, unless somebody else made it.

    voila asks another host for icons, and loads what extensions of JupyterLab it finds installed.
    """
    url = message.location.get("url", "")
    foreign = url.startswith("http") and not url.startswith(address)
    extension = re.search(r"/labextensions/(?!@jupyter-widgets)", message.text + url)
    return [] if message.type != "error" or foreign or extension else [f"{message.text} ({url})"]


def changes(page, picture, action):
    """Do ``action`` and wait until another picture is drawn."""
    before = page.evaluate(DRAWN, picture)
    action()
    page.wait_for_function(
        f"([name, before]) => ({DRAWN})(name) !== before", arg=[picture, before], timeout=30_000
    )


def press(page, name):
    """Choose an explorer with the keyboard, and wait for its picture; return the latter's class."""
    picture = f".{CLASSES[name]}-picture"
    page.get_by_role("button", name=name, exact=True).press("Enter")
    page.wait_for_selector(f".explorers {picture} :is(svg, canvas)", timeout=120_000)
    page.evaluate("() => document.fonts.ready")
    return picture


def test_the_page_shows_no_code(opened):
    page, _ = opened
    assert page.get_by_role("heading", name="The explorers").is_visible()
    text = page.locator("body").inner_text()
    assert "import " not in text and "lambda" not in text
    assert page.locator(".jp-InputArea-editor, .jp-CodeCell .jp-InputArea").count() == 0


def test_a_slider_moves_by_keyboard_and_the_picture_follows(opened):
    page, _ = opened
    typed = page.locator("input.explorer-depth-text")
    said, depth = page.locator(".explorer-verdict").inner_text(), int(typed.input_value())
    std, deep = (page.locator(f".explorer-{name}-slider") for name in ("std", "depth"))
    for _ in range(5):
        changes(page, ".explorer-picture", lambda: std.press("ArrowLeft"))
    for _ in range(2):
        changes(page, ".explorer-picture", lambda: deep.press("ArrowRight"))
    assert int(typed.input_value()) == depth + 2
    assert page.locator(".explorer-verdict").inner_text() != said


each_explorer = pytest.mark.parametrize("name", CLASSES)


@each_explorer
def test_each_explorer_is_one_key_away_and_says_what_to_try(opened, name):
    page, problems = opened
    press(page, name)
    page.screenshot(path=ARTIFACTS / f"voila-{name.lower()}.png")
    assert page.locator(".explorers [class$='-picture']").count() == 1  # the others have left
    assert re.search(r"Try: .{40,}", page.locator(".explorers").inner_text())
    assert not problems


@each_explorer
def test_the_pressed_button_of_the_menu_is_announced_as_pressed(opened, name):
    page, _ = opened
    press(page, name)
    menu = page.get_by_role("group", name="explorers", exact=True)
    assert menu.get_by_role("button").all_inner_texts() == list(CLASSES)
    assert menu.get_by_role("button", pressed=True).all_inner_texts() == [name]
    assert menu.get_by_role("button", pressed=False).count() == len(CLASSES) - 1
    assert page.evaluate("document.activeElement.textContent") == name
    assert "solid 3px" in page.evaluate("getComputedStyle(document.activeElement).outline")


@each_explorer
@pytest.mark.parametrize("size", ["laptop", "projector"])
def test_all_of_an_explorer_is_seen_at_once_without_scrolling(opened, name, size):
    page, _ = opened
    press(page, name)
    try:
        page.set_viewport_size({"laptop": LAPTOP, "projector": PROJECTOR}[size])
        if size == "projector":
            page.locator(".course-explorer.wide").nth(1).wait_for()  # the menu, and the explorer
        assert page.evaluate(_PARTS) == []
        page.screenshot(path=ARTIFACTS / f"voila-{name.lower()}-{size}.png")
    finally:
        page.set_viewport_size(LAPTOP)
        page.locator(".course-explorer.wide").first.wait_for(state="detached")


_PARTS = """() => {
    const found = [], parts = [".menu", ".explorers-menu p", ".all-controls", ".picture",
        "p.verdict", "details", "p.keys"]
        .map(name => [name, document.querySelector(".explorers " + name)]);
    let floor = 0, above = "the window";
    for (const [name, part] of parts) {
        const box = part.getBoundingClientRect();
        if (box.height < 10 || box.top < floor - 1) found.push(`${name} lies over ${above}`);
        const inside = box.bottom <= innerHeight && box.left >= 0 && box.right <= innerWidth;
        if (!inside) found.push(`${name} is cut`);
        [floor, above] = [box.bottom, name];
    }
    for (let around = parts[3][1]; around; around = around.parentElement) {
        const scrolls = ["auto", "scroll"].includes(getComputedStyle(around).overflowY);
        const hidden = around.scrollHeight - around.clientHeight;
        if (scrolls && hidden > 1) found.push(`${around.className} scrolls by ${hidden}`);
    }
    return found;
}"""


@each_explorer
def test_no_word_touches_another_or_is_too_small(opened, name):
    page, _ = opened
    press(page, name)
    assert page.evaluate(_WORDS) == []


_WORDS = """() => {
    const found = [], shown = document.querySelectorAll(".explorers svg text");
    const texts = [...shown].filter(text => text.textContent.trim())
        .map(text => [text.textContent, text.getBoundingClientRect(), text]);
    const picture = document.querySelector(".explorers .picture").getBoundingClientRect();
    texts.forEach(([words, a, text], i) => {
        if (parseFloat(getComputedStyle(text).fontSize) < 11.99) found.push(`${words} is small`);
        if (a.left < picture.left - 1 || a.right > picture.right + 1) found.push(`${words} is cut`);
        for (const [other, b] of texts.slice(i + 1)) {
            const beside = a.right < b.left + 1 || b.right < a.left + 1;
            const below = a.bottom < b.top + 4 || b.bottom < a.top + 4;  // letters have air around
            if (!beside && !below) found.push(`${words} touches ${other}`);
        }
    });
    return found;
}"""


@each_explorer
def test_axe_finds_no_serious_violation(opened, name):
    page, _ = opened
    press(page, name)
    assert find_violations(page, ".explorers") == []


def test_the_menu_and_the_explorers_are_dark_where_the_page_is(browser, address):
    page = browser.new_page(viewport=LAPTOP)
    go(page, f"{address}?theme=dark")
    page.locator(".course-explorer.dark .picture").wait_for()
    page.locator(".explorers-menu.dark").wait_for()
    page.screenshot(path=ARTIFACTS / "voila-dark.png")
    assert find_violations(page, ".explorers") == []
    page.close()


@pytest.fixture
def small_room(tmp_path):
    """A page for one visitor at a time, whose kernel ends soon after the visitor has left."""
    soon = "--MappingKernelManager.cull_idle_timeout=20"
    often = "--MappingKernelManager.cull_interval=1"
    (tmp_path / "tmp").mkdir()  # its visitors are counted there
    room = {"COURSE_VISITORS": "1", "TMPDIR": str(tmp_path / "tmp")}
    with classroom(tmp_path, soon, often, **room) as address:
        yield address


def test_a_full_page_says_so_and_a_visitor_who_leaves_makes_room(browser, small_room):
    first, second = (browser.new_page(viewport=LAPTOP) for _ in range(2))
    go(first, small_room)
    assert "can hold about 1 visitor of this page at once; when you came, 1 was here" in foot(first)
    second.goto(small_room)
    second.locator(".explorers-full").wait_for(timeout=60_000)
    words = second.locator(".explorers-full").inner_text()
    assert words.startswith("This page is full: this machine can hold 1 visitor of it at once")
    assert second.locator(".explorers").count() == 0
    second.set_viewport_size({"width": 400, "height": 800})
    assert second.evaluate(_CUT, ".explorers-full") == []
    first.wait_for_timeout(25_000)  # who only reads stays
    changes(first, ".explorer-picture", lambda: press_left(first))
    second.close()
    first.close()
    third = browser.new_page(viewport=LAPTOP)
    for _ in range(60):
        third.goto(small_room)
        third.locator(".explorers, .explorers-full").first.wait_for(timeout=60_000)
        if third.locator(".explorers").count():
            break
        third.wait_for_timeout(1000)
    assert "1 was here, with you" in foot(third)
    third.close()


_CUT = """name => [...document.querySelectorAll(`${name}, ${name} *`)]
    .filter(part => part.scrollWidth > part.clientWidth + 1 && part.clientWidth)
    .map(part => part.className)"""


def foot(page):
    return page.locator(".visitors").inner_text()


def press_left(page):
    page.locator(".explorer-std-slider").press("ArrowLeft")
