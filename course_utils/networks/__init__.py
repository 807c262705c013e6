"""The networks of the course, as ordinary ``torch`` modules, and what tells their parts apart.

Architecture only: how the weights begin is the room ``initializers``. Start with `mlp`; `ensemble`
trains several networks as one; `modules` knows weight layers, activations and modes.
"""

from course_utils.networks.convolutional import convolutional
from course_utils.networks.ensemble import Ensemble
from course_utils.networks.mlp import ACTIVATIONS, NORMALIZATIONS, from_weights, mlp
from course_utils.networks.modules import (
    is_activation,
    is_elementwise,
    is_plain,
    mode,
    one_thread,
    ordinary_torch,
    weight_layers,
)
from course_utils.networks.recurrent import RowLSTM
from course_utils.networks.residual import Residual, ResidualNetwork, residual_mlp
from course_utils.networks.transformer import transformer

__all__ = [
    "ACTIVATIONS",
    "NORMALIZATIONS",
    "Residual",
    "ResidualNetwork",
    "RowLSTM",
    "Ensemble",
    "convolutional",
    "from_weights",
    "is_activation",
    "is_elementwise",
    "is_plain",
    "mlp",
    "mode",
    "one_thread",
    "ordinary_torch",
    "residual_mlp",
    "transformer",
    "weight_layers",
]
