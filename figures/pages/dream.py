"""The page of the dreams: a trained machine, a byte a weight; its chains run in the browser."""

from __future__ import annotations

import base64
from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

from course_utils.boltzmann import RBM
from course_utils.data import ImageData
from course_utils.explorers.controls import STEPS_PER_DECADE
from course_utils.explorers.dream.experiment import (
    LIMITS,
    STATES,
    STEPS,
    Dreams,
    DreamSetting,
    dream_verdict,
)
from course_utils.explorers.dream.figure import draw, limit_of
from course_utils.explorers.dream.widget import START_CHOICES, fixed_of
from pages.frame import Page
from pages.numbers import rounded, to_text

N_HIDDEN, N_CHAINS, COMPARED, STORED = 256, 20, 500, 100
TEMPERATURE_STEPS = range(-STEPS_PER_DECADE, STEPS_PER_DECADE + 1, 5)
"""The page's temperatures are these steps of the live slider: 0.1 to 10."""

FILE = "explorer_dream.html"
TITLE = "What a restricted Boltzmann machine dreams"
ABOUT = """This machine has learned from handwritten digits, without labels. Let it dream: from
random noise it draws its hidden units, from these a picture, from the picture its hidden units,
again and again. Go back to 0 Gibbs steps, then forward: when do digits appear? Then hold a hidden
unit on."""
NOTE = f"""A restricted Boltzmann machine of 784 pixels and {N_HIDDEN} hidden units, trained by the
course's package on MNIST: 3 epochs of persistent contrastive divergence, seed 0. This page holds
its weights, a byte each, {STORED} test images to begin at, and what the package measures on
{COMPARED}. The chains are not stored: your browser draws them anew from the seed that you choose,
with random numbers of its own, so they are others than the live explorer's. Shown are probabilities
of pixels, not the black and white samples that drive the chains."""


def measure_page(mnist: ImageData) -> dict:
    """Train the machine, and measure what the page holds besides it."""
    rbm = RBM(784, N_HIDDEN, seed=0)
    plain = {"momentum": 0.0, "weight_decay": 0.0, "log": None}
    rbm.fit(mnist.train_images, epochs=3, persistent=True, lr=(0.1, 0), **plain)
    data = pack(rbm, mnist.test_images)
    stored = machine(data)
    dream = Dreams(stored, mnist.test_images[:COMPARED], n_chains=N_CHAINS).dream(first())
    still = draw(dream, stored.weight.numpy(), dpi=100)
    return {"data": data, "still": still, "words": dream_verdict(dream)}


def page(**measured) -> Page:
    """Put the page together from what was measured."""
    return Page(
        name="dream",
        file=FILE,
        folder="dream",
        title=TITLE,
        about=ABOUT,
        note=NOTE,
        spec=spec(),
        start=start(),
        **measured,
    )


def first() -> DreamSetting:
    """Return the setting at first, as the live explorer has it."""
    return DreamSetting(steps=50)


def start() -> dict:
    """Return the setting at first; of the units that are held, ``"free"`` says that none is."""
    return vars(first()) | {"clamped": "free"}


def spec() -> dict:
    """Return the controls of the page."""
    steps = {"name": "steps", "label": "Gibbs steps", "stops": STEPS, "unit": "steps"}
    heat = [rounded(10 ** (step / STEPS_PER_DECADE)) for step in TEMPERATURE_STEPS]
    temperature = {"name": "temperature", "label": "temperature", "stops": heat, "log": True}
    unit = {"name": "unit", "label": "unit", "stops": [*range(N_HIDDEN)]}
    for whole in (steps, unit):
        whole["integer"] = True
    numbers = [
        {"kind": "number", "low": 0, "high": len(control["stops"]) - 1} | control
        for control in (steps, temperature, unit)
    ]
    switch = {"kind": "choice", "name": "clamped", "label": "this unit is", "alone": True}
    free = {"kind": "button", "name": "free", "label": "Free all units", "primary": False}
    begin = {"kind": "choice", "name": "start", "label": "start"}
    low, high = LIMITS["seed"]
    rest = [
        switch | {"options": [[state, state] for state in STATES]},
        free | {"tip": "Hold no hidden unit on or off any more"},
        begin | {"options": [[*pair] for pair in START_CHOICES.items()]},
        {"kind": "typed", "name": "seed", "label": "seed", "low": low, "high": high},
    ]
    label = "Explorer: what a restricted Boltzmann machine dreams"
    return {"prefix": "dream", "label": label, "rows": [numbers[:2], [numbers[2], *rest]]}


def pack(rbm: RBM, test_images: Tensor) -> dict:
    """Turn a machine, images to begin at, and facts of ``test_images`` into what a page holds."""
    filters = rbm.weight.numpy()  # (n_hidden, n_visible)
    fixed = fixed_of(filters)
    packed = {
        "side": fixed["side"],
        "filters": base64.b64encode(fixed["filters"]).decode(),
        "largest": [float(f"{x:.6g}") for x in np.abs(filters).max(axis=1)],
        "limit": rounded(limit_of(filters)),
        "visible_bias": [float(f"{x:.6g}") for x in rbm.visible_bias.tolist()],
        "hidden_bias": [float(f"{x:.6g}") for x in rbm.hidden_bias.tolist()],
        "images": to_text(torch.round(255 * test_images[:STORED]).to(torch.uint8).numpy()),
        "n_chains": N_CHAINS,
        "stops": STEPS,
    }
    facts = Dreams(machine(packed), test_images[:COMPARED]).data
    return packed | {"facts": {name: rounded(value) for name, value in vars(facts).items()}}


def machine(packed: Mapping) -> RBM:
    """Return the machine that a page holds, as the package has it."""
    n_hidden, n_visible = len(packed["hidden_bias"]), len(packed["visible_bias"])
    filters = np.frombuffer(base64.b64decode(packed["filters"]), np.int8)
    shares = filters.reshape(n_hidden, n_visible) / 127
    rbm = RBM(n_visible, n_hidden)
    rbm.weight.copy_(torch.from_numpy(shares * np.array(packed["largest"])[:, None]))
    for name in ("visible_bias", "hidden_bias"):
        getattr(rbm, name).copy_(torch.tensor(packed[name]))
    return rbm
