"""Shapeset-3×2: what the shapes are, told by their moments; how often each; what overlaps."""

import math

import pytest
import torch

from course_utils.data import load_mnist, shapeset
from course_utils.data.shapeset import CLASSES, LEAST_AREA, SHAPES


@pytest.fixture(scope="module")
def data():
    return shapeset(6000, 50, seed=0)


def inks(image):
    """The greys of a picture (1024,) but the most frequent, which is the background, and counts."""
    greys, counts = image.unique(return_counts=True)
    order = counts.argsort(descending=True)
    return greys[order[1:]], counts[order[1:]]


def test_the_same_seed_draws_the_same_and_another_draws_others(data):
    again = shapeset(6000, 10, seed=0)  # fewer test images leave the training images as they are
    assert torch.equal(again.train_images, data.train_images)
    assert torch.equal(again.train_labels, data.train_labels)
    assert not torch.equal(shapeset(100, 1, seed=1).train_images, data.train_images[:100])


def test_what_it_is(data):
    assert data.train_images.shape == (6000, 1024) and data.test_images.shape == (50, 1024)
    assert 0 <= data.train_images.min() and data.train_images.max() <= 1
    assert repr(data).endswith("6,000 training and 50 test images of 32×32 pixels in [0, 1]")
    assert data.is_foreign and not data.is_mnist


def test_one_shape_or_two_and_each_of_the_three_are_equally_likely(data):
    share = torch.bincount(data.train_labels, minlength=9) / 6000
    single, same, mixed = 1 / 6, 1 / 18, 1 / 9
    expected = [single] * 3 + [same, mixed, mixed, same, mixed, same]
    assert [len(set(c)) for c in CLASSES] == [1, 1, 1, 1, 2, 2, 1, 2, 1]
    assert share.tolist() == pytest.approx(expected, abs=4 * math.sqrt(single / 6000))


@pytest.mark.parametrize(
    ("shape", "invariant"),
    [("triangle", 1 / 108), ("parallelogram", 1 / 144), ("ellipse", 1 / (16 * math.pi**2))],
)
def test_a_shape_has_the_moments_of_its_name(data, shape, invariant):
    """(μ20 μ02 - μ11²) / μ00⁴ is one number for all triangles, one for all ellipses, …."""
    measured = []
    for image in data.train_images[data.train_labels == SHAPES.index(shape)]:
        (grey,), (area,) = inks(image)
        if area > 120:  # pixels blur what is small
            at = (image.view(32, 32) == grey).nonzero().double()
            (a, b), (_, d) = torch.cov(at.T, correction=0)
            measured.append((a * d - b * b) / area**2)
    assert len(measured) > 20
    assert torch.stack(measured).median() == pytest.approx(invariant, rel=0.02)
    assert torch.stack(measured).sub(invariant).abs().max() < 0.1 * invariant


def test_two_shapes_are_both_to_be_seen(data):
    two = data.train_images[data.train_labels >= 3]
    for image in two[:500]:
        greys, counts = inks(image)
        assert len(greys) == 2 and counts.min() >= LEAST_AREA / 2
    one = data.train_images[data.train_labels < 3]
    assert all(len(inks(image)[0]) == 1 for image in one[:500])


def test_every_other_picture_is_dark_on_light_and_shapes_are_everywhere(data):
    one = data.train_images[data.train_labels < 3]
    background = one.median(1).values  # of one shape, which covers less than half
    assert (background > 0.5).double().mean() == pytest.approx(0.5, abs=0.04)
    inked = (one - background[:, None]).abs() > 1e-3
    share = inked.double().mean(0).view(32, 32)
    assert share[[0, -1]].sum() > 0.1 and share[:, [0, -1]].sum() > 0.1  # up to each side
    assert share[8:24, 8:24].min() > 0.1
    assert torch.equal((share > 0).sum(0) > 20, torch.ones(32, dtype=torch.bool))


@pytest.mark.parametrize("bad", [0, -1, 2.5, True, "10"])
def test_impossible_numbers_are_refused_in_words(bad):
    with pytest.raises(ValueError, match="n_train must be a whole number of at least 1"):
        shapeset(bad, 10)
    with pytest.raises(ValueError, match="n_test must be a whole number of at least 1"):
        shapeset(10, bad)
    with pytest.raises(ValueError, match="seed must be a whole number"):
        shapeset(10, 10, seed="a")


def test_another_default_device_does_not_matter():
    with torch.device("meta"):
        elsewhere = shapeset(20, 10, seed=3)
        digits = load_mnist("digits", log=None)
    assert torch.equal(elsewhere.train_images, shapeset(20, 10, seed=3).train_images)
    assert torch.equal(digits.test_images, load_mnist("digits", log=None).test_images)
