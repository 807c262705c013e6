"""A worked example, cut out of notebook 11: a network that does not learn, diagnosed and mended."""

from __future__ import annotations

import copy

import nbformat

SOURCE = "11_your_own_network.ipynb"
TITLE = """# Check a network of your own

Three lines say what is wrong with the start of a network, and write a start that learns. `model` is
any `nn.Module`, `batch` and `target` are one batch of its training data. (In a clone of the course,
`pip install -e .` brings the package.)

```python
from course_utils.diagnosis import diagnose, suggest

print(diagnose(model, batch, target))  # what is wrong, worst first
print(suggest(model, batch))  # an init_weights for this model: model.apply(init_weights)
```

What follows is a case from notebook [11](/notebooks/11_your_own_network.ipynb), with its stored
outputs: thirty plain layers, as PyTorch starts them; you need not type its code. `suggest` knows
nothing of your task: where the [table](/one_answer.md) has a row for your network, as it has for
this one, prefer that."""

CUT = (
    "layers = before.table[",
    "## 1. How to read it",
    "text = suggest(network",
    "after.figure(before=before)",
    "plain = compare(deep_network",
    "**What we see.** Blue's gradient",
)
"""What stands in the cells that are shown, one behind the other."""


def example(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """Return the example as a notebook of its own.

    Raises
    ------
    ValueError
        If one of the cells is not there, behind the one before.
    """
    cells, rest = [nbformat.v4.new_markdown_cell(TITLE, id="title")], iter(notebook.cells)
    for mark in CUT:
        found = next((cell for cell in rest if mark in cell.source), None)
        if found is None:
            raise ValueError(f"no cell of {SOURCE} holds {mark!r}, or it stands before another one")
        cells.append(copy.deepcopy(found))
    return nbformat.v4.new_notebook(cells=cells, metadata=notebook.metadata)
