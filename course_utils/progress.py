"""A progress bar that shows after a second and leaves nothing, in a terminal and in a notebook."""

from __future__ import annotations

import html
import io
import sys
from collections.abc import Iterable
from importlib.util import find_spec

from tqdm import tqdm

WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"


def progress(steps: Iterable | None = None, *, quiet: bool = False, **options) -> tqdm:
    """Return tqdm's bar over ``steps``, or one that is moved by its ``update``.

    Parameters
    ----------
    quiet
        No bar.
    **options
        Of tqdm: ``total``, ``unit``, ``desc``, and ``delay``, 1 second if it is not given.
    """
    kind = _WidgetBar if _in_a_notebook() else tqdm
    return kind(steps, **{"leave": False, "delay": 1, "disable": quiet} | options)


def _shell():
    """Return the shell of IPython that runs this, or None."""
    return getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()


def _in_a_notebook() -> bool:
    """Return whether this is a kernel of Jupyter with widgets."""
    return hasattr(_shell(), "kernel") and find_spec("ipywidgets") is not None


class _WidgetBar(tqdm):
    """The same words in a widget. On stderr a notebook would keep an empty red strip."""

    def __init__(self, steps: Iterable | None, **options) -> None:
        self._widget = None
        super().__init__(steps, file=io.StringIO(), **options)

    def display(self, msg: str | None = None, pos: int | None = None) -> None:
        """Show the bar; with an empty ``msg``, as tqdm calls it at the end, take it away."""
        if msg == "":
            if self._widget is not None:
                self._widget.close()
            return
        if self._widget is None:
            self._widget = _shown()
        self._widget.value = f"<pre>{html.escape(msg or str(self))}</pre>"


def _shown():
    """Return an empty widget that is shown, as a view alone: nbval would compare any text."""
    from ipywidgets import HTML

    widget = HTML()
    view = {"version_major": 2, "version_minor": 0, "model_id": widget.model_id}
    _shell().display_pub.publish({WIDGET_VIEW: view})
    return widget
