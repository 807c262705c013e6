"""``python -m course_utils.classroom notebooks/explorers.ipynb``."""

import sys

from course_utils.classroom.serve import main

sys.exit(main())
