"""Images as tensors in memory: MNIST, downloaded and checked, or the digits of scikit-learn.

The training images are one tensor of 188 MB, so a training loop needs no ``DataLoader``: a batch
is ``images[indices]``. Every file is checked against its published MD5 before it is used.
"""

from __future__ import annotations

import gzip
import math
import os
import queue
import shutil
import tempfile
import threading
import time
import zlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from urllib.request import Request, urlopen

import filelock
import numpy as np
import platformdirs
import torch
from torch import Tensor
from torch.nn import functional
from tqdm import tqdm

RAW_FILES = {  # the four unpacked files: how many bytes, and the published MD5
    "train-images-idx3-ubyte": (47_040_016, "6bbc9ace898e44ae57da46a324031adb"),
    "train-labels-idx1-ubyte": (60_008, "a25bea736e30d166cdddb491f175f624"),
    "t10k-images-idx3-ubyte": (7_840_016, "2646ac647ad5339dbf082846283269ea"),
    "t10k-labels-idx1-ubyte": (10_008, "27ae3e4e09519cfbb04c329615203637"),
}
RAW_FOLDER = Path("MNIST", "raw")  # torchvision's layout below any root
CHUNK = 2**16  # bytes: of a download, so many must arrive in every `timeout` seconds


@dataclass(frozen=True, eq=False, repr=False)
class ImageData:
    """Grey-scale images of digits and what they show; one row an image of 28×28 pixels.

    Attributes
    ----------
    train_images, test_images : Tensor, shape (n, 784), float32
        Pixels row by row; 0 is background, 1 is full ink.
    train_labels, test_labels : Tensor, shape (n,), int64
        The digit, 0 to 9.
    name : str
        ``"MNIST"`` or ``"digits"``.
    """

    train_images: Tensor
    train_labels: Tensor
    test_images: Tensor
    test_labels: Tensor
    name: str

    @property
    def is_mnist(self) -> bool:
        """Whether these are MNIST's images, not the embedded digits."""
        return self.name == "MNIST"

    def __repr__(self) -> str:
        """Return one line that says which images these are, and how many."""
        train, test = len(self.train_images), len(self.test_images)
        return f"{self.name}: {train:,} training and {test:,} test images of 28×28 pixels in [0, 1]"


def load_mnist(
    root: str | os.PathLike[str] | None = None,
    *,
    url: str | None = None,
    timeout: float = 10.0,
    log: Callable[[str], object] | None = print,
) -> ImageData:
    """Load MNIST into memory; without files and without network, load the embedded digits.

    The first that is given decides: `root`, the environment variable ``COURSE_DATA``, the user's
    cache. What the cache lacks is downloaded, and a truncated or altered file there is named and
    replaced. If no cache can be written, MNIST is downloaded for this one call.

    Parameters
    ----------
    root : path, optional
        A folder that holds ``MNIST/raw/train-images-idx3-ubyte`` and the three other unpacked
        files, as torchvision leaves them; it is never written to. The word ``"digits"`` asks for
        the embedded digits, without any network. ``COURSE_DATA`` takes the same values.
    url : str, optional
        Download from here: an http(s) address below which ``train-images-idx3-ubyte.gz`` and
        the others lie. By default torchvision's mirrors.
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
        If `root` or ``COURSE_DATA`` is given and MNIST is not there.
    ValueError
        If a file there is truncated or altered, or if `url` or `timeout` makes no sense.
    """
    if url is not None and not url.startswith(("http://", "https://")):
        raise ValueError(f"url must start with http:// or https://, got {url!r}")
    if not 0 < timeout < math.inf:
        raise ValueError(f"timeout must be a positive finite number of seconds, got {timeout!r}")
    say = log or (lambda line: None)
    asked_by = "COURSE_DATA" if root is None else "root"
    source = (os.environ.get("COURSE_DATA") or None) if root is None else root
    if source is None:
        download = partial(_download, url=url, timeout=timeout, quiet=log is None)
        images, preface = _from_cache(download, say)
    elif os.fspath(source) == "digits":
        images, preface = _digits(), "scikit-learn's "
    else:
        images, preface = _from_folder(source, asked_by), ""
    say(f"{preface}{images}")
    return images


