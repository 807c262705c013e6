"""The page that trains: its random numbers, weights, losses and words are the package's."""

import numpy as np
import pytest
import torch
from helpers.numbers import seeded
from helpers.pages import Opened
from helpers.training_runs import assert_same
from pages import training, training_fixtures
from pages.training import HERE, SIZES, digits, trained

from course_utils.explorers.base import plain
from course_utils.explorers.front_end import HERE as FRONT_END
from course_utils.explorers.live_training.experiment import LiveRun, LiveTrainingSetting
from course_utils.explorers.live_training.widget import look_of, picture_of, seen_now
from course_utils.initializers import SCHEMES, initialize_
from course_utils.networks import mlp

CORE = HERE / "training_core.js"


@pytest.fixture(scope="module")
def core(browser):
    """Give an empty page on which ``training_core.js`` runs, with the images of the course."""
    page = browser.new_page()
    page.add_script_tag(content=CORE.read_text(encoding="utf-8"))
    for part in ("train", "test"):
        images, labels = getattr(digits(), f"{part}_images"), getattr(digits(), f"{part}_labels")
        given = [part, images.flatten().tolist(), labels.tolist()]
        page.evaluate(
            """([part, pixels, labels]) => { globalThis[part] =
                {images: matrix(labels.length, 64, Float32Array.from(pixels)), labels} }""",
            given,
        )
    yield page
    page.close()


@pytest.mark.parametrize("seed", [0, 1, 9999])
def test_random_numbers_are_those_of_torch(core, seed):
    order = core.evaluate("seed => new Generator(seed).permutation(1437)", seed)
    assert order == torch.randperm(1437, generator=seeded(seed)).tolist()
    drawn = """seed => { const numbers = new Float32Array(1000);
        uniform(numbers, -0.3, 0.2, new Generator(seed)); return [...numbers] }"""
    expected = torch.empty(1000).uniform_(-0.3, 0.2, generator=seeded(seed))
    np.testing.assert_allclose(core.evaluate(drawn, seed), expected, rtol=0, atol=3e-8)


@pytest.mark.parametrize("n", [16, 640, 1000, 4097])
def test_normal_numbers_are_those_of_torch_where_the_last_block_is_cut_too(core, n):
    drawn = """n => { const numbers = new Float32Array(n);
        normal(numbers, 0.3, new Generator(5)); return [...numbers] }"""
    expected = torch.empty(n).normal_(0, 0.3, generator=seeded(5))
    np.testing.assert_allclose(core.evaluate(drawn, n), expected, rtol=0, atol=2e-7)


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("sizes", [SIZES, (20, 33, 7)])
def test_every_scheme_draws_the_weights_of_the_package(core, scheme, sizes):
    options = {"std": 0.7} if scheme == "normal" else {}
    network = initialize_(mlp(list(sizes), "relu"), scheme, generator=seeded(3), **options)
    ours = core.evaluate(
        """([sizes, scheme]) => initialize(sizes, {scheme, std: 0.7, seed: 3})
            .flatMap(({weight, bias}) => [[...weight.numbers], [...bias.numbers]])""",
        [sizes, scheme],
    )
    for drawn, parameter in zip(ours, network.parameters(), strict=True):
        expected = parameter.detach().flatten().numpy()
        np.testing.assert_allclose(drawn, expected, rtol=0, atol=1e-6)


def test_every_stored_run_of_the_package_is_trained_again(core):
    for stored in training_fixtures.stored():
        setting = stored["setting"]
        steps = core.evaluate(
            "([sizes, setting]) => [...training(sizes, setting, train, test)]", [SIZES, setting]
        )
        steps = [{k: v for k, v in step.items() if v is not None} for step in steps]
        assert_same({"setting": setting, "steps": steps}, stored)


# -------------------------------------------------------------------------- what is shown


@pytest.fixture(scope="module")
def shown(browser):
    """Give an empty page on which ``training.js`` runs."""
    page = browser.new_page()
    for file in (FRONT_END / "svg.js", HERE / "training.js"):
        page.add_script_tag(content=file.read_text(encoding="utf-8"))
    yield page
    page.close()


@pytest.mark.parametrize("done, steps", [(0, 200), (150, 200), (701, 700), (500, 1900)])
def test_curves_are_thinned_and_smoothed_as_the_live_explorer_does(shown, done, steps):
    done, generator = min(done, steps), np.random.default_rng(0)
    run = LiveRun(1, LiveTrainingSetting(steps=steps))
    told = [{"step": 0, "accuracy": 0.1}]
    run.accuracies.append((0, 0.1))
    for step, loss in enumerate(np.exp(generator.normal(size=done)).tolist(), 1):
        run._note(loss)
        told.append({"step": step, "loss": loss})
        if step % 50 == 0:
            run.accuracies.append((step, step / 2000))
            told[-1]["accuracy"] = step / 2000
    picture = plain(picture_of([seen_now(run)]))
    expected = {
        k: v for k, v in picture["runs"][0].items() if k not in ("colors", "dashed", "marker")
    }
    ours = shown.evaluate(
        """([setting, told]) => { const run = new Run(1, setting);
            told.forEach((step) => run.note(step)); return {...run.curves, raw: run.raw} }""",
        [vars(run.setting), told],
    )
    raw = ours.pop("raw")
    assert raw["every"] == picture["raw"]["every"]
    np.testing.assert_allclose(raw["losses"], picture["raw"]["losses"], rtol=1e-3)
    for name, value in expected.items():
        if name in ("smooth", "measured"):
            one, other = (np.array(numbers, dtype=float) for numbers in (ours[name], value))
            np.testing.assert_allclose(one, other, rtol=1e-3)
        else:
            assert ours[name] == value


