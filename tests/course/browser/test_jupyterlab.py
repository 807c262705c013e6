"""A learner's first minutes, in a real JupyterLab and a real browser."""

import re
import shutil
from contextlib import contextmanager

import nbformat
import pytest
import reading
from helpers.lab import NotebookPage, jupyter_lab
from helpers.project import ROOT

ARTIFACTS = ROOT / "tests" / "artifacts"
LESSON = "00_start_here.ipynb"
FUNNEL = """from course_utils.explorers import FunnelExplorer
FunnelExplorer(width_a=200, width_b=50, depth=10)"""
LIVE = """import torch
from course_utils.data import ImageData
from course_utils.explorers import LiveTrainingExplorer
images, labels = torch.rand(1000, 784), torch.arange(1000) % 10
data = ImageData(images, labels, images, labels, "noise")
LiveTrainingExplorer(data, scheme="he_normal", steps=3000)"""
DREAM = """import torch
from course_utils.boltzmann import RBM
from course_utils.explorers import DreamExplorer
DreamExplorer(RBM(784, 100, std=0.1, seed=1), torch.rand(50, 784), start="data", steps=2)"""
OTHERS = "others.ipynb"  # these three in one notebook, with one kernel


@pytest.fixture(scope="module")
def lab(browser, tmp_path_factory):
    scratch = tmp_path_factory.mktemp("jupyter")
    notebooks = scratch / "notebooks"
    shutil.copytree(ROOT / "notebooks", notebooks, ignore=shutil.ignore_patterns(".ipynb_check*"))
    kernel = {"name": "python3", "display_name": "Python 3 (ipykernel)", "language": "python"}
    cells = [nbformat.v4.new_code_cell(code) for code in (FUNNEL, LIVE, DREAM)]
    notebook = nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": kernel})
    nbformat.write(notebook, notebooks / OTHERS)
    with jupyter_lab(notebooks, scratch / "server") as address:
        yield address


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
    with explored(browser, lab, OTHERS, "dream") as notebook:
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
    return lesson.page.locator(".activation-explorer").first


def words(explorer):
    return explorer.locator(".explorer-verdict").inner_text()


def wait_for_words(explorer, pattern):
    """Wait until the verdict says it: a picture may come before the words of the same message."""
    from playwright.sync_api import expect

    expect(explorer.locator(".explorer-verdict")).to_contain_text(re.compile(pattern))


def typed(explorer, which):
    return float(explorer.locator(f".explorer-{which}-text input").input_value())


def pixels(explorer):
    return explorer.locator(".explorer-picture").screenshot()


def test_the_browser_shows_what_the_last_cell_set_in_code(lesson, explorer):
    lesson.page.wait_for_timeout(2000)  # time for an unwanted echo of an earlier state
    assert (typed(explorer, "std"), typed(explorer, "depth")) == (0.05, 10)
    assert explorer.get_by_label("activation").input_value() == "tanh"


def test_the_keyboard_moves_std_picture_number_and_words(lesson, explorer):
    before, std, said = pixels(explorer), typed(explorer, "std"), words(explorer)
    handle = explorer.locator(".explorer-std-slider .noUi-handle")
    handle.focus()
    for _ in range(8):
        lesson.changes(lambda: lesson.page.keyboard.press("ArrowRight"))
    assert typed(explorer, "std") > std
    assert pixels(explorer) != before
    assert words(explorer) != said


def test_the_mouse_drags_depth_and_everything_follows(lesson, explorer):
    before, depth, said = pixels(explorer), typed(explorer, "depth"), words(explorer)
    box = explorer.locator(".explorer-depth-slider .noUi-handle").bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2

    def drag():
        lesson.page.mouse.move(x, y)
        lesson.page.mouse.down()
        lesson.page.mouse.move(x + 60, y, steps=6)
        lesson.page.mouse.up()

    lesson.changes(drag)
    lesson.page.wait_for_timeout(1000)  # the last of several messages
    assert typed(explorer, "depth") > depth
    assert pixels(explorer) != before and words(explorer) != said


