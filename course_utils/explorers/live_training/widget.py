"""The controls of the live training: how the weights begin, Start, Stop, Clear."""

from __future__ import annotations

import atexit
import contextvars
import math
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

from course_utils.data import ImageData
from course_utils.explorers.base import Explorer, Look, Table
from course_utils.explorers.controls import (
    STD_STEPS,
    Button,
    Choice,
    Progress,
    Typed,
    log_number,
)
from course_utils.explorers.live_training.experiment import (
    LiveRun,
    LiveTrainingSetting,
    read_data,
)
from course_utils.explorers.live_training.figure import SHOWN, draw, looks_of, title
from course_utils.explorers.values import corrected_choice, corrected_number, corrected_whole
from course_utils.initializers import SCHEMES
from course_utils.training import History

MIN_STEPS, MAX_STEPS, MAX_SEED = 20, 3000, 9999
PAUSE = 0.25
"""Seconds between two pictures, at least."""

POINTS = 300
"""So many points of a curve travel to the browser, one more at most: it has no room for more."""

IDLE = "Choose how the weights begin, and press Start."


class LiveTrainingExplorer(Explorer):
    """Choose scheme, std and seed; press Start; see loss and test accuracy while they change.

    The lecture's lab: 784-256-256-10, ReLU, Adam 0.001, batches of 100. The training runs in a
    thread of its own: the kernel answers meanwhile, and Stop works. A change of the controls
    counts from the next run on. The picture shows the newest run and the last 8 before it.

    Parameters
    ----------
    data
        The images, of 28×28 pixels, and their labels: tensors, NumPy arrays or lists.
    scheme, std, seed, steps
        What the controls say at first; see :class:`LiveTrainingSetting`.

    Examples
    --------
    >>> live = LiveTrainingExplorer(data, scheme="he_normal", steps=300)
    >>> live.start()
    >>> live.wait()
    >>> label, history = live.histories[-1]
    """

    folder, prefix = "live_training", "live-training"

    def __init__(
        self,
        data: ImageData,
        *,
        scheme: str = "normal",
        std: float = 1.0,
        seed: int = 0,
        steps: int = 200,
    ) -> None:
        self.data = data
        self._lock = threading.RLock()  # what the training thread shows, and what the controls do
        self._over: list[LiveRun] = []
        self._run: LiveRun | None = None
        self._idle = threading.Event()  # no training is going on, and the last one is shown
        self._idle.set()
        self._error: BaseException | None = None
        self._readout, self._count, self._due = "", 0, 0.0
        super().__init__(LiveTrainingSetting(), "Explorer: the lecture's lab, trained live")
        self.set(scheme=scheme, std=std, seed=seed, steps=steps)

    # ------------------------------------------------------------------ the programmatic way

    @property
    def data(self) -> ImageData:
        """The images and labels of the next run, as tensors."""
        return self._data

    @data.setter
    def data(self, data: ImageData) -> None:
        self._data = read_data(data)

    @property
    def running(self) -> bool:
        """Whether a training is going on."""
        return self._run is not None

    @property
    def histories(self) -> list[tuple[str, History]]:
        """Label and history of each run that is over, stopped ones too, oldest first."""
        return [(run.setting.label, run.history) for run in self._over]

    def readout(self) -> str:
        """State in one line which training goes on, or was the last, and how it ended."""
        return self._readout or f"{self.setting.label}: not started"

    def set(self, **changes) -> None:
        """Change controls; the impossible is corrected in words. A run going on stays as it is.

        Parameters
        ----------
        **changes
            ``scheme``, ``std``, ``seed``, ``steps``.

        Raises
        ------
        TypeError
            If there is no such control.
        """
        with self._lock:
            super().set(**changes)

    def start(self) -> None:
        """Begin a training with what the controls say, unless one is going on."""
        with self._lock:
            if self.running:
                self._answer("A training is going on: press Stop first, or let it end.")
                return
            run = LiveRun(self._count + 1, self.setting, self._now_and_then)
            context = contextvars.copy_context()  # what the thread prints belongs to this cell
            job = (self._train, run)
            thread = threading.Thread(target=context.run, args=job, daemon=True)
            readout = f"{run.setting.label}: training for {run.setting.steps} steps"
            look = look_of([*self._over, run], f"{readout}. Stop ends it early.")
            self._run, self._due = run, 0.0
            self._idle.clear()
            try:
                thread.start()
            except BaseException:
                run.stop()  # if it has begun nevertheless
                self._run = None
                self._idle.set()
                raise
            atexit.register(self._leave)
            self._count, self._error, self._readout = run.number, None, readout
            self._show(look, correction="")

    def stop(self) -> None:
        """End the training after its next step: what it did until then is shown and kept."""
        with self._lock:
            if self.running:
                self._run.stop()
            else:
                self._answer("No training is going on: there is nothing to stop.")

    def clear(self) -> None:
        """Forget the runs that are over: their curves and their histories."""
        with self._lock:
            look = look_of([self._run], self.verdict) if self.running else look_of([], IDLE)
            self._over.clear()
            self._error = None
            if not self.running:
                self._readout = ""
            self._show(look, correction="")

    def wait(self, timeout: float = 60) -> None:
        """Block until the training is over, if one is going on.

        Parameters
        ----------
        timeout
            Seconds.

        Raises
        ------
        TimeoutError
            If it is not over by then; it goes on.
        RuntimeError
            If the last training failed, with the reason.
        """
        if not self._idle.wait(timeout):  # join, once interrupted, takes a thread for dead
            raise TimeoutError(
                f"the training is still going on after {timeout:g} seconds: wait again with a "
                "longer timeout, or call stop() first"
            )
        if self._error is not None:
            raise RuntimeError(self.verdict) from self._error

    # ------------------------------------------------------------------ in the training's thread

    def _train(self, run: LiveRun) -> None:
        failure = None
        try:
            run.train(self.data)
            readout, words = f"{run.setting.label}: {run.ending()}", run.summary()
        except BaseException as error:
            failure, readout = error, f"{run.setting.label}: failed"
            words = f"{readout}. {type(error).__name__}: {error}"
        with self._lock:
            if run is not self._run:  # its start was broken off
                return
            try:
                if failure is None:
                    self._over.append(run)
                self._run, self._error, self._readout = None, failure, readout
                atexit.unregister(self._leave)
                self._show(replace(self._look_shown, verdict=words), self.correction)
                self._show(look_of(self._over, words), self.correction)  # may fail
            finally:
                self._idle.set()

    def _now_and_then(self) -> None:
        """Show how far it is, but leave at least three quarters of the time to the training."""
        started = time.monotonic()
        if started >= self._due:
            with self._lock:
                self._show(look_of([*self._over, self._run], self.verdict), self.correction)
            ended = time.monotonic()
            self._due = ended + max(PAUSE, 3 * (ended - started))

    def _leave(self) -> None:
        """End the training before the interpreter ends, which must not pull torch from under it."""
        if (run := self._run) is not None:
            run.stop()
            self._idle.wait(5)

    # ------------------------------------------------------------------ what is shown

    def _asked(self, content: dict) -> None:
        with self._lock:  # until it is answered the thread shows nothing
            super()._asked(content)

    def _show(self, look: Look, correction: str) -> None:
        self._store(self.setting, look, correction)
        self._publish()

    def _answer(self, words: str) -> None:
        self._show(self._look_shown, words)

    def _look(self, setting: LiveTrainingSetting) -> Look:
        return self._look_shown or look_of([], IDLE)  # the next run begins with the setting

    def _rows(self) -> list[list]:
        scheme = Choice("scheme", "scheme", {scheme: scheme for scheme in SCHEMES})
        start = Button("start", "Start", "train with these settings", self.start, primary=True)
        stop = Button("stop", "Stop", "end this training now", self.stop)
        clear = Button("clear", "Clear", "forget the earlier runs", self.clear)
        return [
            [scheme, Typed("seed", "seed"), Typed("steps", "steps")],
            [log_number("std", "std", *STD_STEPS)],
            [start, stop, clear, Progress("progress", "progress of the training")],
        ]

    def _controls_shown(self) -> dict:
        """Return what the controls show, which of them are of no use now, and how far it is."""
        runs = [*self._over, *([self._run] if self.running else [])]
        done, last = (len(runs[-1].losses), runs[-1].setting.steps) if runs else (0, 1)
        shown = {
            "disabled": ["start" if self.running else "stop"],
            "notes": {},
            "progress": [done, last],
            "steps": f"{done} of {last} steps" if runs else "",
        }
        scheme = self.setting.scheme
        if scheme != "normal":
            shown["disabled"].append("std")
            shown["notes"]["std"] = f"std counts for normal only: {scheme} has a rule of its own"
        return super()._controls_shown() | shown

    def _still(self) -> bytes:
        with self._lock:
            runs = [*self._over, *([self._run] if self.running else [])]
        return draw(runs)

    def _corrected(self, name: str, value, previous) -> tuple:
        if name == "scheme":
            return corrected_choice(value, previous, SCHEMES, "scheme")
        if name == "std":
            return corrected_number(value, previous, 0.0, 10.0, "std")
        low, high = (0, MAX_SEED) if name == "seed" else (MIN_STEPS, MAX_STEPS)
        return corrected_whole(value, previous, low, high, name)


