"""Layers whose widths take turns, under four rules for the variance."""

from course_utils.explorers.funnel.widget import FunnelExplorer

__all__ = [
    "FunnelExplorer",
]
