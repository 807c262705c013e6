"""The table: whole at any time, readable in a spreadsheet, and nobody else's."""

import csv
from dataclasses import astuple

import pytest

from course_utils.grading import table
from course_utils.grading.table import COLUMNS, NotOurs, row

WORDS = {name: name for name in COLUMNS}


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "|", "%", "＝", "\t=", "\n=", "\u200b="])
def test_no_cell_begins_a_formula(start):
    made = row(**{name: f"{start}HYPERLINK(1)" for name in COLUMNS})
    assert all(cell.startswith("'") for cell in astuple(made))


def test_a_cell_is_one_short_line_of_real_characters():
    made = row(**WORDS | {"sentence": "a\r\n\x1b[31mb\x00 \u202ec\ud800" + "x" * 1000})
    assert made.sentence.startswith("a [31mb c?xxx") and len(made.sentence) == table.LONGEST


def test_what_is_written_is_read_again_with_every_alphabet(tmp_path):
    rows = [row(**WORDS | {"student": name}) for name in ('김서연, "한글"', "=1+1", "Zoë", "a;b")]
    path = tmp_path / "table.csv"
    data = table.write(path, rows)
    assert path.read_bytes() == data and data.startswith(b"\xef\xbb\xbfstudent,notebook,exercise,")
    assert table.read(path) == rows and list(tmp_path.iterdir()) == [path]
    table.write(path, table.read(path))
    assert path.read_bytes() == data  # nothing is escaped twice
    with path.open(encoding="utf-8-sig", newline="") as file:
        assert [line["student"] for line in csv.DictReader(file)][:2] == ['김서연, "한글"', "'=1+1"]


@pytest.mark.parametrize(
    "data",
    [b"", b"a,b\n1,2\n", b"\xff\xfe\x00", (",".join(COLUMNS) + "\na,b\n").encode(), b'"open'],
)
def test_a_file_that_is_no_table_of_ours_is_refused_and_stays(data, tmp_path):
    path = tmp_path / "table.csv"
    path.write_bytes(data)
    with pytest.raises(NotOurs):
        table.read(path)
    assert path.read_bytes() == data


def test_a_folder_at_its_place_is_refused_and_nothing_is_no_rows(tmp_path):
    with pytest.raises(NotOurs):
        table.read(tmp_path)
    assert table.read(tmp_path / "none.csv") == []
