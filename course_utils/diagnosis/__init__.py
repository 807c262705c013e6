"""Your own network: what is wrong with its start, and what to type.

`diagnose` sends one batch up and one gradient down any network and says in sentences what it found;
`suggest` prints an initialization for it; `assert_healthy` is the same for a test suite.
"""

from course_utils.diagnosis.diagnose import assert_healthy, diagnose
from course_utils.diagnosis.findings import KINDS, SEVERITIES, Finding
from course_utils.diagnosis.report import Diagnosis
from course_utils.diagnosis.suggest import suggest

__all__ = ["KINDS", "SEVERITIES", "Diagnosis", "Finding", "assert_healthy", "diagnose", "suggest"]
