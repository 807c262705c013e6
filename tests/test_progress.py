"""What a bar leaves in a notebook; what it shows in a terminal, the rooms' own tests ask."""

import sys

import nbformat
import pytest
from helpers.progress import left_by
from nbclient import NotebookClient
from tqdm import tqdm

from course_utils.progress import WIDGET_VIEW, progress

SLOW = """import time
from course_utils import progress as room
widgets, words, shown = [], [], room._shown
room._shown = lambda: widgets.append(shown()) or widgets[-1]
for _ in room.progress(range(4), unit="step", delay={delay}, mininterval=0, quiet={quiet}):
    words += [widget.value for widget in widgets]
    time.sleep(0.02)
"""


def outputs(source):
    """Run a cell in a kernel of Jupyter, and return what it puts out."""
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source)])
    NotebookClient(notebook, kernel_name="python3").execute()
    return notebook.cells[0].outputs


def test_in_a_notebook_a_bar_is_a_view_without_a_word_which_is_closed_at_the_end():
    ask = "print(words[-1], len(widgets), widgets[0].comm)"
    view, said = outputs(SLOW.format(delay=1e-9, quiet=False) + ask)
    assert view.output_type == "display_data" and list(view.data) == [WIDGET_VIEW]
    assert said.name == "stdout" and "3/4" in said.text and "step" in said.text
    assert said.text.endswith("</pre> 1 None\n")


@pytest.mark.parametrize("options", [{"delay": 60, "quiet": False}, {"delay": 0, "quiet": True}])
def test_what_is_over_at_once_or_quiet_makes_no_widget(options):
    (said,) = outputs(SLOW.format(**options) + "print(widgets, words)")
    assert said.text == "[] []\n"


def test_in_a_terminal_it_is_tqdms():
    bar = progress(total=3, unit="step")
    assert type(bar) is tqdm and not bar.leave and bar.delay == 1
    bar.close()


def test_the_tests_own_terminal_sees_what_a_bar_leaves(capsys):
    print("said")
    print("\rMNIST: 15.8kB\r             \r", end="", file=sys.stderr)
    assert left_by(capsys) == ("said\n", "")
    print("\rMNIST: 15.8kB\r     \r", end="", file=sys.stderr)
    assert left_by(capsys) == ("", ": 15.8kB")
