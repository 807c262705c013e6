"""Restricted Boltzmann machines and the deep belief networks that are stacked from them.

`rbm` is the machine, `learning` how it learns, `likelihood` how good it is, `dbn` the stack;
`estimator` is the face that scikit-learn sees, `storage` the files.
"""

from course_utils.boltzmann.dbn import DBN
from course_utils.boltzmann.likelihood import (
    TwoWayLogPartition,
    annealed_log_partition,
    exact_log_partition,
    log_likelihood,
    two_way_log_partition,
)
from course_utils.boltzmann.rbm import RBM
from course_utils.boltzmann.units import all_states, log_bernoulli

__all__ = [
    "DBN",
    "RBM",
    "TwoWayLogPartition",
    "all_states",
    "annealed_log_partition",
    "exact_log_partition",
    "log_bernoulli",
    "log_likelihood",
    "two_way_log_partition",
]
