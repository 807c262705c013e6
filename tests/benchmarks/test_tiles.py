"""The commands that compute in tiles: alone, spread or resumed after a kill, the same bytes."""

import os
import signal
import subprocess
import sys

import pytest
from helpers.benchmarks import load_benchmark
from helpers.project import ROOT

from course_utils.experiments import tiles

SMALL = {  # name of the script → options that make it a matter of seconds
    "trainability_map": "--depths 1 2 3 4 --sigma-w2 1 2 --width 8 --steps 150",
    "five_layers": "--data digits --width 4 --steps 3",
    "tournament": "--family relu tanh --depth 2 3 --width 4 --steps 3 --data digits",
}


@pytest.fixture(autouse=True)
def digits_for_every_process(monkeypatch):
    monkeypatch.setenv("COURSE_DATA", "digits")


@pytest.fixture(scope="module", params=SMALL)
def command(request, tmp_path_factory):
    """The script's name, its options, and the file of one uninterrupted run with one worker."""
    name, options = request.param, SMALL[request.param].split()
    file = tmp_path_factory.mktemp(name) / "table.json"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COURSE_DATA", "digits")
        load_benchmark(name).main([*options, "--file", str(file)])
    assert [path.name for path in file.parent.iterdir()] == ["table.json"]  # nothing is left
    return name, options, file.read_bytes()


def test_two_workers_write_the_same_bytes(command, tmp_path):
    name, options, alone = command
    file = tmp_path / "table.json"
    load_benchmark(name).main([*options, "--file", str(file), "--workers", "2"])
    assert file.read_bytes() == alone


def test_a_dask_cluster_that_runs_writes_the_same_bytes(command, tmp_path):
    distributed = pytest.importorskip("distributed")
    name, options, alone = command
    file = tmp_path / "table.json"
    local = {"n_workers": 2, "threads_per_worker": 1, "dashboard_address": None}
    with distributed.LocalCluster(processes=False, **local) as cluster:
        line = ["--backend", "dask", "--scheduler", cluster.scheduler_address, "--workers", "2"]
        load_benchmark(name).main([*options, "--file", str(file), *line])
    assert file.read_bytes() == alone


def test_without_an_address_a_dask_cluster_of_so_many_processes_is_started(monkeypatch):
    distributed, asked = pytest.importorskip("distributed"), []
    monkeypatch.setattr(distributed, "Client", lambda *given, **options: asked.append(options))
    tiles.dask_cluster(3, None)
    assert asked == [{"n_workers": 3, "threads_per_worker": 1, "dashboard_address": None}]


def test_a_run_that_is_killed_continues_to_the_same_file(command, tmp_path, monkeypatch):
    name, options, alone = command
    file = tmp_path / "table.json"
    line = [sys.executable, str(ROOT / "benchmarks" / f"{name}.py"), *options, "--file", str(file)]
    process = subprocess.Popen(line, stdout=subprocess.PIPE, text=True, start_new_session=True)
    next(line for line in process.stdout if "min left" in line)  # one tile is there: now
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    kept = {path.name for path in tmp_path.glob("*.tiles/*.json")}
    assert kept and not file.exists()
    written = []

    def write(path, text, write=tiles.write_whole):
        written.append(path.name)
        write(path, text)

    monkeypatch.setattr(tiles, "write_whole", write)
    load_benchmark(name).main([*options, "--file", str(file)])
    assert len(written) > 1 and not kept & set(written)  # what was missing, and nothing twice
    assert file.read_bytes() == alone
