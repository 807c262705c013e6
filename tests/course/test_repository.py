"""What holds the repository together: dependencies, rooms, README, environment, style."""

import ast
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from helpers.project import PROJECT, ROOT

MODULES = sorted((ROOT / "course_utils").rglob("*.py"))
README = (ROOT / "README.md").read_text(encoding="utf-8")
EXTRAS = PROJECT["optional-dependencies"]


def package_names(requirements):
    return {re.match(r"[\w-]+", line)[0].lower() for line in requirements}


def test_environment_installs_this_package_with_what_teachers_show_it_with():
    text = (ROOT / "environment.yml").read_text(encoding="utf-8")
    listed = re.findall(r"^\s*- (?!pip:)(\S+)\s*$", text, re.MULTILINE)
    assert re.search(r"^name: \S+$", text, re.MULTILINE)
    assert re.search(r"- pip:\n\s+- -e \.\[teach,hub\]", text)
    assert [name.split("=")[0] for name in listed] == ["conda-forge", "python", "pip"]
    python = re.search(r"python=3\.(\d+)", text)[1]
    assert PROJECT["requires-python"] == ">=3.10" and 10 <= int(python) <= 13


def test_repo2docker_finds_all_it_needs_at_the_root():
    """It stages the whole folder before it installs if a line of pip begins with a local path."""
    assert not [name for name in ("binder", ".binder") if (ROOT / name).exists()]  # would win
    text = (ROOT / "environment.yml").read_text(encoding="utf-8")
    path = re.search(r"^\s+- -e (\.\S*)$", text, re.MULTILINE)[1]
    target = (ROOT / path.split("[")[0]).resolve()
    assert target == ROOT.resolve() and (target / "pyproject.toml").exists()
    extras = path.partition("[")[2].rstrip("]").split(",")
    assert set(extras) <= set(PROJECT["optional-dependencies"])


