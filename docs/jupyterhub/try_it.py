"""Try a JupyterHub with three users: each opens notebook 00, one takes more memory than there is.

``python docs/jupyterhub/try_it.py``, with ``jupyterhub`` and ``nbgitpuller`` installed beside the
course's own ``.[test]``, and ``configurable-http-proxy`` (of npm) on the path. The users come by
nbgitpuller's link, which copies the notebooks of this clone into their folders; each runs all cells
of 00 in a Chromium. Then the third allocates until the limit stops it, and the others go on.
"""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

import psutil

from course_utils.terminal import any_terminal

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
sys.path.insert(0, str(ROOT / "tests"))

from helpers.lab import FLAGS, find_chromium  # noqa: E402
from playwright.sync_api import sync_playwright  # noqa: E402

USERS = ("ada", "blaise", "greedy")
ADDRESS = "http://127.0.0.1:8123"
NOTEBOOK = "lab/tree/course/notebooks/00_start_here.ipynb"
GREEDY = "x = [bytearray(100 * 2**20) for _ in range(1000)]"
STARTED = time.monotonic()


def say(words: str) -> None:
    """Print a line of the log: seconds since the start, and what happened."""
    print(f"[{time.monotonic() - STARTED:5.1f} s] {words}", flush=True)


def wait_for_the_hub(hub: subprocess.Popen) -> None:
    """Return when the hub shows its login; raise if it ends before."""
    while hub.poll() is None:
        try:
            urllib.request.urlopen(f"{ADDRESS}/hub/login", timeout=2).read()
            return
        except OSError:
            time.sleep(0.3)
    raise RuntimeError(f"the hub has ended with {hub.returncode}")


def pull_link(branch: str) -> str:
    """Return nbgitpuller's link: it copies the course, then opens notebook 00."""
    asked = {"repo": ROOT.as_uri(), "targetPath": "course", "branch": branch, "urlpath": NOTEBOOK}
    return f"{ADDRESS}/hub/user-redirect/git-pull?{urllib.parse.urlencode(asked)}"


def enter(browser, user: str, password: str, link: str):
    """Follow the link as a student does: log in, wait for the server, then for the notebook."""
    page = browser.new_context(viewport={"width": 1280, "height": 900}).new_page()
    page.goto(link, timeout=120_000)
    page.get_by_label("Username").fill(user)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_selector(".jp-Notebook .jp-Cell", timeout=180_000)
    say(f"{user}: the link has copied the course and opened 00")
    return page


def run_all(page, user: str) -> None:
    """Run all cells; say what the check of the installation found, and the last answer."""
    page.get_by_text("Python 3 (ipykernel) | Idle").wait_for(timeout=120_000)
    page.evaluate("jupyterapp.commands.execute('editmenu:clear-all')")  # what was stored
    page.evaluate("jupyterapp.commands.execute('notebook:run-all-cells')")
    page.wait_for_timeout(1000)
    page.get_by_text("Python 3 (ipykernel) | Idle").wait_for(timeout=180_000)
    text = page.evaluate(_OUTPUTS)
    drawn = "was drawn" if "ActivationExplorer" in text else "was NOT drawn"
    say(f"{user}: all cells of 00 ran; {text.count('✓')} claims hold; the explorer {drawn}")


_OUTPUTS = """() => [...jupyterapp.shell.currentWidget.content.model.cells]
    .flatMap(cell => cell.toJSON().outputs ?? [])
    .map(output => JSON.stringify(output)).join(" ")"""

_EXECUTE = """async code => {
    const kernel = jupyterapp.shell.currentWidget.sessionContext.session.kernel;
    let said = "";
    const asked = kernel.requestExecute({ code });
    asked.onIOPub = message => {
        said += message.content.text ?? (message.content.ename
            ? `${message.content.ename}: ${message.content.evalue}` : "");
    };
    const reply = await asked.done;
    return `${reply.content.status} ${said}`.trim();
}"""


def memory_of(user: str) -> float:
    """Return the proportional set size of a user's processes, in GB."""
    total = 0
    for process in psutil.process_iter():
        try:
            if process.environ().get("JUPYTERHUB_USER") == user:
                total += process.memory_full_info().pss
        except psutil.Error:
            continue
    return total / 2**30


def main() -> None:
    """Start the hub, let the three users come, and end everything."""
    branch = subprocess.check_output(
        ["git", "-C", str(ROOT), "rev-parse", "--abbrev-ref", "HEAD"], text=True
    ).strip()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        homes, password = Path(folder), secrets.token_urlsafe(8)
        settings = {"COURSE_PASSWORD": password, "COURSE_HOMES": folder, "COURSE_HUB": ADDRESS}
        settings["COURSE_OPTIONS"] = "--LabApp.expose_app_in_browser=True"  # to run its commands
        command = [sys.executable, "-m", "jupyterhub", "-f", str(HERE / "jupyterhub_config.py")]
        with open(homes / "hub.log", "w") as log:
            hub = subprocess.Popen(
                command, env={**os.environ, **settings}, cwd=folder, stdout=log, stderr=log
            )
        try:
            wait_for_the_hub(hub)
            say("the hub answers")
            with sync_playwright() as playwright:
                browser = playwright.chromium.launch(executable_path=find_chromium(), args=FLAGS)
                link = pull_link(branch)
                pages = {user: enter(browser, user, password, link) for user in USERS}
                for user, page in pages.items():
                    run_all(page, user)
                for user in USERS:
                    say(f"{user}: uses {memory_of(user):.2f} GB")
                said = pages["greedy"].evaluate(_EXECUTE, GREEDY)
                say(f"greedy: allocates 100 GB: {said}")
                for user in USERS:
                    said = pages[user].evaluate(_EXECUTE, "print(explorer.readout())")
                    say(f"{user}: goes on: {said}")
                browser.close()
        except BaseException:
            print((homes / "hub.log").read_text()[-4000:])
            raise
        finally:
            hub.terminate()
            hub.wait(timeout=90)
        say("the hub has ended")


if __name__ == "__main__":
    any_terminal()
    main()
