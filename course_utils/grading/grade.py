"""Grade one notebook: run it in one process, judge its answers in another, gather the verdicts.

The student's process is believed nothing but the answers that it leaves behind; the verdicts come
from the judge's, signed.
"""

from __future__ import annotations

import json
import os
import re
import secrets
import stat
import sys
import sysconfig
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import platformdirs

import course_utils
from course_utils.grading.submissions import Submission
from course_utils.grading.watch import START_SECONDS, Process, course_data, remove

SHARE_OF_A_CELL = 0.5  # of all seconds: then the cell is interrupted, and the next one begins
SHARE_OF_AN_ANSWER = 0.2  # a notebook has at most five
LARGEST_ANSWER = 256 * 2**20  # bytes


@dataclass(frozen=True)
class Limits:
    """What a notebook may use.

    Attributes
    ----------
    seconds
        For all cells; a single cell is interrupted after half of them, and judging one answer may
        take a fifth.
    memory
        Bytes.
    threads
        For numerical work.
    """

    seconds: float = 300.0
    memory: int = 4 * 2**30
    threads: int = 1


@dataclass
class Run:
    """What a notebook's process has told: none of it is believed for a verdict."""

    errors: dict[int, str] = field(default_factory=dict)  # cell → what stopped it; "" if nothing
    interrupted: set[int] = field(default_factory=set)
    ended: str = ""
    last: int = 0


Verdict = tuple[str, str]  # result and sentence


def grade(
    submission: Submission,
    checkers: list[str],
    limits: Limits,
    stop: threading.Event,
    put_back: Callable[[], object],
) -> list[Verdict]:
    """Return result and sentence for each exercise of a notebook.

    Parameters
    ----------
    submission
        A notebook of the course.
    checkers
        The name of the checker of each exercise, from 1 on.
    limits
        What it may use.
    stop
        When it is set, everything ends at once, and the verdicts are worth nothing.
    put_back
        Called when the notebook has run, before anything is judged: puts files back.
    """
    with _scratch() as place:
        run = _run(submission, place / "student", limits, stop)
        put_back()
        answers, faults = _collect(place, len(checkers))
        verdicts = _judge(submission.notebook, answers, place / "judge", limits, stop)
    for number, name in enumerate(checkers, start=1):
        if number not in verdicts:
            asked = number if checkers.count(name) > 1 else None  # it judges several exercises
            own = cells_of(submission.cells, name, asked)
            verdicts[number] = _without_answer(run, own, name, faults.get(number, ""))
    return [verdicts[number] for number in range(1, len(checkers) + 1)]


@contextmanager
def _scratch() -> Iterator[Path]:
    """Make the folders of the two processes; take away all that they have left."""
    place = Path(tempfile.mkdtemp(prefix="course_grading_")).resolve()
    try:
        for name in ("answers", "work"):
            (place / "student" / name).mkdir(parents=True)
            (place / "judge" / name).mkdir(parents=True)
        yield place
    finally:
        remove(place)


def _process(task: str, settings: dict, folder: Path, limits: Limits) -> Process:
    writable = [str(folder / "answers"), str(folder / "work"), os.devnull]
    settings |= {"readable": [*readable(), str(folder)], "writable": writable}
    settings |= {"memory": limits.memory}
    return Process(
        f"course_utils.grading.{task}",
        settings,
        folder,
        memory=limits.memory,
        threads=limits.threads,
    )


def readable() -> list[str]:
    """Return the places that a notebook must read: Python, its packages, the system, the images."""
    places = {sys.prefix, sys.base_prefix, sys.exec_prefix, *sysconfig.get_paths().values()}
    places |= {"/usr", "/lib", "/lib64", "/bin", "/etc", "/proc", "/sys", "/dev", "/nix"}
    places |= {str(Path(sys.executable).resolve().parent), str(Path(course_utils.__file__).parent)}
    places |= {str(platformdirs.user_cache_path(name)) for name in ("course_utils", "matplotlib")}
    places.add(str(platformdirs.user_config_path("matplotlib")))
    return sorted(places | {course_data().removeprefix("images:")} - {"", "digits"})


def _run(submission: Submission, folder: Path, limits: Limits, stop: threading.Event) -> Run:
    """Run the cells of a notebook in a process of its own."""
    cells = json.dumps(submission.cells)
    (folder / "cells.json").write_text(cells, encoding="utf-8", errors="replace")
    run, patience = Run(), _Patience(limits.seconds)
    settings = {"notebook": submission.notebook, "folder": str(folder)}
    process = _process("student", settings, folder, limits)
    for message in process.messages():
        if stop.is_set():
            process.stop("the grader was interrupted")
        match message:
            case {"ready": True}:
                patience.begin()
            case {"cell": int(cell), "state": "begun"}:
                run.last = cell
                patience.next()
            case {"cell": int(cell), "error": str(error)}:
                run.errors[cell] = error
        if patience.is_out():
            process.stop(f"time: the notebook ran longer than {limits.seconds:g} s")
        elif patience.step_is_longer_than(SHARE_OF_A_CELL * limits.seconds):
            run.interrupted.add(run.last)
            patience.next()
            process.interrupt()
    run.ended = process.ended
    return run


