"""A class on one machine: the page of explorers, served to many visitors at once.

Start with `serve`, which ``python -m course_utils.classroom`` runs; `page` is what a visitor sees,
`visitors` counts how many the machine can hold, `nursery` forks their kernels from one process
that has loaded everything, and `launcher` stands for such a kernel where a server expects one.
"""

from course_utils.classroom.page import explorers_page

__all__ = ["explorers_page"]
