"""The scripts of the folder benchmarks, as modules."""

import importlib.util

from helpers.project import ROOT


def load_benchmark(name):
    """Return a benchmark as a new module."""
    path = ROOT / "benchmarks" / f"{name}.py"
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
