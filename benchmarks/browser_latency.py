"""From a key press to new pixels in Chromium, in a real JupyterLab; and six presses in a row.

Run ``python benchmarks/browser_latency.py``. The std slider and the depth slider of the activation
explorer are moved with the arrow keys, at depth 10 and at depth 50, with 256 units and 256 images.
The time is that of the browser's own clock, from the key to the frame that shows the new picture.

With ``--against FOLDER``, a checkout of another state of the repository, both are measured in turn,
press by press, in one Chromium, so that a noisy machine disturbs both alike; the ratio is the
median of the pairs.

With ``--bursts N``, six of the buttons that jump are pressed in a row, N times, at depth 50 with
512 units. A burst disagrees if box, words and picture are in the end not those of the last button,
as they are when it is pressed alone; the time is that from the last press to the last change.
"""

from __future__ import annotations

import argparse
import random
import statistics
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

from course_utils.terminal import any_terminal

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests"))

from helpers.lab import (  # noqa: E402
    DRAWN,
    FLAGS,
    NotebookPage,
    find_chromium,
    jupyter_lab,
    write_notebook,
)
from playwright.sync_api import sync_playwright  # noqa: E402

CELL = """from course_utils import load_mnist
from course_utils.explorers import ActivationExplorer
ActivationExplorer(load_mnist().train_images[:256], std=0.05, depth=10)"""
BUTTONS = ("Zero", "Xavier", "He", "LeCun", "PyTorch default")
IN_A_ROW, GAP = 6, 50
"""So many presses, and so many milliseconds between two."""

SOON = 300
"""Milliseconds after the last press in which all should agree."""


class Explored:
    """The explorer of one state of the repository, open in a browser.

    Until the explorers drew in the browser, their sliders were those of ipywidgets and their
    pictures images: what is sought here is found in both.
    """

    def __init__(self, name, browser, address):
        self.name = name
        page = browser.new_page(viewport={"width": 1280, "height": 1000})
        self.notebook, self.page = NotebookPage(page, address, "explorer.ipynb"), page
        self.notebook.run_all_cells()
        self.notebook.scroll_to_explorer()

    def part(self, which):
        """Return a box, ``"depth-text"``, or the handle of a slider, ``"std-slider"``."""
        old, new = f".explorer-{which}", f"input.explorer-{which}"
        return self.page.locator(f"{old} input:not([type=range]), {old} .noUi-handle, {new}").first

    def set_depth(self, depth):
        """Type a depth, unless it is there."""
        box = self.part("depth-text")
        if box.input_value() != str(depth):
            box.fill(str(depth))
            self.notebook.changes(lambda: box.press("Enter"))

    def press(self, key):
        """Press a key; return the milliseconds to the frame of the new picture."""
        self.page.evaluate(_WATCH, self.notebook.picture)
        self.page.keyboard.press(key)
        return self.page.evaluate("measured")

    def widen(self, width):
        """Choose another number of units."""
        box = self.page.get_by_label("width", exact=True).first
        self.notebook.changes(lambda: box.select_option(str(width)))

    def press_all(self, names):
        """Press buttons in a row; return what is seen in the end, and when that was reached."""
        picture = self.notebook.picture
        return self.page.evaluate(_PRESS, [names, GAP, picture])


_WATCH = f"""name => {{
    const drawn = {DRAWN}, before = drawn(name);
    window.measured = new Promise(done => {{
        window.addEventListener('keydown', event => {{
            const look = () => {{
                if ([null, before].includes(drawn(name))) requestAnimationFrame(look);
                else done(performance.now() - event.timeStamp);
            }};
            requestAnimationFrame(look);
        }}, {{capture: true, once: true}});
    }});
}}"""

