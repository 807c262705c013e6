"""What holds the repository together: dependencies, README, environment, style, size."""

import ast
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).parents[1]
MODULES = sorted((ROOT / "course_utils").rglob("*.py"))
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
README = (ROOT / "README.md").read_text(encoding="utf-8")
TEST = PROJECT["optional-dependencies"]["test"]


def package_names(requirements):
    return {re.match(r"[\w-]+", line)[0].lower() for line in requirements}


def test_environment_installs_this_package_with_its_test_extra():
    text = (ROOT / "environment.yml").read_text(encoding="utf-8")
    listed = re.findall(r"^\s*- (?!pip:)(\S+)\s*$", text, re.MULTILINE)
    assert re.search(r"^name: \S+$", text, re.MULTILINE)
    assert re.search(r"- pip:\n\s+- -e \.\[test\]", text)
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
    for requirement in PROJECT["dependencies"] + TEST:
        match = re.match(r"([\w-]+)>=([\d.]+)", requirement)
        assert match, f"{requirement} has no lower bound"
        name, bound = match.groups()
        if ";" not in requirement:
            assert _version(pins[name]) >= _version(bound), f"{name} is pinned below {bound}"


def _version(text):
    return tuple(int(part) for part in re.findall(r"\d+", text)[:3])


def test_everything_imported_is_declared():
    renamed = {"PIL": "pillow", "sklearn": "scikit-learn"}
    declared = package_names(PROJECT["dependencies"])
    for path in MODULES:
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                imported = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                imported = [node.module]
            else:
                continue
            for name in {name.split(".")[0] for name in imported}:
                known = name in sys.stdlib_module_names or name == "course_utils"
                assert known or renamed.get(name, name) in declared, f"{path.name} imports {name}"


def floors():
    rows = re.findall(r"^\| (\d) \| `(\w+)` \|", README, re.MULTILINE)
    return {module: int(floor) for floor, module in rows}


def test_the_readme_lists_every_module_of_the_package():
    modules = {p.stem for p in (ROOT / "course_utils").glob("*.py")} - {"__init__"}
    assert set(floors()) == modules | {"exercises"}


def test_a_module_imports_only_from_floors_below_its_own():
    floor = floors()
    for path in MODULES:
        own = "exercises" if path.parent.name == "exercises" else path.stem
        text = path.read_text(encoding="utf-8")
        text = text.split("if TYPE_CHECKING:")[0] + "".join(text.split("\n\n\n")[1:])
        imported = re.findall(
            r"^\s*from course_utils(?:\.(\w+))? import ([\w, ]+)", text, re.MULTILINE
        )
        for module, imported_names in imported:
            for name in [module] if module else imported_names.split(", "):
                assert floor[name] < floor[own], f"{path.name} (floor {floor[own]}) imports {name}"


def test_modules_and_functions_are_small():
    for path in MODULES:
        text = path.read_text(encoding="utf-8")
        assert len(text.splitlines()) <= 300, path.name
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef):
                body = node.body[1:] if ast.get_docstring(node) else node.body
                lines = node.end_lineno - body[0].lineno + 1 if body else 0
                assert lines <= 50, f"{path.name}: {node.name} has {lines} lines"


def test_the_readme_holds_exactly_two_commands():
    commands = re.findall(r"```bash\n(.*?)```", README, re.DOTALL)
    assert commands == [
        'pip install -e ".[test]" && jupyter lab notebooks/00_start_here.ipynb\n',
        "pytest --nbval\n",
    ]


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
