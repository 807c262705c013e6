"""Answers that reach for the checkers: each is judged in a copy of one judge's process."""

import json
import os
import subprocess
import sys

import pytest
from helpers.project import ROOT

TOLD = """
import json, os, sys
from pathlib import Path
from course_utils.grading import handover
from course_utils.grading.judge import judge_of

folder, answers = sys.argv[1], {}
judge = judge_of("scale_of_the_signal")
def right(std):
    return 3**0.5 * std
def answer(function):
    answers[function.__name__] = function
    return function
exec(open(sys.argv[2]).read())
for name, function in answers.items():
    handover.save(Path(folder, name), ("check_uniform_bound", (function,), {}))
for name in answers:
    source, sink = os.pipe()
    if not os.fork():
        os.write(sink, json.dumps([name, *judge(3, os.path.join(folder, name))]).encode())
        os._exit(0)
    os.wait()
    os.close(sink)
    print(os.read(source, 100_000).decode())
"""

ANSWERS = """
import ctypes, gc, math, sys, threading, types
from collections import namedtuple
import numpy as np, sympy, torch


# ------------------------------------------------------------------ honest ones

@answer
def honest(std):
    return right(std)

@answer
def honest_of_numpy(std):
    return np.float64(3) ** 0.5 * std

@answer
def honest_of_sympy(std):
    return sympy.sqrt(3) * std

@answer
def honest_with_imports(std):
    import scipy.optimize, warnings, logging
    warnings.warn("look")
    logging.warning("look")
    return scipy.optimize.brentq(lambda a: a**2 / 3 - std**2, 0, 100)

@answer
def honest_in_a_model(std):
    class Two(torch.nn.Module):
        def forward(self, x):
            return 3**0.5 * x
    torch.manual_seed(0)
    torch.set_default_dtype(torch.float64)
    return Two()(torch.tensor(std))

@answer
def honest_in_an_array(std):
    Answer = namedtuple("Answer", "bound")
    return np.array([right(std)])

@answer
def wrong(std):
    return std

@answer
def crash(std):
    return 1 / 0

@answer
def open_still(std):
    ...

# ------------------------------------------------------------------ hostile ones

@answer
def replaces_isclose(std):
    math.isclose = lambda *a, **k: True
    return 1.0

@answer
def replaces_and_puts_back(std):
    real = getattr(math.isclose, "real", math.isclose)
    def fake(*a, **k):
        fake.calls += 1
        if fake.calls == 3:
            math.isclose = real
        return True
    fake.calls, fake.real = 0, real
    vars(math)["isclose"] = fake
    return 1.0

class Replacing:
    def __call__(self, std):
        math.isclose = lambda *a, **k: True
        return 1.0

answers["replaces_as_an_object"] = Replacing()

@answer
def replaces_later(std):
    math.isclose = lambda *a, **k: True
    yield 1.0

@answer
def replaces_close(std):
    from course_utils.exercises import judging
    judging.close = lambda a, b: True
    return 1.0

@answer
def replaces_code(std):
    from course_utils.exercises import judging
    judging.close.__code__ = (lambda given, wanted: True).__code__
    return 1.0

@answer
def replaces_defaults(std):
    from course_utils.exercises import judging
    judging.explanation.__defaults__ = (lambda a, b: False,)
    return 1.0

@answer
def replaces_words(std):
    from course_utils.exercises import judging
    judging.WRONG = "correct"
    return 1.0

@answer
def replaces_all(std):
    import builtins
    builtins.all = lambda values: True
    return 1.0

@answer
def replaces_module(std):
    sys.modules["math"] = types.ModuleType("math")
    return 1.0

@answer
def replaces_method(std):
    torch.Tensor.item = lambda self: 1.0
    return 1.0

@answer
def looks_at_its_callers(std):
    sys._getframe(3).f_locals.clear()
    return 1.0

@answer
def looks_through_an_error(std):
    try:
        raise ValueError
    except ValueError as error:
        error.__traceback__.tb_frame.f_back
    return 1.0

@answer
def looks_at_all_objects(std):
    gc.get_objects()
    return 1.0

@answer
def reaches_into_memory(std):
    ctypes.cast(id(1), ctypes.POINTER(ctypes.c_long))
    ctypes.CDLL(None)
    return 1.0

@answer
def follows(std):
    sys.setprofile(lambda *a: None)
    return 1.0

@answer
def makes_code(std):
    exec("import math", dict(__name__="math"))
    return 1.0

@answer
def leaves_a_thread(std):
    threading.Thread(target=threading.Event().wait, daemon=True).start()
    return 1.0

# ------------------------------------------------------------------ types of their own

@answer
def own_number(std):
    class Any(float):
        def __float__(self): return 1.0
        def __eq__(self, other): return True
    return Any(1)

@answer
def own_tensor(std):
    class Any(torch.Tensor):
        @classmethod
        def __torch_function__(cls, *a, **k): return True
    return torch.ones(1).as_subclass(Any)

@answer
def own_everything(std):
    class Any:
        def __getattr__(self, name): return self
        def __eq__(self, other): return True
        def __float__(self): return 3**0.5 * std
    return Any()
"""


