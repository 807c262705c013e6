"""Grade a folder of submissions: ``python -m course_utils.grading SUBMISSIONS table.csv``."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from course_utils.terminal import any_terminal, say

MOST_THREADS = 4  # each asks for memory that it never uses, and the limit counts that


def main() -> None:
    """Read the command line and grade; the exit status is 2 if nothing could begin."""
    arguments = _arguments()
    try:
        from course_utils.grading.grade import Limits
        from course_utils.grading.watch import adopt_orphans
        from course_utils.grading.whole_class import Unable, grade_all
    except ModuleNotFoundError as error:
        sys.exit(
            f'Grading needs {error.name}. In the folder of the course: pip install -e ".[teach]"'
        )
    threads = max(1, min(MOST_THREADS, (os.cpu_count() or 1) // arguments.jobs))
    limits = Limits(arguments.seconds, int(arguments.memory * 2**30), threads)
    adopt_orphans()
    try:
        grade_all(
            arguments.submissions,
            arguments.table,
            limits,
            jobs=arguments.jobs,
            again=arguments.again,
        )
    except Unable as error:
        say(f"{error}")
        sys.exit(2)
    except KeyboardInterrupt:
        say("Interrupted. The table holds what is done; the same command goes on from here.")
        sys.exit(130)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m course_utils.grading",
        description="Run the notebooks of a folder, each in a process of its own, judge their "
        "exercises, and write a table. Started again, it goes on where it was stopped.",
    )
    parser.add_argument("submissions", type=Path, help="STUDENT/….ipynb or STUDENT.ipynb in it")
    parser.add_argument("table", type=Path, help="the CSV file to write")
    parser.add_argument("--seconds", type=_positive, default=300.0, help="for a notebook (300)")
    parser.add_argument("--memory", type=_positive, default=4.0, help="GB for a notebook (4)")
    parser.add_argument("--jobs", type=_whole, default=1, help="notebooks at a time (1)")
    parser.add_argument("--again", action="store_true", help="begin anew")
    return parser.parse_args()


def _positive(text: str) -> float:
    value = float(text)
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"must be a positive number, got {text}")
    return value


def _whole(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"must be a whole number from 1 on, got {text}")
    return value


if __name__ == "__main__":
    any_terminal()
    main()
