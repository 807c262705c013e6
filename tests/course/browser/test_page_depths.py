"""The pages of funnel and residual stack: words and numbers are those of the live explorers."""

import re

import numpy as np
import pytest
from helpers.pages import Opened, mnist_or_skip
from pages import funnel, residual

from course_utils.explorers.funnel import FunnelExplorer
from course_utils.explorers.residual import ResidualExplorer


def unfolded(browser, name):
    """Open a page, and its table."""
    opened = Opened(browser, name)
    opened.page.locator("summary").click()
    opened.page.locator("tbody tr").first.wait_for()
    return opened


def choose(opened, module, **setting):
    """Move sliders to these values, and choose in lists."""
    controls = {c["name"]: c for row in module.spec()["rows"] for c in row if c["kind"] != "jumps"}
    for name, value in setting.items():
        box = opened.control(controls[name]["label"])
        if "stops" in controls[name]:
            box.fill(str(controls[name]["stops"].index(value)))
        else:
            box.select_option(value=value)


def assert_as_live(opened, live):
    """Words, boxes, alternative text, table and curves are those of the live explorer."""
    shown = live.shown
    assert opened.text("verdict") == live.verdict
    alt = opened.page.locator(".picture").get_attribute("aria-label")
    assert alt == shown["alt"]
    rows = [
        row.locator("th, td").all_inner_texts() for row in opened.page.locator("tbody tr").all()
    ]
    assert len(rows) == len(shown["table"]["rows"])
    for ours, theirs in zip(rows, shown["table"]["rows"], strict=True):
        for one, other in zip(ours, theirs, strict=True):
            if re.fullmatch(r"[\d.e+-]+", other):
                assert float(one) == pytest.approx(float(other), rel=0.01)
            else:
                assert one == other
    assert opened.page.locator("thead th").all_inner_texts() == list(shown["table"]["columns"])
    for name in ("signal", "gradient"):
        heights = points(opened, name)[:, 1]
        logs = np.log10(shown["picture"][name])
        if len(logs) == 1:
            continue  # a point fits every axis
        fit = np.polyfit(heights, logs, 1)
        np.testing.assert_allclose(np.polyval(fit, heights), logs, atol=0.02 + abs(fit[0]))


def points(opened, name):
    """Return the corners of a path of the picture, (n, 2)."""
    path = opened.page.locator(f"[data-name={name}]").get_attribute("d")
    return np.array([[float(x) for x in p.split()] for p in re.split("[ML]", path)[1:]])


def texts(opened):
    return opened.page.locator(".picture text").all_text_contents()


def test_the_funnels_page_says_and_draws_what_the_live_explorer_does(browser):
    live, opened = FunnelExplorer(), unfolded(browser, "funnel")
    for setting in (
        {"width_a": 784, "width_b": 100, "depth": 20, "rule": "xavier", "activation": "linear"},
        {"width_a": 64, "width_b": 400, "depth": 5, "rule": "fan_in", "activation": "relu"},
        {"width_a": 100, "width_b": 16, "depth": 30, "rule": "geometric", "activation": "tanh"},
    ):
        choose(opened, funnel, **setting)
        live.set(**setting)
        assert_as_live(opened, live)
        drawn, words = live.shown["picture"], " ".join(texts(opened))
        assert all(said in words for said in (drawn["rule"], *drawn["variances"]))
        bars = opened.page.locator("[data-name=widths]").get_attribute("d")
        ends = np.array([float(y) for y in re.findall(r"[ V]([\d.]+)", bars)]).reshape(-1, 2)
        x = [float(bar.split()[0]) for bar in bars.split("M")[1:]]
        widths = ends[:, 1] - ends[:, 0]
        expected = np.array(live.setting.widths) * widths.max() / max(live.setting.widths)
        np.testing.assert_allclose(widths, expected, atol=0.5)
        np.testing.assert_allclose(x[1:], points(opened, "signal")[:, 0])  # each above its point
    opened.close()


def test_the_residual_page_says_and_draws_what_the_live_explorer_does(browser):
    live, opened = ResidualExplorer(mnist_or_skip()), unfolded(browser, "residual")
    stops = residual.slider_scales()
    for setting in (
        {"depth": 20, "scale": 1.0, "normalization": "none", "start": "he"},
        {"depth": 50, "scale": stops[-1], "normalization": "none", "start": "he"},
        {"depth": 7, "scale": stops[6], "normalization": "batch", "start": "he"},
        {"depth": 30, "scale": stops[9], "normalization": "layer", "start": "fixup"},
        {"depth": 1, "scale": 1.0, "normalization": "batch", "start": "rezero"},
    ):
        choose(opened, residual, **setting)
        live.set(**setting)
        assert_as_live(opened, live)
        assert live.shown["picture"]["rule"] in texts(opened)
        bars = opened.page.locator("[data-name=share]").get_attribute("d")
        drawn = np.array([re.findall(r"M\S+ (\S+)V(\S+)h", bars)], dtype=float)[0]
        heights, share = drawn[:, 0] - drawn[:, 1], np.array(live.shown["picture"]["share"])
        scale = heights.max() / share.max() if share.max() else 0
        np.testing.assert_allclose(heights, scale * share, atol=0.3)
    opened.close()


def test_the_residual_pages_button_follows_the_depth_and_the_scale_stays(browser):
    opened = Opened(browser, "residual")
    box, button = opened.control("scale s, typed"), opened.page.get_by_role("button", name="√depth")
    for depth, expected in ((25, "0.2"), (50, "0.1414")):
        choose(opened, residual, depth=depth)
        assert button.get_attribute("aria-pressed") == "false"
        button.click()
        assert box.input_value() == expected and button.get_attribute("aria-pressed") == "true"
        assert "with s = 1/√depth" in opened.text("verdict")
    choose(opened, residual, depth=20)
    assert box.input_value() == "0.1414"
    opened.close()


def test_a_small_scale_that_is_typed_is_not_taken_for_zero(browser):
    opened = Opened(browser, "residual")
    box = opened.control("scale s, typed")
    box.fill("0.012")
    box.press("Enter")
    assert box.input_value() == "0.01"
    box.fill("0")
    box.press("Enter")
    assert box.input_value() == "0" and "The scale is 0" in opened.text("verdict")
    opened.close()
