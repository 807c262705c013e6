"""Models as their authors write them: no alarm for the healthy one, the fault found in place."""

import copy
import math
import warnings

import pytest
import torch
import torch.nn.functional as F
from helpers.faults import filled, serious, times
from torch import nn

from course_utils.diagnosis import Finding, diagnose, suggest


def lecun_(network, square=1.0):
    for module in network.modules():
        if isinstance(module, (nn.Linear, nn.Conv1d)):
            nn.init.normal_(module.weight, std=math.sqrt(square / module.weight[0].numel()))
            nn.init.zeros_(module.bias)


def numbers(*shape):
    return torch.randn(*shape)


def words(batch=32, length=12):
    return torch.randint(0, 30, (batch, length))


class RMSNorm(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))

    def forward(self, x):
        return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-5) * self.weight


class Llama(nn.Module):
    """Gated blocks behind a norm written by hand."""

    def __init__(self, width=32, layers=4):
        super().__init__()
        self.tokens = nn.Embedding(30, width)
        self.norms = nn.ModuleList(RMSNorm(width) for _ in range(layers))
        self.w1, self.w2, self.w3 = (
            nn.ModuleList(nn.Linear(width, width) for _ in range(layers)) for _ in range(3)
        )
        self.norm, self.head = RMSNorm(width), nn.Linear(width, 30)
        lecun_(self)
        for writer in self.w2:
            nn.init.normal_(writer.weight, std=width**-0.5 / layers**0.5)

    def forward(self, ids):
        x = self.tokens(ids)
        for norm, w1, w2, w3 in zip(self.norms, self.w1, self.w2, self.w3, strict=True):
            h = norm(x)
            x = x + w2(F.silu(w1(h)) * w3(h))
        return self.head(self.norm(x))


class ViT(nn.Module):
    """A class token sees the image through quiet branches only."""

    def __init__(self, width=32, layers=3):
        super().__init__()
        self.patch = nn.Linear(12, width)
        self.token = nn.Parameter(0.02 * torch.randn(1, 1, width))
        self.position = nn.Parameter(0.02 * torch.randn(1, 17, width))
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(layers))
        self.qkv = nn.ModuleList(nn.Linear(width, 3 * width) for _ in range(layers))
        self.out = nn.ModuleList(nn.Linear(width, width) for _ in range(layers))
        self.scales = nn.ParameterList(
            [nn.Parameter(torch.full((width,), 1e-4)) for _ in range(layers)]
        )
        self.norm, self.head = nn.LayerNorm(width), nn.Linear(width, 10)
        lecun_(self)

    def forward(self, x):
        x = torch.cat([self.token.expand(len(x), -1, -1), self.patch(x)], 1) + self.position
        for norm, qkv, out, scale in zip(self.norms, self.qkv, self.out, self.scales, strict=True):
            q, k, v = qkv(norm(x)).chunk(3, -1)
            a = (q @ k.transpose(1, 2) / q.shape[-1] ** 0.5).softmax(-1)
            x = x + scale * out(a @ v)
        return self.head(self.norm(x)[:, 0])


class Hyper(nn.Module):
    """Its weights are made by another layer."""

    def __init__(self):
        super().__init__()
        self.code = nn.Parameter(torch.randn(2, 8))
        self.maker, self.head = nn.Linear(8, 16 * 16), nn.Linear(16, 4)
        nn.init.normal_(self.maker.weight, std=(8 * 16 / 2) ** -0.5)
        nn.init.zeros_(self.maker.bias)

    def forward(self, x):
        for code in self.code:
            x = F.relu(F.linear(x, self.maker(code).view(16, 16)))
        return self.head(x)


class VAE(nn.Module):
    def __init__(self):
        super().__init__()
        self.inside, self.mean, self.log_variance = (nn.Linear(a, b) for a, b in CODE)
        self.back, self.out = nn.Linear(8, 64), nn.Linear(64, 100)
        lecun_(self)

    def forward(self, x):
        h = F.relu(self.inside(x))
        mean, log_variance = self.mean(h), self.log_variance(h)
        z = mean + torch.randn_like(mean) * torch.exp(0.5 * log_variance)
        return torch.sigmoid(self.out(F.relu(self.back(z)))), mean, log_variance


CODE = ((100, 64), (64, 8), (64, 8))


