"""The command of the five layers: its rows, and that it keeps what is stored."""

import json

import pytest
from helpers.benchmarks import load_benchmark

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
