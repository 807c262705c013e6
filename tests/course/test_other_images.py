"""Notebooks on images that the course was not written for: they run to the end, and say so."""

import os

import nbformat
import pytest
from helpers.other_images import write_garments
from helpers.project import ROOT
from nbclient import NotebookClient

pytestmark = pytest.mark.skipif(
    not os.environ.get("COURSE_OTHER_IMAGES"),
    reason="COURSE_OTHER_IMAGES is not set: three minutes more, which CI takes",
)


@pytest.fixture(scope="module")
def garments(tmp_path_factory):
    return write_garments(tmp_path_factory.mktemp("data"), n_train=12_000, n_test=4_000).parent


@pytest.mark.parametrize("number", ["01", "02", "07"])
def test_a_notebook_runs_to_its_end_on_other_images(number, garments, monkeypatch):
    monkeypatch.setenv("COURSE_DATA", f"images:{garments}")
    (path,) = (ROOT / "notebooks").glob(f"{number}_*.ipynb")
    notebook = nbformat.read(path, as_version=4)
    folder = {"metadata": {"path": str(path.parent)}}
    NotebookClient(notebook, timeout=300, resources=folder).execute()  # raises what a cell raises
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    said = "".join(output.get("text", "") for cell in cells for output in cell.outputs)
    assert "FashionMNIST: 12,000 training and 4,000 test images" in said
    assert said.count("✓ ") > 15
    if number == "07":
        assert "– said of MNIST, not so on FashionMNIST: Over 94 % of the test images" in said