def test_a_typed_number_moves_the_slider_and_the_picture(lesson, explorer):
    handle = explorer.locator(".explorer-std-slider .noUi-handle")
    before, place = pixels(explorer), handle.bounding_box()["x"]
    box = explorer.locator(".explorer-std-text input")
    box.fill("0.5")
    lesson.changes(lambda: box.press("Enter"))
    assert handle.bounding_box()["x"] > place + 5
    assert pixels(explorer) != before


def test_nonsense_is_corrected_with_a_word(lesson, explorer):
    box = explorer.locator(".explorer-depth-text input")
    box.fill("0")
    lesson.changes(lambda: box.press("Enter"))
    correction = explorer.locator(".explorer-correction")
    assert "0 was changed to 1" in correction.inner_text()
    assert typed(explorer, "depth") == 1


def test_a_button_jumps_and_zero_is_called_hopeless(lesson, explorer):
    box = explorer.locator(".explorer-depth-text input")
    box.fill("20")
    lesson.changes(lambda: box.press("Enter"))
    lesson.changes(lambda: explorer.get_by_role("button", name="Zero").click())
    wait_for_words(explorer, "nothing can be learned")
    lesson.changes(lambda: explorer.get_by_role("button", name="Xavier").click())
    wait_for_words(explorer, "signal halves|signal keeps")
    assert typed(explorer, "std") == 0.0625  # not the nearest step of the slider


def test_the_picture_is_crisp_on_a_high_density_screen(explorer):
    shown, real = explorer.locator(".explorer-picture").evaluate(
        "picture => [picture.getBoundingClientRect().width, picture.naturalWidth]"
    )
    assert shown <= 1000 and real >= 2 * shown * 0.99


def test_all_cells_ran_and_the_console_is_silent(lesson):
    assert lesson.page.locator(".jp-RenderedText[data-mime-type*='error']").count() == 0
    ours = [text for text in lesson.problems if "favicon" not in text]
    assert not ours


@pytest.mark.parametrize("which", ["width-a", "width-b", "depth"])
def test_the_keyboard_moves_each_slider_of_the_funnel(funnel, which):
    page = funnel.page
    twin = page.locator(f".funnel-{which}-text input")
    before, value = page.locator(funnel.picture).screenshot(), int(twin.input_value())
    said = page.locator(".funnel-verdict").inner_text()
    page.locator(f".funnel-{which}-slider .noUi-handle").focus()
    for _ in range(4):
        funnel.changes(lambda: page.keyboard.press("ArrowRight"))
    assert int(twin.input_value()) == value + 4
    assert page.locator(funnel.picture).screenshot() != before
    assert page.locator(".funnel-verdict").inner_text() != said


def test_another_rule_of_the_funnel_is_chosen_from_its_list(funnel):
    page = funnel.page
    rule = page.locator(".funnel-explorer").get_by_label("Var(W)")
    funnel.changes(lambda: rule.select_option("1/n_in: keeps the signal"))
    assert "the signal keeps its size" in page.locator(".funnel-verdict").inner_text()
    assert not [text for text in funnel.problems if "favicon" not in text]


def test_steps_temperature_and_a_unit_of_a_dream_are_moved_with_the_keyboard(dream):
    page = dream.page
    said = page.locator(".dream-verdict").inner_text()
    for which, key in (("steps", "Right"), ("temperature", "Left"), ("unit", "Right")):
        before = page.locator(dream.picture).screenshot()
        page.locator(f".dream-{which}-slider .noUi-handle").focus()
        for _ in range(3):
            dream.changes(lambda key=key: page.keyboard.press(f"Arrow{key}"))
        assert page.locator(dream.picture).screenshot() != before
    typed = {which: page.locator(f".dream-{which}-text input") for which in ("steps", "unit")}
    assert {which: int(box.input_value()) for which, box in typed.items()} == {
        "steps": 5,
        "unit": 3,
    }
    assert page.locator(".dream-verdict").inner_text() != said


