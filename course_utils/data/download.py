"""MNIST from the network, by `pooch`: into the user's cache, whole or not at all."""

from __future__ import annotations

import os
import queue
import shutil
import tempfile
import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from urllib.parse import urlsplit

import filelock
import pooch
from tqdm import tqdm

from course_utils.data.files import ARCHIVES, faults
from course_utils.progress import progress

CHUNK = 2**16  # bytes: of a download, so many must arrive in every `timeout` seconds


class DownloadError(Exception):
    """MNIST did not come; the text is a short reason, without addresses or paths."""


def is_address(given: object) -> bool:
    """Whether ``given`` is an http(s) address that names a host."""
    try:
        parts = urlsplit(given)
        named = parts.hostname and parts.port != 0
    except (AttributeError, TypeError, ValueError):  # no text, or a port or host that cannot be
        return False
    return bool(named) and parts.scheme in ("http", "https")


def fill(raw: Path, download: Callable, say: Callable[[str], object]) -> None:
    """Download what the folder ``raw`` lacks, whole or not at all; OSError if it is not written.

    A folder that stands in the place of a file is removed: ``raw`` is a cache, and holds nothing
    else. Of two programs at once only one downloads.
    """
    raw.mkdir(parents=True, exist_ok=True)
    cache = raw.parent.parent
    lock = filelock.FileLock(cache / "mnist.lock")
    try:
        held = lock.acquire(timeout=0)
    except filelock.Timeout:
        say("Another program is downloading MNIST: waiting for it.")
        held = lock.acquire()
    with held:
        names = faults(raw)  # looked at again: the other may have filled it meanwhile
        for left_behind in cache.glob("download-*"):  # by a program that was killed
            shutil.rmtree(left_behind, ignore_errors=True)
        with tempfile.TemporaryDirectory(
            prefix="download-", dir=cache, ignore_cleanup_errors=True
        ) as folder:
            download(names, Path(folder))
            for name in names:
                if (raw / name).is_dir():
                    shutil.rmtree(raw / name)
                os.replace(Path(folder, name), raw / name)


def download(
    names: Iterable[str], folder: Path, *, url: str | None, timeout: float, quiet: bool
) -> None:
    """Bring the named files into ``folder``, unpacked, from the first server that has them.

    Raises
    ------
    DownloadError
        If no server has; the reason is the first one's.
    """
    from torchvision.datasets import MNIST  # slow to import: only when needed

    pooch.get_logger().setLevel("WARNING")  # it would report each file
    reasons = []
    with progress(desc="MNIST", unit="B", unit_scale=True, quiet=quiet) as bar:
        for server in MNIST.mirrors if url is None else [url]:
            try:
                for name in names:
                    _fetch(server.rstrip("/"), name, folder, timeout, bar)
                return
            except DownloadError as error:
                reasons.append(str(error))
    raise DownloadError(reasons[0])


def _fetch(server: str, name: str, folder: Path, timeout: float, bar: tqdm) -> None:
    """Let pooch bring one file and unpack it, once its sum is right; give up a slow server.

    A socket's time-out starts anew with every byte. So a thread receives, and here we wait as long
    as another `CHUNK` comes in time: that covers looking up and connecting too.
    """
    archive = f"{name}.gz"
    size, md5 = ARCHIVES[archive]
    watch, outcome = _Watch(size, bar), queue.SimpleQueue()
    options = {"timeout": 2 * timeout, "headers": {"Accept-Encoding": "identity"}}
    receive = pooch.HTTPDownloader(progressbar=watch, chunk_size=CHUNK, **options)

    def work() -> None:
        try:
            unpack = pooch.Decompress(name=name)
            where = {"fname": archive, "path": folder, "processor": unpack, "downloader": receive}
            pooch.retrieve(f"{server}/{archive}", f"md5:{md5}", **where)
            outcome.put(None)
        except Exception as error:
            outcome.put(error)

    threading.Thread(target=work, daemon=True).start()
    try:
        while True:
            seen = watch.chunks
            try:
                error = outcome.get(timeout=timeout)
                break
            except queue.Empty:
                if watch.chunks == seen:
                    reason = f"the server was silent or slow for {timeout:g} s"
                    raise DownloadError(reason) from None
    finally:
        watch.given_up = True
    if error is not None:
        raise _in_words(error) from error


def _in_words(error: Exception) -> Exception:
    """Return the `DownloadError` that says what went wrong; of the disk the error itself."""
    import requests  # as pooch does: only when needed

    if isinstance(error, requests.HTTPError):
        return DownloadError(f"the server answered {error.response.status_code}")
    if isinstance(error, requests.RequestException):
        return DownloadError("the connection failed")
    if isinstance(error, OSError | DownloadError):
        return error
    return DownloadError("the server sent something other than MNIST")  # its sum says so


class _Watch:
    """What pooch takes for a progress bar: it counts the chunks, and ends what is too long."""

    def __init__(self, size: int, bar: tqdm) -> None:
        self.left, self.bar = size, bar
        self.chunks, self.total, self.given_up = 0, 0, False

    def update(self, n: int) -> None:
        if self.given_up or self.left <= 0:
            raise DownloadError("the server sent something other than MNIST")
        self.chunks += 1
        self.bar.update(min(n, self.left))
        self.left -= n

    def reset(self) -> None:
        self.update = lambda n: None  # at the end pooch fills the bar up once more

    def close(self) -> None:
        pass
