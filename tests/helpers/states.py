"""What a learner may have done to torch's global state before."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

import torch


@contextmanager
def strange_torch(
    dtype: torch.dtype = torch.float64, gradients: bool = False, *, device: str = "cpu"
) -> Iterator[None]:
    """Switch gradients off, let new tensors be float64, and see that it stays so to the end.

    ``device`` is where new tensors are made: "meta", which holds no numbers, stands for a "cuda".
    """
    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        elsewhere = nullcontext() if device == "cpu" else torch.device(device)
        with torch.set_grad_enabled(gradients), elsewhere:
            yield
            assert torch.is_grad_enabled() == gradients
            assert torch.get_default_device().type == device
        assert torch.get_default_dtype() == dtype
    finally:
        torch.set_default_dtype(before)
