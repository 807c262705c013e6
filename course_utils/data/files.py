"""The files of MNIST: their names, sizes and sums, and the IDX format in which they are written."""

from __future__ import annotations

import gzip
import hashlib
import math
import os
import re
import zlib
from pathlib import Path

import numpy as np

RAW_FOLDER = Path("MNIST", "raw")  # torchvision's layout below any root

RAW_FILES = {  # the four unpacked files: how many bytes, and the published MD5
    "train-images-idx3-ubyte": (47_040_016, "6bbc9ace898e44ae57da46a324031adb"),
    "train-labels-idx1-ubyte": (60_008, "a25bea736e30d166cdddb491f175f624"),
    "t10k-images-idx3-ubyte": (7_840_016, "2646ac647ad5339dbf082846283269ea"),
    "t10k-labels-idx1-ubyte": (10_008, "27ae3e4e09519cfbb04c329615203637"),
}

ARCHIVES = {  # what is downloaded: the same files, packed
    "train-images-idx3-ubyte.gz": (9_912_422, "f68b3c2dcbeaaa9fbdd348bbdeb94873"),
    "train-labels-idx1-ubyte.gz": (28_881, "d53e105ee54ea40749a09fcbcd1e9432"),
    "t10k-images-idx3-ubyte.gz": (1_648_877, "9fb629c4189551a2d022fa330f9573f3"),
    "t10k-labels-idx1-ubyte.gz": (4_542, "ec29112dd5afa0611ce80d1b7f02629c"),
}

MOST = 2**31  # bytes of a file that is read: no data set of 28×28 images is larger

_SPELLED = re.compile(r"(.*-)?(train|t10k|test)-(images|labels)[-.]idx[13]-ubyte(\.gz)?")


def faults(raw: Path) -> dict[str, str]:
    """Say what is wrong with each raw file: ``{}`` if all are whole, "" for one not there."""
    found = {}
    for name, (size, md5) in RAW_FILES.items():
        fault = _fault(raw / name, f"{size:,} bytes with MD5 {md5}")
        if fault is not None:
            found[name] = fault
    return found


def _fault(path: Path, expected: str) -> str | None:
    if os.path.isdir(path):
        inside = " (the file lies inside it)" if (path / path.name).is_file() else ""
        return f"is a folder, not a file{inside}"
    try:
        with open(path, "rb") as file:
            md5 = hashlib.md5(usedforsecurity=False)
            while chunk := file.read(2**20):
                md5.update(chunk)
            found = f"{file.tell():,} bytes with MD5 {md5.hexdigest()}"
    except (FileNotFoundError, NotADirectoryError):
        return ""
    except OSError as error:
        return f"cannot be read ({error.strerror})"
    return None if found == expected else f"is damaged: it has {found}, MNIST has {expected}"


def is_other_data_set(raw: Path) -> bool:
    """Whether the four files have MNIST's sizes, and more than one has another content."""
    sizes = [size for size, _ in RAW_FILES.values()]
    try:
        same = [(raw / name).stat().st_size for name in RAW_FILES] == sizes
    except OSError:
        return False
    return same and len(faults(raw)) > 1


def files_in(folder: Path) -> dict[str, Path]:
    """Return the four files of a folder, by their names in MNIST, however they are spelled.

    Files that are not there are left out. Of several sets in one folder (`sets_in`) it is the one
    without a name in front; else the one with the most files.
    """
    sets = sets_in(folder)
    return sets.get("") or max(sets.values(), key=len, default={})


def sets_in(folder: Path) -> dict[str, dict[str, Path]]:
    """Return, by what stands in front of their names, the sets of files of a folder.

    Kaggle writes ``train-images.idx3-ubyte``, EMNIST puts its own name in front, and ``.gz`` marks
    a packed file. Of one file's several spellings MNIST's own comes first, an unpacked one next.
    """
    try:
        paths = sorted(path for path in folder.iterdir() if path.is_file())
    except OSError:
        return {}
    sets: dict[str, dict[str, Path]] = {}
    for path in sorted(paths, key=lambda path: (path.suffix == ".gz", path.name not in RAW_FILES)):
        if match := _SPELLED.fullmatch(path.name):
            part = "train" if match[2] == "train" else "t10k"
            rank = 3 if match[3] == "images" else 1
            own = sets.setdefault(match[1] or "", {})
            own.setdefault(f"{part}-{match[3]}-idx{rank}-ubyte", path)
    return {
        front: {name: own[name] for name in RAW_FILES if name in own} for front, own in sets.items()
    }


def read_idx(path: Path) -> np.ndarray:
    """Read bytes in the IDX format, packed with gzip or not: (n, rows, columns) or (n,), uint8.

    Two zero bytes, type 8, the number of dimensions, their sizes as four bytes each, the values.

    Raises
    ------
    ValueError
        If the file is something else, or is longer or shorter than it says.
    """
    opened = gzip.open if path.suffix == ".gz" else open
    try:
        with opened(path, "rb") as file:
            start = file.read(4)
            if len(start) < 4 or start[:3] != b"\x00\x00\x08" or start[3] not in (1, 3):
                raise ValueError(f"{path.name} is no IDX file of bytes: it begins with {start!r}")
            header = file.read(4 * start[3]).ljust(4 * start[3], b"\xff")
            sizes = np.frombuffer(header, ">u4").tolist()
            wanted = math.prod(sizes)
            if wanted > MOST:
                raise ValueError(f"{path.name} is damaged: it says that its sizes are {sizes}")
            body = file.read(wanted + 1)  # a byte more tells a longer one; a bomb is not unpacked
    except (gzip.BadGzipFile, zlib.error, EOFError) as error:
        raise ValueError(f"{path.name} is damaged: it cannot be unpacked ({error})") from error
    if len(body) != wanted:
        length = "more" if len(body) > wanted else f"{len(body):,}"
        raise ValueError(f"{path.name} is damaged: it announces {wanted:,} bytes and has {length}")
    return np.frombuffer(body, np.uint8).reshape(sizes)
