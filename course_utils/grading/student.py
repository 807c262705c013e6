"""The student's process: run a notebook cell by cell, and hand over what the checkers are given.

Nothing is judged here, and no word of this process counts but the answers themselves: for whoever
runs code in it can do in it what he likes.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable
from functools import wraps
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from course_utils.exercises.judging import words_of
from course_utils.grading import handover
from course_utils.grading.child import limit_memory

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

LONGEST = 1000  # characters of an error's words

SHELLS = "bash cmd conda mamba micromamba perl pip pypy ruby script sh sx system uv".split()
"""Magics that only start other programs, or install some; they do nothing here, as ``!`` does."""


def main(settings: dict, tell: Callable[..., None]) -> None:
    """Run the cells; tell when each begins, and how it ended.

    Parameters
    ----------
    settings
        ``notebook``, the name of the module of its checkers; ``folder``, in which ``cells.json``
        lists number and source of each cell, and ``answers`` takes the answers; ``memory``, bytes.
    tell
        Sends a message home.
    """
    folder = Path(settings["folder"])
    cells = json.loads((folder / "cells.json").read_text(encoding="utf-8"))
    let_checkers_hand_over(settings["notebook"], folder / "answers")
    shell = quiet_shell()
    limit_memory(settings["memory"])
    tell(ready=True)
    for number, source in cells:
        tell(cell=number, state="begun")
        tell(cell=number, state="ended", error=error_of(shell, source))
    tell(end=True)
    os._exit(0)  # threads of the notebook may still run


def let_checkers_hand_over(notebook: str, answers: Path) -> None:
    """Put into the place of each checker a function that writes down what it is given."""
    module = import_module(f"course_utils.exercises.{notebook}")
    for check in dict.fromkeys(module.EXERCISES):
        setattr(module, check.__name__, _handing_over(module, check, answers))


def _handing_over(
    module: ModuleType, check: Callable[..., None], answers: Path
) -> Callable[..., None]:
    @wraps(check)
    def hand_over(*given: object, **options: object) -> None:
        number, _ = handover.attempt_at(module, check, given, options)
        words = answers / f"{number}.txt"
        try:
            handover.save(answers / f"{number}.pt", (check.__name__, given, options))
            words.unlink(missing_ok=True)
        except Exception as error:  # whatever a foreign object raises
            (answers / f"{number}.pt").unlink(missing_ok=True)
            words.write_text(words_of(error), encoding="utf-8", errors="replace")

    return hand_over


def quiet_shell() -> InteractiveShell:
    """Return a shell of IPython, as a notebook's kernel has one, that shows nothing."""
    from IPython.core.interactiveshell import InteractiveShell
    from traitlets.config import Config

    config = Config()
    config.HistoryManager.enabled = False
    shell = InteractiveShell.instance(config=config, user_module=ModuleType("__main__"))
    nothing = lambda *given, **options: None  # noqa: E731
    shell.system = shell.system_raw = shell.system_piped = shell.getoutput = nothing
    shell.showtraceback = shell.showsyntaxerror = shell.ask_exit = nothing
    for name in SHELLS:
        shell.register_magic_function(nothing, "line_cell", name)
    return shell


def error_of(shell: InteractiveShell, source: str) -> str:
    """Run a cell; return what stopped it in words, "" if nothing did."""
    try:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        result = shell.run_cell(source, store_history=False)
        error = result.error_before_exec or result.error_in_exec
        if "matplotlib.pyplot" in sys.modules:  # as a notebook does behind each cell
            sys.modules["matplotlib.pyplot"].close("all")
    except BaseException as raised:  # an interrupt that came late; a shell that was tampered with
        error = raised
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # one that comes later is not meant
    return words_of(error)[:LONGEST] if error else ""
