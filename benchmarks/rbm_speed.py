"""How fast an RBM learns, beside bare matrix products and scikit-learn, and how well.

Run ``python benchmarks/rbm_speed.py``, with the environment variable ``COURSE_DATA`` if MNIST lies
there. The images are made black and white once, pixel by pixel with the grey value as probability.
One round is one epoch of each contender, on 784 visible and 500 hidden units, batches of 100:

- *floor*: the five matrix products of CD-1 by ``torch.mm``, into memory that is there already, and
  nothing else: no sigmoid, draws, biases, shuffling or update;
- *CD-1*, *PCD-1*: ``boltzmann.RBM.fit`` with momentum and weight decay; *bfloat16*: with
  ``learner.compute_dtype = torch.bfloat16``, which pays where the processor knows that format;
- *scikit-learn*: ``BernoulliRBM.fit``, which is PCD-1 without momentum and decay, on float32 and on
  its default, float64. It never shuffles.

Ratios are formed within a round, so that a machine that is busy for a while disturbs all; the floor
is measured before and after, and the mean counts. The first round is not counted.

Then each model is trained for five epochs at the rate 0.05, ours too without momentum and decay
(CD-1 also with both), and its test log-likelihood is measured by annealed importance sampling, the
same for all. Where few of its chains are effective, log Z is probably larger and the likelihood
lower.
"""

from __future__ import annotations

import argparse
import statistics
import time
from functools import partial

import torch
from sklearn.neural_network import BernoulliRBM
from torch import Tensor

from course_utils import load_mnist
from course_utils.boltzmann import RBM, annealed_log_partition, log_likelihood
from course_utils.terminal import any_terminal

HIDDEN, BATCH, LR, EPOCHS = 500, 100, 0.05, 5
OURS = {"CD-1": {}, "PCD-1": {"persistent": True}}
OURS |= {f"{name} bfloat16": options for name, options in OURS.items()}
PLAIN = {"lr": LR, "momentum": 0.0, "weight_decay": 0.0}  # as scikit-learn
QUALITY = {
    "CD-1": ("CD-1", PLAIN),
    "CD-1 bfloat16": ("CD-1 bfloat16", PLAIN),
    "CD-1, momentum 0.9": ("CD-1", {"lr": LR / 10}),  # which makes the rate ten times greater
    "PCD-1": ("PCD-1", PLAIN),
    "PCD-1, rate to 0": ("PCD-1", PLAIN | {"lr": (LR, 0.0)}),
}
THEIRS = {"scikit-learn float32": torch.float32, "scikit-learn float64": torch.float64}


def floor(images: Tensor) -> None:
    """Compute one epoch's products: h0, v1, h1, and two statistics."""
    weight = torch.zeros(HIDDEN, images.shape[1])
    h0, h1 = torch.zeros(BATCH, HIDDEN), torch.zeros(BATCH, HIDDEN)
    v1, statistic = torch.zeros(BATCH, images.shape[1]), torch.zeros_like(weight)
    for v0 in images.split(BATCH):
        torch.mm(v0, weight.T, out=h0)
        torch.mm(h0, weight, out=v1)
        torch.mm(v1, weight.T, out=h1)
        torch.mm(h0.T, v0, out=statistic)
        torch.mm(h1.T, v1, out=statistic)


def ours(images: Tensor, name: str, *, epochs: int = 1, **options) -> RBM:
    rbm = RBM(images.shape[1], HIDDEN)
    if name.endswith("bfloat16"):
        rbm.learner.compute_dtype = torch.bfloat16
    rbm.fit(images, epochs=epochs, batch_size=BATCH, log=None, **OURS[name], **options)
    return rbm


def theirs(images: Tensor, *, epochs: int = 1) -> BernoulliRBM:
    model = BernoulliRBM(HIDDEN, learning_rate=LR, batch_size=BATCH, n_iter=epochs, random_state=0)
    return model.fit(images.numpy())


