"""A training that is interrupted ends a benchmark, and is never stored as one of its rows."""

import sys

import pytest
from helpers.benchmarks import load_benchmark
from helpers.project import ROOT
from helpers.toy import fresh, toy

from course_utils.training import fit

NAMES = ["lecture_labs", "pretraining_study", "rbm_likelihood", "schemes_table"]


@pytest.mark.parametrize("name", NAMES)
def test_an_interrupted_training_ends_the_run(name, monkeypatch):
    def interrupt(step, loss):
        raise KeyboardInterrupt

    monkeypatch.syspath_prepend(ROOT / "benchmarks")  # as a script finds its neighbours
    module = load_benchmark(name)
    before = module.FILE.read_bytes()
    # any training in the run would do: here one takes the place of loading the images
    monkeypatch.setattr(module, "mnist", lambda: fit(fresh(), *toy(), after_step=interrupt))
    monkeypatch.setattr(sys, "argv", [name])
    with pytest.raises(KeyboardInterrupt):
        module.main()
    assert module.FILE.read_bytes() == before
