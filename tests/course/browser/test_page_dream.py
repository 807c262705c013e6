"""The page of the dreams: machine and chains, computed in the browser, are the package's."""

import base64
import re
from dataclasses import asdict

import numpy as np
import pytest
import torch
from helpers.pages import Opened
from pages import dream
from pages.frame import FIGURES, held

from course_utils.explorers.base import plain
from course_utils.explorers.dream.experiment import STEPS, Dreams, DreamSetting, dream_verdict
from course_utils.explorers.dream.widget import in_words, picture_of, table_of
from course_utils.explorers.front_end import script

PACKED = held((FIGURES / dream.FILE).read_text(encoding="utf-8"))["data"]
RBM = dream.machine(PACKED)
IMAGES = np.frombuffer(base64.b64decode(PACKED["images"]), np.uint8).reshape(-1, 784) / 255
FACTS = PACKED["facts"]


@pytest.fixture(scope="module")
def code(browser):
    """Return a page that knows what the page of the dreams knows, but shows nothing."""
    page = browser.new_page()
    source = (FIGURES / "pages" / "dream.js").read_text(encoding="utf-8")
    page.add_script_tag(content=script("dream", last=None) + source)
    page.evaluate("data => { window.machine = new Machine(data) }", PACKED)
    yield page
    page.close()


@pytest.fixture(params=[(1280, 800), (375, 740)], ids=["desk", "phone"])
def opened(browser, request):
    opened = Opened(browser, "dream", request.param)
    yield opened
    opened.close()


# ---------------------------------------------------------------------- the machine and its chains


def states(n, units, share, seed=0):
    return (torch.rand(n, units, generator=torch.Generator().manual_seed(seed)) < share).float()


@pytest.mark.parametrize("temperature", [1.0, 0.4])
def test_probabilities_and_free_energy_are_the_packages(code, temperature):
    v = torch.cat([states(3, 784, 0.5), torch.from_numpy(IMAGES[:5]).round().float()])
    h = states(8, dream.N_HIDDEN, 0.25)
    up, down, energy = code.evaluate(
        """([v, h, temperature]) => [
            v.map((one) => Array.from(machine.hiddenGivenVisible(one, temperature))),
            h.map((one) => Array.from(machine.visibleGivenHidden(one, temperature))),
            v.map((one) => machine.freeEnergy(Uint8Array.from(one))),
        ]""",
        [v.tolist(), h.tolist(), temperature],
    )
    close = {"rtol": 1e-4, "atol": 1e-5}
    expected = RBM.hidden_given_visible(v, temperature=temperature)
    np.testing.assert_allclose(up, expected, **close)
    expected = RBM.visible_given_hidden(h, temperature=temperature)
    np.testing.assert_allclose(down, expected, **close)
    np.testing.assert_allclose(energy, RBM.free_energy(v), rtol=1e-5, atol=1e-3)


def test_from_the_same_random_numbers_a_chain_takes_the_packages_way(code):
    steps, clamped = 4, {3: "on", 8: "off"}
    draws = torch.rand(steps, 784 + dream.N_HIDDEN, generator=torch.Generator().manual_seed(1))
    v = states(1, 784, 0.5, seed=2)
    taken = code.evaluate(
        """([v, draws, setting]) => {
            const numbers = draws.flat(), random = () => numbers.shift(), taken = [];
            for (const _ of draws) {
                const step = machine.step(v, setting, random);
                taken.push([Array.from(step.h), Array.from(step.v)]);
                v = step.v;
            }
            return taken;
        }""",
        [v[0].tolist(), draws.tolist(), {"temperature": 0.7, "clamped": clamped}],
    )
    for step in range(steps):
        h = (draws[step, : dream.N_HIDDEN] < RBM.hidden_given_visible(v, temperature=0.7)).float()
        h[:, 3], h[:, 8] = 1.0, 0.0
        v = (draws[step, dream.N_HIDDEN :] < RBM.visible_given_hidden(h, temperature=0.7)).float()
        assert taken[step] == [h[0].tolist(), v[0].tolist()]


