"""The tournament of starts: choose a network, see who won there, and what is advised."""

from course_utils.explorers.tournament.widget import TournamentExplorer

__all__ = [
    "TournamentExplorer",
]
