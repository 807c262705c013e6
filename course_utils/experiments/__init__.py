"""Experiments that train many networks: each file asks one question of the course.

Short enough to run in a notebook. `stored` reads the runs that were not: ``benchmarks`` makes them.
What an experiment needs around it: `seeds` (a generator a seed, intervals over seeds).
"""

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
from course_utils.experiments.trainability import MapSetting, train_row

__all__ = [
    "MapSetting",
    "TransferSetting",
    "best_rate",
    "coordinate_check",
    "count_by_ones",
    "greedy_autoencoders",
    "growth",
    "interval",
    "learning_time",
    "paired_interval",
    "rows_with",
    "seeded",
    "stored",
    "stored_path",
    "train_rates",
    "train_row",
    "white_task",
]
