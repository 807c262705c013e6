import math

import numpy as np
import pytest
import torch
from helpers.answers import said
from scipy import stats
from torch import nn

from course_utils.exercises import deep_belief_network as checkers
from course_utils.networks import mlp, weight_layers

# --- exercise 1


def autoencoder(
    dbn, *, biases="visible_bias", turn=True, back=True, last=False, copies=True, sizes=None
):
    """Build the network of exercise 1; the options make mistakes."""
    sizes = sizes or [*dbn.sizes, *dbn.sizes[-2::-1]]
    network = mlp(sizes, "sigmoid").double()
    layers = weight_layers(network)
    down = list(reversed(dbn.rbms)) if back else dbn.rbms
    weights = [rbm.weight for rbm in dbn.rbms] + [r.weight.T if turn else r.weight for r in down]
    offsets = [rbm.hidden_bias for rbm in dbn.rbms]
    offsets += [getattr(rbm, biases) if biases else torch.zeros_like(r.visible_bias)
                for rbm, r in zip(down, down, strict=True)]  # fmt: skip
    for layer, weight, bias in zip(layers, weights, offsets, strict=True):
        if copies:
            layer.weight.data.copy_(weight)
            layer.bias.data.copy_(bias)
        else:
            layer.weight, layer.bias = nn.Parameter(weight), nn.Parameter(bias)
    return network.append(nn.Sigmoid()) if last else network


def test_the_unrolled_encoder_and_decoder_are_right(capsys):
    assert said(capsys, checkers.check_to_autoencoder, autoencoder) == "Exercise 1: correct"


def copied_and_cloned(dbn):
    network = mlp([*dbn.sizes, *dbn.sizes[-2::-1]], "sigmoid")
    with torch.no_grad():
        for layer, right in zip(
            weight_layers(network), weight_layers(autoencoder(dbn)), strict=True
        ):
            layer.weight.copy_(right.weight)
            layer.bias = nn.Parameter(right.bias.float().clone())
    return network


def encoder_of_the_dbn(dbn):
    return nn.Sequential(*dbn.to_network(10)[:-1], *copied_and_cloned(dbn)[2 * len(dbn.rbms) :])


@pytest.mark.parametrize("answer", [copied_and_cloned, encoder_of_the_dbn])
def test_a_network_in_the_number_format_of_the_notebook_is_right(answer, capsys):
    assert said(capsys, checkers.check_to_autoencoder, answer) == "Exercise 1: correct"


def biases_of_the_dbn_itself(dbn):
    network = mlp([*dbn.sizes, *dbn.sizes[-2::-1]], "sigmoid")
    biases = [r.hidden_bias for r in dbn.rbms] + [r.visible_bias for r in reversed(dbn.rbms)]
    weights = [r.weight for r in dbn.rbms] + [r.weight.T for r in reversed(dbn.rbms)]
    for layer, weight, bias in zip(weight_layers(network), weights, biases, strict=True):
        layer.weight.data.copy_(weight)
        layer.bias = nn.Parameter(bias)
    return network


def test_single_precision_is_right_too(capsys):
    line = said(capsys, checkers.check_to_autoencoder, lambda dbn: autoencoder(dbn).float())
    assert line == "Exercise 1: correct"


class OneByOne(nn.Module):
    """An autoencoder without mlp: parameters of its own, cloned or those of the DBN itself."""

    def __init__(self, dbn, weight=torch.clone, bias=torch.clone, learns=True):
        super().__init__()
        up, down = dbn.rbms, dbn.rbms[::-1]
        weights = [weight(r.weight) for r in up] + [weight(r.weight).T for r in down]
        biases = [bias(r.hidden_bias) for r in up] + [bias(r.visible_bias) for r in down]
        self.w = nn.ParameterList([nn.Parameter(w, requires_grad=learns) for w in weights])
        self.b = nn.ParameterList([nn.Parameter(b, requires_grad=learns) for b in biases])

    def forward(self, x):
        for w, b in zip(self.w[:-1], self.b[:-1], strict=True):
            x = torch.sigmoid(x @ w.T + b)
        return x @ self.w[-1].T + self.b[-1]


class Holding(nn.Module):
    """An autoencoder that asks the DBN itself each time."""

    def __init__(self, dbn):
        super().__init__()
        self.dbn, self.scale = dbn, nn.Parameter(torch.ones(()))

    def forward(self, x):
        return self.scale * checkers.autoencoder_output(self.dbn, x)


def upside_down_in_place(dbn):
    network = autoencoder(dbn)
    dbn.rbms[0].weight.mul_(2)
    return network


def same(t):
    return t


def test_a_network_without_nn_linear_is_right_too(capsys):
    assert said(capsys, checkers.check_to_autoencoder, OneByOne) == "Exercise 1: correct"


