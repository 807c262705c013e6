"""The package without the notebooks' software: only the explorers may ask for Jupyter's parts."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from course_utils.initializers import SCHEMES

PACKAGE = Path(__file__).parents[2] / "course_utils"

BLOCK = """
import importlib, json, pathlib, pkgutil, sys, types

BLOCKED = {"anywidget", "ipywidgets", "traitlets", "comm", "IPython", "ipykernel", "zmq",
           "matplotlib_inline", "tornado", "nbformat", "nbclient", "nbconvert", "nbval", "notebook",
           "voila", "pytest"}

class NoJupyter:  # asked before all others, it answers as if these were not installed
    def find_spec(self, name, path=None, target=None):
        first = name.partition(".")[0]
        if first in BLOCKED or first.startswith("jupyter"):
            raise ModuleNotFoundError(f"No module named {first!r}", name=first)

sys.meta_path.insert(0, NoJupyter())
"""

IMPORT_ALL = """
import course_utils

needs = {}

def try_to_import(names):
    for name in names:
        try:
            importlib.import_module(name)
        except ModuleNotFoundError as error:
            needs[name] = error.name

try_to_import(found.name for found in pkgutil.walk_packages(course_utils.__path__, "course_utils."))
room = pathlib.Path(course_utils.__path__[0]) / "explorers"
for folder in (room, *(path.parent for path in room.glob("*/__init__.py"))):
    name = ".".join(["course_utils", *folder.relative_to(room.parent).parts])
    sys.modules[name] = types.ModuleType(name)  # without its __init__, which imports the widgets
    sys.modules[name].__path__ = [str(folder)]
    files = sorted(path.stem for path in folder.glob("*.py") if path.stem != "__init__")
    try_to_import(f"{name}.{file}" for file in files)
"""

USE = """
import torch
from course_utils import claim, load_mnist
from course_utils.initializers import SCHEMES, initialize_
from course_utils.networks import mlp
from course_utils.plotting import std_by_layer, use_course_style
from course_utils.probes import Probe
from course_utils.training import fit

use_course_style()
data = load_mnist("digits", log=None)
images, labels = data.train_images[:200], data.train_labels[:200]
curves, steps = {}, {}
for scheme in SCHEMES:
    network = initialize_(mlp([784, 30, 30, 30, 10]), scheme)
    with Probe(network) as probe:
        torch.nn.functional.cross_entropy(network(images), labels).backward()
    curves[scheme] = probe.stds("activation")
    steps[scheme] = fit(network, images, labels, batch_size=50, steps=3).steps
claim("With He every layer has a signal", min(curves["he_normal"]) > 0)
std_by_layer(curves).figure.savefig("stds.png")
print(json.dumps([needs, steps]))
"""


@pytest.fixture(scope="module")
def seen(tmp_path_factory):
    """What a program saw where nothing of Jupyter can be imported, and the picture it drew."""
    folder = tmp_path_factory.mktemp("without_jupyter")
    done = subprocess.run(
        [sys.executable, "-c", BLOCK + IMPORT_ALL + USE],
        cwd=folder,
        env=os.environ | {"MPLBACKEND": "Agg", "OMP_NUM_THREADS": "1"},
        capture_output=True,
        encoding="utf-8",
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    return *json.loads(done.stdout.splitlines()[-1]), folder / "stds.png"


def explorers():
    """The modules that define an explorer, or what explorers are made of."""
    made = r"^class \w+\((anywidget\.AnyWidget|Explorer)\)"
    files = [
        path.relative_to(PACKAGE.parent).with_suffix("")
        for path in PACKAGE.rglob("*.py")
        if re.search(made, path.read_text(encoding="utf-8"), re.MULTILINE)
    ]
    return {".".join(file.parts) for file in files}


def test_all_but_the_explorers_can_be_imported_and_these_name_what_they_need(seen):
    needs, _, _ = seen
    assert len(explorers()) >= 6
    rooms = {name for name in needs if (PACKAGE.parent / Path(*name.split("."))).is_dir()}
    assert rooms <= {"course_utils.explorers", "course_utils.classroom"}  # they show widgets
    assert needs.keys() == rooms | explorers()
    assert set(needs.values()) <= {"anywidget", "ipywidgets", "traitlets"}


def test_networks_are_initialized_probed_trained_and_drawn(seen):
    _, steps, drawn = seen
    assert steps == dict.fromkeys(SCHEMES, 3)
    with Image.open(drawn) as picture:
        assert len(picture.convert("L").getcolors()) > 20
