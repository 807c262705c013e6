"""Grade a whole folder into a table, notebook by notebook, and go on where it was stopped."""

from __future__ import annotations

import hashlib
import tempfile
import threading
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from functools import partial
from pathlib import Path

from tqdm import tqdm

from course_utils.exercises import NOTEBOOKS
from course_utils.grading import table
from course_utils.grading.grade import Limits, Verdict, grade
from course_utils.grading.guard import Guard
from course_utils.grading.submissions import Submission, submissions
from course_utils.grading.table import Row, row
from course_utils.grading.watch import Process
from course_utils.progress import progress
from course_utils.terminal import say

RUNNING = "running"
"""Before the fingerprint of a notebook that is being graded, with how often that was tried."""

TRIES = 2


class Unable(Exception):
    """Raised with words for the teacher if grading cannot begin or go on."""


def grade_all(
    folder: Path, path: Path, limits: Limits, *, jobs: int = 1, again: bool = False
) -> list[Row]:
    """Grade every submission in a folder, and keep the table up to date after each.

    Parameters
    ----------
    folder
        Submissions: see `submissions.submissions`.
    path
        Where the table is written. What an earlier run has graded with these checkers is kept.
    limits
        What a notebook may use.
    jobs
        How many notebooks run at a time.
    again
        Grade everything anew.

    Raises
    ------
    Unable
        If there is nothing to grade, the table is another program's or cannot be written, or the
        course's images cannot be loaded.
    KeyboardInterrupt
        After everything that ran has been ended, and the table written.
    """
    try:
        kept = table.read(path)
        found = submissions(folder, NOTEBOOKS, path)
    except (OSError, table.NotOurs) as error:
        raise Unable(f"{error}") from error
    if not found:
        raise Unable(f"{folder} holds no submissions: STUDENT/….ipynb or STUDENT.ipynb")
    exercises = _contents(limits)
    guard = Guard((s.path, s.data) for s in found if s.data is not None)
    ledger = _Ledger(path, found, [] if again else kept, guard, exercises)
    with progress(total=len(found), unit="file", delay=0) as bar:
        bar.update(len(found) - len(ledger.waiting))
        _grade_waiting(ledger, limits, jobs, lambda line: _tell(bar, line))
    return ledger.rows()


def _tell(bar: tqdm, line: str) -> None:
    with tqdm.external_write_mode():
        say(line)
    bar.update()


def _contents(limits: Limits) -> dict[str, list[str]]:
    """Ask a process of its own for the exercises of each notebook, and say on which images."""
    with tempfile.TemporaryDirectory(prefix="course_grading_") as place:
        (Path(place) / "work").mkdir()
        settings = {"writable": None}
        process = Process(
            "course_utils.grading.contents",
            settings,
            Path(place),
            memory=limits.memory,
            threads=limits.threads,
        )
        answers = [message for message in process.messages() if message and "data" in message]
    if not answers:
        raise Unable(f"The course's images cannot be loaded; try load_mnist(). {process.ended}")
    say(f"Judged on {answers[0]['words']}")
    return answers[0]["exercises"]


