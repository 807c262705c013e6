"""The diagrams: right in number and direction, legible, the same in every style."""

import inspect

import matplotlib.pyplot as plt
import nbformat
import numpy as np
import pytest
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.text import Annotation, Text
from nbclient import NotebookClient

from course_utils import plotting, theory
from course_utils.plotting import BACKWARD, FORWARD, diagrams

ALL = [
    f
    for _, f in inspect.getmembers(diagrams)
    if getattr(f, "__annotations__", {}) == {"return": "Figure"}
]


def arrows(figure, color):
    """Return (start, end) of every arrow of a colour."""
    found = [a for a in figure.findobj(Annotation) if a.arrow_patch]
    meant = [a for a in found if to_hex(a.arrow_patch.get_edgecolor()) == color.lower()]
    return [(a.xyann, a.xy) for a in meant]


def filled_cells(figure, color):
    """Return how many cells of a colour each grid has, in drawing order."""
    grids = [c.get_facecolor() for c in figure.axes[0].collections if len(c.get_facecolor())]
    return [sum(to_hex(fill) == color.lower() for fill in grid) for grid in grids]


@pytest.mark.parametrize("draw", ALL, ids=lambda f: f.__name__)
def test_no_word_is_small_cut_off_or_under_another(draw):
    figure = draw()
    figure.draw_without_rendering()
    texts = [t for t in figure.findobj(Text) if t.get_visible() and t.get_text().strip()]
    assert min(t.get_fontsize() for t in texts) >= 10
    boxes = [t.get_window_extent() for t in texts]
    for i, (text, box) in enumerate(zip(texts, boxes, strict=True)):
        assert figure.bbox.x0 <= box.x0 and box.x1 <= figure.bbox.x1, text
        assert figure.bbox.y0 <= box.y0 and box.y1 <= figure.bbox.y1, text
        for other, there in zip(texts[:i], boxes[:i], strict=True):
            assert not box.overlaps(there), (text, other)


@pytest.mark.parametrize("draw", ALL, ids=lambda f: f.__name__)
def test_a_diagram_ignores_the_style_of_the_notebook_and_leaves_it_alone(draw):
    def pixels():
        figure = draw()
        assert isinstance(figure, Figure)
        figure.canvas.draw()
        return np.asarray(figure.canvas.buffer_rgba())

    plain = pixels()
    with plt.rc_context():
        plotting.use_course_style()
        before = dict(plt.rcParams)
        np.testing.assert_array_equal(pixels(), plain)
        assert dict(plt.rcParams) == before


def test_a_boltzmann_machine_connects_every_pair_across_and_none_inside():
    lines, weight, *_ = diagrams.restricted_boltzmann_machine().axes[0].collections
    ends = {tuple(map(tuple, path.vertices)) for path in lines.get_paths()}
    visible, hidden = ({pair[k] for pair in ends} for k in (0, 1))
    assert len(ends) == len(visible) * len(hidden) == 24
    assert {y for _, y in visible} != {y for _, y in hidden}
    assert tuple(map(tuple, weight.get_paths()[0].vertices)) in ends


@pytest.mark.parametrize("step", [1, 2, 3, 4])
def test_in_a_greedy_step_one_rbm_learns_both_ways_and_all_below_is_fixed(step):
    _, ax = plt.subplots()
    diagrams.greedy_step(ax, step)
    learns, fixed = (arrows(ax.figure, c) for c in (BACKWARD, to_hex(diagrams.FIXED)))
    assert len(learns) == 1 and len(fixed) == step - 1
    words = [text.get_text() for text in ax.texts]
    assert f"$W_{step}$ learns" in words and f"$h_{step}$" in words
    assert sum("fixed" in word for word in words) == step - 1


def test_in_fine_tuning_every_weight_learns():
    _, ax = plt.subplots()
    diagrams.greedy_step(ax, 5)
    assert len(arrows(ax.figure, BACKWARD)) == 5 and "10 digits" in [t.get_text() for t in ax.texts]
    assert not any("fixed" in text.get_text() for text in ax.texts)


def test_the_fans_of_a_linear_layer_are_a_row_and_a_column():
    figure = diagrams.fans_of_linear()
    up, down = arrows(figure, FORWARD), arrows(figure, BACKWARD)
    assert len(up) == 5 and len({end for _, end in up}) == 1  # into one unit
    assert len(down) == 3 and len({end for _, end in down}) == 1  # back to one input
    assert all(start[0] < end[0] for start, end in up)
    assert all(start[0] > end[0] for start, end in down)
    assert filled_cells(figure, FORWARD) == [5, 0] and filled_cells(figure, BACKWARD) == [0, 3]


def test_the_fans_of_a_convolution_count_channels_times_the_window():
    figure = diagrams.fans_of_conv()
    assert filled_cells(figure, FORWARD) == [9, 9, 0, 1, 0] + 5 * [0]  # 18 into one
    assert filled_cells(figure, BACKWARD) == 5 * [0] + [1, 0, 9, 9, 9]  # 27 from one
    words = " ".join(text.get_text() for text in figure.axes[0].texts)
    assert "=18$" in words and "=27$" in words
    assert all(start[0] < end[0] for start, end in arrows(figure, FORWARD))
    assert all(start[0] > end[0] for start, end in arrows(figure, BACKWARD))


@pytest.mark.parametrize("column, factor", [(0, 1), (1, 2), (2, 4)])
def test_the_rhythm_of_variance_is_that_of_theory(column, factor):
    _, *panels = diagrams.rhythm_of_variance().axes
    top, bottom = panels[2 * column : 2 * column + 2]
    assert f"= {factor} / fan_in" in top.get_title()
    signal, gradient = (ax.lines[1].get_ydata() for ax in (top, bottom))
    q = theory.variance_path(float(factor), 5, factor**0.5, 0.0, "relu")  # h of layer 0 is 1
    np.testing.assert_allclose(signal[1::2], q)
    np.testing.assert_allclose(signal[2::2], theory.activation_mean_square(q, "relu"))
    down = theory.gradient_path(q, factor**0.5, "relu")  # at z, layer 5 is 1
    np.testing.assert_allclose(gradient[1::2], down / 2)
    np.testing.assert_allclose(gradient[2::2] / 2, gradient[1::2])


def test_a_notebook_whose_first_picture_is_a_diagram_shows_the_next_one_too():
    first = (
        "from course_utils.plotting import diagrams\n_ = diagrams.restricted_boltzmann_machine()"
    )
    then = "import matplotlib.pyplot as plt\nax = plt.subplots()[1]"
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(c) for c in (first, then)])
    NotebookClient(notebook, kernel_name="python3", timeout=120).execute()
    shown = [[list(out.get("data", {})) for out in cell.outputs] for cell in notebook.cells]
    assert ["image/png" in str(outputs) for outputs in shown] == [True, True]
