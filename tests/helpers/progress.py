"""A terminal of the tests' own, on which progress bars show at once."""

import io
import sys

from tqdm import tqdm


class Terminal(io.StringIO):
    def isatty(self):
        return True


def terminal_for_bars(monkeypatch):
    """Return a terminal that stands for stderr, on which bars do not wait for the first second."""
    screen, init = Terminal(), tqdm.__init__

    def at_once(bar, *arguments, **options):
        init(bar, *arguments, **options | {"delay": 0, "mininterval": 0})

    monkeypatch.setattr(sys, "stderr", screen)
    monkeypatch.setattr(tqdm, "__init__", at_once)
    return screen


def assert_shown_and_wiped_out(screen, text):
    shown = screen.getvalue()
    assert text in shown
    assert shown.endswith("\r") and not shown.split("\r")[-2].strip()


def left_by(capture):
    """Return what was printed, and what stderr still shows: a bar of a slow moment is wiped out."""
    out, err = capture.readouterr()
    screen = ""
    for written in err.split("\r"):  # each goes over what stood there
        screen = written + screen[len(written) :]
    return out, screen.strip(" ")
