"""What pytest must know before it collects: threads, the place of the data, nbval's patience."""

import os
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")  # two kernels on two cores must not fight for them

_data = os.environ.get("COURSE_DATA")
if _data and _data != "digits":  # notebooks run in their own folder, so a relative path would break
    os.environ["COURSE_DATA"] = str(Path(_data).expanduser().resolve())

import hypothesis  # noqa: E402
import nbval.kernel  # noqa: E402
import pytest  # noqa: E402
from nbval.plugin import IPyNbCell, IPyNbFile  # noqa: E402
from xdist.scheduler import LoadScopeScheduling  # noqa: E402

BROWSER = "tests/course/browser/"

hypothesis.settings.register_profile("course", deadline=None)  # no test depends on the clock
hypothesis.settings.load_profile("course")


def pytest_configure(config):
    """Let notebooks run in kernels that share what takes longest to import."""
    from helpers.kernels import Forked

    nbval.kernel.NbvalKernelspecManager = Forked


class WholeFiles(LoadScopeScheduling):
    """Hand a file of tests, or a notebook, to one process; all tests of the browser too."""

    def _split_scope(self, nodeid):
        return BROWSER if nodeid.startswith(BROWSER) else nodeid.partition("::")[0]


def pytest_xdist_auto_num_workers(config):
    """One process more than cores: one of them often waits, for a browser or for a kernel."""
    return (os.cpu_count() or 1) + 1


def pytest_xdist_make_scheduler(config, log):
    """One JupyterLab and one browser serve all their tests; a notebook's kernel starts once."""
    return WholeFiles(config, log)


@pytest.hookimpl(wrapper=True)
def pytest_collect_file(file_path, parent):
    """Let nbval pass over progress bars, which go to stderr and hold timings."""
    collected = yield
    for collector in collected:
        if isinstance(collector, IPyNbFile):
            collector.skip_compare += ("stderr",)
    return collected


def pytest_itemcollected(item):
    """Give a training cell time to think between two outputs (nbval's own limit is 5 seconds)."""
    if isinstance(item, IPyNbCell):
        item.output_timeout = 60
