"""Labels of every kind that people have: taken, or refused with advice that can be typed."""

import numpy as np
import pandas as pd
import pytest
import torch
import torch.nn.functional as F

from course_utils.data import as_labels, conversion, way_to_classes

CLASSES = torch.tensor([3, 0, 9, 1, 9])


@pytest.mark.parametrize("kind", ["i1", "u1", "i4", ">i8", "f4", "f8", list, torch.int32, "tensor"])
def test_whole_numbers_of_any_kind_are_labels(kind):
    if kind == "tensor":
        given = CLASSES
    elif isinstance(kind, torch.dtype):
        given = CLASSES.to(kind)
    else:
        given = CLASSES.tolist() if kind is list else CLASSES.numpy().astype(kind)
    read = as_labels(given, 5)
    assert torch.equal(read, CLASSES) and read.dtype == torch.int64


WRONG = {
    "one-hot": F.one_hot(CLASSES, 10),
    "one-hot, of floats": F.one_hot(CLASSES, 10).double(),
    "column": CLASSES[:, None],
    "column of floats": CLASSES[:, None].double(),
    "column of floats, of an array": CLASSES[:, None].numpy() / 1,
    "one-hot, of an array": F.one_hot(CLASSES, 10).numpy(),
    "one-hot, of lists": F.one_hot(CLASSES, 10).tolist(),
    "column, of lists": CLASSES[:, None].tolist(),
}


@pytest.mark.parametrize("given", WRONG.values(), ids=WRONG)
def test_the_advice_about_labels_can_be_typed_and_ends_at_classes(given):
    with pytest.raises(ValueError, match=r"labels must be \(5,\).*: try ") as told:
        as_labels(given, 5)
    mended = eval(str(told.value).partition("try ")[2], {"labels": given, "numpy": np})
    assert torch.equal(as_labels(mended, 5), CLASSES)


@pytest.mark.parametrize("given", [CLASSES[:4], CLASSES[:4, None], torch.tensor(3), CLASSES[None]])
def test_where_the_number_of_labels_is_wrong_no_kind_of_number_is_advised(given):
    with pytest.raises(ValueError, match=r"labels must be \(5,\), one an image, got \([\d, ]*\)$"):
        as_labels(given, 5)


TEXTS = [str(label) for label in CLASSES.tolist()]
WORDS = ["shirt", "bag", "boot", "bag", "shirt"]
TEXT = {
    "list": (TEXTS, CLASSES),
    "array": (np.array(TEXTS), CLASSES),
    "objects": (np.array(TEXTS, dtype=object), CLASSES),
    "series": (pd.Series(TEXTS), CLASSES),
    "categories, as fetch_openml gives them": (pd.Series(TEXTS).astype("category"), CLASSES),
    "words": (WORDS, torch.tensor([2, 0, 1, 0, 2])),
    "a series of words": (pd.Series(WORDS), torch.tensor([2, 0, 1, 0, 2])),
}


@pytest.mark.parametrize(("given", "wanted"), TEXT.values(), ids=TEXT)
def test_the_advice_about_text_can_be_typed_too(given, wanted):
    with pytest.raises(TypeError, match="labels must be a tensor of numbers, got ") as told:
        as_labels(given, 5)
    names = {"labels": given, "torch": torch, "numpy": np}
    assert torch.equal(eval(str(told.value).partition("try ")[2], names), wanted)
    assert conversion(given, "labels") in str(told.value)


@pytest.mark.parametrize(
    ("labels", "advice"),
    [
        (torch.tensor([-1, 2]), ", the least -1: count the classes from 0"),
        (torch.tensor([1, 2]), ""),
        (torch.zeros(2, 3, 4), ""),
        (torch.zeros(0), ": try labels.long()"),
    ],
)
def test_where_nothing_helps_nothing_is_advised(labels, advice):
    assert way_to_classes(labels) == advice
