"""The site in a browser without a network, opened from its files."""

import re

import pytest
from helpers.lab import find_violations
from helpers.site import built

NAMES = (
    "index",
    "one_answer",
    "your_network",
    "glossary",
    "explorers",
    "teachers",
    "notebooks/02_scale_of_the_signal",
    "notebooks/00_start_here",
    "notebooks/12_which_initialization",
    "api/initializers",
)
DESK = {"width": 1280, "height": 800}


@pytest.fixture(scope="module")
def site(browser, tmp_path_factory):
    return built(tmp_path_factory)


class Opened:
    """A page of the site, and what went wrong with it."""

    def __init__(self, browser, site, name, **options):
        self.context = browser.new_context(viewport=DESK, offline=True, **options)
        self.page = self.context.new_page()
        self.asked, self.problems = [], []
        self.context.on("request", lambda request: self.asked.append(request.url))
        self.page.on("pageerror", lambda error: self.problems.append(str(error)))
        self.page.on("console", self._listen)
        file, _, query = name.partition("?")
        self.page.goto((site / f"{file}.html").as_uri() + (f"?{query}" if query else ""))
        self.page.evaluate("window.MathJax?.startup.promise.then(() => null)")

    def _listen(self, message):
        if message.type in ("error", "warning"):
            self.problems.append(message.text)

    def close(self):
        self.context.close()


@pytest.fixture(scope="module", params=NAMES)
def opened(browser, site, request):
    opened = Opened(browser, site, request.param, color_scheme="light")
    yield opened
    opened.close()


def test_nothing_is_asked_of_a_network_and_nothing_goes_wrong(opened):
    assert {url.partition(":")[0] for url in opened.asked} <= {"file", "data", "blob"}
    assert opened.problems == []


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_no_serious_violation(opened, theme):
    if theme == "dark" and "02_scale" in opened.page.url:
        pytest.skip("its many formulas take axe long; the other lessons are looked at in the dark")
    opened.page.emulate_media(color_scheme=theme)
    opened.page.locator(f"html[data-theme={theme}]").wait_for()
    opened.page.wait_for_timeout(500)  # colours fade
    assert find_violations(opened.page) == []


def test_on_a_phone_nothing_is_wider_than_the_screen(opened):
    opened.page.set_viewport_size({"width": 400, "height": 800})
    assert opened.page.evaluate("document.documentElement.scrollWidth") <= 400


@pytest.mark.parametrize(
    ("word", "page"),
    [
        ("mirrored", "09 · The other schemes"),
        ("상관", "Glossary"),
        ("looks_linear_", "course_utils.initializers.looks_linear_"),
    ],
)
def test_the_search_finds(browser, site, word, page):
    opened = Opened(browser, site, f"search?q={word}")
    results = opened.page.locator("#search-results li a")
    opened.page.locator("#search-results .search-summary").filter(has_text="found").wait_for()
    assert any(page in text for text in results.all_inner_texts())
    assert opened.problems == []
    opened.close()


def test_every_formula_is_set_and_none_is_misunderstood(browser, site):
    opened = Opened(browser, site, "notebooks/06_he_derivation")
    shown = opened.page.locator(".math")
    assert shown.count() > 20
    assert opened.page.locator(".math:not(:has(mjx-container))").count() == 0
    assert opened.page.locator("mjx-merror, [data-mml-node=merror]").count() == 0
    assert "\\_" not in "".join(opened.page.locator("mjx-assistive-mml").all_inner_texts())
    opened.close()


def test_the_front_page_moves_and_shows_three_ways_on_in_one_screen(browser, site):
    opened = Opened(browser, site, "index")
    frame = opened.page.frame_locator(".front iframe")
    frame.locator(".explorer-picture svg").first.wait_for()
    before = frame.locator(".explorer-picture").first.inner_html()
    frame.locator("input[type=range]").first.press("ArrowRight")
    assert frame.locator(".explorer-picture").first.inner_html() != before
    for way in opened.page.locator(".front .way").all():
        box = way.bounding_box()
        assert box["y"] + box["height"] <= 800
    opened.close()


def test_an_explorer_is_as_high_as_it_needs_and_as_dark_as_the_page(browser, site):
    opened = Opened(browser, site, "notebooks/06_he_derivation", color_scheme="light")
    frame = opened.page.locator(".explorer iframe").first
    frame.scroll_into_view_if_needed()
    inside = opened.page.frame_locator(".explorer iframe").first
    inside.locator(".explorer-picture svg").first.wait_for()
    needs = inside.locator("body").evaluate("it => it.scrollHeight")
    assert frame.bounding_box()["height"] >= needs
    opened.page.evaluate("document.documentElement.dataset.theme = 'dark'")
    inside.locator(".course-explorer.dark").first.wait_for()
    opened.close()


def test_a_term_says_what_it_means_to_who_points_at_it(browser, site):
    opened = Opened(browser, site, "notebooks/02_scale_of_the_signal")
    term = opened.page.locator("a.term").first
    said = "it => getComputedStyle(it, '::after').content"
    assert term.evaluate(said) == "none"
    term.hover()
    assert re.search("[가-힣]", term.evaluate(said))
    opened.close()


def test_a_lesson_is_printed_whole(browser, site, tmp_path):
    from pypdf import PdfReader

    opened = Opened(browser, site, "notebooks/02_scale_of_the_signal")
    closed = "[...document.querySelectorAll('.bd-content details')].filter(d => !d.open).length"
    assert opened.page.evaluate(closed) > 10
    opened.page.emulate_media(media="print")
    opened.page.pdf(path=tmp_path / "02.pdf", prefer_css_page_size=True)
    assert opened.page.evaluate(closed) == 0
    text = "".join(page.extract_text() for page in PdfReader(tmp_path / "02.pdf").pages)
    assert "# Tested: what the explorer says is left" in text
    opened.close()


def test_on_paper_no_formula_is_wider_than_its_line(browser, site):
    """A line of 05 is, on a screen: there it can be scrolled."""
    opened = Opened(browser, site, "notebooks/05_xavier_derivation")
    opened.page.set_viewport_size({"width": 700, "height": 900})
    assert opened.page.evaluate(_TOO_WIDE) > 0
    opened.page.emulate_media(media="print")
    assert opened.page.evaluate(_TOO_WIDE) == 0
    opened.close()


_TOO_WIDE = """() => [...document.querySelectorAll('mjx-container[display="true"]')]
    .filter(line => line.firstElementChild.getBoundingClientRect().width > line.clientWidth + 1)
    .length"""