@pytest.mark.parametrize(
    "answer, words",
    [
        (lambda dbn: OneByOne(dbn, bias=same), "shares its memory"),
        (biases_of_the_dbn_itself, "shares its memory"),
        (lambda dbn: OneByOne(dbn, weight=same), "shares its memory"),
        (lambda dbn: OneByOne(dbn, weight=lambda w: w.view(-1).view(w.shape)), "shares its memory"),
        (Holding, "shares its memory"),
        (lambda dbn: OneByOne(dbn, learns=False), "no parameter learns"),
        (upside_down_in_place, "The DBN itself has been changed"),
    ],
)
def test_a_network_that_is_no_copy_of_its_own_is_refused(answer, words, capsys):
    assert words in said(capsys, checkers.check_to_autoencoder, answer)


@pytest.mark.parametrize("number", range(8))
def test_each_single_shared_tensor_is_found(number, capsys):
    def answer(dbn):
        network = OneByOne(dbn)
        shared = list(OneByOne(dbn, weight=same, bias=same).parameters())
        for i, parameter in enumerate(network.parameters()):
            if i == number:
                parameter.data = shared[i].data
        return network

    assert "shares its memory" in said(capsys, checkers.check_to_autoencoder, answer)


def test_the_right_network_gives_what_the_rbms_give_one_by_one(capsys):
    dbn = checkers.random_dbn([6, 4, 3])
    pixels = torch.rand(5, 6)
    low, top = dbn.rbms
    h = top.visible_given_hidden(dbn.transform(pixels))
    wanted = low.visible_given_hidden(h)
    assert torch.allclose(checkers.autoencoder_output(dbn, pixels).sigmoid(), wanted)
    assert torch.allclose(autoencoder(dbn).float()(pixels).sigmoid(), wanted, atol=1e-6)


@pytest.mark.parametrize(
    "options, words",
    [
        ({"biases": "hidden_bias"}, "visible biases that belong there"),
        ({"biases": ""}, "biases are missing"),
        ({"turn": False}, "not transposed"),
        ({"back": False}, "in the order of the encoder"),
        ({"last": True}, "A sigmoid follows the last layer"),
        ({"copies": False}, "shares its memory"),
    ],
)
def test_known_mistakes_of_the_autoencoder_are_named(options, words, capsys):
    def answer(dbn):
        if (
            dbn.sizes == [12, 8, 5]
            and options.keys() & {"turn", "back", "biases"}
            and options.get("biases") != ""
        ):
            return autoencoder(dbn)  # the mistake would not fit the shapes
        return autoencoder(dbn, **options)

    assert words in said(capsys, checkers.check_to_autoencoder, answer)


def test_a_network_that_only_goes_up_is_told_to_come_down(capsys):
    line = said(capsys, checkers.check_to_autoencoder, lambda dbn: dbn.to_network(dbn.sizes[-1]))
    assert "come down again" in line


def test_another_network_gets_a_hint(capsys):
    def answer(dbn):
        return mlp([*dbn.sizes, *dbn.sizes[-2::-1]], "sigmoid").double()

    assert "not those of the RBMs" in said(capsys, checkers.check_to_autoencoder, answer)


def test_something_that_is_no_network_is_refused(capsys):
    assert "Return a network" in said(capsys, checkers.check_to_autoencoder, lambda dbn: 3)


# --- exercise 2


def greedy(images, n_layers, train, step=lambda rbm, data, images: rbm.hidden_given_visible(data)):
    rbms, data = [], images
    for _ in range(n_layers):
        rbms.append(train(data))
        data = step(rbms[-1], data, images)
    return rbms


def test_the_mended_loop_is_right(capsys):
    assert said(capsys, checkers.check_greedy, greedy) == "Exercise 2: correct"


@pytest.mark.parametrize(
    "step, words",
    [
        (lambda rbm, data, images: images, "still learns from the pixels"),
        (lambda rbm, data, images: rbm.hidden_given_visible(images), "the colleague's fault"),
        (lambda rbm, data, images: rbm.reconstruct(data), "reconstructions"),
        (lambda rbm, data, images: rbm.sample_hidden(data), "samples of the hidden units"),
        (lambda rbm, data, images: data * 0.5, "must learn from rbm.hidden_given_visible(data)"),
    ],
)
def test_known_mistakes_of_the_loop_are_named(step, words, capsys):
    line = said(
        capsys, checkers.check_greedy, lambda images, n, train: greedy(images, n, train, step)
    )
    assert words in line


def test_too_few_layers_are_counted(capsys):
    line = said(
        capsys, checkers.check_greedy, lambda images, n, train: greedy(images, n - 1, train)
    )
    assert "three times; yours calls it 2" in line


def test_the_number_of_layers_is_the_one_that_is_given(capsys):
    line = said(capsys, checkers.check_greedy, lambda images, n, train: greedy(images, 3, train))
    assert "For two layers train must be called two times; yours calls it 3" in line


@pytest.mark.parametrize("kind", [tuple, iter])
def test_the_rbms_may_come_in_anything_with_an_order(kind, capsys):
    line = said(capsys, checkers.check_greedy, lambda *case: kind(greedy(*case)))
    assert line == "Exercise 2: correct"


