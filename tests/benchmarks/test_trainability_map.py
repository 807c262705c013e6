"""The command of the trainability map: it extends, and keeps what is stored."""

import json

import pytest
from helpers.benchmarks import load_benchmark

TINY = ["--depths", "1", "2", "3", "4", "--sigma-w2", "1", "2", "--width", "8"]
FEW_STEPS = [*TINY, "--steps", "150"]  # a tile takes tenths of a second: time to kill a run


@pytest.fixture(autouse=True)
def digits_for_every_process(monkeypatch):
    monkeypatch.setenv("COURSE_DATA", "digits")


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
