import base64
import math
import subprocess
import sys
import threading
import time

import pytest
import torch
from helpers.live_training import DATA, toy
from helpers.pictures import picture, pixels

from course_utils.explorers import LiveTrainingExplorer
from course_utils.explorers.live_training.experiment import LiveTrainingSetting
from course_utils.explorers.live_training.figure import LiveTrainingFigure
from course_utils.explorers.live_training.widget import IDLE
from course_utils.initializers import SCHEMES, initialize_
from course_utils.networks import mlp
from course_utils.training import fit


@pytest.fixture(scope="module")
def shared():
    live = LiveTrainingExplorer(DATA)
    live.drawing = LiveTrainingFigure(dpi=60)  # a small picture is drawn in less time
    live.clear()
    return live


@pytest.fixture
def live(shared):
    shared.data = DATA
    shared.set(scheme="normal", std=0.05, seed=0, steps=20)
    yield shared
    if shared.running:
        shared.stop()
    try:
        shared.wait()
    except RuntimeError:
        pass  # a training that failed on purpose
    shared.clear()


def said(box):
    return box.value.replace("&#x27;", "'")


def begin(live, steps=3000):
    """Start a training that is too long to end by itself; return when it has taken steps."""
    live.set(steps=steps)
    live.start()
    deadline = time.monotonic() + 30
    while not live.progress.value and time.monotonic() < deadline:
        time.sleep(0.005)
    assert live.running and live.progress.value > 0


def cancel(live):
    live.stop()
    live.wait()
    return live.histories[-1][1]


# ---------------------------------------------------------------------- a run from start to end


def test_a_run_is_kept_with_its_label_and_said_in_words(live):
    before = picture(live)
    live.start()
    live.wait()
    ((label, history),) = live.histories
    assert label == "normal, std 0.05, seed 0"
    assert (history.outcome, history.steps, len(history.step_losses)) == ("finished", 20, 20)
    assert live.readout() == f"{label}: finished after 20 steps"
    assert live.verdict.startswith(f"{label}: finished after 20 steps, test accuracy ")
    assert live.verdict in said(live.words)
    assert picture(live) != before and not live.running
    assert (live.progress.value, live.progress.max) == (20, 20)
    assert live.steps_done.value == "20 of 20 steps"


def test_the_button_starts_what_the_controls_say(live):
    live.controls["scheme"].value = "he_uniform"
    live.controls["seed"].value = 3
    live.controls["steps"].value = 25
    live.buttons["Start"].click()
    live.wait()
    assert live.readout() == "he_uniform, seed 3: finished after 25 steps"


def test_a_run_is_what_fit_does_alone(live):
    network = mlp([784, 256, 256, 10])
    initialize_(network, "xavier_uniform", generator=torch.Generator().manual_seed(4))
    alone = fit(network, DATA.train_images, DATA.train_labels, steps=20, seed=4, log=None)
    live.set(scheme="xavier_uniform", seed=4)
    live.start()
    live.wait()
    assert torch.equal(live.histories[0][1].step_losses, alone.step_losses)


def test_several_runs_are_kept_in_their_order(live):
    for scheme in ("zero", "he_normal"):
        live.set(scheme=scheme)
        live.start()
        live.wait()
    assert [label for label, _ in live.histories] == ["zero, seed 0", "he_normal, seed 0"]


def test_what_another_cell_draws_meanwhile_is_what_it_would_draw_anyway(live):
    with torch.random.fork_rng():
        torch.manual_seed(11)
        expected = torch.rand(4)
        torch.manual_seed(11)
        begin(live)
        drawn = torch.rand(2)
        cancel(live)
        assert torch.equal(torch.cat([drawn, torch.rand(2)]), expected)


def test_a_cancelled_training_prints_nothing(live, capsys):
    begin(live)
    cancel(live)
    assert capsys.readouterr().out == ""


# ---------------------------------------------------------------------- stopped, and again


