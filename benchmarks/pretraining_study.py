"""When does pre-training pay? The table of notebook 04: five ways to begin, four label counts.

Run ``python benchmarks/pretraining_study.py``, with the environment variable ``COURSE_DATA`` if
MNIST lies there. It takes about two hours of one core. What ``pretraining_study.json``
holds already is not computed again: a run that was stopped is continued, ``--again`` starts anew,
``--report`` only prints the table. Trained DBNs are kept in the user's cache, or in ``--cache``.

*The network* is 784-500-500-500-500-10. *The arms*: sigmoid units, pre-trained (RBMs by CD-1, 5
epochs a layer on all 55,000 training images, without labels); sigmoid units with weights from
N(0, 0.01²), from Xavier's normal, and from 4 times that; ReLU with He's normal. All biases start
at 0, but those that were pre-trained.

*The labels*: 100, 1,000, 5,000 drawn at random (for a seed the same in all arms), or all 55,000.
The last 5,000 training images are kept apart for validation; no RBM sees them either.

*The setting*: SGD with momentum 0.9 at a rate of 0.03 or 0.1, or Adam at 0.001 or 0.003; the rate
falls linearly to 0 over a fixed number of updates, with Adam at 0.003 also over three times as
many. Each arm's setting is the one of least validation error with seed 0; with 55,000 labels only
the two best at 5,000 are tried, neither of them three times as long. Test errors are of the other
seeds, for which nothing was chosen: a seed fixes labels, weights and order.

*Controls* with 1,000 labels: the RBMs see the same 1,000 images only (100 epochs a layer); and a
softmax on frozen features, the pixels or one of the layers (scikit-learn's logistic regression,
its C from 0.01 to 100 chosen by validation with seed 0).

Errors are in %. Everything runs on one thread; ``cpu_seconds`` is the time of the processor, which
other programs on the machine stretch little, ``seconds`` what the clock on the wall shows.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import platformdirs
import torch
from scipy import stats
from sklearn.linear_model import LogisticRegression
from torch import Tensor, nn

from course_utils.data import ImageData, load_mnist
from course_utils.dbn import DBN
from course_utils.initializers import initialize_
from course_utils.networks import mlp, one_thread
from course_utils.training import accuracy, fit

FILE = Path(__file__).with_suffix(".json")
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
SEEDS = range(1, 4)  # seed 0 chooses the settings
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
        for row in find(self.rows, **key):
            if given.items() <= row.items():
                return row
            self.rows.remove(row)
        self.rows.append(key | given | measure())
        write(self.rows)
        print(json.dumps(self.rows[-1]), flush=True)
        return self.rows[-1]

    def dbn(self, seed: int) -> DBN:
        """Return the pre-trained stack, from the cache if it is there."""
        key = {"what": "pretraining", "seed": seed}
        path = self.cache / f"{'-'.join(map(str, SIZES))}_{TRAINING}_{seed}.pt"
        if find(self.rows, **key) and path.exists():
            return DBN.load(path)
        dbn = DBN(SIZES, seed=seed)
        with stopwatch() as times:
            dbn.fit(self.images[:TRAINING], epochs=5, progress=False, **RBM_OPTIONS)
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
                progress=False,
                after_step=lambda step: schedule[0].step(),
                tell=lambda line: None,
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
            dbn.fit(images, epochs=epochs, progress=False, **RBM_OPTIONS)
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
    return torch.Generator().manual_seed(1000 + seed)  # not the numbers of the RBMs


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


def write(rows: list[dict]) -> None:
    """Replace the file at once: a run that is killed leaves a whole one."""
    setting = {"data": "MNIST", "threads": 1, "torch": torch.__version__.split("+")[0]}
    lines = ",\n    ".join(json.dumps(row) for row in rows)
    scratch = FILE.with_suffix(".part")
    scratch.write_text(
        f'{{\n  "setting": {json.dumps(setting)},\n  "rows": [\n    {lines}\n  ]\n}}\n'
    )
    scratch.replace(FILE)


def run(study: Study) -> None:
    """Measure everything, what is cheap and tells most first."""
    results(study, (1000, 100))
    for seed in SEEDS:
        for layers in range(len(SIZES)):
            study.frozen_features(layers, seed)
        study.own_images(seed)
    results(study, (5000, TRAINING))


def results(study: Study, label_counts: Sequence[int]) -> None:
    for seed in SEEDS:
        for labels in label_counts:
            for arm in ARMS:
                study.result(arm, labels, seed)


def find(rows: list[dict], **wanted) -> list[dict]:
    return [row for row in rows if wanted.items() <= row.items()]


def errors(rows: list[dict], what: str, **key) -> dict[int, float]:
    """Return the test error of every seed."""
    found = find(rows, what=what, **key)
    return {row["seed"]: row["test_error"] for row in found if "test_error" in row}


def spread(values: Iterable[float]) -> str:
    """Write mean ± standard deviation, and how many there are."""
    values = list(values)
    if len(values) < 2:
        return "".join(f"{value:.2f}" for value in values) or "-"
    return f"{statistics.fmean(values):.2f} ± {statistics.stdev(values):.2f} ({len(values)})"


def margin(rows: list[dict], arm: str, labels: int) -> str:
    """Write by how much more an arm errs than the pre-trained one: mean and 95 % interval."""
    first = errors(rows, "result", arm="pretrained", labels=labels)
    other = errors(rows, "result", arm=arm, labels=labels)
    gaps = [other[seed] - first[seed] for seed in first.keys() & other.keys()]
    if len(gaps) < 2:
        return "-"
    mean = statistics.fmean(gaps)
    half = stats.t.ppf(0.975, len(gaps) - 1) * stats.sem(gaps)
    return f"{mean:+.2f} [{mean - half:+.2f}, {mean + half:+.2f}]"


def minutes(rows: list[dict], row: dict) -> float:
    """Return a network's minutes of one core, its pre-training included."""
    before = find(rows, what="pretraining", seed=row["seed"])[0]
    return (row["cpu_seconds"] + before["cpu_seconds"]) / 60


