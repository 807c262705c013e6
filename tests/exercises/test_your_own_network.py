import pytest
import torch
from helpers.answers import said
from torch import nn

from course_utils.exercises import your_own_network as checkers
from course_utils.probes import Probe

WHERE = {1: "6", 2: "blocks.4.branch.1", 3: "4"}


@pytest.mark.parametrize("number, where", WHERE.items())
@pytest.mark.parametrize("ending", ["", ".weight", ".bias"])
def test_the_planted_layer_is_correct_by_its_path_or_its_parameter(number, where, ending, capsys):
    answer = where + ending
    assert said(capsys, checkers.check_fault, number, answer) == f"Exercise {number}: correct"


@pytest.mark.parametrize(
    "number, where, words",
    [
        (1, "8", "Which is the first one?"),
        (1, "7", "'7' has no numbers of its own"),
        (1, "hidden", "no 'hidden' in this network"),
        (1, 6, "a layer's path, such as '16', not 6"),
        (1, "", "a layer's path"),
        (2, "blocks.5.branch.1", "Which layer makes the stream larger"),
        (2, "blocks.4", "'blocks.4' has no numbers of its own"),
        (3, "2", "Compare the units"),
    ],
)
def test_another_answer_gets_a_sentence_that_helps(number, where, words, capsys):
    out = said(capsys, checkers.check_fault, number, where)
    assert "not yet" in out and words in out
    assert f"'{WHERE[number]}'" not in out


@pytest.mark.parametrize("number", WHERE)
@pytest.mark.parametrize("open_answer", [..., None])
def test_an_open_answer_is_not_attempted(number, open_answer, capsys):
    expected = f"Exercise {number}: not attempted yet"
    assert said(capsys, checkers.check_fault, number, open_answer) == expected


@pytest.mark.parametrize("number", [0, 4, "1"])
def test_there_are_three_faulty_networks(number):
    with pytest.raises(ValueError, match="1, 2 and 3"):
        checkers.faulty_network(number)


@pytest.mark.parametrize("number", WHERE)
def test_a_faulty_network_is_the_same_at_each_call(number):
    torch.manual_seed(5)
    state = torch.get_rng_state()
    one, batch = checkers.faulty_network(number)
    other, again = checkers.faulty_network(number)
    assert torch.equal(state, torch.get_rng_state())
    assert torch.equal(batch, again)
    assert all(map(torch.equal, one.parameters(), other.parameters()))


def test_the_first_network_answers_the_same_to_all():
    network, batch = checkers.faulty_network(1)
    assert network(batch).std(dim=0).max() == 0


def test_the_second_network_is_loud_from_the_planted_layer_on():
    network, batch = checkers.faulty_network(2)
    with Probe(network) as probe:
        network(batch)
    stds = dict(zip(probe.layer_names, probe.stds("pre_activation"), strict=True))
    assert max(stds, key=stds.get) == WHERE[2] or stds[WHERE[2]] > 10 * stds["stem"]
    assert all(std < 3 * stds["stem"] for path, std in stds.items() if path < WHERE[2])


def test_the_third_network_shows_its_fault_in_the_weights_alone():
    network, batch = checkers.faulty_network(3)
    with Probe(network) as probe:
        network(batch)
    stds = probe.stds("pre_activation")
    assert 0.3 < stds.min() and stds.max() < 4
    different = {
        path: len(module.weight.flatten(1).unique(dim=0))
        for path, module in network.named_modules()
        if isinstance(module, (nn.Linear, nn.Conv2d))
    }
    assert [path for path, n in different.items() if n == 1] == [WHERE[3]]


def he(module):
    if isinstance(module, nn.Linear):
        nn.init.kaiming_normal_(module.weight)
        nn.init.zeros_(module.bias)


def lecun(module):
    if isinstance(module, nn.Linear):
        nn.init.normal_(module.weight, std=module.in_features**-0.5)
        nn.init.zeros_(module.bias)


def constant(module):
    if isinstance(module, nn.Linear):
        nn.init.constant_(module.weight, 0.1)


def replaced(module):
    if isinstance(module, nn.Linear):
        module.weight = nn.Parameter(torch.randn_like(module.weight))


@pytest.mark.parametrize("seed", range(3))
def test_he_is_correct_for_thirty_layers(seed, capsys):
    torch.manual_seed(seed)
    assert said(capsys, checkers.check_init_weights, he) == "Exercise 4: correct"


@pytest.mark.parametrize(
    "answer, words",
    [
        (lecun, "vanishes"),
        (constant, "copies of one another"),
        (replaced, "in place"),
        (lambda module: torch.randn(3), "has changed no number"),
    ],
)
def test_another_start_is_told_what_is_wrong(answer, words, capsys):
    out = said(capsys, checkers.check_init_weights, answer)
    assert "not yet" in out and words in out
