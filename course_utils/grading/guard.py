"""Keep what a notebook must not change, compare afterwards, and put it back."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterable
from pathlib import Path

import course_utils


class Guard:
    """Holds the bytes of files, and of all files of the package.

    Parameters
    ----------
    files
        Path and bytes of each file that is to stay as it is.
    """

    def __init__(self, files: Iterable[tuple[Path, bytes]]) -> None:
        self.lock = threading.RLock()  # held by whoever changes a file that is kept
        self._package = Path(course_utils.__file__).parent
        self._kept = dict(files) | {path: path.read_bytes() for path in self._own_files()}

    def _own_files(self) -> list[Path]:
        return [path for path in self._package.rglob("*") if path.is_file()]

    def keep(self, path: Path, data: bytes) -> None:
        """Keep one more file, or a new content."""
        self._kept[path] = data

    def digest(self) -> dict[Path, bytes]:
        """Return path, below the package, and bytes of its sources."""
        own = self._package
        sources = sorted(
            path for path in self._kept if path.suffix == ".py" and own in path.parents
        )
        return {path.relative_to(own): self._kept[path] for path in sources}

    def put_back(self) -> list[str]:
        """Put back what is not as it was; return the names of these files.

        What was added to the package is taken away. Of a file that cannot be written the name is
        returned each time.
        """
        with self.lock:
            return self._put_back()

    def _put_back(self) -> list[str]:
        changed = []
        for path, data in self._kept.items():
            if _bytes(path) == data:
                continue
            changed.append(path.name)
            with contextlib.suppress(OSError):
                if path.is_symlink():
                    path.unlink()
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(data)
        for path in self._own_files():
            if path not in self._kept:
                if path.parent.name != "__pycache__":  # another Python may have written that
                    changed.append(path.name)
                with contextlib.suppress(OSError):
                    path.unlink()
        return changed


def _bytes(path: Path) -> bytes | None:
    """Return what a file holds; None if it is no file any more, or a link."""
    try:
        return None if path.is_symlink() else path.read_bytes()
    except OSError:
        return None
