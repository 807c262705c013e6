"""Files in a wrong place are recognized and named; nothing there is read as MNIST."""

from __future__ import annotations

import gzip
import hashlib
import os
import shutil
from pathlib import Path

import numpy as np
import pytest

from course_utils import load_mnist
from course_utils.data import files

IDX3, IDX1 = bytes([0, 0, 8, 3]), bytes([0, 0, 8, 1])
MADE = {
    "train-images-idx3-ubyte": IDX3 + np.array([3, 28, 28], ">u4").tobytes() + bytes(3 * 784),
    "train-labels-idx1-ubyte": IDX1 + np.array([3], ">u4").tobytes() + bytes([5, 0, 4]),
    "t10k-images-idx3-ubyte": IDX3 + np.array([2, 28, 28], ">u4").tobytes() + bytes(2 * 784),
    "t10k-labels-idx1-ubyte": IDX1 + np.array([2], ">u4").tobytes() + bytes([7, 2]),
}


@pytest.fixture(autouse=True)
def small_mnist(monkeypatch):
    """Let the made files count as MNIST, and let nothing but a root decide."""
    monkeypatch.delenv("COURSE_DATA", raising=False)
    for name, raw in MADE.items():
        monkeypatch.setitem(files.RAW_FILES, name, (len(raw), hashlib.md5(raw).hexdigest()))


def put(folder: Path, rename=lambda name: name, pack=lambda raw: raw) -> Path:
    folder.mkdir(parents=True)
    for name, raw in MADE.items():
        (folder / rename(name)).write_bytes(pack(raw))
    return folder


def refusal(root) -> str:
    with pytest.raises((FileNotFoundError, ValueError)) as error:
        load_mnist(root, log=None)
    assert "lacks" not in str(error.value)
    return str(error.value)


@pytest.mark.parametrize(
    "below", ["MNIST", "MNIST/raw", "MNIST/processed"], ids=["one", "two", "beside"]
)
def test_a_root_too_deep_is_told_the_right_one(below, tmp_path):
    put(tmp_path / "data/MNIST/raw")
    (tmp_path / "data" / below).mkdir(exist_ok=True)
    root = os.fspath(tmp_path / "data")
    assert f"MNIST lies at {root!r}: give that folder" in refusal(tmp_path / "data" / below)


@pytest.mark.parametrize("above", [".", ".."], ids=["one", "two"])
def test_a_root_too_high_is_told_the_right_one(above, tmp_path):
    put(tmp_path / "work/data/MNIST/raw")
    root = os.fspath(tmp_path / "work/data")
    assert f"MNIST lies at {root!r}: give that folder" in refusal(
        tmp_path / "work/data" / ".." / above
    )


def test_files_without_their_folders_are_told_where_they_belong(tmp_path):
    put(tmp_path / "data")
    assert "belong into a folder MNIST/raw: make one" in refusal(tmp_path / "data")


@pytest.mark.parametrize("folder", ["MNIST/raw", ".", "archive"])
def test_kaggles_names_are_recognized(folder, tmp_path):
    put(tmp_path / "data" / folder, lambda name: name.replace("-idx", ".idx"))
    words = refusal(tmp_path / "data")
    assert "train-images.idx3-ubyte, which is called train-images-idx3-ubyte here: rename" in words


def test_kaggles_folder_around_each_file_is_recognized(tmp_path):
    for name, raw in MADE.items():
        put_in = tmp_path / "data/MNIST/raw" / name
        put_in.mkdir(parents=True)
        (put_in / name).write_bytes(raw)
    assert "is a folder, not a file (the file lies inside it)" in refusal(tmp_path / "data")


@pytest.mark.parametrize("folder", ["MNIST/raw", "."])
def test_packed_files_are_recognized(folder, tmp_path):
    put(tmp_path / "data" / folder, lambda name: f"{name}.gz", gzip.compress)
    words = refusal(tmp_path / "data")
    assert "train-images-idx3-ubyte.gz, still packed: unpack it, python -m gzip -d" in words


@pytest.mark.parametrize("name", ["FashionMNIST", "KMNIST", "fashion-mnist"])
@pytest.mark.parametrize("root", [".", "{}", "{}/raw"])
def test_another_data_set_is_called_by_its_name(name, root, tmp_path):
    put(tmp_path / "data" / name / "raw")
    words = refusal(tmp_path / "data" / root.format(name))
    called = "KMNIST" if name == "KMNIST" else "FashionMNIST"
    assert f"holds {called}, not MNIST" in words and "load_images(" in words


def test_another_data_set_in_the_place_of_mnist_is_told_from_a_damaged_one(tmp_path):
    raw = put(tmp_path / "data/MNIST/raw")
    for name in ("train-images-idx3-ubyte", "train-labels-idx1-ubyte"):
        changed = MADE[name][:-1] + b"\x09"
        (raw / name).write_bytes(changed)
    words = refusal(tmp_path / "data")
    assert "another data set of MNIST's size" in words and "FashionMNIST" in words
    assert f"COURSE_DATA=images:{raw}" in words
    (raw / "train-labels-idx1-ubyte").write_bytes(MADE["train-labels-idx1-ubyte"])
    assert "train-images-idx3-ubyte is damaged" in refusal(tmp_path / "data")


@pytest.mark.parametrize("written", ['"{}"', "'{}'", "{} ", '"{}" ', " {}\n", '"{} "'])
def test_quotes_and_blanks_around_a_path_are_not_part_of_it(written, tmp_path, monkeypatch):
    put(tmp_path / "data/MNIST/raw")
    given = written.format(tmp_path / "data")
    assert load_mnist(given, log=None).train_labels.tolist() == [5, 0, 4]
    monkeypatch.setenv("COURSE_DATA", given)
    assert load_mnist(log=None).train_labels.tolist() == [5, 0, 4]


def test_a_folder_whose_name_has_blanks_is_taken_as_it_is(tmp_path):
    put(tmp_path / " data " / "MNIST/raw")
    assert load_mnist(tmp_path / " data ", log=None).is_mnist


def test_nothing_near_is_said_to_lack_and_a_crowded_folder_is_not_searched_for_ever(tmp_path):
    for i in range(40):
        for j in range(40):
            (tmp_path / f"crowd/{i}/{j}").mkdir(parents=True)
    put(tmp_path / "crowd/39/39/MNIST/raw")  # beyond what is looked at
    with pytest.raises(FileNotFoundError, match="lacks MNIST/raw/train-images-idx3-ubyte"):
        load_mnist(tmp_path / "crowd", log=None)
    shutil.rmtree(tmp_path / "crowd")
