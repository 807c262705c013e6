"""Ten networks that start broken: what `diagnose` says, and what `suggest` does for their training.

Run ``python benchmarks/diagnosis_cures.py``, with ``COURSE_DATA`` if MNIST lies there; two to three
minutes. Each network is built and broken in one way; a copy is started by what ``suggest(model,
batch)`` prints. Both train 200 steps of Adam on the same batches (rate 0.001, batches of 64), from
three seeds. The table gives the worst finding before, the number of fatal ones before and after,
and the mean loss of the last 20 steps, broken and mended, each the mean of three seeds, with how
many of the seeds the mended network was ahead in.
"""

from __future__ import annotations

import copy
from collections.abc import Callable

import pandas as pd
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from course_utils import load_mnist
from course_utils.diagnosis import diagnose, suggest
from course_utils.networks import mlp
from course_utils.terminal import any_terminal

STEPS, BATCH, SEEDS, WORDS, LENGTH = 200, 64, 3, 16, 24
Batches = Callable[[int], tuple[Tensor, Tensor]]


class Residual(nn.Module):
    """Thirty blocks x + W ReLU(V x), without normalization."""

    def __init__(self) -> None:
        super().__init__()
        pairs = [nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 64)) for _ in range(30)]
        self.stem, self.blocks, self.head = (
            nn.Linear(784, 64),
            nn.ModuleList(pairs),
            nn.Linear(64, 10),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Map (batch, 784) to logits (batch, 10)."""
        x = self.stem(x)
        for block in self.blocks:
            x = x + block(x)
        return self.head(x)


class GPT(nn.Module):
    """Four pre-norm blocks over tokens, the output tied to the embedding."""

    def __init__(self, width: int = 48) -> None:
        super().__init__()
        layer = nn.TransformerEncoderLayer(
            width, 4, 4 * width, 0.0, "gelu", batch_first=True, norm_first=True
        )
        self.embed, self.position = nn.Embedding(WORDS, width), nn.Embedding(LENGTH, width)
        self.blocks = nn.TransformerEncoder(layer, 4, enable_nested_tensor=False)
        self.norm, self.head = nn.LayerNorm(width), nn.Linear(width, WORDS, bias=False)
        self.head.weight = self.embed.weight

    def forward(self, tokens: Tensor) -> Tensor:
        """Map tokens (batch, length) to logits (batch, length, words)."""
        x = self.embed(tokens) + self.position(torch.arange(tokens.shape[1]))
        mask = nn.Transformer.generate_square_subsequent_mask(tokens.shape[1])
        return self.head(self.norm(self.blocks(x, mask=mask)))


class Recall(nn.Module):
    """An LSTM that is asked for the first token after all others."""

    def __init__(self) -> None:
        super().__init__()
        self.embed, self.rnn = nn.Embedding(WORDS, 16), nn.LSTM(16, 48, batch_first=True)
        self.head = nn.Linear(48, WORDS)

    def forward(self, tokens: Tensor) -> Tensor:
        """Map tokens (batch, length) to logits (batch, words)."""
        return self.head(self.rnn(self.embed(tokens))[0][:, -1])


def plain_convolutions() -> nn.Module:
    """Return fourteen convolutions with PyTorch's own start."""
    layers = [nn.Unflatten(1, (1, 28, 28)), nn.Conv2d(1, 16, 3, 2, 1), nn.ReLU()]
    for stride in (2, *[1] * 12):
        layers += [nn.Conv2d(16, 16, 3, stride, 1), nn.ReLU()]
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(16 * 49, 10))


def generator() -> nn.Module:
    """Return DCGAN's transposed convolutions, N(0, 0.02²), without its batch normalization."""
    widths = (64, 64, 48, 32)
    layers: list[nn.Module] = [nn.ConvTranspose2d(32, widths[0], 4, 1, 0), nn.ReLU()]
    for before, after in zip(widths[:-1], widths[1:], strict=True):
        layers += [nn.ConvTranspose2d(before, after, 4, 2, 1), nn.ReLU()]
    network = nn.Sequential(*layers, nn.Conv2d(widths[-1], 1, 5, 1, 0), nn.Sigmoid())
    for layer in network:
        if hasattr(layer, "weight"):
            nn.init.normal_(layer.weight, std=0.02)
            nn.init.zeros_(layer.bias)
    return network


def broken_mlp(sizes: list[int], activation: str, fault: Callable) -> nn.Module:
    """Return an MLP after ``fault(layers)``."""
    network = mlp(sizes, activation)
    with torch.no_grad():
        fault([layer for layer in network if isinstance(layer, nn.Linear)])
    return network


def _std(std: float) -> Callable:
    return lambda layers: [nn.init.normal_(layer.weight, std=std) for layer in layers]


def _one_layer(layers: list[nn.Linear]) -> None:
    for layer in layers:
        nn.init.kaiming_normal_(layer.weight)
    layers[4].weight.mul_(1e-5)
    nn.init.zeros_(layers[4].bias)


def _dead(layers: list[nn.Linear]) -> None:
    for layer in layers:
        nn.init.kaiming_normal_(layer.weight)
    layers[2].bias.fill_(-100.0)


def _constant(layers: list[nn.Linear]) -> None:
    for layer in layers:
        layer.weight.fill_(0.05)
        layer.bias.zero_()


def _he_residual() -> nn.Module:
    network = Residual()
    for layer in network.modules():
        if isinstance(layer, nn.Linear):
            nn.init.kaiming_normal_(layer.weight)
    return network


