"""What stands in docs/jupyterhub: can it be read, and does the limit hold?"""

import subprocess
import sys
import types

import pytest
import yaml
from helpers.project import ROOT
from traitlets.config import Config

HUB = ROOT / "docs" / "jupyterhub"


def configuration(name, monkeypatch):
    """Run a configuration as JupyterHub does, which need not be installed; return it."""
    spawner = types.ModuleType("jupyterhub.spawner")
    spawner.SimpleLocalProcessSpawner = object
    for module, made in {
        "jupyterhub": types.ModuleType("jupyterhub"),
        spawner.__name__: spawner,
    }.items():
        monkeypatch.setitem(sys.modules, module, made)
    c = Config()
    code = compile((HUB / name).read_text(encoding="utf-8"), name, "exec")
    exec(code, {"get_config": lambda: c, "__name__": "jupyterhub_config"})
    return c


@pytest.mark.skipif(sys.platform == "win32", reason="no hub runs on Windows")
def test_no_process_of_a_user_takes_more_than_the_limit(tmp_path, monkeypatch):
    monkeypatch.setenv("COURSE_PASSWORD", "class")
    monkeypatch.setenv("COURSE_HOMES", str(tmp_path / "homes"))
    monkeypatch.setenv("COURSE_GB", "0.5")
    c = configuration("jupyterhub_config.py", monkeypatch)
    limited = c.JupyterHub.spawner_class().make_preexec_fn("ada")
    code = "x = bytearray({} * 2**20); print('fine')"
    ends = {
        megabytes: subprocess.run(
            [sys.executable, "-c", code.format(megabytes)],
            preexec_fn=limited,
            capture_output=True,
            text=True,
        )
        for megabytes in (100, 1000)
    }
    assert ends[100].stdout == "fine\n"
    assert "MemoryError" in ends[1000].stderr
    assert c.Spawner.mem_limit == 2**29 and (tmp_path / "homes").is_dir()


def test_a_hub_for_trying_has_no_password_of_its_own(tmp_path, monkeypatch):
    monkeypatch.setenv("COURSE_HOMES", str(tmp_path / "homes"))
    monkeypatch.delenv("COURSE_PASSWORD", raising=False)
    with pytest.raises(KeyError, match="COURSE_PASSWORD"):
        configuration("jupyterhub_config.py", monkeypatch)


def test_the_other_configurations_can_be_read_and_say_the_same(monkeypatch):
    c = configuration("littlest.py", monkeypatch)
    values = yaml.safe_load((HUB / "values.yaml").read_text(encoding="utf-8"))["singleuser"]
    assert c.Spawner.environment["OMP_NUM_THREADS"] == values["extraEnv"]["OMP_NUM_THREADS"] == "1"
    readme = (HUB / "README.md").read_text(encoding="utf-8")
    (limit,) = set(readme.split("tljh-config set limits.memory ")[1].split()[:1])
    assert limit == values["memory"]["limit"] == "2G"
    for file in ("littlest.py", "values.yaml", "jupyterhub_config.py", "try_it.py"):
        assert file in readme and (HUB / file).is_file()
