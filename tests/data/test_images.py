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
        (pair(TRAIN[0] * 1.0), ValueError, "got up to 255: divide by 255"),
        (pair(TRAIN[0] / 256 - 0.5), ValueError, r"got -0.5 to 0.4961: try \(images - images.min"),
        (pair(np.full((30, 784), np.nan)), ValueError, "got nan to nan: look at torch.isfinite"),
        (pair(np.zeros((0, 784)), []), ValueError, r"got \(0, 784\): there are none"),
        (pair(torch.zeros(30, 784).to_sparse()), TypeError, r"try images.to_dense\(\)"),
        (pair(labels=TRAIN[1][:29]), ValueError, r"train labels must be \(30,\), .*got \(29,\)"),
        (pair(labels=TRAIN[1] + 1), ValueError, "whole numbers from 0 to 9, got 1 to 10"),
        (pair(labels=TRAIN[1] + 0.5), ValueError, "whole numbers from 0 to 9, got 0.5 to 9.5"),
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


TENSORS = [torch.uint8, torch.uint16, torch.int16, torch.float16, torch.bfloat16, torch.float32]


@pytest.mark.parametrize("kind", ["f4", "f8", "u1", "u2", "i4", *TENSORS, "times 255"])
def test_grey_values_of_files_are_refused_whatever_their_type(kind):
    images = TRAIN[0].reshape(30, 784)
    if kind == "times 255":
        images = (torch.from_numpy(images) / 255) * 255
    else:
        is_array = isinstance(kind, str)
        images = images.astype(kind) if is_array else torch.from_numpy(images).to(kind)
    with pytest.raises(ValueError, match=r"pixels in \[0, 1\], got up to 255: divide by 255"):
        as_images(images)


def test_numbers_that_are_no_grey_values_are_taken_as_they_are():
    for images in (torch.randn(5, 4) * 9, torch.tensor([[0.0, 1.0]]), torch.tensor([[-2.0, 3.0]])):
        assert torch.equal(as_images(images), images)
    assert as_images(torch.zeros(0, 784)).shape == (0, 784)


def test_an_array_is_copied_and_a_tensor_of_the_right_kind_is_not():
    array, tensor = np.zeros((2, 3), np.float32), torch.zeros(2, 3)
    as_images(array)[0, 0] = 1
    assert array[0, 0] == 0 and as_images(tensor) is tensor


GREY = TRAIN[0] / 255
SHAPED = {  # what people have → the same images after the advice
    "one image": GREY[0],
    "one row": GREY[0].reshape(784),
    "channels last": GREY[..., None],
    "colours": np.repeat(GREY[:, None], 3, 1),
    "colours last": np.repeat(GREY[..., None], 4, -1),
    "large": np.kron(GREY, np.ones((2, 2))),
    "large, a channel": np.kron(GREY, np.ones((2, 2)))[:, None],
}


@pytest.mark.parametrize("kind", [np.asarray, torch.from_numpy], ids=["array", "tensor"])
@pytest.mark.parametrize("images", SHAPED.values(), ids=SHAPED)
def test_the_advice_about_a_shape_can_be_typed_and_ends_at_images(images, kind):
    names = {"images": kind(images), "torch": torch}
    labels = TRAIN[1][: 30 if len(images) == 30 else 1]
    with pytest.raises(ValueError, match="train images must be .*try ") as told:
        image_data((names["images"], labels), (TEST[0] / 255, TEST[1]), "mine")
    advice = str(told.value).partition("try ")[2].removesuffix(", which is grey")
    mended = eval(advice.removesuffix(", for one image"), names)
    data = image_data((mended, labels), (TEST[0] / 255, TEST[1]), "mine")
    wanted = torch.from_numpy(GREY.reshape(30, 784)[: len(labels)]).float()
    if "interpolate" not in advice:  # which smooths
        assert torch.allclose(data.train_images, wanted)
    assert data.train_images.shape == wanted.shape


