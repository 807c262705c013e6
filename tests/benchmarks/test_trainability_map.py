"""The command of the trainability map: it spreads its tiles, resumes, and keeps what is stored."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest
from helpers.benchmarks import load_benchmark
from helpers.project import ROOT

from course_utils.experiments import tiles

TINY = ["--depths", "1", "2", "3", "4", "--sigma-w2", "1", "2", "--width", "8"]
FEW_STEPS = [*TINY, "--steps", "150"]  # a tile takes tenths of a second: time to kill a run


@pytest.fixture(autouse=True)
def digits_for_every_process(monkeypatch):
    monkeypatch.setenv("COURSE_DATA", "digits")


def start(*options):
    """The benchmark as a process group of its own."""
    line = [sys.executable, str(ROOT / "benchmarks" / "trainability_map.py"), *map(str, options)]
    return subprocess.Popen(line, stdout=subprocess.PIPE, text=True, start_new_session=True)


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    """The file of one uninterrupted run with one worker."""
    file = tmp_path_factory.mktemp("alone") / "map.json"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COURSE_DATA", "digits")
        load_benchmark("trainability_map").main([*FEW_STEPS, "--file", str(file)])
    assert [path.name for path in file.parent.iterdir()] == ["map.json"]  # nothing is left behind
    return file.read_bytes()


def test_the_file_says_how_it_was_made(alone):
    content = json.loads(alone)
    assert content["setting"]["data"] == "digits"
    assert content["setting"]["sigma_w2"] == [1, 2] and content["setting"]["steps"] == 150
    assert [row["depth"] for row in content["rows"]] == [1, 2, 3, 4]
    assert all(0 <= value <= 1 for row in content["rows"] for value in row["accuracy"])


def test_two_workers_write_the_same_bytes(alone, tmp_path):
    load_benchmark("trainability_map").main(
        [*FEW_STEPS, "--file", str(tmp_path / "map.json"), "--workers", "2"]
    )
    assert (tmp_path / "map.json").read_bytes() == alone


def test_a_dask_cluster_that_runs_writes_the_same_bytes(alone, tmp_path):
    distributed = pytest.importorskip("distributed")
    options = {"n_workers": 2, "threads_per_worker": 1, "dashboard_address": None}
    with distributed.LocalCluster(processes=False, **options) as cluster:
        line = ["--backend", "dask", "--scheduler", cluster.scheduler_address, "--workers", "2"]
        load_benchmark("trainability_map").main(
            [*FEW_STEPS, "--file", str(tmp_path / "map.json"), *line]
        )
    assert (tmp_path / "map.json").read_bytes() == alone


def test_without_an_address_a_dask_cluster_of_so_many_processes_is_started(monkeypatch):
    distributed, asked = pytest.importorskip("distributed"), []
    monkeypatch.setattr(distributed, "Client", lambda *given, **options: asked.append(options))
    tiles.dask_cluster(3, None)
    assert asked == [{"n_workers": 3, "threads_per_worker": 1, "dashboard_address": None}]


def test_a_run_that_is_killed_continues_to_the_same_file(alone, tmp_path, monkeypatch):
    file = tmp_path / "map.json"
    process = start(*FEW_STEPS, "--file", file)
    first = next(line for line in process.stdout if "after" in line)  # one tile is there: now
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    kept = {path: path.stat().st_mtime_ns for path in tmp_path.glob("*.tiles/*.json")}
    assert first.startswith("(4, 0)") and 1 <= len(kept) < 4 and not file.exists()
    time.sleep(0.01)
    written = []

    def write(path, text, write=tiles.write_whole):
        written.append(path.name)
        write(path, text)

    monkeypatch.setattr(tiles, "write_whole", write)
    load_benchmark("trainability_map").main([*FEW_STEPS, "--file", str(file)])
    assert len(written) == 4 - len(kept) + 1  # the missing tiles, and the map: nothing twice
    assert not {path.name for path in kept} & set(written)
    assert file.read_bytes() == alone


def test_a_finished_map_is_extended_not_computed_again(alone, tmp_path, capsys):
    file = tmp_path / "map.json"
    file.write_bytes(alone)
    module = load_benchmark("trainability_map")
    module.main([*FEW_STEPS, "--file", str(file)])
    assert "4 of 4 tiles are there already" in capsys.readouterr().out
    assert file.read_bytes() == alone
    module.main([*FEW_STEPS, "--depths", "5", "--file", str(file)])
    assert [row["depth"] for row in json.loads(file.read_bytes())["rows"]] == [1, 2, 3, 4, 5]


def test_a_map_of_another_setting_is_kept_unless_told_otherwise(alone, tmp_path):
    file = tmp_path / "map.json"
    file.write_bytes(alone)
    module = load_benchmark("trainability_map")
    with pytest.raises(SystemExit, match="another setting: --again replaces it"):
        module.main([*TINY, "--steps", "5", "--file", str(file)])
    assert file.read_bytes() == alone
    module.main([*TINY, "--steps", "5", "--depths", "1", "--file", str(file), "--again"])
    assert json.loads(file.read_bytes())["setting"]["steps"] == 5


def test_the_stored_map_is_never_replaced_by_one_of_other_data():
    with pytest.raises(SystemExit, match="MNIST was not found"):
        load_benchmark("trainability_map").main(FEW_STEPS)
