"""One visual language for every figure: the same thing in the same colours everywhere.

`style` holds the colours; each other file draws one kind of picture and returns its Axes.
"""

from course_utils.plotting.curves import learning_curves, matrices, std_by_layer
from course_utils.plotting.histograms import bar_heights, histograms_by_layer
from course_utils.plotting.images import image_grid, images
from course_utils.plotting.intervals import intervals
from course_utils.plotting.style import (
    BACKWARD,
    FORWARD,
    SCHEME_COLORS,
    THEORY,
    scheme_style,
    use_course_style,
)
from course_utils.plotting.tables import table
from course_utils.plotting.trainability_map import trainability_map

__all__ = [
    "BACKWARD",
    "FORWARD",
    "SCHEME_COLORS",
    "THEORY",
    "bar_heights",
    "histograms_by_layer",
    "image_grid",
    "images",
    "intervals",
    "learning_curves",
    "matrices",
    "scheme_style",
    "std_by_layer",
    "table",
    "trainability_map",
    "use_course_style",
]
