"""Words on any terminal, in the encodings of Western and Korean Windows and of plain machines."""

import io
import sys

import pytest

from course_utils import claim, load_mnist
from course_utils.terminal import say

ENCODINGS = ["cp1252", "cp949", "latin-1", "ascii", "utf-8"]


def terminal(monkeypatch, encoding, errors="strict"):
    screen = io.TextIOWrapper(io.BytesIO(), encoding=encoding, errors=errors, newline="\n")
    monkeypatch.setattr(sys, "stdout", screen)
    return lambda: (screen.flush(), screen.buffer.getvalue().decode(encoding))[1]


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_claims_and_images_are_said_on_any_terminal(encoding, monkeypatch):
    shown = terminal(monkeypatch, encoding)
    claim("σ_w² = 2 keeps ½ of √n", True)
    load_mnist("digits")
    lines = shown().splitlines()
    assert len(lines) == 2 and lines[1].startswith("scikit-learn's digits: 1,437 training")
    assert "keeps" in lines[0] and lines[0].endswith("n")


def test_what_can_be_shown_stays_and_the_rest_is_written_with_what_can(monkeypatch):
    shown = terminal(monkeypatch, "cp1252")
    say("✓ 28×28, 2² ≤ 5, 가")
    assert shown() == "OK 28×28, 2² <= 5, ?\n"
    shown = terminal(monkeypatch, "ascii")
    say("✓ 28×28, 2² ≤ 5 √n → ±1 …")
    assert shown() == "OK 28x28, 2^2 <= 5 sqrt n -> +-1 ...\n"
    shown = terminal(monkeypatch, "cp949")
    say("상관 −1 ✓")
    assert shown() == "상관 -1 OK\n"


def test_where_all_can_be_shown_nothing_changes(monkeypatch):
    shown = terminal(monkeypatch, "utf-8")
    say("✓ σ_w² → 2, 상관, \U0001f642")
    assert shown() == "✓ σ_w² → 2, 상관, \U0001f642\n"


def test_a_stream_that_names_no_encoding_gets_the_line_as_it_is(monkeypatch):
    screen = io.StringIO()
    monkeypatch.setattr(sys, "stdout", screen)
    say("✓")
    assert screen.getvalue() == "✓\n"
