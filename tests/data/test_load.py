"""`load_mnist` against a local server that serves good, truncated, slow and wrong files.

The files are tiny (20 and 10 images) and made here; nothing leaves the machine.
"""

from __future__ import annotations

import builtins
import gzip
import hashlib
import http.server
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import filelock
import numpy as np
import platformdirs
import pooch
import pytest
import torch
from helpers.progress import left_by
from PIL import Image
from sklearn.datasets import load_digits
from torchvision import transforms
from torchvision.datasets import MNIST

from course_utils import load_mnist
from course_utils.data import ImageData, download, files

REAL = os.environ.get("COURSE_DATA", "")
TRAIN_IMAGES = "train-images-idx3-ubyte"
TEST_LABELS = "t10k-labels-idx1-ubyte"
TINY_LINE = "MNIST: 20 training and 10 test images of 28×28 pixels in [0, 1]\n"
DIGITS = "scikit-learn's digits: 1,437 training and 360 test images of 28×28 pixels in [0, 1]\n"


def idx(array: np.ndarray) -> bytes:
    """The IDX format: two zero bytes, type 8 (bytes), rank, big-endian sizes, the values."""
    header = bytes([0, 0, 8, array.ndim])
    return header + np.array(array.shape, dtype=">u4").tobytes() + array.tobytes()


def tiny_mnist() -> dict[str, bytes]:
    rng = np.random.default_rng(0)
    files = {}
    for part, n in (("train", 20), ("t10k", 10)):
        files[f"{part}-images-idx3-ubyte"] = idx(rng.integers(0, 256, (n, 28, 28), dtype=np.uint8))
        files[f"{part}-labels-idx1-ubyte"] = idx(np.arange(n, dtype=np.uint8) % 10)
    return files


TINY = tiny_mnist()
PACKED = {f"/{name}.gz": gzip.compress(raw, mtime=0) for name, raw in TINY.items()}


def sums(contents: dict[str, bytes]) -> dict[str, tuple[int, str]]:
    return {
        name.lstrip("/"): (len(content), hashlib.md5(content).hexdigest())
        for name, content in contents.items()
    }


TINY_FILES, TINY_ARCHIVES = sums(TINY), sums(PACKED)
BIG = "/" + TRAIN_IMAGES + ".gz"


class Server(http.server.ThreadingHTTPServer):
    """Serves `PACKED`; `special[path]` is a function that answers in its own way."""

    daemon_threads = True
    request_queue_size = 16

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.special = {}
        self.served = []
        self.stop = threading.Event()
        self.url = f"http://127.0.0.1:{self.server_port}"


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.server.served.append(self.path)
        answer = self.server.special.get(self.path, whole)
        try:
            answer(self, PACKED[self.path])
        except OSError:
            pass  # the reader has gone: what several tests are about

    def log_message(self, *args):
        pass


def start(request, length, code=200):
    request.send_response(code)
    request.send_header("Content-Length", str(length))
    request.end_headers()


def whole(request, body):
    start(request, len(body))
    request.wfile.write(body)


