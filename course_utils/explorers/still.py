"""A still picture of an explorer, for the places where no kernel runs."""

from __future__ import annotations

import io

import matplotlib
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

MATPLOTLIB_DEFAULTS = {
    key: value for key, value in matplotlib.rcParamsDefault.items() if "backend" not in key
}
"""Matplotlib's own defaults: the picture is the same whatever style the notebook has set."""


def as_png(figure: Figure) -> bytes:
    """Return a figure as PNG bytes, in a palette of 256 colours: a third of the size."""
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    size = canvas.get_width_height()
    pixels = Image.frombuffer("RGBA", size, canvas.buffer_rgba(), "raw", "RGBA", 0, 1)
    buffer = io.BytesIO()
    pixels.convert("RGB").quantize(dither=Image.Dither.NONE).save(buffer, "PNG", optimize=True)
    return buffer.getvalue()
