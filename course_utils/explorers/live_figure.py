"""A figure fast enough to follow a slider: what does not move is kept as pixels.

Drawing a Matplotlib figure anew takes about a second. Here the figure is drawn once without its
moving artists and kept as pixels; an update restores these pixels, draws the moving artists on top
("blitting") and encodes the buffer as a lightly compressed PNG with a palette, which takes a third
of the time of one in full colours.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import matplotlib
import numpy as np
from matplotlib.artist import Artist
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from PIL import Image

MATPLOTLIB_DEFAULTS = {
    key: value for key, value in matplotlib.rcParamsDefault.items() if "backend" not in key
}
"""Matplotlib's own defaults: the picture is the same whatever style the notebook has set."""


class LiveFigure:
    """Turn a figure whose ``moving`` artists change often into PNG bytes, quickly.

    Parameters
    ----------
    figure
        The figure; it is rendered by Agg, whatever backend is in use.
    moving
        Artists that may change before any call of :meth:`png`, in drawing order.
    settled
        Artists that change now and then (an axis with its ticks, say), drawn under the moving ones.
        They are drawn again only after :meth:`unsettle`.
    colors
        The colours of the figure besides black, white and greys, at most 7.

    Notes
    -----
    After a change of anything else call :meth:`redraw`: the next picture is then drawn as a whole.
    """

    def __init__(
        self,
        figure: Figure,
        moving: Sequence[Artist],
        settled: Sequence[Artist] = (),
        colors: Sequence[str] = (),
    ) -> None:
        self.palette = shades(colors)
        self.canvas = FigureCanvasAgg(figure)
        self.figure = figure
        self.moving, self.settled = list(moving), list(settled)
        for artist in self.moving + self.settled:
            artist.set_animated(True)
        self._finished = False
        self.redraw()

    @contextmanager
    def painting(self) -> Iterator[bool]:
        """Change the artists and call :meth:`png` inside; yield whether to trust what they show.

        If the last picture was broken off, by whatever exception, nobody knows which artists had
        been changed: it yields False, and the settled artists are drawn again.
        """
        trusted, self._finished = self._finished, False
        if not trusted:
            self.unsettle()
        yield trusted
        self._finished = True

    def redraw(self) -> None:
        """Have the next :meth:`png` draw the whole figure again, once."""
        self._background = self._scene = None

    def unsettle(self) -> None:
        """Have the next :meth:`png` draw the settled artists again, once."""
        self._scene = None

    def png(self) -> bytes:
        """Draw what changed and return the picture as PNG bytes."""
        if self._background is None:
            self.canvas.draw()
            self._background = self._pixels()
        if self._scene is None:
            self.canvas.restore_region(self._background)
            self._draw(self.settled)
            self._scene = self._pixels()
        self.canvas.restore_region(self._scene)
        self._draw(self.moving)
        return self._encode()

    def _pixels(self):
        return self.canvas.copy_from_bbox(self.figure.bbox)

    def _draw(self, artists: Sequence[Artist]) -> None:
        for artist in artists:
            if artist.get_visible():
                self.figure.draw_artist(artist)

    def _encode(self) -> bytes:
        size, buffer = self.canvas.get_width_height(), io.BytesIO()
        pixels = Image.frombuffer("RGBA", size, self.canvas.buffer_rgba(), "raw", "RGBA", 0, 1)
        few = pixels.convert("RGB").quantize(palette=self.palette, dither=Image.Dither.NONE)
        few.save(buffer, "PNG", compress_level=1)
        return buffer.getvalue()


def shades(colors: Sequence[str]) -> Image.Image:
    """Make a palette of the greys, and of each colour's way to white and to black.

    Each way has 17 steps: fine enough for smooth edges, and coarse enough that Pillow, which looks
    colours up in cells of 4 levels, finds black, white and the colours themselves. With eight
    colours there is room for 15 steps; ValueError for more.
    """
    if len(colors) > 8:
        raise ValueError(f"a palette of 256 has room for 8 colours and their shades, got {colors}")
    steps = min(17, 256 // (2 * len(colors) + 1))
    white, black = np.ones(3), np.zeros(3)
    ends = [(white, black)]
    for color in map(to_rgb, colors):
        ends += [(white, np.array(color)), (np.array(color), black)]
    ramps = [np.linspace(start, end, steps) for start, end in ends]  # (n, 3) each
    palette = Image.new("P", (1, 1))
    palette.putpalette((255 * np.concatenate(ramps)).round().astype(np.uint8).tobytes())
    return palette
