"""Leave a network as it was: parameters, buffers, mode, gradients, and every generator."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch
from torch import nn


@contextmanager
def untouched(network: nn.Module) -> Iterator[None]:
    """Put everything back at the end of the block, after an exception too, bit for bit.

    Parameters and buffers get their numbers and their gradients back; modules the attributes that
    they had, `training` among them; torch, NumPy, Python's ``random`` and a generator that a module
    holds go on where they were. Costs a copy of parameters and buffers.
    """
    modules = list(network.modules())
    attributes = [(m, dict(vars(m)), _tables(m)) for m in modules]
    tensors = [*network.parameters(), *network.buffers()]
    values = [t.detach().clone() for t in tensors]
    gradients = [t.grad for t in tensors]
    asked = [t.requires_grad for t in tensors]
    own = [v for _, held, _ in attributes for v in held.values() if _is_generator(v)]
    states = [generator.get_state() for generator in own]
    everyone = random.getstate(), np.random.get_state()
    devices = sorted({t.device.index for t in tensors if t.device.type == "cuda"})
    try:
        with torch.random.fork_rng(devices=devices):
            yield
    finally:
        random.setstate(everyone[0])
        np.random.set_state(everyone[1])
        for generator, state in zip(own, states, strict=True):
            generator.set_state(state)
        for module, held, tables in attributes:
            vars(module).clear()
            vars(module).update(held)
            for name, table in tables.items():
                getattr(module, name).clear()
                getattr(module, name).update(table)
        with torch.no_grad():
            for t, value in zip(tensors, values, strict=True):
                if not torch.equal(t, value):  # version counters miss .data and batch norm
                    t.copy_(value)
        for t, gradient, requires in zip(tensors, gradients, asked, strict=True):
            t.grad = gradient
            if t.is_leaf:
                t.requires_grad_(requires)


def _tables(module: nn.Module) -> dict[str, dict]:
    """Return copies of the tables in which a module keeps its parts."""
    return {name: dict(getattr(module, name)) for name in ("_parameters", "_buffers", "_modules")}


def _is_generator(value: object) -> bool:
    return isinstance(value, torch.Generator)
