"""Where a learner put the files: what lies in a wrong place is recognized and named."""

from __future__ import annotations

import os
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from course_utils.data.files import RAW_FILES, RAW_FOLDER, files_in, is_other_data_set

LOOKED_AT = 1000  # so many folders at the most


def clean(source: str | os.PathLike[str]) -> Path:
    """Return the path that was meant: ~ expanded, without the quotes and blanks of Windows."""
    path = Path(os.path.expanduser(source))
    if os.path.exists(path):
        return path
    return Path(os.path.expanduser(os.fspath(source).strip().strip("\"'").strip()))


def found_instead(root: Path) -> str | None:
    """Say which files lie near ``root`` in place of ``MNIST/raw`` and its four; None if none do.

    Looked at are ``root``, the folders in it and in these, and the two folders above it. (Of a file
    that was given, its folder.)
    """
    root = root.parent if root.is_file() else root
    for folder in islice(_near(root), LOOKED_AT):
        if words := _what_is_wrong(root, folder, files_in(folder)):
            return words
    return None


def with_four(root: Path) -> Path | None:
    """Return a folder near ``root``, which may be a file, that holds all four files; or None."""
    root = root.parent if root.is_file() else root
    for folder in islice(_near(root), LOOKED_AT):
        if len(files_in(folder)) == len(RAW_FILES):
            return folder
    return None


def _what_is_wrong(root: Path, folder: Path, files: dict[str, Path]) -> str | None:
    """Say why the files of one folder were not taken, if it holds all four."""
    if len(files) < len(RAW_FILES):
        return None
    names = [path.name for path in files.values()]
    packed = [name for name in names if name.endswith(".gz")]
    if other := other_data_set(folder):
        return (
            f"{_shown(folder, root)} holds {other}, not MNIST: for its images try "
            f"load_images({os.fspath(folder)!r})"
        )
    if packed:
        return (
            f"{_shown(folder, root)} holds {packed[0]}, still packed: unpack it, "
            f"python -m gzip -d {packed[0]}"
        )
    if names != list(files):
        wrong, right = next(pair for pair in zip(names, files, strict=True) if pair[0] != pair[1])
        return f"{_shown(folder, root)} holds {wrong}, which is called {right} here: rename it"
    if folder.parts[-2:] == RAW_FOLDER.parts:
        return f"MNIST lies at {os.fspath(folder.parent.parent)!r}: give that folder"
    return (
        f"the files lie in {os.fspath(folder)!r}, and belong into a folder MNIST/raw: make one, "
        "move them there, and give the folder that holds MNIST"
    )


def other_data_set(folder: Path) -> str | None:
    """Return the name of the data set other than MNIST that a folder of four files holds."""
    known = {"fashion": "FashionMNIST", "kmnist": "KMNIST", "kuzushiji": "KMNIST"}
    known |= {"qmnist": "QMNIST", "emnist": "EMNIST"}
    for part in (folder.name, folder.parent.name):
        for key, name in known.items():
            if key in part.lower():
                return name
    if is_other_data_set(folder):
        return "another data set of MNIST's size (FashionMNIST and KMNIST name their files so)"
    return None


def _near(root: Path) -> Iterator[Path]:
    """Yield folders that may hold the files: ``root`` itself first, those above it, those below."""
    yield from (root / RAW_FOLDER, root)
    yield from (folder / RAW_FOLDER for folder in (root.parent, root.parent.parent))
    children = _folders(root)
    yield from children
    for folder in children:
        for below in _folders(folder):
            yield from (below, below / "raw", below / RAW_FOLDER)
    yield from (root.parent, root.parent.parent)


def _folders(folder: Path) -> list[Path]:
    try:
        with os.scandir(folder) as inside:
            return sorted(Path(entry.path) for entry in islice(inside, 5000) if entry.is_dir())
    except OSError:
        return []


def _shown(folder: Path, root: Path) -> str:
    return "it" if folder == root else f"{os.fspath(folder)!r}"