@pytest.fixture(params=[(1280, 800), (375, 740)], ids=["desk", "phone"])
def opened(browser, request):
    opened = Opened(browser, "training", request.param)
    yield opened
    opened.close()


def button(opened, name):
    return opened.view().get_by_role("button", name=name)


def wait_for(opened, words):
    opened.view().locator("p.verdict", has_text=words).wait_for()


def set_typed(opened, name, text):
    box = opened.control(name)
    box.fill(text)
    box.press("Enter")


def test_a_run_on_the_page_is_told_and_drawn_as_the_live_explorer_does(browser):
    address = "#scheme=normal&std=0.9&seed=3&steps=40"
    opened = Opened(browser, "training", address=address)
    button(opened, "Start").click()
    wait_for(opened, "finished after 40 steps")
    settings = [*training.SHOWN_FIRST, {"std": 0.9, "seed": 3, "steps": 40}]
    runs = [trained(number, **setting) for number, setting in enumerate(settings, 1)]
    look = look_of(runs, runs[-1].summary())
    picture = opened.view().locator(".picture")
    assert opened.text("verdict") == look.verdict
    assert picture.get_attribute("aria-label") == look.alt
    opened.view().locator("summary").click()
    opened.view().locator("tbody tr").first.wait_for()  # it is filled once it is unfolded
    rows = opened.view().locator("tbody tr").all()
    cells = [row.locator("th, td").all_inner_texts() for row in rows]
    assert cells == [list(row) for row in look.table.rows]
    strokes = set(
        picture.locator("path[stroke]").evaluate_all("a => a.map(p => p.getAttribute('stroke'))")
    )
    assert strokes == {run["colors"]["light"] for run in look.picture["runs"]}
    for run in look.picture["runs"]:
        assert picture.get_by_text(run["label"], exact=True).count() == 1
    opened.close()


def test_a_training_is_stopped_and_its_buttons_are_disabled_when_they_cannot_act(opened):
    set_typed(opened, "steps", "3000")
    assert button(opened, "Stop").is_disabled()
    button(opened, "Start").press("Enter")
    wait_for(opened, "training for 3000 steps. Stop ends it early.")
    assert button(opened, "Start").is_disabled()
    button(opened, "Stop").press("Enter")
    wait_for(opened, "stopped by you after")
    assert button(opened, "Stop").is_disabled() and button(opened, "Start").is_enabled()
    assert "(stopped)" in opened.looks()[0]
    assert opened.words_too_small_or_outside() == []


def test_clear_forgets_the_runs_and_another_begins(opened):
    button(opened, "Clear").click()
    assert opened.looks()[2].endswith("No run yet.")
    assert "press Start" in opened.text("verdict")
    opened.control("scheme").select_option("orthogonal")
    set_typed(opened, "steps", "20")
    button(opened, "Start").click()
    wait_for(opened, "orthogonal, seed 0: finished after 20 steps")
    button(opened, "Start").click()
    opened.view().locator(".picture[aria-label*='Earlier runs']").wait_for()
    wait_for(opened, "orthogonal, seed 0: finished after 20 steps")


def test_a_change_of_the_controls_counts_from_the_next_run_on_and_the_words_say_so(opened):
    before = opened.looks()[0]
    set_typed(opened, "std, typed", "0,2")
    assert "Next: normal, std 0.2, seed 0, 200 steps." in opened.text("verdict")
    assert opened.looks()[0] == before
    opened.control("scheme").select_option("he_normal")
    assert "Next: he_normal, seed 0, 200 steps." in opened.text("verdict")
    assert opened.control("std").is_disabled()
    assert "std counts for normal only" in opened.view().inner_text()


def test_a_std_beyond_the_ends_is_corrected_in_words(opened):
    set_typed(opened, "std, typed", "50")
    assert opened.text("correction") == "std goes from 0 to 10: 50 was changed to 10."
    assert opened.control("std, typed").input_value() == "10"
    set_typed(opened, "std, typed", "0")
    assert opened.text("correction") == ""
    assert "std 0, seed" in opened.text("verdict")


def test_a_correction_stays_while_a_training_goes_on(opened):
    button(opened, "Start").click()
    set_typed(opened, "seed", "-4")
    wait_for(opened, "finished after 200 steps")
    assert "0" in opened.text("correction") and "-4" in opened.text("correction")


def test_a_worker_that_fails_is_said_in_words(opened):
    opened.page.evaluate(
        """() => { window.Worker = class {
            postMessage() { setTimeout(() => this.onerror({message: "out of memory"})); } } }"""
    )
    button(opened, "Start").click()
    wait_for(opened, "normal, std 1, seed 0: failed. out of memory")
    assert button(opened, "Start").is_enabled()
