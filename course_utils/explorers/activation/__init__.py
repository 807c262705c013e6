"""Std and depth of a plain network against histograms, signal and gradient."""

from course_utils.explorers.activation.experiment import (
    ActivationMeasurement,
    ActivationSetting,
    SignalPath,
)
from course_utils.explorers.activation.widget import ActivationExplorer

__all__ = [
    "ActivationExplorer",
    "ActivationMeasurement",
    "ActivationSetting",
    "SignalPath",
]
