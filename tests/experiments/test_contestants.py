"""Who takes part in the tournament: every contestant starts every network of its family."""

import math

import pytest
import torch
from helpers.numbers import seeded

from course_utils.data import shapeset
from course_utils.experiments.contestants import FAMILIES, LEAKY_SLOPE, classes
from course_utils.networks import weight_layers


@pytest.fixture(scope="module")
def data():
    return shapeset(300, 100, seed=0)


def started(family, contestant, data, depth=3, width=8, seed=0):
    torch.manual_seed(99)  # what a start does not set would be the same by chance
    network = FAMILIES[family].make(depth, width, data)
    start = FAMILIES[family].contestants(depth)[contestant]
    start(network, data.train_images, seeded(seed))
    return network


ALL = [(family, name) for family, f in FAMILIES.items() for name in f.contestants(3)]


@pytest.mark.parametrize(("family", "contestant"), ALL)
def test_a_start_is_the_same_for_the_same_seed_and_sets_every_weight(family, contestant, data):
    one, again, other = (started(family, contestant, data, seed=s) for s in (0, 0, 1))
    assert one(data.test_images).shape == (100, classes(data)) == (100, 9)
    assert one(data.test_images).isfinite().all()
    torch.manual_seed(7)
    fresh = FAMILIES[family].make(3, 8, data)
    FAMILIES[family].contestants(3)[contestant](fresh, data.train_images, seeded(0))
    for a, b, c in zip(*(n.parameters() for n in (one, again, fresh)), strict=True):
        assert torch.equal(a, b) and torch.equal(a, c)
    pairs = zip(weight_layers(one), weight_layers(other), strict=True)
    changed = [not torch.equal(a.weight, b.weight) for a, b in pairs if a.weight.any()]
    assert all(changed)


@pytest.mark.parametrize("family", FAMILIES)
def test_depth_is_what_the_family_says(family, data):
    shallow, deep = (FAMILIES[family].make(depth, 8, data) for depth in (3, 5))
    more = len(list(deep.parameters())) - len(list(shallow.parameters()))
    per_layer = {"weight layers": 2, "blocks of two layers": 4, "blocks": 12, "LSTM layers": 4}
    norms = {"residual, batch norm": 2, "residual, layer norm": 2}
    assert more == 2 * (per_layer[FAMILIES[family].depth_is] + norms.get(family, 0))


def test_the_variances_are_those_of_the_names(data):
    width = 400
    expected = {
        "Xavier": 2 / (2 * width),
        "He": 2 / width,
        "LeCun": 1 / width,
        "PyTorch's default": 1 / (3 * width),
        "orthogonal": 1 / width,
        "orthogonal × 1.15": 1.15**2 / width,
        "orthogonal × √2": 2 / width,
    }
    for name, variance in expected.items():
        middle = weight_layers(started("relu", name, data, width=width))[1].weight
        assert middle.var().item() == pytest.approx(variance, rel=0.02), name
    leaky = weight_layers(started("leaky_relu", "He", data, width=width))[1].weight
    assert leaky.var().item() == pytest.approx(2 / (1 + LEAKY_SLOPE**2) / width, rel=0.02)
    cut = weight_layers(started("tanh", "truncated 0.02", data, width=width))[1].weight
    assert cut.abs().max() <= 0.04 and cut.std().item() == pytest.approx(0.0176, rel=0.02)


@pytest.mark.parametrize("family", ["relu", "leaky_relu", "gelu", "silu"])
def test_mirrored_pairs_make_a_linear_map(family, data):
    network = started(family, "mirrored pairs", data, depth=6)
    x = data.test_images.double()
    f = network.double()
    torch.testing.assert_close(f(2 * x), 2 * f(x), rtol=1e-6, atol=1e-9)


def test_branches_end_as_their_names_say(data):
    he = started("residual", "He", data)
    for name, factor in (("/ √L", 1 / math.sqrt(3)), ("× 0.1", 0.1)):
        other = started("residual", f"He, branches {name}", data)
        for a, b in zip(he.blocks, other.blocks, strict=True):
            first, last = (weight_layers(block.branch) for block in (a, b))
            torch.testing.assert_close(last[0].weight, first[0].weight)
            torch.testing.assert_close(last[1].weight, factor * first[1].weight)
    for family in ("residual", "transformer", "transformer, post-norm"):
        network = started(family, "branches at zero", data)
        ends = [weight_layers(block.branch)[-1].weight for block in network.blocks]
        assert not any(end.any() for end in ends)


def test_the_forget_gate_begins_open_where_it_is_said(data):
    for name in FAMILIES["LSTM"].contestants(1):
        recurrent = started("LSTM", name, data, depth=1).recurrent
        forget = (recurrent.bias_ih_l0 + recurrent.bias_hh_l0).chunk(4)[1]
        assert bool((forget == 1).all()) == (name != "PyTorch's default"), name


def test_pretraining_fits_where_it_was_affordable():
    names = [FAMILIES["sigmoid"].contestants(depth) for depth in (10, 11)]
    assert ["pre-trained" in n for n in names] == [True, False]
    assert "pre-trained" not in FAMILIES["relu"].contestants(3)
