"""What the browser sends when a reader moves a control, without a browser."""

import itertools

_numbers = itertools.count()


def ask(explorer, **request):
    """Send a request as the view does; return the answer, which is all that is then shown."""
    name = f"test-{next(_numbers)}"
    explorer._asked({"request": name, **request})
    assert explorer.shown["answer"] == name
    return explorer.shown


def _each(explorer, how, moves):
    for name, value in moves.items():
        ask(explorer, set={name: [how, value]})
    return explorer.shown


def move(explorer, **places):
    """Move sliders to these places."""
    return _each(explorer, "place", places)


def typed(explorer, **texts):
    """Type into boxes, and press Enter."""
    return _each(explorer, "typed", texts)


def choose(explorer, **choices):
    """Choose in lists."""
    return _each(explorer, "chosen", {name: str(choice) for name, choice in choices.items()})


def jump(explorer, **buttons):
    """Press buttons that jump: field → what is written on the button."""
    return _each(explorer, "jump", buttons)


def press(explorer, button):
    """Press a button that acts."""
    return ask(explorer, press=button)
