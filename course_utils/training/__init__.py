"""Train networks on tensors in memory: `fit`, and the `History` of what happened.

`fit` holds the loop, `history` what is recorded on the way, `losses` which labels and scores a loss
compares, `optimizers` the default optimizer.
"""

from course_utils.training.fit import STEPS_BETWEEN_LOOKS, accuracy, fit
from course_utils.training.history import History, StopTraining, interrupts_passed_on, pass_on
from course_utils.training.optimizers import Adam, MemberRates, make_optimizer

__all__ = [
    "Adam",
    "STEPS_BETWEEN_LOOKS",
    "History",
    "MemberRates",
    "StopTraining",
    "accuracy",
    "fit",
    "interrupts_passed_on",
    "make_optimizer",
    "pass_on",
]