def one_round(images: Tensor) -> dict[str, float]:
    """Return the seconds of one epoch of each contender."""
    double = images.double()
    contenders = {
        "floor": lambda: floor(images),
        "CD-1": lambda: ours(images, "CD-1", lr=LR),
        "floor ": lambda: floor(images),
        "PCD-1": lambda: ours(images, "PCD-1", lr=LR),
        "floor  ": lambda: floor(images),
        "CD-1 bfloat16": lambda: ours(images, "CD-1 bfloat16", lr=LR),
        "PCD-1 bfloat16": lambda: ours(images, "PCD-1 bfloat16", lr=LR),
        "floor   ": lambda: floor(images),
        "scikit-learn float32": lambda: theirs(images),
        "scikit-learn float64": lambda: theirs(double),
    }
    seconds: dict[str, float] = {}
    for name, run in contenders.items():
        start = time.perf_counter()
        run()
        seconds[name] = time.perf_counter() - start
    return seconds


def wrapped(model: BernoulliRBM) -> RBM:
    """Put scikit-learn's weights into an RBM, to measure them as ours."""
    rbm = RBM(model.components_.shape[1], HIDDEN)
    rbm.weight.copy_(torch.from_numpy(model.components_))
    rbm.hidden_bias.copy_(torch.from_numpy(model.intercept_hidden_))
    rbm.visible_bias.copy_(torch.from_numpy(model.intercept_visible_))
    return rbm


def print_speed(rounds: list[dict[str, float]]) -> None:
    floors = [
        statistics.fmean(s for name, s in r.items() if name.strip() == "floor") for r in rounds
    ]
    print(f"\nseconds an epoch, median of {len(rounds)} rounds (least to greatest)")
    print(f"  {'floor':<21} {spread(floors)}")
    for name in (*OURS, *THEIRS):
        print(f"  {name:<21} {spread([r[name] for r in rounds])}")
    print("\nratios within a round, median (least to greatest)")
    for name in (*OURS, *THEIRS):
        ratios = [r[name] / floor for r, floor in zip(rounds, floors, strict=True)]
        print(f"  {name + ' / floor':<32} {spread(ratios)}")
    for their in THEIRS:
        for our in OURS:
            print(f"  {their + ' / ' + our:<32} {spread([r[their] / r[our] for r in rounds])}")


def spread(values: list[float]) -> str:
    return f"{statistics.median(values):.2f}  ({min(values):.2f} to {max(values):.2f})"


def print_likelihood(images: Tensor, test: Tensor, temperatures: int) -> None:
    print(
        f"\ntest log-likelihood after {EPOCHS} epochs at rate {LR}, nats an image (error of log Z)"
    )
    models = {
        name: partial(ours, images, our, epochs=EPOCHS, **options)
        for name, (our, options) in QUALITY.items()
    }
    models["scikit-learn float32"] = lambda: wrapped(theirs(images, epochs=EPOCHS))
    for name, train in models.items():
        rbm = train()
        log_z = annealed_log_partition(rbm, images, n_temperatures=temperatures)
        value = log_likelihood(rbm, test, log_z).mean().item()
        agree = f"{log_z.effective_sample_size:.0f} of {log_z.n_chains} chains effective"
        print(f"  {name:<21} {value:.1f} ± {log_z.error:.1f}  ({agree})")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=5, help="epochs of each that are timed")
    parser.add_argument("--images", type=int, default=60_000, help="training images, at most")
    parser.add_argument("--temperatures", type=int, default=5000, help="of the annealing; 0: none")
    options = parser.parse_args()
    data = load_mnist(log=None)
    if not data.is_mnist:
        print("MNIST was not found: this is the embedded digits, and says little about MNIST.")
    coin = torch.Generator().manual_seed(0)
    images = torch.bernoulli(data.train_images[: options.images], generator=coin)
    images = images[: len(images) // BATCH * BATCH]
    test = torch.bernoulli(data.test_images, generator=coin)
    threads = torch.get_num_threads()
    print(f"{data.name}: {len(images):,} images; torch {torch.__version__}, {threads} threads")
    rounds = [one_round(images) for _ in range(options.rounds + 1)][1:]
    print_speed(rounds)
    if options.temperatures:
        print_likelihood(images, test, options.temperatures)


if __name__ == "__main__":
    any_terminal()
    main()
