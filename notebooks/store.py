"""Execute notebooks from top to bottom and store their outputs: ``python notebooks/store.py 01``.

Without an argument all notebooks and solutions are executed. What is stored is what a reader
without a kernel can use: text and pictures; no widget view or state, no progress bars, no times of
execution. A notebook that fails is not written, and none is where MNIST is not found.

What ``reading.py`` says of a notebook is stored in it. A cell whose first line begins with one of
its ``FOLDED`` is folded: JupyterLab shows that line and three dots, a click opens it; what the cell
prints stays in sight. Outputs between a prediction and its answer are folded until their cell is
run. The contents are written, and each figure's sentence for who cannot see it.
"""

from __future__ import annotations

import base64
import io
import sys
import time
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from PIL import Image
from reading import CONTENTS, contents, figures, is_folded, predicted

from course_utils import load_mnist
from course_utils.terminal import any_terminal

HERE = Path(__file__).parent
WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"
HIDE = {"source_hidden": "hide-input", "outputs_hidden": "hide-output"}
"""JupyterLab's word for what is folded, and Jupyter Book's."""


def main(patterns: list[str]) -> None:
    """Store every notebook whose path, seen from this folder, begins with one of ``patterns``."""
    found = sorted([*HERE.glob("[0-9]*.ipynb"), *HERE.glob("solutions/[0-9]*.ipynb")])
    names = {str(path.relative_to(HERE)): path for path in found}
    chosen = [
        path for name, path in names.items() if not patterns or name.startswith(tuple(patterns))
    ]
    if not chosen:
        sys.exit(f"no notebook begins with {' or '.join(patterns)}: there are {', '.join(names)}")
    if not load_mnist(log=None).is_mnist:
        sys.exit("MNIST was not found: set COURSE_DATA to a folder that holds it")
    for path in chosen:
        started = time.perf_counter()
        store(path)
        print(f"{path.relative_to(HERE)}: {time.perf_counter() - started:.1f} s")


def store(path: Path) -> None:
    """Execute one notebook in its own folder and write it back, cleaned."""
    notebook = nbformat.read(path, as_version=4)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    NotebookClient(
        notebook,
        timeout=600,
        kernel_name="python3",
        store_widget_state=False,
        record_timing=False,
        coalesce_streams=True,
        resources={"metadata": {"path": str(path.parent)}},
    ).execute()
    clean(notebook)
    nbformat.write(notebook, path)


def clean(notebook: nbformat.NotebookNode) -> None:
    """Keep text and pictures; drop progress bars, widget views and what names the machine."""
    notebook.metadata = {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    for cell in notebook.cells:
        cell.metadata = {"tags": cell.metadata.get("tags", [])}
        if cell.source.startswith(CONTENTS):
            cell.source = contents(notebook.cells)
        if cell.cell_type == "code":
            cell.outputs = [output for output in cell.outputs if is_kept(output)]
    mark(notebook.cells)


def is_kept(output: nbformat.NotebookNode) -> bool:
    """Take a widget's view out of an output and colours out of its picture; say if any is left."""
    data = output.get("data", {})
    view = data.pop(WIDGET_VIEW, None)
    if "image/png" in data:
        data["image/png"] = with_palette(data["image/png"])
    return output.get("name") != "stderr" and not (view and not data)  # a progress bar's alone


def mark(cells: list[nbformat.NotebookNode]) -> None:
    """Write into each cell's metadata what is folded and what its figure shows, and no more."""
    answers = {id(cell) for cell in predicted(cells) if cell.outputs}
    for cell in cells:
        folds = {"source_hidden": is_folded(cell), "outputs_hidden": id(cell) in answers}
        tags = [tag for tag in cell.metadata.get("tags", []) if tag not in HIDE.values()]
        tags += [HIDE[what] for what, folded in folds.items() if folded]
        cell.metadata = nbformat.from_dict({"tags": tags} if tags else {})
        if any(folds.values()):
            cell.metadata["jupyter"] = {what: True for what, folded in folds.items() if folded}
    for cell, text in figures(cells):
        cell.metadata["alt"] = text  # nbconvert's classic template takes this one
        cell.metadata["mystnb"] = {"image": {"alt": text}}


def with_palette(png: str) -> str:
    """Store a plot in 256 colours: to the eye the same, in a third of the space."""
    picture = Image.open(io.BytesIO(base64.b64decode(png))).convert("RGB")
    small = io.BytesIO()
    picture.quantize(256, dither=Image.Dither.NONE).save(small, "PNG", optimize=True)
    return base64.b64encode(small.getvalue()).decode()


if __name__ == "__main__":
    any_terminal()
    main(sys.argv[1:])
