"""The start-up check, as a class sees it: healthy, and with what goes wrong in a class."""

import platform
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest
from helpers.project import PROJECT

from course_utils import check_installation, installation

ROOT = Path(__file__).parents[1]


def test_this_installation_is_healthy(capsys):
    check_installation()
    *lines, last = capsys.readouterr().out.splitlines()
    assert lines[0] == "OK   python" and "OK   torch" in lines
    assert len(lines) == 1 + len(PROJECT["dependencies"])
    assert all(line.startswith("OK   ") for line in lines)
    assert last == "Everything is installed: the course can begin."


def test_an_old_or_missing_package_is_named_with_a_remedy(monkeypatch, capsys):
    needs = ["torch>=99", "no-such-package>=1.0", 'ruff>=1; extra == "test"']
    monkeypatch.setattr(metadata, "requires", lambda package: needs)
    check_installation()
    python, missing, old, last = capsys.readouterr().out.splitlines()
    assert missing.startswith("FAIL no-such-package is not installed, the course needs >=1.0")
    assert old.startswith("FAIL torch ") and old.endswith('Try: %pip install "torch>=99"')
    assert last.startswith("2 of 3 failed:") and "restart the kernel" in last


def test_an_old_python_is_named(monkeypatch, capsys):
    monkeypatch.setattr(platform, "python_version", lambda: "3.9.18")
    check_installation()
    expected = "FAIL python 3.9.18 is installed, the course needs >=3.10. Try: a newer Python"
    assert capsys.readouterr().out.splitlines()[0] == expected


def test_packages_that_do_not_fit_each_other_are_found_by_loading_them(monkeypatch, capsys):
    def broken(name):
        if name == "torchvision":
            raise RuntimeError("operator torchvision::nms\n  does not exist")

    monkeypatch.setattr(installation, "import_module", broken)
    check_installation()
    (line,) = (x for x in capsys.readouterr().out.splitlines() if x.startswith("FAIL"))
    assert "does not load (RuntimeError: operator torchvision::nms does not exist)" in line
    assert line.endswith('Try: %pip install --force-reinstall "torchvision>=0.19"')


@pytest.mark.parametrize(
    ("version", "verdict"),
    [
        ("2.4", "OK   torch"),
        ("2.15.0", "OK   torch"),
        ("2.4.0+cpu", "OK   torch"),
        ("3.0rc1", "OK   torch"),
        ("2.3.9", "FAIL torch 2.3.9 is installed, the course needs >=2.4. Try: "),
    ],
)
def test_versions_are_compared_as_numbers(version, verdict, monkeypatch, capsys):
    monkeypatch.setattr(metadata, "requires", lambda package: ["torch>=2.4"])
    monkeypatch.setattr(metadata, "version", lambda package: version)
    check_installation()
    assert capsys.readouterr().out.splitlines()[1].startswith(verdict)


def test_it_runs_where_no_package_but_the_course_is_installed():
    """It must say that NumPy and torch are missing, not fall over them."""
    code = f"""
import sys
sys.path.insert(0, {str(ROOT)!r})
from importlib import metadata
needs = {PROJECT["dependencies"]!r}
metadata.requires = lambda package: needs
metadata.metadata = lambda package: {{"Requires-Python": ">=3.10"}}
from course_utils.installation import check_installation
check_installation()
"""
    done = subprocess.run([sys.executable, "-I", "-S", "-c", code], capture_output=True, text=True)
    lines = done.stdout.splitlines()
    assert lines[0] == "OK   python", done.stderr
    assert sum("is not installed" in line for line in lines) == len(PROJECT["dependencies"])
