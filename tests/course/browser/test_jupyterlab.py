"""A learner's first minutes, in a real JupyterLab and a real browser."""

import re
from contextlib import contextmanager

import nbformat
import pytest
import reading
from helpers.lab import NotebookPage
from helpers.project import ROOT

ARTIFACTS = ROOT / "tests" / "artifacts"
LESSON = "00_start_here.ipynb"


@contextmanager
def explored(browser, lab, name, prefix):
    """A notebook, all cells run, at a laptop's size and a high-density screen."""
    ARTIFACTS.mkdir(exist_ok=True)
    page = browser.new_page(viewport={"width": 1280, "height": 1000}, device_scale_factor=2)
    try:
        notebook = NotebookPage(page, lab, name, prefix)
        notebook.run_all_cells()
        notebook.scroll_to_explorer()
        yield notebook
    finally:
        page.screenshot(path=ARTIFACTS / f"{prefix}.png")
        page.close()


@pytest.fixture(scope="module")
def lesson(lab, browser):
    with explored(browser, lab, LESSON, "explorer") as notebook:
        yield notebook


@pytest.fixture(scope="module")
def others(lab, browser):
    with explored(browser, lab, "all_explorers.ipynb", "dream") as notebook:
        yield notebook


@pytest.fixture
def funnel(others):
    return others.turn_to("funnel")


@pytest.fixture
def live(others):
    return others.turn_to("live-training")


@pytest.fixture
def dream(others):
    return others.turn_to("dream")


@pytest.fixture
def explorer(lesson):
    return lesson.view()


def words(explorer):
    return explorer.locator(".explorer-verdict").inner_text()


def wait_for(explorer, part, pattern):
    """Wait until verdict or correction says it."""
    from playwright.sync_api import expect

    expect(explorer.locator(f".explorer-{part}")).to_contain_text(re.compile(pattern))


def box(explorer, which):
    return explorer.locator(f"input.explorer-{which}-text")


def typed(explorer, which):
    return float(box(explorer, which).input_value())


def enter(lesson, explorer, which, text):
    """Type into a box, press Enter, and wait for another picture."""
    box(explorer, which).fill(text)
    lesson.changes(lambda: box(explorer, which).press("Enter"))


def looks(explorer):
    """Return all that must agree: box, pressed buttons, words, picture, and its words."""
    pressed = explorer.locator("[aria-pressed=true]").all_inner_texts()
    picture = explorer.locator(".explorer-picture")
    drawn = picture.inner_html(), picture.get_attribute("aria-label")
    return box(explorer, "std").input_value(), pressed, words(explorer), *drawn


def pixels(explorer):
    return explorer.locator(".explorer-picture").screenshot()


def own(problems):
    return [text for text in problems if "favicon" not in text]


def test_the_browser_shows_what_the_last_cell_set_in_code(lesson, explorer):
    lesson.page.wait_for_timeout(2000)  # time for an unwanted echo of an earlier state
    assert (typed(explorer, "std"), typed(explorer, "depth")) == (0.05, 10)
    assert explorer.get_by_label("activation", exact=True).input_value() == "tanh"


def test_the_keyboard_moves_std_picture_number_and_words(lesson, explorer):
    before, std, said = pixels(explorer), typed(explorer, "std"), words(explorer)
    slider = explorer.locator("input.explorer-std-slider")
    slider.focus()
    for _ in range(8):
        lesson.changes(lambda: lesson.page.keyboard.press("ArrowRight"))
    assert typed(explorer, "std") > std
    assert slider.get_attribute("aria-valuetext") == box(explorer, "std").input_value()
    assert pixels(explorer) != before
    assert words(explorer) != said
    place = int(slider.input_value())
    lesson.changes(lambda: lesson.page.keyboard.press("PageDown"))
    assert int(slider.input_value()) == place - 10


def test_the_mouse_drags_depth_and_everything_follows(lesson, explorer):
    before, depth, said = pixels(explorer), typed(explorer, "depth"), words(explorer)
    slider = explorer.locator("input.explorer-depth-slider")
    rail, part = slider.bounding_box(), (depth - 1) / 49
    x, y = rail["x"] + 8 + (rail["width"] - 16) * part, rail["y"] + rail["height"] / 2

    def drag():
        lesson.page.mouse.move(x, y)
        lesson.page.mouse.down()
        lesson.page.mouse.move(x + 60, y, steps=6)
        lesson.page.mouse.up()

    lesson.changes(drag)
    lesson.page.wait_for_timeout(1000)  # the last of several answers
    assert typed(explorer, "depth") > depth + 3
    assert slider.input_value() == box(explorer, "depth").input_value()
    assert pixels(explorer) != before and words(explorer) != said


