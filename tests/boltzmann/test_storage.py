"""What is no saved machine is named, and nothing in it is run."""

import zipfile

import pytest
import torch

from course_utils.boltzmann import RBM


class Evil:
    def __reduce__(self):
        return (print, ("code from the file ran",))


def wrong_files(folder):
    torch.save({"weight": torch.zeros(2, 2)}, folder / "other.pt")
    torch.save([1, 2], folder / "list.pt")
    torch.save(torch.zeros(3), folder / "tensor.pt")
    torch.save({"kind": Evil()}, folder / "evil.pt")
    (folder / "text.pt").write_text("hello")
    (folder / "empty.pt").write_bytes(b"")
    whole = folder / "whole.pt"
    RBM(6, 4).save(whole)
    (folder / "half.pt").write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    with zipfile.ZipFile(folder / "zip.pt", "w") as archive:
        archive.writestr("a.txt", "hello")
    whole.unlink()
    return sorted(folder.iterdir())


def test_a_wrong_file_is_named_and_no_code_in_it_runs(tmp_path, capsys):
    for path in wrong_files(tmp_path):
        with pytest.raises(ValueError, match=f"{path.name}' holds no RBM: try a file"):
            RBM.load(path)
    assert "code from the file ran" not in capsys.readouterr().out
    with pytest.raises(FileNotFoundError):
        RBM.load(tmp_path / "nowhere.pt")
