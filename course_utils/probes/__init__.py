"""What really flows through a network, measured in one forward and one backward pass.

`trace` sees every operation of any network, `probe` keeps what its layers made, `stream` the
stream of a residual network, `jacobian` how a layer stretches space, `contrast` whether the inputs
can still be told apart.
"""

from course_utils.probes.contrast import contrast, fraction_saturated
from course_utils.probes.jacobian import jacobians, layer_singular_values, singular_values
from course_utils.probes.probe import Probe
from course_utils.probes.stream import StreamMeasurement, measure_stream
from course_utils.probes.trace import Operation, Trace

__all__ = [
    "Operation",
    "Probe",
    "StreamMeasurement",
    "Trace",
    "contrast",
    "fraction_saturated",
    "jacobians",
    "layer_singular_values",
    "measure_stream",
    "singular_values",
]
