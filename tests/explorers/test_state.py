"""Whatever is asked of an explorer, and wherever it is interrupted, its state stays whole."""

import dataclasses
import functools
import math
import random
import threading
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pandas as pd
import pytest
import scipy.sparse
import torch
from helpers.interrupts import interrupted_after
from helpers.live_training import DATA
from helpers.pictures import seen
from helpers.states import strange_torch

from course_utils.boltzmann import RBM
from course_utils.explorers import base, live_training
from course_utils.explorers.activation import ActivationExplorer
from course_utils.explorers.dream import DreamExplorer
from course_utils.explorers.funnel import FunnelExplorer
from course_utils.explorers.live_training import LiveTrainingExplorer
from course_utils.explorers.residual import ResidualExplorer

IMAGES = 0.3 * torch.rand(32, 784, generator=torch.Generator().manual_seed(3))
SMALL_IMAGES = torch.rand(30, 16, generator=torch.Generator().manual_seed(5))


def small_rbm():
    return RBM(16, 6, std=1.0, seed=1)


START = {
    "activation": {
        "std": 0.05,
        "depth": 4,
        "width": 64,
        "activation": "tanh",
        "distribution": "normal",
        "source": "images",
    },
    "residual": {"depth": 4, "scale": 1.0, "normalization": "none", "start": "he"},
    "funnel": {
        "width_a": 40,
        "width_b": 20,
        "depth": 4,
        "rule": "xavier",
        "activation": "linear",
    },
    "dream": {
        "steps": 5,
        "temperature": 1.0,
        "start": "data",
        "seed": 0,
        "unit": 2,
        "clamped": {1: "on"},
    },
    "live": {"scheme": "normal", "std": 0.05, "seed": 0, "steps": 20},
}
OTHER = {
    "activation": {"std": 1.0, "depth": 12, "activation": "relu", "source": "noise"},
    "residual": {"depth": 30, "scale": 2.0, "normalization": "batch", "start": "he"},
    "funnel": {"width_a": 300, "width_b": 70, "depth": 9, "rule": "fan_in", "activation": "tanh"},
    "dream": {"steps": 60, "temperature": 3.0, "start": "noise", "seed": 7, "unit": 0},
    "live": {"scheme": "he_normal", "std": 0.5, "seed": 3, "steps": 60},
}
MAKE = {
    "activation": lambda **setting: ActivationExplorer(IMAGES, **setting),
    "residual": lambda **setting: ResidualExplorer(IMAGES, width=16, **setting),
    "funnel": lambda **setting: FunnelExplorer(**setting),
    "dream": lambda **setting: DreamExplorer(small_rbm(), SMALL_IMAGES, **setting),
    "live": lambda **setting: LiveTrainingExplorer(DATA, **setting),
}
WHOLE = [
    ("activation", "depth"),
    ("activation", "width"),
    ("residual", "depth"),
    ("funnel", "width_a"),
    ("funnel", "depth"),
    ("dream", "steps"),
    ("dream", "seed"),
    ("live", "seed"),
    ("live", "steps"),
]
REAL = [("activation", "std"), ("residual", "scale"), ("dream", "temperature"), ("live", "std")]
CHOICES = [
    ("activation", "activation"),
    ("activation", "distribution"),
    ("activation", "source"),
    ("residual", "normalization"),
    ("residual", "start"),
    ("funnel", "rule"),
    ("funnel", "activation"),
    ("dream", "start"),
    ("live", "scheme"),
]
FIELDS = [(name, field) for name, start in START.items() for field in start]


@pytest.fixture(scope="module")
def shared():
    return {}


@pytest.fixture
def explorer_of(shared):
    """Return the explorer of a name as it starts; they are made once."""

    def get(name):
        if name not in shared:
            shared[name] = MAKE[name]()
        shared[name].set(**START[name])
        return shared[name]

    return get


def look(name, setting):
    """Return all that is shown of a setting in a fresh explorer, its readout and losses."""
    explorer = MAKE[name](**START[name])
    explorer.set(**setting)
    if name == "live":
        explorer.start()
        explorer.wait()
    losses = [history.step_losses.tolist() for _, history in getattr(explorer, "histories", [])]
    return seen(explorer), explorer.readout(), losses


@pytest.fixture(scope="module")
def looks():
    """Return what the other setting of each explorer looks like, looked at once."""
    return functools.cache(lambda name: look(name, OTHER[name]))


