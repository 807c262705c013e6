"""Execute notebooks from top to bottom and store their outputs: ``python notebooks/store.py 01``.

Without an argument all notebooks and solutions are executed. What is stored is what a reader
without a kernel can use: text and pictures; no widget view or state, no progress bars, no times of
execution. A notebook that fails is not written, and none is where MNIST is not found.

A cell whose first line begins with one of `FOLDED` is stored folded: JupyterLab shows that line and
three dots, a click opens it; what the cell prints stays in sight.
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

from course_utils import load_mnist

HERE = Path(__file__).parent
WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"
FOLDED = ("# Tested: ", "# Installed: ")
"""How the first line of a folded cell begins: proof, and the look for the package."""

HIDE = "hide-input"  # what Jupyter Book calls it


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
        fold(cell)
        if cell.cell_type == "code":
            cell.outputs = [out for out in cell.outputs if out.get("name") != "stderr"]
            for output in cell.outputs:
                data = output.get("data", {})
                data.pop(WIDGET_VIEW, None)
                if "image/png" in data:
                    data["image/png"] = with_palette(data["image/png"])


def fold(cell: nbformat.NotebookNode) -> None:
    """Keep of a cell's metadata its tags alone, and say there whether it is folded."""
    folded = cell.cell_type == "code" and cell.source.startswith(FOLDED)
    tags = [tag for tag in cell.metadata.get("tags", []) if tag != HIDE] + [HIDE] * folded
    cell.metadata = {"tags": tags} if tags else {}
    if folded:
        cell.metadata["jupyter"] = {"source_hidden": True}


def with_palette(png: str) -> str:
    """Store a plot in 256 colours: to the eye the same, in a third of the space."""
    picture = Image.open(io.BytesIO(base64.b64decode(png))).convert("RGB")
    small = io.BytesIO()
    picture.quantize(256, dither=Image.Dither.NONE).save(small, "PNG", optimize=True)
    return base64.b64encode(small.getvalue()).decode()


if __name__ == "__main__":
    main(sys.argv[1:])
