"""From a key press to new pixels in Chromium, in a real JupyterLab.

Run ``python benchmarks/browser_latency.py``. The first notebook is opened and run; then the std
slider and the depth slider are moved with the arrow keys, at depth 10 and at depth 50, with 256
units and 256 images.
"""

from __future__ import annotations

import shutil
import statistics
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests"))

from helpers.lab import FLAGS, NotebookPage, find_chromium, jupyter_lab  # noqa: E402
from playwright.sync_api import sync_playwright  # noqa: E402

PRESSES = 30


def measure(notebook: NotebookPage, slider: str, depth: int) -> list[float]:
    """Press the arrow keys to and fro; return milliseconds from each key to loaded pixels."""
    explorer = notebook.page.locator(".activation-explorer").first
    box = explorer.locator(".explorer-depth-text input")
    if box.input_value() != str(depth):
        box.fill(str(depth))
        notebook.changes(lambda: box.press("Enter"))
    explorer.locator(f".explorer-{slider}-slider .noUi-handle").focus()
    keys = ["ArrowLeft", "ArrowRight"] * (PRESSES // 2)
    times = []
    for key in keys:
        notebook.page.wait_for_timeout(150)
        times.append(notebook.changes(lambda key=key: notebook.page.keyboard.press(key)))
    return times


def main() -> None:
    """Print the median and the range of each series."""
    with tempfile.TemporaryDirectory() as scratch, sync_playwright() as playwright:
        scratch = Path(scratch)
        shutil.copytree(ROOT / "notebooks", scratch / "notebooks")
        with jupyter_lab(scratch / "notebooks", scratch / "server") as address:
            browser = playwright.chromium.launch(executable_path=find_chromium(), args=FLAGS)
            page = browser.new_page(viewport={"width": 1280, "height": 1000})
            notebook = NotebookPage(page, address, "00_start_here.ipynb")
            notebook.run_all_cells()
            notebook.scroll_to_explorer()
            print(f"key press to new pixels, milliseconds, {PRESSES} presses")
            for depth in (10, 50):
                for slider in ("std", "depth"):
                    times = measure(notebook, slider, depth)
                    spread = f"({min(times):.0f} to {max(times):.0f})"
                    median = statistics.median(times)
                    print(f"  depth {depth}  {slider:5} slider  {median:4.0f}  {spread}")
            browser.close()


if __name__ == "__main__":
    main()
