"""Load images into memory: MNIST from a folder, the cache or the network; digits; other sets."""

from __future__ import annotations

import math
import os
import re
import tempfile
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from numbers import Real
from pathlib import Path

import numpy as np
import platformdirs
import torch
from torch import Tensor
from torch.nn import functional

from course_utils.data import places
from course_utils.data.download import DownloadError, download, fill, is_address
from course_utils.data.files import RAW_FILES, RAW_FOLDER, faults, files_in, read_idx, sets_in
from course_utils.data.images import ImageData, image_data
from course_utils.data.shared import pixels
from course_utils.terminal import say

OTHER = "images:"
"""In ``COURSE_DATA`` before a folder whose images need not be MNIST's."""

_OTHER = re.compile(r"\s*[\"']?\s*images\s*[:=]", re.IGNORECASE)


def load_mnist(
    root: str | os.PathLike[str] | None = None,
    *,
    url: str | None = None,
    timeout: float = 10.0,
    log: Callable[[str], object] | None = say,
) -> ImageData:
    """Load MNIST into memory; without files and without network, load the embedded digits.

    The first that is given decides: `root`, the environment variable ``COURSE_DATA``, the user's
    cache. What the cache lacks is downloaded, and a truncated or altered file there is named and
    replaced. If no cache can be written, MNIST is downloaded for this one call. Every file is
    checked against its published MD5 before it is used.

    Parameters
    ----------
    root : path, optional
        A folder that holds ``MNIST/raw/train-images-idx3-ubyte`` and the three other unpacked
        files, as torchvision leaves them; it is never written to. The word ``"digits"`` asks for
        the embedded digits, without any network; ``"images:FOLDER"`` for other images, as
        `load_images` reads them. ``COURSE_DATA`` takes the same values.
    url : str, optional
        Download from here: an http(s) address below which the four published files lie,
        ``train-images-idx3-ubyte.gz`` and the others. By default torchvision's mirrors.
    timeout : float
        Seconds that a server has to answer, and again for each 64 KiB. A slower one is given up,
        so a download always ends.
    log : callable, optional
        Called with one line that says which images these are, and with what a download has to
        say; None for silence, without a progress bar too.

    Returns
    -------
    ImageData
        MNIST has 60,000 and 10,000 images, the digits 1,437 and 360.

    Raises
    ------
    FileNotFoundError
        If `root` or ``COURSE_DATA`` is given and MNIST is not there; the message names the files
        that were found in a wrong place nearby.
    ValueError
        If a file there is truncated or altered, or belongs to another data set, or if `url` or
        `timeout` makes no sense.
    """
    if url is not None and not is_address(url):
        raise ValueError(f"url must start with http:// or https://, got {url!r}")
    if not isinstance(timeout, Real) or not 0 < timeout < math.inf:
        raise ValueError(f"timeout must be a positive finite number of seconds, got {timeout!r}")
    tell = log or (lambda line: None)
    asked_by = "COURSE_DATA" if root is None else "root"
    source = (os.environ.get("COURSE_DATA") or None) if root is None else root
    if source is None:
        bring = partial(download, url=url, timeout=timeout, quiet=log is None)
        images, preface = _from_cache(bring, tell)
    elif os.fspath(places.clean(source)).lower() == "digits":
        images, preface = _digits(), "scikit-learn's "
    elif other := _OTHER.match(os.fspath(source)):
        return load_images(os.fspath(source)[other.end() :], log=log)
    elif is_address(source):
        raise ValueError(f"{asked_by} is a folder here: try load_mnist(url={os.fspath(source)!r})")
    else:
        images, preface = _from_folder(source, asked_by), ""
    tell(f"{preface}{images}")
    return images


def load_images(
    root: str | os.PathLike[str], *, log: Callable[[str], object] | None = say
) -> ImageData:
    """Load another data set of 28×28 images in ten classes, written as MNIST is: FashionMNIST, say.

    Whole notebooks run with it too: set ``COURSE_DATA=images:FOLDER``. (For images in arrays there
    is `image_data`.)

    Parameters
    ----------
    root : path
        A folder that holds four files, or whose only folder with four files is called ``raw``:
        ``train-images-idx3-ubyte``, ``train-labels-idx1-ubyte``, ``t10k-images-idx3-ubyte`` and
        ``t10k-labels-idx1-ubyte``; packed (``.gz``) and as Kaggle spells them too. Where one folder
        holds several data sets, as EMNIST's does, add what their names begin with:
        ``"EMNIST/raw/emnist-digits"``.
    log : callable, optional
        Called with one line that says which images these are; None for silence.

    Returns
    -------
    ImageData
        Named after the folder (of ``FashionMNIST/raw``: "FashionMNIST"); "MNIST" if its files
        are MNIST's own.

    Raises
    ------
    FileNotFoundError
        If there are not all four files, or more than one set of them.
    ValueError
        If a file is damaged, or its images or labels do not fit the course.
    """
    folder, front, files = _four(places.clean(root))
    if list(files.values()) == [folder / name for name in RAW_FILES] and not faults(folder):
        images = _read(folder)
    else:
        train, train_labels, test, test_labels = (read_idx(files[name]) for name in RAW_FILES)
        name = front.rstrip("-")
        name = name or (folder.parent if folder.name == "raw" else folder).resolve().name
        name = f"images of {name}" if name in ("MNIST", "digits") else name
        train, test = (pixels(part, folder.parent).view(part.shape) for part in (train, test))
        images = image_data((train, train_labels), (test, test_labels), name)
    if log is not None:
        log(f"{images}")
    return images


