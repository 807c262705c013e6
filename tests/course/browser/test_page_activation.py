"""The page of the activation explorer: words and numbers are those of the live explorer."""

import re

import numpy as np
import pytest
from helpers.pages import Opened, mnist_or_skip
from pages import activation

from course_utils.explorers.activation import ActivationExplorer
from course_utils.explorers.activation.widget import JUMPS
from course_utils.plotting import bar_heights


@pytest.fixture(params=[(1280, 800), (375, 740)], ids=["desk", "phone"])
def opened(browser, request):
    opened = Opened(browser, "activation", request.param)
    yield opened
    opened.close()


def choose(opened, phi, std, depth):
    """Choose a state: std by its place on the slider or a scheme's name, depth as a number."""
    opened.control("activation").select_option(label=phi)
    if isinstance(std, str):
        opened.page.get_by_role("button", name=std).click()
    else:
        opened.control("std").fill(str(std))
    opened.control("depth").fill(str(activation.DEPTHS.index(depth)))


def test_a_scheme_jumps_to_its_own_std_and_a_key_leaves_it_for_the_slider(opened):
    std = opened.control("std, typed")
    choose(opened, "tanh", "Zero", 20)
    assert "nothing can be learned" in opened.text("verdict") and std.input_value() == "0"
    opened.page.get_by_role("button", name="Xavier").press("Enter")
    assert re.search("signal halves|signal keeps", opened.text("verdict"))
    assert std.input_value() == "0.0625"  # not the nearest step of the slider
    assert opened.page.locator("[aria-pressed=true]").all_inner_texts() == ["Xavier", "LeCun"]
    opened.control("std").press("ArrowRight")
    assert std.input_value() == "0.07244"


def test_another_activation_changes_the_picture_and_its_axes(opened):
    before = opened.looks()
    opened.control("activation").select_option(label="sigmoid")
    assert all(new != old for new, old in zip(opened.looks(), before, strict=True))
    texts = opened.page.locator(".picture text").all_text_contents()
    assert texts[2:5] == ["0", "0.5", "1"]


def test_at_the_extremes_too_all_words_are_large_enough_and_inside(opened):
    extremes = [("tanh", 8, 20), ("linear", 26, 50), ("relu", 0, 50), ("sigmoid", "Xavier", 50)]
    for state in extremes:
        choose(opened, *state)
        assert opened.words_too_small_or_outside() == []


def test_words_and_numbers_are_those_of_the_live_explorer(browser):
    live = ActivationExplorer(mnist_or_skip())
    opened = Opened(browser, "activation")
    places = {step: place for place, step in enumerate(activation.STD_STEPS)}
    for phi, std, step, depth in (
        ("tanh", "Xavier", None, 20),
        ("relu", None, -57, 30),
        ("gelu", None, -42, 50),
    ):
        choose(opened, phi, std or places[step], depth)
        live.set(activation=phi, depth=depth, std=JUMPS[std](256) if std else 10 ** (step / 50))
        assert opened.text("verdict") == live.verdict
        assert opened.control("std, typed").input_value() == live.shown["values"]["std"]
        texts = opened.page.locator(".picture text").all_text_contents()
        for layer, std_shown in shown_layers(live):
            assert f"layer {layer}" in texts and f"std {std_shown}" in texts
        assert_same_picture(opened.page, live.measurement)
        assert_same_numbers(opened, live)
    opened.close()


def shown_layers(live):
    picture = live.shown["picture"]
    return zip(picture["layers"], picture["stds"], strict=True)


def assert_same_numbers(opened, live):
    """The unfolded table, and the alternative text."""
    opened.page.locator("summary").click()
    opened.page.locator("tbody tr").first.wait_for()
    rows = opened.page.locator("tbody tr").all()
    shown = [[float(cell) for cell in row.locator("th, td").all_inner_texts()] for row in rows]
    expected = [[float(cell) for cell in row] for row in live.shown["table"]["rows"]]
    np.testing.assert_allclose(shown, expected, rtol=0.01)
    opened.page.locator("summary").click()
    alt = opened.page.locator(".picture").get_attribute("aria-label")
    numbers = [re.findall(r"\d[\d.e-]*\d|\d", text) for text in (alt, live.shown["alt"])]
    ours, theirs = (np.array([float(n) for n in found]) for found in numbers)
    np.testing.assert_allclose(ours, theirs, rtol=0.02, atol=1)  # shares come from stored heights
    assert re.sub(r"\d[\d.e-]*\d|\d", "n", alt) == re.sub(
        r"\d[\d.e-]*\d|\d", "n", live.shown["alt"]
    )


def assert_same_picture(page, measurement):
    """The bars hold as many values, up to one each, and the curves run as in the live explorer."""
    bars = np.array([bar_outline(d) for d in attributes(page, ".bars", "d")])
    counts, tallest = measurement.counts, measurement.counts.max(axis=1, keepdims=True)
    low, high = (np.sqrt((counts + one).clip(0) / tallest) for one in (-1, 1))
    pixel = 0.012  # of the height of a bar: a tenth of a pixel and a 255th
    assert (low - pixel <= bars).all() and (bars <= high + pixel).all()
    off = np.abs(bars - bar_heights(counts)) > pixel  # processors round differently, but seldom
    assert off.mean() < 0.01
    for name in ("signal", "gradient", "predicted_signal", "predicted_gradient"):
        (curve,) = attributes(page, f"[data-name={name}]", "d")
        heights = np.array([float(point.split()[1]) for point in re.split("[ML]", curve)[1:]])
        logs = np.log10(getattr(measurement, name))
        fit = np.polyfit(heights, logs, 1)
        np.testing.assert_allclose(np.polyval(fit, heights), logs, atol=0.06 + abs(fit[0]))


def attributes(page, selector, name):
    return page.locator(selector).evaluate_all("(all, n) => all.map(p => p.getAttribute(n))", name)


def bar_outline(path):
    """Return the heights of a histogram's bars, 0 to 1, from its outline."""
    floor = float(re.match(r"M\S+ (\S+?)V", path)[1])
    tops = [float(top) for top in re.findall(r"V([\d.]+)H", path)]
    return (floor - np.array(tops)) / (floor - min(tops))
