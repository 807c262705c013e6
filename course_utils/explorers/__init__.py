"""The interactive explorers: move a slider, see the picture and the words follow.

A folder is one explorer: ``experiment`` measures, ``widget`` says what can be moved and what is
shown, ``picture.js`` draws it in the browser, ``figure`` draws it for places without a kernel. What
all share: `base` (a move, and its answer), `controls`, `front_end` (what runs in the browser),
`verdict` (words).
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
