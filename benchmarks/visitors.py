"""What visitors of the page of explorers cost: memory and latency of 1, 5 and 10 at once.

Run ``python benchmarks/visitors.py``: the page is served by ``python -m course_utils.classroom``;
with ``--alone`` by voila only, so that each kernel loads everything for itself; with
``--at FOLDER`` by voila from another checkout. Each visitor is a window of Chromium of its own;
when all have their picture, all press an arrow key on the slider of the std, again and again at the
same time. The latency is that of the browser's clock, from the key to the frame with the new
picture. Memory is the proportional set size of the server and all processes that it has started
(Linux only): what processes share is counted once.
"""

from __future__ import annotations

import argparse
import contextlib
import statistics
import sys
import tempfile
import time
from pathlib import Path

import psutil

from course_utils.terminal import any_terminal

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests"))

from helpers.lab import DRAWN, FLAGS, find_chromium, served  # noqa: E402
from playwright.sync_api import sync_playwright  # noqa: E402

GB = 2**30
PICTURE = ".explorers .explorer-picture"
READY = f"{PICTURE} :is(svg, canvas)"

_LISTEN = f"""name => {{
    const drawn = {DRAWN};
    window.times = [];
    window.addEventListener('keydown', event => {{
        const before = drawn(name);
        const look = () => {{
            if (drawn(name) === before) requestAnimationFrame(look);
            else window.times.push(performance.now() - event.timeStamp);
        }};
        requestAnimationFrame(look);
    }}, {{capture: true}});
}}"""

_PRESS = """n => {
    const slider = document.querySelector('.explorer-std-slider');
    slider.focus();
    const key = n % 2 ? 'ArrowLeft' : 'ArrowRight';
    slider.dispatchEvent(new KeyboardEvent('keydown', {key, bubbles: true}));
    slider.value = Number(slider.value) + (n % 2 ? -1 : 1);
    slider.dispatchEvent(new Event('input', {bubbles: true}));
}"""


def memory(pid: int) -> float:
    """Return the proportional set size of a process and its descendants, in GB."""
    root = psutil.Process(pid)
    total = 0
    for process in [root, *root.children(recursive=True)]:
        with contextlib.suppress(psutil.Error):
            total += process.memory_full_info().pss
    return total / GB


def measure(serve: list[str], visitors: int, presses: int, package: Path) -> None:
    """Let so many visitors come, and all move a slider at the same time; print what it cost."""
    notebook = package / "notebooks" / "explorers.ipynb"
    options = ["--no-browser", "--Voila.ip=127.0.0.1", "--Voila.port_retries=0"]
    environment = {"PYTHONPATH": str(package), "OMP_NUM_THREADS": "1"}
    with contextlib.ExitStack() as stack:
        scratch = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        command = [*serve, str(notebook), *options]
        alive = "voila/static/voila.js"
        address = stack.enter_context(
            served(command, scratch, alive=alive, environment=environment)
        )
        server = psutil.Process().children()[-1].pid
        empty = memory(server)
        chromium = stack.enter_context(sync_playwright()).chromium
        browser = chromium.launch(executable_path=find_chromium(), args=FLAGS)
        pages, came = [], []
        for _ in range(visitors):
            page = browser.new_context(viewport={"width": 1280, "height": 800}).new_page()
            started = time.perf_counter()
            page.goto(f"{address}/", timeout=240_000)
            page.wait_for_selector(READY, timeout=240_000)
            came.append(time.perf_counter() - started)
            page.evaluate(_LISTEN, PICTURE)
            pages.append(page)
        for n in range(presses):
            for page in pages:
                page.evaluate(_PRESS, n)
            for page in pages:
                page.wait_for_function(f"window.times.length > {n}", timeout=60_000)
        times = [ms for page in pages for ms in page.evaluate("window.times")]
        full = memory(server)
        browser.close()
        print(
            f"  {visitors:3} visitors: {full:5.2f} GB, before them {empty:.2f}; "
            f"the last waited {came[-1]:.1f} s for the page; "
            f"latency {statistics.median(times):4.0f} ms (to {max(times):.0f})",
            flush=True,
        )


def main() -> None:
    """Measure one visitor, then five, then ten."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--alone", action="store_true", help="serve by voila only")
    parser.add_argument("--at", type=Path, help="a checkout of another state, served by voila")
    parser.add_argument("--visitors", type=int, nargs="+", default=[1, 5, 10])
    parser.add_argument("--presses", type=int, default=20)
    asked = parser.parse_args()
    serve = ["voila"] if asked.alone or asked.at else ["course_utils.classroom"]
    package = (asked.at or ROOT).resolve()
    print(f"{package.name}, served by {serve[0]}")
    for visitors in asked.visitors:
        measure(serve, visitors, asked.presses, package)


if __name__ == "__main__":
    any_terminal()
    main()
