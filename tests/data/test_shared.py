"""Pixels that all kernels of a machine share: are they right, and does nobody change another's?"""

import os
import subprocess
import sys

import numpy as np
import platformdirs
import pytest
import torch

from course_utils.data import shared

RAW = np.random.default_rng(0).integers(0, 256, (1000, 28, 28), dtype=np.uint8)
RIGHT = torch.from_numpy(RAW.copy()).flatten(1).float().div_(255)


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setattr(platformdirs, "user_cache_path", lambda name: tmp_path / name)
    return tmp_path / "course_utils" / "pixels"


@pytest.fixture
def nowhere(tmp_path):
    return tmp_path / "nowhere"


@pytest.fixture
def is_mapped(monkeypatch):
    """Whether a tensor was made of memory that a file is mapped to."""
    mapped, make = {}, torch.from_numpy

    def watched(array):
        tensor = make(array)
        mapped[id(tensor)] = isinstance(array.base, np.memmap)
        return tensor

    monkeypatch.setattr(torch, "from_numpy", watched)
    return lambda tensor: mapped[id(tensor)]


def test_the_pixels_are_the_bytes_over_255_and_lie_in_a_file(cache, nowhere, is_mapped):
    for _ in range(2):
        images = shared.pixels(RAW, nowhere)
        assert torch.equal(images, RIGHT) and images.dtype == torch.float32
        assert is_mapped(images)
    assert [path.suffix for path in cache.iterdir()] == [".npy"]  # one, and nothing left behind


def test_who_changes_them_changes_them_for_nobody_else(cache, nowhere):
    mine = shared.pixels(RAW, nowhere)
    mine.zero_()
    assert torch.equal(shared.pixels(RAW, nowhere), RIGHT)


def test_other_images_get_another_file(cache, nowhere):
    shared.pixels(RAW, nowhere)
    assert torch.equal(shared.pixels(RAW[::-1], nowhere), RIGHT.flip(0))
    assert len([*cache.iterdir()]) == 2


def _flip(path):
    with open(path, "r+b") as file:
        file.seek(-500, os.SEEK_END)
        file.write(b"\x01")


def _flip_in_header(path):
    with open(path, "r+b") as file:
        file.seek(100)
        file.write(b"(")  # a blank, one bit changed


DAMAGES = {
    "a byte": _flip,
    "cut": lambda path: os.truncate(path, path.stat().st_size // 2),
    "empty": lambda path: path.write_bytes(b""),
    "another format": lambda path: path.write_bytes(b"PK\x03\x04 no array"),
    "another shape": lambda path: np.save(path, np.zeros((3, 784), np.float32)),
    "a bit of its header": _flip_in_header,
    "objects": lambda path: np.save(path, np.array([{}]), allow_pickle=True),
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_a_damaged_file_is_not_believed_but_written_again(cache, nowhere, damage):
    shared.pixels(RAW, nowhere)
    (path,) = cache.iterdir()
    whole = path.read_bytes()
    damage(path)
    assert torch.equal(shared.pixels(RAW, nowhere), RIGHT)
    assert path.read_bytes() == whole


def test_where_nothing_can_be_written_the_kernel_has_them_for_itself(cache, nowhere, is_mapped):
    cache.parent.mkdir()
    cache.write_text("a file where the folder should be")
    images = shared.pixels(RAW, nowhere)
    assert torch.equal(images, RIGHT) and not is_mapped(images)
    images.zero_()  # writable, as ever


def test_a_disk_without_room_leaves_nothing_behind(cache, nowhere, monkeypatch):
    def full(*args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "save", full)
    assert torch.equal(shared.pixels(RAW, nowhere), RIGHT)
    assert [*cache.iterdir()] == []


def test_a_copy_beside_the_data_serves_all_users_and_is_only_read(cache, tmp_path, is_mapped):
    shared.pixels(RAW, tmp_path)
    os.rename(cache, tmp_path / "pixels")
    assert is_mapped(shared.pixels(RAW, tmp_path))
    assert not cache.exists()
    _flip(next((tmp_path / "pixels").iterdir()))
    assert torch.equal(shared.pixels(RAW, tmp_path), RIGHT)


@pytest.mark.skipif(sys.platform != "linux", reason="asks /proc for the memory of its own")
def test_a_further_kernel_needs_hardly_any_memory_of_its_own(tmp_path):
    """Twenty megabytes of pixels, and another process that has read them all."""
    code = """if True:
    import re, sys
    from pathlib import Path
    import numpy as np, platformdirs
    from course_utils.data import shared
    here = Path(sys.argv[1])
    platformdirs.user_cache_path = lambda name: here
    raw = np.arange(20 * 2**20 // 4, dtype=np.uint32).astype(np.uint8).reshape(-1, 32, 32)
    def own():
        text = Path("/proc/self/smaps_rollup").read_text()
        return int(re.search(r"Anonymous: +([0-9]+) kB", text)[1]) / 1024
    before = own()
    images = shared.pixels(raw, here)
    assert images.sum() > 0
    print(own() - before)
    """
    command = [sys.executable, "-c", code, str(tmp_path)]
    first, second = (float(subprocess.check_output(command)) for _ in range(2))
    assert first > 20 and second < 0.6 * 20, (first, second)  # megabytes