def _faults(raw: Path) -> dict[str, str]:
    """Say what is wrong with each raw file: ``{}`` if all are whole, "" for one not there."""
    from torchvision.datasets.utils import calculate_md5  # slow to import: only when needed

    faults = {}
    for name, (size, md5) in RAW_FILES.items():
        expected = f"{size:,} bytes with MD5 {md5}"
        try:
            found = f"{(raw / name).stat().st_size:,} bytes with MD5 {calculate_md5(raw / name)}"
            if found != expected:
                faults[name] = f"is damaged: it has {found}, MNIST has {expected}"
        except (FileNotFoundError, NotADirectoryError):
            faults[name] = ""
        except OSError as error:
            faults[name] = f"cannot be read ({error.strerror})"
    return faults


def _read(raw: Path) -> ImageData:
    """Read four files that were found whole."""
    from torchvision.datasets.mnist import read_image_file, read_label_file

    train, train_labels, test, test_labels = (raw / name for name in RAW_FILES)
    return ImageData(
        train_images=read_image_file(train).flatten(1).float().div_(255),  # (n, 784)
        train_labels=read_label_file(train_labels),  # (n,)
        test_images=read_image_file(test).flatten(1).float().div_(255),
        test_labels=read_label_file(test_labels),
        name="MNIST",
    )


def _digits() -> ImageData:
    """Enlarge scikit-learn's 8×8 digits as MNIST's are: 20×20 pixels, centred in 28×28."""
    from sklearn.datasets import load_digits

    small, labels = load_digits(return_X_y=True)  # (1797, 64) in 0 ... 16, (1797,)
    order = np.random.RandomState(0).permutation(len(labels))  # frozen: the same in every NumPy
    pixels = torch.from_numpy(small[order]).float().div_(16).reshape(-1, 1, 8, 8)
    pixels = functional.interpolate(pixels, size=(20, 20), mode="bilinear", align_corners=False)
    images = functional.pad(pixels, (4, 4, 4, 4)).flatten(1)  # (1797, 784)
    labels = torch.from_numpy(labels[order]).long()
    is_test = torch.zeros(len(labels), dtype=torch.bool)
    is_test[labels.argsort(stable=True)[::5]] = True  # every fifth of each class
    return ImageData(images[~is_test], labels[~is_test], images[is_test], labels[is_test], "digits")


def _from_folder(source: str | os.PathLike[str], asked_by: str) -> ImageData:
    """Read MNIST from a folder that belongs to the learner; refuse what is not whole."""
    root, given = Path(os.path.expanduser(source)), f"{asked_by}={os.fspath(source)!r}"
    advice = (
        f"Put the unpacked files there, or leave {asked_by} unset to download them, "
        'or set it to "digits" to work without them.'
    )
    faults = _faults(root / RAW_FOLDER)
    for name, fault in faults.items():
        if fault:
            raise ValueError(f"{given}: {name} {fault}. It is not used. {advice}")
    if faults:
        where = "" if root.is_absolute() else f" (looked up from {Path.cwd()})"
        missing = ", ".join((RAW_FOLDER / name).as_posix() for name in faults)
        raise FileNotFoundError(f"{given} lacks {missing}{where}. {advice}")
    return _read(root / RAW_FOLDER)


class _DownloadError(Exception):
    """MNIST did not come; the text is a short reason, without addresses or paths."""


def _from_cache(download: Callable, say: Callable[[str], None]) -> tuple[ImageData, str]:
    """Return MNIST and "", or else the digits and the words that say why."""
    try:
        raw = platformdirs.user_cache_path("course_utils") / RAW_FOLDER
        faults = _faults(raw)
        for name, fault in faults.items():
            if fault:
                say(f"In the cache {name} {fault}. Downloading it again.")
        try:
            if faults:
                _fill(raw, download, say)
        except (OSError, NotImplementedError) as error:  # the latter: a disk without locks
            reason = getattr(error, "strerror", None) or "no file locks"
            say(f"The cache folder cannot be used ({reason}), so MNIST will not be kept.")
            with tempfile.TemporaryDirectory() as folder:
                download(RAW_FILES, Path(folder))
                return _read(Path(folder)), ""
        return _read(raw), ""
    except (_DownloadError, OSError) as error:  # OSError: no disk has room, for example
        reason = getattr(error, "strerror", None) or error
        return _digits(), f"MNIST could not be downloaded ({reason}); using scikit-learn's "


