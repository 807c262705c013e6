"""What the tests of every explorer ask in the same words."""

import base64
import io

import numpy as np
from PIL import Image


def picture(explorer):
    """Return the picture that is shown, as PNG bytes."""
    return bytes(explorer.picture.value)


def pixels(png):
    """Return the picture's colours, int (height, width, 3)."""
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGB")).astype(int)


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
