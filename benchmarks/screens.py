"""How many laptop screens each notebook fills in a real JupyterLab, and where things stand.

Run ``python benchmarks/screens.py``, or with another folder of notebooks as its argument. Each is
opened as it is stored, nothing is run, on a page of 1280 × 800; heights are in screens of 800.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

from course_utils.terminal import any_terminal

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests"))

from helpers.lab import FLAGS, NotebookPage, find_chromium, jupyter_lab  # noqa: E402
from playwright.sync_api import sync_playwright  # noqa: E402

HEIGHT = 800
TOPS = """picture => {
    const panel = document.querySelector('.jp-WindowedPanel-outer');
    const top = panel.getBoundingClientRect().top - panel.scrollTop;
    const cells = [...document.querySelectorAll('.jp-Notebook .jp-Cell')];
    const shown = [...document.querySelectorAll(picture)].filter(x => x.offsetHeight > 20);
    const code = cells.filter(x => x.textContent.includes('Explorer('));
    return [
        cells.at(-1).getBoundingClientRect().bottom - top,
        ...[shown, code].map(
            found => found.length ? found[0].getBoundingClientRect().top - top : null),
        Math.max(0, ...shown.map(x => x.offsetHeight)),
    ];
}"""


def main(folder: Path) -> None:
    """Print for each notebook its screens, and those before its first figure and explorer."""
    print(f"{'screens':>48}{'1st figure':>12}{'explorer':>10}{'highest figure':>16}")
    with tempfile.TemporaryDirectory() as scratch, sync_playwright() as playwright:
        scratch = Path(scratch)
        shutil.copytree(folder, scratch / "notebooks")
        with jupyter_lab(scratch / "notebooks", scratch / "server") as address:
            browser = playwright.chromium.launch(executable_path=find_chromium(), args=FLAGS)
            for path in sorted(folder.glob("[0-9]*.ipynb")):
                page = browser.new_page(viewport={"width": 1280, "height": HEIGHT})
                NotebookPage(page, address, path.name)
                page.wait_for_timeout(1500)  # pictures and formulas
                found = page.evaluate(TOPS, ".jp-OutputArea-output img")
                whole, figure, explorer, highest = (
                    "–" if x is None else f"{x / HEIGHT:.1f}" for x in found
                )
                print(
                    f"{path.stem:40}{whole:>8}{figure:>12}{explorer:>10}{highest:>16}", flush=True
                )
                page.close()
            browser.close()


if __name__ == "__main__":
    any_terminal()
    main(Path(sys.argv[1]) if sys.argv[1:] else ROOT / "notebooks")