def state(explorer):
    """Return all that an explorer shows, says and knows."""
    chains = getattr(getattr(explorer, "dreams", None), "chains", None)
    known = explorer.setting, explorer.verdict, explorer.correction, explorer.readout(), chains
    return seen(explorer), *known, id(explorer.measurement)


# ---------------------------------------------------------------------- values


@pytest.mark.parametrize("name, field", WHOLE)
@pytest.mark.parametrize(
    "wrap",
    [
        float,
        np.int64,
        np.float32,
        np.array,
        lambda n: np.array([n]),
        torch.tensor,
        lambda n: torch.tensor([[float(n)]]),
        Fraction,
        Decimal,
    ],
    ids=["float", "int64", "float32", "0-d", "1-d", "tensor", "2-d", "fraction", "decimal"],
)
def test_a_whole_number_of_any_kind_becomes_pythons(explorer_of, name, field, wrap):
    explorer, number = explorer_of(name), {"width": 128, "steps": 33}.get(field, 17)
    explorer.set(**{field: wrap(number)})
    used = getattr(explorer.setting, field)
    assert used == number and type(used) is int
    assert explorer.correction == "" and explorer.shown["values"][field] == str(number)


@pytest.mark.parametrize("name, field", REAL)
@pytest.mark.parametrize("wrap", [np.float64, np.array, torch.tensor, str, Fraction, Decimal])
def test_a_real_number_of_any_kind_becomes_pythons(explorer_of, name, field, wrap):
    explorer = explorer_of(name)
    explorer.set(**{field: wrap(0.25)})
    used = getattr(explorer.setting, field)
    assert used == 0.25 and type(used) is float


@pytest.mark.parametrize("name, field", CHOICES)
def test_a_choice_that_is_equal_becomes_the_one_there_is(explorer_of, name, field):
    explorer, other = explorer_of(name), OTHER[name].get(field, "uniform")
    explorer.set(**{field: np.array([other])})
    used = getattr(explorer.setting, field)
    assert used == other and type(used) is str


class Hostile:
    """Equal to nothing, no number, and without words."""

    def _refuse(self, *_):
        raise RuntimeError("not with me")

    __eq__ = __float__ = __int__ = __bool__ = __repr__ = __str__ = __iter__ = _refuse
    __hash__ = object.__hash__


class AnyEqual:
    """Equal to everything."""

    def __eq__(self, other):
        return True

    __hash__ = object.__hash__


class Loud:
    """Has ten million letters to say of itself."""

    def __repr__(self):
        return "<&'" + "loud " * 2_000_000


NO_NUMBERS = {
    "array of two": np.array([1.0, 2.0]),
    "tensor of two": torch.tensor([64.0, 64.0]),
    "empty array": np.array([]),
    "meta tensor": torch.zeros((), device="meta"),
    "hostile": Hostile(),
    "equal to all": AnyEqual(),
    "loud": Loud(),
    "nan": math.nan,
    "none": None,
    "truth": True,
    "numpy truth": np.bool_(True),
    "complex": 64 + 1j,
    "complex array": np.array([64 + 1j]),
    "list": [64],
    "nested": {"a": [[1] * 100_000, {2: {3: {4: {}}}}]},
    "dictionary": {i: "on" for i in range(100_000)},
    "long text": "'&<" * 1_000_000,
    "type": float,
}


@pytest.mark.parametrize("name", START)
@pytest.mark.parametrize("value", NO_NUMBERS.values(), ids=NO_NUMBERS)
def test_what_is_neither_number_nor_choice_is_ignored_in_few_words(explorer_of, name, value):
    explorer = explorer_of(name)
    before, fields = seen(explorer), [field for field in START[name] if field != "clamped"]
    explorer.set(**dict.fromkeys(fields, value))
    assert explorer.correction.count("was ignored") == len(fields)
    assert len(explorer.correction) < 250 * len(fields)
    assert {**seen(explorer), "correction": ""} == before


HUGE = {
    "401 digits": 10**400,
    "6001 digits": 10**6000,
    "fraction": Fraction(10**400),
    "inf": math.inf,
    "text": "1e999",
}


@pytest.mark.parametrize("name", START)
@pytest.mark.parametrize("value", HUGE.values(), ids=HUGE)
def test_a_number_beyond_all_floats_becomes_the_highest_or_lowest(explorer_of, name, value):
    explorer = explorer_of(name)
    fields = [field for owner, field in [*REAL, *WHOLE] if owner == name and field != "width"]
    explorer.set(**dict.fromkeys(fields, value))
    highest = explorer.setting
    assert explorer.correction.count("was changed to") == len(fields)
    assert len(explorer.correction) < 300 * len(fields)
    explorer.set(**dict.fromkeys(fields, f"-{value}" if isinstance(value, str) else -value))
    for field in fields:
        low, high = getattr(explorer.setting, field), getattr(highest, field)
        assert low <= START[name][field] < high and type(low) is type(high)


