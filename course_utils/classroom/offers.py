"""What the page offers: six explorers, what to try with each, and the machine that dreams."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Callable
from dataclasses import dataclass

import filelock
import ipywidgets as w
import platformdirs

from course_utils import explorers
from course_utils.boltzmann import RBM
from course_utils.data import ImageData

IMAGES = 256
STEPS = 600
"""Of training, for the machine that dreams."""


@dataclass(frozen=True)
class Offer:
    """An explorer of the page.

    Attributes
    ----------
    to_try
        A sentence for who does not know where to begin.
    make
        Makes the explorer, of the data.
    """

    to_try: str
    make: Callable[[ImageData], w.DOMWidget]


OFFERS = {
    "Signal": Offer(
        "Find a std that keeps 20 tanh layers alive. Then choose relu: which jump is right now?",
        lambda data: explorers.ActivationExplorer(data.train_images[:IMAGES], std=0.05, depth=20),
    ),
    "Funnel": Offer(
        "Make both widths equal, then pull them apart: what does each rule for Var(W) keep?",
        lambda data: explorers.FunnelExplorer(width_a=784, width_b=100, depth=20),
    ),
    "Training": Offer(
        "Press Start: a std of 1, as in the lecture. Then train he_normal and compare the curves.",
        lambda data: explorers.LiveTrainingExplorer(data, scheme="normal", std=1.0, steps=200),
    ),
    "Dreams": Offer(
        "Go back to 0 Gibbs steps, then forward: when do digits appear? Hold a hidden unit on.",
        lambda data: explorers.DreamExplorer(
            dreamer(data), data.test_images[:500], steps=50, start="noise"
        ),
    ),
    "Residual": Offer(
        "What do 50 blocks at scale 1 do to the stream? Jump to 1/√depth, or choose a norm.",
        lambda data: explorers.ResidualExplorer(data.train_images[:IMAGES], depth=50, scale=1.0),
    ),
    "Tournament": Offer(
        "Which start would you bet on in each network?",
        lambda data: explorers.TournamentExplorer(),
    ),
}
"""What is written on a button of the menu → what it offers."""


def dreamer(data: ImageData) -> RBM:
    """Return the machine that dreams: trained once on these images, then kept in the user's cache.

    Parameters
    ----------
    data
        What it is trained on, for :data:`STEPS` steps of persistent contrastive divergence.
    """
    some = data.train_images[:: max(1, len(data.train_images) // 100)].contiguous()
    key = hashlib.md5(some.numpy(), usedforsecurity=False).hexdigest()
    path = platformdirs.user_cache_path("course_utils") / f"dreamer-{STEPS}-{key}.rbm"
    with contextlib.suppress(OSError, ValueError):
        return RBM.load(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with filelock.FileLock(path.with_suffix(".lock")):  # one trains, the others wait
            with contextlib.suppress(OSError, ValueError):
                return RBM.load(path)
            rbm = _trained(data)
            rbm.save(path)
            return rbm
    except (OSError, NotImplementedError):  # a cache that cannot be written; a disk without locks
        return _trained(data)


def _trained(data: ImageData) -> RBM:
    rbm = RBM(784, 256, seed=0)
    epochs = max(1, round(STEPS / (len(data.train_images) // 100)))
    gentle = {"lr": (0.1, 0.0), "momentum": 0.0, "weight_decay": 0.0, "log": None}
    rbm.fit(data.train_images, epochs=epochs, persistent=True, **gentle)
    return rbm
