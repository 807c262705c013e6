"""What slides and site need in a browser, from npm, once: reveal.js and MathJax.

``npm pack`` brings an archive; it is used only if its sum is the known one. Then the few files that
are needed lie in the user's cache, and no network is needed any more.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import tarfile
import tempfile
from dataclasses import dataclass
from pathlib import Path

import platformdirs
from filelock import FileLock

WAIT = 300
"""So many seconds npm may take for an archive."""


@dataclass(frozen=True)
class Package:
    """A package of npm: the sum of its archive, and the files to keep under new names."""

    name: str
    version: str
    sha256: str
    files: dict[str, str]

    @property
    def folder(self) -> Path:
        """Where its files lie in the user's cache."""
        cache = platformdirs.user_cache_path("course_utils") / "npm"
        return cache / f"{self.name}-{self.version}"


REVEAL = Package(
    "reveal.js",
    "5.2.1",
    "359b575dd51bbda32f89b2fd4c7dc46ad7389a805572158916c29252f7a27333",
    {
        "dist/reset.css": "reset.css",
        "dist/reveal.css": "reveal.css",
        "dist/reveal.js": "reveal.js",
        "plugin/notes/notes.js": "notes.js",
        "LICENSE": "reveal.js.LICENSE",
    },
)
MATHJAX = Package(
    "mathjax",
    "3.2.2",
    "1b9c0a1c44df864e915690558e72adb9cc5203360daefd385084ced3b6c64c09",
    {"es5/tex-svg.js": "tex-svg.js", "LICENSE": "mathjax.LICENSE"},
)


def fetch(*packages: Package) -> list[Path]:
    """Return the files of the packages, from the cache or through npm.

    Raises
    ------
    OSError
        If a package is not in the cache, and npm is not there or cannot bring it whole.
    """
    for package in packages:
        package.folder.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(f"{package.folder}.lock"):
            if not package.folder.is_dir():
                _bring(package)
    return [package.folder / name for package in packages for name in package.files.values()]


def _bring(package: Package) -> None:
    with tempfile.TemporaryDirectory(dir=package.folder.parent) as place:
        archive = _packed(package, Path(place))
        found = hashlib.sha256(archive.read_bytes()).hexdigest()
        if found != package.sha256:
            raise OSError(
                f"npm brought another {package.name} {package.version} than the known one: its sum "
                f"is {found}, and should be {package.sha256}; nothing of it was used"
            )
        whole = Path(place) / "whole"
        whole.mkdir()
        with tarfile.open(archive) as inside:
            for path, name in package.files.items():
                content = inside.extractfile(f"package/{path}")
                (whole / name).write_bytes(content.read())
        whole.rename(package.folder)


def _packed(package: Package, place: Path) -> Path:
    """Let npm pack the package into a folder; return the archive."""
    spec = f"{package.name}@{package.version}"
    npm = shutil.which("npm")
    if npm is None:
        raise OSError(
            f"{spec} is needed, once, and npm, which brings it, was not found: install "
            f"Node.js, or copy {package.folder} from a machine that has it"
        )
    command = [npm, "pack", spec, "--pack-destination", str(place)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=WAIT, cwd=place)
    except subprocess.TimeoutExpired:
        raise OSError(f"npm did not bring {spec} within {WAIT} seconds: try again") from None
    archives = list(place.glob("*.tgz"))
    if done.returncode or not archives:
        said = (done.stderr.strip().splitlines() or ["no word"])[-1]
        raise OSError(f"npm could not bring {spec} ({said}): is there a network?")
    return archives[0]


def copy(files: list[Path], folder: Path) -> None:
    """Copy files into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for path in files:
        shutil.copyfile(path, folder / path.name)
