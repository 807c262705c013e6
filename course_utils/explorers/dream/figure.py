"""The picture of the dream explorer, as it is stored for readers without a kernel.

Dreams and hidden units above, free energy and one unit below.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import matplotlib
import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.colors import to_rgba_array
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator
from PIL import Image

from course_utils.explorers.dream.experiment import MAX_STEPS
from course_utils.explorers.still import MATPLOTLIB_DEFAULTS, as_png
from course_utils.plotting import FORWARD, THEORY

if TYPE_CHECKING:
    from course_utils.explorers.dream.experiment import Dream

CHOSEN, HELD = "#E69F00", "#009E73"
"""Colours of the unit that is looked at, and of units held by hand (Okabe and Ito's palette)."""

PALE = 0.15
"""How strong the filter of a unit is drawn that is on in no chain; 1 is that of one on in all."""

NEGATIVE, POSITIVE = "#2166AC", "#B2182B"
"""Colours of the weights of a filter, white at 0: blue and red of Matplotlib's RdBu."""

TITLE, SMALL = {"fontsize": 10, "va": "bottom"}, {"fontsize": 9, "va": "bottom"}


def draw(dream: Dream, filters: np.ndarray, *, dpi: int = 200) -> bytes:
    """Draw :func:`figure_of` a dream as PNG bytes."""
    return as_png(figure_of(dream, filters, dpi=dpi))


def figure_of(dream: Dream, filters: np.ndarray, *, dpi: int = 200) -> Figure:
    """Draw dreams, the hidden units that draw them, free energy, and one unit.

    Parameters
    ----------
    dream
        What to draw.
    filters
        Incoming weights of each hidden unit, ``(n_hidden, n_visible)``.
    dpi
        Pixels an inch; the figure is 10 inches wide.
    """
    with matplotlib.rc_context(MATPLOTLIB_DEFAULTS):
        figure = Figure(figsize=(10, 5.9), dpi=dpi)
        _show_free_energy(figure, dream)
        _show_chains(figure, dream)
        _show_units(figure, dream, filters.astype(np.float32))
        return figure


def limit_of(filters: np.ndarray) -> float:
    """Return the size of a weight from which on its colour is full: few are larger."""
    return float(np.quantile(np.abs(filters), 0.99)) or 1.0


def _show_free_energy(figure: Figure, dream: Dream) -> None:
    ax = figure.add_axes((0.065, 0.085, 0.425, 0.2))
    ax.set_xscale("symlog", linthresh=1, linscale=0.5)
    ax.set(xlim=(-0.15, 1.15 * MAX_STEPS), xlabel="Gibbs steps")
    ticks = [0, *(10**k for k in range(4) if 10**k <= MAX_STEPS)]
    ax.set_xticks(ticks, [f"{n:,}" for n in ticks])
    ax.minorticks_off()
    ax.grid(True, color="0.9", lw=0.8)
    ax.tick_params(labelsize=8)
    ax.xaxis.labelpad = 1
    figure.text(0.065, 0.292, "mean free energy, nats", **SMALL)
    look = {"color": FORWARD, "marker": "o", "markersize": 3, "lw": 1.6}
    (curve,) = ax.plot(dream.steps, dream.free_energy, **look)
    shown = [*dream.free_energy[1:]] or [*dream.free_energy]  # noise would squeeze the others
    if dream.data is not None:
        shown += _show_data(ax, dream, curve)
    ticks = MaxNLocator(4).tick_values(min(shown) - 1, max(shown) + 1)
    ax.set_yticks(ticks)
    ax.set_ylim(ticks[0], ticks[-1])


def _show_data(ax: Axes, dream: Dream, curve: Artist) -> list[float]:
    """Draw a band where the data lie, and a legend; return the ends of the band."""
    mean, std = dream.data.free_energy, dream.data.free_energy_std
    across = ax.get_yaxis_transform()  # from the left end to the right, whatever the limits
    band = ax.add_patch(Rectangle((0, mean - std), 1, 2 * std, transform=across, color="0.85"))
    middle = ax.axhline(mean, color=THEORY, ls="--", lw=1.2)
    handles, names = [curve, (band, middle)], ["dreams", "data ± std"]
    look = {"ncols": 2, "fontsize": 9, "frameon": False, "borderpad": 0}
    place = {"loc": "lower right", "bbox_to_anchor": (0.495, 0.282)}
    ax.figure.legend(handles, names, **place, **look)
    return [mean - std, mean + std]


def _show_chains(figure: Figure, dream: Dream) -> None:
    n_chains, unit = len(dream.pictures), dream.setting.unit
    side = round(dream.pictures.shape[1] ** 0.5)
    pictures = dream.pictures.astype(np.float32).reshape(-1, side, side)
    grey = _colors("white", "black")
    dreams = _mosaic(figure, "dreams", (0.015, 0.355, 0.475, 0.6), n_chains, grey, gap=0.06)
    dreams.paint(pictures)
    steps, temperature = dream.setting.steps, dream.setting.temperature
    after = f"after {steps} Gibbs step{'s' * (steps != 1)}" if steps else "at the start"
    chains = f"{n_chains} chain{'s' * (n_chains != 1)}"
    figure.text(0.017, 0.962, f"{chains}, {after}, temperature {temperature:.3g}", **TITLE)
    on = dream.hidden[:, unit]  # (n_chains,)
    for chain in np.flatnonzero(on):
        dreams.frame(chain, CHOSEN)
    for x, those, state in ((0.675, on, "on"), (0.832, ~on, "off")):
        figure.text(x, 0.292, f"{state} in {those.sum()}: their mean", **SMALL)
    weights = np.stack([on, ~on]) / np.maximum([[on.sum()], [(~on).sum()]], 1)  # (2, n_chains)
    means = _mosaic(figure, "means", (0.673, 0.025, 0.312, 0.26), 2, grey, gap=0.02)
    means.paint(np.tensordot(weights, pictures, 1))  # of no chain: a white tile
    means.frame(0, CHOSEN)


def _show_units(figure: Figure, dream: Dream, filters: np.ndarray) -> None:
    (n_hidden, n_visible), unit, clamped = filters.shape, dream.setting.unit, dream.setting.clamped
    side = round(n_visible**0.5)
    weights = _colors(NEGATIVE, "white", POSITIVE)
    units = _mosaic(figure, "units", (0.51, 0.355, 0.475, 0.6), n_hidden, weights, gap=0.1)
    strokes = enlarged(filters.reshape(-1, side, side), units.tile)
    strokes = np.clip(strokes / limit_of(strokes), -1, 1)  # (n_hidden, tile, tile)
    share = dream.hidden.mean(0, dtype=np.float32)  # (n_hidden,)
    units.paint(0.5 + 0.5 * (PALE + (1 - PALE) * share[:, None, None]) * strokes)
    for held in clamped:
        units.frame(held, HELD)
    units.frame(unit, CHOSEN)
    title = f"{n_hidden} hidden units: vivid if on, pale if off; green frame: held"
    figure.text(0.512, 0.962, title, **TITLE)
    own = filters[unit].reshape(1, side, side)
    large = _mosaic(figure, "large", (0.51, 0.025, 0.153, 0.26), 1, weights, gap=0.02)
    large.paint(0.5 + 0.5 * own / (np.abs(own).max() or 1.0))
    large.frame(0, HELD if unit in clamped else CHOSEN)
    name = f"unit {unit}: " + (f"held {clamped[unit]}" if unit in clamped else "free")
    figure.text(0.512, 0.292, name, **SMALL)


def _mosaic(figure: Figure, name: str, box: tuple, n: int, colors: np.ndarray, **look) -> Mosaic:
    """Make a mosaic in a box of the figure, given in its coordinates, and put it there."""
    (width, height), (x, y, w, h) = figure.get_size_inches() * figure.dpi, box
    pixels = tuple(round(v) for v in (x * width, y * height, w * width, h * height))
    mosaic = Mosaic(pixels, n, colors, **look)
    mosaic.set_gid(name)
    return figure.add_artist(mosaic)


class Mosaic(Artist):
    """Square tiles, drawn pixel by pixel: Matplotlib's own images would be resampled each time.

    Parameters
    ----------
    box
        Left, bottom, width and height, in pixels of the figure; the tiles are as large as fits.
    n
        Number of tiles.
    colors
        ``(256,)``, uint32: the colours of the values from 0 to 1, a byte a channel.
    gap
        Room between two tiles, as a share of a tile's step.
    """

    def __init__(self, box: tuple[int, ...], n: int, colors: np.ndarray, *, gap: float) -> None:
        super().__init__()
        left, bottom, width, height = box

        def fit(columns: int) -> tuple[int, int]:
            rows = -(-n // columns)
            return min(width // columns, height // rows), -columns * rows

        columns = max(range(1, n + 1), key=fit)  # the largest tiles, then the fewest empty places
        step, rows = fit(columns)[0], -(-n // columns)
        margin = max(round(gap * step / 2), 1)
        self.tile, self.colors = step - 2 * margin, colors
        self.corner = (left, bottom + height - rows * step)
        self.pixels = np.full((rows * step, columns * step), WHITE)  # from the bottom up, for Agg
        cells = self.pixels[::-1].reshape(rows, step, columns, step)
        cells = [cells[i // columns, :, i % columns] for i in range(n)]  # (step, step) views
        inside, around = slice(margin, -margin), slice(margin - 1, step - margin + 1)
        for cell in cells:
            cell[around, around] = OUTLINE
        self.tiles = [cell[inside, inside] for cell in cells]  # (tile, tile) views

    def paint(self, values: np.ndarray) -> None:
        """Fill all tiles with values in [0, 1], ``(n, side, side)``, also over their frames."""
        shown = self.colors[(255 * values + 0.5).astype(np.uint8)]
        for tile, image in zip(self.tiles, enlarged(shown, self.tile), strict=True):
            tile[:] = image

    def frame(self, i: int, color: str) -> None:
        """Frame tile ``i``, on the tile itself."""
        tile, width = self.tiles[i], max(self.tile // 24, 3)
        for edge in (tile[:width], tile[-width:], tile[:, :width], tile[:, -width:]):
            edge[:] = _colors(color, color)[0]

    def draw(self, renderer) -> None:
        """Copy the pixels into the figure."""
        context = renderer.new_gc()
        rgba = self.pixels.view(np.uint8).reshape(*self.pixels.shape, 4)
        renderer.draw_image(context, *self.corner, rgba)
        context.restore()


def enlarged(images: np.ndarray, size: int) -> np.ndarray:
    """Resize images ``(n, side, side)`` to ``(n, size, size)``: pixels stay sharp where they can.

    From twice the size on the nearest pixel is taken, below neighbours are mixed (floats only).
    """
    side = images.shape[1]
    if size == side:
        return images
    if size >= 2 * side:
        nearest = np.arange(size) * side // size
        return images[:, nearest[:, None], nearest]
    shape = (size, size)
    resized = [Image.fromarray(image).resize(shape, Image.Resampling.BILINEAR) for image in images]
    return np.stack([np.asarray(image) for image in resized])


def _colors(*names: str) -> np.ndarray:
    """Return the way through colours, from one to the next, as ``(256,)`` uint32.

    Each way has 17 steps: those of all ways fit into the palette of a PNG.
    """
    stops, levels = np.arange(len(names)), 16 * (len(names) - 1)
    place = np.rint(np.linspace(0, levels, 256)) / 16  # (256,), 0 at the first colour
    channels = 255 * to_rgba_array(list(names)).T  # (4, n_names); a pair would be colour and alpha
    ramp = np.stack([np.interp(place, stops, channel) for channel in channels], axis=1)
    return np.ascontiguousarray(ramp.round().astype(np.uint8)).view(np.uint32).ravel()


WHITE, OUTLINE = _colors("white", "0.8125")[[0, -1]]
