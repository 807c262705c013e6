"""A long run in tiles: spread over processes or a cluster, resumed after a kill, whole on disk.

A tile is a row or a few, computed on one thread by a function of its own; joblib spreads the tiles.
A finished tile is stored at once, whole or not at all, in a folder beside the file. So a run that
is killed loses only the tiles that were being computed: give the same command again, and it goes
on. Rows are stored in the order of their keys: the file is the same for any number of workers and
any backend (on one kind of processor, with one version of torch).

On a cluster: joblib's Dask backend sends the same tiles to other machines. ``--backend dask``
starts a local cluster with as many worker processes; ``--scheduler tcp://host:8786`` uses one that
runs already, whose workers have this package and find the data. With Ray it would be two lines
instead of `dask_cluster`: ``from ray.util.joblib import register_ray``, ``register_ray()``, then
``--backend ray``. Tiles are written by the process that was started, so that no shared folder is
needed.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import shutil
import time
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

from joblib import Parallel, delayed, parallel_config

from course_utils.experiments.stored import as_text, write_whole

Key = tuple


def add_options(parser: argparse.ArgumentParser, file: Path) -> None:
    """Give a command the options that every run in tiles has."""
    parser.add_argument("--workers", type=int, default=1, help="tiles at a time")
    parser.add_argument("--backend", default="loky", help="of joblib: loky, dask")
    parser.add_argument("--scheduler", help="address of a running Dask scheduler")
    parser.add_argument("--file", type=Path, default=file)
    parser.add_argument("--again", action="store_true", help="forget what is stored")


class Tiles:
    """The rows of one run: those that are stored, and those that are still to compute.

    Parameters
    ----------
    given
        Of a parser with `add_options`.
    setting
        What all tiles share, as JSON can hold it: a file of another setting is not added to.
    key
        Row → what tells it from others, a tuple that can be sorted.
    """

    def __init__(self, given: argparse.Namespace, setting: dict, key: Callable[[dict], Key]):
        self.file, self.key, self.given = given.file, key, given
        self.setting = json.loads(json.dumps(setting))  # tuples become lists, as in the file
        fingerprint = hashlib.sha256(json.dumps(self.setting).encode()).hexdigest()[:8]
        self.folder = self.file.with_name(f"{self.file.stem}.{fingerprint}.tiles")
        if given.again:
            self.file.unlink(missing_ok=True)
            shutil.rmtree(self.folder, ignore_errors=True)
        self.rows = {key(row): row for row in self._stored()}

    def _stored(self) -> list[dict]:
        """Return the rows of the file and of the folder of finished tiles."""
        texts = (path.read_text(encoding="utf-8") for path in self.folder.glob("*.json"))
        rows = [row for text in texts for row in json.loads(text)]
        if self.file.exists():
            content = json.loads(self.file.read_text(encoding="utf-8"))
            if content["setting"] != self.setting:
                name = self.file.name
                raise SystemExit(f"{name} holds a run of another setting: --again replaces it")
            rows += content["rows"]
        return rows

    def compute(
        self, jobs: Iterable[tuple[str, Callable[[], list[dict]], float]], minutes: float = 1e9
    ) -> None:
        """Compute jobs in their order, store each when it is done, and write the file.

        A job is its name, a function that returns its rows and can be pickled, and about what it
        costs, in any unit: from that the time left is told. After ``minutes`` no new job begins.
        """
        jobs = list(jobs)
        given, started, open_cost = self.given, time.perf_counter(), sum(c for *_, c in jobs)
        whole = open_cost
        self.folder.mkdir(parents=True, exist_ok=True)
        cluster = dask_cluster(given.workers, given.scheduler) if given.backend == "dask" else None

        def in_time() -> Iterable:
            for name, job, cost in jobs:
                if time.perf_counter() - started < 60 * minutes:
                    yield delayed(_named)(name, job, cost)

        with cluster or nullcontext(), parallel_config(given.backend, n_jobs=given.workers):
            options = {"batch_size": 1, "pre_dispatch": given.workers}
            spread = Parallel(return_as="generator_unordered", **options)
            for name, rows, cost in spread(in_time()):
                write_whole(self.folder / f"{_file_name(name)}.json", json.dumps(rows))
                self.rows |= {self.key(row): row for row in rows}
                open_cost -= cost
                passed = time.perf_counter() - started
                left = passed * open_cost / (whole - open_cost) / 60
                print(f"{name} after {passed:.0f} s; about {left:.0f} min left", flush=True)
        rows = [self.rows[key] for key in sorted(self.rows)]
        write_whole(self.file, as_text(self.setting, rows=rows))
        shutil.rmtree(self.folder)


def _named(name: str, job: Callable[[], list[dict]], cost: float) -> tuple:
    return name, job(), cost


def _file_name(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()[:16]


def dask_cluster(workers: int, scheduler: str | None) -> AbstractContextManager:
    """Return a client of a running Dask cluster, or of a new one on this machine."""
    try:
        from distributed import Client
    except ModuleNotFoundError:
        raise SystemExit('a Dask cluster needs: pip install -e ".[cluster]"') from None

    if scheduler:
        return Client(scheduler)
    return Client(n_workers=workers, threads_per_worker=1, dashboard_address=None)
