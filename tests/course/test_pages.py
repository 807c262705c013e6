"""The pages without a kernel: are they made of today's code, small, and do they ask nobody?"""

import json
import re

import pytest
from helpers.pages import MODULES, page
from pages.frame import FIGURES, held
from pages.numbers import pack_words, unpack_words

PAGES = {
    name: (FIGURES / module.FILE).read_text(encoding="utf-8") for name, module in MODULES.items()
}
each_page = pytest.mark.parametrize("name", PAGES)


@each_page
def test_a_page_is_what_today_s_code_makes_of_the_numbers_that_it_holds(name):
    stale = f"{name} is stale: run python figures/draw_pages.py --kept {name}"
    assert page(name).html() == PAGES[name], stale


@each_page
def test_a_page_is_one_small_file_that_asks_nobody_for_anything(name):
    html = PAGES[name]
    assert len(html.encode()) < 1_500_000
    assert "default-src 'none'" in html
    assert not re.search(r"https?:|//\w+\.\w|@import|url\([^#]|fetch\(|<script[^>]* src=", html)


@each_page
def test_a_page_has_no_link_that_downloading_could_break(name):
    assert re.findall(r'href="([^"]*)"', PAGES[name]) == ["data:,"]


@each_page
def test_a_page_begins_with_values_that_its_controls_have(name):
    begins, controls = held(PAGES[name])["start"], held(PAGES[name])["spec"]["rows"]
    for control in (c for row in controls for c in row if c["kind"] in ("number", "choice")):
        if control["kind"] == "number":
            assert begins[control["name"]] in control["stops"]
            assert control["high"] == len(control["stops"]) - 1
        else:
            options = [value for value, _ in control["options"]]
            assert str(begins[control["name"]]) in options


def test_all_pages_are_one_design():
    scripts = [re.search(r"class View \{.*?\n\}\n", html, re.DOTALL)[0] for html in PAGES.values()]
    styles = [re.search(r"<style>.*?</style>", html, re.DOTALL)[0] for html in PAGES.values()]
    assert len(set(scripts)) == len(set(styles)) == 1


def test_words_survive_packing():
    said = ["One layer: nothing. Make it deeper.", "It halves.", ""]
    assert unpack_words(json.loads(json.dumps(pack_words(said)))) == said
