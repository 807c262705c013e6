"""The stream of a residual network: depth, branch scale, normalization, start."""

from course_utils.explorers.residual.widget import ResidualExplorer

__all__ = [
    "ResidualExplorer",
]
