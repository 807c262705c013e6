"""The sweep of learning rates: it goes on where it was, and its stored file says what 10 shows."""

from __future__ import annotations

import importlib.util
import json
import math
from pathlib import Path

import numpy as np
import pytest

from course_utils.mup import MUP, STANDARD, best_rate

SCRIPT = Path(__file__).parents[1] / "benchmarks" / "mup_transfer.py"
SHORT = ["--widths", "4", "8", "--base-width", "4", "--depth", "1", "--steps", "3", "--seeds", "2"]
SHORT += ["--lrs", "0.001", "0.01", "0.1"]


def command():
    spec = importlib.util.spec_from_file_location("mup_transfer", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(autouse=True)
def on_digits(monkeypatch):
    monkeypatch.setenv("COURSE_DATA", "digits")


def test_a_run_that_stops_goes_on_to_the_same_file(tmp_path):
    whole, stopped = tmp_path / "whole.json", tmp_path / "stopped.json"
    command().main([*SHORT, "--file", str(whole)])
    module, trained = command(), []
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
    command().main([*SHORT, "--file", str(file)])
    rows = json.loads(file.read_text(encoding="utf-8"))["rows"]
    places = [(row["width"], row["parametrization"], row["seed"]) for row in rows]
    assert places == [(4, "standard", s) for s in (0, 1)] + [
        (8, name, s) for name in ("standard", "μP") for s in (0, 1)
    ]


def test_another_setting_is_refused_and_replaced_on_demand(tmp_path):
    file = tmp_path / "a.json"
    command().main([*SHORT, "--file", str(file)])
    with pytest.raises(SystemExit, match="another setting: --again replaces it"):
        command().main([*SHORT, "--steps", "4", "--file", str(file)])
    command().main([*SHORT, "--steps", "4", "--file", str(file), "--again"])
    assert json.loads(file.read_text(encoding="utf-8"))["setting"]["steps"] == 4


def test_the_stored_file_is_never_replaced_by_one_of_other_data():
    with pytest.raises(SystemExit, match="MNIST was not found"):
        command().main(SHORT)


def stored_best_rates():
    """Return {(parametrization, width): log2 of the best rate for the mean over seeds}."""
    content = json.loads(SCRIPT.with_suffix(".json").read_text(encoding="utf-8"))
    losses = {}
    for row in content["rows"]:
        key = row["parametrization"], row["width"]
        losses.setdefault(key, []).append(np.array(row["loss"], dtype=float))
    assert all(len(rows) >= 5 for rows in losses.values())
    lrs = content["setting"]["lrs"]
    return {key: math.log2(best_rate(lrs, np.mean(rows, 0))) for key, rows in losses.items()}


def test_the_stored_best_rate_falls_with_the_width_in_standard_networks_and_stays_in_mup():
    best = stored_best_rates()
    widths = [64, 128, 256, 512]
    standard = [best[STANDARD.name, width] for width in widths]
    mup = [standard[0]] + [best[MUP.name, width] for width in widths[1:]]
    assert all(a > b for a, b in zip(standard, standard[1:], strict=False))
    assert standard[0] - standard[-1] > 1.3  # two and a half times lower, or more
    assert max(mup) - min(mup) < 0.7
