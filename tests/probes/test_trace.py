"""What a trace says of functions of one's own for autograd, and its statistics."""

import pytest
import torch
from helpers.faults import Double
from torch import nn
from torch.utils.checkpoint import checkpoint

from course_utils.probes.statistics import BINS, Statistics
from course_utils.probes.trace import Trace


class ByNumpy(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return torch.from_numpy(2 * x.detach().numpy())

    @staticmethod
    def backward(ctx, gradient):
        return 2 * gradient


class Reversed(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x.view_as(x)

    @staticmethod
    def backward(ctx, gradient):
        return -gradient


class Middle(nn.Module):
    """A function of one's own between two layers, called in the middle of a forward pass."""

    def __init__(self, function):
        super().__init__()
        self.first, self.second = nn.Linear(4, 8), nn.Linear(8, 2)
        self.function = function

    def forward(self, x):
        return self.second(self.function(self.first(x)))


@pytest.mark.parametrize("function, factor", [(Double, 2), (ByNumpy, 2), (Reversed, 1)])
def test_a_function_of_ones_own_is_an_operation_out_of_sight(function, factor):
    torch.manual_seed(0)
    net, x = Middle(function.apply), torch.randn(16, 4)
    with Trace(net) as trace:
        net(x).sum().backward()
    first, hidden, second = trace.operations
    assert [op.seen for op in trace.operations] == [True, False, True]
    assert hidden.where == "" and hidden.sources == (0,) and second.sources == (1,)
    assert hidden.signal.std == pytest.approx(factor * first.signal.std)
    assert hidden.gradient.size == pytest.approx(first.gradient.size / factor)


@pytest.mark.parametrize("reentrant", [False, True])
def test_a_checkpoint_of_a_bounded_activation_is_in_sight(reentrant):
    net = Middle(None)
    net.function = nn.Sequential(nn.Linear(8, 8), nn.Tanh())
    forward = net.function.forward
    net.function.forward = lambda z: checkpoint(forward, z, use_reentrant=reentrant)
    with Trace(net) as trace:
        net(torch.randn(16, 4)).sum().backward()
    assert [(op.name, op.seen) for op in trace.operations] == [
        ("linear", True),
        ("linear", True),
        ("tanh", True),
        ("linear", True),
    ]
    assert all(op.gradient is not None for op in trace.operations)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16, torch.float16])
def test_statistics_are_those_of_float64(dtype):
    torch.manual_seed(0)
    t = (torch.randn(64, 12, 9, 9) * 3 + 1).relu().to(dtype)
    t[:, 5] = 0
    found, exact = Statistics.of(t, axis=1), t.double()
    assert found.mean == pytest.approx(exact.mean().item(), rel=1e-12)
    assert found.std == pytest.approx(exact.std(correction=0).item(), rel=1e-12)
    assert found.mean_square == pytest.approx(exact.square().mean().item(), rel=1e-12)
    between = exact.var(0, correction=0).mean().sqrt().item()
    assert found.between == pytest.approx(between, rel=1e-9)
    assert found.zeros == pytest.approx((exact == 0).double().mean().item(), abs=1e-7)
    assert found.dead == pytest.approx(1 / 12) and found.units == 12
    assert found.counts.shape == (BINS,) and found.counts.sum() == found.sample.numel()


def test_a_sample_is_a_copy():
    t = torch.randn(8, 4)
    found = Statistics.of(t)
    t.zero_()
    assert found.sample.abs().max() > 0
