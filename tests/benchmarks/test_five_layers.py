"""The command of the five layers: it resumes, spreads, and keeps what is stored."""

import json
import os
import signal
import subprocess
import sys

import pytest
from helpers.benchmarks import load_benchmark
from helpers.project import ROOT

from course_utils.experiments import stored

TINY = ["--data", "digits", "--width", "4", "--steps", "3"]


@pytest.fixture(autouse=True)
def digits_for_every_process(monkeypatch):
    monkeypatch.setenv("COURSE_DATA", "digits")


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    """The file of one uninterrupted run with one worker."""
    file = tmp_path_factory.mktemp("alone") / "table.json"
    load_benchmark("five_layers").main([*TINY, "--file", str(file)])
    assert [path.name for path in file.parent.iterdir()] == ["table.json"]  # nothing is left
    return file.read_bytes()


def test_the_file_says_how_it_was_made_and_has_a_row_a_contestant(alone):
    content = json.loads(alone)
    assert content["setting"].items() >= {"width": 4, "steps": 3, "seeds": [1, 2, 3, 4, 5]}.items()
    assert [(row["activation"], row["start"]) for row in content["rows"]] == [
        (activation, start)
        for activation in ("tanh", "softsign", "sigmoid")
        for start in ("standard", "N")
    ]
    assert all(len(row["error"]) == 5 for row in content["rows"])


def test_two_workers_write_the_same_bytes(alone, tmp_path):
    file = tmp_path / "table.json"
    load_benchmark("five_layers").main([*TINY, "--file", str(file), "--workers", "2"])
    assert file.read_bytes() == alone


def test_a_dask_cluster_that_runs_writes_the_same_bytes(alone, tmp_path):
    distributed = pytest.importorskip("distributed")
    options = {"n_workers": 2, "threads_per_worker": 1, "dashboard_address": None}
    with distributed.LocalCluster(processes=False, **options) as cluster:
        line = ["--backend", "dask", "--scheduler", cluster.scheduler_address, "--workers", "2"]
        file = tmp_path / "table.json"
        load_benchmark("five_layers").main([*TINY, "--file", str(file), *line])
    assert file.read_bytes() == alone


def test_a_run_that_is_killed_continues_to_the_same_file(alone, tmp_path, capsys):
    file = tmp_path / "table.json"
    line = [sys.executable, str(ROOT / "benchmarks" / "five_layers.py"), *TINY, "--file", str(file)]
    process = subprocess.Popen(line, stdout=subprocess.PIPE, text=True, start_new_session=True)
    next(line for line in process.stdout if "min left" in line)  # one tile is there: now
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    kept = len([*tmp_path.glob("*.tiles/*.json")])
    assert 1 <= kept < 3 and not file.exists()
    load_benchmark("five_layers").main([*TINY, "--file", str(file)])
    assert f"{kept} of 3 tiles are there already" in capsys.readouterr().out
    assert file.read_bytes() == alone


def test_a_file_of_another_setting_is_not_added_to(alone, tmp_path):
    file = tmp_path / "table.json"
    file.write_bytes(alone)
    with pytest.raises(SystemExit, match="table.json holds a run of another setting"):
        load_benchmark("five_layers").main([*TINY, "--steps", "4", "--file", str(file)])
    assert file.read_bytes() == alone


def test_without_mnist_it_ends_with_a_word():
    with pytest.raises(SystemExit, match="MNIST was not found: set COURSE_DATA"):
        load_benchmark("five_layers").main(["--data", "MNIST"])


def test_the_stored_table_is_that_of_the_command_as_it_stands():
    """Three data sets, three activations, two starts: six contestants, no rate at the last end."""
    module, table = load_benchmark("five_layers"), stored("five_layers")
    assert table["setting"]["width"] == module.WIDTH and table["setting"]["steps"] == module.STEPS
    assert [(row["data"], row["activation"], row["start"]) for row in table["rows"]] == [
        (data, activation, start)
        for data in module.DATA
        for activation in module.ACTIVATIONS
        for start in module.STARTS
    ]
