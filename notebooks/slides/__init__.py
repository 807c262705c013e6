"""Slides from a notebook: `compose` chooses what is shown, `deck` writes the pages.

`packages` brings what a browser needs. The page itself is nbconvert's, with `deck.html.j2` as its
frame and `deck.css` as its look.
"""