class VQVAE(nn.Module):
    """The codebook is multiplied to find the nearest row, and is no output for that."""

    def __init__(self):
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 16))
        self.book = nn.Embedding(32, 16)
        self.decoder = nn.Sequential(nn.Linear(16, 64), nn.ReLU(), nn.Linear(64, 20))
        lecun_(self, 1.4)

    def forward(self, x):
        z = self.encoder(x)
        squares = self.book.weight.square().sum(1)
        q = self.book((squares - 2 * z @ self.book.weight.t()).argmin(1))
        return self.decoder(z + (q - z).detach()), F.mse_loss(q, z.detach())


class WaveNet(nn.Module):
    """Gated; what the last layer writes into the stream is read by nobody."""

    def __init__(self, width=16, layers=6):
        super().__init__()
        self.first = nn.Conv1d(1, width, 1)
        self.gates = nn.ModuleList(nn.Conv1d(width, 2 * width, 1) for _ in range(layers))
        self.stream = nn.ModuleList(nn.Conv1d(width, width, 1) for _ in range(layers))
        self.skips = nn.ModuleList(nn.Conv1d(width, width, 1) for _ in range(layers))
        self.last = nn.Conv1d(width, 8, 1)
        lecun_(self)

    def forward(self, x):
        x, total = self.first(x), 0
        for gate, stream, skip in zip(self.gates, self.stream, self.skips, strict=True):
            a, b = gate(x).chunk(2, 1)
            z = torch.tanh(a) * torch.sigmoid(b)
            total, x = total + skip(z), (x + stream(z)) * 0.5**0.5
        return self.last(F.relu(total))


class Target(nn.Module):
    """A copy follows, untrained."""

    def __init__(self):
        super().__init__()
        self.online = nn.Sequential(nn.Linear(16, 64), nn.ReLU(), nn.Linear(64, 16))
        lecun_(self, 2.0)
        self.target = copy.deepcopy(self.online).requires_grad_(False)

    def forward(self, x):
        return F.normalize(self.online(x), dim=1), F.normalize(self.target(x), dim=1)


class Vmapped(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(8, 16), nn.Tanh(), nn.Linear(16, 1))

    def forward(self, x):
        return torch.func.vmap(self.net)(x)


class Clip(nn.Module):
    def __init__(self):
        super().__init__()
        self.left, self.right = nn.Linear(32, 16), nn.Linear(24, 16)
        self.logit_scale = nn.Parameter(torch.tensor(2.66))
        lecun_(self)

    def forward(self, a, b):
        a, b = F.normalize(self.left(a), dim=-1), F.normalize(self.right(b), dim=-1)
        return self.logit_scale.exp() * a @ b.t()


class Cells(nn.Module):
    """A loop of 60 steps: the first get no gradient, the weights do."""

    def __init__(self, cell=nn.LSTMCell):
        super().__init__()
        self.cell, self.head = cell(8, 16), nn.Linear(16, 3)

    def forward(self, x):
        state = None
        for step in x.unbind(1):
            state = self.cell(step, state)
        return self.head(state[0])


class Recall(nn.Module):
    def __init__(self):
        super().__init__()
        self.tokens = nn.Embedding(10, 16)
        self.lstm, self.head = nn.LSTM(16, 32, batch_first=True), nn.Linear(32, 8)

    def forward(self, x):
        return self.head(self.lstm(self.tokens(x))[0][:, -1])


class Recommender(nn.Module):
    def __init__(self):
        super().__init__()
        self.bag, self.table = nn.EmbeddingBag(100, 16, mode="sum"), nn.Embedding(30, 16)
        self.top = nn.Sequential(nn.Linear(17, 32), nn.ReLU(), nn.Linear(32, 1))
        lecun_(self, 1.5)

    def forward(self, bag, item):
        a, b = self.bag(bag), self.table(item[:, 0])
        return self.top(torch.cat([a + b, (a * b).sum(1, keepdim=True)], 1))


class Normed(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(32, 32, bias=False) for _ in range(5))
        self.norms = nn.ModuleList(nn.BatchNorm1d(32) for _ in range(5))

    def forward(self, x):
        for layer, norm in zip(self.layers, self.norms, strict=True):
            x = F.relu(norm(layer(x)))
        return x


