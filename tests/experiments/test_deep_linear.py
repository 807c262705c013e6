"""The shortcut without data against gradient descent on the data, by automatic differentiation."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F
from helpers.numbers import seeded
from helpers.states import strange_torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from course_utils.experiments import greedy_autoencoders, learning_time, white_task
from course_utils.initializers import orthogonal_

law = settings(deadline=None, derandomize=True, max_examples=40)


def white_data(n, n_inputs, classes):
    """Make images whose components are white already, and labels that depend on them."""
    x = torch.randn(n, n_inputs, dtype=torch.float64, generator=seeded(0))
    x = torch.linalg.qr(x - x.mean(0))[0] * math.sqrt(n)
    return x, (x[:, :classes] + 0.1 * x[:, -classes:]).argmax(1)


def orthogonal_stack(depth, n_inputs, classes, seed):
    g = seeded(seed)
    shapes = [(n_inputs, n_inputs)] * (depth - 1) + [(classes, n_inputs)]
    return [orthogonal_(torch.empty(s, dtype=torch.float64), generator=g) for s in shapes]


def steps_on_data(weights, x, labels, rate, threshold, limit):
    """Train nn.Linear layers by torch's own SGD on the squared error; count the steps."""
    network = nn.Sequential(*[nn.Linear(*w.shape[::-1], bias=False).double() for w in weights])
    with torch.no_grad():
        for layer, w in zip(network, weights, strict=True):
            layer.weight.copy_(w)
    y = F.one_hot(labels).double()
    y = y - y.mean(0)
    best = (y - x @ (y.T @ x / len(x)).T).square().sum(1).mean()
    explained = y.square().sum(1).mean() - best
    optimizer = torch.optim.SGD(network.parameters(), lr=rate)
    for step in range(limit + 1):
        loss = (y - network(x)).square().sum(1).mean()
        if loss - best < threshold * explained:
            return step
        optimizer.zero_grad()
        (loss / 2).backward()
        optimizer.step()
    return math.inf


@law
@given(
    depth=st.integers(1, 6),
    n_inputs=st.integers(4, 12),
    rate=st.floats(0.02, 0.6),
    threshold=st.floats(0.001, 0.5),
    seed=st.integers(0, 1000),
)
def test_the_steps_are_those_of_gradient_descent_on_the_data(
    depth, n_inputs, rate, threshold, seed
):
    x, labels = white_data(200, n_inputs, 3)
    weights = orthogonal_stack(depth, n_inputs, 3, seed)
    counted = steps_on_data(weights, x, labels, rate, threshold, limit=60)
    y = F.one_hot(labels).double()
    target = (y - y.mean(0)).T @ x / len(x)
    steps, best = learning_time(weights, target, [rate], threshold=threshold, limit=60)
    assert steps == counted
    assert best == pytest.approx(rate) if steps < math.inf else math.isnan(best)


def test_the_best_rate_wins_and_those_that_diverge_do_no_harm():
    x, labels = white_data(200, 10, 3)
    target, weights = white_task(x, labels, 10), orthogonal_stack(8, 10, 3, 1)
    before = [w.clone() for w in weights]
    rates = [100.0, 1.0, 0.2, 0.05, 0.01]
    alone = {rate: learning_time(weights, target, [rate])[0] for rate in rates}
    steps, rate = learning_time(weights, target, rates)
    assert alone[100.0] == math.inf and steps == min(alone.values()) == alone[rate] < alone[0.01]
    assert all(torch.equal(a, b) for a, b in zip(before, weights, strict=True))


def test_a_network_that_has_learned_needs_no_step():
    x, labels = white_data(200, 10, 3)
    target = white_task(x, labels, 10)
    assert learning_time([target], target, [0.1])[0] == 0
    assert learning_time([torch.zeros_like(target)], target, [1.0])[0] == 1  # T in one step


def test_the_task_of_white_images_is_their_correlation_with_the_classes():
    x, labels = white_data(300, 8, 3)
    squashed = (x * torch.arange(1, 9)) @ orthogonal_(
        torch.empty(8, 8).double(), generator=seeded(1)
    )
    y = F.one_hot(labels).double()
    plain = (y - y.mean(0)).T @ x / len(x)
    found = white_task(squashed + 5, labels, 8)  # the same up to a rotation of the inputs
    torch.testing.assert_close(found @ found.T, plain @ plain.T, rtol=0, atol=1e-12)
    values = torch.linalg.svdvals(found)
    assert values[-1] < 1e-12 and values[0] <= 1


@pytest.mark.parametrize("n_inputs", [0, 8])
def test_more_components_than_the_images_have_are_refused(n_inputs):
    x, labels = white_data(100, 7, 3)
    with pytest.raises(ValueError, match=f"between 1 and 7 for these images, got {n_inputs}"):
        white_task(torch.cat([x, x[:, :1]], dim=1), labels, n_inputs)


def test_greedy_pretraining_ends_near_orthogonal_matrices():
    layers = greedy_autoencoders(5, 20, generator=seeded(0))
    assert [tuple(w.shape) for w in layers] == [(20, 20)] * 5
    values = torch.linalg.svdvals(torch.linalg.multi_dot(layers[::-1]))
    assert 0.8 < values.min() and values.max() < 1.25  # five layers
    with strange_torch(device="meta"):
        again = greedy_autoencoders(5, 20, generator=seeded(0))
    assert torch.equal(layers[3], again[3])


def test_a_very_deep_network_learns_as_fast_as_a_shallow_one_if_its_product_is_orthogonal():
    x, labels = white_data(500, 20, 5)
    target = white_task(x, labels, 20)
    times = {}
    for depth in (10, 60):
        rates = [2.0**-k / depth for k in range(-1, 5)]
        times[depth] = learning_time(orthogonal_stack(depth, 20, 5, 0), target, rates)[0]
        shapes = [(20, 20)] * (depth - 1) + [(5, 20)]
        g = seeded(depth)
        gaussian = [torch.randn(s, dtype=torch.float64, generator=g) / 20**0.5 for s in shapes]
        assert learning_time(gaussian, target, rates, limit=300)[0] > 3 * times[depth]
    assert times[60] < 2 * times[10]
