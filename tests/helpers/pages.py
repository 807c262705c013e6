"""The pages without a kernel, open in a browser; and the images on which they are measured."""

import base64
from importlib import import_module

import numpy as np
import pytest
from draw_pages import PAGES
from pages.depths import CURVES
from pages.frame import FIGURES, kept
from pages.numbers import unpack_words, unquantize

from course_utils import load_mnist

MODULES = {name: import_module(f"pages.{name}") for name in PAGES}


def page(name):
    """Return a page as it stands in the repository, put together by today's code."""
    module = MODULES[name]
    return module.page(**kept(FIGURES / module.FILE))


def mnist_or_skip():
    """Return 256 images of MNIST, (256, 784); where only the digits are, skip."""
    data = load_mnist()
    if not data.is_mnist:
        pytest.skip("measured on MNIST, which is not here: these are the digits")
    return data.train_images[:256]


def assert_stored(packed, i, now, more, redraw):
    """State ``i`` of a page whose states have several depths is ``now``, and ``more`` by name."""
    curves = {name: getattr(now, name) for name in CURVES} | more
    for name, values in curves.items():
        codes = np.frombuffer(base64.b64decode(packed[name]), "<u2").reshape(-1, len(values))[i]
        np.testing.assert_allclose(unquantize(codes), values, rtol=0.01, err_msg=redraw)
    depths = len(now.words)
    assert unpack_words(packed)[depths * i : depths * (i + 1)] == now.words, redraw


class Opened:
    """A page, open from its file, at one size of the window."""

    def __init__(self, browser, name, size=(1280, 800), address="", **context):
        width, height = size
        self.context = browser.new_context(viewport={"width": width, "height": height}, **context)
        self.page, self.problems = self.context.new_page(), []
        self.page.on("pageerror", lambda error: self.problems.append(str(error)))
        self.page.on("console", lambda message: self.problems.append(message.text))
        self.page.on("request", self._requested)
        self.page.goto((FIGURES / MODULES[name].FILE).as_uri() + address)

    def _requested(self, request):
        if not request.url.startswith(("file:", "data:", "blob:")):
            self.problems.append(request.url)

    def close(self):
        """Close it; nothing may have gone wrong meanwhile."""
        self.context.close()
        assert not self.problems

    def view(self):
        """Return the explorer's element."""
        return self.page.locator(".course-explorer")

    def control(self, name):
        """Return a slider or a list by its name."""
        return self.view().get_by_label(name, exact=True)

    def text(self, part):
        """Return the words of a part: verdict, correction."""
        return self.view().locator(f"p.{part}").inner_text()

    def looks(self):
        """Return everything that follows the controls: picture, words, alternative text."""
        picture = self.view().locator(".picture")
        return picture.inner_html(), self.text("verdict"), picture.get_attribute("aria-label")

    def words_too_small_or_outside(self):
        """Return the words whose letters have less than 12 pixels, or that the window cuts."""
        return self.page.evaluate(_TEXTS)


_TEXTS = """() => {
    const texts = document.createTreeWalker(document.querySelector("main"), NodeFilter.SHOW_TEXT);
    const found = [];
    while (texts.nextNode()) {
        const node = texts.currentNode, parent = node.parentElement, range = new Range();
        if (!node.data.trim() || parent.closest("select, noscript, .spoken")) continue;
        range.selectNode(node);
        const box = range.getBoundingClientRect();
        if (!box.width) continue;  // not shown at this width
        const small = parseFloat(getComputedStyle(parent).fontSize) < 11.99;
        if (small || box.left < -0.5 || box.right > innerWidth + 0.5) found.push(node.data);
    }
    if (document.documentElement.scrollWidth > innerWidth) found.push("the page is too wide");
    return found;
}"""
