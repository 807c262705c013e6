"""Print the course as a PDF, once the site is built: ``python docs/pdf.py build/site course.pdf``.

``python docs/pdf.py build/site lesson.pdf 02`` prints the lessons that are named. Chromium prints
their pages, formulas set and nothing folded; each lesson begins on a new sheet.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright
from pypdf import PdfWriter

from course_utils.terminal import any_terminal

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
FLAGS = ["--no-sandbox", "--disable-gpu"]

READY = """async () => {
    for (const fold of document.querySelectorAll("details")) fold.open = true;
    for (const image of document.images) image.loading = "eager";
    await Promise.all([...document.images].map((image) => image.decode().catch(() => {})));
    if (window.MathJax) await MathJax.startup.promise;
    const elsewhere = [...document.links].filter((link) =>  // where no sheet of paper leads
        link.protocol === "file:" && !(link.hash && link.pathname === location.pathname));
    for (const link of elsewhere) link.removeAttribute("href");
}"""

FOOT = """<div style="width: 100%; font-size: 8px; text-align: center">
<span class="pageNumber"></span> / <span class="totalPages"></span></div>"""


def main(arguments: list[str] | None = None) -> None:
    """Print what the arguments name."""
    parser = argparse.ArgumentParser(description="Print the course as one PDF.")
    parser.add_argument("site", type=Path, help="where the site was built: build/site")
    parser.add_argument("file", type=Path, help="the PDF to write")
    parser.add_argument("lessons", nargs="*", help="02 05a …; all, if none is named")
    asked = parser.parse_args(arguments)
    try:
        write_pdf(chosen(asked.site, asked.lessons), asked.file)
    except (OSError, ValueError) as error:
        sys.exit(f"nothing was written: {error}")
    print(f"written: {asked.file}")


def chosen(site: Path, names: list[str]) -> list[Path]:
    """Return the pages of the lessons with these numbers, of all where there are none.

    Raises
    ------
    ValueError
        If the site is not there, or has no such lesson.
    """
    pages = {path.stem.partition("_")[0]: path for path in site.glob("notebooks/[0-9]*.html")}
    if not pages:
        raise ValueError(f"no lesson is in {site}: build it first, sphinx-build -W docs {site}")
    unknown = [name for name in names if name not in pages]
    if unknown:
        known = ", ".join(sorted(pages))
        raise ValueError(f"there is no lesson {', '.join(unknown)}: there are {known}")
    return [pages[name] for name in sorted(names or pages)]


def write_pdf(pages: list[Path], file: Path) -> None:
    """Print the pages one behind the other into a file, with an outline.

    Raises
    ------
    OSError
        If there is no Chromium, or the file cannot be written.
    """
    whole = PdfWriter()
    with tempfile.TemporaryDirectory() as scratch, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=_chromium(playwright), args=FLAGS)
        for page in pages:
            printed = Path(scratch) / f"{page.stem}.pdf"
            title = _print(browser, page, printed)
            whole.append(printed, outline_item=title)
        browser.close()
    file.parent.mkdir(parents=True, exist_ok=True)
    whole.write(file)


def _print(browser: Browser, page: Path, target: Path) -> str:
    """Print one page; return its title."""
    tab = browser.new_page(color_scheme="light", viewport={"width": 1000, "height": 1400})
    tab.goto(page.resolve().as_uri())
    tab.evaluate(READY)
    tab.emulate_media(media="print")
    margin = {"top": "15mm", "bottom": "18mm", "left": "15mm", "right": "15mm"}
    look = {"format": "A4", "margin": margin, "print_background": True, "scale": 0.74}
    head = {"display_header_footer": True, "header_template": "<div></div>"}
    tab.pdf(path=target, footer_template=FOOT, **look, **head)
    title = tab.locator("article h1").first.evaluate("it => it.firstChild.textContent")
    tab.close()
    return title


def _chromium(playwright) -> str:
    """Return the browser of the machine, or that of Playwright."""
    for name in BROWSERS:
        if found := shutil.which(name):
            return found
    own = playwright.chromium.executable_path
    if not Path(own).exists():
        raise OSError("there is no Chromium: install it, or run  playwright install chromium")
    return own


if __name__ == "__main__":
    any_terminal()
    main()
