"""What a visitor sees: a menu of the explorers, and the one that was chosen."""

from __future__ import annotations

import contextlib
import html
import io
import os

import ipywidgets as w

from course_utils.classroom.nursery import FORKED
from course_utils.classroom.visitors import arrive


def explorers_page() -> w.Widget:
    """Return the page: a menu, the chosen explorer, and at the foot how many visitors fit.

    An explorer is made when it is chosen for the first time. Where the machine cannot hold one
    visitor more, words say so in place of the explorers.

    Raises
    ------
    ValueError
        If ``COURSE_VISITORS`` is set and is no whole number from 1 on.
    """
    visitors = arrive(forked=FORKED in os.environ)
    if visitors.is_full:
        return _words(visitors.words).add_class("explorers-full")
    from course_utils import load_mnist  # who is refused needs no torch
    from course_utils.classroom.offers import OFFERS
    from course_utils.explorers.menu import Menu

    with contextlib.redirect_stdout(io.StringIO()) as source:  # shown at the foot of the page
        data = load_mnist()
    menu = Menu({name: offer.to_try for name, offer in OFFERS.items()})
    place, made = w.VBox(), {}

    def show(name: str) -> None:
        if name not in made:
            place.children = [w.Label("One moment: this one is being prepared.")]
            made[name] = OFFERS[name].make(data)
        if name == menu.value:
            place.children = [made[name]]

    menu.on_choice(show)
    show(menu.value)
    foot = _words(f"{source.getvalue().strip()}. {visitors.words}").add_class("visitors")
    return w.VBox([menu, place, foot]).add_class("explorers")


def _words(text: str) -> w.HTML:
    """Return words that are broken into lines; a Label would cut them at the edge of a window."""
    return w.HTML(html.escape(text))