# ---------------------------------------------------------------------- the looks of the runs


@dataclass(frozen=True)
class Seen:
    """A run as far as it has come at one moment: picture, words and table are of the same step."""

    run: LiveRun
    losses: list[float]
    smooth: list[float]
    accuracies: list[tuple[int, float]]

    @property
    def steps(self) -> int:
        """How many it has taken."""
        return len(self.losses)

    @property
    def loss(self) -> str:
        """The smoothed loss of the last step, in words."""
        return f"{self.smooth[-1]:.3g}" if self.smooth else "none yet"

    @property
    def accuracy(self) -> str:
        """The last accuracy that was measured, in words."""
        return f"{self.accuracies[-1][1]:.2f}" if self.accuracies else "none yet"


def seen_now(run: LiveRun) -> Seen:
    """Look at a run, which may go on meanwhile."""
    steps = len(run.losses)
    accuracies = [pair for pair in [*run.accuracies] if pair[0] <= steps]
    return Seen(run, run.losses[:steps], run.smooth[:steps], accuracies)


def look_of(runs: Sequence[LiveRun], verdict: str) -> Look:
    """Return what the last of the runs look like at this moment."""
    seen = [seen_now(run) for run in runs[-SHOWN:]]
    return Look(picture_of(seen), verdict, in_words(seen), table_of(seen))


