"""Draw the explorers as pages without a kernel: ``python figures/draw_pages.py`` (some minutes).

``python figures/draw_pages.py funnel dream`` draws these two. ``--kept`` puts the numbers that a
page holds already into today's frame, in a second, after a change of words, looks or behaviour.
Each page is one file that a browser opens without a network: see `pages`. They are measured on
MNIST, so ``COURSE_DATA`` or the cache must hold it.
"""

from __future__ import annotations

import sys
from functools import cache
from importlib import import_module

from pages.frame import FIGURES, kept

from course_utils import load_mnist
from course_utils.data import ImageData
from course_utils.terminal import any_terminal

PAGES = ("activation", "funnel", "residual", "dream", "training", "tournament")


def main(arguments: list[str]) -> None:
    """Write the pages of these names; all if there are none."""
    names = [name for name in arguments if name != "--kept"]
    unknown = set(names) - set(PAGES)
    if unknown:
        sys.exit(f"there is no page {', '.join(sorted(unknown))}: there are {', '.join(PAGES)}")
    for name in names or PAGES:
        module = import_module(f"pages.{name}")
        if "--kept" in arguments:
            page = module.page(**kept(FIGURES / module.FILE))
        else:
            page = module.page(**module.measure_page(mnist()))
        page.write()
        print(f"{page.file}: {page.path.stat().st_size / 1000:.0f} kB")


@cache
def mnist() -> ImageData:
    """Load MNIST, or end in words."""
    data = load_mnist()
    if not data.is_mnist:
        sys.exit("the pages are measured on MNIST: set COURSE_DATA to a folder with it")
    return data


if __name__ == "__main__":
    any_terminal()
    main(sys.argv[1:])
