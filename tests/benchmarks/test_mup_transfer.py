"""The sweep of learning rates: it goes on where it was, and keeps what is stored."""

import json

import pytest
from helpers.benchmarks import load_benchmark

SHORT = ["--widths", "4", "8", "--base-width", "4", "--depth", "1", "--steps", "3", "--seeds", "2"]
SHORT += ["--lrs", "0.001", "0.01", "0.1"]


@pytest.fixture(autouse=True)
def on_digits(monkeypatch):
    monkeypatch.setenv("COURSE_DATA", "digits")


def test_a_run_that_stops_goes_on_to_the_same_file(tmp_path):
    whole, stopped = tmp_path / "whole.json", tmp_path / "stopped.json"
    load_benchmark("mup_transfer").main([*SHORT, "--file", str(whole)])
    module, trained = load_benchmark("mup_transfer"), []
    train = module.train_rates

    def train_two(*given):
        if len(trained) == 2:
            raise KeyboardInterrupt
        trained.append(given)
        return train(*given)

    module.train_rates = train_two
    with pytest.raises(KeyboardInterrupt):
        module.main([*SHORT, "--file", str(stopped)])
    assert len(json.loads(stopped.read_text(encoding="utf-8"))["rows"]) == 2
    trained.clear()
    module.train_rates = lambda *given: trained.append(given) or train(*given)
    module.main([*SHORT, "--file", str(stopped)])
    assert len(trained) == 4  # nothing twice
    assert stopped.read_bytes() == whole.read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["stopped.json", "whole.json"]


def test_the_base_width_is_trained_once_and_the_others_for_each_parametrization(tmp_path):
    file = tmp_path / "a.json"
    load_benchmark("mup_transfer").main([*SHORT, "--file", str(file)])
    rows = json.loads(file.read_text(encoding="utf-8"))["rows"]
    places = [(row["width"], row["parametrization"], row["seed"]) for row in rows]
    assert places == [(4, "standard", s) for s in (0, 1)] + [
        (8, name, s) for name in ("standard", "μP") for s in (0, 1)
    ]


def test_another_setting_is_refused_and_replaced_on_demand(tmp_path):
    file = tmp_path / "a.json"
    load_benchmark("mup_transfer").main([*SHORT, "--file", str(file)])
    with pytest.raises(SystemExit, match="another setting: --again replaces it"):
        load_benchmark("mup_transfer").main([*SHORT, "--steps", "4", "--file", str(file)])
    load_benchmark("mup_transfer").main([*SHORT, "--steps", "4", "--file", str(file), "--again"])
    assert json.loads(file.read_text(encoding="utf-8"))["setting"]["steps"] == 4


def test_the_stored_file_is_never_replaced_by_one_of_other_data():
    with pytest.raises(SystemExit, match="MNIST was not found"):
        load_benchmark("mup_transfer").main(SHORT)