def picture_of(seen: Sequence[Seen]) -> dict:
    """Return what ``picture.js`` draws of runs, of which the last is drawn strongly."""
    looks = looks_of([one.run for one in seen])
    runs = [_curves(one) | vars(look) for one, look in zip(seen, looks, strict=True)]
    return {"runs": runs, "raw": _raw(seen[-1]) if seen else None}


def _curves(one: Seen) -> dict:
    """Return a run's curves; of the smoothed loss only the first, each n-th and the last step."""
    every = _every(one)
    steps = {*range(1, one.steps + 1, every), one.steps} - {0}
    measured = [
        (step, accuracy, _brief(one.smooth[step - 1]) if step else None)
        for step, accuracy in one.accuracies
    ]
    return {
        "label": title(one.run),
        "last_step": one.run.last_step,
        "steps": one.steps,
        "every": every,
        "smooth": [_brief(one.smooth[step - 1]) for step in sorted(steps)],
        "measured": measured,
    }


def _raw(one: Seen) -> dict:
    """Return the loss of each step; of a long run the extremes of every few, as they come."""
    every, losses = _every(one), one.losses
    if every > 1:
        parts = [losses[i : i + 2 * every] for i in range(0, len(losses), 2 * every)]
        losses = [loss for part in parts for loss in _extremes(part)]
    return {"every": every, "losses": [_brief(loss) for loss in losses]}


def _every(one: Seen) -> int:
    """Return n where each n-th point is drawn; it stays while a run grows: no point wanders."""
    return math.ceil(one.run.setting.steps / POINTS)


def _extremes(losses: Sequence[float]) -> list[float]:
    """Return the least and the largest of the losses that a log axis can show, as they come."""
    visible = [loss for loss in losses if 0 < loss < math.inf]
    if not visible:
        return [math.nan, math.nan]
    low, high = min(visible), max(visible)
    return [low, high] if visible.index(low) < visible.index(high) else [high, low]


def _brief(loss: float) -> float:
    return float(f"{loss:.4g}")


def in_words(seen: Sequence[Seen]) -> str:
    """Say what the picture shows: the newest run, step, loss and accuracy, then the others."""
    if not seen:
        return "Two empty panels: training loss and test accuracy against steps. No run yet."
    newest, older = seen[-1], seen[:-1]
    words = (
        "Training loss, on a log axis, and test accuracy against steps; dashed lines mark "
        f"guessing: loss 2.3, accuracy 0.1. The newest run, {newest.run.setting.label}, "
        f"{_how_far(newest)}: smoothed loss {newest.loss}"
    )
    if newest.smooth:
        words += f", at its first step {newest.smooth[0]:.3g}"
    words += f"; test accuracy {newest.accuracy}."
    if not older:
        return words
    ends = ", ".join(f"{title(one.run)}: {one.loss} and {one.accuracy}" for one in older)
    return f"{words} Earlier runs, by last loss and test accuracy: {ends}."


def _how_far(one: Seen) -> str:
    if one.run.history is not None:
        return one.run.ending()
    return f"is at step {one.steps} of {one.run.setting.steps}"


def table_of(seen: Sequence[Seen]) -> Table:
    """Return where each run stands, and how it ended, a row a run."""
    heads = ("run", "steps", "last loss, smoothed", "test accuracy", "ended")
    rows = [
        (
            one.run.setting.label,
            f"{one.steps} of {one.run.setting.steps}",
            one.loss,
            one.accuracy,
            "not yet" if one.run.history is None else one.run.history.outcome,
        )
        for one in seen
    ]
    return Table("The runs of this picture, the newest last", heads, rows)
