"""Grade a folder of submitted notebooks into a table: ``python -m course_utils.grading``.

Start with `grade`, which takes one notebook through its two processes: `student` runs the cells and
hands each answer over, `judge` calls the checkers on them. `child` is what both begin with,
`watch` looks at them from outside, `tampering` knows an answer that reached for the checkers.
`whole_class` takes all of them, `submissions` reads a folder, `table` writes the table, `guard`
puts files back.
"""
