"""Networks as people write them: a probe has the values that one reads off the formulas."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
import torchvision
from torch import nn
from torch.utils.checkpoint import checkpoint

from course_utils.probes import Probe, fraction_saturated


def recorded(network, x, loss=lambda out: out.square().mean()):
    with Probe(network) as probe:
        loss(network(x)).backward()
    return probe


def layer_whose_units_are_all_dead(n_in, n_out):
    layer = nn.Linear(n_in, n_out)
    nn.init.constant_(layer.bias, -1000.0)
    return layer


class Functions(nn.Module):
    """ReLU as a function, as a method, in place, and as a module made in passing."""

    def __init__(self, relu):
        super().__init__()
        self.a, self.b, self.relu = layer_whose_units_are_all_dead(16, 32), nn.Linear(32, 2), relu

    def forward(self, x):
        return self.b(self.relu(self.a(x)))


@pytest.mark.parametrize(
    "relu",
    [
        F.relu,
        torch.relu,
        torch.Tensor.relu,
        torch.Tensor.relu_,
        lambda z: F.relu(z, inplace=True),
        lambda z: F.relu(z, True),
        lambda z: nn.ReLU()(z),
        lambda z: z.clamp(min=0),
        lambda z: z.clamp_(0),
        lambda z: F.leaky_relu(z, 0.0),
        lambda z: F.relu(z).square(),
        lambda z: F.relu(z.double()).float(),
    ],
)
def test_an_activation_is_seen_however_it_is_written(relu):
    probe = recorded(Functions(relu), torch.randn(64, 16))
    assert probe.layer_names == ["a", "b"]
    np.testing.assert_array_equal(probe.fraction_dead()[0], 1.0)
    assert probe.fraction_saturated()[0] == 1.0


def gelu_by_hand(x):
    return 0.5 * x * (1.0 + torch.tanh((2 / torch.pi) ** 0.5 * (x + 0.044715 * torch.pow(x, 3.0))))


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        (lambda z: z * torch.sigmoid(z), F.silu),
        (lambda z: z * torch.sigmoid(1.702 * z), lambda z: z * torch.sigmoid(1.702 * z)),
        (gelu_by_hand, lambda z: F.gelu(z, approximate="tanh")),
        (lambda z: z * 0.5 * (1 + torch.erf(z / 2**0.5)), F.gelu),
        (lambda z: z * torch.tanh(F.softplus(z)), F.mish),
        (lambda z: 1.7159 * torch.tanh(2 / 3 * z), lambda z: 1.7159 * torch.tanh(2 / 3 * z)),
        (lambda z: torch.sin(30 * z), lambda z: torch.sin(30 * z)),
    ],
)
def test_an_activation_of_several_operations_is_one(written, meant):
    network = Functions(written)
    nn.init.normal_(network.a.weight)
    nn.init.zeros_(network.a.bias)
    x = torch.randn(64, 16)
    probe = recorded(network, x)
    z = network.a(x).detach()
    torch.testing.assert_close(probe.values("activation")[0], meant(z), rtol=1e-4, atol=1e-5)
    z = z.requires_grad_()
    network.b(meant(z)).square().mean().backward()
    if "30" not in str(written.__code__.co_consts) and 2 / 3 not in written.__code__.co_consts:
        torch.testing.assert_close(probe.values("pre_activation")[0], z.detach())
        torch.testing.assert_close(probe.values("gradient")[0], z.grad, rtol=1e-3, atol=1e-6)


class ScaledTanh(nn.Module):
    def forward(self, z):
        return 1.7159 * torch.tanh(2 / 3 * z)


class Square(nn.Module):
    def forward(self, z):
        return z**2


@pytest.mark.parametrize("activation", [ScaledTanh(), Square()])
def test_what_enters_an_activation_module_of_ones_own_is_the_pre_activation(activation):
    net, x = nn.Sequential(nn.Linear(8, 9), activation, nn.Linear(9, 2)), torch.randn(20, 8)
    probe = recorded(net, x)
    z = net[0](x)
    torch.testing.assert_close(probe.values("pre_activation")[0], z.detach())
    torch.testing.assert_close(probe.values("activation")[0], activation(z).detach())
    loss = net[2](activation(z)).square().mean()
    torch.testing.assert_close(probe.values("gradient")[0], torch.autograd.grad(loss, z)[0])
    flat = fraction_saturated(activation.forward, z)
    assert probe.fraction_saturated()[0] == pytest.approx(flat)


def test_identity_between_a_layer_and_its_activation_hides_nothing():
    net = nn.Sequential(
        layer_whose_units_are_all_dead(16, 32), nn.Identity(), nn.ReLU(), nn.Linear(32, 2)
    )
    probe = recorded(net, torch.randn(64, 16))
    assert probe.fraction_dead()[0] == probe.fraction_saturated()[0] == 1.0


class View(nn.Module):
    def forward(self, x):
        return x.view(-1, 32, 4, 4)


class PixelNorm(nn.Module):
    def forward(self, x):
        return x * torch.rsqrt(x.square().mean(1, keepdim=True) + 1e-8)


def test_modules_that_move_or_normalize_are_no_activations():
    net = nn.Sequential(
        nn.Linear(16, 512), View(), nn.BatchNorm2d(32), nn.ReLU(), nn.ConvTranspose2d(32, 1, 4, 2)
    )
    x = torch.randn(8, 16)
    probe = recorded(net, x)
    z = net[2](net[1](net[0](x)))
    torch.testing.assert_close(probe.values("pre_activation")[0], z.detach())
    torch.testing.assert_close(probe.values("activation")[0], z.relu().detach())
    net = nn.Sequential(nn.Linear(16, 32), PixelNorm(), nn.LeakyReLU(0.2), nn.Linear(32, 1))
    probe = recorded(net, x)
    z = net[1](net[0](x))
    torch.testing.assert_close(probe.values("pre_activation")[0], z.detach())
    assert len(probe.summary()) == 2


@pytest.mark.parametrize("name", ["convnext_tiny", "swin_t", "efficientnet_b0"])
def test_networks_with_views_and_stochastic_depth_have_a_summary(name):
    net = getattr(torchvision.models, name)(num_classes=4)
    rows = recorded(net, torch.randn(2, 3, 64, 64)).summary()
    assert all(np.isfinite(row.activation_std) for row in rows)
    assert len(rows) >= sum(isinstance(m, (nn.Linear, nn.Conv2d)) for m in net.modules())


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
def test_a_histogram_counts_every_number_of_every_dtype(dtype):
    net = nn.Sequential(nn.Linear(64, 512), nn.ReLU(), nn.Linear(512, 2)).to(dtype)
    with Probe(net) as probe:
        net(torch.randn(512, 64, dtype=dtype))
    counts, _ = probe.histograms("activation", 4, -1, 1)
    assert counts.sum(1).tolist() == [512 * 512, 512 * 2]


def test_autocast_gives_a_histogram():
    net = nn.Sequential(nn.Linear(64, 512), nn.ReLU())
    with Probe(net) as probe, torch.autocast("cpu", dtype=torch.bfloat16):
        net(torch.randn(8, 64))
    assert probe.histograms("activation", 4, -1, 1)[0].sum() == 8 * 512


class PreActivationBlock(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.n, self.conv = nn.BatchNorm2d(c), nn.Conv2d(c, c, 3, 1, 1, bias=False)

    def forward(self, x):
        y = self.conv(F.relu(self.n(x)))
        y += x
        return y


def test_a_sum_in_place_on_a_layers_output_spoils_no_layer():
    torch.manual_seed(0)
    net = nn.Sequential(
        nn.Conv2d(3, 8, 3, 1, 1), PreActivationBlock(8), PreActivationBlock(8), nn.Flatten(),
        nn.Linear(512, 2),
    )  # fmt: skip
    x = torch.randn(16, 3, 8, 8)
    probe = recorded(net, x)
    assert [row.name for row in probe.summary()] == ["0", "1.conv", "2.conv", "4"]
    stem = net[0](x)
    torch.testing.assert_close(probe.values("pre_activation")[0], net[1].n(stem).detach())
    torch.testing.assert_close(
        probe.values("pre_activation")[1], net[2].n(net[1](stem)).detach(), rtol=1e-4, atol=1e-5
    )
    assert torch.equal(probe.values("activation")[3], probe.values("pre_activation")[3])


def test_the_layers_of_all_blocks_of_a_resnet_meet_the_same_activation():
    net, x = torchvision.models.resnet18(num_classes=10), torch.randn(4, 3, 64, 64)
    inputs = {}
    for name, module in net.named_modules():
        if name.endswith("relu"):
            module.register_forward_pre_hook(
                lambda m, given, name=name: inputs.setdefault(name, []).append(given[0].clone())
            )
    probe = recorded(net, x)
    z = dict(zip(probe.layer_names, probe.values("pre_activation"), strict=True))
    for block in ("layer1.0", "layer2.0", "layer2.1", "layer4.0"):
        torch.testing.assert_close(z[f"{block}.conv1"], inputs[f"{block}.relu"][0])
        torch.testing.assert_close(z[f"{block}.conv2"], inputs[f"{block}.relu"][1])
    torch.testing.assert_close(z["layer2.0.downsample.0"], inputs["layer2.0.relu"][1])


class Recurrent(nn.Module):
    def __init__(self, kind):
        super().__init__()
        self.embed, self.head = nn.Embedding(50, 16), nn.Linear(32, 3)
        self.rnn = kind(16, 32, 2, batch_first=True)

    def forward(self, tokens):
        return self.head(self.rnn(self.embed(tokens))[0][:, -1])


@pytest.mark.parametrize("kind", [nn.LSTM, nn.GRU, nn.RNN])
def test_a_recurrent_layer_is_a_layer(kind):
    net, tokens = Recurrent(kind), torch.randint(0, 50, (4, 20))
    probe = recorded(net, tokens)
    assert probe.layer_names == ["rnn", "head"]
    torch.testing.assert_close(
        probe.values("activation")[0], net.rnn(net.embed(tokens))[0].detach()
    )
    assert probe.values("gradient")[0].shape == (4, 20, 32)
    assert Probe(kind(3, 4)) is not None


def test_the_projections_of_attention_are_layers():
    torch.manual_seed(0)
    net, x = nn.MultiheadAttention(8, 2, batch_first=True), torch.randn(3, 5, 8)
    with Probe(net) as probe:
        net(x, x, x)[0].square().sum().backward()
    assert probe.layer_names == ["in_proj", "out_proj"]
    packed = F.linear(x, net.in_proj_weight, net.in_proj_bias)
    assert probe.stds("activation")[0] == pytest.approx(packed.std(correction=0).item(), rel=1e-5)
    out = net(x, x, x)[0]
    assert probe.stds("activation")[1] == pytest.approx(out.std(correction=0).item(), rel=1e-5)


@pytest.mark.parametrize("reentrant", [False, True])
def test_a_checkpoint_changes_no_number(reentrant):
    class Net(nn.Module):
        def __init__(self, checkpointed):
            super().__init__()
            self.first = nn.Linear(6, 8)
            self.middle = nn.Sequential(nn.Linear(8, 8), nn.Tanh(), nn.Linear(8, 8), nn.ReLU())
            self.last, self.checkpointed = nn.Linear(8, 2), checkpointed

        def forward(self, x):
            h = self.first(x).tanh()
            if self.checkpointed:
                h = checkpoint(self.middle, h, use_reentrant=reentrant)
            else:
                h = self.middle(h)
            return self.last(h)

    x, plain = torch.randn(9, 6), Net(False)
    other = Net(True)
    other.load_state_dict(plain.state_dict())
    want, got = recorded(plain, x), recorded(other, x)
    assert want.layer_names == got.layer_names == ["first", "middle.0", "middle.2", "last"]
    for kind in ("pre_activation", "activation", "gradient", "activation_gradient"):
        np.testing.assert_array_equal(want.stds(kind), got.stds(kind))
    want.summary(), got.summary()


def test_gradients_of_several_losses_add_up_and_a_branch_without_one_spoils_no_other():
    class Two(nn.Module):
        def __init__(self):
            super().__init__()
            self.trunk, self.a, self.b = nn.Linear(4, 4), nn.Linear(4, 1), nn.Linear(4, 1)

        def forward(self, x):
            h = self.trunk(x).tanh()
            return self.a(h), self.b(h)

    net, x = Two(), torch.randn(7, 4)
    with Probe(net) as probe:
        first, second = net(x)
        first.sum().backward(retain_graph=True)
        second.square().sum().backward()
    h = net.trunk(x)
    total = net.a(h.tanh()).sum() + net.b(h.tanh()).square().sum()
    torch.testing.assert_close(probe.values("gradient")[0], torch.autograd.grad(total, h)[0])
    with Probe(net) as probe:
        net(x)[0].sum().backward()
    rows = probe.summary()
    assert rows[0].gradient_std > 0 and np.isnan(rows[2].gradient_std)


@pytest.mark.parametrize(
    "wrap",
    [
        nn.utils.parametrizations.weight_norm,
        nn.utils.parametrizations.spectral_norm,
        nn.utils.parametrizations.orthogonal,
    ],
)
def test_the_gradient_of_a_parametrized_weight_is_that_of_the_weight(wrap):
    torch.manual_seed(0)
    net, x = (
        nn.Sequential(wrap(nn.Linear(6, 6)), nn.Tanh(), nn.Linear(6, 2)).eval(),
        torch.randn(5, 6),
    )
    probe = recorded(net, x)
    assert probe.layer_names == ["0", "2"]
    weight = net[0].weight.detach().requires_grad_()
    net[2](F.linear(x, weight, net[0].bias).tanh()).square().mean().backward()
    torch.testing.assert_close(probe.values("weight_gradient")[0], weight.grad)


class Routed(nn.Module):
    """As in a capsule network: the first softmax is of constants."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(6, 4)

    def forward(self, x):
        share = torch.zeros(len(x), 4).softmax(1)
        return torch.tanh(self.layer(x)) * share


def test_a_softmax_of_constants_ends_no_layer():
    net = Routed()
    with Probe(net) as probe:
        net(torch.randn(16, 6))
    assert [stats.name for stats in probe.summary()] == ["layer"]
