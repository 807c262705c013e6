"""Checkers of the exercises: one module a notebook, one function an exercise.

Start with `judging`, which runs a check and prints its line; `reading` takes numbers, sets and
arrays of any library; `lab_bench` looks on while a lab of notebook 08 builds, trains and tests.
"""

NOTEBOOKS = (
    "start_here",
    "why_zero_init_fails",
    "scale_of_the_signal",
    "restricted_boltzmann_machine",
    "deep_belief_network",
    "xavier_derivation",
    "he_derivation",
    "lab_mnist_xavier",
    "lab_mnist_deep",
    "other_schemes",
    "how_deep_can_we_go",
    "your_own_network",
    "which_initialization",
)
"""The notebooks with exercises, from 00 on; each name is that of its module here."""
