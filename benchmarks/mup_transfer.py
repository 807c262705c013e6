"""Best learning rate against width, standard and μP: the experiment that appendix 10a shows.

Run ``python benchmarks/mup_transfer.py``, with the environment variable ``COURSE_DATA`` if MNIST
lies there; about eleven minutes of one core. Networks of four hidden ReLU layers are trained for
500 steps of Adam at nine learning rates, for each width, parametrization and seed: what one line of
the stored file holds (`course_utils.experiments.stored`, `train_rates`). At the base width, the
smallest, both parametrizations are one, so it is trained once, as "standard".

The file is written anew after every line. So a run that is killed loses only the line that was
being computed: give the same command again, and it goes on. More ``--widths`` or ``--seeds`` are
added to what is there; ``--again`` starts anew. One thread computes it all.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch

from course_utils import load_mnist
from course_utils.experiments import TransferSetting, best_rate, stored_path, train_rates
from course_utils.experiments.stored import as_text, write_whole
from course_utils.initializers import MUP, STANDARD
from course_utils.terminal import any_terminal

FILE = stored_path("mup_transfer")
KINDS = {kind.name: kind for kind in (STANDARD, MUP)}


def place(row: dict) -> tuple[int, str, int]:
    return row["width"], row["parametrization"], row["seed"]


def stored_rows(file: Path, setting: dict) -> list[dict]:
    """Return the rows of the file, if it holds some of this setting."""
    if not file.exists():
        return []
    content = json.loads(file.read_text(encoding="utf-8"))
    if content["setting"] != setting:
        raise SystemExit(f"{file.name} holds another setting: --again replaces it")
    return content["rows"]


def summary(lrs: list[float], rows: list[dict]) -> list[str]:
    """Say in one line for each width and parametrization where the best rate lies."""
    lines = []
    for width, name in sorted({place(row)[:2] for row in rows}):
        chosen = [row["loss"] for row in rows if place(row)[:2] == (width, name)]
        losses = np.array(chosen, dtype=float)  # (seeds, rates); null becomes nan
        each = [math.log2(best_rate(lrs, one)) for one in losses]
        of_mean = math.log2(best_rate(lrs, losses.mean(0)))
        spread = ", ".join(f"{value:.1f}" for value in each)
        lines.append(
            f"{name:8s} width {width:4d}: log2 of the best rate {of_mean:6.2f} for the mean loss, "
            f"seed by seed {spread}; least mean loss {np.nanmin(losses.mean(0)):.4f}"
        )
    return lines


def arguments(line: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--widths", type=int, nargs="+", default=[64, 128, 256, 512])
    parser.add_argument("--seeds", type=int, default=5, help="seeds 0 to this number, less one")
    parser.add_argument("--lrs", type=float, nargs="+", default=list(TransferSetting.lrs))
    parser.add_argument("--base-width", type=int, default=TransferSetting.base_width)
    parser.add_argument("--depth", type=int, default=TransferSetting.depth)
    parser.add_argument("--steps", type=int, default=TransferSetting.steps)
    parser.add_argument("--file", type=Path, default=FILE)
    parser.add_argument("--again", action="store_true", help="forget what is stored")
    return parser.parse_args(line)


def main(line: Sequence[str] | None = None) -> None:
    given = arguments(line)
    options = {"base_width": given.base_width, "depth": given.depth, "steps": given.steps}
    setting, data = TransferSetting(tuple(given.lrs), **options), load_mnist(log=None)
    if not data.is_mnist and given.file == FILE:
        raise SystemExit(
            "MNIST was not found: set COURSE_DATA to a folder that holds it, or --file"
        )
    described = {"data": data.name, "torch": torch.__version__.split("+")[0], **asdict(setting)}
    described = json.loads(json.dumps(described))  # tuples become lists, as in the file
    if given.again:
        given.file.unlink(missing_ok=True)
    rows = stored_rows(given.file, described)
    wanted = [
        (width, name, seed)
        for seed in range(given.seeds)
        for width in given.widths
        for name in (KINDS if width != setting.base_width else [STANDARD.name])
    ]
    missing = [one for one in wanted if one not in {place(row) for row in rows}]
    print(f"{len(wanted) - len(missing)} of {len(wanted)} lines are there already", flush=True)
    started = time.process_time()
    for width, name, seed in missing:
        losses = train_rates(setting, KINDS[name], width, data, seed)
        losses = [round(loss, 4) if math.isfinite(loss) else None for loss in losses]
        rows.append({"width": width, "parametrization": name, "seed": seed, "loss": losses})
        write_whole(given.file, as_text(described, rows=sorted(rows, key=place)))
        print(f"{(width, name, seed)} after {time.process_time() - started:.0f} s", flush=True)
    print("\n".join(summary(setting.lrs, rows)))


if __name__ == "__main__":
    any_terminal()
    main()