def test_a_hidden_unit_is_held_and_freed_in_the_browser(dream):
    page = dream.page
    unit, switch = page.locator(".dream-unit-text input"), page.get_by_label("this unit is")
    unit.fill("7")
    dream.changes(lambda: unit.press("Enter"))
    free = page.locator(dream.picture).screenshot()
    dream.changes(lambda: switch.select_option("on"))
    page.wait_for_selector(".dream-verdict:has-text('Unit 7 is held on.')")
    assert page.locator(dream.picture).screenshot() != free
    dream.changes(page.get_by_role("button", name="Free all units").click)
    page.wait_for_selector(".dream-verdict:has-text('Unit 7 is on in')")
    assert switch.input_value() == "free"
    assert page.locator(dream.picture).screenshot() == free
    assert not [text for text in dream.problems if "favicon" not in text]


def test_a_cancelled_live_training_is_shown_and_another_can_start(live):
    page = live.page
    button = page.locator(".live-training").get_by_role("button", name="Start")
    stop = page.locator(".live-training").get_by_role("button", name="Stop")
    verdict = page.locator(".live-training-verdict")
    empty = page.locator(live.picture).screenshot()
    for runs in (1, 2):  # the second with the keyboard
        live.changes(button.click if runs == 1 else lambda: button.press("Enter"))
        assert "he_normal, seed 0: training for 3000 steps" in verdict.inner_text()
        for _ in range(2):
            live.changes(lambda: None)  # the picture moves by itself
        live.changes(stop.click if runs == 1 else lambda: stop.press("Enter"))
        words = page.wait_for_selector(".live-training-verdict:has-text('stopped by you')")
        assert re.search(r"stopped by you after \d+ steps?, test accuracy [01]", words.inner_text())
        assert page.locator(live.picture).screenshot() != empty
    stop.click()
    page.wait_for_selector(".live-training-correction:has-text('nothing to stop')")
    assert not [text for text in live.problems if "favicon" not in text]
    assert page.locator(".jp-OutputArea-output[data-mime-type*='stdout']").count() == 0


def test_the_keyboard_reaches_every_control_of_the_live_training(live):
    scheme = live.page.locator(".live-training").get_by_label("scheme")
    reason = live.page.get_by_text("std counts for normal only")
    reason.wait_for(state="visible")
    scheme.select_option("normal")  # now its std counts
    reason.wait_for(state="hidden")
    scheme.focus()
    reached = []
    for _ in range(8):
        reached.append(live.page.evaluate(_FOCUSED))
        live.page.keyboard.press("Tab")
    assert reached == ["scheme", "seed", "steps", "slider", "std =", "Start", "Stop", "Clear"]


_FOCUSED = """() => {
    const element = document.activeElement;
    if (element.labels && element.labels.length) return element.labels[0].textContent;
    return element.getAttribute('role') || element.textContent;
}"""


def test_a_restart_in_the_middle_is_plain_to_see_and_all_cells_bring_the_explorers_back(others):
    page, names = others.page, ("funnel", "live-training")
    live = page.locator(".live-training")

    def start():  # a training, which goes on during the restart
        live.get_by_role("button", name="Start", exact=True).click()

    def move():
        page.locator(".funnel-depth-slider .noUi-handle").press("ArrowLeft")

    works = dict(zip(names, (move, start), strict=True))
    for name in names:
        others.turn_to(name).changes(works[name])
    others.restart_kernel()
    left = {name: others.turn_to(name).source() for name in names}
    parts = page.locator("[class*='-picture'], .noUi-target")
    assert page.locator(others.cut_off).count() > parts.count()
    others.turn_to("funnel")
    move()
    page.wait_for_timeout(500)
    assert {name: others.turn_to(name).source() for name in names} == left  # to be read still
    others.run_all_cells()
    assert page.locator(".jp-RenderedText[data-mime-type*='error']").count() == 0
    for name in names:
        others.turn_to(name)
        assert page.locator(others.picture).count() == 1
        others.changes(works[name])
    assert page.locator(others.cut_off).count() == 0
    live.get_by_role("button", name="Stop", exact=True).click()
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
