"""The helper package of the course on how neural networks are initialized: one folder a concept.

Every notebook begins with `load_mnist` (other images: `load_images`) and `claim_on`; all else lives
in the rooms, from the ground up: ``plotting``, ``theory``, ``networks``; ``initializers``,
``training``, ``probes``; ``boltzmann``, ``experiments``; ``explorers``; ``exercises``. A room
imports only from rooms below.
"""

from importlib import import_module

_HOME = {"claim": "claims", "claim_on": "claims", "check_installation": "installation"}
_HOME |= {"guess": "guesses", "load_images": "data", "load_mnist": "data"}
__all__ = list(_HOME)


def __getattr__(name: str) -> object:
    """Import what was asked for, and only that: the package itself loads neither torch nor more."""
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
