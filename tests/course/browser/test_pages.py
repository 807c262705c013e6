"""All pages without a kernel, in a browser, opened from their files."""

import pytest
from helpers.lab import find_violations
from helpers.pages import MODULES, Opened, page

SIZES = {"desk": (1280, 800), "phone": (375, 740), "projector": (1920, 1080)}
each_page = pytest.mark.parametrize("name", MODULES)


@pytest.fixture(params=SIZES)
def opened(browser, request, name):
    opened = Opened(browser, name, SIZES[request.param])
    yield opened
    opened.close()


@each_page
def test_arrow_keys_move_each_slider_and_the_mouse_too(opened, name):
    for slider in opened.view().locator("input[type=range]:enabled").all():
        said, before = slider.get_attribute("aria-valuetext"), opened.looks()
        slider.press("Home")
        slider.press("ArrowRight")
        assert slider.get_attribute("aria-valuetext") != said
        assert opened.looks() != before
        box, before = slider.bounding_box(), slider.get_attribute("aria-valuetext")
        opened.page.mouse.click(box["x"] + 0.7 * box["width"], box["y"] + box["height"] / 2)
        assert slider.get_attribute("aria-valuetext") != before


@each_page
def test_every_control_is_reached_with_the_keyboard_has_a_name_and_shows_that_it_is(opened, name):
    controls = "input:enabled, select:enabled, button:enabled, summary"
    expected, reached = opened.view().locator(controls).count(), 0
    for _ in range(expected):
        opened.page.keyboard.press("Tab")
        found = opened.page.evaluate(_FOCUSED)
        assert found["inside"] and found["name"] and "solid 3px" in found["outline"], found
        reached += 1
    assert reached == expected


_FOCUSED = """() => {
    const it = document.activeElement;
    return {inside: Boolean(it.closest(".course-explorer")), outline: getComputedStyle(it).outline,
            name: it.getAttribute("aria-label") || it.labels?.[0]?.textContent || it.textContent};
}"""


@each_page
def test_nothing_is_too_small_or_too_wide_to_read(opened, name):
    assert opened.words_too_small_or_outside() == []


@each_page
def test_the_state_stands_in_the_address_and_can_be_shared(browser, name):
    first = Opened(browser, name)
    for slider in first.view().locator("input[type=range]:enabled").all():
        slider.press("ArrowRight")
    for choice in first.view().locator("select:enabled").all():
        choice.select_option(index=1)
    shared, looks = first.page.url, first.looks()
    first.close()
    assert "#" in shared and "=" in shared
    second = Opened(browser, name, address=shared[shared.index("#") :])
    assert second.looks() == looks
    second.close()


@each_page
def test_an_address_of_nonsense_is_answered_in_words_and_breaks_nothing(browser, name):
    control = next(c for c in _controls(name) if c["kind"] in ("number", "choice"))
    opened = Opened(browser, name, address=f"#{control['name']}=nonsense&other=%00")
    assert "ignored" in opened.text("correction")
    assert opened.text("verdict")
    opened.close()


def _controls(name):
    return [control for row in page(name).spec["rows"] for control in row]


@each_page
def test_a_decimal_comma_is_understood_and_nonsense_does_not_stay(browser, name):
    numbers = [c for c in _controls(name) if c["kind"] == "number"]
    if not numbers:
        pytest.skip("nothing is typed on this page")
    opened, control = Opened(browser, name), numbers[0]
    box = opened.control(f"{control['label']}, typed")
    stop = control["stops"][1]
    box.fill("much")
    box.press("Enter")
    assert "must be a number" in opened.text("correction")
    box.fill(str(stop).replace(".", ","))
    box.press("Enter")
    assert opened.text("correction") == ""
    assert float(box.input_value()) == pytest.approx(stop, rel=1e-3)
    opened.close()


@each_page
def test_without_javascript_a_picture_and_words_stand_there(browser, name):
    opened = Opened(browser, name, java_script_enabled=False)
    still = opened.page.locator("img.still")
    assert still.is_visible() and still.get_attribute("alt") == page(name).words
    assert still.bounding_box()["height"] > 200
    assert "needs JavaScript" in opened.page.locator("noscript").inner_text()
    opened.close()


@each_page
def test_the_page_is_dark_for_who_prefers_it(browser, name):
    opened = Opened(browser, name, color_scheme="dark")
    opened.page.locator(".course-explorer.dark").wait_for()
    opened.page.emulate_media(color_scheme="light")
    opened.page.locator(".course-explorer:not(.dark)").wait_for()
    opened.close()


@each_page
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_no_serious_violation(browser, name, scheme):
    opened = Opened(browser, name, color_scheme=scheme)
    opened.page.wait_for_timeout(200)
    assert find_violations(opened.page) == []
    opened.close()


@each_page
def test_on_a_desk_the_whole_explorer_is_seen_at_once(browser, name):
    opened = Opened(browser, name)
    assert opened.view().bounding_box()["height"] < 690
    opened.close()
