"""When does pre-training pay? The table of notebook 04: five ways to begin, four label counts.

Run ``python benchmarks/pretraining_study.py``, with the environment variable ``COURSE_DATA`` if
MNIST lies there. It takes about two hours of one core. What is stored already
(`course_utils.experiments.stored`) is not computed again: a run that was stopped is continued,
``--again`` starts anew, ``--report`` only prints the table. Trained DBNs are kept in the user's
cache, or in ``--cache``.

*The network* is 784-500-500-500-500-10. *The arms*: sigmoid units, pre-trained (RBMs by CD-1, 5
epochs a layer on all 55,000 training images, without labels); sigmoid units with weights from
N(0, 0.01²), from Xavier's normal, and from 4 times that; ReLU with He's normal. All biases start
at 0, but those that were pre-trained.

*The labels*: 100, 1,000, 5,000 drawn at random (for a seed the same in all arms), or all 55,000.
The last 5,000 training images are kept apart for validation; no RBM sees them either.

*The setting*: SGD with momentum 0.9 at a rate of 0.03 or 0.1, or Adam at 0.001 or 0.003; the rate
falls linearly to 0 over a fixed number of updates, with Adam at 0.003 also over three times as
many. Each arm's setting is the one of least validation error with seed 0; with 55,000 labels only
the two best at 5,000 are tried, neither of them three times as long. Test errors are of the other
seeds, for which nothing was chosen: a seed fixes labels, weights and order.

*Controls* with 1,000 labels: the RBMs see the same 1,000 images only (100 epochs a layer); and a
softmax on frozen features, the pixels or one of the layers (scikit-learn's logistic regression,
its C from 0.01 to 100 chosen by validation with seed 0).

Errors are in %. Everything runs on one thread; ``cpu_seconds`` is the time of the processor, which
other programs on the machine stretch little, ``seconds`` what the clock on the wall shows.
"""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import platformdirs
from pretraining_runs import ARMS, FILE, SIZES, TRAINING, UPDATES, Study
from stored_runs import earlier, mnist

from course_utils.experiments import interval, rows_with
from course_utils.networks import one_thread
from course_utils.terminal import any_terminal
from course_utils.training import interrupts_passed_on

SEEDS = range(1, 4)  # seed 0 chooses the settings


def run(study: Study) -> None:
    """Measure everything, what is cheap and tells most first."""
    results(study, (1000, 100))
    for seed in SEEDS:
        for layers in range(len(SIZES)):
            study.frozen_features(layers, seed)
        study.own_images(seed)
    results(study, (5000, TRAINING))


def results(study: Study, label_counts: Sequence[int]) -> None:
    for seed in SEEDS:
        for labels in label_counts:
            for arm in ARMS:
                study.result(arm, labels, seed)


def errors(rows: list[dict], what: str, **key) -> dict[int, float]:
    """Return the test error of every seed."""
    found = rows_with(rows, what=what, **key)
    return {row["seed"]: row["test_error"] for row in found if "test_error" in row}


def spread(values: Iterable[float]) -> str:
    """Write mean ± standard deviation, and how many there are."""
    values = list(values)
    if len(values) < 2:
        return "".join(f"{value:.2f}" for value in values) or "-"
    return f"{statistics.fmean(values):.2f} ± {statistics.stdev(values):.2f} ({len(values)})"


def margin(rows: list[dict], arm: str, labels: int) -> str:
    """Write by how much more an arm errs than the pre-trained one: mean and 95 % interval."""
    first = errors(rows, "result", arm="pretrained", labels=labels)
    other = errors(rows, "result", arm=arm, labels=labels)
    gaps = [other[seed] - first[seed] for seed in first.keys() & other.keys()]
    if len(gaps) < 2:
        return "-"
    mean, half = interval(gaps)
    return f"{mean:+.2f} [{mean - half:+.2f}, {mean + half:+.2f}]"


def minutes(rows: list[dict], row: dict) -> float:
    """Return a network's minutes of one core, its pre-training included."""
    before = rows_with(rows, what="pretraining", seed=row["seed"])[0]
    return (row["cpu_seconds"] + before["cpu_seconds"]) / 60


def cost(rows: list[dict], arm: str, labels: int) -> str:
    """Write an arm's setting and its minutes."""
    found = rows_with(rows, what="result", arm=arm, labels=labels)
    if not found:
        return "-"
    if arm == "pretrained":
        times = [minutes(rows, row) for row in found]
    else:
        times = [row["cpu_seconds"] / 60 for row in found]
    setting = f"{found[0]['optimizer']} {found[0]['lr']:g} × {found[0]['updates']:,}"
    return f"{setting}, {statistics.fmean(times):.1f}"


def report(rows: list[dict]) -> None:
    """Print the tables as far as they go."""
    tables: dict[str, Callable[[str, int], str]] = {
        "test error": lambda arm, n: spread(errors(rows, "result", arm=arm, labels=n).values()),
        "setting, minutes": lambda arm, n: cost(rows, arm, n),
        "more than pre-trained": lambda arm, n: margin(rows, arm, n),
    }
    for title, cell in tables.items():
        print(f"{title:<22}" + "".join(f"{f'{labels:,} labels':>26}" for labels in UPDATES))
        for arm in ARMS:
            print(f"{arm:<22}" + "".join(f"{cell(arm, labels):>26}" for labels in UPDATES))
        print()
    print("1,000 labels")
    for layers in range(len(SIZES)):
        name = f"softmax on frozen layer {layers}" if layers else "softmax on the pixels"
        print(f"{name:<40}{spread(errors(rows, 'features', layers=layers).values())}")
    print(
        f"{'pre-trained on the same images only':<40}{spread(errors(rows, 'own_images').values())}"
    )


@interrupts_passed_on()  # what was interrupted is no row
def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--again", action="store_true", help="forget what is stored")
    parser.add_argument("--report", action="store_true", help="print the tables and stop")
    parser.add_argument("--cache", type=Path, help="folder for trained DBNs")
    arguments = parser.parse_args()
    rows = earlier(FILE, "rows", again=arguments.again)
    cache = arguments.cache or platformdirs.user_cache_path("course_utils") / FILE.stem
    if not arguments.report:
        with one_thread():
            run(Study(mnist(), rows, cache))
    report(rows)


if __name__ == "__main__":
    any_terminal()
    main()
