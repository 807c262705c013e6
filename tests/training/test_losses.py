"""Losses of every kind: right labels are taken, wrong ones refused with what can be typed."""

from functools import partial

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from course_utils.networks import Ensemble, mlp
from course_utils.training import fit

torch.manual_seed(0)
X, CLASSES = torch.rand(48, 8), torch.arange(48) % 4
PROBABILITIES = torch.rand(48, 4).softmax(1)
OPTIONS = {"batch_size": 16, "log": None}

CROSS_ENTROPIES = {
    "the function": F.cross_entropy,
    "the module": nn.CrossEntropyLoss(),
    "smoothed": partial(F.cross_entropy, label_smoothing=0.1),
    "smoothed, the module": nn.CrossEntropyLoss(label_smoothing=0.1),
}
LIKELIHOODS = {"nll": F.nll_loss, "nll, the module": nn.NLLLoss()}
OF_CLASSES = CROSS_ENTROPIES | LIKELIHOODS


def net(outputs=4, inputs=8):
    torch.manual_seed(0)
    return mlp([inputs, 8, outputs])


WRONG = {
    "int32": CLASSES.int(),
    "uint16": CLASSES.to(torch.uint16),
    "floats": CLASSES.float(),
    "one-hot": F.one_hot(CLASSES),
    "one-hot, truth values": F.one_hot(CLASSES).bool(),
    "one-hot, floats": F.one_hot(CLASSES).float(),
    "column": CLASSES[:, None],
    "column of floats": CLASSES[:, None].double(),
}


@pytest.mark.parametrize("labels", WRONG.values(), ids=WRONG)
@pytest.mark.parametrize("loss", OF_CLASSES.values(), ids=OF_CLASSES)
def test_however_a_loss_of_classes_is_called_the_advice_ends_at_classes(loss, labels):
    with pytest.raises(ValueError, match=r"labels must be classes .*: try labels") as told:
        fit(net(), X, labels, loss=loss, **OPTIONS)
    typed = str(told.value).partition("try ")[2]
    assert torch.equal(eval(typed, {"labels": labels}), CLASSES)


HOPELESS = {
    "from 1": (CLASSES + 1, "must be from 0 to 3, .* got up to 4"),
    "negative": (CLASSES - 1, "the least -1: count the classes from 0"),
    "nan": (CLASSES * float("nan"), "some nan or inf: leave out"),
    "fractions": (CLASSES + 0.5, "no whole numbers"),
    "two columns": (torch.stack([CLASSES, CLASSES], 1), r"scores .* are \(16, 4\), its labels"),
    "sparse": (F.one_hot(CLASSES).to_sparse(), r"try labels.to_dense\(\)"),
    "complex": (CLASSES.to(torch.complex64), r"got torch.complex64 \(48,\)$"),
}


@pytest.mark.parametrize(("labels", "words"), HOPELESS.values(), ids=HOPELESS)
@pytest.mark.parametrize("loss", OF_CLASSES.values(), ids=OF_CLASSES)
def test_what_names_no_classes_is_said_in_words(loss, labels, words):
    with pytest.raises(ValueError, match=words):
        fit(net(), X, labels, loss=loss, **OPTIONS)


@pytest.mark.parametrize("loss", CROSS_ENTROPIES.values(), ids=CROSS_ENTROPIES)
def test_probabilities_of_classes_serve_a_cross_entropy(loss):
    trained, expected = net(), loss(net()(X), PROBABILITIES).item()
    history = fit(trained, X, PROBABILITIES, loss=loss, batch_size=48, steps=1, log=None)
    assert history.step_losses.item() == pytest.approx(expected)
    together = fit(Ensemble([net(), net()]), X, PROBABILITIES, loss=loss, batch_size=48, log=None)
    assert [h.step_losses.item() for h in together] == pytest.approx([expected, expected])


@pytest.mark.parametrize("loss", CROSS_ENTROPIES.values(), ids=CROSS_ENTROPIES)
def test_a_class_for_each_place_serves_a_cross_entropy(loss):
    torch.manual_seed(0)
    network, images = nn.Conv2d(1, 4, 3, padding=1), torch.rand(48, 1, 6, 6)
    labels = torch.randint(0, 4, (48, 6, 6))
    expected = loss(network(images), labels).item()
    history = fit(network, images, labels, loss=loss, batch_size=48, steps=1, log=None)
    assert history.step_losses.item() == pytest.approx(expected)
    with pytest.raises(ValueError, match="must be from 0 to 3, .* got up to 4"):
        fit(network, images, labels + 1, loss=loss, **OPTIONS)
    with pytest.raises(ValueError, match=r"scores of a batch are \(16, 4, 6, 6\), its labels"):
        fit(network, images, CLASSES, loss=loss, **OPTIONS)


