"""Slides from a notebook, by a rule: read `compose` first.

`pieces` reads a notebook as headings, paragraphs, formulas, predictions, figures and claims;
`scenes` cuts it where the class is asked; `compose` says what goes on a slide, and `room` how much;
`tables` makes stored tables fit. `deck` writes the pages: nbconvert's, with `deck.html.j2` as their
frame and `deck.css` as their look.
"""
