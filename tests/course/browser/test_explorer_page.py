"""The page that needs no kernel, in a browser, opened from its file."""

import re

import numpy as np
import pytest
from helpers.page_script import explorer_page, mnist_or_skip

from course_utils.explorers import ActivationExplorer
from course_utils.explorers.activation.widget import JUMPS
from course_utils.plotting import bar_heights


@pytest.fixture(scope="module")
def mnist_images():
    return mnist_or_skip()


class Page:
    """The page, open from its file, at one size of the window."""

    def __init__(self, browser, width, height):
        self.page, self.problems = browser.new_page(viewport={"width": width, "height": height}), []
        self.page.on("pageerror", lambda error: self.problems.append(str(error)))
        self.page.on("console", lambda message: self.problems.append(message.text))
        self.page.on("request", lambda request: self.problems.append(request.url))
        self.page.goto(explorer_page.PAGE.as_uri())
        self.problems.remove(explorer_page.PAGE.as_uri())

    def control(self, name):
        return self.page.get_by_label(name, exact=True)

    def text(self, part):
        return self.page.locator(f"#{part}").inner_text()

    def looks(self):
        """Return everything that is to follow the controls: bars, curves, words, numbers."""
        parts = self.page.locator("#panels, #curves").all()
        return [*(part.inner_html() for part in parts), self.text("verdict"), self.text("readout")]

    def set(self, activation, std, depth):
        """Choose a state: std by its place on the slider or a scheme's name, depth as a number."""
        self.control("activation").select_option(label=activation)
        if isinstance(std, str):
            self.page.get_by_role("button", name=std).click()
        else:
            self.control("std").fill(str(std))
        self.control("depth").fill(str(explorer_page.DEPTHS.index(depth)))


@pytest.fixture(params=[(1280, 800), (375, 740)], ids=["desk", "phone"])
def opened(browser, request):
    opened = Page(browser, *request.param)
    yield opened
    opened.page.close()
    assert not opened.problems


def test_arrow_keys_move_each_slider_and_everything_follows(opened):
    for name in ("std", "depth"):
        slider = opened.control(name)
        for key in ("ArrowRight", "ArrowLeft"):
            before, value = opened.looks(), int(slider.input_value())
            shown, spoken = opened.text(f"{name}-shown"), slider.get_attribute("aria-valuetext")
            slider.press(key)
            assert int(slider.input_value()) == value + (1 if key == "ArrowRight" else -1)
            assert all(new != old for new, old in zip(opened.looks(), before, strict=True))
            assert opened.text(f"{name}-shown") != shown
            assert slider.get_attribute("aria-valuetext") != spoken


def test_the_mouse_drags_each_slider(opened):
    for name in ("std", "depth"):
        before, box = opened.looks(), opened.control(name).bounding_box()
        opened.page.mouse.click(box["x"] + 0.8 * box["width"], box["y"] + box["height"] / 2)
        assert all(new != old for new, old in zip(opened.looks(), before, strict=True))


def test_a_scheme_jumps_to_its_own_std_and_a_key_leaves_it_for_the_slider(opened):
    opened.set("tanh", "Zero", 20)
    assert "nothing can be learned" in opened.text("verdict")
    assert opened.text("std-shown") == "0"
    opened.page.get_by_role("button", name="Xavier").press("Enter")
    assert re.search("signal halves|signal keeps", opened.text("verdict"))
    assert opened.text("std-shown") == "0.0625"  # not the nearest step of the slider
    opened.control("std").press("ArrowRight")
    assert opened.text("std-shown") == "0.07244"


def test_another_activation_changes_the_picture_and_its_axes(opened):
    before = opened.looks()
    opened.control("activation").press("ArrowDown")  # sigmoid
    assert all(new != old for new, old in zip(opened.looks(), before, strict=True))
    assert opened.page.locator(".ticks").first.inner_text().split() == ["0", "0.5", "1"]
    opened.control("activation").select_option(label="selu")  # shown from −2 to 3
    panel, zero = opened.page.locator(".panel").first, opened.page.get_by_text("0", exact=True)
    box, tick = panel.bounding_box(), zero.first.bounding_box()
    assert tick["x"] + tick["width"] / 2 == pytest.approx(box["x"] + 2 / 5 * box["width"], abs=1)


def test_every_control_is_reached_with_the_keyboard_and_shows_that_it_is(opened):
    reached = []
    for _ in range(9):
        opened.page.keyboard.press("Tab")
        name, outline = opened.page.evaluate(
            """() => [document.activeElement.labels?.[0]?.textContent
                      ?? document.activeElement.textContent,
                      getComputedStyle(document.activeElement).outline]"""
        )
        assert "solid 3px" in outline, name
        reached.append(" ".join(name.split()))
    assert reached == ["the course on initialization", "std", "depth", "activation", *JUMPS]