def test_a_typed_number_moves_the_slider_and_the_picture(lesson, explorer):
    slider, before = explorer.locator("input.explorer-std-slider"), pixels(explorer)
    enter(lesson, explorer, "std", "0,5")
    assert slider.input_value() == "-15" and slider.get_attribute("aria-valuetext") == "0.5"
    assert typed(explorer, "std") == 0.5
    assert pixels(explorer) != before


def test_nonsense_is_corrected_with_a_word_and_moves_nothing_on_the_page(lesson, explorer):
    picture = explorer.locator(".explorer-picture")
    place = picture.evaluate(_PLACE)
    enter(lesson, explorer, "depth", "0")
    wait_for(explorer, "correction", "0 was changed to 1")
    assert typed(explorer, "depth") == 1
    enter(lesson, explorer, "depth", "2.5")
    wait_for(explorer, "correction", "whole number: 2.5 was changed to 2")
    assert typed(explorer, "depth") == 2
    box(explorer, "depth").fill("deep")
    box(explorer, "depth").press("Enter")
    wait_for(explorer, "correction", "^depth must be a number; 'deep' was ignored.$")
    assert typed(explorer, "depth") == 2 and picture.evaluate(_PLACE) == place
    enter(lesson, explorer, "depth", "20")
    assert explorer.locator(".explorer-correction").inner_text() == ""


_PLACE = """picture => picture.getBoundingClientRect().top -
    picture.parentElement.getBoundingClientRect().top"""


def test_a_button_jumps_and_zero_is_called_hopeless(lesson, explorer):
    for name, said in (("Zero", "nothing can be learned"), ("Xavier", "signal (halves|keeps)")):
        button = explorer.get_by_role("button", name=name)
        lesson.changes(button.click)
        wait_for(explorer, "verdict", said)
        assert button.get_attribute("aria-pressed") == "true"
    assert typed(explorer, "std") == 0.0625  # not the nearest step of the slider


def test_six_presses_in_a_row_end_with_box_words_and_picture_of_the_last(lesson, explorer):
    width, names = (
        explorer.get_by_label("width", exact=True),
        ("Zero", "Xavier", "He", "PyTorch default"),
    )
    before = typed(explorer, "depth"), width.input_value()
    lesson.changes(lambda: width.select_option("512"))
    enter(lesson, explorer, "depth", "50")
    one_by_one = {}
    for name in names:
        lesson.changes(explorer.get_by_role("button", name=name).click)
        one_by_one[name] = looks(explorer)
    assert len({seen[0] for seen in one_by_one.values()}) == len(names)
    for last in names[::-1]:
        presses = [name for name in [*names, *names] if name != last][-5:] + [last]
        explorer.evaluate(_PRESS, presses)
        lesson.page.wait_for_timeout(300)  # a picture that is late is dimmed by then
        lesson.page.wait_for_selector(f".course-explorer:not(.waiting):has({lesson.picture})")
        assert looks(explorer) == one_by_one[last]
    lesson.changes(lambda: width.select_option(before[1]))
    enter(lesson, explorer, "depth", f"{before[0]:g}")


_PRESS = """async (view, names) => {
    const buttons = [...view.querySelectorAll('.jumps button')];
    for (const name of names) {
        buttons.find(button => button.textContent === name).click();
        await new Promise(done => setTimeout(done, 30));
    }
}"""


def test_the_picture_is_drawn_for_its_place(lesson, explorer):
    page, drawn = lesson.page, explorer.locator(".explorer-picture svg")
    try:
        for width, histograms, smallest in ((1280, 10, 12), (400, 4, 12), (1920, 9, 18)):
            page.set_viewport_size({"width": width, "height": 1000})
            page.wait_for_function(_IS_AS_WIDE_AS_ITS_PLACE, arg=lesson.picture)
            assert drawn.locator(".bars").count() == histograms
            assert min(drawn.locator("text").evaluate_all(_LETTERS)) >= smallest - 0.1
            assert explorer.evaluate("view => view.scrollWidth <= view.clientWidth")
            page.screenshot(path=ARTIFACTS / f"explorer-{width}.png")
    finally:
        page.set_viewport_size({"width": 1280, "height": 1000})


