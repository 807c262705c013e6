import base64
import json
import math
import subprocess
import sys
import threading
import time

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from helpers.front_end import choose, move, press, typed
from helpers.live_training import DATA, toy
from helpers.pictures import pixels

from course_utils.explorers.live_training import LiveTrainingExplorer, widget
from course_utils.explorers.live_training.experiment import LiveRun, LiveTrainingSetting
from course_utils.explorers.live_training.widget import IDLE, POINTS, look_of
from course_utils.initializers import SCHEMES, initialize_
from course_utils.networks import mlp
from course_utils.training import fit


@pytest.fixture(scope="module")
def shared():
    return LiveTrainingExplorer(DATA)


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


def runs(live):
    return live.shown["picture"]["runs"]


def done(live):
    return live.shown["progress"][0]


def begin(live, steps=3000):
    """Start a training that is too long to end by itself; return when it has taken steps."""
    live.set(steps=steps)
    live.start()
    deadline = time.monotonic() + 30
    while not done(live) and time.monotonic() < deadline:
        time.sleep(0.005)
    assert live.running and done(live) > 0


def train(live, **setting):
    live.set(**setting)
    live.start()
    live.wait()


def cancel(live):
    live.stop()
    live.wait()
    return live.histories[-1][1]


# ---------------------------------------------------------------------- a run from start to end


def test_a_run_is_kept_with_its_label_and_said_in_words(live):
    assert runs(live) == []
    live.start()
    live.wait()
    ((label, history),) = live.histories
    assert label == "normal, std 0.05, seed 0"
    assert (history.outcome, history.steps, len(history.step_losses)) == ("finished", 20, 20)
    assert live.readout() == f"{label}: finished after 20 steps"
    assert live.verdict.startswith(f"{label}: finished after 20 steps, test accuracy ")
    assert live.verdict == live.shown["verdict"]
    assert [run["label"] for run in runs(live)] == [label] and not live.running
    assert live.shown["progress"] == [20, 20] and live.shown["steps"] == "20 of 20 steps"


def test_the_button_starts_what_the_controls_say(live):
    choose(live, scheme="he_uniform")
    typed(live, seed="3", steps="25")
    press(live, "start")
    live.wait()
    assert live.readout() == "he_uniform, seed 3: finished after 25 steps"


def test_a_run_is_what_fit_does_alone(live):
    network = mlp([784, 256, 256, 10])
    initialize_(network, "xavier_uniform", generator=torch.Generator().manual_seed(4))
    alone = fit(network, DATA.train_images, DATA.train_labels, steps=20, seed=4, log=None)
    train(live, scheme="xavier_uniform", seed=4)
    assert torch.equal(live.histories[0][1].step_losses, alone.step_losses)


def test_several_runs_are_kept_in_their_order(live):
    for scheme in ("zero", "he_normal"):
        train(live, scheme=scheme)
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
    begin(live)
    during = live.shown["picture"]
    press(live, "stop")
    live.wait()
    ((label, history),) = live.histories
    assert history.outcome == "stopped"
    assert 0 < history.steps < 3000 and len(history.step_losses) == history.steps
    steps = "1 step" if history.steps == 1 else f"{history.steps} steps"
    assert f"{label}: stopped by you after {steps}, test accuracy " in live.verdict
    assert live.readout() == f"{label}: stopped after {steps}"
    assert during["runs"][0]["label"] == label
    assert runs(live)[0]["label"] == f"{label} (stopped)"
    assert done(live) == history.steps and not live.running

    live.set(scheme="he_normal", steps=20)
    press(live, "start")
    live.wait()
    assert [h.outcome for _, h in live.histories] == ["stopped", "finished"]


def test_start_and_stop_are_disabled_when_they_cannot_act(live):
    assert live.shown["disabled"] == ["stop"]
    begin(live)
    assert live.shown["disabled"] == ["start"]
    cancel(live)
    assert live.shown["disabled"] == ["stop"]
    live.data = toy(50)
    live.start()
    with pytest.raises(RuntimeError, match="failed"):
        live.wait()
    assert live.shown["disabled"] == ["stop"]


