"""The default optimizer against torch's own Adam, bit for bit; members with rates of their own."""

import copy

import pytest
import torch
import torch.nn.functional as F
from helpers.numbers import seeded
from helpers.toy import fresh, toy, weights
from torch import nn

from course_utils.networks import Ensemble, mlp
from course_utils.training import MemberRates, fit


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("channels_last", [False, True])
def test_the_lean_adam_is_torchs_fused_adam_bit_for_bit_on_convolutions(dtype, channels_last):
    def network():
        torch.manual_seed(0)
        net = nn.Sequential(nn.Conv2d(2, 4, 3), nn.Tanh(), nn.Flatten(), nn.Linear(64, 3)).to(dtype)
        return net.to(memory_format=torch.channels_last) if channels_last else net

    images = torch.rand(60, 2, 6, 6, dtype=dtype)
    labels = torch.arange(60) % 3
    lean, full = network(), network()
    fit(lean, images, labels, epochs=4, batch_size=10, lr=0.01, log=None)
    fit(
        full,
        images,
        labels,
        epochs=4,
        batch_size=10,
        log=None,
        optimizer=lambda p: torch.optim.Adam(p, lr=0.01, fused=True),
    )
    assert torch.equal(weights(lean), weights(full))


def test_weights_that_get_a_gradient_only_now_and_then_are_stepped_as_torch_does():
    class Sometimes(nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.b, self.never = nn.Linear(8, 3), nn.Linear(8, 3), nn.Linear(2, 2)
            self.calls = 0

        def forward(self, x):
            self.calls += 1
            return self.a(x) + (self.b(x) if self.calls % 3 == 0 else 0)

    def trained(optimizer):
        torch.manual_seed(0)
        network = Sometimes()
        fit(network, *toy(), epochs=2, batch_size=20, optimizer=optimizer, log=None)
        return weights(network)

    assert torch.equal(trained(None), trained(lambda p: torch.optim.Adam(p, lr=1e-3, fused=True)))


def test_a_network_without_weights_to_train_is_named():
    network = fresh().requires_grad_(False)
    with pytest.raises(ValueError, match="no weights to train"):
        fit(network, *toy(), log=None)


@pytest.mark.parametrize(
    "options",
    [(), (lambda tensors, lr: torch.optim.SGD(tensors, lr, momentum=0.9),)],
    ids=["adam", "sgd"],
)
@pytest.mark.parametrize("order", [(0, 1, 1, 2), (1, 0, 2, 1), (1, 1, 1, 1)])
def test_each_member_is_trained_as_by_torch_at_its_own_rates(options, order):
    torch.manual_seed(0)
    alone = [mlp([6, 16, 16, 3]) for _ in order]
    rates = [[(1e-3, 1e-2, 0.1)[i] * (1 + k % 2) for k in range(6)] for i in order]
    ensemble = Ensemble(copy.deepcopy(alone))
    rule = MemberRates(list(ensemble.parameters()), rates, *options)
    make = options[0] if options else torch.optim.Adam
    optimizers = [
        [make([p], lr=lr) for p, lr in zip(net.parameters(), row, strict=True)]
        for net, row in zip(alone, rates, strict=True)
    ]
    x, y = torch.randn(10, 6, generator=seeded(9)), torch.arange(10) % 3
    for _ in range(4):
        ensemble.zero_grad()
        sum(F.cross_entropy(scores, y) for scores in ensemble(x)).backward()
        rule.step()
        for net, own in zip(alone, optimizers, strict=True):
            net.zero_grad()
            F.cross_entropy(net(x), y).backward()
            for optimizer in own:
                optimizer.step()
    for net, member in zip(alone, ensemble.unstack_(), strict=True):
        for mine, theirs in zip(net.parameters(), member.parameters(), strict=True):
            torch.testing.assert_close(mine, theirs, rtol=1e-3, atol=1e-5)