def test_the_image_of_repo2docker_gets_its_data():
    """postBuild is executed at the root by the user of the image; here on the embedded digits."""
    script = ROOT / "postBuild"
    assert script.read_text(encoding="utf-8").startswith("#!/usr/bin/env bash\n")
    here = {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    environment = {**os.environ, **here, "COURSE_DATA": "digits"}
    done = subprocess.run(
        ["bash", script], cwd=ROOT, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("scikit-learn's digits")


def test_every_dependency_has_a_lower_bound_and_a_pin_that_respects_it():
    pins = dict(
        line.split("==")
        for line in (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
        if line and not line.startswith("#")
    )
    for requirement in [*PROJECT["dependencies"], *sum(EXTRAS.values(), [])]:
        if requirement.startswith(PROJECT["name"]):
            continue  # the extras that another one brings along
        match = re.match(r"([\w-]+)>=([\d.]+)(?:,<([\d.]+))?(?:;|$)", requirement)
        assert match, f"{requirement} has no lower bound"
        name, bound, limit = match.groups()
        if ";" in requirement and name not in pins:
            continue  # not for the Python of the pins
        assert version(pins[name]) >= version(bound), f"{name} is pinned below {bound}"
        assert limit is None or version(pins[name]) < version(limit), f"{name}: {limit} is too new"


def test_the_tests_bring_every_other_extra_along():
    (brought,) = [line for line in EXTRAS["test"] if line.startswith(PROJECT["name"])]
    assert brought == f"{PROJECT['name']}[{','.join(sorted(set(EXTRAS) - {'test'}))}]"


def version(text):
    return tuple(int(part) for part in re.findall(r"\d+", text)[:3])


FOR_TEACHERS = {"classroom", "grading"}
"""Rooms that need the extra ``teach``."""


def test_everything_imported_is_declared():
    renamed = {"PIL": "pillow", "sklearn": "scikit-learn", "IPython": "ipython"}
    for path in MODULES:
        tree = ast.parse(path.read_text(encoding="utf-8"))
        declared = package_names(PROJECT["dependencies"])
        if path.parent.name in FOR_TEACHERS:
            declared |= package_names(EXTRAS["teach"])
        on_demand = declared | package_names(EXTRAS["cluster"])  # by a function that says so
        functions = [n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef)]
        inside = {node for function in functions for node in ast.walk(function)}
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                imported = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                imported = [node.module]
            else:
                continue
            for name in {name.split(".")[0] for name in imported}:
                known = name in sys.stdlib_module_names or name == "course_utils"
                allowed = on_demand if node in inside else declared
                assert known or renamed.get(name, name) in allowed, f"{path.name} imports {name}"


# ---------------------------------------------------------------- rooms, and what importing costs


def imports_are_linted(folder):
    """Run import-linter on the package that lies in a folder, beside its pyproject.toml."""
    command = Path(sys.executable).with_name("lint-imports")
    return subprocess.run(
        [command, "--no-cache"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(folder)},
        capture_output=True,
        encoding="utf-8",
    )


@pytest.fixture
def copied_package(tmp_path):
    shutil.copytree(ROOT / "course_utils", tmp_path / "course_utils")
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def test_a_room_imports_only_from_the_floors_below():
    done = imports_are_linted(ROOT)
    assert done.returncode == 0, done.stdout + done.stderr
    assert " 0 broken." in done.stdout


UPWARD = {
    "on a line": "from course_utils.training import fit",
    "in parentheses": "from course_utils.training import (\n    accuracy,\n    fit,\n)",
    "for types only": "if TYPE_CHECKING:\n    from course_utils.training import History",
    "in a function": "def late():\n    import course_utils.training.fit",
}


@pytest.mark.parametrize("planted", UPWARD.values(), ids=UPWARD)
def test_an_import_that_points_upward_is_found_wherever_it_hides(copied_package, planted):
    assert imports_are_linted(copied_package).returncode == 0
    with (copied_package / "course_utils" / "networks" / "mlp.py").open("a") as module:
        module.write(f"\n\nfrom typing import TYPE_CHECKING\n\n{planted}\n")
    done = imports_are_linted(copied_package)
    assert done.returncode == 1, done.stdout + done.stderr
    assert re.search(r"course_utils\.networks\.mlp\s+-> course_utils\.training", done.stdout)


def test_every_folder_of_the_package_is_a_room_that_says_what_it_holds():
    folders = {path.parent for path in MODULES}
    for folder in folders:
        assert ast.get_docstring(ast.parse((folder / "__init__.py").read_text(encoding="utf-8")))


def test_the_package_itself_loads_neither_torch_nor_matplotlib():
    command = [sys.executable, "-X", "importtime", "-c", "import course_utils"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    loaded = {line.rsplit("|")[-1].strip().split(".")[0] for line in done.stderr.splitlines()}
    assert "course_utils" in loaded and not loaded & {"torch", "torchvision", "matplotlib", "numpy"}


# ---------------------------------------------------------------- what readers and machines see


def test_the_readme_holds_exactly_two_commands():
    commands = re.findall(r"```bash\n(.*?)```", README, re.DOTALL)
    assert commands == [
        "pip install -e . && jupyter lab notebooks/00_start_here.ipynb\n",
        'pip install -e ".[test]" && pytest --nbval\n',
    ]


def test_the_readme_can_be_read_in_one_sitting():
    assert len(README.splitlines()) <= 150


def test_the_readme_shows_pictures_that_exist():
    for target in re.findall(r"!\[[^\]]*\]\(([^)]+)\)", README):
        assert (ROOT / target).stat().st_size < 3_000_000


def test_no_path_of_a_machine_and_no_foreign_host_is_in_the_repository():
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True)
    if listed.returncode:
        pytest.skip("not a git checkout")
    for name in listed.stdout.split():
        path = ROOT / name
        if path.suffix not in {".py", ".md", ".toml", ".yml", ".txt", ".ipynb", ".cff"}:
            continue
        text = path.read_text(encoding="utf-8")
        if path.name not in {"test_notebooks.py", "test_repository.py"}:
            assert not re.search(r"/(root|work|Users)/|/home/\w", text), name


@pytest.mark.parametrize("command", (["check"], ["format", "--check"]), ids=" ".join)
def test_ruff_is_content(command):
    done = subprocess.run(
        [sys.executable, "-m", "ruff", *command, "."], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
