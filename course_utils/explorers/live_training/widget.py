"""The controls of the live training: how the weights begin, Start, Stop, Clear."""

from __future__ import annotations

import atexit
import contextvars
import threading
import time

import ipywidgets as w

from course_utils.data import ImageData
from course_utils.explorers.base import (
    LABEL,
    STD_STEPS,
    Explorer,
    Look,
    corrected_choice,
    corrected_number,
    corrected_whole,
)
from course_utils.explorers.live_training.experiment import (
    LiveRun,
    LiveTrainingSetting,
    read_data,
)
from course_utils.explorers.live_training.figure import LiveTrainingFigure
from course_utils.initializers import SCHEMES
from course_utils.training import History

MIN_STEPS, MAX_STEPS, MAX_SEED = 20, 3000, 9999
PAUSE = 0.25
"""Seconds between two pictures, at least."""

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

    def __init__(
        self,
        data: ImageData,
        *,
        scheme: str = "normal",
        std: float = 1.0,
        seed: int = 0,
        steps: int = 200,
    ) -> None:
        self.data, self.drawing = data, LiveTrainingFigure()
        self._lock = threading.RLock()  # what the training thread shows, and what the controls do
        self._over: list[LiveRun] = []
        self._run: LiveRun | None = None
        self._idle = threading.Event()  # no training is going on, and the last one is shown
        self._idle.set()
        self._error: BaseException | None = None
        self._state, self._count, self._due = "", 0, 0.0
        super().__init__(LiveTrainingSetting(), "live-training", "live-training")
        self.words.layout.min_height = "28px"  # the picture stays where it is
        self._say(IDLE)
        self._put(self.drawing.png([]), [])
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
        return self._state or f"{self.setting.label}: not started"

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
            runs = [*self._over, run]
            picture = self.drawing.png(runs)
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
            self._count, self._error = run.number, None
            self._state = f"{run.setting.label}: training for {run.setting.steps} steps"
            self._say(f"{self._state}. Stop ends it early.")
            self._answer("")
            self._put(picture, runs)

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
            runs = [self._run] if self.running else []
            picture = self.drawing.png(runs)
            self._over.clear()
            self._error = None
            if not self.running:
                self._state = ""
                self._say(IDLE)
            self._answer("")
            self._put(picture, runs)

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
            state, words = f"{run.setting.label}: {run.ending()}", run.summary()
        except BaseException as error:
            failure, state = error, f"{run.setting.label}: failed"
            words = f"{state}. {type(error).__name__}: {error}"
        with self._lock:
            if run is not self._run:  # its start was broken off
                return
            try:
                if failure is None:
                    self._over.append(run)
                self._run, self._error, self._state = None, failure, state
                atexit.unregister(self._leave)
                self._say(words)
                self._draw()
            finally:
                self._idle.set()

    def _now_and_then(self) -> None:
        """Draw, but leave at least three quarters of the time to the training."""
        started = time.monotonic()
        if started >= self._due:
            with self._lock:
                self._draw()
            ended = time.monotonic()
            self._due = ended + max(PAUSE, 3 * (ended - started))

    def _leave(self) -> None:
        """End the training before the interpreter ends, which must not pull torch from under it."""
        if (run := self._run) is not None:
            run.stop()
            self._idle.wait(5)

    # ------------------------------------------------------------------ what is shown

    def _draw(self) -> None:
        runs = [*self._over, *([self._run] if self.running else [])]
        self._put(self.drawing.png(runs), runs)

    def _put(self, picture: bytes, runs: list[LiveRun]) -> None:
        self.picture.value = picture
        steps, last = (len(runs[-1].losses), runs[-1].setting.steps) if runs else (0, 1)
        self.progress.max, self.progress.value = last, steps
        self.steps_done.value = f"{steps} of {last} steps" if runs else ""

    def _say(self, words: str) -> None:
        self.verdict = words
        self.words.value = self._text(words, "verdict", "inherit")

    def _answer(self, words: str) -> None:
        self.correction.value = self._text(words, "correction", "#B00020")

    def _look(self) -> Look:
        return Look(bytes(self.picture.value), self.verdict)  # the next run begins with the setting

    def _rows(self) -> list[list[w.Widget]]:
        scheme = self._choice("scheme", "scheme", list(SCHEMES), "230px")
        std = self._log_number("std", "std", *STD_STEPS)
        self.std_slider, text = std.children
        self.why_no_std = w.Label()
        seed, steps = (self._typed_number(name) for name in ("seed", "steps"))
        self.controls = {"scheme": scheme, "std": text, "seed": seed, "steps": steps}
        actions = {"Start": self.start, "Stop": self.stop, "Clear": self.clear}
        tips = ("train with these settings", "end this training now", "forget the earlier runs")
        self.buttons = {}
        for (name, action), tip in zip(actions.items(), tips, strict=True):
            button = self.buttons[name] = w.Button(description=name, tooltip=tip)
            button.on_click(lambda _, action=action: action())
        self.buttons["Start"].button_style = "primary"
        self.progress = w.IntProgress(description="progress", style=LABEL)
        self.steps_done = w.Label()
        return [
            [scheme, seed, steps],
            [std, self.why_no_std],
            [*self.buttons.values(), self.progress, self.steps_done],
        ]

    def _typed_number(self, name: str) -> w.IntText:
        box = w.IntText(description=name, style=LABEL)
        box.layout.width = "150px"
        self._bind(name, box)
        self._name(box, f"{name}-text")
        return box

    def _show_controls(self) -> None:
        super()._show_controls()
        scheme = self.setting.scheme
        for box in (self.std_slider, self.controls["std"]):
            box.disabled = scheme != "normal"
        own = f"std counts for normal only: {scheme} has a rule of its own"
        self.why_no_std.value = own if scheme != "normal" else ""

    def _corrected(self, name: str, value, previous) -> tuple:
        if name == "scheme":
            return corrected_choice(value, previous, SCHEMES, "scheme")
        if name == "std":
            return corrected_number(value, previous, 0.0, 10.0, "std")
        low, high = (0, MAX_SEED) if name == "seed" else (MIN_STEPS, MAX_STEPS)
        return corrected_whole(value, previous, low, high, name)
