"""Saved machines: files of tensors, numbers and names, from which nothing is run as code."""

from __future__ import annotations

import os

import torch


def load_state(path: str | os.PathLike[str], kind: str, device: torch.device | str) -> dict:
    """Read what ``torch.save`` wrote of a machine of this ``kind``; its tensors go to ``device``.

    ``kind`` is the entry of that name, such as ``"course_utils.rbm.RBM, version 1"``: the words
    between the dots and the comma name the machine.

    Raises
    ------
    OSError, ValueError
        If the file cannot be read, or holds something other than such a machine.
    """
    device = torch.empty(0, device=device).device  # refuses one that is not there
    name = kind.split(",")[0].split(".")[-1]
    wrong = ValueError(f"{os.fspath(path)!r} holds no {name}: try a file that {name}.save wrote")
    with open(path, "rb") as file:
        try:
            state = torch.load(file, map_location=device, weights_only=True)
        except Exception as error:  # a damaged file raises nearly anything
            raise wrong from error
    if not isinstance(state, dict) or state.get("kind") != kind:
        raise wrong
    return state
