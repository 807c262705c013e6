"""The picture of the dream explorer: dreams and hidden units, free energy and one unit below."""

from __future__ import annotations

from typing import TYPE_CHECKING

import matplotlib
import numpy as np
from matplotlib.artist import Artist
from matplotlib.colors import to_rgba_array
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator
from PIL import Image

from course_utils.explorers.live_figure import MATPLOTLIB_DEFAULTS, LiveFigure
from course_utils.plotting import FORWARD, THEORY

if TYPE_CHECKING:
    from course_utils.explorers.dream.experiment import Dream

CHOSEN, HELD = "#E69F00", "#009E73"
"""Colours of the unit that is looked at, and of units held by hand (Okabe and Ito's palette)."""

PALE = 0.15
"""How strong the filter of a unit is drawn that is on in no chain; 1 is that of one on in all."""

NEGATIVE, POSITIVE = "#2166AC", "#B2182B"
"""Colours of the weights of a filter, white at 0: blue and red of Matplotlib's RdBu."""


class DreamFigure:
    """A live figure of dreams, of the hidden units that draw them, and of one unit.

    Parameters
    ----------
    filters
        Incoming weights of each hidden unit, ``(n_hidden, n_visible)``.
    n_chains
        Number of dreams.
    max_steps
        The free energy's axis ends here.
    dpi
        Pixels an inch; the figure is 10 inches wide.
    """

    def __init__(
        self, filters: np.ndarray, *, n_chains: int, max_steps: int, dpi: int = 200
    ) -> None:
        n_hidden, n_visible = filters.shape
        self.side = round(n_visible**0.5)
        self.filters = filters.astype(np.float32).reshape(-1, self.side, self.side)
        with matplotlib.rc_context(MATPLOTLIB_DEFAULTS):
            self._build(n_chains, n_hidden, max_steps, dpi)

    def _build(self, n_chains: int, n_hidden: int, max_steps: int, dpi: int) -> None:
        self.figure = Figure(figsize=(10, 5.9), dpi=dpi)
        width, height = 10 * dpi, 5.9 * dpi

        def box(x: float, y: float, w: float, h: float) -> tuple[int, ...]:
            return tuple(round(v) for v in (x * width, y * height, w * width, h * height))

        grey, weights = _colors("white", "black"), _colors(NEGATIVE, "white", POSITIVE)
        self.dreams = Mosaic(box(0.015, 0.355, 0.475, 0.6), n_chains, grey, gap=0.06)
        self.units = Mosaic(box(0.51, 0.355, 0.475, 0.6), n_hidden, weights, gap=0.1)
        strokes = enlarged(self.filters, self.units.tile)
        limit = float(np.quantile(np.abs(strokes), 0.99)) or 1.0
        self.strokes = np.clip(strokes / limit, -1, 1)  # (n_hidden, tile, tile)
        self.large = Mosaic(box(0.51, 0.025, 0.153, 0.26), 1, weights, gap=0.02)
        self.means = Mosaic(box(0.673, 0.025, 0.312, 0.26), 2, grey, gap=0.02)
        title = {"fontsize": 10, "va": "bottom"}
        left, right = 0.017, 0.512
        self.title = self.figure.text(left, 0.962, "", **title)
        self.figure.text(
            right,
            0.962,
            f"{n_hidden} hidden units: vivid if on, pale if off; green frame: held",
            **title,
        )
        small = {"fontsize": 9, "va": "bottom"}
        self.name = self.figure.text(right, 0.292, "", **small)
        self.counts = [self.figure.text(x, 0.292, "", **small) for x in (0.675, 0.832)]
        self._build_curve(max_steps)
        self.live = LiveFigure(
            self.figure,
            moving=[self.curve, self.dreams, self.units, self.large, self.means]
            + [self.title, self.name, *self.counts],
            settled=[self.band, self.middle, self.axes.xaxis, self.axes.yaxis],
            colors=[FORWARD, CHOSEN, HELD, NEGATIVE, POSITIVE],
        )

    def _build_curve(self, max_steps: int) -> None:
        self.axes = ax = self.figure.add_axes((0.065, 0.085, 0.425, 0.2))
        ax.set_xscale("symlog", linthresh=1, linscale=0.5)
        ax.set(xlim=(-0.15, 1.15 * max_steps), xlabel="Gibbs steps")
        ticks = [0, *(10**k for k in range(4) if 10**k <= max_steps)]
        ax.set_xticks(ticks, [f"{n:,}" for n in ticks])
        ax.minorticks_off()
        ax.grid(True, color="0.9", lw=0.8)
        ax.tick_params(labelsize=8)
        ax.xaxis.labelpad = 1
        self.figure.text(0.065, 0.292, "mean free energy, nats", fontsize=9, va="bottom")
        (self.curve,) = ax.plot([], [], color=FORWARD, marker="o", markersize=3, lw=1.6)
        across = ax.get_yaxis_transform()  # from the left end to the right, whatever the limits
        self.band = Rectangle((0, 0), 1, 1, transform=across, color="0.85", label="data ± std")
        ax.add_patch(self.band)
        self.middle = ax.axhline(0, color=THEORY, ls="--", lw=1.2)
        handles = [self.curve, (self.band, self.middle)]
        self.legend = self.figure.legend(
            handles,
            ["dreams", "data ± std"],
            loc="lower right",
            bbox_to_anchor=(0.495, 0.282),
            ncols=2,
            fontsize=9,
            frameon=False,
            borderpad=0,
        )
        self._limits: tuple = ()

    def png(self, dream: Dream) -> bytes:
        """Draw a dream and return the picture as PNG bytes."""
        with matplotlib.rc_context(MATPLOTLIB_DEFAULTS), self.live.painting() as trusted:
            self._show_free_energy(dream, trusted)
            self._show_chains(dream)
            self._show_units(dream)
            return self.live.png()

    def _show_free_energy(self, dream: Dream, trusted: bool) -> None:
        self.curve.set_data(dream.steps, dream.free_energy)
        values, data = [*dream.free_energy[1:]] or [*dream.free_energy], dream.data
        if data is not None:
            ends = [data.free_energy + sign * data.free_energy_std for sign in (-1, 1)]
            values += ends
        ticks = MaxNLocator(4).tick_values(min(values) - 1, max(values) + 1)
        if trusted and (ticks[0], ticks[-1]) == self._limits:
            return
        self._limits = (ticks[0], ticks[-1])
        self.axes.set_yticks(ticks)
        self.axes.set_ylim(ticks[0], ticks[-1])
        for artist in (self.band, self.middle, self.legend):
            artist.set_visible(data is not None)
        if data is not None:
            self.band.set_y(ends[0])
            self.band.set_height(ends[1] - ends[0])
            self.middle.set_ydata([data.free_energy] * 2)
        self.live.unsettle()

    def _show_chains(self, dream: Dream) -> None:
        s, n_chains = dream.setting, len(dream.pictures)
        what = "the start" if s.steps == 0 else f"after {s.steps:,} Gibbs step{'s'[: s.steps > 1]}"
        self.title.set_text(f"{n_chains} chains, {what}, temperature {s.temperature:.3g}")
        pictures = dream.pictures.reshape(-1, self.side, self.side)
        self.dreams.paint(pictures)
        on = dream.hidden[:, s.unit]  # (n_chains,)
        for chain in np.flatnonzero(on):
            self.dreams.frame(chain, CHOSEN)
        for i, (those, state) in enumerate(((on, "on"), (~on, "off"))):
            self.counts[i].set_text(f"{state} in {those.sum()}: their mean")
        weights = np.stack([on, ~on]) / np.maximum([[on.sum()], [(~on).sum()]], 1)  # (2, n_chains)
        self.means.paint(np.tensordot(weights, pictures, 1))  # of no chain: a white tile
        self.means.frame(0, CHOSEN)

    def _show_units(self, dream: Dream) -> None:
        share = dream.hidden.mean(0, dtype=np.float32)  # (n_hidden,)
        strength = PALE + (1 - PALE) * share[:, None, None]
        self.units.paint(0.5 + 0.5 * strength * self.strokes)
        unit, clamped = dream.setting.unit, dream.setting.clamped
        for held in clamped:
            self.units.frame(held, HELD)
        self.units.frame(unit, CHOSEN)
        weights = self.filters[unit]  # (side, side)
        self.large.paint(0.5 + 0.5 * weights[None] / (np.abs(weights).max() or 1.0))
        self.large.frame(0, HELD if unit in clamped else CHOSEN)
        self.name.set_text(
            f"unit {unit}: " + (f"held {clamped[unit]}" if unit in clamped else "free")
        )


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

    Each way has the 17 steps of a :class:`LiveFigure`'s palette, so that they are shown exactly.
    """
    stops, levels = np.arange(len(names)), 16 * (len(names) - 1)
    place = np.rint(np.linspace(0, levels, 256)) / 16  # (256,), 0 at the first colour
    channels = 255 * to_rgba_array(list(names)).T  # (4, n_names); a pair would be colour and alpha
    ramp = np.stack([np.interp(place, stops, channel) for channel in channels], axis=1)
    return np.ascontiguousarray(ramp.round().astype(np.uint8)).view(np.uint32).ravel()


WHITE, OUTLINE = _colors("white", "0.8125")[[0, -1]]
