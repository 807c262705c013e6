"""How fast the explorer follows a slider, beside the usual re-plot.

Run ``python benchmarks/explorer_speed.py``. Both show the same picture of the same 10 layers × 256
units × 256 images, from a new std to what leaves the kernel: numbers, words and a table, which the
browser draws, from the explorer; PNG bytes from the re-plot. That does what notebooks usually do:
build the network, run it, and make a new figure with ``hist`` and ``plot`` each time. The two are
timed in turn, on one thread, so that a noisy machine disturbs both alike.
"""

from __future__ import annotations

import io
import os
import statistics
import time

os.environ.setdefault("OMP_NUM_THREADS", "1")

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
import torch

from course_utils import load_mnist
from course_utils.explorers import ActivationExplorer
from course_utils.explorers.activation.experiment import predict
from course_utils.initializers import initialize_
from course_utils.networks import mlp
from course_utils.plotting import BACKWARD, FORWARD, THEORY
from course_utils.terminal import any_terminal

ROUNDS, WIDTH = 15, 256


def replot(explorer: ActivationExplorer, std: float) -> bytes:
    """Measure and draw one setting anew: forward and backward with autograd, a fresh figure."""
    setting = explorer.setting
    images = explorer.path.inputs[setting.source]
    network = mlp([images.shape[1]] + [WIDTH] * setting.depth, setting.activation, bias=False)
    initialize_(network, "normal", std=std, generator=torch.Generator().manual_seed(1))
    activations, pre_activations, h = [], [], images
    for layer in [*network, torch.nn.Tanh()]:
        h = layer(h)
        if isinstance(layer, torch.nn.Linear):
            h.retain_grad()
            pre_activations.append(h)
        else:
            activations.append(h.detach().numpy())
    top = torch.randn(h.shape, generator=torch.Generator().manual_seed(2))  # from layers above
    (h * top).sum().backward()
    signal = [a.std() for a in activations]
    gradient = [z.grad.numpy().std() for z in pre_activations]
    return plot(explorer, activations, signal, gradient)


def plot(explorer: ActivationExplorer, activations, signal, gradient) -> bytes:
    """Make the explorer's picture with Matplotlib's usual calls."""
    depth = len(signal)
    shown = np.unique(np.linspace(0, depth - 1, 10).round().astype(int))
    figure = plt.figure(figsize=(10, 5.6), dpi=200)
    grid = figure.add_gridspec(4, 5)
    for i, layer in enumerate(shown):
        ax = figure.add_subplot(grid[i // 5, i % 5])
        ax.hist(activations[layer].ravel(), bins=60, range=(-1, 1), color=FORWARD)
        ax.set(title=f"layer {layer + 1}: std {signal[layer]:.2g}", yticks=[])
    ax = figure.add_subplot(grid[2:, :])
    layers = np.arange(1, depth + 1)
    ax.plot(layers, signal, "o-", color=FORWARD, label="activations")
    ax.plot(layers, gradient, "o-", color=BACKWARD, label="gradients")
    for curve in predict(explorer.setting, explorer.path.inputs[explorer.setting.source]):
        ax.plot(layers, curve, "--", color=THEORY)
    ax.set(yscale="log", xlabel="layer", ylabel="std")
    ax.legend()
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    plt.close(figure)
    return buffer.getvalue()


def seconds(action, *arguments) -> float:
    """Time one call."""
    started = time.perf_counter()
    action(*arguments)
    return time.perf_counter() - started


def main() -> None:
    """Print the paired medians and their ratio at depth 10 and 50."""
    explorer = ActivationExplorer(load_mnist().train_images[:256], width=WIDTH)
    print("from a new std to what leaves the kernel, milliseconds, median (range) of", ROUNDS)
    for depth in (10, 50):
        explorer.set(depth=depth)
        ours, usual, deeper = [], [], []
        for std in np.linspace(0.04, 0.09, ROUNDS):
            ours.append(seconds(lambda std=std: explorer.set(std=std)))
            usual.append(seconds(replot, explorer, std))
            deeper.append(seconds(lambda: explorer.set(depth=explorer.setting.depth - 1)))
            explorer.set(depth=depth)
        for name, times in (
            ("explorer, std moved", ours),
            ("explorer, depth moved", deeper),
            ("re-plot", usual),
        ):
            low, high = (1e3 * f(times) for f in (min, max))
            middle = 1e3 * statistics.median(times)
            print(f"  depth {depth}  {name:22} {middle:7.0f}  ({low:.0f} to {high:.0f})")
        ratio = statistics.median(u / o for u, o in zip(usual, ours, strict=True))
        print(f"  depth {depth}  the explorer is {ratio:.1f} times as fast as the re-plot")


if __name__ == "__main__":
    any_terminal()
    main()
