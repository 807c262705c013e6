"""How fast ``fit`` is, alone and on an ensemble, beside the lecture's loop and bare products.

Run ``python benchmarks/training_speed.py``, with the environment variable ``COURSE_DATA`` if MNIST
lies there. One round is one epoch of each contender, with batches of 100, Adam and the network
784-256-256-10:

- *lecture*: torchvision's MNIST of PIL images, ``ToTensor``, a shuffling ``DataLoader``;
- *fit*: ``course_utils.training.fit``, from the same weights, twice around the lecture's epoch;
- *fused*: the same with ``torch.optim.Adam(fused=True)`` in place of `fit`'s own Adam;
- *ensemble*: the same on an ensemble of 10 networks with other weights; its time is divided by 10;
- *floor*: the eight matrix products that forward and backward of a batch cannot do without, and
  nothing else: no bias, activation, loss, shuffling or update; also twice around.

Ratios are formed within a round, so that a machine that is busy for a while disturbs both sides.
Each round has its own seed; after its epoch the networks are tested.
"""

from __future__ import annotations

import argparse
import copy
import statistics
import time

import torch
import torch.nn.functional as F
import torchvision
from torch.utils.data import DataLoader
from torchvision.transforms import ToTensor

from course_utils import load_mnist
from course_utils.data import ImageData
from course_utils.networks import Ensemble, mlp, weight_layers
from course_utils.terminal import any_terminal
from course_utils.training import accuracy, fit

BATCH, MEMBERS = 100, 10


class InMemoryMNIST(torchvision.datasets.MNIST):
    """torchvision's MNIST and its ``__getitem__`` (array → PIL image → transform), no files."""

    def __init__(self, data: ImageData) -> None:
        self.data = (data.train_images * 255).round().byte().view(-1, 28, 28)
        self.targets = data.train_labels
        self.transform, self.target_transform = ToTensor(), None


def lecture(network: torch.nn.Module, dataset: InMemoryMNIST) -> None:
    """Train for one epoch as a learner would write it after the lecture."""
    loader = DataLoader(dataset, batch_size=BATCH, shuffle=True, drop_last=True)
    optimizer = torch.optim.Adam(network.parameters(), lr=0.001)
    average = 0.0
    for images, labels in loader:
        optimizer.zero_grad()
        loss = F.cross_entropy(network(images.view(-1, 28 * 28)), labels)
        loss.backward()
        optimizer.step()
        average += loss.item() / len(loader)


def fused_adam(parameters: list[torch.nn.Parameter]) -> torch.optim.Optimizer:
    return torch.optim.Adam(parameters, lr=0.001, fused=True)


@torch.no_grad()
def floor(network: torch.nn.Module, images: torch.Tensor) -> None:
    """Compute one epoch's matrix products, each batch's one after another."""
    w1, w2, w3 = (layer.weight for layer in weight_layers(network))
    for x in images.split(BATCH):  # (100, 784)
        h1 = x @ w1.T
        h2 = h1 @ w2.T
        z = h2 @ w3.T  # (100, 10), taken for the gradient that comes back
        z.T @ h2  # gradient of w3
        d2 = z @ w3
        d2.T @ h1  # gradient of w2
        d1 = d2 @ w2
        d1.T @ x  # gradient of w1


def one_round(seed: int, data: ImageData, dataset: InMemoryMNIST) -> dict[str, list[float]]:
    """Time one epoch of each contender and test what it learned."""
    torch.manual_seed(seed)
    network = mlp([784, 256, 256, 10], "relu")
    whole = data.train_images[: len(data.train_images) // BATCH * BATCH]
    train, test = (data.train_images, data.train_labels), (data.test_images, data.test_labels)
    result: dict[str, list[float]] = {}

    def timed(name: str, run, *arguments, **options) -> None:
        trained = copy.deepcopy(network)
        start = time.perf_counter()
        run(trained, *arguments, **options)
        result.setdefault(name, []).append(time.perf_counter() - start)
        if name in ("lecture", "fit"):
            result.setdefault(f"{name} accuracy", []).append(accuracy(trained, *test))

    def ensemble(_, images, labels, **options) -> None:
        members = [mlp([784, 256, 256, 10], "relu") for _ in range(MEMBERS)]
        fit(Ensemble(members), images, labels, **options)

    for name in ("floor", "fit", "fused", "ensemble", "lecture", "fused", "fit", "floor"):
        if name == "lecture":
            timed(name, lecture, dataset)
        elif name == "ensemble":
            timed(name, ensemble, *train, batch_size=BATCH, seed=seed, log=None)
            result[name] = [seconds / MEMBERS for seconds in result[name]]
        elif name == "fit":
            timed(name, fit, *train, batch_size=BATCH, seed=seed, log=None)
        elif name == "fused":
            options = {"batch_size": BATCH, "seed": seed, "log": None}
            timed(name, fit, *train, optimizer=fused_adam, **options)
        else:
            timed(name, floor, whole)
    return result


def spread(values: list[float], form: str) -> str:
    middle, low, high = statistics.median(values), min(values), max(values)
    return f"{middle:{form}}  ({low:{form}} to {high:{form}})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=7, help="epochs of each, one seed a round")
    rounds = parser.parse_args().rounds
    data = load_mnist(log=None)
    dataset = InMemoryMNIST(data)
    if not data.is_mnist:
        print("MNIST was not found: this is the embedded digits, and says little about MNIST.")
    images, threads = len(data.train_images), torch.get_num_threads()
    print(f"{data.name}: {images:,} images an epoch; torch {torch.__version__}, {threads} threads")
    floor(mlp([784, 256, 256, 10]), data.train_images[: 100 * BATCH])  # wake the threads
    results = [one_round(seed, data, dataset) for seed in range(rounds)]
    mean = {k: [statistics.fmean(r[k]) for r in results] for k in results[0]}

    print(f"\nmedian of {rounds} rounds (least to greatest)")
    for name in ("lecture", "fit", "fused", "ensemble", "floor"):
        print(f"  {name:<8} {spread(mean[name], '.2f')} s an epoch and network")
    for one, other in (
        ("lecture", "fit"),
        ("lecture", "ensemble"),
        ("fused", "fit"),
        ("fit", "floor"),
        ("ensemble", "floor"),
    ):
        ratios = [a / b for a, b in zip(mean[one], mean[other], strict=True)]
        print(f"  {one} / {other:<6} {spread(ratios, '.2f')}")

    print(f"\ntest accuracy after one epoch, {rounds} seeds")
    theirs, ours = mean["lecture accuracy"], mean["fit accuracy"]
    for name, values in (("lecture", theirs), ("fit", ours)):
        deviation = statistics.stdev(values) if rounds > 1 else float("nan")
        print(f"  {name:<8} {statistics.fmean(values):.4f} ± {deviation:.4f} (std over seeds)")
    difference = statistics.fmean(ours) - statistics.fmean(theirs)
    print(f"  fit minus lecture {difference:+.4f}")


if __name__ == "__main__":
    any_terminal()
    main()