@pytest.mark.parametrize("name", START)
def test_the_constructor_reads_as_set_does(name):
    field, number = {"live": ("steps", 33), "dream": ("steps", 33)}.get(name, ("depth", 3))
    choice = next(field for owner, field in CHOICES if owner == name)
    explorer = MAKE[name](**{field: np.array([float(number)]), choice: np.array([1.0, 2.0])})
    used = getattr(explorer.setting, field)
    assert used == number and type(used) is int and "was ignored" in explorer.correction


@pytest.mark.parametrize("name", START)
def test_an_unknown_field_changes_nothing_whatever_stands_beside_it(explorer_of, name):
    explorer = explorer_of(name)
    before = state(explorer)
    with pytest.raises(TypeError, match="no control 'x") as caught:
        explorer.set(**OTHER[name], **{"x" * 10**6: Hostile()})
    assert state(explorer) == before and len(str(caught.value)) < 300


# ---------------------------------------------------------------------- units that are held


def test_of_a_million_units_that_there_are_not_three_are_named(explorer_of):
    explorer = explorer_of("dream")
    explorer.set(clamped={i: "on" for i in range(100_000)})
    assert explorer.setting.clamped == dict.fromkeys(range(6), "on")
    assert "; 6: 'on', 7: 'on', 8: 'on' and 99,991 more was ignored." in explorer.correction
    assert len(explorer.correction) < 500


def test_units_are_read_as_other_whole_numbers_are(explorer_of):
    explorer = explorer_of("dream")
    units = {np.int64(0): np.str_("on"), 2.0: "off", torch.tensor(3): "on", "4": "on"}
    explorer.set(clamped={**units, 2.5: "on", True: "on", Hostile(): "on", 5: Hostile()})
    assert explorer.setting.clamped == {0: "on", 2: "off", 3: "on", 4: "on"}
    assert all(type(unit) is int for unit in explorer.setting.clamped)
    assert (
        "; 2.5: 'on', True: 'on', <Hostile" in explorer.correction
        and "1 more" in explorer.correction
    )


NOT_UNITS = [key for key in [*NO_NUMBERS][:14] if key != "empty array"] + ["long text", "type"]


@pytest.mark.parametrize("value", [NO_NUMBERS[key] for key in NOT_UNITS], ids=NOT_UNITS)
def test_what_is_no_dictionary_of_units_is_ignored_in_few_words(explorer_of, value):
    explorer = explorer_of("dream")
    before = state(explorer)
    explorer.set(clamped=value)
    assert "clamped is a dictionary such as" in explorer.correction
    assert len(explorer.correction) < 800 and explorer.setting == before[1]


# ---------------------------------------------------------------------- interruptions


class Interrupting:
    """A value that is interrupted while it is read."""

    def __float__(self):
        raise KeyboardInterrupt

    def __eq__(self, other):
        raise KeyboardInterrupt

    __hash__ = object.__hash__


def broken(error):
    def call(*_, **__):
        raise error("on purpose")

    return call


MEASURES = {
    "activation": ("path", "measure"),
    "residual": ("path", "measure"),
    "funnel": ("funnel", "measure"),
    "dream": ("dreams", "dream"),
}


@pytest.mark.parametrize("name", MEASURES)
@pytest.mark.parametrize("place", ["measure", "words", "show", "observer"])
@pytest.mark.parametrize("error", [KeyboardInterrupt, MemoryError, ValueError])
def test_a_move_that_fails_leaves_no_trace(explorer_of, looks, monkeypatch, name, place, error):
    explorer = explorer_of(name)
    before, fail = state(explorer), broken(error)
    with monkeypatch.context() as patch, pytest.raises(error):
        if place == "measure":
            owner, method = MEASURES[name]
            patch.setattr(getattr(explorer, owner), method, fail)
        elif place == "words":
            patch.setattr(base, "plain", fail)
        elif place == "show":
            patch.setattr(explorer, "_controls_shown", fail)
        else:
            explorer.observe(fail, "shown")
        explorer.set(**OTHER[name])
    if place == "observer":
        explorer.unobserve(fail, "shown")
    assert state(explorer) == before
    explorer.set(**OTHER[name])
    assert seen(explorer) == looks(name)[0]


