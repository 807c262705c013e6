"""Tables: every number in the digits of its column, every name where it belongs."""

import numpy as np
import pytest
import torch

from course_utils.plotting import table


def test_numbers_pairs_texts_and_gaps_are_written_in_the_digits_of_their_column():
    rows = {"Xavier": [0.3812, (0.881, 0.008)], "zero": [None, "chance"], 3: [1, np.float64(1)]}
    frame = table(rows, {"loss": ".2f", "accuracy": ".1%"}, "scheme")
    assert list(frame.index) == ["Xavier", "zero", "3"] and frame.columns.name == "scheme"
    assert frame["loss"].tolist() == ["0.38", "", "1.00"]
    assert frame["accuracy"].tolist() == ["88.1% ± 0.8%", "chance", "100.0%"]


def test_a_tensor_with_one_number_is_a_number():
    assert table({"a": [torch.tensor(2.5)]}, {"x": ".1f"}).loc["a", "x"] == "2.5"


def test_rows_with_several_names_have_a_level_for_each():
    frame = table({("he", 50): [1234.5], ("he", 100): [2.0]}, {"steps": ",.0f"}, ["scheme", "n"])
    assert frame.index.names == ["scheme", "n"] and frame.columns.name is None
    assert frame.loc[("he", 50), "steps"] == "1,234"


def test_a_table_without_rows_and_a_row_of_another_length_are_refused_in_words():
    with pytest.raises(ValueError, match="at least one row, got none"):
        table({}, {"loss": ".2f"})
    with pytest.raises(ValueError, match="row 'he' has 2 values for 1 columns"):
        table({"he": [1, 2]}, {"loss": ".2f"})
