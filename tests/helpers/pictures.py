"""What the tests of every explorer and of every explorer's figure ask in the same words."""

import base64
import io
from contextlib import contextmanager

import matplotlib
import numpy as np
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from matplotlib.backends.backend_agg import FigureCanvasAgg
from PIL import Image

from course_utils.plotting.style import use_course_style

anything = st.one_of(st.floats(allow_nan=True), st.integers(-(10**9), 60), st.text(max_size=3))
typed_into_one_explorer = settings(
    max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def picture(explorer):
    """Return what the browser draws."""
    return explorer.shown["picture"]


def seen(explorer):
    """Return all that the browser shows: controls, words, numbers and picture."""
    return {part: shown for part, shown in explorer.shown.items() if part != "answer"}


def pixels(png):
    """Return the picture's colours, int (height, width, 3)."""
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGB")).astype(int)


@contextmanager
def picture_and_words_change(explorer):
    """What is done in the block changes the picture, the words, and what is said of the picture."""
    parts = ("picture", "verdict", "alt", "table")
    before = [explorer.shown[part] for part in parts]
    yield
    for part, old in zip(parts, before, strict=True):
        assert explorer.shown[part] != old, part


def assert_corrected(explorer, typed, used, words):
    """Of one control that is set to nonsense, ``used`` is taken, and the correction says so."""
    explorer.set(**typed)
    (name,) = typed
    assert getattr(explorer.setting, name) == used
    assert words in explorer.correction
    assert explorer.shown["correction"] == explorer.correction


def assert_readable_without_a_kernel(explorer, beginning=""):
    """Where no kernel runs, a picture, crisp on fine screens, and the words remain."""
    data, metadata = explorer._repr_mimebundle_()
    assert "application/vnd.jupyter.widget-view+json" in data
    assert pixels(base64.b64decode(data["image/png"])).shape[1] == 2000
    assert metadata["image/png"]["width"] == 1000
    assert data["text/plain"].startswith(f"{type(explorer).__name__}: {beginning}")
    assert explorer.verdict and explorer.verdict in data["text/plain"]


def assert_parts_are_named(explorer, prefix, numbers):
    """Every part can be found by its class, and everything has a name and a value to be spoken.

    ``numbers`` are the fields that a slider moves, in order.
    """
    assert explorer.spec["prefix"] == prefix and explorer.spec["label"]
    controls = [control for row in explorer.spec["rows"] for control in row]
    assert [c["name"] for c in controls if c["kind"] == "number"] == list(numbers)
    assert all(control["label"] for control in controls)
    assert all(control["tip"] for control in controls if control["kind"] == "button")
    shown = explorer.shown
    for name in numbers:
        assert shown["spoken"][name].startswith(shown["values"][name])
    assert len(shown["alt"]) > 40 and shown["verdict"]
    widths = {len(row) for row in [shown["table"]["columns"], *shown["table"]["rows"]]}
    assert len(widths) == 1 and shown["table"]["caption"]
    assert all(type(cell) is str for row in shown["table"]["rows"] for cell in row)


def assert_the_notebooks_style_changes_nothing(draw):
    """What ``draw()`` draws anew has its own style, and leaves the notebook's as it is."""
    plain = draw()
    with matplotlib.rc_context():
        use_course_style()
        before = dict(matplotlib.rcParams)
        assert draw() == plain
        assert dict(matplotlib.rcParams) == before


def assert_texts_inside_and_apart(figure, texts, more_than=0):
    """No text leaves the figure or touches another, and there are ``more_than`` so many."""
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    renderer = canvas.get_renderer()
    boxes = [(t.get_text(), t.get_window_extent(renderer)) for t in texts if t.get_text()]
    assert len(boxes) > more_than
    width, height = canvas.get_width_height()
    for i, (name, box) in enumerate(boxes):
        assert box.x0 >= 0 and box.x1 <= width and box.y0 >= 0 and box.y1 <= height, name
        for other, other_box in boxes[i + 1 :]:
            assert not box.overlaps(other_box), (name, other)
