"""Words on any terminal, in the encodings of Western and Korean Windows and of plain machines."""

import io
import re
import runpy
import sys

import pytest
from helpers.project import ROOT

from course_utils import claim, load_mnist
from course_utils.terminal import any_terminal, say

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


COMMANDS = sorted(
    path
    for folder in ("benchmarks", "docs", "figures", "notebooks")
    for path in (ROOT / folder).rglob("*.py")
    if "__main__" in path.read_text(encoding="utf-8")
)
COMMANDS += sorted((ROOT / "course_utils").rglob("__main__.py"))
FIRST = re.compile(r'^(if __name__ == "__main__":\n    )?any_terminal\(\)\n', re.M)


@pytest.mark.parametrize("path", COMMANDS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_each_command_can_be_helped_on_a_terminal_of_ascii(path, monkeypatch):
    text = path.read_text(encoding="utf-8")
    assert FIRST.search(text), "its first line is any_terminal()"
    if "ArgumentParser" not in text and path.parent.name != "classroom":
        return  # it takes no options
    shown = terminal(monkeypatch, "ascii")
    monkeypatch.setattr(sys, "argv", [str(path), "--help"])
    monkeypatch.syspath_prepend(path.parent)
    with pytest.raises(SystemExit) as end:
        runpy.run_path(str(path), run_name="__main__")
    assert end.value.code == 0 and shown().startswith("usage:")


def test_a_command_writes_the_name_of_a_folder_that_the_terminal_cannot_show(monkeypatch, tmp_path):
    shown = terminal(monkeypatch, "cp1252")
    any_terminal()
    print(f"students: written into {tmp_path.name}/강의, μ, σ")
    assert shown().endswith("/??, mu, sigma\n")