def test_its_random_numbers_are_even_independent_and_the_same_for_a_seed(code):
    numbers = (
        "(seed) => { const next = generator(seed); return Array.from({ length: 20000 }, next) }"
    )
    first, again, other = (np.array(code.evaluate(numbers, seed)) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert 0 <= first.min() and first.max() < 1
    counts, _ = np.histogram(first, bins=20, range=(0, 1))
    assert np.abs(counts - 1000).max() < 5 * np.sqrt(1000)
    for one, two in ((first[:-1], first[1:]), (first, other)):
        assert abs(np.corrcoef(one, two)[0, 1]) < 5 / np.sqrt(len(one))


def test_numbers_in_words_are_rounded_as_python_does(code):
    numbers = [0.0, 0.5, 1.5, 2.5, 58.5, 3.49, -0.3, -0.5, -1.5, -2.5, -118.7]
    written = code.evaluate("(numbers) => numbers.map(whole)", numbers)
    assert written == [f"{number:.0f}" for number in numbers]


SETTINGS = [
    DreamSetting(0),
    DreamSetting(1, unit=7),
    DreamSetting(30, 0.5, "data", unit=3, clamped={12: "on", 3: "off", 5: "on"}),
    DreamSetting(12, 3.0, "noise", seed=4, unit=9, clamped={9: "on"}),
]


@pytest.mark.parametrize("setting", SETTINGS, ids=["start", "one", "held", "hot"])
def test_of_the_same_dream_the_words_numbers_and_picture_are_the_packages(code, setting):
    images = torch.from_numpy(IMAGES).float()
    dreamt = Dreams(RBM, images, n_chains=dream.N_CHAINS).dream(setting)
    given = plain(
        {
            "setting": asdict(setting),
            "pictures": dreamt.pictures,
            "hidden": dreamt.hidden.astype(int),
            "steps": dreamt.steps,
            "free_energy": dreamt.free_energy,
            "moved": dreamt.moved,
            "spread": dreamt.spread,
            "data": asdict(dreamt.data),
        }
    )
    said = code.evaluate("(dream) => [verdictOf, altOf, tableOf].map((say) => say(dream))", given)
    assert said == [dream_verdict(dreamt), in_words(dreamt), plain(vars(table_of(dreamt)))]
    picture = code.evaluate(
        """(dream) => {
            const picture = pictureOf(dream), list = (bytes) => Array.from(bytes);
            return { ...picture, pictures: list(picture.pictures), on: list(picture.on) };
        }""",
        given,
    )
    expected = picture_of(dreamt)
    for name in ("pictures", "on"):
        expected[name] = np.frombuffer(expected[name], np.uint8).astype(int)
    np.testing.assert_allclose(picture.pop("pictures"), expected.pop("pictures"), atol=1)
    np.testing.assert_allclose(picture.pop("free_energy"), expected.pop("free_energy"), atol=0.01)
    assert picture == plain(expected)


# ---------------------------------------------------------------------- the page


def stop_at(opened, steps):
    opened.control("Gibbs steps").fill(str(STEPS.index(steps)))


def wait_for(opened, beginning):
    """Wait until the chains have gone so far."""
    script = "words => document.querySelector('p.verdict').textContent.startsWith(words)"
    opened.page.wait_for_function(script, arg=beginning)


def tile(opened, name, i):
    """Return the grey values, 0 to 255, in the middles of the 28 · 28 pixels of one tile."""
    return np.array(
        opened.page.evaluate(
            """([name, i]) => {
                const canvas = document.querySelector(`canvas[data-name="${name}"]`);
                const frame = document.querySelector(`[data-tile="${name} ${i}"]`);
                const box = frame.getBoundingClientRect(), all = canvas.getBoundingClientRect();
                const copy = document.createElement("canvas");
                [copy.width, copy.height] = [canvas.width, canvas.height];
                const brush = copy.getContext("2d", { willReadFrequently: true });
                brush.drawImage(canvas, 0, 0);
                const size = box.width / 28, dots = canvas.width / all.width;
                const at = (row, column) => Array.from(brush.getImageData(
                    dots * (box.left - all.left + (column + 0.5) * size),
                    dots * (box.top - all.top + (row + 0.5) * size), 1, 1).data).slice(0, 3);
                return Array.from({ length: 28 }, (_, row) =>
                    Array.from({ length: 28 }, (_, column) => at(row, column)));
            }""",
            [name, i],
        )
    )


def attributes(opened, selector, name):
    found = opened.page.locator(selector)
    return found.evaluate_all("(all, name) => all.map((one) => one.getAttribute(name))", name)


def framed(opened, mosaic, look="chosen"):
    names = attributes(opened, f'.{look}[data-tile^="{mosaic} "]', "data-tile")
    return [int(name.split()[1]) for name in names]


def test_from_real_images_at_the_start_the_stored_images_are_shown_as_dark_ink(opened):
    opened.control("start").select_option("data")
    stop_at(opened, 0)
    wait_for(opened, "At the start")
    assert "from real images" in opened.page.locator(".picture").get_attribute("aria-label")
    for chain in (0, 7):
        ink = 1 - tile(opened, "dreams", chain).mean(-1) / 255
        alike = [np.corrcoef(ink.ravel(), image)[0, 1] for image in IMAGES]
        assert max(alike) > 0.9 and sorted(alike)[-2] < 0.9


def test_noise_becomes_digits(opened):
    energies = []
    for steps, beginning in ((0, "At the start"), (1, "After 1 step"), (50, "After 50 steps")):
        stop_at(opened, steps)
        wait_for(opened, beginning)
        energies.append(int(re.search(r"chains is (-?\d+) nats", opened.text("verdict"))[1]))
    assert energies == sorted(energies, reverse=True)
    data = FACTS["free_energy"]
    assert energies[0] > data + 1000 and energies[-1] < data + 100


def test_dreams_in_which_the_unit_is_on_are_framed_and_counted(opened):
    count = int(re.search(r"on in (\d+) of 20 chains", opened.text("verdict"))[1])
    texts = opened.page.locator(".picture text").all_text_contents()
    assert f"on in {count}" in texts and f"off in {20 - count}" in texts
    assert len(framed(opened, "dreams")) == count > 0
    said = re.search(r"on in chains ([\d, ]+);", _alt(opened))[1]
    assert [int(chain) - 1 for chain in said.split(", ")] == framed(opened, "dreams")


def _alt(opened):
    return opened.page.locator(".picture").get_attribute("aria-label")


def test_a_unit_is_held_by_hand_and_all_are_freed_again(opened):
    free, switch = opened.looks(), opened.control("this unit is")
    switch.select_option("on")
    assert "Unit 0 is held on." in opened.text("verdict") and len(framed(opened, "dreams")) == 20
    opened.control("unit").press("ArrowRight")
    assert switch.input_value() == "free" and "Also held on: 0." in opened.text("verdict")
    switch.select_option("off")
    assert "Unit 1 is held off. Also held on: 0." in opened.text("verdict")
    assert "clamped=0on-1off" in opened.page.url
    assert len(framed(opened, "units", "held")) == 1  # the other has the frame of the chosen one
    opened.control("unit").press("ArrowLeft")
    assert switch.input_value() == "on"
    opened.page.get_by_role("button", name="Free all units").click()
    assert opened.looks() == free and "clamped=free" in opened.page.url
    assert switch.input_value() == "free"


def test_held_units_stand_in_the_address(browser):
    address = "#steps=9&unit=4&clamped=3on-7off"
    opened = Opened(browser, "dream", address=address)
    assert opened.text("verdict").endswith("Also held on: 3. Also held off: 7.")
    assert opened.text("correction") == ""
    opened.close()
    opened = Opened(browser, "dream", address="#steps=9&clamped=3on-999off-nonsense")
    assert "3on-7off; 999off-nonsense was ignored." in opened.text("correction")
    assert "held on: 3." in opened.text("verdict")
    opened.close()


def test_long_chains_are_shown_on_their_way_and_arrive(browser):
    opened = Opened(browser, "dream")
    opened.control("Gibbs steps, typed").fill("1003")
    opened.control("Gibbs steps, typed").press("Enter")
    assert "After 1000" not in opened.text("verdict")  # not yet
    wait_for(opened, "After 1000 steps")
    assert "the nearest is 1000" in opened.text("correction")  # it has stayed meanwhile
    (curve,) = attributes(opened, "[data-name=free_energy]", "d")
    assert len(re.findall("[ML]", curve)) == len(STEPS)
    long = opened.looks()
    stop_at(opened, 5)
    assert opened.text("verdict").startswith("After 5 steps")
    stop_at(opened, 1000)
    assert opened.looks() == long  # nothing was drawn again
    opened.close()


def test_the_same_seed_dreams_the_same_whatever_lay_between(opened):
    before = opened.looks()
    opened.control("seed").fill("7")
    opened.control("seed").press("Enter")
    assert all(new != old for new, old in zip(opened.looks(), before, strict=True))
    stop_at(opened, 3)
    opened.control("seed").fill("0")
    opened.control("seed").press("Enter")
    stop_at(opened, 50)
    assert opened.looks() == before


# ---------------------------------------------------------------------- the picture


def test_all_units_are_shown_on_a_desk_and_on_a_phone_those_on_most(browser):
    numbers = []
    for size, beginning in (
        ((1280, 800), "256 hidden units"),
        ((375, 740), "35 of 256 units: those on most"),
    ):
        opened = Opened(browser, "dream", size, address="#unit=200&clamped=201off")
        texts = opened.page.locator(".picture text").all_text_contents()
        assert any(text.startswith(beginning) for text in texts)
        boxes = opened.page.locator('[data-tile^="units "]')
        numbers.append(boxes.count())
        assert boxes.first.bounding_box()["width"] > (40 if size[0] < 600 else 18)
        assert len(framed(opened, "units")) == len(framed(opened, "units", "held")) == 1
        opened.close()
    assert numbers == [256, 35]


def test_a_positive_weight_is_red_and_a_negative_blue(browser):
    opened = Opened(browser, "dream", address="#unit=5")
    own = RBM.weight[5].view(28, 28).numpy()
    pixels = tile(opened, "unit 0", 0)
    for place in (own.argmax(), own.argmin()):
        red, _, blue = pixels[np.unravel_index(place, own.shape)]
        assert (red > blue + 60) == (own.flat[place] > 0) and abs(red - blue) > 60
    opened.close()


def test_where_no_chain_has_the_unit_on_its_mean_is_an_empty_tile(browser):
    opened = Opened(browser, "dream", address="#unit=5&clamped=5off")
    inner = tile(opened, "unit 1", 0)[3:-3, 3:-3]
    assert (inner == 255).all()
    assert (tile(opened, "unit 2", 0)[3:-3, 3:-3] < 128).any()
    opened.close()


def test_in_the_dark_ink_is_white_on_black_and_frames_do_not_glare(browser):
    opened = Opened(browser, "dream", color_scheme="dark")
    opened.page.locator(".course-explorer.dark").wait_for()
    opened.page.wait_for_timeout(100)
    pixels = tile(opened, "dreams", 1).mean(-1)
    assert np.median(pixels) < 40 and pixels.max() > 150
    script = "one => getComputedStyle(one).stroke.match(/[0-9]+/g).map(Number)"
    for look in ("edge", "chosen"):
        color = opened.page.locator(f".{look}").first.evaluate(script)
        assert sum(color) / 3 < 160
    opened.close()


def test_the_curve_runs_through_the_free_energies_of_the_table(opened):
    opened.page.locator("summary").click()
    rows = opened.page.locator("tbody tr").all_inner_texts()
    energies = [float(re.search(r"energy (\S+) nats", row)[1]) for row in rows if "nats" in row]
    (curve,) = attributes(opened, "[data-name=free_energy]", "d")
    heights = [float(point.split()[1]) for point in re.split("[ML]", curve)[1:]]
    assert len(heights) == len(energies) == STEPS.index(50) + 1
    fit = np.polyfit(heights, energies, 1)
    np.testing.assert_allclose(np.polyval(fit, heights), energies, atol=1 + abs(fit[0]))
