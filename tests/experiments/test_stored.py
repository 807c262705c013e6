"""The runs stored with the package: all there, readable, and answered in words where not."""

import json

import pytest
from helpers.project import ROOT

from course_utils.experiments import rows_with, stored, stored_path
from course_utils.experiments.stored import RUNS, as_text, write_whole


@pytest.mark.parametrize("name", RUNS)
def test_every_run_is_there_with_its_setting_its_rows_and_the_script_that_made_it(name):
    run = stored(name)
    tables = [value for key, value in run.items() if key != "setting"]
    assert isinstance(run["setting"], dict) and tables
    assert all(rows and all(isinstance(row, dict) for row in rows) for rows in tables)
    assert json.loads(stored_path(name).read_text(encoding="utf-8")) == run
    assert (ROOT / "benchmarks" / f"{name}.py").exists()


def test_no_other_file_lies_beside_them():
    folder = stored_path("lecture_labs").parent
    assert {path.stem for path in folder.glob("*")} == set(RUNS)


def test_an_unknown_run_is_answered_with_the_known_ones():
    for look in (stored, stored_path):
        with pytest.raises(ValueError, match="no stored run 'mup': try one of .*, mup_transfer"):
            look("mup")


def test_a_run_that_is_missing_is_answered_with_what_to_type(monkeypatch):
    monkeypatch.setitem(RUNS, "lost", "a minute")
    words = r"'lost' is missing: .* python benchmarks/lost.py makes it again \(a minute\)"
    with pytest.raises(FileNotFoundError, match=words):
        stored("lost")


def test_rows_are_chosen_by_all_the_values_named_in_their_order():
    rows = [{"seed": s, "lr": lr, "loss": s + lr} for s in (0, 1) for lr in (0.1, 0.2)]
    assert rows_with(rows, seed=1) == rows[2:]
    assert rows_with(rows, seed=0, lr=0.2) == [rows[1]]
    assert rows_with(rows) == rows and rows_with(rows, width=3) == []


def test_a_text_has_a_line_a_row_and_reads_back(tmp_path):
    setting, rows, costs = {"name": "μP"}, [{"seed": 0}, {"seed": 1}], [{"seconds": 2.5}]
    text = as_text(setting, rows=rows, costs=costs)
    assert json.loads(text) == {"setting": setting, "rows": rows, "costs": costs}
    assert '    {"seed": 0},\n    {"seed": 1}\n' in text and "μP" in text
    file = tmp_path / "run.json"
    file.write_text("older")
    write_whole(file, text)
    assert file.read_text(encoding="utf-8") == text and list(tmp_path.iterdir()) == [file]
