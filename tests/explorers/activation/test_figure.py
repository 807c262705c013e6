"""The picture that is stored for readers without a kernel."""

import numpy as np
import pytest
import torch
from helpers.pictures import (
    assert_texts_inside_and_apart,
    assert_the_notebooks_style_changes_nothing,
    pixels,
)

from course_utils.explorers.activation.experiment import ActivationSetting, SignalPath
from course_utils.explorers.activation.figure import draw, figure_of
from course_utils.plotting import bar_heights


@pytest.fixture(scope="module")
def path():
    return SignalPath(torch.rand(16, 784, generator=torch.Generator().manual_seed(0)) * 0.3)


def figure_for(path, *setting, **more):
    measurement = path.measure(ActivationSetting(*setting, **{"width": 64, **more}))
    return measurement, figure_of(measurement, dpi=60)


@pytest.mark.parametrize("depth, shown", [(1, 1), (4, 4), (10, 10), (50, 10)])
def test_a_panel_is_shown_for_each_chosen_layer_with_its_number_and_std(path, depth, shown):
    measurement, figure = figure_for(path, depth=depth)
    *panels, along_depth = figure.axes
    assert len(panels) == shown
    names = [panel.get_title("left") for panel in panels]
    assert (names[0], names[-1]) == ("layer 1", f"layer {depth}")
    assert panels[-1].get_title("right") == f"std {measurement.signal[-1]:.2g}"
    assert along_depth.get_xlabel() == "layer"


def test_the_bars_are_those_of_the_histograms(path):
    measurement, figure = figure_for(path, depth=3)
    for panel, counts in zip(figure.axes[:-1], measurement.counts, strict=True):
        values, edges, _ = panel.patches[0].get_data()
        np.testing.assert_array_equal(values, bar_heights(counts[None])[0])
        np.testing.assert_array_equal(edges, measurement.edges)


def test_the_curves_hold_measurement_and_theory(path):
    measurement, figure = figure_for(path, depth=7)
    names = ("signal", "gradient", "predicted_signal", "predicted_gradient")
    for name, curve in zip(names, figure.axes[-1].lines, strict=True):
        np.testing.assert_array_equal(curve.get_xdata(), np.arange(1, 8))
        np.testing.assert_array_equal(curve.get_ydata(), getattr(measurement, name))


@pytest.mark.parametrize(
    "setting",
    [
        {"std": 1.0, "depth": 50, "activation": "linear"},
        {"std": 1e-3, "depth": 50, "activation": "sigmoid"},
        {"std": 0.0, "depth": 5},
    ],
)
def test_everything_that_float32_can_hold_lies_within_the_axis(path, setting):
    _, figure = figure_for(path, **setting)
    low, high = figure.axes[-1].get_ylim()
    for curve in figure.axes[-1].lines:
        values = curve.get_ydata()
        values = values[(values > 1e-44) & (values < 1e38)]
        assert (values > low).all() and (values < high).all()


def test_the_notebooks_style_does_not_change_the_picture(path):
    measurement = path.measure(ActivationSetting(depth=12, width=64))
    assert_the_notebooks_style_changes_nothing(lambda: draw(measurement, dpi=60))


def test_it_is_crisp_on_fine_screens_and_small(path):
    png = draw(path.measure(ActivationSetting(depth=10, width=64)))
    assert pixels(png).shape == (1120, 2000, 3) and len(png) < 80_000


def test_texts_do_not_overlap_each_other(path):
    _, figure = figure_for(path, 0.0123, 50)
    texts = []
    for ax in figure.axes[:-1]:
        texts += [ax.title, ax._left_title, ax._right_title, *ax.get_xticklabels()]
    assert_texts_inside_and_apart(figure, texts, more_than=45)
