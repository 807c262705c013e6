"""Files that a notebook has changed are named and put back."""

import pytest

from course_utils.grading import guard


@pytest.fixture
def package(tmp_path, monkeypatch):
    folder = tmp_path / "package"
    (folder / "room").mkdir(parents=True)
    (folder / "__init__.py").write_text("one")
    (folder / "room" / "code.py").write_text("two")
    monkeypatch.setattr(guard.course_utils, "__file__", str(folder / "__init__.py"))
    return folder


def test_what_is_as_it_was_is_not_named(package, tmp_path):
    kept = guard.Guard([])
    assert kept.put_back() == []
    assert list(kept.digest().values()) == [b"one", b"two"]


def test_what_was_changed_deleted_linked_or_added_is_put_back(package, tmp_path):
    submission = tmp_path / "anna" / "00.ipynb"
    submission.parent.mkdir()
    submission.write_bytes(b"hers")
    kept = guard.Guard([(submission, b"hers")])
    kept.keep(tmp_path / "table.csv", b"rows")
    submission.unlink()
    submission.parent.rmdir()
    (package / "room" / "code.py").unlink()
    (package / "room" / "code.py").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "elsewhere").write_text("two")
    (package / "more.py").write_text("three")
    (package / "room" / "__pycache__").mkdir()
    (package / "room" / "__pycache__" / "code.pyc").write_text("four")
    assert sorted(kept.put_back()) == ["00.ipynb", "code.py", "more.py", "table.csv"]
    assert submission.read_bytes() == b"hers" and (tmp_path / "table.csv").read_bytes() == b"rows"
    assert not (package / "room" / "code.py").is_symlink()
    assert not (package / "more.py").exists()
    assert not (package / "room" / "__pycache__" / "code.pyc").exists()
    assert (tmp_path / "elsewhere").read_text() == "two"
    assert kept.put_back() == []
