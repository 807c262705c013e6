"""What the package trains, kept for the tests of ``training_core.js``.

``cd figures; python -m pages.training_fixtures`` writes the file again.
"""

from __future__ import annotations

import json
from pathlib import Path

from course_utils.initializers import SCHEMES
from course_utils.terminal import any_terminal
from pages.training import steps_of, trained

FILE = Path(__file__).with_suffix(".json")
STEPS, SEEDS, STDS = 60, (0, 7), (1.0, 0.1)


def settings() -> list[dict]:
    """Return the settings of all runs: each scheme, normal with several std, two seeds."""
    return [
        {"scheme": scheme, "std": std, "seed": seed, "steps": STEPS}
        for seed in SEEDS
        for scheme in SCHEMES
        for std in (STDS if scheme == "normal" else STDS[:1])
    ]


def stored() -> list[dict]:
    """Return the runs that are stored, as `pages.training.steps_of` tells of them."""
    return json.loads(FILE.read_text(encoding="utf-8"))


def main() -> None:
    """Train with the package, and write what happened: a line for each run."""
    runs = [json.dumps(steps_of(trained(**setting))) for setting in settings()]
    FILE.write_text("[" + ",\n".join(runs) + "]\n", encoding="utf-8")


if __name__ == "__main__":
    any_terminal()
    main()
