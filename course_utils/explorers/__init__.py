"""The interactive explorers: move a slider, see the picture and the words follow.

A folder is one explorer: ``experiment`` measures, ``figure`` draws, ``widget`` holds the controls.
What all share: `base` (controls), `live_figure` (fast pictures), `depth_curves`, `verdict` (words).
"""

from course_utils.explorers.activation import ActivationExplorer
from course_utils.explorers.dream import DreamExplorer
from course_utils.explorers.funnel import FunnelExplorer
from course_utils.explorers.live_training import LiveTrainingExplorer
from course_utils.explorers.residual import ResidualExplorer
from course_utils.explorers.tournament import TournamentExplorer

__all__ = [
    "ActivationExplorer",
    "DreamExplorer",
    "FunnelExplorer",
    "LiveTrainingExplorer",
    "ResidualExplorer",
    "TournamentExplorer",
]
