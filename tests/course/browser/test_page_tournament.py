"""The page of the tournament: words, numbers and picture are those of the live explorer."""

import pytest
from helpers.pages import Opened

from course_utils.explorers.tournament import TournamentExplorer

ASKED = {
    "played": ("sigmoid", 10, 32, "adam", 150, "MNIST"),
    "nothing learns": ("relu", 100, 32, "sgd", 150, "MNIST"),
    "not played": ("transformer, post-norm", 30, 128, "sgd", 1000, "digits"),
    "no advice": ("LSTM", 100, 8, "sgd", 150, "Shapeset-3×2"),
}


@pytest.fixture(scope="module")
def live():
    return TournamentExplorer()


@pytest.fixture(params=[(1280, 800), (375, 740)], ids=["desk", "phone"])
def opened(browser, request):
    opened = Opened(browser, "tournament", request.param)
    yield opened
    opened.close()


@pytest.mark.parametrize("asked", ASKED)
def test_words_numbers_and_picture_are_those_of_the_live_explorer(opened, live, asked):
    names = list(live.controls)
    live.set(**dict(zip(names, ASKED[asked], strict=True)))
    for name, value in zip(names, ASKED[asked], strict=True):
        opened.control(live.controls[name].label).select_option(str(value))
    assert opened.text("verdict") == live.verdict
    _, _, alt = opened.looks()
    assert alt == live.shown["alt"]
    opened.page.locator("summary").click()
    opened.page.locator("tbody tr").first.wait_for()
    rows = opened.page.locator("tbody tr").all()
    cells = [row.locator("th, td").all_inner_texts() for row in rows]
    assert cells == live.shown["table"]["rows"]
    marks = opened.view().locator("svg .standing[data-name]")
    drawn = marks.evaluate_all("all => all.map(g => [g.dataset.name, g.classList[1]])")
    contestants = live.shown["picture"]["contestants"]
    assert drawn == [[c["name"], c["standing"]] for c in contestants]
    advised = opened.view().locator("svg text", has_text="advised").count()
    assert advised == sum(c["advised"] for c in contestants)


def test_verdicts_differ_in_shape_not_only_in_colour(opened):
    opened.control("network").select_option(label="plain sigmoid")
    opened.control("depth").select_option("10")
    marks = opened.view().locator("svg .standing[data-name]")
    looks = marks.evaluate_all(
        """all => Object.fromEntries(all.map(g => [g.classList[1], [
            g.querySelector(".mark").tagName,
            getComputedStyle(g.querySelector(".mark")).fill ===
                getComputedStyle(g.querySelector(".mark")).stroke]]))"""
    )
    assert looks == {
        "best": ["circle", True],
        "less": ["rect", True],
        "nothing": ["circle", False],
    }


def test_in_every_setting_no_word_touches_another_or_leaves_the_picture(opened):
    """Reached one by one through the address, as a link that is shared."""
    settings = opened.page.evaluate(
        "JSON.parse(document.getElementById('held').textContent).data.settings"
    )
    names = ("family", "depth", "width", "rule", "steps", "data")
    for setting in settings[::5]:
        pairs = [[name, value] for name, value in zip(names, setting, strict=True)]
        opened.page.evaluate("pairs => location.hash = new URLSearchParams(pairs)", pairs)
        opened.page.evaluate("() => new Promise(done => requestAnimationFrame(() => done()))")
        assert opened.control("budget").input_value() == setting[4]
        assert opened.page.evaluate(_TOUCHING) == []
        assert opened.words_too_small_or_outside() == []


_TOUCHING = """() => {
    const found = [], texts = [...document.querySelectorAll(".picture svg text")]
        .map(text => [text.textContent, text.getBoundingClientRect()]);
    const picture = document.querySelector(".picture svg").getBoundingClientRect();
    texts.forEach(([words, a], i) => {
        if (a.left < picture.left - 1 || a.right > picture.right + 1) found.push([words, "is cut"]);
        for (const [other, b] of texts.slice(i + 1)) {
            const beside = a.right < b.left + 0.5 || b.right < a.left + 0.5;
            const below = a.bottom < b.top + 4 || b.bottom < a.top + 4;  // letters have air around
            if (!beside && !below) found.push([words, other]);
        }
    });
    return found;
}"""
