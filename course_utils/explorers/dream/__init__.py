"""What a restricted Boltzmann machine dreams, step by step."""

from course_utils.explorers.dream.widget import DreamExplorer

__all__ = [
    "DreamExplorer",
]
