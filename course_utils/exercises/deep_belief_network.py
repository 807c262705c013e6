"""Checkers of notebook 04: unroll an autoencoder, mend a greedy loop, know what is promised."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import torch
from scipy import stats
from torch import Tensor, nn

from course_utils.boltzmann import DBN, RBM
from course_utils.exercises.judging import NotAttempted, attempted, judge, no_function, report
from course_utils.exercises.reading import is_open, read_list, read_truth, shown


def check_to_autoencoder(answer: Callable[[DBN], nn.Sequential]) -> None:
    """Check a DBN that is unrolled into an encoder and a decoder.

    Parameters
    ----------
    answer
        ``answer(dbn)`` returns a network that maps pixels (n, sizes[0]) to the logits of pixels
        (n, sizes[0]): up with the weights and hidden biases, down with the transposed weights and
        the visible biases, all of them copies.
    """

    def attempt() -> str | None:
        if words := no_function(answer):
            return words
        for sizes in ([12, 8, 5], [9, 9, 9]):  # the second hides a weight that is not transposed
            network = attempted(answer(dbn := random_dbn(sizes)))
            if any(map(_differ, tensors_of(dbn), tensors_of(random_dbn(sizes)))):
                return "The DBN itself has been changed: make copies, and change nothing in place."
            if problem := _judge_autoencoder(network, dbn):
                return problem
        return None

    report("Exercise 1", attempt)


def random_dbn(sizes: Sequence[int]) -> DBN:
    """Return a DBN whose weights and biases all differ from each other and from zero."""
    dbn, generator = DBN(sizes), torch.Generator().manual_seed(0)
    for tensor in tensors_of(dbn):
        tensor.normal_(generator=generator)
    return dbn


def tensors_of(dbn: DBN) -> list[Tensor]:
    """List weight, visible and hidden bias of each RBM, the lowest first."""
    return [t for rbm in dbn.rbms for t in (rbm.weight, rbm.visible_bias, rbm.hidden_bias)]


def _differ(a: Tensor, b: Tensor) -> bool:
    return not torch.equal(a, b)


def autoencoder_output(
    dbn: DBN,
    pixels: Tensor,
    *,
    biases: str = "visible",
    transposed: bool = True,
    reverse: bool = True,
    last_sigmoid: bool = False,
) -> Tensor:
    """Return what the unrolled network computes, (n, sizes[0]); the options make mistakes."""
    h = dbn.transform(pixels)
    order = list(reversed(dbn.rbms)) if reverse else dbn.rbms
    for i, rbm in enumerate(order):
        z = h @ (rbm.weight if transposed else rbm.weight.T)  # weight is (n_hidden, n_visible)
        if biases != "none":
            z = z + (rbm.visible_bias if biases == "visible" else rbm.hidden_bias)
        h = torch.sigmoid(z) if last_sigmoid or i < len(order) - 1 else z
    return h


AUTOENCODER_MISTAKES = {  # words → the options of autoencoder_output that lead there
    "The decoder has the hidden biases. On the way down the units below are computed, so it is the "
    "visible biases that belong there.": {"biases": "hidden"},
    "The decoder's biases are missing: on the way down each RBM adds its visible biases.": {
        "biases": "none"
    },
    "The decoder's weights are not transposed: nn.Linear wants (fan_out, fan_in), and down the "
    "hidden units are the inputs, so rbm.weight.T.": {"transposed": False},
    "The decoder runs through the RBMs in the order of the encoder: the way down begins at the "
    "top, so reversed(dbn.rbms).": {"reverse": False},
    "A sigmoid follows the last layer, too. Asked are the logits of the pixels, as mlp gives "
    "them.": {"last_sigmoid": True},
}


def _judge_autoencoder(network: Any, dbn: DBN) -> str | None:
    if not isinstance(network, nn.Module):
        return f"Return a network, such as mlp(…) makes it; yours is {shown(network)}."
    pixels = torch.rand(20, dbn.sizes[0], generator=torch.Generator().manual_seed(1))
    weight = next(network.parameters(), pixels)
    pixels = pixels.to(weight.dtype)
    with torch.no_grad():
        given = network(pixels).double()
    if given.shape != pixels.shape:
        return (
            f"For {tuple(pixels.shape)} pixels yours returns {tuple(given.shape)}: it must come "
            "down again to as many outputs as there are pixels."
        )

    def matches(**options: Any) -> bool:
        wanted = autoencoder_output(dbn, pixels.to(dbn.rbms[0].weight.dtype), **options).double()
        return torch.allclose(given, wanted, rtol=1e-3, atol=1e-3)

    if not matches():
        square = len(set(dbn.sizes)) == 1  # else most mistakes would not fit the shapes
        for words, options in AUTOENCODER_MISTAKES.items():
            fits = square or options in ({"last_sigmoid": True}, {"biases": "none"})
            if fits and matches(**options):
                return words
        return (
            "The outputs are not those of the RBMs. Up: weight and hidden bias of each, a sigmoid "
            "behind it. Down: weight.T and visible bias, from the top RBM to the lowest."
        )
    with torch.no_grad():
        for tensor in tensors_of(dbn):
            tensor += 1.0
        moved = _differ(network(pixels).double(), given)
    if moved:
        return (
            "The outputs are right, but the network shares its memory with the DBN: fine-tuning "
            "would change it. Use copy_(…), or clone, for the weights and for the biases."
        )
    if not any(p.requires_grad for p in network.parameters()):
        return "The outputs are right, but fine-tuning could change nothing: no parameter learns."
    return None


def check_greedy(answer: Callable[[Tensor, int, Callable[[Tensor], RBM]], list[RBM]]) -> None:
    """Check a greedy loop: each RBM learns from the hidden probabilities of the one below.

    Parameters
    ----------
    answer
        ``answer(images, n_layers, train)`` returns a list of RBMs; ``train(data)`` returns one.
    """

    def attempt() -> str | None:
        if words := no_function(answer):
            return words
        return _judge_greedy(answer, 3) or _judge_greedy(answer, 2)

    report("Exercise 2", attempt)


def _judge_greedy(answer: Callable, n_layers: int) -> str | None:
    images = torch.rand(7, 6, generator=torch.Generator().manual_seed(0))
    seen: list[Tensor] = []
    trained: list[RBM] = []

    def train(data: Tensor) -> RBM:
        seen.append(data.clone())
        trained.append(RBM(6, 6, std=2.0, seed=len(trained)))
        return trained[-1]

    rbms = read_list(returned := attempted(answer(images.clone(), n_layers, train)))
    if rbms is None:
        return f"Return the list of the trained RBMs, the lowest first, not {shown(returned)}."
    return _fault_of_greedy(images, rbms, seen, trained, n_layers)


def _fault_of_greedy(
    images: Tensor, rbms: list, seen: list, trained: list, n_layers: int
) -> str | None:
    if len(seen) != n_layers:
        n = {2: "two", 3: "three"}[n_layers]
        return f"For {n} layers train must be called {n} times; yours calls it {len(seen)}."
    if list(map(id, rbms)) != list(map(id, trained)):
        return "Return the list of the trained RBMs, the lowest first."
    if not torch.equal(seen[0], images):
        return "The first RBM must learn from the images themselves."
    right = images
    for i, (rbm, data) in enumerate(zip(trained[:-1], seen[1:], strict=True), start=2):
        below, right = right, rbm.hidden_given_visible(right)
        if not torch.allclose(data, right, atol=1e-5):
            return _explain_data(i, data, below, rbm, images)
    return None


def _explain_data(i: int, data: Tensor, below: Tensor, rbm: RBM, images: Tensor) -> str:
    """Explain the wrong data of RBM ``i``, counted from 1, that stands on ``rbm``."""
    if torch.allclose(data, images):
        return f"RBM {i} still learns from the pixels: put the features in their place."
    if torch.allclose(data, rbm.hidden_given_visible(images), atol=1e-5):
        return (
            f"RBM {i} gets the pixels, sent through RBM {i - 1}, which never saw a pixel: that "
            "is the colleague's fault. The call takes data, not images."
        )
    if torch.allclose(data, rbm.reconstruct(below), atol=1e-5):
        return f"RBM {i} learns from reconstructions: go up only, with hidden_given_visible."
    if ((data == 0) | (data == 1)).all():
        return (
            "You pass on samples of the hidden units. That has a reason, see Section 4; but asked "
            "is the usual practice, their probabilities."
        )
    return f"RBM {i} must learn from rbm.hidden_given_visible(data), the features of what is below."


PROMISES = {  # line of the exercise → is it guaranteed, and why
    "tied start": (True, "the bound starts at the log-likelihood of RBM 1, and does not fall"),
    "tied start, but CD-1 in place of the exact gradient": (
        False,
        "CD-1 does not follow the gradient of the likelihood, which may fall: notebook 03 saw it",
    ),
    "random start, the second RBM has as many hidden units as there are pixels": (
        False,
        "a random start is a worse prior than p1, and to rise from there need not lead above it",
    ),
    "random start, but by now a better prior than p1 on the same samples": (
        True,
        "where one starts does not matter, only that the new prior is better on the samples",
    ),
    "tied start; promised for each single image": (False, "only the average of the bound rises"),
    "a third RBM from a tied start on top of a second one that has improved": (
        True,
        "its bound starts where that of the second one ended, above RBM 1",
    ),
    "the same, but compared with the stack of two": (
        False,
        "the stack of two lies above its bound by now, so a bound that rises may stay below it",
    ),
}


def check_guaranteed(answer: Mapping[str, bool]) -> None:
    """Check for which changes the promise about the log-likelihood is guaranteed.

    Parameters
    ----------
    answer
        Each line of the exercise → True or False. A line whose value is still ``...`` is left
        open; the others are judged.
    """

    def attempt() -> str | None:
        if not isinstance(attempted(answer), Mapping) or answer.keys() != PROMISES.keys():
            return (
                "Keep the lines of the dictionary as they are, and put True or False behind each."
            )
        still_open = [line for line in PROMISES if is_open(answer[line])]
        if len(still_open) == len(PROMISES):
            raise NotAttempted
        for line, (guaranteed, why) in PROMISES.items():
            if line in still_open:
                continue
            truth = read_truth(answer[line])
            if truth is None:
                return f"Answer True or False; for “{line}” yours is {shown(answer[line])}."
            if truth != guaranteed:
                verdict = "is guaranteed" if guaranteed else "is not guaranteed"
                return f"“{line}” {verdict}: {why}."
        if still_open:
            lines = " and ".join(f"“{line}”" for line in still_open)
            return f"Right so far, {len(PROMISES) - len(still_open)} of them. Still open: {lines}."
        return None

    report("Exercise 3", attempt)


CASES = (  # differences over seeds, and the least gain that counts
    ({100: [12.0, 9.0, 11.0], 1000: [3.6, 3.9, 3.3], 5000: [1.0, 1.2, 1.1]}, 0.5),
    ({100: [12.0, 9.0, 11.0], 1000: [0.7, 1.6, 0.8], 5000: [0.3, -0.1, 0.2]}, 0.5),
    ({5000: [0.8, 0.9, 0.85, 0.8, 0.9], 100: [2.0, 9.0, 30.0], 1000: [2.0, 2.5, 2.2]}, 0.5),
    ({100: [0.55, 0.6, 0.5, 0.58], 1000: [0.2, 0.25, 0.22]}, 0.5),
    ({100: [1.0, 1.4, 1.7], 1000: [0.3, 0.2, 0.25]}, 0.5),
    ({100: [3.0, 3.1, 3.2, 2.9, 3.0], 1000: [0.4, 0.5, 0.9, 1.2, 0.8]}, 0.4),
    ({100: [0.3, 0.2, 0.25], 1000: [0.4, -0.4, 0.1]}, 1.0),
    ({100: [0.9, 1.1, 1.3, 1.0, 1.2]}, 0.8),
    ({100: [1.0, 1.3, 1.6]}, 0.8),  # 1.96 is content with it, and no quantile of t is
)


def check_worth_it_up_to(answer: Callable[[Mapping[int, list[float]], float], int]) -> None:
    """Check up to how many labels pre-training surely gains more than the least that counts.

    Parameters
    ----------
    answer
        ``answer(differences, least)`` gets number of labels → differences over seeds, in points,
        and returns the largest number whose 95 % interval lies above ``least``; 0 if there is none.
    """
    known = {
        "You compare the means alone: with a few seeds a mean may lie above by luck. The whole "
        "interval must.": partial(worth_it_up_to, interval="none"),
        "You left 5 % out at one end; 95 % in the middle leaves 2.5 % at each: the quantile "
        "0.975.": partial(worth_it_up_to, interval="one end"),
        "1.96 is for a spread that is known exactly. Yours is estimated from a few seeds: use "
        "stats.t.ppf(0.975, n - 1).": partial(worth_it_up_to, interval="z"),
        "You used the std of the differences: that is how far one seed strays. The mean of n "
        "strays less: divide by √n.": partial(worth_it_up_to, interval="no root"),
        "You ask whether it gains anything at all; asked is a gain of more than least.": (
            lambda differences, least: worth_it_up_to(differences, 0.0)
        ),
        "That is the smallest such number of labels; asked is the largest.": (
            partial(worth_it_up_to, pick=min)
        ),
        "You return the last one that passes; the dictionary need not be sorted. Take max.": (
            partial(worth_it_up_to, pick=lambda found: found[-1])
        ),
    }
    hint = (
        "For each number of labels: mean − t · s / √n, with the std s (ddof=1) and Student's t at "
        "0.975 with n − 1 degrees of freedom. Return the largest number where that exceeds least."
    )
    report("Exercise 4", lambda: judge(answer, CASES, worth_it_up_to, known, hint, whole=True))


def worth_it_up_to(
    differences: Mapping[int, Sequence[float]],
    least: float,
    *,
    interval: str = "t",
    pick: Callable[[list[int]], int] = max,
) -> int:
    """Return the largest number of labels with a sure gain; the options make the known mistakes."""
    good = []
    for labels, values in differences.items():
        n, mean, std = len(values), float(np.mean(values)), float(np.std(values, ddof=1))
        error, t = std / n**0.5, stats.t.ppf(0.975, n - 1)
        half = {
            "t": t * error,
            "one end": stats.t.ppf(0.95, n - 1) * error,
            "z": 1.96 * error,
            "no root": t * std,
            "none": 0.0,
        }[interval]
        good += [labels] if mean - half > least else []
    return pick(good) if good else 0


EXERCISES = (check_to_autoencoder, check_greedy, check_guaranteed, check_worth_it_up_to)
