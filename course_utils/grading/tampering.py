"""Know an answer that reached for what judges it.

An answer may be a function, and runs in the judge's process when a checker calls it. So what the
checkers are made of is remembered beforehand and compared when the answer returns and again at the
end; what an answer returns must be of a type that the libraries know; and Python tells of attempts
to look into other code's variables. All this stops the tricks that are known, and cannot stop every
one that is possible: what runs in a process may change it.
"""

from __future__ import annotations

import builtins
import copy
import math
import operator
import os
import random
import sys
import sysconfig
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import wraps
from itertools import islice
from types import FrameType, FunctionType, ModuleType
from typing import Any

import numpy as np
import scipy.stats
import torch
from torch import Tensor, nn
from torch.nn import functional

from course_utils.exercises.reading import LONGEST

LIBRARIES = (builtins, math, operator, copy, random, os, sys, np, np.linalg, scipy.stats)
LIBRARIES += (torch, torch.linalg, torch.autograd, torch.optim, nn, nn.init, functional)
CLASSES = (Tensor, nn.Module, nn.Linear, nn.Sequential, nn.Parameter)
REPLACED_LATE = {("torch", "manual_seed"), ("torch", "Storage")}  # by torch itself
HELPERS = {"ctypes", "inspect", "os", "subprocess"}  # what they do, they do for their caller
MADE_BY_PYTHON = 1 << 9  # flag of a type that a class statement has made
HARMLESS = {"__new__", "__init__", "__repr__", "__doc__", "__module__", "__slots__", "__dict__"}
HARMLESS |= {"__getnewargs__", "__annotations__", "__weakref__", "__init_subclass__"}

REACHING = {
    "gc.get_objects": "it went through all objects",
    "gc.get_referrers": "it went through all objects",
    "gc.get_referents": "it went through all objects",
    "sys._getframe": "it looked at who calls it",
    "sys._current_frames": "it looked at who calls it",
    "object.__getattr__": "it looked into other code",
    "object.__setattr__": "it changed the code of a function",
    "object.__delattr__": "it changed the code of a function",
    "sys.settrace": "it followed other code line by line",
    "sys.setprofile": "it followed other code call by call",
    "sys.addaudithook": "it listened to other code",
    "code.__new__": "it made code by hand",
    "function.__new__": "it made code by hand",
    "exec": "it ran code that is written in words",
    "ctypes.dlopen": "it reached into memory",
    "ctypes.dlsym": "it reached into memory",
    "ctypes.cdata": "it reached into memory",
    "os.fork": "it started other programs",
    "subprocess.Popen": "it started other programs",
    "os.exec": "it started other programs",
    "os.posix_spawn": "it started other programs",
    "os.system": "it started other programs",
}
"""What Python tells of (its audit events) → what that means when an answer's own code does it."""


class Tampered(BaseException):
    """Ends a check whose answer has reached for the checker."""


