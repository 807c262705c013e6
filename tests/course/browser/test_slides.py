"""The slides in a browser without a network, opened from their files."""

import editions
import nbformat
import packages
import pytest
from slides import compose

NAMES = ("02", "12")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    try:
        packages.fetch(packages.REVEAL, packages.MATHJAX)
    except OSError as error:
        pytest.skip(f"no slides can be made here: {error}")
    folder = tmp_path_factory.mktemp("editions") / "slides"
    editions.main(["slides", str(folder), *NAMES])
    return folder


class Deck:
    """The slides of one notebook on a projector, and what went wrong with them."""

    def __init__(self, browser, folder, name):
        (self.path,) = folder.glob(f"{name}_*.html")
        self.context = browser.new_context(
            viewport={"width": 1920, "height": 1080}, offline=True, reduced_motion="reduce"
        )
        self.page = self.context.new_page()
        self.asked, self.problems = [], []
        self.context.on("request", lambda request: self.asked.append(request.url))
        self.page.on("pageerror", lambda error: self.problems.append(str(error)))
        self.page.on("console", self._listen)
        self.page.goto(self.path.as_uri())
        self.page.wait_for_function("window.Reveal?.isReady?.()", timeout=60_000)

    def _listen(self, message):
        if message.type in ("error", "warning"):
            self.problems.append(message.text)

    def through(self, question):
        """Walk to the end with the arrow key; return what JavaScript answers on each slide."""
        said = [self.page.evaluate(question)]
        for _ in range(300):
            before = self.page.evaluate("Reveal.getState()")
            self.page.keyboard.press("ArrowRight")
            after = self.page.evaluate("Reveal.getState()")
            if before["indexh"] != after["indexh"]:
                said.append(self.page.evaluate(question))
            elif before == after:
                return said
        raise AssertionError("the slides have no end")


@pytest.fixture(scope="module", params=NAMES)
def deck(browser, folder, request):
    deck = Deck(browser, folder, request.param)
    yield deck
    deck.context.close()


@pytest.fixture(scope="module")
def seen(deck):
    return deck.through(LOOK)


LOOK = """() => {
    const slide = Reveal.getCurrentSlide(), hidden = "aside, mjx-assistive-mml";
    const shown = [...slide.querySelectorAll(".part, .part *")].filter((e) => !e.closest(hidden));
    const outside = shown.filter((e) => {
        const box = e.getBoundingClientRect();
        const inside = box.left > 20 && box.top > 20 && box.right < 1900 && box.bottom < 1064;
        return box.width && !inside;
    });
    const letters = shown.filter((e) => [...e.childNodes].some((n) => n.nodeType === 3
        && n.textContent.trim()) && !e.closest("svg"));
    const sizes = letters.map((e) => parseFloat(getComputedStyle(e).fontSize));
    const parts = [...slide.querySelectorAll(".part")]
        .map((e) => (e.querySelector("img, table") ?? e).getBoundingClientRect());
    const over = parts.filter((a, i) => parts.some((b, k) => k > i && a.left < b.right - 1
        && b.left < a.right - 1 && a.top < b.bottom - 1 && b.top < a.bottom - 1));
    return {
        words: slide.innerText.slice(0, 60), smallest: Math.min(...sizes, 99),
        outside: outside.map((e) => e.outerHTML.slice(0, 80)), over: over.length,
        pictures: [...slide.querySelectorAll("img")].map((e) => [e.alt, e.naturalWidth]),
        raw: letters.some((e) => /[$]|\\\\[a-z]/.test(e.textContent) && !e.closest("code")),
        notes: slide.querySelectorAll("aside.notes").length,
    };
}"""


def test_the_arrow_key_leads_through_all_slides(deck, seen):
    (notebook,) = editions.chosen([deck.path.stem])
    slides = compose.compose(nbformat.read(notebook, as_version=4).cells)
    assert 15 <= len(seen) <= 25 and len(seen) == len(slides)
    assert deck.page.evaluate("Reveal.getTotalSlides()") == len(slides)
    assert deck.page.locator(".slide-number").inner_text() == f"{len(seen)} / {len(seen)}"
    assert deck.page.title() == f"{slides[0].title} · slides"


def test_nothing_is_asked_of_a_network_and_nothing_goes_wrong(deck, seen):
    assert deck.asked and {url.partition(":")[0] for url in deck.asked} <= {"file", "data"}
    assert deck.problems == []


def test_all_is_on_the_slide_and_large_enough_for_the_last_row(seen):
    for slide in seen:
        assert slide["outside"] == [] and slide["over"] == 0, slide
        assert slide["smallest"] >= 28, slide


def test_formulas_are_set_and_pictures_say_what_they_show(deck, seen):
    assert not [slide["words"] for slide in seen if slide["raw"]]
    pictures = [picture for slide in seen for picture in slide["pictures"]]
    assert pictures and all(alt and width for alt, width in pictures)
    assert deck.page.locator("mjx-container").count() > 0
    assert deck.page.locator("mjx-merror").count() == 0


def test_an_explorer_has_its_page_beside_the_slides(deck, folder):
    links = deck.page.locator(".address a").evaluate_all("all => all.map((a) => a.pathname)")
    assert links
    for link in links:
        assert (folder / "explorers" / link.rpartition("/")[2]).is_file()


def test_the_speaker_sees_what_is_said_at_length(deck, seen):
    assert sum(slide["notes"] for slide in seen) >= len(seen) - 2
    deck.page.evaluate("Reveal.slide(2)")
    with deck.page.expect_popup() as opened:
        deck.page.keyboard.press("s")
    notes = opened.value.locator(".speaker-controls-notes .value")
    notes.filter(has_text="Move the sliders").or_(
        notes.filter(has_text="How it is made")
    ).wait_for()
    opened.value.close()