class Residual(nn.Module):
    def __init__(self, blocks=8):
        super().__init__()
        self.blocks = nn.ModuleList(
            nn.Sequential(nn.Linear(32, 32), nn.ReLU(), nn.Linear(32, 32)) for _ in range(blocks)
        )
        lecun_(self, 0.5)

    def forward(self, x):
        for block in self.blocks:
            x = x + block(x)
        return x


class Sine(nn.Module):
    def __init__(self, frequency=30.0):
        super().__init__()
        self.layers = nn.ModuleList([nn.Linear(2, 64), nn.Linear(64, 64), nn.Linear(64, 64)])
        self.head, self.frequency = nn.Linear(64, 3), frequency

    def forward(self, x):
        for layer in self.layers:
            x = torch.sin(self.frequency * layer(x))
        return self.head(x)


class Symmetric(nn.Module):
    def forward(self, w):
        return w.triu() + w.triu(1).transpose(-1, -2)


def symmetric():
    net = nn.Sequential(nn.Linear(32, 32), nn.Tanh(), nn.Linear(32, 4))
    nn.utils.parametrize.register_parametrization(net[0], "weight", Symmetric())
    return net


def with_old_weight_norm():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch recommends the new one
        return nn.Sequential(nn.utils.weight_norm(nn.Linear(32, 32)), nn.ReLU(), nn.Linear(32, 4))


def waves():
    return numbers(16, 1, 32)


BATCHES = {
    Llama: words,
    ViT: lambda: numbers(32, 16, 12),
    Hyper: lambda: numbers(64, 16),
    VAE: lambda: torch.rand(64, 100),
    VQVAE: lambda: numbers(64, 20),
    WaveNet: waves,
    Target: lambda: numbers(64, 16),
    Vmapped: lambda: numbers(64, 8),
    Clip: lambda: (numbers(32, 32), numbers(32, 24)),
    Cells: lambda: numbers(16, 60, 8),
    Recall: lambda: F.pad(torch.randint(1, 9, (64, 1)), (0, 20)),
    Recommender: lambda: (torch.randint(0, 100, (64, 5)), torch.randint(0, 30, (64, 1))),
    Normed: lambda: numbers(64, 32),
    Residual: lambda: numbers(64, 32),
    Sine: lambda: torch.rand(256, 2) * 2 - 1,
    symmetric: lambda: numbers(64, 32),
    with_old_weight_norm: lambda: numbers(64, 32),
}


def built(make):
    torch.manual_seed(0)
    return make(), BATCHES[make]()


def standard_normal(path):
    def plant(net):
        nn.init.normal_(net.get_parameter(path))

    return plant


HEALTHY = [Llama, ViT, Hyper, VAE, VQVAE, WaveNet, Target, Vmapped, Clip, Cells, Recommender]


@pytest.mark.parametrize("make", [*HEALTHY, Normed, Residual], ids=lambda make: make.__name__)
def test_a_healthy_model_gives_no_alarm(make):
    net, batch = built(make)
    assert serious(diagnose(net, batch).findings) == []


FAULTS = [
    (Llama, times("tokens.weight", 1e-7), "signal vanishes", "tokens", "bad"),
    (Llama, filled("norms.1.weight", 0.0), "no gradient", "norms.1", "fatal"),
    (Llama, times("w2.2.weight", 300.0), "stream grows", "w2.2", "bad"),
    (Residual, times("blocks.4.2.weight", 50.0), "stream grows", "blocks.4.2", "bad"),
    (Residual, times("blocks.4.0.weight", 1e5), "signal explodes", "blocks.4.0", "bad"),
    (ViT, times("position", 1e6), "signal vanishes", "position", "fatal"),
    (Hyper, times("maker.weight", 1e-5), "signal vanishes", "maker", "fatal"),
    (VAE, times("log_variance.weight", 1e4), "not finite", "log_variance", "fatal"),
    (VAE, filled("log_variance.bias", 60.0), "signal explodes", "log_variance", "fatal"),
    (VQVAE, times("book.weight", 1e-6), "signal vanishes", "book", "fatal"),
    (Clip, filled("logit_scale", 14.0), "gradient explodes", "logit_scale", "fatal"),
    (Cells, standard_normal("cell.weight_hh"), "saturated", "cell", "bad"),
    (Recall, standard_normal("lstm.weight_hh_l0"), "saturated", "lstm", "bad"),
    (Recall, filled("lstm.bias_hh_l0", 0.0), "constant output", "lstm", "bad"),
    (Recommender, times("bag.weight", 1e4), "signal explodes", "bag", "bad"),
    (Recommender, times("table.weight", 1e4), "signal explodes", "table", "bad"),
    (Normed, times("layers.2.weight", 1e4), "gradient vanishes", "layers.2", "bad"),
]


