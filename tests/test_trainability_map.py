"""The trainability map: its networks, its rows, and the command that spreads and resumes it."""

from __future__ import annotations

import importlib.util
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from course_utils import theory
from course_utils.data import load_mnist
from course_utils.networks import weight_layers
from course_utils.trainability import MapSetting, random_tanh_network, train_row

SCRIPT = Path(__file__).parents[1] / "benchmarks" / "trainability_map.py"
TINY = ["--depths", "1", "2", "3", "4", "--sigma-w2", "1", "2", "--width", "8"]
FEW_STEPS = [*TINY, "--steps", "150"]  # a tile takes tenths of a second: time to kill a run


@pytest.fixture(scope="module")
def digits():
    return load_mnist("digits", verbose=False)


@pytest.fixture(autouse=True)
def _digits_for_every_process(monkeypatch):
    monkeypatch.setenv("COURSE_DATA", "digits")


def command():
    """The benchmark as a module."""
    spec = importlib.util.spec_from_file_location("trainability_map", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def start(*options):
    """The benchmark as a process group of its own."""
    line = [sys.executable, str(SCRIPT), *map(str, options)]
    return subprocess.Popen(line, stdout=subprocess.PIPE, text=True, start_new_session=True)


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    """The file of one uninterrupted run with one worker."""
    file = tmp_path_factory.mktemp("alone") / "map.json"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COURSE_DATA", "digits")
        command().main([*FEW_STEPS, "--file", str(file)])
    assert [path.name for path in file.parent.iterdir()] == ["map.json"]  # nothing is left behind
    return file.read_bytes()


# ---------------------------------------------------------------- networks and rows


def test_weights_and_biases_have_the_variances_asked_for():
    generator = torch.Generator().manual_seed(0)
    network = random_tanh_network(3, 2.0, 0.05, width=400, generator=generator)
    layers = weight_layers(network)
    assert [tuple(layer.weight.shape) for layer in layers] == [
        (400, 784),
        (400, 400),
        (400, 400),
        (10, 400),
    ]
    for layer in layers[:-1]:
        variance = layer.weight.var().item() * layer.in_features
        assert variance == pytest.approx(2.0, rel=0.02)
    biases = torch.cat([layer.bias for layer in layers])
    assert biases.var().item() == pytest.approx(0.05, rel=0.15)


def test_networks_from_one_seed_are_one_draw_rescaled():
    small, large = (
        random_tanh_network(2, v, width=16, generator=torch.Generator().manual_seed(3))
        for v in (1.0, 4.0)
    )
    for one, other in zip(weight_layers(small), weight_layers(large), strict=True):
        torch.testing.assert_close(2 * one.weight, other.weight)
        torch.testing.assert_close(one.bias, other.bias)


def test_a_wide_network_has_the_mean_square_of_theory():
    generator = torch.Generator().manual_seed(0)
    network = random_tanh_network(4, 1.76, 0.05, width=1000, n_in=1000, generator=generator)
    images = torch.randn(8, 1000, generator=generator)
    with torch.no_grad():
        z = network[:7](images)  # the fourth hidden layer, before its tanh
    q = theory.variance_path(1.76 + 0.05, 4, 1.76**0.5, 0.05**0.5)[-1]
    assert z.square().mean().item() == pytest.approx(q, rel=0.1)


def test_impossible_networks_are_refused():
    with pytest.raises(ValueError, match="non-negative and finite, got sigma_w2=-1"):
        random_tanh_network(2, -1.0)
    with pytest.raises(ValueError, match="at least 1 hidden layer, got 0"):
        random_tanh_network(0, 1.0)


def test_a_row_is_the_same_on_any_number_of_threads_and_a_shallow_one_learns(digits):
    setting = MapSetting(sigma_w2=(0.0, 1.76), width=32, steps=150, lr=0.01)
    row = train_row(setting, 2, digits)
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(2)
        assert train_row(setting, 2, digits) == row
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(threads)
    assert row[0] < 0.3 and row[1] > 0.6  # no weights: only the last layer's bias can learn
    assert train_row(setting, 2, digits, seed=1) != row


# ---------------------------------------------------------------- the command


def test_the_file_says_how_it_was_made(alone):
    content = json.loads(alone)
    assert content["setting"]["data"] == "digits"
    assert content["setting"]["sigma_w2"] == [1, 2] and content["setting"]["steps"] == 150
    assert [row["depth"] for row in content["rows"]] == [1, 2, 3, 4]
    assert all(0 <= value <= 1 for row in content["rows"] for value in row["accuracy"])


def test_two_workers_write_the_same_bytes(alone, tmp_path):
    command().main([*FEW_STEPS, "--file", str(tmp_path / "map.json"), "--workers", "2"])
    assert (tmp_path / "map.json").read_bytes() == alone


def test_a_local_dask_cluster_writes_the_same_bytes(alone, tmp_path):
    pytest.importorskip("distributed")
    process = start(
        *FEW_STEPS, "--file", tmp_path / "map.json", "--backend", "dask", "--workers", 2
    )
    process.communicate(timeout=300)
    assert process.returncode == 0
    assert (tmp_path / "map.json").read_bytes() == alone


def test_a_run_that_is_killed_continues_to_the_same_file(alone, tmp_path):
    file = tmp_path / "map.json"
    process = start(*FEW_STEPS, "--file", file)
    first = next(line for line in process.stdout if "after" in line)  # one tile is there: now
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    kept = {path: path.stat().st_mtime_ns for path in tmp_path.glob("*.tiles/*.json")}
    assert first.startswith("(4, 0)") and 1 <= len(kept) < 4 and not file.exists()
    time.sleep(0.01)
    written = []
    module = command()
    module.write_whole = lambda path, text, write=module.write_whole: (
        written.append(path.name),
        write(path, text),
    )
    module.main([*FEW_STEPS, "--file", str(file)])
    assert len(written) == 4 - len(kept) + 1  # the missing tiles, and the map: nothing twice
    assert not {path.name for path in kept} & set(written)
    assert file.read_bytes() == alone


def test_a_finished_map_is_extended_not_computed_again(alone, tmp_path, capsys):
    file = tmp_path / "map.json"
    file.write_bytes(alone)
    module = command()
    module.main([*FEW_STEPS, "--file", str(file)])
    assert "4 of 4 tiles are there already" in capsys.readouterr().out
    assert file.read_bytes() == alone
    module.main([*FEW_STEPS, "--depths", "5", "--file", str(file)])
    assert [row["depth"] for row in json.loads(file.read_bytes())["rows"]] == [1, 2, 3, 4, 5]


def test_a_map_of_another_setting_is_kept_unless_told_otherwise(alone, tmp_path):
    file = tmp_path / "map.json"
    file.write_bytes(alone)
    module = command()
    with pytest.raises(SystemExit, match="another setting: --again replaces it"):
        module.main([*TINY, "--steps", "5", "--file", str(file)])
    assert file.read_bytes() == alone
    module.main([*TINY, "--steps", "5", "--depths", "1", "--file", str(file), "--again"])
    assert json.loads(file.read_bytes())["setting"]["steps"] == 5


def test_the_stored_map_is_never_replaced_by_one_of_other_data():
    with pytest.raises(SystemExit, match="MNIST was not found"):
        command().main(FEW_STEPS)