_IS_AS_WIDE_AS_ITS_PLACE = """name => {
    const place = document.querySelector(name), drawn = place.firstElementChild;
    return Math.abs(place.clientWidth - drawn.getAttribute('width')) <= 1;
}"""
_LETTERS = "texts => texts.map(text => parseFloat(getComputedStyle(text).fontSize))"


def test_all_cells_ran_and_the_console_is_silent(lesson):
    assert lesson.page.locator(".jp-RenderedText[data-mime-type*='error']").count() == 0
    assert not own(lesson.problems)


@pytest.mark.parametrize("which", ["width-a", "width-b", "depth"])
def test_the_keyboard_moves_each_slider_of_the_funnel(funnel, which):
    page = funnel.page
    twin = page.locator(f"input.funnel-{which}-text")
    before, value = page.locator(funnel.picture).screenshot(), int(twin.input_value())
    said = page.locator(".funnel-verdict").inner_text()
    page.locator(f"input.funnel-{which}-slider").focus()
    for _ in range(4):
        funnel.changes(lambda: page.keyboard.press("ArrowRight"))
    assert int(twin.input_value()) == value + 4
    assert page.locator(funnel.picture).screenshot() != before
    assert page.locator(".funnel-verdict").inner_text() != said


def test_another_rule_of_the_funnel_is_chosen_from_its_list(funnel):
    rule = funnel.view().get_by_label("Var(W)")
    funnel.changes(lambda: rule.select_option("1/n_in: keeps the signal"))
    assert "the signal keeps its size" in funnel.page.locator(".funnel-verdict").inner_text()
    assert not own(funnel.problems)


def test_steps_temperature_and_a_unit_of_a_dream_are_moved_with_the_keyboard(dream):
    page = dream.page
    said = page.locator(".dream-verdict").inner_text()
    for which, key in (("steps", "Right"), ("temperature", "Left"), ("unit", "Right")):
        before = page.locator(dream.picture).screenshot()
        page.locator(f"input.dream-{which}-slider").focus()
        for _ in range(3):
            dream.changes(lambda key=key: page.keyboard.press(f"Arrow{key}"))
        assert page.locator(dream.picture).screenshot() != before
    typed = {which: page.locator(f"input.dream-{which}-text") for which in ("steps", "unit")}
    assert {which: int(box.input_value()) for which, box in typed.items()} == {
        "steps": 5,
        "unit": 3,
    }
    assert page.locator(".dream-verdict").inner_text() != said


def test_a_hidden_unit_is_held_and_freed_in_the_browser(dream):
    page = dream.page
    unit, switch = page.locator("input.dream-unit-text"), page.get_by_label("this unit is")
    unit.fill("7")
    dream.changes(lambda: unit.press("Enter"))
    free = dream.drawing()
    dream.changes(lambda: switch.select_option("on"))
    page.wait_for_selector(".dream-verdict:has-text('Unit 7 is held on.')")
    assert dream.drawing() != free
    dream.changes(page.get_by_role("button", name="Free all units").click)
    page.wait_for_selector(".dream-verdict:has-text('Unit 7 is on in')")
    assert switch.input_value() == "free"
    assert dream.drawing() == free
    assert not own(dream.problems)


def test_a_cancelled_live_training_is_shown_and_another_can_start(live):
    page = live.page
    start = live.view().get_by_role("button", name="Start")
    stop = live.view().get_by_role("button", name="Stop")
    verdict = page.locator(".live-training-verdict")
    empty = live.drawing()
    assert start.is_enabled() and stop.is_disabled()
    for runs in (1, 2):  # the second with the keyboard
        live.changes(start.click if runs == 1 else lambda: start.press("Enter"))
        assert "he_normal, seed 0: training for 3000 steps" in verdict.inner_text()
        assert start.is_disabled() and stop.is_enabled()
        for _ in range(2):
            live.changes(lambda: None)  # the picture moves by itself
        live.changes(stop.click if runs == 1 else lambda: stop.press("Enter"))
        words = page.wait_for_selector(".live-training-verdict:has-text('stopped by you')")
        assert re.search(r"stopped by you after \d+ steps?, test accuracy [01]", words.inner_text())
        assert live.drawing() != empty
        assert start.is_enabled() and stop.is_disabled()
    assert not own(live.problems)
    assert page.locator(".jp-OutputArea-output[data-mime-type*='stdout']").count() == 0