def test_a_second_start_is_answered_in_words(live):
    begin(live)
    assert "A training is going on" in press(live, "start")["correction"]
    cancel(live)
    assert len(live.histories) == 1
    live.set(steps=20)
    live.start()
    assert live.shown["correction"] == ""


def test_stop_without_a_training_is_answered_in_words(live):
    assert "nothing to stop" in press(live, "stop")["correction"] and not live.running


def test_controls_moved_meanwhile_count_from_the_next_run_on(live):
    begin(live)
    words = live.verdict
    choose(live, scheme="zero")
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


# ---------------------------------------------------------------------- two threads, one view


def shows_during(live, act):
    """Train, and ``act`` meanwhile; return all that was shown."""
    shows = []
    live.observe(lambda change: shows.append(change["new"]), "shown")
    try:
        begin(live)
        act()
        cancel(live)
    finally:
        live.unobserve_all("shown")
    return shows


def test_what_the_training_shows_does_not_take_an_answer_away(live, monkeypatch):
    monkeypatch.setattr(widget, "PAUSE", 0.0)
    answers = []

    def ask_and_let_it_train():
        for place in range(-100, -80):
            answers.append(move(live, std=place)["answer"])
            before = done(live)
            while done(live) == before:
                time.sleep(0.001)
            assert live.shown["answer"] == answers[-1]

    shows = shows_during(live, ask_and_let_it_train)
    told = [show["answer"] for show in shows if show["answer"] in answers]
    assert len(told) > 2 * len(answers) and [*dict.fromkeys(told)] == answers


def test_a_move_while_the_training_shows_itself_is_never_undone(live, monkeypatch):
    monkeypatch.setattr(widget, "PAUSE", 0.0)
    places = [*range(-100, -60)]
    shows = shows_during(live, lambda: [move(live, std=place) for place in places])
    seen = [show["places"]["std"] for show in shows]
    first = seen.index(places[0])
    assert seen[first:] == sorted(seen[first:]) and seen[-1] == places[-1]
    assert live.setting.std == pytest.approx(10 ** (places[-1] / 50))


def test_while_a_request_is_read_the_training_shows_nothing(live, monkeypatch):
    monkeypatch.setattr(widget, "PAUSE", 0.0)
    corrected, seen = live._corrected, []

    def slowly(*asked):
        seen.append(done(live))
        time.sleep(0.1)
        seen.append(done(live))
        return corrected(*asked)

    begin(live)
    with monkeypatch.context() as patch:
        patch.setattr(live, "_corrected", slowly)
        move(live, std=-90)
    cancel(live)
    assert seen[0] == seen[1]


def test_a_long_training_is_shown_at_most_four_times_a_second(live):
    shows, deadline = [], time.monotonic() + 30
    begin(live)
    live.observe(lambda change: shows.append(time.monotonic()), "shown")
    while len(shows) < 4 and time.monotonic() < deadline:
        time.sleep(0.01)
    live.unobserve_all("shown")
    cancel(live)
    assert len(shows) >= 4 and np.diff(shows).min() >= 0.25


def test_the_words_rest_while_it_trains_and_a_correction_stays(live):
    begin(live)
    typed(live, seed="-1")
    before, at = live.shown, done(live)
    while done(live) == at:
        time.sleep(0.005)
    for name in ("verdict", "correction"):
        assert live.shown[name] == before[name] != ""
    assert live.shown["verdict"] == (
        "normal, std 0.05, seed 0: training for 3000 steps. Stop ends it early."
    )
    cancel(live)


# ---------------------------------------------------------------------- what goes wrong