class _Ledger:
    """The rows of every submission, done or not, and their table."""

    def __init__(
        self,
        path: Path,
        found: list[Submission],
        kept: list[Row],
        guard: Guard,
        exercises: dict[str, list[str]],
    ) -> None:
        self._path, self._found, self._guard = path, found, guard
        self.exercises = exercises
        self._version = _version(guard)
        earlier: dict[str, list[Row]] = {}
        for line in kept:
            earlier.setdefault(line.fingerprint, []).append(line)
        self._rows: dict[Submission, list[Row]] = {}
        self._tries: dict[Submission, int] = {}
        self._changed: dict[Submission, list[str]] = {}
        for submission in found:
            self._take_up(submission, earlier)
        self._write()

    def _take_up(self, submission: Submission, earlier: dict[str, list[Row]]) -> None:
        fingerprint = self._fingerprint(submission)
        if submission.fault:
            words = {"notebook": "", "exercise": "", "result": "not a notebook"}
            self._rows[submission] = [
                self._row(submission, fingerprint, sentence=submission.fault, **words)
            ]
        elif fingerprint in earlier:
            self._rows[submission] = earlier[fingerprint]
        for tries in range(1, TRIES + 1):
            if before := earlier.get(f"{RUNNING} {tries} {fingerprint}"):
                self._tries[submission] = tries
                self._rows[submission] = before
                if tries < TRIES:
                    del self._rows[submission]

    @property
    def waiting(self) -> list[Submission]:
        """The submissions that have no rows yet."""
        return [submission for submission in self._found if submission not in self._rows]

    def begin(self, submission: Submission) -> None:
        """Write down that it runs: if the grader itself ends meanwhile, that stands there."""
        tries = self._tries.get(submission, 0) + 1
        words = "crash: the grader itself ended while this notebook ran."
        verdicts = [("stopped", words)] * len(self.exercises[submission.notebook])
        self._enter(submission, verdicts, f"{RUNNING} {tries} {self._fingerprint(submission)}")

    def drop(self, submission: Submission) -> None:
        """Forget that it ran."""
        del self._rows[submission]
        self._write()

    def end(self, submission: Submission, verdicts: list[Verdict]) -> str:
        """Enter the verdicts, and what was put back; return a line for the teacher."""
        self.put_back(submission)
        changed = ", ".join(dict.fromkeys(self._changed.pop(submission)[:3]))
        if changed:
            words = f"While it ran, files were changed and put back: {changed}. "
            verdicts = [(result, words + sentence) for result, sentence in verdicts]
        self._enter(submission, verdicts, self._fingerprint(submission))
        right = sum(result == "correct" for result, _ in verdicts)
        first = self._rows[submission][0]
        words = f", put back: {changed}" if changed else ""
        return f"{first.student}  {first.notebook}  {right} of {len(verdicts)} correct{words}"

    def put_back(self, submission: Submission) -> None:
        """Put back what has changed while a submission ran, and remember it."""
        self._changed.setdefault(submission, []).extend(self._guard.put_back())

    def rows(self) -> list[Row]:
        """Return all rows, in the order of the files."""
        return [line for s in self._found for line in self._rows.get(s, [])]

    def _enter(self, submission: Submission, verdicts: list[Verdict], fingerprint: str) -> None:
        number = NOTEBOOKS.index(submission.notebook)
        notebook = f"{number:02d}_{submission.notebook}"
        self._rows[submission] = [
            self._row(
                submission,
                fingerprint,
                notebook=notebook,
                exercise=str(exercise),
                result=result,
                sentence=sentence,
            )
            for exercise, (result, sentence) in enumerate(verdicts, start=1)
        ]
        self._write()

    def _row(self, submission: Submission, fingerprint: str, **words: str) -> Row:
        return row(
            student=submission.student, file=submission.file, fingerprint=fingerprint, **words
        )

    def _fingerprint(self, submission: Submission) -> str:
        return hashlib.sha256(f"{self._version}{submission.digest}".encode()).hexdigest()[:16]

    def _write(self) -> None:
        try:
            with self._guard.lock:
                self._guard.keep(self._path, table.write(self._path, self.rows()))
        except OSError as error:
            raise Unable(f"{self._path} cannot be written: {error}") from error


def _version(guard: Guard) -> str:
    """Return what changes with any source of the package."""
    digest = hashlib.sha256()
    for path, data in guard.digest().items():
        digest.update(f"{path.as_posix()} {len(data)} ".encode() + data)
    return digest.hexdigest()


def _grade_waiting(ledger: _Ledger, limits: Limits, jobs: int, tell: Callable[[str], None]) -> None:
    """Grade what waits, some at a time; leave a whole table, whatever happens."""
    stop, waiting = threading.Event(), ledger.waiting
    running: dict[Future, Submission] = {}
    with ThreadPoolExecutor(jobs) as pool:
        try:
            while waiting or running:
                while waiting and len(running) < jobs:
                    submission = waiting.pop(0)
                    ledger.begin(submission)
                    checkers = ledger.exercises[submission.notebook]
                    put_back = partial(ledger.put_back, submission)
                    task = pool.submit(grade, submission, checkers, limits, stop, put_back)
                    running[task] = submission
                done, _ = wait(running, timeout=0.5, return_when=FIRST_COMPLETED)
                for future in done:
                    tell(ledger.end(running[future], _verdicts(future, running[future], ledger)))
                    del running[future]
        finally:
            stop.set()
            for submission in running.values():
                ledger.drop(submission)


def _verdicts(future: Future, submission: Submission, ledger: _Ledger) -> list[Verdict]:
    """Return what grading has found; words for each exercise if the grader itself failed."""
    try:
        return future.result()
    except Exception as error:  # a full disk, for example: the next notebook may fare better
        words = f"crash: the grader itself failed, {type(error).__name__}: {error}"
        return [("stopped", words)] * len(ledger.exercises[submission.notebook])
