"""Saved machines: files of tensors, numbers and names, from which nothing is run as code.

A file is a line that says what it is, the SHA-256 of all that follows, and what ``torch.save``
makes of a machine's state. A file in which one bit is not as it was written is refused, and one
whose checksum is right is still believed only as far as its contents can be a machine's.
"""

from __future__ import annotations

import hashlib
import io
import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TypeVar

import torch
from torch import Tensor

from course_utils.boltzmann.arguments import finite_range

Machine = TypeVar("Machine")

_HEAD = b"A machine of course_utils.boltzmann, version 2\n"
_DIGEST = hashlib.sha256().digest_size


def save_state(path: str | os.PathLike[str], state: dict) -> None:
    """Write a machine's state to a file, which is replaced at once: the old one stays until then.

    Raises
    ------
    OSError
        If the file cannot be written; what was there before is still there.
    """
    buffer = io.BytesIO()
    torch.save(state, buffer)
    payload = buffer.getvalue()
    target = Path(path).resolve()  # where a link points: the link itself stays one
    scratch = target.with_name(f"{target.name}.{os.getpid()}.part")
    try:
        with open(scratch, "wb") as file:
            file.write(_HEAD + hashlib.sha256(payload).digest() + payload)
            file.flush()
            os.fsync(file.fileno())
        os.replace(scratch, target)
    finally:
        scratch.unlink(missing_ok=True)


def load_machine(
    path: str | os.PathLike[str], name: str, make: Callable[[dict], Machine]
) -> Machine:
    """Read a file, and let ``make`` build of its state the machine, whose class is ``name``.

    Raises
    ------
    OSError, ValueError
        If the file cannot be read, or holds something other than such a machine: whatever
        ``make`` raises means that.
    """
    try:
        with open(path, "rb") as file:
            if file.read(len(_HEAD)) != _HEAD:
                raise ValueError(
                    "it was written by an older version of the course, or by something else"
                )
            digest, payload = file.read(_DIGEST), file.read()
        if hashlib.sha256(payload).digest() != digest:
            raise ValueError("it is damaged: its bytes are not those that were written")
        return make(torch.load(io.BytesIO(payload), map_location="cpu", weights_only=True))
    except OSError:
        raise
    except Exception as error:  # what is damaged raises nearly anything
        reason = str(error).partition("\n")[0]
        raise ValueError(
            f"{os.fspath(path)!r} holds no {name}: try a file that {name}.save wrote ({reason})"
        ) from error


def plain(name: str, tensor: Tensor | None) -> Tensor | None:
    """Return a copy to be stored, on the CPU, its numbers side by side, and no others.

    Raises
    ------
    ValueError
        If a number is not finite: :func:`tensor_of` would refuse it.
    """
    if tensor is None:
        return None
    finite_range(name, tensor)
    return tensor.detach().cpu().clone(memory_format=torch.contiguous_format)


def tensor_of(name: str, value: object, shape: Iterable[int], dtype: torch.dtype) -> Tensor:
    """Return a stored tensor if it is of this shape and dtype, and all its numbers are finite.

    Raises
    ------
    ValueError
        If it is something else.
    """
    shape = tuple(shape)
    whole = isinstance(value, Tensor) and value.device.type == "cpu"
    whole = whole and value.layout == torch.strided and value.is_contiguous()
    if not whole or value.shape != shape or value.dtype != dtype:
        raise ValueError(f"{name} is no {dtype} of the shape {shape}")
    finite_range(name, value)
    return value