OF_NUMBERS = {
    "mse": F.mse_loss,
    "mse, the module": nn.MSELoss(),
    "l1": partial(F.l1_loss),
    "bce": F.binary_cross_entropy_with_logits,
    "bce, the module": nn.BCEWithLogitsLoss(),
}


@pytest.mark.parametrize("loss", OF_NUMBERS.values(), ids=OF_NUMBERS)
def test_a_loss_of_numbers_spreads_nothing_over_something_else(loss):
    numbers = torch.rand(48)
    with pytest.raises(
        ValueError, match=r"\(16, 1\), its labels \(16,\).*: try labels\[:, None\]$"
    ):
        fit(net(1), X, numbers, loss=loss, **OPTIONS)
    assert fit(net(1), X, numbers[:, None], loss=loss, **OPTIONS).outcome == "finished"
    both = fit(Ensemble([net(1), net(1)]), X, numbers[:, None], loss=loss, **OPTIONS)
    assert [h.outcome for h in both] == ["finished"] * 2
    with pytest.raises(ValueError, match=r"\(16, 4\), its labels \(16, 3\)"):
        fit(net(4), X, torch.rand(48, 3), loss=loss, **OPTIONS)


@pytest.mark.parametrize("name", ["bce", "bce, the module"])
def test_what_needs_floats_says_so(name):
    with pytest.raises(ValueError, match=r"must be floats .*: try labels.float\(\)$"):
        fit(net(1), X, torch.ones(48, 1).int(), loss=OF_NUMBERS[name], **OPTIONS)


@pytest.mark.parametrize("name", ["mse", "mse, the module", "l1"])
def test_whole_numbers_are_numbers(name):
    whole = (CLASSES[:, None], CLASSES[:, None].float())
    runs = [fit(net(1), X, labels, loss=OF_NUMBERS[name], **OPTIONS) for labels in whole]
    assert torch.equal(runs[0].step_losses, runs[1].step_losses)


@pytest.mark.parametrize("loss", CROSS_ENTROPIES.values(), ids=CROSS_ENTROPIES)
def test_shares_that_do_not_sum_to_1_are_refused_with_what_makes_them(loss):
    with pytest.raises(ValueError, match="got sums from 3 to 3: try ") as told:
        fit(net(), X, 3 * PROBABILITIES, loss=loss, **OPTIONS)
    mended = eval(str(told.value).partition("try ")[2], {"labels": 3 * PROBABILITIES})
    torch.testing.assert_close(mended, PROBABILITIES)


@pytest.mark.parametrize(
    ("loss", "error", "words"),
    [
        (nn.CrossEntropyLoss, TypeError, r"try loss=CrossEntropyLoss\(\)$"),
        ("mse", TypeError, "a function of scores and labels, got 'mse'"),
        (nn.CrossEntropyLoss(reduction="none"), ValueError, r"got a tensor \(16,\): try its mean"),
        (lambda scores, labels: None, TypeError, "one number, got NoneType"),
        (lambda scores, labels: scores.sum().item(), TypeError, r"got float: leave out .item\(\)"),
        (lambda scores, labels: scores.detach().sum(), ValueError, "without a gradient"),
    ],
)
def test_what_is_no_loss_is_refused_before_anything_is_learned(loss, error, words):
    network = net()
    with pytest.raises(error, match=words):
        fit(network, X, CLASSES, loss=loss, **OPTIONS)
    for own, fresh in zip(network.parameters(), net().parameters(), strict=True):
        assert torch.equal(own, fresh)


def test_a_loss_of_your_own_may_take_any_labels():
    history = fit(net(), X, X, loss=lambda s, y: (s.sum(1) - y.sum(1)).square().mean(), **OPTIONS)
    assert history.outcome == "finished"


class Two(nn.Linear):
    def forward(self, x):
        return super().forward(x), x


def test_a_network_that_returns_several_things_is_named():
    with pytest.raises(TypeError, match="must return a tensor of scores, got tuple"):
        fit(Two(8, 4), X, CLASSES, **OPTIONS)


LAYOUTS = {
    "rows and columns": (net(inputs=36), torch.rand(48, 1, 6, 6)),
    "no channel": (nn.Sequential(nn.Conv2d(1, 4, 6), nn.Flatten()), torch.rand(48, 6, 6)),
    "channels last": (nn.Sequential(nn.Conv2d(3, 4, 6), nn.Flatten()), torch.rand(48, 6, 6, 3)),
}


@pytest.mark.parametrize(("network", "images"), LAYOUTS.values(), ids=LAYOUTS)
def test_how_images_must_lie_is_said_and_can_be_typed(network, images):
    with pytest.raises(ValueError, match=r"cannot take images \(48, .*: try images") as told:
        fit(network, images, CLASSES, **OPTIONS)
    typed = str(told.value).partition("try ")[2].partition(", with")[0]
    mended = eval(typed, {"images": images})
    assert fit(network, mended, CLASSES, **OPTIONS).outcome == "finished"
