"""Every scheme has a colour, and all can tell them apart."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.colors import to_rgb

from course_utils import plotting
from course_utils.initializers import SCHEMES


def test_every_scheme_has_a_colour_and_its_two_forms_share_it():
    for scheme in SCHEMES:
        style = plotting.scheme_style(scheme)
        assert style["linestyle"] == ("--" if scheme.endswith("_uniform") else "-")
    assert (
        plotting.scheme_style("he_normal")["color"] == plotting.scheme_style("he_uniform")["color"]
    )


def test_an_unknown_scheme_is_answered_with_the_known_ones():
    with pytest.raises(ValueError, match="'glorot'.*xavier"):
        plotting.scheme_style("glorot")


@pytest.mark.parametrize(
    "chosen",
    [
        {"font.family": ["NanumGothic"]},
        {"font.family": ["NanumGothic", "DejaVu Sans"], "axes.unicode_minus": False},
        {"font.sans-serif": ["Malgun Gothic"]},
        {"font.family": ["serif"], "font.serif": ["Batang"]},
    ],
)
def test_a_font_that_the_learner_has_chosen_stays(chosen):
    with plt.rc_context():
        plt.rcdefaults()
        plt.rcParams.update(chosen)
        for _ in range(2):
            plotting.use_course_style()
            assert {key: plt.rcParams[key] for key in chosen} == chosen
        assert plt.rcParams["axes.titleweight"] == "bold"


def test_without_a_choice_the_letters_are_the_courses():
    with plt.rc_context():
        plt.rcdefaults()
        plotting.use_course_style()
        assert plt.rcParams["font.family"] == ["sans-serif"]
        assert plt.rcParams["font.sans-serif"][0] == "Arial"


def luminance(color):
    rgb = np.asarray(to_rgb(color))
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    return linear @ [0.2126, 0.7152, 0.0722]


def as_seen(color, matrix):
    rgb = np.asarray(to_rgb(color))
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    return matrix @ linear


# Machado, Oliveira & Fernandes 2009, full deuteranopia and protanopia, on linear RGB
DEUTERANOPIA = np.array(
    [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.01182, 0.04294, 0.968881]]
)


PROTANOPIA = np.array(
    [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ]
)


@pytest.mark.parametrize("matrix", [np.eye(3), DEUTERANOPIA, PROTANOPIA])
def test_scheme_colours_differ_also_for_colour_blind_readers(matrix):
    seen = {name: as_seen(color, matrix) for name, color in plotting.SCHEME_COLORS.items()}
    distances = {(a, b): np.linalg.norm(seen[a] - seen[b]) for a in seen for b in seen if a < b}
    closest = min(distances, key=distances.get)
    assert distances[closest] > 0.1, (closest, distances[closest])


def test_scheme_colours_stand_out_from_a_white_page():
    for name, color in plotting.SCHEME_COLORS.items():
        contrast = 1.05 / (luminance(color) + 0.05)
        assert contrast > 2.0, (name, contrast)
