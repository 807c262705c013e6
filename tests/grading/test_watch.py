"""What is left of a process: nothing of its family, nothing of its files."""

import os

import pytest

from course_utils.grading import watch


def test_folders_in_each_other_are_removed_however_deep(tmp_path):
    if os.name != "posix":
        pytest.skip("a path is short there")
    here = os.getcwd()
    try:
        os.mkdir(tmp_path / "deep")
        os.chdir(tmp_path / "deep")
        for _ in range(1500):
            os.mkdir("deep")
            os.chdir("deep")
    finally:
        os.chdir(here)
    watch.remove(tmp_path / "deep")
    assert not (tmp_path / "deep").exists()


def test_a_folder_has_a_limit_of_files_and_of_bytes(tmp_path, monkeypatch):
    (tmp_path / "below").mkdir()
    (tmp_path / "below" / "file").write_bytes(b"x" * 1000)
    (tmp_path / "link").symlink_to(tmp_path)
    assert watch._excess_of(tmp_path) == ""
    monkeypatch.setattr(watch, "MOST_BYTES", 999)
    assert watch._excess_of(tmp_path).startswith("output: it wrote more than")
    monkeypatch.setattr(watch, "MOST_FILES", 2)
    assert watch._excess_of(tmp_path) == "output: it wrote more than 2 files"


@pytest.mark.parametrize(
    "asked, wanted",
    [
        (None, ""),
        ("digits", "digits"),
        ("data", "{here}/data"),
        ("images:data", "images:{here}/data"),
        ("images: /data", "images:/data"),
    ],
)
def test_the_images_are_the_same_in_every_folder(asked, wanted, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("COURSE_DATA", raising=False)
    if asked is not None:
        monkeypatch.setenv("COURSE_DATA", asked)
    assert watch.course_data().replace("\\", "/") == wanted.format(here=tmp_path.as_posix())


def test_a_process_is_given_few_variables(monkeypatch, tmp_path):
    monkeypatch.setenv("TOKEN_OF_A_SERVICE", "secret")
    given = watch._environment(tmp_path, 2)
    assert "secret" not in given.values()
    assert given["OMP_NUM_THREADS"] == "2" and given["TMPDIR"] == str(tmp_path)