def test_the_keyboard_reaches_every_control_of_the_live_training(live):
    scheme = live.view().get_by_label("scheme")
    reason = live.page.get_by_text("std counts for normal only")
    reason.wait_for(state="visible")
    scheme.select_option("normal")  # now its std counts
    reason.wait_for(state="hidden")
    scheme.focus()
    reached = []
    for _ in range(7):
        reached.append(live.page.evaluate(_FOCUSED))
        live.page.keyboard.press("Tab")
    assert reached == ["scheme", "seed", "steps", "std", "std, typed", "Start", "Clear"]


_FOCUSED = """() => {
    const element = document.activeElement;
    return element.getAttribute('aria-label') ||
        (element.labels?.length ? element.labels[0].firstChild.textContent : element.textContent);
}"""


def test_a_restart_in_the_middle_is_plain_to_see_and_all_cells_bring_the_explorers_back(others):
    page, names = others.page, ("funnel", "live-training")

    def start():  # a training, which goes on during the restart
        others.view().get_by_role("button", name="Start", exact=True).click()

    def move():
        page.locator("input.funnel-depth-slider").press("ArrowLeft")

    works = dict(zip(names, (move, start), strict=True))
    for name in names:
        others.turn_to(name).changes(works[name])
    others.restart_kernel()
    left = {name: others.turn_to(name).drawing() for name in names}
    others.turn_to("funnel")
    move()
    page.wait_for_selector(".funnel-correction:has-text('No answer yet')", timeout=10_000)
    assert "run this cell again" in page.locator(".funnel-correction").inner_text()
    assert {name: others.turn_to(name).drawing() for name in names} == left  # to be read still
    others.run_all_cells()
    assert page.locator(".jp-RenderedText[data-mime-type*='error']").count() == 0
    for name in names:
        others.turn_to(name)
        assert page.locator(others.picture).count() == 1
        others.changes(works[name])
    others.view().get_by_role("button", name="Stop", exact=True).click()
    page.wait_for_selector(".live-training-verdict:has-text('stopped by you')")


def test_what_only_tests_is_a_line_until_it_is_clicked(lesson):
    folded = lesson.page.locator(".jp-CodeCell .jp-Placeholder")
    marked = folded.filter(has_text="# Tested: ")
    before, tests = folded.count(), marked.count()
    cells = nbformat.read(ROOT / "notebooks" / LESSON, as_version=4).cells
    assert tests < before == sum(map(reading.is_folded, cells))  # and imports, and the guard
    cell = marked.first.locator("xpath=ancestor::*[contains(@class, 'jp-CodeCell')]")
    assert "claim(" not in cell.inner_text() and "✓" in cell.inner_text()
    place = cell.evaluate("cell => [...cell.parentNode.children].indexOf(cell)")
    marked.first.click()
    opened = lesson.page.locator(".jp-Notebook .jp-Cell").nth(place)
    opened.get_by_text("claim(").first.wait_for(timeout=10_000)
    assert folded.count() == before - 1


SCALE = "02_scale_of_the_signal.ipynb"


def test_an_answer_is_folded_until_its_cell_is_run(lab, browser):
    cells = nbformat.read(ROOT / "notebooks" / SCALE, as_version=4).cells
    answers = [i for i, c in enumerate(cells) if "hide-output" in c.metadata.get("tags", [])]
    page = browser.new_page(viewport={"width": 1280, "height": 800})
    try:
        NotebookPage(page, lab, SCALE)

        def seen(place):
            """Return the figures and tables of a cell that a reader sees, and its visible words."""
            cell = page.locator(".jp-Notebook .jp-Cell").nth(place)
            shown = cell.locator(".jp-OutputArea-output").locator("img, table").all()
            words = cell.locator(".jp-Cell-outputWrapper").all_inner_texts()
            return [x for x in shown if x.is_visible()], " ".join(words)

        assert len(answers) >= 4
        for place in answers:
            pictures, words = seen(place)
            assert not pictures and not re.search(r"\d\.\d|✓", words), words
        assert any(seen(i)[0] for i in range(len(cells)) if i not in answers)

        page.locator(".jp-Notebook .jp-Cell").nth(answers[0]).locator(".jp-Editor").click()
        page.get_by_role("menuitem", name="Run", exact=True).click()
        page.get_by_role("menuitem", name="Run All Above Selected Cell", exact=True).click()
        page.wait_for_timeout(500)
        page.keyboard.press("Control+Enter")
        picture = page.locator(".jp-Notebook .jp-Cell").nth(answers[0])
        picture.locator(".jp-OutputArea-output img").wait_for(state="visible", timeout=120_000)
        assert not seen(answers[1])[0]  # the others stay folded
    finally:
        page.screenshot(path=ARTIFACTS / "answers.png")
        page.close()
