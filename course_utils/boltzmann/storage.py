"""Saved machines: files of tensors, numbers and names, from which nothing is run as code."""

from __future__ import annotations

import os

import torch


def load_state(
    path: str | os.PathLike[str], kind: str, name: str, device: torch.device | str
) -> dict:
    """Read what ``torch.save`` wrote of a machine; its tensors go to ``device``.

    ``kind`` is what the file's entry of that name must be; ``name`` names the class in errors.

    Raises
    ------
    OSError, ValueError
        If the file cannot be read, or holds something other than such a machine.
    """
    device = torch.empty(0, device=device).device  # refuses one that is not there
    wrong = ValueError(f"{os.fspath(path)!r} holds no {name}: try a file that {name}.save wrote")
    with open(path, "rb") as file:
        try:
            state = torch.load(file, map_location=device, weights_only=True)
        except Exception as error:  # a damaged file raises nearly anything
            raise wrong from error
    if not isinstance(state, dict) or state.get("kind") != kind:
        raise wrong
    return state
