"""A menu over several explorers: a button each, one of which is pressed."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import anywidget
import traitlets

from course_utils.explorers.front_end import HERE, STYLE
from course_utils.explorers.values import read_choice


class Menu(anywidget.AnyWidget):
    """Buttons, one of which is pressed and announced as such, over what there is to try with it.

    Parameters
    ----------
    choices
        What is written on a button → what to try when it is pressed. The first is pressed.
    label
        What a screen reader calls the whole.

    Attributes
    ----------
    value
        What is written on the pressed button.

    Examples
    --------
    >>> menu = Menu({"Signal": "Find a std that keeps 20 layers alive.", "Funnel": "..."})
    >>> menu.on_choice(print)
    """

    _esm = "\n".join((HERE / name).read_text(encoding="utf-8") for name in ("view.js", "menu.js"))
    _css = STYLE
    choices = traitlets.Dict().tag(sync=True)
    label = traitlets.Unicode().tag(sync=True)
    value = traitlets.Unicode().tag(sync=True)

    def __init__(self, choices: Mapping[str, str], label: str = "explorers") -> None:
        if not choices:
            raise ValueError("a menu needs a choice at least, got none")
        super().__init__(choices=dict(choices), label=label, value=next(iter(choices)))

    @traitlets.validate("value")
    def _one_of_the_choices(self, proposal) -> str:
        choice = read_choice(proposal["value"], self.choices)
        if choice is None:
            known = ", ".join(self.choices)
            raise traitlets.TraitError(f"value can be {known}, got {proposal['value']!r}")
        return choice

    def on_choice(self, act: Callable[[str], None]) -> None:
        """Call ``act`` with what is written on a button, whenever another one is pressed."""
        self.observe(lambda change: act(change["new"]), "value")
