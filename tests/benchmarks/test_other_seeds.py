"""The command that runs a notebook with other seeds: it shifts them, and counts what fails."""

import nbformat
import pytest
from helpers.benchmarks import load_benchmark

CELLS = [
    "import numpy as np, torch\nfrom course_utils import claim_on, load_mnist",
    "from course_utils.experiments import seeded\nclaim = claim_on(load_mnist())",
    "a = torch.rand((), generator=seeded(5)).item()",
    "torch.manual_seed(5)\nb = torch.rand(()).item()",
    "c = np.random.default_rng(5).random()",
    "d = torch.rand((), generator=torch.Generator().manual_seed(5)).item()",
    "claim('d', abs(d - 0.8303) < 1e-4, d=d)",
    "claim('a', abs(a - 0.8303) < 1e-4, a=a)\nclaim('b', abs(b - 0.8303) < 1e-4, b=b)",
    "claim('c', abs(c - 0.8050) < 1e-4, c=c)\nclaim('always', True)",
]


@pytest.fixture
def notebook(tmp_path, monkeypatch):
    monkeypatch.setenv("COURSE_DATA", "digits")

    def write(cells):
        path = tmp_path / "99_test.ipynb"
        notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(c) for c in cells])
        nbformat.write(notebook, path)
        return path

    return write


def test_every_kind_of_seed_is_shifted_and_failures_do_not_stop_the_notebook(notebook):
    module, path = load_benchmark("other_seeds"), notebook(CELLS)
    assert module.run(path, 0) == (5, [])
    held, failed = module.run(path, 7)
    assert held == 1
    assert [line[:5] for line in failed] == ["d | d", "a | a", "b | b", "c | c"]


def test_a_notebook_that_breaks_is_told(notebook):
    module, path = load_benchmark("other_seeds"), notebook([*CELLS, "1 / 0"])
    held, failed = module.run(path, 0)
    assert held == 5 and failed == ["stopped by ZeroDivisionError: division by zero"]


def test_an_unknown_number_ends_in_a_word():
    with pytest.raises(SystemExit, match="no notebook begins with 77"):
        load_benchmark("other_seeds").main(["77"])
