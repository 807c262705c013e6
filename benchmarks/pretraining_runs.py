"""The runs of `pretraining_study`: what is trained, how it is measured, which setting is chosen."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from sklearn.linear_model import LogisticRegression
from torch import Tensor, nn

from course_utils.boltzmann import DBN
from course_utils.data import ImageData
from course_utils.experiments import rows_with, seeded, stored_path
from course_utils.experiments.stored import as_text, write_whole
from course_utils.initializers import initialize_
from course_utils.networks import mlp
from course_utils.training import accuracy, fit

FILE = stored_path("pretraining_study")
SETTING = {"data": "MNIST", "threads": 1, "torch": torch.__version__.split("+")[0]}
SIZES = [784, 500, 500, 500, 500]
TRAINING = 55_000
ARMS = {  # name in the file → activation, scheme and options; the first is not drawn
    "pretrained": ("sigmoid", "", {}),
    "xavier_4": ("sigmoid", "xavier_normal", {"gain": 4.0}),
    "xavier": ("sigmoid", "xavier_normal", {}),
    "small_normal": ("sigmoid", "normal", {"std": 0.01}),
    "relu_he": ("relu", "he_normal", {}),
}
SETTINGS = [  # optimizer, learning rate, and how many times the updates
    ("SGD", 0.03, 1),
    ("SGD", 0.1, 1),
    ("Adam", 0.001, 1),
    ("Adam", 0.003, 1),
    ("Adam", 0.003, 3),
]
UPDATES = {  # labels → how many, and images in each
    100: (500, 20),
    1000: (800, 50),
    5000: (1500, 100),
    TRAINING: (5500, 100),
}
RBM_OPTIONS = {"lr": 0.1, "momentum": (0.5, 0.9), "weight_decay": 2e-4, "batch_size": 100}


class Study:
    """What is known so far, and how to learn more: every method adds one row, once."""

    def __init__(self, data: ImageData, rows: list[dict], cache: Path) -> None:
        self.data, self.rows, self.cache = data, rows, cache
        self.images, self.labels = data.train_images, data.train_labels

    def add(self, measure: Callable[[], dict], given: dict | None = None, **key) -> dict:
        """Return the row of this key; if there is none yet, measure it and store it.

        A row that was measured with something else than is ``given`` now is replaced.
        """
        given = given or {}
        for row in rows_with(self.rows, **key):
            if given.items() <= row.items():
                return row
            self.rows.remove(row)
        self.rows.append(key | given | measure())
        write_whole(FILE, as_text(SETTING, rows=self.rows))
        print(json.dumps(self.rows[-1]), flush=True)
        return self.rows[-1]

    def dbn(self, seed: int) -> DBN:
        """Return the pre-trained stack, from the cache if it is there."""
        key = {"what": "pretraining", "seed": seed}
        path = self.cache / f"{'-'.join(map(str, SIZES))}_{TRAINING}_{seed}.dbn"
        if rows_with(self.rows, **key) and path.exists():
            return DBN.load(path)
        dbn = DBN(SIZES, seed=seed)
        with stopwatch() as times:
            dbn.fit(self.images[:TRAINING], epochs=5, log=None, **RBM_OPTIONS)
        self.cache.mkdir(parents=True, exist_ok=True)
        dbn.save(path)
        self.add(lambda: {"epochs": 5} | times, **key)
        return dbn

    def some(self, labels: int, seed: int) -> Tensor:
        """Return the numbers of the images whose labels may be used."""
        return torch.randperm(TRAINING, generator=generator(seed))[:labels]

    def network(self, arm: str, seed: int) -> nn.Sequential:
        """Return the network of an arm as it is before it sees labels."""
        activation, scheme, options = ARMS[arm]
        if arm == "pretrained":
            return self.dbn(seed).to_network(10, generator=generator(seed))
        network = mlp([*SIZES, 10], activation)
        return initialize_(network, scheme, generator=generator(seed), **options)

    def train(
        self, network: nn.Module, labels: int, seed: int, setting: tuple, updates: tuple
    ) -> dict:
        """Train with labels, the rate falling to 0; return what a row says about it."""
        chosen, batch_size, schedule = self.some(labels, seed), updates[1], []
        steps = setting[2] * updates[0]

        def optimizer(parameters: list) -> torch.optim.Optimizer:
            rule = make_optimizer(parameters, *setting[:2])
            lambda_lr = torch.optim.lr_scheduler.LambdaLR(rule, lambda step: 1 - step / steps)
            schedule.append(lambda_lr)
            return rule

        with stopwatch() as times:
            history = fit(
                network,
                self.images[chosen],
                self.labels[chosen],
                steps=steps,
                batch_size=batch_size,
                optimizer=optimizer,
                seed=seed,
                after_step=lambda step, loss: schedule[0].step(),
                log=None,
            )
        loss = round(history.loss[-1], 5) if history.outcome == "finished" else None
        return {"loss": loss, "outcome": history.outcome} | times

    def validation_error(self, network: nn.Module) -> float:
        """Return the error on the images kept apart, in %."""
        return error(network, self.images[TRAINING:], self.labels[TRAINING:])

    def test_error(self, network: nn.Module) -> float:
        """Return the error on the test images, in %."""
        return error(network, self.data.test_images, self.data.test_labels)

    def choose(self, arm: str, labels: int) -> tuple[str, float, int]:
        """Return the setting of least validation error with seed 0."""
        return self.best_settings(arm, labels)[0]

    def best_settings(self, arm: str, labels: int) -> list[tuple[str, float, int]]:
        """Return the settings that are tried, best first."""
        tried = SETTINGS
        if labels == TRAINING:
            tried = [setting for setting in self.best_settings(arm, 5000) if setting[2] == 1][:2]
        measured = {}
        for setting in tried:
            key = describe(setting, UPDATES[labels])

            def measure(setting: tuple = setting) -> dict:
                network = self.network(arm, 0)
                row = self.train(network, labels, 0, setting, UPDATES[labels])
                return row | {"validation_error": self.validation_error(network)}

            row = self.add(measure, what="choice", arm=arm, labels=labels, seed=0, **key)
            measured[setting] = row["validation_error"]
        return sorted(tried, key=measured.get)

    def result(self, arm: str, labels: int, seed: int) -> None:
        """Measure the test error of one arm."""
        setting = self.choose(arm, labels)

        def measure() -> dict:
            network = self.network(arm, seed)
            row = self.train(network, labels, seed, setting, UPDATES[labels])
            return row | {"test_error": self.test_error(network)}

        given = describe(setting, UPDATES[labels])
        self.add(measure, given, what="result", arm=arm, labels=labels, seed=seed)

    def own_images(self, seed: int) -> None:
        """Measure the control that is pre-trained on the images with labels, and no others."""
        setting, labels, epochs = self.choose("pretrained", 1000), 1000, 100

        def measure() -> dict:
            dbn = DBN(SIZES, seed=seed)
            images = self.images[self.some(labels, seed)]
            dbn.fit(images, epochs=epochs, log=None, **RBM_OPTIONS)
            network = dbn.to_network(10, generator=generator(seed))
            row = self.train(network, labels, seed, setting, UPDATES[labels])
            return {"pretraining_epochs": epochs} | row | {"test_error": self.test_error(network)}

        given = describe(setting, UPDATES[labels])
        self.add(measure, given, what="own_images", labels=labels, seed=seed)

    def frozen_features(self, layers: int, seed: int) -> None:
        """Measure a softmax on top of so many frozen layers; seed 0 chooses its C."""
        key = {"what": "features", "layers": layers, "labels": 1000}

        def softmax_error(C: float, seed: int, images: Tensor, labels: Tensor) -> float:
            dbn, chosen = self.dbn(seed), self.some(1000, seed)
            model = LogisticRegression(C=C, max_iter=2000)
            model.fit(dbn.transform(self.images[chosen], layers), self.labels[chosen])
            right = model.predict(dbn.transform(images, layers)) == labels.numpy()
            return round(100 - 100 * right.mean().item(), 3)

        def choose() -> dict:
            kept = (self.images[TRAINING:], self.labels[TRAINING:])
            errors = {C: softmax_error(C, 0, *kept) for C in (0.01, 0.1, 1.0, 10.0, 100.0)}
            best = min(errors, key=errors.get)
            return {"C": best, "validation_error": errors[best]}

        C = self.add(choose, **key, seed=0)["C"]
        if seed > 0:
            test = (self.data.test_images, self.data.test_labels)
            self.add(
                lambda: {"C": C, "test_error": softmax_error(C, seed, *test)}, **key, seed=seed
            )


def describe(setting: tuple[str, float, int], updates: tuple[int, int]) -> dict:
    """Return what a row says about a setting."""
    return {"optimizer": setting[0], "lr": setting[1], "updates": setting[2] * updates[0]}


def generator(seed: int) -> torch.Generator:
    return seeded(1000 + seed)  # not the numbers of the RBMs


def make_optimizer(parameters: list, name: str, lr: float) -> torch.optim.Optimizer:
    if name == "SGD":
        return torch.optim.SGD(parameters, lr=lr, momentum=0.9, fused=True)
    return torch.optim.Adam(parameters, lr=lr, fused=True)


def error(network: nn.Module, images: Tensor, labels: Tensor) -> float:
    return round(100 - 100 * accuracy(network, images, labels), 3)


@contextmanager
def stopwatch() -> Iterator[dict]:
    """Fill a dictionary with what the block took, in seconds."""
    times, cpu, wall = {}, time.process_time(), time.perf_counter()
    yield times
    times["cpu_seconds"] = round(time.process_time() - cpu, 1)
    times["seconds"] = round(time.perf_counter() - wall, 1)
