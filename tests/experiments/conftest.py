"""An interrupt while networks are trained."""

from collections.abc import Callable

import pytest
import torch


@pytest.fixture
def interrupt_training(monkeypatch) -> Callable[[int], None]:
    """Return a function that lets the n-th backward pass from here be interrupted, and only it."""

    def interrupt_at(n: int) -> None:
        really, calls = torch.Tensor.backward, []

        def backward(*args, **kwargs):
            calls.append(1)
            if len(calls) == n:
                raise KeyboardInterrupt
            return really(*args, **kwargs)

        monkeypatch.setattr(torch.Tensor, "backward", backward)

    return interrupt_at