@pytest.mark.parametrize("wrong", [lambda rbms: rbms[::-1], lambda rbms: rbms[-1]])
def test_the_list_of_rbms_is_asked_for_lowest_first(wrong, capsys):
    line = said(capsys, checkers.check_greedy, lambda *arguments: wrong(greedy(*arguments)))
    assert "the lowest first" in line


def test_the_first_rbm_needs_the_images(capsys):
    line = said(
        capsys, checkers.check_greedy, lambda images, n, train: greedy(images * 0.9, n, train)
    )
    assert "the images themselves" in line


# --- exercise 3


@pytest.mark.parametrize("answer", [..., None])
def test_promises_that_are_not_there_are_not_attempted_yet(answer, capsys):
    assert said(capsys, checkers.check_guaranteed, answer) == "Exercise 3: not attempted yet"


RIGHT = {line: guaranteed for line, (guaranteed, _) in checkers.PROMISES.items()}


def test_the_right_promises_are_accepted(capsys):
    assert said(capsys, checkers.check_guaranteed, RIGHT) == "Exercise 3: correct"


@pytest.mark.parametrize("line", RIGHT)
def test_each_wrong_promise_is_explained(line, capsys):
    out = said(capsys, checkers.check_guaranteed, RIGHT | {line: not RIGHT[line]})
    assert f"“{line}” is" in out and checkers.PROMISES[line][1] in out


@pytest.mark.parametrize("kind", [np.bool_, torch.tensor, np.array, lambda truth: [truth][0]])
def test_truth_values_of_every_kind_are_read(kind, capsys):
    answer = {line: kind(truth) for line, truth in RIGHT.items()}
    assert said(capsys, checkers.check_guaranteed, answer) == "Exercise 3: correct"


@pytest.mark.parametrize("still_open", [..., None])
def test_lines_that_are_all_open_are_not_attempted_yet(still_open, capsys):
    line = said(capsys, checkers.check_guaranteed, dict.fromkeys(RIGHT, still_open))
    assert line == "Exercise 3: not attempted yet"


@pytest.mark.parametrize("still_open", [..., None])
def test_what_is_answered_is_judged_and_what_is_open_is_named(still_open, capsys):
    some = RIGHT | {"tied start": still_open}
    line = said(capsys, checkers.check_guaranteed, some)
    assert line == "Exercise 3: not yet. Right so far, 6 of them. Still open: “tied start”."
    wrong = list(RIGHT)[-1]
    line = said(capsys, checkers.check_guaranteed, some | {wrong: not RIGHT[wrong]})
    assert f"“{wrong}” is" in line


def test_a_line_that_is_missing_or_no_truth_value_is_told(capsys):
    assert "Keep the lines" in said(capsys, checkers.check_guaranteed, {"tied start": True})
    line = said(capsys, checkers.check_guaranteed, RIGHT | {"tied start": "yes"})
    assert "Answer True or False" in line


# --- exercise 4


def worth(differences, least, *, t=True, root=True, limit=None, choose=max, at=0.975):
    good = []
    for labels, values in differences.items():
        n = len(values)
        quantile = stats.t.ppf(at, n - 1) if t else 1.96
        half = quantile * np.std(values, ddof=1) / (math.sqrt(n) if root else 1)
        if np.mean(values) - half > (least if limit is None else limit):
            good.append(labels)
    return choose(good) if good else 0


def test_the_largest_number_with_a_sure_gain_is_right(capsys):
    assert said(capsys, checkers.check_worth_it_up_to, worth) == "Exercise 4: correct"


def surely_above(differences, least):
    good = [
        labels
        for labels, values in differences.items()
        if stats.ttest_1samp(values, least, alternative="greater").pvalue < 0.05
    ]
    return max(good, default=0)


@pytest.mark.parametrize("kind", [float, np.int64, torch.tensor])
def test_a_gain_may_use_up_its_dictionary_and_be_any_number(kind, capsys):
    def answer(differences, least):
        found = worth(differences, least)
        differences.clear()
        return kind(found)

    for _ in range(2):
        assert said(capsys, checkers.check_worth_it_up_to, answer) == "Exercise 4: correct"


@pytest.mark.parametrize(
    "answer, words",
    [
        (
            lambda d, least: max([n for n, v in d.items() if np.mean(v) > least], default=0),
            "compare the means alone",
        ),
        (lambda *case: worth(*case, t=False), "1.96"),
        (lambda *case: worth(*case, at=0.95), "95 % in the middle leaves 2.5 % at each"),
        (surely_above, "95 % in the middle leaves 2.5 % at each"),
        (lambda *case: worth(*case, root=False), "divide by √n"),
        (lambda *case: worth(*case, limit=0.0), "more than least"),
        (lambda *case: worth(*case, choose=min), "the smallest"),
        (lambda *case: worth(*case, choose=lambda good: good[-1]), "need not be sorted"),
        (lambda d, least: 100, "For each number of labels"),
        (lambda d, least: "many", "one finite number"),
    ],
)
def test_known_mistakes_about_the_gain_are_named(answer, words, capsys):
    assert words in said(capsys, checkers.check_worth_it_up_to, answer)