@pytest.mark.parametrize(
    "data, words",
    [
        (toy(50), "failed. ValueError: batch_size 100 is more than the 50 images"),
        (toy(test_images=torch.rand(100, 4)), "failed. RuntimeError"),
    ],
    ids=["too few images", "small test images"],
)
def test_an_error_in_the_thread_ends_in_words_and_the_widget_stays_usable(live, data, words):
    live.data = data
    live.start()
    with pytest.raises(RuntimeError, match="failed") as caught:
        live.wait()
    assert caught.value.__cause__ is not None
    assert words in live.verdict and live.verdict == live.shown["verdict"]
    assert live.readout() == "normal, std 0.05, seed 0: failed"
    assert not live.running and live.histories == []
    live.data = DATA
    live.start()
    live.wait()
    assert len(live.histories) == 1


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        (torch.full((300,), 10), "train_labels must be whole numbers from 0 to 9, got 10 to 10"),
        (F.one_hot(torch.arange(300) % 10), r"got \(300, 10\): try labels.argmax\(1\)"),
    ],
)
def test_labels_that_are_no_classes_are_refused_at_once_and_the_old_data_stay(live, labels, words):
    with pytest.raises(ValueError, match=words):
        live.data = toy(train_labels=labels)
    with pytest.raises(ValueError, match=words):
        LiveTrainingExplorer(toy(train_labels=labels))
    assert live.data.train_labels.max() < 10
    live.data = toy(train_labels=torch.arange(300, dtype=torch.int32) % 10)
    live.start()
    live.wait()
    assert len(live.histories) == 1


def test_a_picture_that_fails_at_the_end_leaves_the_words_and_a_usable_widget(live, monkeypatch):
    draw = widget.look_of

    def draw_all_but_the_end(runs, words):
        if "finished" in words:
            raise MemoryError
        return draw(runs, words)

    with monkeypatch.context() as patch:
        patch.setattr(threading, "excepthook", lambda details: None)
        patch.setattr(widget, "look_of", draw_all_but_the_end)
        others = threading.enumerate()
        live.start()
        for thread in {*threading.enumerate()} - {*others}:
            thread.join(60)
    assert not live.running
    assert live.histories and live.shown["verdict"].startswith("normal, std 0.05, seed 0: finished")
    assert live.shown["disabled"] == ["stop"]
    train(live)
    assert len(runs(live)) == 2


def test_a_loss_that_is_no_number_is_said_and_drawn(live):
    images = DATA.train_images.clone()
    images[:, 0] = math.nan
    live.data = toy(train_images=images)
    live.start()
    live.wait()
    assert live.histories[0][1].outcome == "diverged"
    assert "diverged after 1 step: the loss is nan" in live.verdict
    assert runs(live)[0]["smooth"] == [None]
    assert live.shown["table"]["rows"][0][-1] == "diverged"