def test_nothing_is_too_small_or_too_wide_to_read(opened):
    width = opened.page.viewport_size["width"]
    extremes = [("tanh", 8, 20), ("linear", 26, 50), ("relu", 0, 50), ("sigmoid", "Xavier", 50)]
    for state in extremes:
        opened.set(*state)
        assert opened.page.evaluate("document.documentElement.scrollWidth") == width
        smallest, outside = opened.page.evaluate(_TEXTS)
        assert smallest >= 12 and not outside


_TEXTS = """() => {
    const texts = document.createTreeWalker(document.querySelector("main"), NodeFilter.SHOW_TEXT);
    let smallest = Infinity;
    const outside = [];
    while (texts.nextNode()) {
        const node = texts.currentNode, parent = node.parentElement, range = new Range();
        if (!node.data.trim() || parent.closest("select, noscript")) continue;
        range.selectNode(node);
        const box = range.getBoundingClientRect();
        if (!box.width) continue;  // not shown at this width
        smallest = Math.min(smallest, parseFloat(getComputedStyle(parent).fontSize));
        if (box.left < 0 || box.right > innerWidth) outside.push(node.data);
    }
    return [smallest, outside];
}"""


def test_the_words_are_announced(opened):
    assert opened.page.locator("#verdict").get_attribute("aria-live") == "polite"
    assert opened.page.get_by_role("status").count() == 3  # and the sliders' two numbers


def test_the_sliders_stay_in_sight_while_the_curves_are_read(opened):
    opened.page.locator("#curves").evaluate("curves => curves.scrollIntoView({block: 'end'})")
    for name in ("std", "depth"):
        box = opened.control(name).bounding_box()
        assert 0 <= box["y"] < opened.page.viewport_size["height"]
        place = [box["x"] + box["width"] / 2, box["y"] + box["height"] / 2]
        hit = opened.page.evaluate("([x, y]) => document.elementFromPoint(x, y).id", place)
        assert hit == name


def test_words_and_numbers_are_those_of_the_live_explorer(browser, mnist_images):
    opened = Page(browser, 1280, 800)
    live = ActivationExplorer(mnist_images)
    places = {step: place for place, step in enumerate(explorer_page.STD_STEPS)}
    for activation, std, step, depth in (
        ("tanh", "Xavier", None, 20),
        ("relu", None, -57, 30),
        ("gelu", None, -42, 50),
    ):
        opened.set(activation, std or places[step], depth)
        live.set(
            activation=activation,
            depth=depth,
            std=JUMPS[std](256) if std else 10 ** (step / 50),
        )
        assert opened.text("readout") == live.readout()
        assert opened.text("verdict") == live.verdict
        assert float(opened.text("std-shown")) == live.std_text.value
        titles = opened.page.locator(".panel p").all_inner_texts()
        names = zip(live.drawing.names, live.drawing.stds, strict=True)
        expected = [f"{name.get_text()} {std.get_text()}" for name, std in names]
        assert [" ".join(title.split()) for title in titles] == expected
        assert_same_picture(opened.page, live.measurement)
        ticks = opened.page.locator("#curves text").all_text_contents()
        layers = [label.get_text() for label in live.drawing.path.get_xticklabels()]
        assert [tick for tick in ticks if tick in layers] == layers
    opened.page.close()
    assert not opened.problems


def assert_same_picture(page, measurement):
    """The bars hold as many values, up to one each, and the curves run as in the live explorer."""
    outlines = page.locator(".panel path").evaluate_all("all => all.map(p => p.getAttribute('d'))")
    bars = [[256 - int(y) for y in re.findall(r"V(\d+)H", outline)] for outline in outlines]
    counts, tallest = measurement.counts, measurement.counts.max(axis=1, keepdims=True)
    low, high = (255 * np.sqrt((counts + one).clip(0) / tallest) for one in (-1, 1))
    assert (low - 1 <= bars).all() and (bars <= high + 1).all()  # processors round differently,
    off = np.abs(bars - 255 * bar_heights(counts)) > 1  # but seldom: one value in a thin bar
    assert off.mean() < 0.01
    powers = page.locator("#curves text tspan").all_text_contents()
    lines = page.locator("#curves .grid").evaluate_all("all => all.map(p => p.getAttribute('d'))")
    places = [float(line.split()[1].split("H")[0]) for line in lines if "H" in line]
    powers = [int(power.replace("−", "-")) for power in powers]
    for name in ("signal", "gradient", "predicted_signal", "predicted_gradient"):
        curve = page.locator(f"[data-name={name}]").get_attribute("d")
        heights = [float(point.split()[1]) for point in re.split("[ML]", curve)[1:]]
        logs = np.polyval(np.polyfit(places, powers, 1), heights)
        pixel = abs((powers[-1] - powers[0]) / (places[-1] - places[0]))
        np.testing.assert_allclose(logs, np.log10(getattr(measurement, name)), atol=pixel)
