"""The command of the tournament: its rows, its draws, and that it keeps what is stored."""

import json

import pytest
from helpers.benchmarks import load_benchmark

TINY = ["--family", "relu", "tanh", "--depth", "2", "3", "--width", "4", "--steps", "3"]
TINY += ["--data", "digits"]


@pytest.fixture(autouse=True)
def digits_for_every_process(monkeypatch):
    monkeypatch.setenv("COURSE_DATA", "digits")


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    """The file of one uninterrupted run with one worker."""
    file = tmp_path_factory.mktemp("alone") / "table.json"
    load_benchmark("tournament").main([*TINY, "--file", str(file)])
    assert [path.name for path in file.parent.iterdir()] == ["table.json"]  # nothing is left
    return file.read_bytes()


def test_a_row_is_a_contestant_in_a_setting(alone):
    rows = json.loads(alone)["rows"]
    settings = {(row["family"], row["depth"], row["rule"]) for row in rows}
    assert settings == {
        (f, d, r) for f in ("relu", "tanh") for d in (2, 3) for r in ("sgd", "adam")
    }
    assert all(len(row["accuracy"]) == len(row["loss"]) == 5 for row in rows)
    assert len(rows) == 4 * 11 + 4 * 10  # tanh has no mirrored pairs


def test_a_run_ends_in_time_and_goes_on_afterwards(alone, tmp_path, capsys):
    file = tmp_path / "table.json"
    load_benchmark("tournament").main([*TINY, "--file", str(file), "--minutes", "0"])
    assert json.loads(file.read_bytes())["rows"] == []
    load_benchmark("tournament").main([*TINY, "--file", str(file)])
    assert "0 of 8 settings are there already" in capsys.readouterr().out
    assert file.read_bytes() == alone


def test_without_mnist_the_plan_ends_with_a_word():
    with pytest.raises(SystemExit, match="MNIST was not found: set COURSE_DATA"):
        load_benchmark("tournament").main([])


def test_the_plan_asks_nothing_twice_and_only_of_the_grid():
    module = load_benchmark("tournament")
    assert len(set(module.PLAN)) == len(module.PLAN)
    assert {setting.steps for setting in module.PLAN} == {150, 1000}
    assert {setting.family for setting in module.PLAN} == set(module.FAMILIES)


def test_settings_between_those_of_the_grid_are_drawn_from_the_seed():
    module = load_benchmark("tournament")
    one, again, other = (module.drawn(10, seed) for seed in (0, 0, 1))
    assert one == again != other and len(one) == 10
    played = {(s.family, s.depth, s.width) for s in module.PLAN}
    assert not {(s.family, s.depth, s.width) for s in one + other} & played
    assert {s.family for s in module.drawn(200, 2)} == set(module.FAMILIES)


def test_the_report_counts_where_the_advice_holds(capsys):
    module = load_benchmark("tournament")

    def row(name, mean, depth):
        place = {"family": "tanh", "depth": depth, "width": 32, "rule": "sgd", "steps": 150}
        accuracy = [mean + x for x in (0.0, 0.01, 0.02)]
        return {**place, "data": "MNIST", "contestant": name, "accuracy": accuracy}

    table = module.advise([row("a", 0.8, 10), row("b", 0.7, 10)])
    module.report([row("a", 0.8, 5), row("b", 0.7, 5)], table)
    module.report([row("a", 0.1, 6), row("b", 0.8, 6)], table)
    module.report([row("a", 0.1, 60), row("b", 0.1, 60)], table)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "holds  ('tanh', 5, 32, 'sgd'): a, 0.0 points behind; best: a"
    assert lines[1].endswith("not told apart from it in 1 of 1")
    assert lines[2] == "FAILS  ('tanh', 6, 32, 'sgd'): a, 70.0 points behind; best: b"
    assert lines[3].endswith("in 0 of 1")
    assert lines[4] == "FAILS  ('tanh', 60, 32, 'sgd'): no advice; best: a (learns nothing)"


def test_a_draw_is_never_added_to_the_stored_table():
    with pytest.raises(SystemExit, match="a file of its own: --file random_0.json"):
        load_benchmark("tournament").main(["--random", "2"])