class _Patience:
    """Counts the seconds since a process was ready, and since its newest step began."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._ready = self._step = time.monotonic() + START_SECONDS  # until it says that it is

    def begin(self) -> None:
        """Count from now on, if not yet counting."""
        self._ready = self._step = min(self._ready, time.monotonic())

    def next(self) -> None:
        """Let the next step begin now."""
        self._step = time.monotonic()

    def is_out(self) -> bool:
        """Say whether all seconds are used up."""
        return time.monotonic() > self._ready + self._seconds

    def step_is_longer_than(self, seconds: float) -> bool:
        """Say whether the newest step has taken longer."""
        return time.monotonic() > self._step + seconds


def _collect(place: Path, exercises: int) -> tuple[dict[int, Path], dict[int, str]]:
    """Take the answers out of the reach of whoever wrote them.

    Returns
    -------
    Number of the exercise and file of each answer; and of each that could not be handed over, why.
    """
    answers, faults = {}, {}
    if (place / "student" / "answers").is_symlink():
        return answers, faults
    for number in range(1, exercises + 1):
        left, taken = (place / who / "answers" / f"{number}.pt" for who in ("student", "judge"))
        words = left.with_suffix(".txt")
        if not _is_file(left):
            if _is_file(words):
                with words.open("rb") as file:
                    faults[number] = file.read(1000).decode("utf-8", "replace")
        elif left.lstat().st_size > LARGEST_ANSWER:
            faults[number] = f"it has more than {LARGEST_ANSWER >> 20} MB"
        else:
            os.replace(left, taken)
            answers[number] = taken
    return answers, faults


def _is_file(path: Path) -> bool:
    try:
        return stat.S_ISREG(path.lstat().st_mode)
    except OSError:
        return False


def _judge(
    notebook: str, answers: dict[int, Path], folder: Path, limits: Limits, stop: threading.Event
) -> dict[int, Verdict]:
    """Judge the answers, in as many processes as it takes: one that dies has judged but one."""
    verdicts: dict[int, Verdict] = {}
    while (waiting := [n for n in answers if n not in verdicts]) and not stop.is_set():
        files = [(number, str(answers[number])) for number in waiting]
        verdicts |= _judge_until_it_ends(notebook, files, folder, limits, stop)
    return verdicts


def _judge_until_it_ends(
    notebook: str, files: list, folder: Path, limits: Limits, stop: threading.Event
) -> dict[int, Verdict]:
    nonce, verdicts = secrets.token_hex(16), {}
    current, patience = files[0][0], _Patience(SHARE_OF_AN_ANSWER * limits.seconds)
    settings = {"notebook": notebook, "answers": files, "nonce": nonce}
    process = _process("judge", settings, folder, limits)
    for message in process.messages():
        if stop.is_set():
            process.stop("the grader was interrupted")
        match message if message and message.get("nonce") == nonce else None:
            case {"exercise": int(number), "state": "begun"}:
                current = number
                patience.begin()
                patience.next()
            case {"exercise": int(number), "result": str(result), "sentence": str(sentence)}:
                verdicts[number] = result, sentence
        if patience.step_is_longer_than(SHARE_OF_AN_ANSWER * limits.seconds):
            seconds = SHARE_OF_AN_ANSWER * limits.seconds
            process.stop(f"time: judging the answer took longer than {seconds:g} s")
    if current not in verdicts:
        verdicts[current] = "stopped", f"{process.ended or 'its judge said nothing'}."
    return verdicts


def _without_answer(run: Run, own: list[int], checker: str, fault: str) -> Verdict:
    """Say why an exercise has no answer: deleted, stopped, or never reached."""
    if fault:
        return "stopped", f"output: its answer could not be handed over: {fault}."
    if not own:
        return "missing", f"No cell calls {checker}."
    cell = own[-1]
    if cell in run.interrupted:
        return "stopped", f"time: cell {cell} took too long and was interrupted."
    if error := run.errors.get(cell):
        return "not yet", f"Cell {cell} stopped with {error}."
    if run.ended:
        return "stopped", f"{run.ended} (in cell {run.last})."
    return "missing", f"Cell {cell} ran, but did not call the course's {checker}."


def cells_of(cells: tuple[tuple[int, str], ...], checker: str, number: int | None) -> list[int]:
    """Return the numbers of the cells that call a checker, with this number if there is one."""
    call = re.compile(rf"\b{checker}\s*\(\s*{'' if number is None else number}")
    found = []
    for cell, source in cells:
        lines = [line for line in source.splitlines() if not line.lstrip().startswith("#")]
        if call.search("\n".join(lines)):
            found.append(cell)
    return found
