"""The script that draws the page without a kernel, and the images that it is measured on."""

import importlib.util
import sys
from pathlib import Path

import pytest

from course_utils import load_mnist

SCRIPT = Path(__file__).parents[2] / "figures" / "explorer_page.py"


def load_script():
    spec = importlib.util.spec_from_file_location("explorer_page", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    sys.modules["explorer_page"] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


explorer_page = load_script()


def mnist_or_skip():
    """Return the images of the page, (256, 784); where only the digits are, skip."""
    data = load_mnist()
    if not data.is_mnist:
        pytest.skip("the page is measured on MNIST, which is not here: these are the digits")
    return data.train_images[: explorer_page.IMAGES]
