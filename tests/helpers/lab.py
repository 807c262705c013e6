"""A JupyterLab of the tests' own, and a Chromium that opens a notebook in it."""

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import axe_playwright_python
import nbformat
import pytest

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]

EXPLORERS = {  # prefix of its classes → the cell that shows it
    "explorer": """import torch
from course_utils.explorers.activation import ActivationExplorer
ActivationExplorer(0.3 * torch.rand(64, 784), std=0.05, depth=20, width=64)""",
    "residual": """import torch
from course_utils.explorers.residual import ResidualExplorer
ResidualExplorer(0.3 * torch.rand(64, 784), width=16)""",
    "funnel": """from course_utils.explorers.funnel import FunnelExplorer
FunnelExplorer(width_a=200, width_b=50, depth=10)""",
    "live-training": """import torch
from course_utils.data import ImageData
from course_utils.explorers.live_training import LiveTrainingExplorer
images, labels = torch.rand(1000, 784), torch.arange(1000) % 10
data = ImageData(images, labels, images, labels, "noise")
LiveTrainingExplorer(data, scheme="he_normal", steps=3000)""",
    "dream": """import torch
from course_utils.boltzmann import RBM
from course_utils.explorers.dream import DreamExplorer
DreamExplorer(RBM(784, 100, std=0.1, seed=1), torch.rand(50, 784), start="data", steps=2)""",
    "tournament": """from course_utils.explorers.tournament import TournamentExplorer
TournamentExplorer()""",
}


def write_notebook(path, cells):
    """Write a notebook of these cells of code."""
    kernel = {"name": "python3", "display_name": "Python 3 (ipykernel)", "language": "python"}
    made = [nbformat.v4.new_code_cell(code) for code in cells]
    notebook = nbformat.v4.new_notebook(cells=made, metadata={"kernelspec": kernel})
    nbformat.write(notebook, path)


def find_chromium():
    """Return the path of an installed Chromium or Chrome, or None.

    Chromium's headless shell goes first: without windows to draw, it opens a page with a third of
    the work.
    """
    shell = "chromium-headless-shell"
    for name in (shell, "chromium", "chromium-browser", "google-chrome", "chrome"):
        if found := shutil.which(name):
            return found
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        bundled = playwright.chromium.executable_path
    return bundled if Path(bundled).exists() else None


def chromium_or_skip():
    """Return an installed browser; where there is none, skip, unless CI asks that there be one."""
    found = find_chromium()
    if found is None:
        reason = "neither Chromium nor Chrome is installed"
        if os.environ.get("COURSE_REQUIRE_BROWSER"):
            pytest.fail(f"{reason}, and COURSE_REQUIRE_BROWSER is set")
        pytest.skip(reason)
    return found


@contextmanager
def jupyter_lab(notebooks: Path, scratch: Path, package: Path | None = None):
    """Serve a folder with JupyterLab, its settings kept in ``scratch``; give its address.

    Kernels take ``course_utils`` from the folder ``package``, if there is one given.
    """
    settings = scratch / "settings"
    settings.mkdir(parents=True)
    news = {"disabledExtensions": {"@jupyterlab/apputils-extension:announcements": True}}
    (settings / "page_config.json").write_text(json.dumps(news))  # its dialog would lie over all
    whole = {"@jupyterlab/notebook-extension:tracker": {"windowingMode": "none"}}
    (settings / "overrides.json").write_text(json.dumps(whole))  # cells off the screen stay
    options = ["--no-browser", "--allow-root", "--ip=127.0.0.1", "--ServerApp.port_retries=0"]
    options += ["--ServerApp.token=", "--ServerApp.password=", f"--notebook-dir={notebooks}"]
    options += ["--LabApp.extension_manager=readonly", f"--LabApp.app_settings_dir={settings}"]
    options += ["--LabApp.expose_app_in_browser=True"]  # to change the theme
    more = {"PYTHONPATH": str(package)} if package else {}
    command = ["jupyter", "lab", *options]
    with served(command, scratch, alive="api/status", environment=more) as address:
        yield address


