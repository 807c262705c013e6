"""The explorers in JupyterLab for eyes, ears and small screens: size, colours, names, numbers."""

import re

import pytest
from helpers.lab import EXPLORERS, NotebookPage, find_violations
from helpers.project import ROOT

ARTIFACTS = ROOT / "tests" / "artifacts"
ROOM = 688
"""Pixels: so high is a notebook's visible part in JupyterLab on a laptop of 1280 × 800."""

THEMES = ("JupyterLab Light", "JupyterLab Dark")
each_explorer = pytest.mark.parametrize("prefix", EXPLORERS)


@pytest.fixture(scope="module")
def laptop(lab, browser):
    """All explorers, with JupyterLab's side bars, on a laptop."""
    ARTIFACTS.mkdir(exist_ok=True)
    page = browser.new_page(viewport={"width": 1280, "height": 800})
    notebook = NotebookPage(page, lab, "all_explorers.ipynb", place="lab")
    notebook.run_all_cells()
    yield notebook
    notebook.change_theme("JupyterLab Light")
    page.close()


@pytest.fixture(scope="module", params=THEMES)
def themed(laptop, request):
    laptop.change_theme(request.param)
    laptop.page.wait_for_timeout(500)
    return laptop


@each_explorer
def test_the_whole_explorer_is_seen_at_once_on_a_laptop(laptop, prefix):
    view = laptop.turn_to(prefix).view()
    panel = laptop.page.locator(".jp-WindowedPanel-outer").bounding_box()
    box = view.bounding_box()
    assert box["height"] <= ROOM <= panel["height"] + 20
    assert panel["x"] <= box["x"] and box["x"] + box["width"] <= panel["x"] + panel["width"]
    assert view.evaluate(_OUTSIDE) == []


_OUTSIDE = """view => {
    const whole = view.getBoundingClientRect();
    const parts = '.picture text, .picture canvas, p:not(.spoken), input, select, button';
    return [...view.querySelectorAll(parts)]
        .map(part => [part.outerHTML.slice(0, 80), part.getBoundingClientRect()])
        .filter(([, box]) => box.width && (
            box.left < whole.left - 1 || box.right > whole.right + 1 ||
            box.top < whole.top - 1 || box.bottom > whole.bottom + 1))
        .map(([html]) => html);
}"""


@each_explorer
def test_every_word_and_every_line_can_be_told_from_its_ground(themed, prefix):
    view = themed.turn_to(prefix).view()
    view.screenshot(path=ARTIFACTS / f"{prefix}-{view.evaluate('v => v.className')[:40]}.png")
    words, lines = view.evaluate(_CONTRASTS)
    assert len(words) > 10
    assert [word for word in words if word[0] < 4.5] == []
    assert [line for line in lines if line[0] < 3] == []


_CONTRASTS = """view => {
    const sheet = document.createElement('canvas').getContext('2d', {willReadFrequently: true});
    function rgba(color) {
        sheet.clearRect(0, 0, 1, 1);
        sheet.fillStyle = color;
        sheet.fillRect(0, 0, 1, 1);
        return [...sheet.getImageData(0, 0, 1, 1).data];
    }
    function light(color) {
        const [r, g, b] = rgba(color).map(x => x / 255)
            .map(x => x <= 0.04045 ? x / 12.92 : ((x + 0.055) / 1.055) ** 2.4);
        return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    }
    function ground(element) {
        for (let behind = element; behind; behind = behind.parentElement) {
            const color = getComputedStyle(behind).backgroundColor;
            if (rgba(color)[3] > 250) return color;
        }
        return 'white';
    }
    function contrast(element, color) {
        const two = [light(color), light(ground(element))].sort((a, b) => b - a);
        return Math.round(100 * (two[0] + 0.05) / (two[1] + 0.05)) / 100;
    }
    const words = [], lines = [];
    const written = 'p, label, summary, button, input[type=text], select, svg text, span';
    for (const element of view.querySelectorAll(written)) {
        const own = element.matches('input, select') ||
            [...element.childNodes].some(node => node.nodeType === 3 && node.data.trim());
        if (!own || element.disabled || element.matches('.spoken')) continue;
        const style = getComputedStyle(element);
        const color = element.closest('svg') ? style.fill : style.color;
        words.push([contrast(element, color), element.outerHTML.slice(0, 120)]);
    }
    for (const line of view.querySelectorAll('svg .line')) {
        lines.push([contrast(line, getComputedStyle(line).stroke), line.outerHTML.slice(0, 60)]);
    }
    return [words, lines];
}"""


@each_explorer
def test_axe_finds_nothing_serious(themed, prefix):
    view = themed.turn_to(prefix).view()
    view.evaluate("view => { document.querySelectorAll('#looked-at').forEach(v => v.id = ''); }")
    view.evaluate("view => { view.id = 'looked-at'; }")
    assert find_violations(themed.page, "#looked-at") == []