@pytest.mark.parametrize("name, field", FIELDS)
def test_an_interruption_while_a_value_is_read_leaves_no_trace(explorer_of, name, field):
    explorer = explorer_of(name)
    before = state(explorer)
    value = {Interrupting(): "on"} if field == "clamped" else Interrupting()
    with pytest.raises(KeyboardInterrupt):
        explorer.set(**{**OTHER[name], field: value})
    assert state(explorer) == before


@pytest.mark.parametrize("name", START)
def test_the_browser_is_answered_wherever_a_move_is_interrupted(explorer_of, name):
    explorer = explorer_of(name)
    field = next(iter(explorer.shown["places"]))
    moved = {field: ["place", explorer.shown["places"][field] + 1]}
    explorer._asked({"request": "once", "set": moved})
    after, interrupted = seen(explorer), 0
    for lines in range(8, 400, 7):  # before, it has not begun
        explorer.set(**START[name])
        before, asked = seen(explorer), f"{name} {lines}"
        try:
            with interrupted_after(lines):
                explorer._asked({"request": asked, "set": moved})
        except KeyboardInterrupt:
            interrupted += 1
        assert explorer.shown["answer"] == asked
        assert {**seen(explorer), "correction": ""} in (before, after)
        says = explorer.shown["correction"].startswith("That failed: KeyboardInterrupt")
        assert says == (seen(explorer) != after)
    assert interrupted > 10


HOSTILE = [*NO_NUMBERS.values(), 10**400, -(10**400), "0.05", 2.5, -3, 1e9, "relu", ""]


def random_move(name, rng):
    """Return some fields of an explorer, with good and with hostile values."""
    move = {}
    for field in rng.sample(list(START[name]), rng.randint(1, 3)):
        good = [values[field] for values in (START[name], OTHER[name]) if field in values]
        move[field] = rng.choice(good if rng.random() < 0.6 else HOSTILE)
    return move


@pytest.mark.parametrize("name", START)
def test_after_many_hostile_and_interrupted_moves_all_is_as_in_a_fresh_explorer(name):
    explorer, rng, failed = MAKE[name](**START[name]), random.Random(0), 0
    for _ in range(100):
        before, move = state(explorer), random_move(name, rng)
        after = rng.choice([0, rng.randint(1, 60), rng.randint(1, 400)])  # 0: never
        try:
            with interrupted_after(after):
                explorer.set(**move)
        except KeyboardInterrupt:
            failed += 1
            assert state(explorer) == before
        assert explorer.setting.__dict__.keys() == START[name].keys()
        assert len(explorer.correction) < 3000
    assert failed > 10
    explorer.set(**START[name])
    fresh = MAKE[name](**START[name])
    assert seen(explorer) == seen(fresh) and explorer.readout() == fresh.readout()


def test_one_who_observes_an_explorer_may_move_it(explorer_of):
    explorer = explorer_of("funnel")

    def follow(change):
        explorer.set(width_b=explorer.setting.width_a)

    explorer.observe(follow, "shown")
    try:
        explorer.set(width_a=90)
    finally:
        explorer.unobserve(follow, "shown")
    assert (explorer.setting.width_a, explorer.setting.width_b) == (90, 90)
    shown = seen(explorer)
    assert shown["values"]["width_b"] == "90"
    explorer.set()
    assert seen(explorer) == shown


def test_a_funnel_that_was_interrupted_while_it_drew_weights_draws_the_same(monkeypatch):
    interrupted, fresh = (FunnelExplorer(**START["funnel"]) for _ in range(2))
    draw = torch.randn

    def drawn_in_vain(*shape, **options):
        draw(*shape, **options)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(torch, "randn", drawn_in_vain)
        interrupted.set(depth=9)
    for explorer in (interrupted, fresh):
        explorer.set(depth=9)
    np.testing.assert_array_equal(interrupted.measurement.signal, fresh.measurement.signal)


@pytest.mark.parametrize("method", ["sample_hidden", "sample_visible", "free_energy"])
def test_chains_that_were_interrupted_go_on_as_if_they_had_not_been(monkeypatch, method):
    interrupted, fresh = (MAKE["dream"](**START["dream"]) for _ in range(2))
    call, calls = getattr(interrupted.dreams.rbm, method), []

    def third(*given, **options):
        calls.append(call(*given, **options))
        if method == "free_energy" or len(calls) == 3:
            raise KeyboardInterrupt
        return calls[-1]

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(interrupted.dreams.rbm, method, third)
        interrupted.set(steps=40)
    for explorer in (interrupted, fresh):
        explorer.set(steps=40)
    assert seen(interrupted) == seen(fresh)


