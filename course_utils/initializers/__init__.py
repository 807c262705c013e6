"""How weights begin: every scheme of the course, in place, from a given generator.

`schemes` holds those that know a layer's shape only, and `network` applies one to a whole network:
`arithmetic` knows which matrices a layer's weights are, and `stored` sets those that are computed.
What looks at data, at the activation or at the architecture has a file of its own.
"""

from course_utils.initializers.arithmetic import arithmetic_fans
from course_utils.initializers.gpt2 import gpt2_
from course_utils.initializers.lsuv import lsuv_
from course_utils.initializers.mup import (
    MUP,
    STANDARD,
    Parametrization,
    parameter_groups,
    parametrize_,
)
from course_utils.initializers.network import initialize_
from course_utils.initializers.orthogonal import delta_orthogonal_, looks_linear_
from course_utils.initializers.residual import STARTS, start_
from course_utils.initializers.schemes import (
    SCHEMES,
    Rng,
    fans,
    gain,
    lecun_normal_,
    normal_,
    orthogonal_,
    zero_,
)

__all__ = [
    "MUP",
    "Parametrization",
    "Rng",
    "SCHEMES",
    "STANDARD",
    "STARTS",
    "arithmetic_fans",
    "delta_orthogonal_",
    "fans",
    "gain",
    "gpt2_",
    "initialize_",
    "lecun_normal_",
    "looks_linear_",
    "lsuv_",
    "normal_",
    "orthogonal_",
    "parameter_groups",
    "parametrize_",
    "start_",
    "zero_",
]