@each_explorer
def test_every_control_has_a_name_and_every_slider_says_what_the_learner_means(laptop, prefix):
    view = laptop.turn_to(prefix).view()
    for slider in view.get_by_role("slider").all():
        assert slider.evaluate(_NAME)
        assert re.search(r"\d", slider.get_attribute("aria-valuetext"))
    for role in ("textbox", "combobox", "button"):
        assert all(control.evaluate(_NAME) for control in view.get_by_role(role).all())
    (picture,) = view.locator(f"{laptop.picture}[role=img]").all()
    assert len(picture.get_attribute("aria-label")) > 40
    assert view.get_attribute("role") == "group" and view.get_attribute("aria-label")


_NAME = """control => (control.getAttribute('aria-label') || control.labels?.[0]?.textContent ||
    control.textContent).trim()"""


def test_std_is_a_slider_called_std_whose_value_is_0_05(laptop):
    view = laptop.turn_to("explorer").view()
    std = view.get_by_role("slider", name="std", exact=True)
    assert std.get_attribute("aria-valuetext") == "0.05"
    assert view.get_by_role("textbox", name="std, typed").input_value() == "0.05"
    assert re.search(r'slider "std": ?"?0\.05|slider "std"', view.aria_snapshot())
    depth = view.get_by_role("slider", name="depth", exact=True)
    assert depth.get_attribute("aria-valuetext") == "20 layers"


def test_the_words_are_announced_once_they_rest_and_from_one_stable_place(laptop):
    laptop.turn_to("explorer")
    page, live = laptop.page, laptop.page.locator(".explorer-status")
    assert live.get_attribute("role") == "status" and live.get_attribute("aria-live") == "polite"
    live.evaluate(_LISTEN)
    page.locator("input.explorer-std-slider").focus()
    for _ in range(5):
        laptop.changes(lambda: page.keyboard.press("ArrowRight"))
    page.wait_for_timeout(1200)
    assert page.evaluate("heard.node === document.querySelector('.explorer-status')")
    announced = page.evaluate("heard.words")
    assert 1 <= len(announced) <= 2  # not one for each step
    assert announced[-1] == page.locator(".explorer-verdict").inner_text()


_LISTEN = """node => {
    window.heard = {node, words: []};
    new MutationObserver(() => heard.words.push(node.textContent))
        .observe(node, {childList: true, characterData: true, subtree: true});
}"""


def test_the_alternative_text_says_what_the_picture_shows_now(laptop):
    view = laptop.turn_to("explorer").view()
    picture = view.locator(laptop.picture)
    before = picture.get_attribute("aria-label")
    depth = laptop.page.locator("input.explorer-depth-text")
    depth.fill("7")
    laptop.changes(lambda: depth.press("Enter"))
    after = picture.get_attribute("aria-label")
    assert after != before and "of 7 layers" in after and "at layer 7" in after


@each_explorer
def test_the_numbers_of_the_picture_unfold_as_a_table(laptop, prefix):
    view = laptop.turn_to(prefix).view()
    view.locator("summary").press("Enter")
    table = view.get_by_role("table")
    table.wait_for(timeout=5000)
    heads = table.get_by_role("columnheader").all_inner_texts()
    assert len(heads) >= 2 and table.locator("caption").inner_text()
    assert all(
        row.locator("th[scope=row]").count() == 1 and row.locator("td").count() == len(heads) - 1
        for row in table.locator("tbody tr").all()
    )
    view.locator("summary").press("Enter")
    table.wait_for(state="hidden")


def test_the_table_follows_the_picture(laptop):
    view = laptop.turn_to("explorer").view()
    view.locator("summary").click()
    depth = laptop.page.locator("input.explorer-depth-text")
    for layers in (5, 9):
        depth.fill(str(layers))
        laptop.changes(lambda: depth.press("Enter"))
        rows = view.locator("tbody tr th").all_inner_texts()
        assert rows == [str(layer) for layer in range(1, layers + 1)]
        last, said = view.locator("tbody tr").last, view.locator(laptop.picture)
        std = float(last.locator("td").first.inner_text())
        assert f"{std:.2g} at layer {layers}" in said.get_attribute("aria-label")
    view.locator("summary").click()


@pytest.fixture(scope="module")
def phone(lab, browser):
    """All explorers, in a window of a phone's width."""
    page = browser.new_page(viewport={"width": 1000, "height": 800})
    notebook = NotebookPage(page, lab, "all_explorers.ipynb")
    notebook.run_all_cells()
    page.set_viewport_size({"width": 400, "height": 800})
    yield notebook
    page.close()


@each_explorer
def test_on_a_phone_the_picture_is_drawn_for_it(phone, prefix):
    view = phone.turn_to(prefix).view()
    view.screenshot(path=ARTIFACTS / f"{prefix}-phone.png")
    assert view.evaluate("view => view.matches('.narrow')")
    assert view.evaluate(_OUTSIDE) == []
    assert view.evaluate("view => view.scrollWidth <= view.clientWidth + 1")
    written = view.locator("svg text, p:not(.spoken), label, button")
    assert min(written.evaluate_all(_LETTERS)) >= 11.9


_LETTERS = "texts => texts.map(text => parseFloat(getComputedStyle(text).fontSize))"


def test_the_console_stayed_silent(laptop, phone):
    problems = [*laptop.problems, *phone.problems]
    assert not [text for text in problems if "favicon" not in text]
