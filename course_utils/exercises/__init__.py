"""Checkers of the exercises: one module a notebook, one function an exercise.

Start with `judging`, which runs a check and prints its line; `reading` takes numbers, sets and
arrays of any library; `lab_bench` looks on while a lab of notebook 08 builds, trains and tests.
"""