@pytest.mark.parametrize("make, plant, kind, where, severity", FAULTS)
def test_a_fault_is_found_where_it_is(make, plant, kind, where, severity):
    net, batch = built(make)
    plant(net)
    found = diagnose(net, batch).findings
    assert (kind, where, severity) in [(f.kind, f.where, f.severity) for f in found]
    assert {f.where for f in found if f.kind == kind and f.severity == severity} == {where}


def test_what_nobody_reads_is_unused_and_not_cut():
    net, batch = built(WaveNet)
    found = diagnose(net, batch).findings
    assert [(f.kind, f.where) for f in found if "stream" in f.where] == [
        ("unused parameter", "stream.5")
    ]


def test_a_backbone_under_no_grad_is_named_for_what_it_is():
    net = nn.Sequential(nn.Linear(32, 32), nn.ReLU(), nn.Linear(32, 4))
    net[0].forward = torch.no_grad()(net[0].forward)
    finding = diagnose(net, numbers(64, 32)).findings[0]
    assert (finding.kind, finding.where, finding.severity) == ("no gradient", "0", "bad")
    assert "no_grad" in finding.sentence and "requires_grad_(False)" in finding.advice


def test_a_layer_that_is_called_often_is_told_once():
    net = nn.Sequential(nn.Linear(32, 32), nn.ReLU())
    nn.init.constant_(net[0].bias, -100.0)
    often = nn.Sequential(*[net] * 4)
    assert len(diagnose(often, numbers(64, 32)).of_kind("dead units")) == 1


@pytest.mark.parametrize("frequency", [1.0, 30.0])
def test_a_suggestion_knows_the_frequency_of_a_sine(frequency):
    torch.manual_seed(0)
    net, x = Sine(frequency), torch.rand(256, 2) * 2 - 1
    names = {}
    exec(suggest(net, x), names)
    net.apply(names["init_weights"])
    after = diagnose(net, x)
    assert serious(after.findings) == []
    assert min(after.table["std"]) > 0.3 / frequency


@pytest.mark.parametrize("make", [symmetric, with_old_weight_norm], ids=lambda f: f.__name__)
def test_a_suggestion_reaches_a_weight_that_is_computed(make):
    net, x = built(make)
    with torch.no_grad():
        next(p for p in net[0].parameters() if p.numel() > 32).mul_(1e-6)
        for name, parameter in net[0].named_parameters():
            if name == "weight_g":
                parameter.mul_(1e-6)
    names = {}
    exec(suggest(net, x), names)
    net.apply(names["init_weights"])
    assert net[0](x).std() > 0.3


def test_of_many_alike_the_first_is_shown_and_where_the_others_are():
    net = nn.Sequential(*[m for _ in range(8) for m in (nn.Linear(16, 16), nn.Tanh())])
    for layer in net[::2]:
        nn.init.constant_(layer.weight, 0.1)
    diagnosis = diagnose(net, numbers(32, 16))
    lines = [line for line in str(diagnosis).splitlines() if "twin units" in line]
    assert len(diagnosis.of_kind("twin units")) > 3
    assert len(lines) == 2 and "'4'" in lines[1] and "more" in lines[1]


def test_verbs_go_with_their_names():
    net = nn.Sequential(*[nn.Linear(16, 16) for _ in range(4)])
    for layer in list(net)[1:]:
        layer.load_state_dict(net[0].state_dict())
    (finding,) = diagnose(net, numbers(32, 16)).of_kind("twin layers")
    assert isinstance(finding, Finding) and "begin with" in finding.sentence


def test_the_gradient_behind_a_zero_head_is_that_of_another_step_and_does_not_vanish():
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(32, 768), nn.LayerNorm(768), nn.Linear(768, 10))
    nn.init.zeros_(network[2].weight)
    nn.init.zeros_(network[2].bias)
    findings = diagnose(network, numbers(4, 32), torch.arange(4)).findings
    assert {f.kind for f in findings} == {"no gradient"}
    assert {f.severity for f in findings} == {"note"}