def test_a_cancelled_training_leaves_the_partial_history_and_a_usable_widget(live):
    before = picture(live)
    begin(live)
    during = picture(live)
    live.buttons["Stop"].click()
    live.wait()
    ((label, history),) = live.histories
    assert history.outcome == "stopped"
    assert 0 < history.steps < 3000 and len(history.step_losses) == history.steps
    steps = "1 step" if history.steps == 1 else f"{history.steps} steps"
    assert f"{label}: stopped by you after {steps}, test accuracy " in live.verdict
    assert live.readout() == f"{label}: stopped after {steps}"
    assert before != during != picture(live)
    assert live.progress.value == history.steps and not live.running

    live.set(scheme="he_normal", steps=20)
    live.buttons["Start"].click()
    live.wait()
    assert [h.outcome for _, h in live.histories] == ["stopped", "finished"]


def test_a_second_start_is_answered_in_words(live):
    begin(live)
    live.buttons["Start"].click()
    assert "A training is going on" in said(live.correction)
    cancel(live)
    assert len(live.histories) == 1
    live.set(steps=20)
    live.start()
    assert "going on" not in said(live.correction)


def test_stop_without_a_training_is_answered_in_words(live):
    live.buttons["Stop"].click()
    assert "nothing to stop" in said(live.correction) and not live.running


def test_controls_moved_meanwhile_count_from_the_next_run_on(live):
    begin(live)
    words = live.verdict
    live.controls["scheme"].value = "zero"
    live.set(steps=20, seed=8)
    assert live.verdict == words and live.running
    assert live.readout() == "normal, std 0.05, seed 0: training for 3000 steps"
    cancel(live)
    live.start()
    live.wait()
    assert [label for label, _ in live.histories] == ["normal, std 0.05, seed 0", "zero, seed 8"]


def test_waiting_too_short_is_an_error_in_words_and_the_training_goes_on(live):
    begin(live)
    with pytest.raises(TimeoutError, match="still going on after 0.01 seconds.*stop()"):
        live.wait(timeout=0.01)
    assert live.running
    assert cancel(live).outcome == "stopped"


def test_to_wait_for_nothing_returns_at_once(live):
    live.wait(timeout=0)


# ---------------------------------------------------------------------- what goes wrong


@pytest.mark.parametrize(
    "data, words",
    [
        (toy(50), "failed. ValueError: batch_size 100 is more than the 50 images"),
        (toy(train_labels=torch.full((300,), 10)), "failed. IndexError: Target 10"),
        (toy(test_images=torch.rand(100, 4)), "failed. RuntimeError"),
    ],
    ids=["too few images", "a class too many", "small test images"],
)
def test_an_error_in_the_thread_ends_in_words_and_the_widget_stays_usable(live, data, words):
    live.data = data
    live.start()
    with pytest.raises(RuntimeError, match="failed") as caught:
        live.wait()
    assert caught.value.__cause__ is not None
    assert words in live.verdict and live.verdict in said(live.words).replace("&lt;", "<")
    assert live.readout() == "normal, std 0.05, seed 0: failed"
    assert not live.running and live.histories == []
    live.data = DATA
    live.start()
    live.wait()
    assert len(live.histories) == 1


def test_a_loss_that_is_no_number_is_said_and_drawn(live):
    images = DATA.train_images.clone()
    images[:, 0] = math.nan
    live.data = toy(train_images=images)
    live.start()
    live.wait()
    assert live.histories[0][1].outcome == "diverged"
    assert "diverged after 1 step: the loss is nan" in live.verdict