def _places_of_libraries() -> tuple[str, ...]:
    paths = {sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")}
    return (*sorted(filter(None, paths)), os.path.dirname(os.path.dirname(__file__)), "<frozen ")


def _is_of_a_library(frame: FrameType, places: tuple[str, ...]) -> bool:
    """Say whether code that runs is that of an imported module, in one of some places."""
    name, names = frame.f_globals.get("__name__"), frame.f_globals
    own = names is getattr(sys.modules.get(name), "__dict__", None) if type(name) is str else False
    return own and frame.f_code.co_filename.startswith(places)


class Watch:
    """Remembers, from now on, what an answer may not change, and notices if it does."""

    def __init__(self) -> None:
        self._trusted = _places_of_libraries()
        self._reached: list[str] = []
        self._looking = False
        self._threads = threading.active_count()
        self._kept = list(_attributes())
        self._sizes = [(kind, len(vars(kind))) for kind in CLASSES]
        self._parts: list = []
        self._state = _fingerprints(self._parts)
        sys.addaudithook(self._heard)

    def _heard(self, event: str, given: tuple) -> None:
        words = REACHING.get(event)
        if words is None or not self._looking:
            return
        self._looking = False  # what follows would be heard itself
        caller = sys._getframe(1)
        while caller.f_back and caller.f_globals.get("__name__") in HELPERS:
            caller = caller.f_back
        if not _is_of_a_library(caller, self._trusted):
            self._reached.append(words)
        self._looking = True

    @contextmanager
    def looking(self) -> Iterator[None]:
        """Take what is heard meanwhile for the answer's doing; let no tensor speak for itself."""
        with ExitStack() as states:
            for name in ("DisableTorchFunctionSubclass", "_DisableTorchDispatch"):
                states.enter_context(getattr(torch._C, name)())
            self._looking = True
            try:
                yield
            finally:
                self._looking = False

    def quick(self) -> str | None:
        """Return words if an attribute of the checkers or of a library is another object now."""
        if self._reached:
            return self._reached[0]
        if threading.active_count() > self._threads:
            return "it left a thread running"
        for place, attributes, name, value in self._kept:
            if attributes.get(name, self) is not value:
                return f"it replaced {place}.{name}"
        for kind, size in self._sizes:
            if len(vars(kind)) != size:
                return f"it added something to {kind.__name__}"
        return None

    def thorough(self) -> str | None:
        """Return words if anything is not as it was: code, defaults and constants, too."""
        if words := self.quick():
            return words
        now = _fingerprints([])
        for place, before in self._state.items():
            if now.get(place) != before:
                return f"it changed {place}"
        if torch._C._len_torch_function_stack():
            return "it put itself between torch and everyone"
        return None

    def guarded(self, answer: Any) -> Any:
        """Return an answer that is looked at whenever its code has run; a value as it is.

        Raises
        ------
        TypeError
            If a value is of a type of the notebook's own: it could compare as it likes.
        """
        if callable(answer) and not isinstance(answer, type):
            return self._function(answer)
        if isinstance(answer, type) and answer.__module__ == "__main__":
            methods = {k: v for k, v in vars(answer).items() if isinstance(v, FunctionType)}
            return type(answer)(
                answer.__name__, (answer,), {k: self._function(v) for k, v in methods.items()}
            )
        return plain(answer)

    def _function(self, function: Callable) -> Callable:
        @wraps(function)
        def watched(*given: Any, **options: Any) -> Any:
            try:
                returned = function(*given, **options)
                if isinstance(returned, Iterator):  # its code would run later
                    returned = list(islice(returned, LONGEST + 1))
            finally:
                if words := self.quick():
                    self._reached.append(words)
                    raise Tampered
            return plain(returned)

        return watched


def plain(value: Any, depth: int = 0) -> Any:
    """Return a value whose type a library has made, or that is a network.

    Raises
    ------
    TypeError
        If its type, or that of what it holds, is the notebook's own and reads or compares its own
        way. (A named tuple does not.)
    """
    kind = type(value)
    if not isinstance(value, nn.Module | type) and not _is_honest(kind):
        raise TypeError(
            f"the type {kind.__name__} is your notebook's own: hand over a plain number, word, "
            "list, dictionary or tensor"
        )
    if depth < 4 and isinstance(value, list | tuple | set | frozenset):
        for part in value:
            plain(part, depth + 1)
    elif depth < 4 and isinstance(value, dict):
        for part in (*value, *value.values()):
            plain(part, depth + 1)
    return value


def _is_honest(kind: type) -> bool:
    """Say whether a type behaves as a library has written it."""
    known = next(base for base in kind.__mro__ if _is_written_there(base))
    own = kind.__mro__[: kind.__mro__.index(known)]
    changed = {name for base in own for name in vars(base) if hasattr(known, name)} - HARMLESS
    return not changed


def _is_written_there(kind: type) -> bool:
    if not kind.__flags__ & MADE_BY_PYTHON:
        return True
    found = sys.modules.get(kind.__module__) if kind.__module__ != "__main__" else None
    for name in kind.__qualname__.split("."):
        found = getattr(found, name, None)
    return found is kind


def _own_modules() -> list[ModuleType]:
    names = sorted(name for name in sys.modules if name.partition(".")[0] == "course_utils")
    return [sys.modules[name] for name in names]


def _attributes() -> Iterator[tuple[str, dict, str, Any]]:
    """Yield place, dictionary, name and value of every attribute that may not be replaced."""
    for module in (*LIBRARIES, *_own_modules()):
        yield "sys.modules", sys.modules, module.__name__, module
        for name, value in list(vars(module).items()):
            if not name.startswith("__") and (module.__name__, name) not in REPLACED_LATE:
                yield module.__name__, vars(module), name, value
    for kind in CLASSES:
        for name, value in list(vars(kind).items()):
            yield kind.__name__, vars(kind), name, value


def _fingerprints(parts: list) -> dict[str, Any]:
    """Return for every attribute what can be compared later, also of what it holds.

    All that is compared by its place in memory is put into ``parts``: as long as that list lives,
    nothing else can come to lie there.
    """
    own = {module.__name__ for module in _own_modules()}
    return {
        f"{place}.{name}": _fingerprint(value, parts, 0 if place in own else 4)
        for place, _, name, value in _attributes()
        if place != "sys.modules"
    }


def _fingerprint(value: Any, parts: list, depth: int) -> Any:
    inside: list = []
    if isinstance(value, FunctionType):
        held = [cell.cell_contents for cell in value.__closure__ or () if _full(cell)]
        held += [value.__code__, value.__defaults__, value.__kwdefaults__]
        parts += held
        inside = list(map(id, held))
    elif depth < 4 and isinstance(value, dict):
        pairs = list(value.items())
        inside = [_fingerprint(part, parts, depth + 1) for pair in pairs for part in pair]
    elif depth < 4 and isinstance(value, list | tuple):
        inside = [_fingerprint(part, parts, depth + 1) for part in value]
    elif depth < 1 and isinstance(value, type) and value.__module__.startswith("course_utils"):
        inside = [_fingerprint(part, parts, depth + 1) for part in list(vars(value).values())]
    parts.append(value)
    return id(value), inside


def _full(cell: Any) -> bool:
    try:
        return cell.cell_contents is not None
    except ValueError:
        return False
