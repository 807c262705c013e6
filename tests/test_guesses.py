import numpy as np
import pytest

from course_utils import guess


@pytest.mark.parametrize("nothing", [..., "...", "…"])
def test_no_guess_is_no_word(nothing, capsys):
    guess(nothing, ("a line", "a valley")).compare("a valley")
    assert capsys.readouterr().out == ""


def test_a_guess_is_compared_with_what_was_measured(capsys):
    mine = guess("a line", ("a line", "a valley"))
    mine.compare("a valley")
    mine.compare("a line")
    first, second = capsys.readouterr().out.splitlines()
    assert first.endswith("You guessed a line. Measured: a valley.") and "✓" not in first
    assert second == "✓ You guessed a line. Measured: a line."


@pytest.mark.parametrize("number", [1, 1.0, "1", np.int64(1), np.float32(1)])
def test_numbers_are_options_too(number, capsys):
    guess(number, (0.1, 1)).compare(1)
    assert capsys.readouterr().out == "✓ You guessed 1. Measured: 1.\n"


@pytest.mark.parametrize("answer", ["a hill", 3, None, ["a line"]])
def test_what_is_no_option_is_refused_with_the_options(answer):
    with pytest.raises(ValueError, match="one of 'a line', 'a valley', got.*leave the ..."):
        guess(answer, ("a line", "a valley"))


@pytest.mark.parametrize("options", ["ab", (), ("a",), ("a", "a"), (1, "1")])
def test_one_option_is_no_question(options):
    with pytest.raises(ValueError, match="two or more different answers"):
        guess("a", options)


def test_what_was_measured_must_be_an_option():
    with pytest.raises(ValueError, match="measured must be one of 'a', 'b', got 'c'"):
        guess("a", ("a", "b")).compare("c")