def test_an_interpreter_that_ends_meanwhile_neither_hangs_nor_crashes():
    code = """
import sys, torch
from course_utils.data import ImageData
from course_utils.explorers import LiveTrainingExplorer
images, labels = torch.rand(200, 784), torch.arange(200) % 10
live = LiveTrainingExplorer(ImageData(images, labels, images, labels, "toy"), steps=3000)
live.start()
while not live.progress.value: pass
sys.exit(7)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert done.returncode == 7, done.stderr


# ---------------------------------------------------------------------- controls


def test_std_is_in_force_for_normal_only_and_the_words_beside_it_say_so(live):
    boxes = (live.std_slider, live.controls["std"])
    assert not any(box.disabled for box in boxes) and live.why_no_std.value == ""
    live.controls["scheme"].value = "he_normal"
    assert all(box.disabled for box in boxes)
    assert live.why_no_std.value == "std counts for normal only: he_normal has a rule of its own"
    live.controls["scheme"].value = "normal"
    assert not any(box.disabled for box in boxes)


def test_std_slider_and_number_move_each_other(live):
    live.std_slider.value = -100  # fiftieths of a power of ten
    assert live.setting.std == pytest.approx(0.01) and live.controls["std"].value == 0.01
    live.controls["std"].value = 0.25
    assert live.std_slider.value == -30 and live.setting.std == 0.25


def test_the_schemes_are_all_there_are(live):
    assert list(live.controls["scheme"].options) == list(SCHEMES)


@pytest.mark.parametrize(
    "typed, used, words",
    [
        ({"scheme": "he"}, "normal", "'he' was ignored"),
        ({"std": -1}, 0, "-1 was changed to 0"),
        ({"std": "wide"}, 0.05, "std must be a number"),
        ({"seed": -1}, 0, "seed goes from 0 to 9999: -1 was changed to 0."),
        ({"seed": 2.5}, 2, "seed is a whole number: 2.5 was changed to 2."),
        ({"steps": 3}, 20, "steps goes from 20 to 3000: 3 was changed to 20."),
        ({"steps": 10**6}, 3000, "changed to 3000"),
        ({"steps": None}, 20, "None was ignored"),
    ],
)
def test_nonsense_is_corrected_with_a_word(live, typed, used, words):
    live.set(**typed)
    (name,) = typed
    assert getattr(live.setting, name) == used == live.controls[name].value
    assert words in said(live.correction)


def test_the_constructor_takes_what_set_takes():
    live = LiveTrainingExplorer(DATA, scheme="zero", std=0.1, seed=2, steps=5)
    assert live.setting == LiveTrainingSetting("zero", 0.1, 2, 20)
    assert "5 was changed to 20" in said(live.correction)
    assert live.readout() == "zero, seed 2: not started" and live.verdict == IDLE


def test_everything_can_be_named_and_the_words_are_announced(live):
    assert all(box.description for box in live.controls.values())
    assert live.std_slider.description and live.progress.description
    assert [button.description for button in live.buttons.values()] == ["Start", "Stop", "Clear"]
    assert all(button.tooltip for button in live.buttons.values())
    assert 'role="status"' in live.words.value and "live-training-verdict" in live.words.value
    assert "live-training" in live._dom_classes and "live-training-picture" in (
        live.picture._dom_classes
    )


def test_clear_forgets_what_is_over(live):
    empty = picture(live)
    live.start()
    live.wait()
    live.buttons["Clear"].click()
    assert live.histories == [] and live.verdict == IDLE and live.steps_done.value == ""
    assert pixels(picture(live)).tobytes() == pixels(empty).tobytes()


def test_clear_leaves_the_training_that_goes_on(live):
    live.start()
    live.wait()
    begin(live)
    live.clear()
    assert live.histories == [] and live.running
    cancel(live)
    assert len(live.histories) == 1


def test_without_a_kernel_the_picture_and_a_sentence_remain(live):
    live.start()
    live.wait()
    data, metadata = live._repr_mimebundle_()
    assert "application/vnd.jupyter.widget-view+json" in data
    assert base64.b64decode(data["image/png"]) == picture(live)
    assert live.verdict in data["text/plain"] and metadata["image/png"]["width"] == 1000


def test_the_training_runs_in_a_thread_that_does_not_keep_python_alive(live):
    before = threading.enumerate()
    begin(live)
    own = [thread for thread in threading.enumerate() if thread not in before]
    assert own and all(thread.daemon for thread in own)
    cancel(live)