def _forgetful() -> nn.Module:
    network = Recall()
    with torch.no_grad():
        network.rnn.bias_ih_l0[48:96].fill_(-2.0)
    return network


def tasks() -> dict[str, Batches]:
    """Return batches by the name of the task: inputs and targets for a step's number."""
    data = load_mnist()
    images, labels = data.train_images.flatten(1), data.train_labels

    def digits(step: int) -> tuple[Tensor, Tensor]:
        chosen = torch.randint(len(images), (BATCH,), generator=torch.Generator().manual_seed(step))
        return images[chosen], labels[chosen]

    codes = torch.randn(512, 32, 1, 1, generator=torch.Generator().manual_seed(0))

    def decode(step: int) -> tuple[Tensor, Tensor]:
        chosen = torch.randint(512, (BATCH,), generator=torch.Generator().manual_seed(step))
        return codes[chosen], images[chosen].view(-1, 1, 28, 28)

    def sequences(step: int) -> Tensor:
        draw = torch.Generator().manual_seed(step)
        return torch.randint(WORDS, (BATCH, LENGTH // 2), generator=draw).repeat(1, 2)

    def language(step: int) -> tuple[Tensor, Tensor]:
        tokens = sequences(step)  # the second half repeats the first
        return tokens[:, :-1], tokens[:, 1:]

    def recall(step: int) -> tuple[Tensor, Tensor]:
        tokens = sequences(step)[:, : LENGTH // 2]
        return tokens, tokens[:, 0]

    return {"digits": digits, "decode": decode, "language": language, "recall": recall}


NETWORKS: dict[str, tuple[Callable[[], nn.Module], str]] = {
    "30 ReLU layers, PyTorch's default": (lambda: mlp([784] + [64] * 29 + [10], "relu"), "digits"),
    "20 tanh layers, std 0.01": (
        lambda: broken_mlp([784] + [64] * 19 + [10], "tanh", _std(0.01)),
        "digits",
    ),
    "10 ReLU layers, std 1": (
        lambda: broken_mlp([784] + [64] * 9 + [10], "relu", _std(1.0)),
        "digits",
    ),
    "10 layers, the fifth × 1e-5": (
        lambda: broken_mlp([784] + [64] * 9 + [10], "relu", _one_layer),
        "digits",
    ),
    "5 layers, bias −100 in the third": (
        lambda: broken_mlp([784, 64, 64, 64, 64, 10], "relu", _dead),
        "digits",
    ),
    "3 layers, every weight 0.05": (
        lambda: broken_mlp([784, 64, 64, 10], "tanh", _constant),
        "digits",
    ),
    "30 residual blocks, He, no norm": (_he_residual, "digits"),
    "14 convolutions, PyTorch's default": (plain_convolutions, "digits"),
    "generator, std 0.02, no norm": (generator, "decode"),
    "GPT, tied embedding of std 1": (GPT, "language"),
    "LSTM, forget bias −2": (_forgetful, "recall"),
}


def loss_of(output: Tensor, target: Tensor) -> Tensor:
    """Return cross-entropy, or the squared error where the target is an image."""
    if target.is_floating_point():
        return F.mse_loss(output, target)
    return F.cross_entropy(output.flatten(0, -2), target.flatten())


def trained(network: nn.Module, batches: Batches) -> float:
    """Train, and return the mean loss of the last 20 steps; infinite if it is not finite."""
    optimizer, losses = torch.optim.Adam(network.parameters(), lr=0.001), []
    for step in range(STEPS):
        inputs, targets = batches(step)
        loss = loss_of(network(inputs), targets)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    mean = sum(losses[-20:]) / 20
    return mean if mean == mean else float("inf")


def row(name: str, make: Callable[[], nn.Module], batches: Batches) -> dict[str, object]:
    """Break, diagnose, mend, diagnose again, and train both, seed by seed."""
    before, after, worst, fatal = [], [], "", []
    for seed in range(SEEDS):
        torch.manual_seed(seed)
        broken = make()
        mended, names = copy.deepcopy(broken), {}
        inputs, targets = batches(10_000)
        first = diagnose(broken, inputs, targets, loss_of).findings
        exec(suggest(mended, inputs), names)
        mended.apply(names["init_weights"])
        second = diagnose(mended, inputs, targets, loss_of).findings
        worst = (
            f"{first[0].severity}: {first[0].kind} at '{first[0].where}'" if first else "nothing"
        )
        fatal.append([sum(f.severity == "fatal" for f in found) for found in (first, second)])
        before.append(trained(broken, batches))
        after.append(trained(mended, batches))
    ahead = sum(b > a for b, a in zip(before, after, strict=True))
    return {
        "network": name,
        "worst finding": worst,
        "fatal before": max(f[0] for f in fatal),
        "fatal after": max(f[1] for f in fatal),
        "loss broken": sum(before) / SEEDS,
        "loss mended": sum(after) / SEEDS,
        "ahead": f"{ahead} of {SEEDS}",
    }


def main() -> None:
    """Print the table."""
    batches = tasks()
    rows = []
    for name, (make, task) in NETWORKS.items():
        rows.append(row(name, make, batches[task]))
        print(f"{name}: {rows[-1]['ahead']}", flush=True)
    print(pd.DataFrame(rows).to_string(index=False, float_format="{:.3g}".format))


if __name__ == "__main__":
    any_terminal()
    main()
