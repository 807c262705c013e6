"""The menu over several explorers: what is pressed, and who is told."""

import pytest
import traitlets

from course_utils.explorers.menu import Menu

CHOICES = {"Signal": "Find a std.", "Funnel": "Pull them apart."}


@pytest.fixture
def menu():
    return Menu(CHOICES)


def pressed(menu, name):
    """Send what the browser sends when a button is pressed."""
    menu.set_state({"value": name})


def test_the_first_is_pressed_at_first_and_what_it_shows_travels(menu):
    assert menu.value == "Signal"
    state = menu.get_state()
    assert state["choices"] == CHOICES and state["value"] == "Signal"
    assert state["label"] == "explorers"


def test_who_asked_is_told_of_each_new_choice_once(menu):
    told = []
    menu.on_choice(told.append)
    for name in ("Funnel", "Funnel", "Signal"):
        pressed(menu, name)
    assert told == ["Funnel", "Signal"]


def test_the_order_of_the_choices_is_that_of_the_buttons():
    backwards = dict(reversed(CHOICES.items()))
    assert list(Menu(backwards).choices) == ["Funnel", "Signal"]
    assert Menu(backwards).value == "Funnel"


@pytest.mark.parametrize("value", ["", "sign", "Residual"])
def test_what_is_no_choice_is_refused_and_changes_nothing(menu, value):
    with pytest.raises(traitlets.TraitError, match=f"value can be Signal, Funnel, got '{value}'"):
        menu.value = value
    assert menu.value == "Signal"


def test_a_choice_with_other_capitals_is_that_choice(menu):
    menu.value = " funnel"
    assert menu.value == "Funnel"


def test_a_menu_without_choices_is_refused():
    with pytest.raises(ValueError, match="a choice at least"):
        Menu({})
