"""Kernels from a nursery, started, interrupted and ended as a server does it."""

import json
import os
import subprocess
import sys
import time

import psutil
import pytest
from jupyter_client import KernelManager
from jupyter_client.kernelspec import KernelSpecManager

from course_utils.classroom.serve import kernels

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere no kernel is forked")


@pytest.fixture(scope="module")
def nursery():
    """Start a nursery, on the embedded digits; give the environment of a server."""
    with kernels({**os.environ, "COURSE_DATA": "digits", "OMP_NUM_THREADS": "1"}) as environment:
        yield environment


@pytest.fixture
def start(nursery, tmp_path, monkeypatch):
    """Start kernels as a server does; they are ended with the test."""
    monkeypatch.setenv("JUPYTER_PATH", nursery["JUPYTER_PATH"])
    started = []

    def kernel(**options):
        specs = KernelSpecManager()
        manager = KernelManager(kernel_name="python3", kernel_spec_manager=specs)
        manager.start_kernel(cwd=str(tmp_path), env=nursery, **options)
        client = manager.client()
        client.start_channels()
        client.wait_for_ready(timeout=60)
        started.append((manager, client))
        return manager, client

    yield kernel
    for manager, client in started:
        client.stop_channels()
        if manager.is_alive():
            manager.shutdown_kernel(now=True)


def value(client, expression, *before):
    """Run lines of code, then evaluate; return what the kernel says."""
    reply = client.execute(
        "\n".join(before), user_expressions={"value": expression}, reply=True, timeout=60
    )
    content = reply["content"]
    assert content["status"] == "ok", content
    found = content["user_expressions"]["value"]
    assert found["status"] == "ok", found
    return eval(found["data"]["text/plain"])


def own_memory(pid):
    return psutil.Process(pid).memory_full_info().uss / 2**20


def wait_until_gone(pid, seconds=10):
    deadline = time.monotonic() + seconds
    while psutil.pid_exists(pid):
        assert time.monotonic() < deadline, "the kernel is still there"
        time.sleep(0.05)


def test_a_kernel_is_forked_with_everything_loaded_and_costs_little(start, nursery, tmp_path):
    _, client = start()
    loaded = "all(name in sys.modules for name in ('torch', 'course_utils.explorers'))"
    assert value(client, loaded, "import sys")
    assert value(client, "os.environ['COURSE_FORKED']", "import os") == "1"
    assert value(client, "os.getcwd()") == str(tmp_path)
    pid = value(client, "os.getpid()")
    assert own_memory(pid) < 100  # MB; torch alone is more


def test_an_explorer_moves_there(start):
    _, client = start()
    lines = [
        "import torch",
        "from course_utils.explorers import ActivationExplorer",
        "explorer = ActivationExplorer(0.3 * torch.rand(64, 784), std=0.05, depth=20, width=64)",
        "before = explorer.verdict",
        "explorer.set(std=1.0)",
    ]
    assert value(client, "(before != explorer.verdict, explorer.setting.std)", *lines) == (True, 1)


def test_the_browser_is_told_of_widgets(start):
    """Their comm target is registered at import; there, no kernel was there to register it with."""
    _, client = start()
    targets = "'jupyter.widget.control' in get_ipython().kernel.comm_manager.targets"
    assert value(client, targets)


def test_pandas_shows_as_many_columns_as_in_any_kernel(start):
    """It asks at import whether there is a kernel; there, there was none yet."""
    _, client = start()
    wide = "repr(pandas.DataFrame({f'a long name {i}': [i] for i in range(15)}))"
    shown = value(client, wide, "import pandas")
    assert "a long name 7" in shown and "..." not in shown


def test_a_nursery_of_given_modules_loads_no_explorer(tmp_path, monkeypatch):
    with kernels(dict(os.environ), ["pandas"]) as environment:
        monkeypatch.setenv("JUPYTER_PATH", environment["JUPYTER_PATH"])
        manager = KernelManager(kernel_name="python3", kernel_spec_manager=KernelSpecManager())
        manager.start_kernel(cwd=str(tmp_path), env=environment)
        client = manager.client()
        client.start_channels()
        client.wait_for_ready(timeout=60)
        loaded = "['COURSE_FORKED' in os.environ, *(name in sys.modules for name in names)]"
        names = "names = 'pandas', 'course_utils.explorers'"
        found = value(client, loaded, "import os, sys", names)
        client.stop_channels()
        manager.shutdown_kernel(now=True)
    assert found == [True, True, False]


