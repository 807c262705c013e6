"""A small task that is quick to learn: three classes of eight numbers, and networks for it."""

import torch
from helpers.numbers import noise, seeded
from torch import nn

from course_utils.initializers import initialize_
from course_utils.networks import mlp


def toy(n=230, classes=3, dtype=torch.float32):
    images = noise(n, 8, seed=5).to(dtype)
    return images, images[:, :classes].argmax(1)


def fresh(seed=3, sizes=(8, 16, 3), dtype=torch.float32):
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return mlp(list(sizes), "relu").to(dtype)


def with_dropout(seed=3):
    plain = fresh(seed)
    return nn.Sequential(plain[0], plain[1], nn.Dropout(0.5), nn.BatchNorm1d(16), plain[2])


def members(count=4, sizes=(8, 16, 12, 3), activation="relu", dtype=torch.float32, **options):
    """Return networks that can stand side by side in an ensemble."""
    made = [mlp(list(sizes), activation, **options).to(dtype) for _ in range(count)]
    for i, network in enumerate(made):
        initialize_(network, "pytorch_default", generator=seeded(i))
    return made


def convolutional(seed):
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return nn.Sequential(
            nn.Unflatten(1, (1, 2, 4)), nn.Conv2d(1, 3, 2), nn.Tanh(), nn.Flatten(), nn.Linear(9, 3)
        )


def weights(network):
    """Return all weights and biases, a copy, in one row."""
    return torch.cat([p.detach().ravel() for p in network.parameters()])
