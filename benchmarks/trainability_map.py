"""The fine trainability map of notebook 10: sigma_w² against depth, one number a cell.

Run ``python benchmarks/trainability_map.py --workers 2``, with the environment variable
``COURSE_DATA`` if MNIST lies there; about ten minutes of one core. Each depth is one tile: all its
networks are trained side by side on one thread (`course_utils.experiments.train_row`). joblib
spreads the tiles; the stored file (`course_utils.experiments.stored`) is the same for any number of
workers and any backend (on one kind of processor, with one version of torch).

A finished tile is stored at once, whole or not at all, in a folder beside the file. So a run that
is killed loses only the tiles that were being computed: give the same command again, and it goes
on. More ``--depths`` or ``--seeds`` are added to what is there; ``--again`` starts anew.

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
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict
from pathlib import Path

import torch
from joblib import Parallel, delayed, parallel_config

from course_utils import load_mnist
from course_utils.experiments import MapSetting, stored_path, train_row
from course_utils.experiments.stored import as_text, write_whole

FILE = stored_path("trainability_map")
SIGMA_W2 = [round(1 + 0.2 * i, 1) for i in range(16)]  # 1.0 to 4.0
DEPTHS = list(range(10, 101, 10))


def tile(setting: MapSetting, depth: int, seed: int) -> dict:
    """Compute one tile, in whichever process: it gets the data by itself."""
    accuracies = train_row(setting, depth, load_mnist(log=None), seed)
    return {"depth": depth, "seed": seed, "accuracy": [round(value, 4) for value in accuracies]}


def place(row: dict) -> tuple[int, int]:
    return row["depth"], row["seed"]


def stored_rows(file: Path, folder: Path, setting: dict) -> list[dict]:
    """Return the rows of the file and of the folder of finished tiles."""
    rows = [json.loads(path.read_text(encoding="utf-8")) for path in folder.glob("*.json")]
    if file.exists():
        content = json.loads(file.read_text(encoding="utf-8"))
        if content["setting"] != setting:
            raise SystemExit(f"{file.name} holds a map of another setting: --again replaces it")
        rows += content["rows"]
    return list({place(row): row for row in rows}.values())


def dask_cluster(workers: int, scheduler: str | None) -> AbstractContextManager:
    """Return a client of a running Dask cluster, or of a new one on this machine."""
    from distributed import Client

    if scheduler:
        return Client(scheduler)
    return Client(n_workers=workers, threads_per_worker=1, dashboard_address=None)


def arguments(line: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--workers", type=int, default=1, help="tiles at a time")
    parser.add_argument("--backend", default="loky", help="of joblib: loky, dask")
    parser.add_argument("--scheduler", help="address of a running Dask scheduler")
    parser.add_argument("--depths", type=int, nargs="+", default=DEPTHS)
    parser.add_argument("--sigma-w2", type=float, nargs="+", default=SIGMA_W2)
    parser.add_argument("--seeds", type=int, default=1, help="seeds 0 to this number, less one")
    parser.add_argument("--width", type=int, default=100)
    parser.add_argument("--steps", type=int, default=500)
    parser.add_argument("--file", type=Path, default=FILE)
    parser.add_argument("--again", action="store_true", help="forget what is stored")
    return parser.parse_args(line)


def main(line: Sequence[str] | None = None) -> None:
    given = arguments(line)
    setting = MapSetting(tuple(given.sigma_w2), width=given.width, steps=given.steps)
    data = load_mnist(log=None)
    if not data.is_mnist and given.file == FILE:
        raise SystemExit(
            "MNIST was not found: set COURSE_DATA to a folder that holds it, or --file"
        )
    described = {"data": data.name, "torch": torch.__version__.split("+")[0], **asdict(setting)}
    described = json.loads(json.dumps(described))  # tuples become lists, as in the file
    fingerprint = hashlib.sha256(json.dumps(described).encode()).hexdigest()[:8]
    folder = given.file.with_name(f"{given.file.stem}.{fingerprint}.tiles")
    if given.again:
        given.file.unlink(missing_ok=True)
        shutil.rmtree(folder, ignore_errors=True)
    rows = stored_rows(given.file, folder, described)
    wanted = {(depth, seed) for depth in given.depths for seed in range(given.seeds)}
    missing = sorted(wanted - {place(row) for row in rows}, reverse=True)  # the longest first
    print(f"{len(wanted) - len(missing)} of {len(wanted)} tiles are there already", flush=True)
    folder.mkdir(parents=True, exist_ok=True)
    cluster = dask_cluster(given.workers, given.scheduler) if given.backend == "dask" else None
    started = time.perf_counter()
    with cluster or nullcontext(), parallel_config(backend=given.backend, n_jobs=given.workers):
        spread = Parallel(return_as="generator_unordered", batch_size=1)
        for row in spread(delayed(tile)(setting, *one) for one in missing):
            write_whole(folder / "{}-{}.json".format(*place(row)), json.dumps(row))
            rows.append(row)
            print(f"{place(row)} after {time.perf_counter() - started:.0f} s", flush=True)
    write_whole(given.file, as_text(described, rows=sorted(rows, key=place)))
    shutil.rmtree(folder)


if __name__ == "__main__":
    main()
