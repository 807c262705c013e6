"""What a diagnosis shows: sentences worst first, a table, a picture with an alternative text."""

import numpy as np
import pytest
import torch
from torch import nn

from course_utils.diagnosis import SEVERITIES, diagnose
from course_utils.networks import mlp


@pytest.fixture(scope="module")
def diagnosis():
    torch.manual_seed(0)
    network = mlp([32] + [48] * 20 + [5], "relu")
    return diagnose(network, torch.randn(64, 32), torch.arange(64) % 5)


def test_text_and_notebook_say_the_same_and_the_worst_first(diagnosis):
    order = [SEVERITIES.index(finding.severity) for finding in diagnosis.findings]
    assert order == sorted(order) and order[0] == 0
    text, page = str(diagnosis), diagnosis._repr_html_()
    assert text.index("FATAL") < text.index("BAD")
    assert all(finding.kind in text and finding.kind in page for finding in diagnosis.findings)
    assert "<img alt='Sequential: 41 operations" in page and "<details>" in page
    assert not diagnosis.healthy and repr(diagnosis).startswith("<Diagnosis: Sequential")


def test_the_table_sets_theory_beside_what_was_measured(diagnosis):
    layers = diagnosis.table[diagnosis.table["operation"] == "linear"]
    assert len(layers) == 21 and layers["spine"].all()
    assert np.log(layers["std"] / layers["predicted std"]).abs().median() < 0.15
    relu = diagnosis.table[diagnosis.table["operation"] == "relu"]
    assert relu["predicted std"].iloc[0] == pytest.approx(relu["std"].iloc[0], rel=0.1)


def test_the_picture_shows_before_and_after_and_what_differs_between_the_inputs(diagnosis):
    def labels(figure):
        return [text.get_text() for text in figure.axes[0].get_legend().get_texts()]

    assert labels(diagnosis.figure()) == ["the network", "what differs between the inputs"]
    both = labels(diagnosis.figure(before=diagnosis))
    assert both == ["before", "after", "what differs between the inputs"]
    dotted = diagnosis.figure().axes[0].lines[1].get_ydata()
    assert dotted[-1] < 1e-3 * dotted[0]  # the signal vanishes, beside biases that stay
    assert diagnosis.figure()._repr_png_().startswith(b"\x89PNG")


def test_a_stream_is_named_and_its_branches_stand_beside():
    class Block(nn.Module):
        def __init__(self):
            super().__init__()
            self.up, self.down = nn.Linear(8, 8), nn.Linear(8, 8)

        def forward(self, x):
            return x + self.down(self.up(x).relu())

    figure = diagnose(nn.Sequential(nn.Linear(4, 8), Block()), torch.randn(16, 4)).figure()
    names = [text.get_text() for text in figure.axes[0].get_legend().get_texts()]
    assert names[:2] == ["stream", "branches"]