def _fill(raw: Path, download: Callable, say: Callable[[str], None]) -> None:
    """Download what the cache lacks, whole or not at all; OSError if it cannot be written."""
    raw.mkdir(parents=True, exist_ok=True)
    cache = raw.parent.parent
    lock = filelock.FileLock(cache / "mnist.lock")
    try:
        held = lock.acquire(timeout=0)
    except filelock.Timeout:
        say("Another program is downloading MNIST: waiting for it.")
        held = lock.acquire()
    with held:
        names = _faults(raw)  # looked at again: the other may have filled it meanwhile
        for left_behind in cache.glob("download-*"):  # by a program that was killed
            shutil.rmtree(left_behind, ignore_errors=True)
        with tempfile.TemporaryDirectory(prefix="download-", dir=cache) as folder:
            download(names, Path(folder))
            for name in names:
                os.replace(Path(folder, name), raw / name)


def _download(
    names: Iterable[str], folder: Path, *, url: str | None, timeout: float, quiet: bool
) -> None:
    """Bring the named files into `folder`, unpacked and whole, from the first server that can."""
    from torchvision.datasets import MNIST
    from torchvision.datasets.utils import check_integrity, extract_archive

    reasons = []
    with tqdm(desc="MNIST", unit="B", unit_scale=True, leave=False, delay=1, disable=quiet) as bar:
        for server in MNIST.mirrors if url is None else [url]:
            try:
                for name in names:
                    archive = folder / f"{name}.gz"
                    _fetch(f"{server.rstrip('/')}/{archive.name}", archive, timeout, bar)
                    extract_archive(archive, remove_finished=True)
                    if not check_integrity(folder / name, RAW_FILES[name][1]):
                        raise EOFError
                return
            except _DownloadError as error:
                reasons.append(str(error))
            except (gzip.BadGzipFile, zlib.error, EOFError):
                reasons.append("the server sent something other than MNIST")
    raise _DownloadError(reasons[0])


def _fetch(url: str, path: Path, timeout: float, bar: tqdm) -> None:
    """Write what lies at `url` to `path`, or give up when 64 KiB take longer than `timeout`.

    torchvision's own download has no time-out, and a socket's starts anew with every byte. So a
    thread receives, and here we wait until a deadline, which covers looking up and connecting too.
    """
    inbox: queue.SimpleQueue[bytes | Exception] = queue.SimpleQueue()
    stop = threading.Event()
    threading.Thread(target=_receive, args=(url, 2 * timeout, inbox, stop), daemon=True).start()
    awaited, deadline = CHUNK, time.monotonic() + timeout
    try:
        with open(path, "wb") as file:
            while chunk := inbox.get(timeout=max(0.0, deadline - time.monotonic())):
                if isinstance(chunk, Exception):
                    code = getattr(chunk, "code", None)  # of an HTTPError
                    answer = f"the server answered {code}" if code else "the connection failed"
                    raise _DownloadError(answer)
                file.write(chunk)
                bar.update(len(chunk))
                awaited -= len(chunk)
                if awaited <= 0:
                    awaited, deadline = CHUNK, time.monotonic() + timeout
    except queue.Empty:
        raise _DownloadError(f"the server was silent or slow for {timeout:g} s") from None
    finally:
        stop.set()


def _receive(url: str, timeout: float, inbox: queue.SimpleQueue, stop: threading.Event) -> None:
    """Put the bytes of `url` into `inbox`, then b"" or the error that ended them."""
    try:
        request = Request(url, headers={"User-Agent": "course_utils"})
        with urlopen(request, timeout=timeout) as response:
            while not stop.is_set() and (chunk := response.read1(CHUNK)):
                inbox.put(chunk)
            inbox.put(ConnectionError() if response.length else b"")  # length: bytes still to come
    except Exception as error:
        inbox.put(error)