@contextmanager
def served(command: list[str], scratch: Path, *, alive: str, environment: dict | None = None):
    """Run a server of Jupyter's family on a free port until it answers at ``alive``; give its URL.

    What it keeps and says goes into the folder ``scratch``.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {**os.environ, **(environment or {})}
    for variable in ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR"):
        environment[variable] = str(scratch / variable.lower())
    command = [sys.executable, "-m", *command, f"--port={port}"]
    with open(scratch / "server.log", "w") as log:
        server = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
        try:
            _wait_until_it_answers(server, f"http://127.0.0.1:{port}/{alive}", scratch)
            yield f"http://127.0.0.1:{port}"
        finally:
            server.terminate()
            try:
                server.wait(timeout=20)
            except subprocess.TimeoutExpired:
                server.kill()


def _wait_until_it_answers(server, address, scratch):
    deadline = time.monotonic() + 300
    while time.monotonic() < deadline and server.poll() is None:
        try:
            urllib.request.urlopen(address, timeout=2).read()
            return
        except OSError:
            time.sleep(0.3)
    raise RuntimeError("the server did not start:\n" + (scratch / "server.log").read_text()[-3000:])


class NotebookPage:
    """A notebook open in a browser: run its cells, find and move the explorer's controls.

    ``prefix`` is that of the explorer's CSS classes, as in ``explorer-picture``. ``place`` is
    ``"doc"``, the notebook alone, or ``"lab"``, with the side bars.
    """

    def __init__(self, page, address, name, prefix="explorer", place="doc"):
        self.page, self.problems = page, []
        self._look_for(prefix)
        page.on("pageerror", lambda error: self.problems.append(str(error)))
        page.on("console", self._listen)
        page.goto(f"{address}/{place}/tree/{name}?reset", timeout=90_000)
        page.wait_for_selector(".jp-Notebook .jp-Cell", timeout=90_000)
        self.page.get_by_text("Python 3 (ipykernel) | Idle").wait_for(timeout=90_000)
        self._wait_until_idle()

    def _look_for(self, prefix):
        self.picture, self.prefix = f".{prefix}-picture", prefix

    def turn_to(self, prefix):
        """Scroll to another explorer of the same notebook; return the page."""
        self._look_for(prefix)
        self.scroll_to_explorer()
        return self

    def _listen(self, message):
        if message.type == "error":
            self.problems.append(f"{message.text} ({message.location.get('url', '')})")

    def _wait_until_idle(self, seconds=120):
        idle = '.jp-Notebook-ExecutionIndicator[data-status="idle"]'
        self.page.wait_for_selector(idle, timeout=1000 * seconds, state="attached")

    def run_all_cells(self):
        """Run → Run All Cells; again if the first click was lost; until nothing waits.

        JupyterLab then shows the last cells, and takes cells far from the screen off the page.
        """
        for _ in range(3):
            if (select := self.page.get_by_role("button", name="Select", exact=True)).count():
                select.click()  # JupyterLab asks for a kernel if a cell is run before it has one
            self.page.get_by_role("menuitem", name="Run", exact=True).click()
            self.page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
            try:
                self.page.wait_for_function(_SOME_CELL_WAITS, timeout=3000)
                break
            except Exception:
                continue
        self.page.wait_for_function(_NO_CELL_WAITS, timeout=120_000)
        self._wait_until_idle()

    def restart_kernel(self):
        """Kernel → Restart Kernel…, confirmed; until the new one is idle."""
        self.page.get_by_role("menuitem", name="Kernel", exact=True).click()
        self.page.get_by_role("menuitem", name=re.compile("^Restart Kernel…")).click()
        self.page.locator(".jp-Dialog button.jp-mod-accept").click()
        self.page.locator(".jp-Dialog").wait_for(state="detached")
        self.page.wait_for_timeout(1000)
        self.page.evaluate("jupyterapp.shell.currentWidget.sessionContext.session.kernel.info")
        self.page.get_by_text("Python 3 (ipykernel) | Idle").wait_for(timeout=90_000)

    def change_theme(self, name):
        """Change JupyterLab's colours: to ``"JupyterLab Dark"`` or ``"JupyterLab Light"``."""
        self.page.evaluate(
            "theme => jupyterapp.commands.execute('apputils:change-theme', {theme})", name
        )
        light = str(name.endswith("Light")).lower()
        self.page.wait_for_selector(f"body[data-jp-theme-light={light}]", state="attached")

    def scroll_to_explorer(self):
        """Scroll from the top until the first explorer is on the page and drawn."""
        picture = self.page.locator(self.picture).first
        for position in range(0, 40_000, 300):
            self.page.evaluate(_SCROLL, position)
            self.page.wait_for_timeout(100)
            if picture.is_visible():
                break
        picture.wait_for(state="visible", timeout=20_000)
        controls = f"[class*='{self.prefix}-']:is(input, select, [class*='-slider'])"
        self.page.locator(controls).first.scroll_into_view_if_needed()
        self.page.wait_for_timeout(500)

    def view(self):
        """Return the element of the whole explorer."""
        return self.page.locator(f".course-explorer:has({self.picture})").first

    def drawing(self):
        """Return what is drawn, as text: another for every new picture."""
        return self.page.evaluate(f"name => ({DRAWN})(name)", self.picture)

    def changes(self, action):
        """Do ``action``; return the milliseconds until the picture is a new one."""
        before, started = self.drawing(), time.perf_counter()
        action()
        arg, new = (
            [self.picture, before],
            f"([name, old]) => ![null, old].includes(({DRAWN})(name))",
        )
        self.page.wait_for_function(new, arg=arg, timeout=20_000, polling="raf")
        return 1000 * (time.perf_counter() - started)


def find_violations(page, within="body"):
    """Let axe-core look at a part of a page; return what is serious or critical, in words."""
    page.evaluate(_axe())
    found = page.evaluate("within => axe.run(within, {resultTypes: ['violations']})", within)
    return [
        f"{violation['id']}: {node['html']}"
        for violation in found["violations"]
        if violation["impact"] in ("serious", "critical")
        for node in violation["nodes"]
    ]


@cache
def _axe():
    return (Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text("utf-8")


DRAWN = """name => {
    const picture = document.querySelector(name);
    if (!picture?.matches('img')) {
        const sheets = [...picture?.querySelectorAll('canvas') ?? []];
        return picture?.innerHTML + sheets.map(sheet => sheet.toDataURL()).join('');
    }
    return picture.complete && picture.naturalWidth > 0 ? picture.src : null;
}"""
"""JavaScript: what the picture of a CSS class shows, as text; null while an image is loaded."""

_SOME_CELL_WAITS = """() => [...document.querySelectorAll('.jp-InputPrompt')]
    .some(prompt => prompt.textContent.includes('*'))"""
_NO_CELL_WAITS = """() => ![...document.querySelectorAll('.jp-InputPrompt')]
    .some(prompt => prompt.textContent.includes('*'))"""
_SCROLL = """position => {
    document.querySelector('.jp-WindowedPanel-outer').scrollTop = position;
}"""