def cost(rows: list[dict], arm: str, labels: int) -> str:
    """Write an arm's setting and its minutes."""
    found = find(rows, what="result", arm=arm, labels=labels)
    if not found:
        return "-"
    if arm == "pretrained":
        times = [minutes(rows, row) for row in found]
    else:
        times = [row["cpu_seconds"] / 60 for row in found]
    setting = f"{found[0]['optimizer']} {found[0]['lr']:g} × {found[0]['updates']:,}"
    return f"{setting}, {statistics.fmean(times):.1f}"


def report(rows: list[dict]) -> None:
    """Print the tables as far as they go."""
    tables: dict[str, Callable[[str, int], str]] = {
        "test error": lambda arm, n: spread(errors(rows, "result", arm=arm, labels=n).values()),
        "setting, minutes": lambda arm, n: cost(rows, arm, n),
        "more than pre-trained": lambda arm, n: margin(rows, arm, n),
    }
    for title, cell in tables.items():
        print(f"{title:<22}" + "".join(f"{f'{labels:,} labels':>26}" for labels in UPDATES))
        for arm in ARMS:
            print(f"{arm:<22}" + "".join(f"{cell(arm, labels):>26}" for labels in UPDATES))
        print()
    print("1,000 labels")
    for layers in range(len(SIZES)):
        name = f"softmax on frozen layer {layers}" if layers else "softmax on the pixels"
        print(f"{name:<40}{spread(errors(rows, 'features', layers=layers).values())}")
    print(
        f"{'pre-trained on the same images only':<40}{spread(errors(rows, 'own_images').values())}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--again", action="store_true", help="forget what is stored")
    parser.add_argument("--report", action="store_true", help="print the tables and stop")
    parser.add_argument("--cache", type=Path, help="folder for trained DBNs")
    arguments = parser.parse_args()
    stored = FILE.exists() and not arguments.again
    rows = json.loads(FILE.read_text())["rows"] if stored else []
    cache = arguments.cache or platformdirs.user_cache_path("course_utils") / FILE.stem
    if not arguments.report:
        data = load_mnist(verbose=False)
        if data.name != "MNIST":
            raise SystemExit("MNIST was not found: set COURSE_DATA to a folder that holds it")
        with one_thread():
            run(Study(data, rows, cache))
    report(rows)


if __name__ == "__main__":
    main()
