"""``python -m course_utils.classroom notebooks/explorers.ipynb``."""

import sys

from course_utils.classroom.serve import main
from course_utils.terminal import any_terminal

any_terminal()
sys.exit(main())
