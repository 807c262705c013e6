"""What the tests of every explorer and of every explorer's figure ask in the same words."""

import base64
import html
import io
from contextlib import contextmanager

import matplotlib
import numpy as np
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from PIL import Image

from course_utils.plotting.style import use_course_style

anything = st.one_of(st.floats(allow_nan=True), st.integers(-(10**9), 60), st.text(max_size=3))
typed_into_one_explorer = settings(
    max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def picture(explorer):
    """Return the picture that is shown, as PNG bytes."""
    return bytes(explorer.picture.value)


def pixels(png):
    """Return the picture's colours, int (height, width, 3)."""
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGB")).astype(int)


@contextmanager
def picture_and_words_change(explorer):
    """What is done in the block changes the picture and the words."""
    before, words = picture(explorer), explorer.words.value
    yield
    assert picture(explorer) != before and explorer.words.value != words


def assert_corrected(explorer, typed, used, words):
    """Of one control that is set to nonsense, ``used`` is taken, and the correction says so."""
    explorer.set(**typed)
    (name,) = typed
    assert getattr(explorer.setting, name) == used
    assert words in html.unescape(explorer.correction.value)


def assert_twice_as_wide_as_shown(explorer):
    """A picture of 2,000 pixels is shown at no more than 1,000: crisp on fine screens."""
    assert pixels(picture(explorer)).shape[1] == 2000
    assert explorer.layout.max_width == "1000px"


def assert_readable_without_a_kernel(explorer, beginning=""):
    """Where no kernel runs, the picture and a sentence with the verdict remain."""
    data, metadata = explorer._repr_mimebundle_()
    assert "application/vnd.jupyter.widget-view+json" in data
    assert base64.b64decode(data["image/png"]) == picture(explorer)
    assert data["text/plain"].startswith(f"{type(explorer).__name__}: {beginning}")
    assert explorer.verdict and explorer.verdict in data["text/plain"]
    assert metadata["image/png"]["width"] == 1000


def assert_parts_are_named(explorer, prefix, twins):
    """Style sheets and tests find every part by its class; screen readers hear the verdict."""
    for name in twins:
        dashed = name.replace("_", "-")
        assert f"{prefix}-{dashed}-slider" in explorer.sliders[name]._dom_classes
        assert f"{prefix}-{dashed}-text" in explorer.texts[name]._dom_classes
        assert explorer.sliders[name].description and explorer.texts[name].description
    assert list(explorer.sliders) == list(explorer.texts) == list(twins)
    assert all(box.description for box in explorer.choices.values())
    assert f"{prefix}-picture" in explorer.picture._dom_classes
    assert f"{prefix}-explorer" in explorer._dom_classes
    assert f'class="{prefix}-verdict" role="status"' in explorer.words.value
    explorer.set(**{next(iter(twins)): -1})
    assert f'class="{prefix}-correction"' in explorer.correction.value


def assert_the_notebooks_style_changes_nothing(draw):
    """What ``draw()`` draws anew has its own style, and leaves the notebook's as it is."""
    plain = draw()
    with matplotlib.rc_context():
        use_course_style()
        before = dict(matplotlib.rcParams)
        assert draw() == plain
        assert dict(matplotlib.rcParams) == before


def assert_texts_inside_and_apart(live, texts, more_than=0):
    """No text leaves the picture or touches another, and there are ``more_than`` so many."""
    renderer = live.canvas.get_renderer()
    boxes = [(t.get_text(), t.get_window_extent(renderer)) for t in texts if t.get_text()]
    assert len(boxes) > more_than
    width, height = live.canvas.get_width_height()
    for i, (name, box) in enumerate(boxes):
        assert box.x0 >= 0 and box.x1 <= width and box.y0 >= 0 and box.y1 <= height, name
        for other, other_box in boxes[i + 1 :]:
            assert not box.overlaps(other_box), (name, other)
