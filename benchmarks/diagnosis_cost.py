"""What a diagnosis costs, in forward and backward passes of the model itself.

Run ``python benchmarks/diagnosis_cost.py``; a minute. In each round a bare forward and backward
pass and a whole diagnosis follow one another, on the same batch of 8 images of 3 × 64 × 64 (of 64
vectors for the MLP); the ratio is formed within a round. Printed: operations, median seconds of
both, median and range of the ratio.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import pandas as pd
import torch
import torchvision
from torch import Tensor, nn

from course_utils.diagnosis import diagnose
from course_utils.networks import mlp
from course_utils.terminal import any_terminal

ROUNDS = 9
IMAGES, VECTORS = torch.randn(8, 3, 64, 64), torch.randn(64, 784)


def vision_transformer() -> nn.Module:
    """Return a small one: 6 blocks of width 192 on patches of 8 × 8."""
    return torchvision.models.VisionTransformer(64, 8, 6, 3, 192, 768, num_classes=10)


MODELS: dict[str, tuple[Callable[[], nn.Module], Tensor]] = {
    "mlp, 10 × 256": (lambda: mlp([784] + [256] * 9 + [10], "relu"), VECTORS),
    "resnet18": (lambda: torchvision.models.resnet18(num_classes=10), IMAGES),
    "resnet50": (lambda: torchvision.models.resnet50(num_classes=10), IMAGES),
    "mobilenet_v3_small": (
        lambda: torchvision.models.mobilenet_v3_small(num_classes=10),
        IMAGES,
    ),
    "efficientnet_b0": (lambda: torchvision.models.efficientnet_b0(num_classes=10), IMAGES),
    "ViT, 6 × 192": (vision_transformer, IMAGES),
}


def bare(network: nn.Module, batch: Tensor) -> None:
    """Run one forward and one backward pass."""
    network(batch).square().mean().backward()
    network.zero_grad(set_to_none=True)


def timed(call: Callable[[], object]) -> float:
    """Return the seconds of one call."""
    started = time.perf_counter()
    call()
    return time.perf_counter() - started


def row(make: Callable[[], nn.Module], batch: Tensor) -> dict[str, object]:
    """Measure one model."""
    network = make()
    operations = len(diagnose(network, batch).table)
    bare(network, batch)
    pairs = [
        (timed(lambda: bare(network, batch)), timed(lambda: diagnose(network, batch)))
        for _ in range(ROUNDS)
    ]
    ratios = sorted(whole / one for one, whole in pairs)
    return {
        "operations": operations,
        "bare pass, s": statistics.median(one for one, _ in pairs),
        "diagnosis, s": statistics.median(whole for _, whole in pairs),
        "passes": statistics.median(ratios),
        "range": f"{ratios[0]:.1f} to {ratios[-1]:.1f}",
    }


def main() -> None:
    """Print the table."""
    torch.manual_seed(0)
    rows = {name: row(*model) for name, model in MODELS.items()}
    print(pd.DataFrame.from_dict(rows, orient="index").to_string(float_format="{:.3g}".format))


if __name__ == "__main__":
    any_terminal()
    main()
