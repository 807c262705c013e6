import numpy as np
import pytest
from helpers.pictures import pixels
from matplotlib.figure import Figure

from course_utils.explorers.live_figure import LiveFigure, shades
from course_utils.plotting import SCHEME_COLORS


def line_figure():
    figure = Figure(figsize=(3, 2), dpi=50)
    ax = figure.add_subplot(xlim=(0, 1), ylim=(0, 1))
    (line,) = ax.plot([0, 1], [0, 1])
    return figure, ax, line


def test_a_moved_artist_looks_as_if_the_figure_were_drawn_anew():
    figure, _, line = line_figure()
    live = LiveFigure(figure, [line])
    live.png()
    line.set_ydata([1, 0])
    moved = live.png()
    fresh_figure, _, fresh_line = line_figure()
    fresh_line.set_ydata([1, 0])
    np.testing.assert_array_equal(
        pixels(moved), pixels(LiveFigure(fresh_figure, [fresh_line]).png())
    )


def test_nothing_of_the_previous_position_stays():
    figure, _, line = line_figure()
    live = LiveFigure(figure, [line])
    first = live.png()
    line.set_ydata([1, 0])
    assert live.png() != first
    line.set_ydata([0, 1])
    assert live.png() == first


def test_a_changed_background_shows_after_redraw_and_not_before():
    figure, ax, line = line_figure()
    live = LiveFigure(figure, [line])
    first = live.png()
    ax.set_title("new")
    assert live.png() == first
    live.redraw()
    assert live.png() != first


def test_a_settled_axis_is_drawn_again_after_unsettle():
    figure, ax, line = line_figure()
    live = LiveFigure(figure, [line], settled=[ax.xaxis])
    first = live.png()
    ax.set_xticks([0.3, 0.6])
    assert live.png() == first
    live.unsettle()
    fresh_figure, fresh_ax, fresh_line = line_figure()
    fresh_ax.set_xticks([0.3, 0.6])
    fresh = LiveFigure(fresh_figure, [fresh_line], settled=[fresh_ax.xaxis])
    np.testing.assert_array_equal(pixels(live.png()), pixels(fresh.png()))


def test_an_invisible_artist_is_not_drawn():
    figure, _, line = line_figure()
    live = LiveFigure(figure, [line])
    with_line = live.png()
    line.set_visible(False)
    assert live.png() != with_line


@pytest.mark.parametrize("n", [2, 7, 8])
def test_the_colours_of_the_figure_survive_the_palette(n):
    figure = Figure(figsize=(5, 1), dpi=50)
    colors = [*list(SCHEME_COLORS.values())[2 : 2 + n], "#FFFFFF", "#000000"]
    for i, color in enumerate(colors):
        figure.add_axes((0.1 * i, 0, 0.1, 1), facecolor=color)
    shown = pixels(LiveFigure(figure, [], colors=colors[:n]).png())
    for i, color in enumerate(colors):
        assert "#{:02X}{:02X}{:02X}".format(*shown[25, 12 + 25 * i]) == color


def test_the_picture_has_the_size_of_the_figure():
    figure, _, line = line_figure()
    assert pixels(LiveFigure(figure, [line]).png()).shape == (100, 150, 3)


def test_more_colours_than_a_palette_has_room_for_are_refused():
    assert len(shades(["#0072B2"] * 7).getpalette()) == 3 * 15 * 17
    assert len(shades(["#0072B2"] * 8).getpalette()) == 3 * 17 * 15
    with pytest.raises(ValueError, match="room for 8 colours"):
        shades(["#0072B2"] * 9)


def test_after_a_picture_that_was_broken_off_nothing_is_trusted_and_the_settled_are_drawn_again():
    figure, ax, line = line_figure()
    live = LiveFigure(figure, [line], settled=[ax.title])
    with pytest.raises(KeyboardInterrupt), live.painting() as trusted:
        assert not trusted  # nothing was drawn yet
        live.png()
        ax.set_title("half a change")
        raise KeyboardInterrupt
    for expected in (False, True):
        with live.painting() as trusted:
            assert trusted is expected
            shown = live.png()
    other, other_ax, other_line = line_figure()
    other_ax.set_title("half a change")
    assert shown == LiveFigure(other, [other_line], settled=[other_ax.title]).png()