def test_an_interpreter_that_ends_meanwhile_neither_hangs_nor_crashes():
    code = """
import sys, time, torch
from course_utils.data import ImageData
from course_utils.explorers.live_training import LiveTrainingExplorer
images, labels = torch.rand(200, 784), torch.arange(200) % 10
live = LiveTrainingExplorer(ImageData(images, labels, images, labels, "toy"), steps=3000)
live.start()
while not live.shown["progress"][0]: time.sleep(0.01)
sys.exit(7)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert done.returncode == 7, done.stderr


# ---------------------------------------------------------------------- controls


def test_std_is_in_force_for_normal_only_and_the_words_beside_it_say_so(live):
    assert "std" not in live.shown["disabled"] and live.shown["notes"] == {}
    shown = choose(live, scheme="he_normal")
    assert "std" in shown["disabled"]
    words = "std counts for normal only: he_normal has a rule of its own"
    assert shown["notes"] == {"std": words}
    shown = choose(live, scheme="normal")
    assert "std" not in shown["disabled"] and shown["notes"] == {}


def test_std_slider_and_number_move_each_other(live):
    shown = move(live, std=-100)  # fiftieths of a power of ten
    assert live.setting.std == pytest.approx(0.01) and shown["values"]["std"] == "0.01"
    shown = typed(live, std="0.25")
    assert shown["places"]["std"] == -30 and live.setting.std == 0.25
    typed(live, std="0,5")
    assert live.setting.std == 0.5


def test_the_schemes_are_all_there_are(live):
    scheme = live.spec["rows"][0][0]
    assert [value for value, _ in scheme["options"]] == list(SCHEMES)


@pytest.mark.parametrize(
    "given, used, words",
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
def test_nonsense_is_corrected_with_a_word(live, given, used, words):
    live.set(**given)
    (name,) = given
    assert getattr(live.setting, name) == used
    assert live.shown["values"][name] == str(used)
    assert words in live.shown["correction"]


def test_the_constructor_takes_what_set_takes():
    live = LiveTrainingExplorer(DATA, scheme="zero", std=0.1, seed=2, steps=5)
    assert live.setting == LiveTrainingSetting("zero", 0.1, 2, 20)
    assert "5 was changed to 20" in live.shown["correction"]
    assert live.readout() == "zero, seed 2: not started" and live.verdict == IDLE


def test_every_control_has_a_name(live):
    controls = [control for row in live.spec["rows"] for control in row]
    assert all(control["label"] for control in controls)
    buttons = [control for control in controls if control["kind"] == "button"]
    assert [button["label"] for button in buttons] == ["Start", "Stop", "Clear"]
    assert all(button["tip"] for button in buttons)
    assert live.spec["prefix"] == "live-training" and live.spec["label"]


def test_clear_forgets_what_is_over(live):
    empty = live.shown
    live.start()
    live.wait()
    shown = press(live, "clear")
    assert live.histories == [] and live.verdict == IDLE and shown["steps"] == ""
    assert {**shown, "answer": ""} == {**empty, "answer": ""}


def test_clear_leaves_the_training_that_goes_on(live):
    live.start()
    live.wait()
    begin(live)
    live.clear()
    assert live.histories == [] and live.running and len(runs(live)) == 1
    cancel(live)
    assert len(live.histories) == 1


def test_the_training_runs_in_a_thread_that_does_not_keep_python_alive(live):
    before = threading.enumerate()
    begin(live)
    own = [thread for thread in threading.enumerate() if thread not in before]
    assert own and all(thread.daemon for thread in own)
    cancel(live)


# ---------------------------------------------------------------------- what is drawn, and said


def made(number, steps, planned=None, scheme="he_normal", losses=None):
    """Make a run that has come to a step of what was planned, without any training."""
    run = LiveRun(number, LiveTrainingSetting(scheme=scheme, steps=planned or steps))
    run.losses = [*(losses or (2.5 + math.sin(step) for step in range(1, steps + 1)))]
    run.smooth = [loss / 2 for loss in run.losses]
    run.accuracies = [(0, 0.1), (steps, 0.625)]
    return run


def test_the_newest_run_and_the_eight_before_it_are_drawn():
    look = look_of([made(number, 20 + number) for number in range(1, 12)], "")
    drawn = look.picture["runs"]
    assert [run["steps"] for run in drawn] == [*range(23, 32)]
    assert len({run["marker"] for run in drawn}) == 9 and len(look.table.rows) == 9
    assert look.picture["raw"]["losses"][:2] == pytest.approx([3.341, 3.409])


@pytest.mark.parametrize("planned", [20, 300, 301, 1000, 3000])
@pytest.mark.parametrize("share", [0.1, 0.5, 1])
def test_a_curve_of_few_points_begins_and_ends_where_the_run_does(planned, share):
    run = made(1, round(share * planned), planned)
    curve, steps = look_of([run], "").picture["runs"][0], len(run.losses)
    points = [min(1 + i * curve["every"], curve["steps"]) for i in range(len(curve["smooth"]))]
    assert points[0] == 1 and points[-1] == curve["steps"] == steps
    assert len(points) == len(set(points)) <= POINTS + 1
    np.testing.assert_allclose(curve["smooth"], [run.smooth[i - 1] for i in points], rtol=1e-3)
    assert curve["measured"] == [
        (0, 0.1, None),
        (steps, 0.625, pytest.approx(run.smooth[-1], 1e-3)),
    ]


def test_each_loss_of_a_short_run_and_the_extremes_of_a_long_one_are_drawn():
    short, long = made(1, 200), made(2, 3000)
    long.losses[1234] = 77.0
    raw = look_of([short], "").picture["raw"]
    assert raw["every"] == 1
    np.testing.assert_allclose(raw["losses"], short.losses, rtol=1e-3)
    raw = look_of([short, long], "").picture["raw"]
    assert raw["every"] == 10 and len(raw["losses"]) == 300
    assert raw["losses"][2 * (1234 // 20) :][:2].count(77.0) == 1
    parts = np.reshape(long.losses, (150, 20))
    drawn = np.sort(np.reshape(raw["losses"], (150, 2)))
    np.testing.assert_allclose(drawn, np.stack([parts.min(1), parts.max(1)], 1), rtol=1e-3)
    order = parts.argmin(1) < parts.argmax(1)
    np.testing.assert_array_equal(np.diff(np.reshape(raw["losses"], (150, 2)))[:, 0] > 0, order)


def test_losses_that_a_log_axis_cannot_show_are_gaps_in_a_long_run():
    run = made(1, 600, losses=[math.nan] * 4 + [0.0, math.inf, 2.0, 1.0] + [1.5] * 592)
    run.steps = 600
    assert look_of([run], "").picture["raw"]["losses"][:4] == [
        pytest.approx(math.nan, nan_ok=True),
        pytest.approx(math.nan, nan_ok=True),
        2.0,
        1.0,
    ]


def test_what_travels_is_small(live):
    look = look_of([made(number, 3000) for number in range(1, 10)], "words")
    live._show(look, "")
    assert len(json.dumps(live.shown)) < 45_000


def test_the_alternative_text_says_run_step_loss_and_accuracy(live):
    assert "No run yet" in live.shown["alt"]
    look = look_of([made(1, 200, scheme="zero"), made(2, 120, 300)], "")
    assert look.alt == (
        "Training loss, on a log axis, and test accuracy against steps; dashed lines mark "
        "guessing: loss 2.3, accuracy 0.1. The newest run, he_normal, seed 0, is at step 120 of "
        "300: smoothed loss 1.54, at its first step 1.67; test accuracy 0.62. Earlier runs, by "
        "last loss and test accuracy: zero, seed 0: 0.813 and 0.62."
    )
    train(live)
    accuracy = live.verdict.split()[-1].rstrip(".")
    assert "The newest run, normal, std 0.05, seed 0, finished after 20 steps" in live.shown["alt"]
    assert f"test accuracy {accuracy}." in live.shown["alt"]


def test_the_table_has_a_row_a_run(live):
    train(live)
    begin(live)
    (label, *first), second = live.shown["table"]["rows"]
    assert label == second[0] == "normal, std 0.05, seed 0"
    loss, accuracy = f"{live._over[0].smooth[-1]:.3g}", f"{live._over[0].accuracies[-1][1]:.2f}"
    assert first == ["20 of 20", loss, accuracy, "finished"]
    assert second[1] == f"{done(live)} of 3000" and second[-1] == "not yet"
    cancel(live)
    assert live.shown["table"]["rows"][1][-1] == "stopped"


def test_before_its_first_step_a_run_is_named_and_nothing_of_it_drawn():
    run = LiveRun(1, LiveTrainingSetting("zero"))
    look = look_of([run], "")
    assert look.picture["runs"][0]["smooth"] == [] == look.picture["raw"]["losses"]
    assert "is at step 0 of 200: smoothed loss none yet; test accuracy none yet." in look.alt


def test_without_a_kernel_the_picture_and_a_sentence_remain(live):
    train(live)
    data, metadata = live._repr_mimebundle_()
    assert "application/vnd.jupyter.widget-view+json" in data
    picture = pixels(base64.b64decode(data["image/png"]))
    assert picture.shape == (960, 2000, 3)
    red, blue = picture[200:900, 100:900, 0], picture[200:900, 100:900, 2]
    assert (red > blue + 100).any()  # the curve of a normal scheme
    assert live.verdict in data["text/plain"] and metadata["image/png"]["width"] == 1000
