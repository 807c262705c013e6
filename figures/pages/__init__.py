"""The explorers as pages that need neither a kernel nor a network.

`frame` puts a page together; `numbers` packs measurements into text; each other file is one page:
``NAME.py`` measures with the package, and ``NAME.js`` answers in the browser what is asked.
"""