def test_rounding_over_the_edge_is_no_fault():
    images = torch.tensor([[-1e-7, 1 + 2e-7] * 392])
    data = image_data((images, [0]), (images, [0]), "mine")
    assert (data.train_images.min(), data.train_images.max()) == (0, 1)


def test_one_folder_may_hold_several_sets_but_none_is_taken_unasked(tmp_path):
    folder = put(tmp_path / "raw", lambda name: f"emnist-digits-{name}")
    for name in FOUR:
        (folder / f"emnist-mnist-{name}").write_bytes(
            (folder / f"emnist-digits-{name}").read_bytes()
        )
    several = r"several data sets: give one: .*emnist-digits, .*emnist-mnist$"
    for root in (folder, tmp_path):
        with pytest.raises(FileNotFoundError, match=several):
            load_images(root, log=None)
    data = load_images(folder / "emnist-mnist", log=None)
    assert_right(data)
    assert data.name == "emnist-mnist"


def test_a_backup_beside_the_file_of_the_right_name_is_not_taken(tmp_path):
    folder = put(tmp_path / "mine")
    (folder / f"backup-{FOUR[1]}").write_bytes(idx(np.full(30, 9, np.uint8)))
    (folder / FOUR[1].replace("-idx", ".idx")).write_bytes(idx(np.full(30, 8, np.uint8)))
    assert_right(load_images(folder, log=None))


@pytest.mark.parametrize(
    "given", [".", "mine", "mine/raw/deeper/still", f"mine/raw/{FOUR[0]}", "mine/raw/deeper"]
)
def test_a_folder_too_high_or_too_low_or_a_file_is_answered_with_the_right_folder(given, tmp_path):
    folder = put(tmp_path / "sets/mine/raw")
    (folder / "deeper/still").mkdir(parents=True)
    root = tmp_path if given == "." else tmp_path / "sets" / given
    if given == "mine":
        assert_right(load_images(root, log=None))
        return
    with pytest.raises(FileNotFoundError, match="does: try it$") as told:
        load_images(root, log=None)
    assert_right(load_images(str(told.value).split("'")[3], log=None))


@pytest.mark.parametrize(
    "spelled", ['"images:{}"', "Images:{}", "images={}", " images: {} ", "images:'{}'"]
)
def test_the_environments_word_for_other_images_is_read_however_it_is_written(
    spelled, tmp_path, monkeypatch
):
    folder = put(tmp_path / "mine")
    monkeypatch.setenv("COURSE_DATA", spelled.format(folder))
    assert_right(load_mnist(log=None))


def test_an_address_in_place_of_a_folder_is_told_where_it_belongs(monkeypatch):
    monkeypatch.setenv("COURSE_DATA", "https://example.org/mnist")
    with pytest.raises(ValueError, match=r"load_mnist\(url='https://example.org/mnist'\)"):
        load_mnist(log=None)


@pytest.mark.parametrize(
    ("most", "scale"), [(16, 16), (15, 16), (255, 255), (99, 255), (65535, 65535), (300, 300)]
)
@pytest.mark.parametrize("kind", ["u2", "f4"])
def test_what_to_divide_by_is_what_a_pixel_can_be_at_most(most, scale, kind):
    pixels = np.linspace(0, most, 30 * 784).round().reshape(30, 784).astype(kind)
    with pytest.raises(ValueError, match=rf"got up to {most}: divide by {scale}$"):
        image_data((pixels, TRAIN[1]), (TEST[0] / 255, TEST[1]), "mine")


def test_a_list_of_tensors_with_a_gradient_is_read():
    pixels = torch.from_numpy(TRAIN[0]) / 255
    images = list(pixels.requires_grad_())
    data = image_data((images, TRAIN[1]), (TEST[0] / 255, TEST[1]), "mine")
    assert (
        torch.equal(data.train_images, pixels.detach().flatten(1))
        and not data.train_images.requires_grad
    )
