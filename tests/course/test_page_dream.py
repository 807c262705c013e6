"""The page of the dreams: is what it holds a machine of the package, and measured by it?"""

import base64
import json

import numpy as np
import pytest
import torch
from helpers.pages import mnist_or_skip
from pages import dream
from pages.frame import FIGURES, held

from course_utils import load_mnist
from course_utils.boltzmann import RBM
from course_utils.explorers.dream import DreamExplorer
from course_utils.explorers.dream.experiment import STEPS, Dreams

REDRAW = "the page is stale: run python figures/draw_pages.py dream"


@pytest.fixture(scope="module")
def packed():
    return held((FIGURES / dream.FILE).read_text(encoding="utf-8"))["data"]


@pytest.fixture(scope="module")
def test_images():
    mnist_or_skip()
    return load_mnist().test_images[: dream.COMPARED]


def test_its_facts_are_what_the_package_measures_of_real_images_today(packed, test_images):
    facts = Dreams(dream.machine(packed), test_images).data
    assert packed["facts"] == pytest.approx(vars(facts), rel=1e-4), REDRAW


def test_its_images_are_the_first_of_the_test_images(packed, test_images):
    stored = np.frombuffer(base64.b64decode(packed["images"]), np.uint8).reshape(-1, 784) / 255
    np.testing.assert_allclose(stored, test_images[: dream.STORED], atol=0.002)


def test_its_machine_has_learned(packed):
    rbm, n = dream.machine(packed), 20
    noise = torch.rand(n, 784, generator=torch.Generator().manual_seed(0)).round()
    shuffled = RBM(784, dream.N_HIDDEN, std=rbm.weight.std().item())
    shuffled.visible_bias.copy_(rbm.visible_bias)
    real = packed["facts"]["free_energy"]
    assert real < rbm.free_energy(noise).mean() - 1000
    assert real < shuffled.free_energy(noise).mean()
    assert 20 < packed["facts"]["on"] < dream.N_HIDDEN / 2


def test_it_stops_where_the_live_explorer_stops(packed):
    assert packed["stops"] == STEPS and packed["n_chains"] == dream.N_CHAINS
    assert (packed["side"], len(packed["largest"])) == (28, dream.N_HIDDEN)


def test_a_machine_survives_packing_up_to_half_a_step_of_a_byte():
    rbm = RBM(784, 5, std=0.1, seed=3)
    rbm.visible_bias.normal_(generator=rbm.generator)
    rbm.hidden_bias.normal_(generator=rbm.generator)
    images = torch.rand(dream.STORED, 784, generator=torch.Generator().manual_seed(0))
    back = dream.machine(json.loads(json.dumps(dream.pack(rbm, images))))
    step = rbm.weight.abs().amax(1, keepdim=True) / 127
    assert ((back.weight - rbm.weight).abs() <= 0.51 * step).all()
    torch.testing.assert_close(back.visible_bias, rbm.visible_bias, rtol=1e-5, atol=0)
    torch.testing.assert_close(back.hidden_bias, rbm.hidden_bias, rtol=1e-5, atol=0)


def test_its_controls_are_those_of_the_live_explorer(packed):
    images = torch.zeros(2, 784)
    live = DreamExplorer(dream.machine(packed), images, n_chains=1, steps=0)
    rows = json.loads(json.dumps(dream.spec()["rows"]))
    assert len(rows) == len(live.spec["rows"])
    for row, live_row in zip(rows, live.spec["rows"], strict=True):
        for control, other in zip(row, live_row, strict=True):
            for name in ("kind", "name", "label", "options", "alone", "tip"):
                assert control.get(name) == other.get(name)
            if stops := control.get("stops"):
                slider = live.controls[control["name"]]
                ends = [slider.read("place", other[end]) for end in ("low", "high")]
                assert [stops[0], stops[-1]] == pytest.approx(ends)


def test_it_begins_as_the_live_explorer_does_in_the_notebooks():
    begun = dream.start()
    assert begun.pop("clamped") == "free"
    assert begun == {name: getattr(dream.first(), name) for name in begun}
