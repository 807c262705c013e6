"""The default optimizer against torch's own Adam, bit for bit."""

import pytest
import torch
from helpers.toy import fresh, toy, weights
from torch import nn

from course_utils.training import fit


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
