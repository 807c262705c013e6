"""Random numbers of the tests: the same ones every time."""

import torch


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def noise(*shape, seed=0):
    """Return N(0, 1) numbers."""
    return torch.randn(*shape, generator=seeded(seed))
