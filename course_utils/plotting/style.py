"""The colour of every scheme, of forward and backward, and the look of every figure.

The colours start from the palette of Okabe and Ito ("Color Universal Design", 2008), made for
readers with any common colour blindness; a test holds them apart as such readers see them.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

import matplotlib.pyplot as plt
import seaborn as sns

from course_utils.names import called_here

FORWARD, BACKWARD, THEORY = "#0072B2", "#D55E00", "#333333"
"""Colours of the activations, of the gradients, and of anything that theory predicts."""

SCHEME_COLORS: dict[str, str] = {
    "zero": "#000000",
    "constant": "#AAAAAA",
    "uniform": "#E69F00",
    "normal": "#D55E00",
    "xavier": "#0072B2",
    "he": "#009E73",
    "lecun": "#56B4E9",
    "orthogonal": "#CC79A7",
    "pytorch_default": "#5B2A86",
    "lsuv": "#A55AFF",
    "batch_norm": "#5A551E",
    "layer_norm": "#2D18F4",
    "looks_linear": "#24CD66",
}
"""Scheme, without ``_normal`` or ``_uniform``, → its colour everywhere in the course."""


_FONT = ("font.family", "font.sans-serif", "font.serif", "font.monospace", "axes.unicode_minus")


def use_course_style() -> None:
    """Set Matplotlib's defaults for the rest of the session: call it once, at a notebook's top.

    A font that you have chosen yourself stays, Korean letters for example:
    ``plt.rcParams["font.family"] = "NanumGothic"``.
    """
    own = {key: plt.rcParams[key] for key in _FONT}
    own = {key: value for key, value in own.items() if value != plt.rcParamsDefault[key]}
    sns.set_theme(style="whitegrid", context="notebook", font_scale=0.95)
    plt.rcParams.update(own)
    plt.rcParams.update(
        {
            "figure.dpi": 110,
            "figure.constrained_layout.use": True,
            "axes.titlesize": "medium",
            "axes.titleweight": "bold",
            "axes.edgecolor": "0.4",
            "grid.color": "0.9",
            "legend.frameon": True,
            "lines.linewidth": 1.8,
        }
    )


def scheme_style(scheme: str) -> dict[str, str]:
    """Return the line style of a scheme: its colour, solid for normal draws, dashed for uniform.

    Parameters
    ----------
    scheme
        A name such as ``"xavier_uniform"`` or ``"orthogonal"``.

    Raises
    ------
    ValueError
        If the scheme has no colour yet.
    """
    name = scheme.removesuffix("_normal").removesuffix("_uniform")
    if name not in SCHEME_COLORS:
        ends = ("", "_normal", "_uniform")
        hint = called_here(scheme, [name + end for name in SCHEME_COLORS for end in ends])
        known = f"the course has colours for {', '.join(SCHEME_COLORS)}"
        raise ValueError(f"no colour for scheme {scheme!r}: {hint or known}")
    return {"color": SCHEME_COLORS[name], "linestyle": "--" if "_uniform" in scheme else "-"}


def colors_of(labels: Collection, colors: Mapping | None = None) -> dict:
    """Return label → colour: the one given, else the palette's in order.

    TypeError if ``colors`` is no dictionary.
    """
    if colors is not None and not isinstance(colors, Mapping):
        raise TypeError(
            f"colors must be a dictionary, label → colour, got {type(colors).__name__}: try "
            "dict(zip(labels, colors))"
        )
    palette = dict(zip(labels, sns.color_palette("colorblind", len(labels)), strict=True))
    return palette | dict(colors or {})
