"""Other data sets: from four files of any spelling, from arrays; each fault in words."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import scipy.sparse
import torch

from course_utils import load_mnist
from course_utils.data import as_images, image_data, load_images

RNG = np.random.default_rng(0)
TRAIN = RNG.integers(0, 256, (30, 28, 28), dtype=np.uint8), np.arange(30, dtype=np.uint8) % 10
TEST = RNG.integers(0, 256, (10, 28, 28), dtype=np.uint8), np.arange(10, dtype=np.uint8)
FOUR = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte")
FOUR += ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")


def idx(array: np.ndarray) -> bytes:
    return bytes([0, 0, 8, array.ndim]) + np.array(array.shape, ">u4").tobytes() + array.tobytes()


def put(folder: Path, rename=lambda name: name, pack=lambda raw: raw, **changes: bytes) -> Path:
    folder.mkdir(parents=True)
    for name, array in zip(FOUR, (*TRAIN, *TEST), strict=True):
        (folder / rename(name)).write_bytes(pack(changes.get(name, idx(array))))
    return folder


def assert_right(data) -> None:
    for part, (pixels, labels) in {"train": TRAIN, "test": TEST}.items():
        images, classes = getattr(data, f"{part}_images"), getattr(data, f"{part}_labels")
        wanted = torch.from_numpy(pixels.reshape(-1, 784).astype(np.float32) / 255)
        assert torch.equal(images, wanted) and images.dtype == torch.float32
        assert classes.tolist() == labels.tolist() and classes.dtype == torch.int64


@pytest.mark.parametrize("root", [".", "FashionMNIST", "FashionMNIST/raw"])
def test_four_files_are_read_from_their_folder_and_from_above_and_named_after_it(
    root, tmp_path, capsys
):
    put(tmp_path / "FashionMNIST/raw")
    data = load_images(tmp_path / root)
    assert_right(data)
    line = "FashionMNIST: 30 training and 10 test images of 28×28 pixels in [0, 1]\n"
    assert capsys.readouterr().out == line
    assert data.is_foreign and not data.is_mnist


SPELLINGS = {
    "packed": (lambda name: f"{name}.gz", gzip.compress),
    "kaggle": (lambda name: name.replace("-idx", ".idx"), bytes),
    "emnist": (lambda name: f"emnist-digits-{name.replace('t10k', 'test')}", bytes),
}


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_four_files_are_read_however_they_are_spelled(spelling, tmp_path):
    rename, pack = SPELLINGS[spelling]
    assert_right(load_images(put(tmp_path / "mine", rename, pack), log=None))


def test_the_environment_gives_another_data_set_to_a_notebook(tmp_path, monkeypatch, capsys):
    put(tmp_path / "KMNIST/raw")
    monkeypatch.setenv("COURSE_DATA", f"images:{tmp_path / 'KMNIST'}")
    assert_right(load_mnist())
    assert capsys.readouterr().out.startswith("KMNIST: 30 training and 10 test images")


@pytest.mark.parametrize("name", ["MNIST", "digits"])
def test_images_that_are_not_mnists_are_never_called_so(name, tmp_path):
    put(tmp_path / name / "raw")
    assert load_images(tmp_path / name, log=None).name == f"images of {name}"


def test_a_folder_without_all_four_and_one_with_two_sets_are_refused(tmp_path):
    put(tmp_path / "a/raw")
    put(tmp_path / "b/raw")
    with pytest.raises(FileNotFoundError, match="several data sets: give one: .*a.raw, .*b.raw"):
        load_images(tmp_path, log=None)
    (tmp_path / "a/raw" / FOUR[3]).unlink()
    with pytest.raises(FileNotFoundError, match=r"it holds train-images-idx3-ubyte, train-labels"):
        load_images(tmp_path / "a/raw", log=None)


GOOD = idx(TRAIN[0])
DAMAGED = {
    "truncated": (GOOD[:-5], r"announces 23,520 bytes and has 23,515"),
    "too long": (GOOD + b"x", r"announces 23,520 bytes and has more"),
    "no IDX": (b"<html></html>", r"is no IDX file of bytes: it begins with b'<htm'"),
    "empty": (b"", r"is no IDX file of bytes"),
    "header only": (GOOD[:9], r"says that its sizes are"),
    "enormous": (b"\0\0\x08\x03" + b"\xff" * 12, r"says that its sizes are"),
    "32 × 32": (idx(np.zeros((4, 32, 32), np.uint8)), r"must be \(n, 784\) or \(n, 28, 28\), got"),
}


@pytest.mark.parametrize("damage", DAMAGED)
@pytest.mark.parametrize("packed", [False, True], ids=["unpacked", "packed"])
def test_damaged_files_are_named(damage, packed, tmp_path):
    content, words = DAMAGED[damage]
    options = (lambda name: f"{name}.gz", gzip.compress) if packed else ()
    put(tmp_path / "mine", *options, **{FOUR[0]: content})
    with pytest.raises(ValueError, match=words):
        load_images(tmp_path / "mine", log=None)


def test_a_damaged_archive_is_named(tmp_path):
    folder = put(tmp_path / "mine", lambda name: f"{name}.gz", gzip.compress)
    path = folder / f"{FOUR[0]}.gz"
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(ValueError, match="is damaged: it cannot be unpacked"):
        load_images(folder, log=None)


def pair(images=TRAIN[0] / 255, labels=TRAIN[1]):
    return images, labels


@pytest.mark.parametrize(
    "train",
    [
        pair(),
        pair(torch.tensor(TRAIN[0]) / 255, torch.tensor(TRAIN[1]).long()),
        pair((TRAIN[0] / 255).tolist(), TRAIN[1].tolist()),
        pair((TRAIN[0] / 255).reshape(30, 1, 28, 28), TRAIN[1].astype(float)),
        [(TRAIN[0] / 255).reshape(30, 784).astype(">f4"), TRAIN[1].astype(np.uint16)],
        pair((TRAIN[0] / 255)[::-1][::-1]),
    ],
)
def test_arrays_of_any_kind_become_image_data(train):
    assert_right(image_data(train, (TEST[0] / 255, TEST[1]), "mine"))


@pytest.mark.parametrize(
    "train, error, words",
    [
        (pair(TRAIN[0]), ValueError, "train images must hold pixels in .*: divide by 255"),
        (pair(TRAIN[0] * 1.0), ValueError, r"pixels in \[0, 1\], got 0 to 255"),
        (pair(np.full((30, 784), np.nan)), ValueError, "got nan to nan"),
        (pair(np.zeros((30, 32, 32))), ValueError, r"got \(30, 32, 32\)"),
        (pair(np.zeros((0, 784)), []), ValueError, r"got \(0, 784\)"),
        (pair(labels=TRAIN[1][:29]), ValueError, r"train labels must be \(30,\), .*got \(29,\)"),
        (pair(labels=TRAIN[1] + 1), ValueError, "whole numbers from 0 to 9, got 1 to 10"),
        (pair(labels=TRAIN[1] + 0.5), ValueError, "whole numbers from 0 to 9, got 0.5 to 9.5"),
        (pair(labels=np.eye(30)), ValueError, r"got \(30, 30\)"),
        (pair(labels=list("abc")), TypeError, "train labels must be a tensor of numbers, got list"),
        (TRAIN[0], TypeError, "train must be a pair"),
    ],
)
def test_arrays_that_do_not_fit_are_refused_in_words(train, error, words):
    with pytest.raises(error, match=words):
        image_data(train, (TEST[0] / 255, TEST[1]), "mine")


@pytest.mark.parametrize(
    "given, advice",
    [
        (pd.DataFrame(np.ones((2, 3))), r"got DataFrame: try torch.as_tensor\(images.to_numpy\(\)"),
        (scipy.sparse.eye(3).tocsr(), r"got csr_matrix: try torch.as_tensor\(images.toarray\(\)"),
        ([[1.0], [1.0, 2.0]], "got list: .*rows of equal length"),
        ("images", "got str: try the tensors of course_utils.load_mnist"),
        (None, "got NoneType: try the tensors"),
        (np.ones((2, 2)) * 1j, "images must be real numbers"),
        (np.array([["a"]]), "must be a tensor of numbers, got ndarray"),
    ],
)
def test_what_is_no_tensor_is_told_how_to_become_one(given, advice):
    with pytest.raises(TypeError, match=advice):
        as_images(given)


def test_an_array_is_copied_and_a_tensor_of_the_right_kind_is_not():
    array, tensor = np.zeros((2, 3), np.float32), torch.zeros(2, 3)
    as_images(array)[0, 0] = 1
    assert array[0, 0] == 0 and as_images(tensor) is tensor
