"""What variance, correlation and gradients should do, computed without a network.

NumPy float64, no torch. Read `activations` (φ and φ′), `variance` (how large signals get),
`correlation` (how alike two inputs stay), then `residual` and `transformer`.
"""

from course_utils.theory.activations import ACTIVATION_FUNCTIONS, Activation, leaky_relu
from course_utils.theory.correlation import (
    Settled,
    correlation_map,
    correlation_path,
    correlation_slope,
    edge_of_chaos,
    pair_mean,
    settle,
)
from course_utils.theory.residual import Stack, stream_gradient_path, stream_path
from course_utils.theory.transformer import TransformerPath, token_grams, transformer_path
from course_utils.theory.variance import (
    FixedPoint,
    activation_mean,
    activation_mean_square,
    backward_gain,
    chi,
    critical_gain,
    fixed_points,
    forward_gain,
    gaussian_mean,
    gradient_map,
    gradient_path,
    settled_point,
    variance_map,
    variance_path,
    variance_slope,
)

__all__ = [
    "ACTIVATION_FUNCTIONS",
    "Activation",
    "FixedPoint",
    "Settled",
    "Stack",
    "TransformerPath",
    "activation_mean",
    "activation_mean_square",
    "backward_gain",
    "chi",
    "correlation_map",
    "correlation_path",
    "correlation_slope",
    "critical_gain",
    "edge_of_chaos",
    "fixed_points",
    "forward_gain",
    "gaussian_mean",
    "gradient_map",
    "gradient_path",
    "leaky_relu",
    "pair_mean",
    "settle",
    "settled_point",
    "stream_gradient_path",
    "stream_path",
    "token_grams",
    "transformer_path",
    "variance_map",
    "variance_path",
    "variance_slope",
]