_PRESS = f"""async ([names, gap, picture]) => {{
    const drawn = {DRAWN}, wait = ms => new Promise(done => setTimeout(done, ms));
    const part = selector => document.querySelector(selector);
    const box = part('.explorer-std-text input') ?? part('input.explorer-std-text');
    const seen = () => [box.value, part('.explorer-verdict').textContent, drawn(picture)].join('|');
    const buttons = [...document.querySelectorAll('.jp-OutputArea button')];
    let pressed, changed = 0, shown = seen(), over = false;
    const look = () => {{
        const now = seen();
        if (now !== shown) [shown, changed] = [now, performance.now()];
        if (!over) requestAnimationFrame(look);
    }};
    look();
    for (const name of names) {{
        await wait(gap);
        pressed = performance.now();
        buttons.find(button => button.textContent.trim() === name).click();
    }}
    while (performance.now() - Math.max(pressed, changed) < 3000) await wait(50);
    over = true;
    const source = drawn(picture);
    let print = source;
    if (source.startsWith('blob:')) {{
        const bytes = await (await fetch(source)).arrayBuffer();
        print = [...new Uint8Array(await crypto.subtle.digest('SHA-1', bytes))].join(' ');
    }}
    const end = [box.value, part('.explorer-verdict').textContent, print];
    return [end, Math.max(0, changed - pressed)];
}}"""


def summary(times) -> str:
    """Return median and range in words."""
    return f"{statistics.median(times):4.0f}  ({min(times):.0f} to {max(times):.0f})"


def measure_keys(states: list[Explored], presses: int) -> None:
    """Press arrow keys to and fro, in one state and then in the other; print the times."""
    print(f"key press to new pixels, milliseconds, median (range) of {presses} presses")
    for depth in (10, 50):
        for state in states:
            state.set_depth(depth)
        for slider in ("std", "depth"):
            times = {state.name: [] for state in states}
            for state in states:
                state.part(f"{slider}-slider").focus()
            for i in range(presses):
                for state in states if i % 4 < 2 else states[::-1]:
                    state.page.wait_for_timeout(150)
                    times[state.name].append(state.press(["ArrowLeft", "ArrowRight"][i % 2]))
            for name, row in times.items():
                print(f"  depth {depth}  {slider:5} slider  {name:8} {summary(row)}")
            if len(states) > 1:
                pairs = zip(*times.values(), strict=True)
                ratio = statistics.median(other / this for this, other in pairs)
                print(
                    f"  depth {depth}  {slider:5} slider  the other takes {ratio:.2f} times as long"
                )


def measure_bursts(states: list[Explored], bursts: int) -> None:
    """Press six buttons in a row, again and again; print who disagreed, and how long it took."""
    for state in states:
        state.set_depth(50)
        state.widen(512)
        alone = {name: state.press_all([name])[0] for name in BUTTONS}
        rng, times, wrong = random.Random(0), [], 0
        for _ in range(bursts):
            names = rng.choices(BUTTONS, k=IN_A_ROW)
            end, ms = state.press_all(names)
            wrong += end != alone[names[-1]]
            times.append(ms)
        late = sum(ms > SOON for ms in times)
        print(f"{state.name}: {bursts} bursts of {IN_A_ROW} presses at depth 50, 512 units")
        print(f"  box, words or picture in the end not those of the last press: {wrong}")
        print(f"  milliseconds from the last press to the last change: {summary(times)}")
        print(f"  later than {SOON} ms: {late}")


def main() -> None:
    """Open the states side by side, and measure what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--against", type=Path, help="a checkout of another state")
    parser.add_argument("--presses", type=int, default=30, help="of each slider at each depth")
    parser.add_argument("--bursts", type=int, default=0, help="of six presses in a row")
    asked = parser.parse_args()
    folders = {"this": ROOT} | ({"other": asked.against.resolve()} if asked.against else {})
    with ExitStack() as stack:
        browser = stack.enter_context(sync_playwright()).chromium.launch(
            executable_path=find_chromium(), args=FLAGS
        )
        states = []
        for name, folder in folders.items():
            scratch = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            (scratch / "notebooks").mkdir()
            write_notebook(scratch / "notebooks" / "explorer.ipynb", [CELL])
            lab = jupyter_lab(scratch / "notebooks", scratch / "server", package=folder)
            states.append(Explored(name, browser, stack.enter_context(lab)))
        if asked.presses:
            measure_keys(states, asked.presses)
        if asked.bursts:
            measure_bursts(states, asked.bursts)
        browser.close()


if __name__ == "__main__":
    any_terminal()
    main()
