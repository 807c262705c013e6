"""Experiments that train many networks: each file asks one question of the course.

Short enough to run in a notebook. `stored` reads the runs that were not: ``benchmarks`` makes them.
What an experiment needs around it: `seeds` (a generator a seed, intervals over seeds). Which start
wins: `contestants` (who takes part), `tournament` (the rules), `advice` (what follows).
"""

from course_utils.experiments.advice import (
    advise,
    as_markdown,
    by_setting,
    find,
    judge,
    name_of_family,
    span,
    where_it_ends,
)
from course_utils.experiments.counting import count_by_ones
from course_utils.experiments.deep_linear import greedy_autoencoders, learning_time, white_task
from course_utils.experiments.mup_transfer import (
    TransferSetting,
    best_rate,
    coordinate_check,
    growth,
    train_rates,
)
from course_utils.experiments.seeds import interval, paired_interval, seeded
from course_utils.experiments.stored import rows_with, stored, stored_path
from course_utils.experiments.tournament import Setting, play, verdict
from course_utils.experiments.trainability import MapSetting, train_row

__all__ = [
    "MapSetting",
    "Setting",
    "TransferSetting",
    "advise",
    "as_markdown",
    "best_rate",
    "by_setting",
    "coordinate_check",
    "count_by_ones",
    "find",
    "greedy_autoencoders",
    "growth",
    "interval",
    "judge",
    "learning_time",
    "name_of_family",
    "paired_interval",
    "play",
    "rows_with",
    "seeded",
    "span",
    "stored",
    "stored_path",
    "train_rates",
    "train_row",
    "verdict",
    "where_it_ends",
    "white_task",
]
