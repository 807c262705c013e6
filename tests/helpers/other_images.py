"""A made data set, written as FashionMNIST is: ten kinds of grey garments, no handwriting."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
from scipy import ndimage

NAMES = {"train": ("train-images-idx3-ubyte", "train-labels-idx1-ubyte")}
NAMES |= {"test": ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")}


def write_garments(root: Path, n_train: int = 6000, n_test: int = 1000, seed: int = 0) -> Path:
    """Write ``root/FashionMNIST/raw`` with four packed files, and return that folder.

    A garment is the outline of its class (a smooth blob), woven in a texture of its own, brighter
    or darker, moved and turned a little: most pixels are grey, as in FashionMNIST, and as there one
    image in eight is taken for another class.
    """
    rng, raw = np.random.default_rng(seed), root / "FashionMNIST" / "raw"
    raw.mkdir(parents=True)
    outlines = [_blob(rng) for _ in range(10)]
    for part, count in {"train": n_train, "test": n_test}.items():
        labels = rng.permutation(np.arange(count) % 10).astype(np.uint8)
        images = np.stack([_garment(outlines[label], rng) for label in labels])
        mistaken = rng.random(count) < 1 / 8
        labels[mistaken] = rng.integers(0, 10, mistaken.sum())
        for name, array in zip(NAMES[part], (images, labels), strict=True):
            header = bytes([0, 0, 8, array.ndim]) + np.array(array.shape, ">u4").tobytes()
            (raw / f"{name}.gz").write_bytes(gzip.compress(header + array.tobytes(), 1))
    return raw


def _blob(rng: np.random.Generator) -> np.ndarray:
    smooth = ndimage.gaussian_filter(rng.normal(size=(28, 28)), 4)
    middle = np.hypot(*(np.mgrid[:28, :28] - 13.5)) < 12.5
    return ((smooth > np.median(smooth)) & middle).astype(float)


def _garment(outline: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    texture = 0.75 + 0.5 * ndimage.gaussian_filter(rng.normal(size=(28, 28)), 1)
    turned = ndimage.rotate(outline, rng.normal(0, 8), reshape=False, order=1)
    moved = ndimage.shift(turned, rng.normal(0, 1.2, 2), order=1)
    pixels = moved * texture * rng.uniform(0.5, 1.0)
    return np.clip(255 * pixels, 0, 255).astype(np.uint8)
