"""What really flows through a network, measured in one forward and one backward pass.

`probe` records every layer, `stream` the stream of a residual network, `jacobian` how a layer
stretches space, `contrast` whether the inputs can still be told apart.
"""

from course_utils.probes.contrast import contrast, fraction_saturated
from course_utils.probes.jacobian import jacobians, layer_singular_values, singular_values
from course_utils.probes.probe import Probe
from course_utils.probes.stream import StreamMeasurement, measure_stream

__all__ = [
    "Probe",
    "StreamMeasurement",
    "contrast",
    "fraction_saturated",
    "jacobians",
    "layer_singular_values",
    "measure_stream",
    "singular_values",
]
