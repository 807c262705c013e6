"""The lecture's lab, trained while one watches."""

from course_utils.explorers.live_training.widget import LiveTrainingExplorer

__all__ = [
    "LiveTrainingExplorer",
]