def test_two_kernels_draw_different_numbers(start):
    draw = "(torch.rand(1).item(), random.random(), float(np.random.rand()))"
    both = [value(start()[1], draw, "import random, torch", "import numpy as np") for _ in range(2)]
    assert all(a != b for a, b in zip(*both, strict=True))


def test_an_interrupt_reaches_the_kernel_and_leaves_it_alive(start):
    manager, client = start()
    message = client.execute("import time\ntime.sleep(60)", stop_on_error=False)
    time.sleep(0.5)
    manager.interrupt_kernel()
    reply = client.get_shell_msg(timeout=20)
    while reply["parent_header"]["msg_id"] != message:
        reply = client.get_shell_msg(timeout=20)
    assert reply["content"]["ename"] == "KeyboardInterrupt"
    assert value(client, "1 + 1") == 2


def test_a_restart_gives_a_fresh_kernel(start):
    manager, client = start()
    pid = value(client, "os.getpid()", "import os", "mine = 1")
    manager.restart_kernel(now=True)
    client.wait_for_ready(timeout=60)
    assert value(client, "os.getpid()", "import os") != pid
    assert not value(client, "'mine' in globals()")
    wait_until_gone(pid)


@pytest.mark.parametrize("how", ["shut down", "killed", "crashed"])
def test_the_kernel_ends_with_its_launcher_and_the_launcher_with_its_kernel(start, how):
    manager, client = start()
    kernel, launcher = value(client, "os.getpid()", "import os"), manager.provisioner.pid
    if how == "shut down":
        manager.shutdown_kernel()
    elif how == "killed":
        psutil.Process(launcher).kill()
    else:
        psutil.Process(kernel).kill()
        manager.provisioner.process.wait(timeout=10)  # so a server sees that it is dead
        assert not manager.is_alive()
    wait_until_gone(kernel)


def test_a_server_that_is_killed_leaves_no_kernel(nursery, tmp_path):
    """It cannot say goodbye: the launcher sees that its parent is another one."""
    code = """if True:
    import sys, time
    from jupyter_client import KernelManager
    manager = KernelManager(kernel_name="python3")
    manager.start_kernel(stdout=sys.stderr)
    client = manager.client()
    client.start_channels()
    client.wait_for_ready(timeout=60)
    reply = client.execute("", user_expressions={"pid": "__import__('os').getpid()"}, reply=True)
    found = reply["content"]["user_expressions"]["pid"]["data"]["text/plain"]
    print(found, manager.provisioner.pid, flush=True)
    time.sleep(1000)
    """
    command = [sys.executable, "-c", code]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=nursery, cwd=tmp_path)
    pids = [int(pid) for pid in server.stdout.readline().split()]
    assert len(pids) == 2 and all(map(psutil.pid_exists, pids))
    server.kill()
    server.wait()
    for pid in pids:
        wait_until_gone(pid)


def test_one_that_dies_takes_no_other_with_it(start):
    (_, one), (_, other) = start(), start()
    psutil.Process(value(one, "os.getpid()", "import os")).kill()
    assert value(other, "2 + 2") == 4


def test_without_a_nursery_the_launcher_becomes_an_ordinary_kernel(start, tmp_path, monkeypatch):
    found = KernelSpecManager().get_kernel_spec("python3")
    spec = {**found.to_dict(), "argv": [*found.argv[:-2], str(tmp_path / "nobody"), found.argv[-1]]}
    folder = tmp_path / "kernels" / "python3"
    folder.mkdir(parents=True)
    (folder / "kernel.json").write_text(json.dumps(spec))
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path))
    _, client = start()
    assert value(client, "'COURSE_FORKED' in os.environ", "import os") is False


def test_a_nursery_ends_with_its_server_also_while_it_loads(tmp_path):
    code = """if True:
    import sys, time
    from course_utils.classroom import nursery
    def load(modules):
        print("loading", flush=True)
        time.sleep(1000)
    nursery._load = load
    nursery.nursery(sys.argv[1])
    """
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    process = subprocess.Popen([sys.executable, "-c", code, str(tmp_path / "door")], **pipes)
    try:
        assert process.stdout.readline() == b"loading\n"
        process.stdin.close()
        assert process.wait(timeout=60) == 0
    finally:
        process.kill()