def cut_short(request, body):
    """Announces all, sends half and hangs up."""
    start(request, len(body))
    request.wfile.write(body[: len(body) // 2])


def half_a_file(request, body):
    """Sends half as if it were all."""
    whole(request, body[: len(body) // 2])


def altered(request, body):
    """A good archive with one pixel changed."""
    raw = bytearray(gzip.decompress(body))
    raw[-1] ^= 1
    whole(request, gzip.compress(bytes(raw)))


def web_page(request, body):
    whole(request, b"<html><body>Please log in to this network</body></html>")


def not_found(request, body):
    start(request, 0, code=404)


def silent(request, body):
    request.server.stop.wait()


def silent_after_half(request, body):
    cut = len(body) // 2
    start(request, len(body))
    request.wfile.write(body[:cut])
    request.wfile.flush()
    request.server.stop.wait()


def endless(request, body):
    """Says no length, and sends bytes for ever, as fast as they are read."""
    request.send_response(200)
    request.end_headers()
    drip(request, b"x" * 2**16, pause=0)


def bomb(request, body):
    """A small archive, of the right size, that unpacks to a hundred times as much."""
    packed = gzip.compress(bytes(100 * len(gzip.decompress(body))), mtime=0)
    whole(request, packed.ljust(len(body), b"\0"))


def unpacked_on_the_way(request, body):
    """Marks the archive as compressed for the way only, as some servers do with .gz files."""
    request.send_response(200)
    request.send_header("Content-Length", str(len(body)))
    request.send_header("Content-Encoding", "gzip")
    request.end_headers()
    request.wfile.write(body)


def drip(request, piece, pause=0.02):
    while not request.server.stop.wait(pause):
        request.wfile.write(piece)


def dripping_body(request, body):
    start(request, 10**9)
    drip(request, b"x")


def dripping_header(request, body):
    drip(request, b"H")


@pytest.fixture
def server():
    server = Server()
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    yield server
    server.stop.set()
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch) -> Path:
    """An empty cache of the test's own, no COURSE_DATA, no proxy, and the tiny files expected."""
    folder = tmp_path / "cache"
    monkeypatch.setattr(platformdirs, "user_cache_path", lambda name: folder)
    for name, size_and_md5 in TINY_FILES.items():
        monkeypatch.setitem(files.RAW_FILES, name, size_and_md5)
    for name, size_and_md5 in TINY_ARCHIVES.items():
        monkeypatch.setitem(files.ARCHIVES, name, size_and_md5)
    monkeypatch.delenv("COURSE_DATA", raising=False)
    monkeypatch.setenv("no_proxy", "*")
    return folder


def put_tiny(root: Path, **changes: bytes | None) -> Path:
    """Write the raw files below `root`; a change is the content of one, or None to leave it out."""
    raw = root / "MNIST" / "raw"
    raw.mkdir(parents=True)
    for name, content in (TINY | changes).items():
        if content is not None:
            (raw / name).write_bytes(content)
    return raw


def left_in(folder: Path) -> set[str]:
    """The files below `folder`, without the lock."""
    files = {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()}
    return files - {"mnist.lock"}


def assert_tiny(images: ImageData) -> None:
    assert images.name == "MNIST"
    for part, found, labels in (
        ("train", images.train_images, images.train_labels),
        ("t10k", images.test_images, images.test_labels),
    ):
        pixels = np.frombuffer(TINY[f"{part}-images-idx3-ubyte"][16:], np.uint8).reshape(-1, 784)
        assert found.dtype == torch.float32 and labels.dtype == torch.int64
        assert torch.equal(found, torch.from_numpy(pixels.astype(np.float32)) / 255)
        assert labels.tolist() == [i % 10 for i in range(len(pixels))]


def assert_digits(images: ImageData) -> None:
    assert images.name == "digits"
    assert images.train_images.shape == (1437, 784) and images.test_images.shape == (360, 784)


WHOLE_CACHE = {f"MNIST/raw/{name}" for name in TINY}


# ---- the download -------------------------------------------------------------------------------


def test_a_good_server_fills_the_cache_once(server, cache, capfd):
    assert_tiny(load_mnist(url=server.url))
    assert left_by(capfd) == (TINY_LINE, "")  # and no progress bar is left behind
    assert sorted(server.served) == sorted(PACKED)
    assert left_in(cache) == WHOLE_CACHE
    assert_tiny(load_mnist(url=server.url + "/"))
    assert left_by(capfd) == (TINY_LINE, "")
    assert len(server.served) == 4


def test_silent_when_asked_to_be(server, capfd):
    assert_tiny(load_mnist(url=server.url, log=None))
    assert capfd.readouterr() == ("", "")


def test_a_failure_is_silent_too_when_asked_to_be(server, cache, capfd):
    put_tiny(cache, **{TEST_LABELS: b"half"})
    server.special[f"/{TEST_LABELS}.gz"] = not_found
    assert_digits(load_mnist(url=server.url, log=None))
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (cut_short, "the connection failed"),
        (half_a_file, "the server sent something other than MNIST"),
        (altered, "the server sent something other than MNIST"),
        (web_page, "the server sent something other than MNIST"),
        (endless, "the server sent something other than MNIST"),
        (bomb, "the server sent something other than MNIST"),
        (not_found, "the server answered 404"),
        (silent, "the server was silent or slow for 0.3 s"),
        (silent_after_half, "the server was silent or slow for 0.3 s"),
        (dripping_body, "the server was silent or slow for 0.3 s"),
        (dripping_header, "the server was silent or slow for 0.3 s"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
@pytest.mark.parametrize("path", [BIG, f"/{TEST_LABELS}.gz"], ids=["first", "last"])
def test_a_bad_download_ends_in_digits_one_line_and_an_empty_cache(
    answer, reason, path, server, cache, capfd
):
    server.special[path] = answer
    timeout = 0.3 if "0.3" in reason else 20.0
    assert_digits(load_mnist(url=server.url, timeout=timeout))
    expected = f"MNIST could not be downloaded ({reason}); using {DIGITS}"
    assert left_by(capfd) == (expected, "")
    assert left_in(cache) == set()
    del server.special[path]
    assert_tiny(load_mnist(url=server.url))


def test_an_archive_of_the_wrong_sum_is_never_unpacked(server, monkeypatch):
    monkeypatch.setattr(pooch.Decompress, "__call__", lambda *args: pytest.fail("unpacked"))
    server.special.update(dict.fromkeys(PACKED, bomb))
    assert_digits(load_mnist(url=server.url, log=None))


def test_no_server_at_all_ends_in_digits(server, capfd):
    server.shutdown()
    server.server_close()
    assert_digits(load_mnist(url=server.url))
    line = f"MNIST could not be downloaded (the connection failed); using {DIGITS}"
    assert left_by(capfd) == (line, "")


def test_an_archive_arrives_packed_also_from_a_server_that_marks_it_as_compressed(server):
    """Whoever unpacks it on the way gets another sum; so we ask for the file as it is."""
    server.special.update(dict.fromkeys(PACKED, only_if_asked(unpacked_on_the_way)))
    assert_tiny(load_mnist(url=server.url))


def only_if_asked(answer):
    """Answer so where the request accepts it, as such servers do; else with the file itself."""

    def choose(request, body):
        accepts = "gzip" in request.headers.get("Accept-Encoding", "")
        (answer if accepts else whole)(request, body)

    return choose


def test_the_next_mirror_is_asked_when_the_first_fails(server, monkeypatch, capfd):
    other = Server()
    threading.Thread(target=other.serve_forever, args=(0.02,), daemon=True).start()
    monkeypatch.setattr(MNIST, "mirrors", [server.url + "/", other.url + "/"])
    server.special[f"/{TEST_LABELS}.gz"] = web_page
    assert_tiny(load_mnist())
    assert capfd.readouterr().out == TINY_LINE
    assert f"/{TEST_LABELS}.gz" in other.served
    other.shutdown()
    other.server_close()


def test_a_slow_server_that_keeps_its_pace_is_waited_for(server, monkeypatch):
    monkeypatch.setattr(download, "CHUNK", 1000)
    pieces = []

    def steady(request, body):
        start(request, len(body))
        for i in range(0, len(body), 1000):
            request.server.stop.wait(0.1)
            request.wfile.write(body[i : i + 1000])
            pieces.append(i)

    server.special[BIG] = steady
    assert_tiny(load_mnist(url=server.url, timeout=1.0))
    assert len(pieces) * 0.1 > 1.0  # in all it took longer than the time-out


def test_the_global_socket_timeout_is_left_alone(server, monkeypatch):
    import socket

    monkeypatch.setattr(socket, "setdefaulttimeout", lambda value: pytest.fail("it was set"))
    assert_tiny(load_mnist(url=server.url))
    assert socket.getdefaulttimeout() is None


@pytest.fixture
def interruptible():
    """Let SIGINT raise KeyboardInterrupt, also in a process that was started to ignore it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interruptible")
@pytest.mark.skipif(not hasattr(signal, "pthread_kill"), reason="needs POSIX signals")
def test_an_interrupt_leaves_nothing_half_done_and_the_next_call_succeeds(server, cache, capfd):
    def interrupt(request, body):
        start(request, len(body))
        request.wfile.write(body[:10])
        request.wfile.flush()
        signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)
        request.server.stop.wait()

    server.special[f"/{TEST_LABELS}.gz"] = interrupt
    with pytest.raises(KeyboardInterrupt):
        load_mnist(url=server.url)
    assert left_in(cache) == set()
    assert capfd.readouterr().out == ""
    server.special.clear()
    assert_tiny(load_mnist(url=server.url))
    assert left_in(cache) == WHOLE_CACHE


def test_what_a_killed_program_left_is_swept_away(server, cache):
    (cache / "download-abc").mkdir(parents=True)
    (cache / "download-abc" / TRAIN_IMAGES).write_bytes(b"half")
    assert_tiny(load_mnist(url=server.url))
    assert left_in(cache) == WHOLE_CACHE


OTHER_PROGRAM = """
import sys
from pathlib import Path
import platformdirs
from course_utils.data import files, load_mnist
platformdirs.user_cache_path = lambda name: Path(sys.argv[1])
files.RAW_FILES.update(eval(sys.argv[3]))
files.ARCHIVES.update(eval(sys.argv[4]))
images = load_mnist(url=sys.argv[2], timeout=60)
print(images.train_images.sum().item(), images.train_labels.tolist())
"""


def test_two_programs_at_once_download_once_and_both_get_the_data(server, cache, capfd):
    """The server holds this program's download back until the other one says that it waits."""
    lines, other_waits = [], threading.Event()
    command = [sys.executable, "-c", OTHER_PROGRAM, str(cache), server.url]
    command += [repr(TINY_FILES), repr(TINY_ARCHIVES)]
    environment = os.environ | {"PYTHONUNBUFFERED": "1", "PYTHONIOENCODING": "utf-8"}

    def start_the_other():
        other = subprocess.Popen(command, stdout=subprocess.PIPE, encoding="utf-8", env=environment)
        for line in other.stdout:
            lines.append(line)
            other_waits.set()
        lines.append(other.wait())

    listener = threading.Thread(target=start_the_other)

    def hold_back(request, body):
        listener.start()
        assert other_waits.wait(100)
        whole(request, body)

    server.special[BIG] = hold_back
    here = load_mnist(url=server.url, timeout=100)
    listener.join()
    assert_tiny(here)
    assert capfd.readouterr().out == TINY_LINE
    answer = f"{here.train_images.sum().item()} {here.train_labels.tolist()}\n"
    waited = "Another program is downloading MNIST: waiting for it.\n"
    assert lines == [waited, TINY_LINE, answer, 0]
    assert sorted(server.served) == sorted(PACKED)


# ---- the cache ----------------------------------------------------------------------------------


@pytest.mark.parametrize("damage", ["truncated", "altered"])
def test_a_damaged_file_in_the_cache_is_named_and_replaced(damage, server, cache, capfd):
    good = TINY[TRAIN_IMAGES]
    bad = good[:-100] if damage == "truncated" else good[:-1] + bytes([good[-1] ^ 1])
    raw = put_tiny(cache, **{TRAIN_IMAGES: bad})
    assert_tiny(load_mnist(url=server.url))
    named, line = capfd.readouterr().out.splitlines(keepends=True)
    assert named.startswith(f"In the cache {TRAIN_IMAGES} is damaged: it has {len(bad):,} bytes")
    assert f"MNIST has {len(good):,} bytes with MD5 {hashlib.md5(good).hexdigest()}" in named
    assert str(cache) not in named
    assert line == TINY_LINE
    assert server.served == [BIG]  # only what was damaged
    assert (raw / TRAIN_IMAGES).read_bytes() == good


@pytest.mark.parametrize("inside", [{}, {TRAIN_IMAGES: b"the file itself"}], ids=["empty", "full"])
def test_a_folder_in_the_place_of_a_file_is_named_and_replaced(inside, server, cache, capfd):
    raw = put_tiny(cache, **{TRAIN_IMAGES: None})
    (raw / TRAIN_IMAGES).mkdir()
    for name, content in inside.items():
        (raw / TRAIN_IMAGES / name).write_bytes(content)
    assert_tiny(load_mnist(url=server.url))
    named, line = capfd.readouterr().out.splitlines(keepends=True)
    assert named.startswith(f"In the cache {TRAIN_IMAGES} is a folder, not a file")
    assert line == TINY_LINE and (raw / TRAIN_IMAGES).read_bytes() == TINY[TRAIN_IMAGES]


def test_a_damaged_file_that_cannot_be_replaced_is_not_used(server, cache, capfd):
    put_tiny(cache, **{TRAIN_IMAGES: TINY[TRAIN_IMAGES][:-100]})
    server.special[BIG] = not_found
    assert_digits(load_mnist(url=server.url))
    named, line = capfd.readouterr().out.splitlines(keepends=True)
    assert f"{TRAIN_IMAGES} is damaged" in named
    assert line == f"MNIST could not be downloaded (the server answered 404); using {DIGITS}"


def watch_the_network(monkeypatch):
    """Return a list of the hosts that are asked for; none of them answers."""
    asked = []

    def refuse(host, *args, **kwargs):
        asked.append(host)
        raise OSError("there is no network")

    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    return asked


def test_a_whole_cache_is_read_without_lock_or_network(cache, monkeypatch, capfd):
    put_tiny(cache)
    asked = watch_the_network(monkeypatch)
    assert_tiny(load_mnist())
    assert capfd.readouterr().out == TINY_LINE
    assert not asked and not (cache / "mnist.lock").exists()


def assert_one_clear_line_about_the_cache(out: str, reason: str) -> None:
    cannot, line = out.splitlines(keepends=True)
    assert re.fullmatch(
        rf"The cache folder cannot be used \({reason}\), so MNIST will not be kept\.\n", cannot
    )
    assert line == TINY_LINE


def test_a_cache_that_cannot_be_made_serves_this_call_only(server, tmp_path, monkeypatch, capfd):
    (tmp_path / "file").write_text("not a folder")
    below_a_file = tmp_path / "file" / "cache"
    monkeypatch.setattr(platformdirs, "user_cache_path", lambda name: below_a_file)
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(scratch))
    assert_tiny(load_mnist(url=server.url))
    out, err = capfd.readouterr()
    assert_one_clear_line_about_the_cache(out, "[A-Z][a-z ]+")
    assert err == "" and list(scratch.iterdir()) == []


def test_a_read_only_cache_serves_this_call_only(server, cache, monkeypatch, capfd):
    """Root may write everywhere, so the refusal is made by hand."""
    put_tiny(cache, **{TEST_LABELS: None})

    def refuse(self, *args, **kwargs):
        raise PermissionError(13, "Permission denied", str(cache))

    monkeypatch.setattr(filelock.FileLock, "acquire", refuse)
    assert_tiny(load_mnist(url=server.url))
    assert_one_clear_line_about_the_cache(capfd.readouterr().out, "Permission denied")
    assert left_in(cache) == WHOLE_CACHE - {f"MNIST/raw/{TEST_LABELS}"}


@pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write in any folder"
)
def test_a_folder_without_write_permission_serves_this_call_only(server, cache, capfd):
    cache.mkdir()
    cache.chmod(0o500)
    assert_tiny(load_mnist(url=server.url))
    assert_one_clear_line_about_the_cache(capfd.readouterr().out, "Permission denied")
    assert left_in(cache) == set()


def test_a_disk_without_locks_serves_this_call_only(server, monkeypatch, capfd):
    def refuse(self, *args, **kwargs):
        raise NotImplementedError("FileSystem does not appear to support flock")

    monkeypatch.setattr(filelock.FileLock, "acquire", refuse)
    assert_tiny(load_mnist(url=server.url))
    assert_one_clear_line_about_the_cache(capfd.readouterr().out, "no file locks")


def test_full_disks_end_in_digits(server, cache, monkeypatch, capfd):
    really_open = open

    def full(path, mode="r", *args, **kwargs):
        if "w" in mode and Path(path).parent.name.startswith(("download-", "tmp")):
            raise OSError(28, "No space left on device", str(path))
        return really_open(path, mode, *args, **kwargs)

    monkeypatch.setattr(builtins, "open", full)
    assert_digits(load_mnist(url=server.url))
    cannot, line = capfd.readouterr().out.splitlines(keepends=True)
    assert "cannot be used (No space left on device)" in cannot
    assert line == f"MNIST could not be downloaded (No space left on device); using {DIGITS}"


# ---- folders that the learner gives -------------------------------------------------------------


@pytest.fixture(params=["root", "COURSE_DATA"])
def load_from(request, monkeypatch):
    """Load from a folder, given either way; a download would fail the test."""
    asked = watch_the_network(monkeypatch)

    def load(folder):
        if request.param == "root":
            monkeypatch.setenv("COURSE_DATA", "elsewhere")  # root wins
            return load_mnist(folder)
        monkeypatch.setenv("COURSE_DATA", str(folder))
        return load_mnist()

    load.asked_by = request.param
    yield load
    assert not asked


def test_a_given_folder_is_read_and_the_cache_left_alone(load_from, tmp_path, cache, capfd):
    put_tiny(tmp_path / "given")
    assert_tiny(load_from(tmp_path / "given"))
    assert left_by(capfd) == (TINY_LINE, "")
    assert not cache.exists()


def test_a_relative_path_starts_at_the_working_folder(load_from, tmp_path, monkeypatch):
    put_tiny(tmp_path / "given")
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    assert_tiny(load_from("../given"))


def test_a_tilde_is_the_home_folder(load_from, tmp_path, monkeypatch):
    put_tiny(tmp_path / "home" / "given")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("USERPROFILE", str(tmp_path / "home"))
    assert_tiny(load_from("~/given"))


def test_a_relative_folder_that_is_not_there_says_from_where_it_was_looked_up(
    load_from, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(FileNotFoundError) as error:
        load_from("nowhere")
    asked_by = load_from.asked_by
    assert str(error.value).startswith(f"{asked_by}='nowhere' lacks MNIST/raw/{TRAIN_IMAGES}, ")
    assert f"(looked up from {tmp_path})" in str(error.value)
    assert f"leave {asked_by} unset to download them" in str(error.value)
    assert 'set it to "digits"' in str(error.value)


def test_exactly_the_missing_file_is_named(load_from, tmp_path):
    put_tiny(tmp_path / "given", **{TEST_LABELS: None})
    with pytest.raises(FileNotFoundError) as error:
        load_from(tmp_path / "given")
    assert f"lacks MNIST/raw/{TEST_LABELS}. Put" in str(error.value)


def test_missing_files_are_an_error_even_when_the_cache_has_them(load_from, tmp_path, cache):
    put_tiny(cache)
    (tmp_path / "given").mkdir()
    with pytest.raises(FileNotFoundError, match="lacks"):
        load_from(tmp_path / "given")


@pytest.mark.parametrize("damage", ["truncated", "altered"])
def test_a_damaged_file_in_a_given_folder_is_refused_and_left_untouched(
    damage, load_from, tmp_path
):
    good = TINY[TRAIN_IMAGES]
    bad = good[:-100] if damage == "truncated" else good[:-1] + bytes([good[-1] ^ 1])
    raw = put_tiny(tmp_path / "given", **{TRAIN_IMAGES: bad})
    with pytest.raises(ValueError) as error:
        load_from(tmp_path / "given")
    found, expected = (hashlib.md5(content).hexdigest() for content in (bad, good))
    assert (
        f"{TRAIN_IMAGES} is damaged: it has {len(bad):,} bytes with MD5 {found}, "
        f"MNIST has {len(good):,} bytes with MD5 {expected}. It is not used." in str(error.value)
    )
    assert (raw / TRAIN_IMAGES).read_bytes() == bad
    assert left_in(tmp_path / "given") == WHOLE_CACHE


def test_a_folder_in_the_place_of_a_file_is_named(load_from, tmp_path):
    raw = put_tiny(tmp_path / "given", **{TRAIN_IMAGES: None})
    (raw / TRAIN_IMAGES).mkdir()
    with pytest.raises(ValueError, match=f"{TRAIN_IMAGES} is a folder, not a file. It is not"):
        load_from(tmp_path / "given")
    (raw / TRAIN_IMAGES / TRAIN_IMAGES).write_bytes(TINY[TRAIN_IMAGES])
    with pytest.raises(ValueError, match=r"\(the file lies inside it\)"):
        load_from(tmp_path / "given")


def test_a_file_that_cannot_be_read_is_named(load_from, tmp_path, monkeypatch):
    """Root may read everything, so the refusal is made by hand."""
    raw = put_tiny(tmp_path / "given")
    really_open = open

    def refuse(path, *args, **kwargs):
        if path == raw / TRAIN_IMAGES:
            raise PermissionError(13, "Permission denied", str(path))
        return really_open(path, *args, **kwargs)

    monkeypatch.setattr(builtins, "open", refuse)
    with pytest.raises(ValueError, match=rf"{TRAIN_IMAGES} cannot be read \(Permission denied\)"):
        load_from(tmp_path / "given")


def test_an_empty_course_data_counts_as_unset(cache, monkeypatch, capfd):
    put_tiny(cache)
    monkeypatch.setenv("COURSE_DATA", "")
    assert_tiny(load_mnist())


@pytest.mark.parametrize("url", ["ftp://example.org", "example.org/mnist", "file:///tmp", ""])
def test_an_address_that_is_none_is_refused(url):
    with pytest.raises(ValueError, match="url must start with http:// or https://, got "):
        load_mnist(url=url)


@pytest.mark.parametrize("timeout", [0, -1.0, float("nan"), float("inf")])
def test_a_timeout_that_is_none_is_refused(timeout):
    with pytest.raises(ValueError, match="timeout must be a positive finite number of seconds"):
        load_mnist(timeout=timeout)


# ---- the digits and the real thing --------------------------------------------------------------


def test_the_word_digits_loads_them_without_network_and_says_so(load_from, capfd):
    assert_digits(load_from("digits"))
    assert left_by(capfd) == (DIGITS, "")


def test_the_digits_are_the_same_every_time_whatever_the_seed():
    torch.manual_seed(1)
    np.random.seed(1)
    first = load_mnist("digits", log=None)
    torch.manual_seed(2)
    np.random.seed(2)
    second = load_mnist("digits", log=None)
    for part in ("train_images", "train_labels", "test_images", "test_labels"):
        assert torch.equal(getattr(first, part), getattr(second, part))


def test_the_digits_are_numbers_whatever_the_default_device():
    first = load_mnist("digits", log=None)
    with torch.device("meta"):
        second = load_mnist("digits", log=None)
    assert torch.equal(first.train_images, second.train_images)
    assert torch.equal(first.test_labels, second.test_labels)


def test_the_digits_are_framed_like_mnist_and_within_zero_and_one():
    digits = load_mnist("digits", log=None)
    for images in (digits.train_images, digits.test_images):
        assert images.dtype == torch.float32
        assert images.min() == 0 and 0.9 < images.max() <= 1
        frame = images.reshape(-1, 28, 28).clone()
        assert frame[:, 4:24, 4:24].amax((1, 2)).min() > 0.5  # every image shows something
        frame[:, 4:24, 4:24] = 0
        assert frame.count_nonzero() == 0
    for labels in (digits.train_labels, digits.test_labels):
        assert labels.dtype == torch.int64


def test_the_digits_are_scikit_learns_enlarged_bilinearly():
    """Pillow is the oracle; an image is found again by its nearest neighbour."""
    original = load_digits()
    enlarged = [
        Image.fromarray(image.astype(np.float32) / 16).resize((20, 20), Image.Resampling.BILINEAR)
        for image in original.images
    ]
    expected = torch.from_numpy(np.stack(enlarged)).flatten(1)  # (1797, 400)
    digits = load_mnist("digits", log=None)
    for images, labels in (
        (digits.train_images, digits.train_labels),
        (digits.test_images, digits.test_labels),
    ):
        inner = images.reshape(-1, 28, 28)[:, 4:24, 4:24].flatten(1)
        nearest = torch.cdist(inner, expected).argmin(1)
        assert torch.allclose(inner, expected[nearest], atol=1e-6)
        assert labels.tolist() == original.target[nearest].tolist()


def test_the_split_keeps_every_class_and_no_image_twice():
    digits = load_mnist("digits", log=None)
    train, test = digits.train_labels.bincount(), digits.test_labels.bincount()
    assert len(train) == len(test) == 10
    assert ((test / (train + test) - 0.2).abs() < 0.005).all()
    both = torch.cat([digits.train_images, digits.test_images])
    assert len(both.unique(dim=0)) == 1797


def test_one_line_says_what_an_image_data_is():
    digits = load_mnist("digits", log=None)
    assert f"scikit-learn's {digits!r}\n" == DIGITS


@pytest.mark.skipif(REAL in ("", "digits"), reason="COURSE_DATA names no folder with MNIST")
def test_the_real_mnist_has_its_known_counts_and_torchvisions_pixels(monkeypatch, capfd):
    monkeypatch.undo()  # the real MD5s
    mnist = load_mnist(REAL)
    line = "MNIST: 60,000 training and 10,000 test images of 28×28 pixels in [0, 1]\n"
    assert left_by(capfd) == (line, "")
    assert mnist.train_images.shape == (60000, 784) and mnist.test_images.shape == (10000, 784)
    assert mnist.train_images.min() == 0 and mnist.train_images.max() == 1
    train = [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
    test = [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
    assert mnist.train_labels.bincount().tolist() == train
    assert mnist.test_labels.bincount().tolist() == test
    oracle = MNIST(os.path.expanduser(REAL), train=False, transform=transforms.ToTensor())
    for i in (0, 5000, 9999):
        image, label = oracle[i]
        assert torch.equal(image.flatten(), mnist.test_images[i])
        assert label == mnist.test_labels[i]
