"""The command that serves the page: what it hands to voila, and what it says when it cannot."""

import importlib.util
import os
import signal
import subprocess
import sys
import time
from contextlib import nullcontext

import psutil
import pytest
from helpers.project import ROOT

from course_utils.classroom import serve

NOTEBOOK = str(ROOT / "notebooks" / "explorers.ipynb")


class Server:
    """Stands for voila: it ends at once."""

    started: list = []

    def __init__(self, command, env):
        Server.started.append((command, env))

    def wait(self, timeout=None):
        return 7


@pytest.fixture
def started(monkeypatch):
    """Run no server and no nursery; give the commands and environments of those asked for."""
    monkeypatch.setattr(Server, "started", [])
    monkeypatch.setattr(subprocess, "Popen", Server)
    monkeypatch.setattr(serve, "kernels", lambda environment: nullcontext(environment))
    return Server.started


def test_what_is_not_ours_goes_to_voila_and_its_exit_status_comes_back(started):
    assert serve.main([NOTEBOOK, "--port=8899", "--no-browser"]) == 7
    ((command, environment),) = started
    assert command[:4] == [sys.executable, "-m", "voila", NOTEBOOK]
    assert command[-2:] == ["--port=8899", "--no-browser"]
    assert "--MappingKernelManager.cull_idle_timeout=60" in command
    assert environment["OMP_NUM_THREADS"] == os.environ.get("OMP_NUM_THREADS", "1")


def test_what_the_teacher_sets_is_set_once(started):
    serve.main([NOTEBOOK, "--MappingKernelManager.cull_idle_timeout=900"])
    ((command, _),) = started
    given = [option for option in command if "cull_idle_timeout" in option]
    assert given == ["--MappingKernelManager.cull_idle_timeout=900"]


def test_a_notebook_that_is_not_there_is_named(started, capsys):
    with pytest.raises(SystemExit):
        serve.main(["explorer.ipynb"])
    assert "'explorer.ipynb' is no file: try notebooks/explorers.ipynb" in capsys.readouterr().err
    assert started == []


def test_without_voila_it_says_what_to_install(started, capsys, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(SystemExit):
        serve.main([NOTEBOOK])
    assert 'pip install -e ".[teach]"' in capsys.readouterr().err
    assert started == []


VOILA = """import time
print("up", flush=True)
time.sleep(1000)
"""


@pytest.mark.skipif(os.name != "posix", reason="these signals are not those of Windows")
@pytest.mark.parametrize("number", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_however_it_is_ended_nothing_is_left_running(tmp_path, number):
    """Sent to the command alone, as a service manager does; a terminal sends it to all."""
    (tmp_path / "voila.py").write_text(VOILA)
    path = f"{tmp_path}{os.pathsep}{ROOT}"
    environment = {**os.environ, "PYTHONPATH": path, "COURSE_DATA": "digits"}
    command = [sys.executable, "-m", "course_utils.classroom", NOTEBOOK]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL, "text": True}
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)  # as a script's background job has it
    try:
        classroom = subprocess.Popen(command, env=environment, start_new_session=True, **pipes)
    finally:
        signal.signal(signal.SIGINT, before)
    assert classroom.stdout.readline() == "up\n"
    started = psutil.Process(classroom.pid).children(recursive=True)
    assert len(started) == (2 if sys.platform == "linux" else 1)
    classroom.send_signal(getattr(signal, number))
    classroom.wait(timeout=30)
    assert psutil.wait_procs(started, timeout=10)[1] == []


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere there is no nursery")
def test_ended_while_it_loads_it_leaves_nothing_either(tmp_path):
    (tmp_path / "tmp").mkdir()
    environment = {**os.environ, "COURSE_DATA": "digits", "TMPDIR": str(tmp_path / "tmp")}
    command = [sys.executable, "-m", "course_utils.classroom", NOTEBOOK, "--no-browser"]
    classroom = subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True)
    while not (loading := psutil.Process(classroom.pid).children()):
        time.sleep(0.05)
    time.sleep(0.5)
    classroom.send_signal(signal.SIGTERM)
    assert "Traceback" not in classroom.communicate(timeout=30)[1]
    assert classroom.returncode == 130
    assert psutil.wait_procs(loading, timeout=10)[1] == []
    assert [*(tmp_path / "tmp").glob("course-*")] == []


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere there is no nursery")
def test_a_nursery_that_cannot_begin_leaves_ordinary_kernels(tmp_path, capfd):
    environment = {**os.environ, "COURSE_DATA": str(tmp_path / "nowhere")}
    with serve.kernels(environment) as given:
        assert given.get("JUPYTER_PATH") == environment.get("JUPYTER_PATH")
    assert "nowhere" in capfd.readouterr().err  # and why is said
