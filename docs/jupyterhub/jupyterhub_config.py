"""A JupyterHub on one machine, to try a class out: ``jupyterhub -f jupyterhub_config.py``.

Anybody logs in with any name and the password of ``COURSE_PASSWORD``. Each user has a folder of
their own below ``COURSE_HOMES``, but all are the same user of the machine: this is for trying, not
for strangers. What a class should have stands in README.md beside this file.
"""

import os
import resource
import sys
from pathlib import Path

from jupyterhub.spawner import SimpleLocalProcessSpawner

LIMIT = int(float(os.environ.get("COURSE_GB", "2")) * 2**30)
HOMES = Path(os.environ.get("COURSE_HOMES", "hub-homes")).resolve()


class LimitedSpawner(SimpleLocalProcessSpawner):
    """Give each process of a user at most so much memory of its own."""

    def make_preexec_fn(self, name):
        """Return what a server does before it begins; its kernels inherit the limit."""
        return lambda: resource.setrlimit(resource.RLIMIT_DATA, (LIMIT, LIMIT))


c = get_config()  # noqa: F821  JupyterHub puts it here
c.JupyterHub.spawner_class = LimitedSpawner
c.JupyterHub.authenticator_class = "dummy"
c.DummyAuthenticator.password = os.environ["COURSE_PASSWORD"]
c.Authenticator.allow_all = True
c.JupyterHub.bind_url = os.environ.get("COURSE_HUB", "http://127.0.0.1:8000")
c.JupyterHub.db_url = f"sqlite:///{HOMES}/hub.sqlite"
c.JupyterHub.cookie_secret_file = str(HOMES / "cookie_secret")
c.ConfigurableHTTPProxy.pid_file = str(HOMES / "proxy.pid")
c.SimpleLocalProcessSpawner.home_dir_template = str(HOMES / "{username}")
c.Spawner.cmd = [sys.executable, "-m", "jupyterhub.singleuser"]
c.Spawner.args = ["--allow-root", *os.environ.get("COURSE_OPTIONS", "").split()]
c.Spawner.default_url = "/lab"
c.Spawner.mem_limit = LIMIT  # JupyterLab shows it; the spawner of a real hub enforces it
c.Spawner.start_timeout = 120
KEPT = ("COURSE_DATA", "PYTHONPATH", "JUPYTER_PATH", "JUPYTERLAB_DIR", "JUPYTER_CONFIG_PATH")
c.Spawner.environment = {name: os.environ[name] for name in KEPT if name in os.environ}
c.Spawner.environment["OMP_NUM_THREADS"] = "1"  # one thread a kernel: the class shares the cores
HOMES.mkdir(parents=True, exist_ok=True)