# ---------------------------------------------------------------------- torch's global state


@pytest.mark.parametrize("name", START)
def test_gradients_switched_off_and_another_default_dtype_change_no_bit(looks, name):
    ordinary = looks(name)
    with strange_torch():
        assert look(name, OTHER[name]) == ordinary


# ---------------------------------------------------------------------- images from anywhere


def with_images(name, convert):
    """Make an explorer of images, and of labels, that were converted."""
    if name == "activation":
        return ActivationExplorer(convert(IMAGES), **START[name])
    if name == "residual":
        return ResidualExplorer(convert(IMAGES), width=16, **START[name])
    if name == "dream":
        return DreamExplorer(small_rbm(), convert(SMALL_IMAGES), **START[name])
    parts = ("train_images", "train_labels", "test_images", "test_labels")
    converted = {part: convert(getattr(DATA, part)) for part in parts}
    return LiveTrainingExplorer(dataclasses.replace(DATA, **converted), **START[name])


OF_IMAGES = [name for name in START if name != "funnel"]
CONVERSIONS = {
    "array": lambda t: t.numpy(),
    "float64, big-endian, backwards": lambda t: (
        t.numpy().astype(">f8" if t.is_floating_point() else ">i4")[::-1].copy()[::-1]
    ),
    "wants a gradient": lambda t: t.clone().requires_grad_() if t.is_floating_point() else t,
}


@pytest.mark.parametrize("name", OF_IMAGES)
@pytest.mark.parametrize("convert", CONVERSIONS.values(), ids=CONVERSIONS)
def test_images_and_labels_from_anywhere_are_those_of_the_tensors(name, convert):
    explorers_of_both = [with_images(name, change) for change in (lambda t: t, convert)]
    for explorer in explorers_of_both if name == "live" else []:
        explorer.start()
        explorer.wait()
    one, other = ((seen(e), e.readout()) for e in explorers_of_both)
    assert one == other


@pytest.mark.parametrize("name", OF_IMAGES)
@pytest.mark.parametrize(
    "convert, error, words",
    [
        (lambda t: pd.DataFrame(t.numpy()), TypeError, "got DataFrame: .*to_numpy()"),
        (lambda t: scipy.sparse.csr_array(np.atleast_2d(t)), TypeError, "csr_array: .*toarray()"),
        (lambda t: (255 * t).numpy().astype(np.uint8), ValueError, "up to 2.*255"),
        (lambda t: (255 * t).to(torch.uint8), ValueError, "up to 2.*255"),
        (lambda t: "images", TypeError, "got str"),
        (lambda t: None, TypeError, "got NoneType"),
    ],
    ids=["pandas", "sparse", "bytes", "tensor of bytes", "text", "none"],
)
def test_what_holds_no_pixels_is_refused_with_the_way_to_convert_it(name, convert, error, words):
    if name == "dream" and convert(torch.ones(1)) is None:
        pytest.skip("None means that there are no images")
    with pytest.raises(error, match=words):
        with_images(name, lambda t: convert(t / t.max() if t.is_floating_point() else t))


def test_data_without_images_are_refused_in_words():
    with pytest.raises(TypeError, match="data must hold images and labels, .* got Tensor"):
        LiveTrainingExplorer(IMAGES)


# ---------------------------------------------------------------------- the live training


@pytest.mark.parametrize("place", ["look", "thread"])
def test_a_training_that_cannot_start_leaves_no_trace(explorer_of, monkeypatch, place):
    live = explorer_of("live")
    before = state(live)
    with monkeypatch.context() as patch, pytest.raises(RuntimeError, match="on purpose"):
        looks, starts = (live_training.widget, "look_of"), (threading.Thread, "start")
        owner, name = {"look": looks, "thread": starts}[place]
        patch.setattr(owner, name, broken(RuntimeError))
        live.start()
    assert state(live) == before and not live.running
    live.wait(timeout=0)
    live.start()
    live.wait()
    assert [history.outcome for _, history in live.histories] == ["finished"]
    live.clear()


def test_a_clearing_that_fails_forgets_nothing(explorer_of, monkeypatch):
    live = explorer_of("live")
    live.start()
    live.wait()
    before = state(live)
    with monkeypatch.context() as patch, pytest.raises(MemoryError):
        patch.setattr(live_training.widget, "look_of", broken(MemoryError))
        live.clear()
    assert state(live) == before and len(live.histories) == 1
    live.clear()
    assert live.histories == []