@pytest.fixture(scope="module")
def verdicts(tmp_path_factory):
    if not hasattr(os, "fork"):
        pytest.skip("no fork here")
    folder = tmp_path_factory.mktemp("answers")
    (folder / "answers.txt").write_text(ANSWERS, encoding="utf-8")
    command = [sys.executable, "-c", TOLD, str(folder), str(folder / "answers.txt")]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    lines = [json.loads(line) for line in done.stdout.splitlines() if line]
    assert len(lines) == ANSWERS.count("@answer") + 1
    return {name: (result, sentence) for name, result, sentence in lines}


def test_honest_answers_are_correct_whatever_they_use(verdicts):
    honest = {name: v for name, v in verdicts.items() if name.startswith("honest")}
    assert len(honest) == 6 and set(honest.values()) == {("correct", "")}


def test_wrong_open_and_broken_answers_are_told_as_ever(verdicts):
    assert verdicts["wrong"][0] == "not yet" and "within one std" in verdicts["wrong"][1]
    assert verdicts["open_still"] == ("not attempted", "")
    assert verdicts["crash"][0] == "not yet" and "ZeroDivisionError" in verdicts["crash"][1]


HOSTILE = {
    "replaces_isclose": "it replaced math.isclose.",
    "replaces_and_puts_back": "it replaced math.isclose.",
    "replaces_as_an_object": "it replaced math.isclose.",
    "replaces_later": "it replaced math.isclose.",
    "replaces_close": "it replaced course_utils.exercises.judging.close.",
    "replaces_code": "it looked into other code.",
    "replaces_defaults": "it changed the code of a function.",
    "replaces_words": "it replaced course_utils.exercises.judging.WRONG.",
    "replaces_all": "it replaced builtins.all.",
    "replaces_module": "it replaced sys.modules.math.",
    "replaces_method": "it added something to Tensor.",
    "looks_at_its_callers": "it looked at who calls it.",
    "looks_through_an_error": "it looked into other code.",
    "looks_at_all_objects": "it went through all objects.",
    "reaches_into_memory": "it reached into memory.",
    "follows": "it followed other code call by call.",
    "makes_code": "it ran code that is written in words.",
    "leaves_a_thread": "it left a thread running.",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_an_answer_that_reaches_for_the_checkers_is_told(name, verdicts):
    assert verdicts[name] == ("tampered", HOSTILE[name])


@pytest.mark.parametrize("name", ["own_number", "own_tensor", "own_everything"])
def test_a_type_of_the_notebooks_own_does_not_compare_for_itself(name, verdicts):
    result, sentence = verdicts[name]
    assert result == "not yet" and "is your notebook's own" in sentence