def _four(root: Path) -> tuple[Path, str, dict[str, Path]]:
    """Return the one folder at ``root`` or below, called raw, that holds all four files.

    With it what stands in front of their names, and the files.
    """
    if not root.exists() and (files := sets_in(root.parent).get(f"{root.name}-")):
        found = [(root.parent, f"{root.name}-", files)]
    else:
        folders = [root, root / "raw", *sorted(root.glob("*/raw"))]
        found = [(folder, *each) for folder in folders for each in sets_in(folder).items()]
    whole = [each for each in found if len(each[2]) == len(RAW_FILES)]
    own = [each for each in whole if each[:2] == (root, "")]
    at_root = [each for each in whole if each[0] == root]
    for choice in (own, at_root, whole):
        if len(choice) == 1:
            return choice[0]
    given = os.fspath(root)
    if whole:
        several = ", ".join(os.fspath(folder / front.rstrip("-")) for folder, front, _ in whole)
        raise FileNotFoundError(f"{given!r} holds several data sets: give one: {several}")
    if near := places.with_four(root):
        raise FileNotFoundError(f"{given!r} holds no such files; {os.fspath(near)!r} does: try it")
    here = ", ".join(files_in(root)) or "none of them"
    raise FileNotFoundError(
        f"{given!r} must hold the four files {', '.join(RAW_FILES)}, packed (.gz) or "
        f"not; it holds {here}. For images in arrays try course_utils.data.image_data"
    )


def _read(raw: Path) -> ImageData:
    """Read four files that were found whole."""
    train, train_labels, test, test_labels = (read_idx(raw / name) for name in RAW_FILES)
    return ImageData(
        train_images=pixels(train, raw.parent),  # (n, 784)
        train_labels=torch.from_numpy(train_labels.astype(np.int64)),  # (n,)
        test_images=pixels(test, raw.parent),
        test_labels=torch.from_numpy(test_labels.astype(np.int64)),
        name="MNIST",
    )


def small_digits() -> ImageData:
    """Load scikit-learn's digits as they are, 8×8 pixels; 360 of them are for testing."""
    from sklearn.datasets import load_digits

    small, labels = load_digits(return_X_y=True)  # (1797, 64) in 0 ... 16, (1797,)
    order = np.random.RandomState(0).permutation(len(labels))  # frozen: the same in every NumPy
    images = torch.from_numpy(small[order]).float().div_(16)
    labels = torch.from_numpy(labels[order]).long()
    is_test = torch.zeros_like(labels, dtype=torch.bool)
    is_test[labels.argsort(stable=True)[::5]] = True  # every fifth of each class
    return ImageData(images[~is_test], labels[~is_test], images[is_test], labels[is_test], "digits")


def _digits() -> ImageData:
    """Enlarge scikit-learn's 8×8 digits as MNIST's are: 20×20 pixels, centred in 28×28."""
    small = small_digits()
    train, test = _enlarged(small.train_images), _enlarged(small.test_images)
    return replace(small, train_images=train, test_images=test)


def _enlarged(images: Tensor) -> Tensor:
    pixels = images.reshape(-1, 1, 8, 8)
    pixels = functional.interpolate(pixels, size=(20, 20), mode="bilinear", align_corners=False)
    return functional.pad(pixels, (4, 4, 4, 4)).flatten(1)  # (n, 784)


def _from_folder(source: str | os.PathLike[str], asked_by: str) -> ImageData:
    """Read MNIST from a folder that belongs to the learner; refuse what is not whole."""
    root, given = places.clean(source), f"{asked_by}={os.fspath(source)!r}"
    raw = root / RAW_FOLDER
    advice = (
        f"Put the unpacked files there, or leave {asked_by} unset to download them, "
        'or set it to "digits" to work without them.'
    )
    found = faults(raw)
    if not found:
        return _read(raw)
    if len(files_in(raw)) == len(RAW_FILES) and (other := places.other_data_set(raw)):
        raise ValueError(
            f"{given}: this is {other}, not MNIST. It is not used as MNIST. {_for_other(root)}"
        )
    for name, fault in found.items():
        if fault:
            raise ValueError(f"{given}: {name} {fault}. It is not used. {advice}")
    if instead := places.found_instead(root):
        raise FileNotFoundError(f"{given} holds no MNIST/raw with its four files; {instead}.")
    where = "" if root.is_absolute() else f" (looked up from {Path.cwd()})"
    missing = ", ".join((RAW_FOLDER / name).as_posix() for name in found)
    raise FileNotFoundError(f"{given} lacks {missing}{where}. {advice}")


def _for_other(root: Path) -> str:
    folder = os.fspath(root / RAW_FOLDER)
    return f"For these images try load_images({folder!r}), or COURSE_DATA={OTHER}{folder}"


def _from_cache(bring: Callable, tell: Callable[[str], object]) -> tuple[ImageData, str]:
    """Return MNIST and "", or else the digits and the words that say why."""
    try:
        raw = platformdirs.user_cache_path("course_utils") / RAW_FOLDER
        found = faults(raw)
        for name, fault in found.items():
            if fault:
                tell(f"In the cache {name} {fault}. Downloading it again.")
        try:
            if found:
                fill(raw, bring, tell)
        except (OSError, NotImplementedError) as error:  # the latter: a disk without locks
            reason = getattr(error, "strerror", None) or "no file locks"
            tell(f"The cache folder cannot be used ({reason}), so MNIST will not be kept.")
            with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
                bring(RAW_FILES, Path(folder))
                return _read(Path(folder)), ""
        return _read(raw), ""
    except (DownloadError, OSError) as error:  # OSError: no disk has room, for example
        reason = getattr(error, "strerror", None) or error
        return _digits(), f"MNIST could not be downloaded ({reason}); using scikit-learn's "
