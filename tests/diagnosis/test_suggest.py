"""`suggest` prints an initialization that runs as it is, and after which nothing fatal is left."""

import math

import pytest
import torch
import torch.nn.functional as F
from scipy import integrate, stats
from torch import nn

from course_utils.diagnosis import diagnose, suggest
from course_utils.diagnosis.suggest import GAINS
from course_utils.networks import mlp, transformer


class Block(nn.Module):
    def __init__(self, d):
        super().__init__()
        self.n1, self.n2 = nn.LayerNorm(d), nn.LayerNorm(d)
        self.qkv, self.proj = nn.Linear(d, 3 * d), nn.Linear(d, d)
        self.up, self.down = nn.Linear(d, 4 * d), nn.Linear(4 * d, d)

    def forward(self, x):
        q, k, v = self.qkv(self.n1(x)).chunk(3, -1)
        x = x + self.proj(F.scaled_dot_product_attention(q, k, v, is_causal=True))
        return x + self.down(F.gelu(self.up(self.n2(x))))


class GPT(nn.Module):
    def __init__(self, depth=4, d=64, words=50):
        super().__init__()
        self.embed, self.position = nn.Embedding(words, d), nn.Parameter(0.02 * torch.randn(16, d))
        self.blocks = nn.ModuleList([Block(d) for _ in range(depth)])
        self.norm, self.head = nn.LayerNorm(d), nn.Linear(d, words, bias=False)
        self.head.weight = self.embed.weight

    def forward(self, tokens):
        x = self.embed(tokens) + self.position
        for block in self.blocks:
            x = block(x)
        return self.head(self.norm(x))


class Recurrent(nn.Module):
    def __init__(self, kind, **options):
        super().__init__()
        self.embed = nn.Embedding(20, 16)
        self.rnn = kind(16, 32, 2, batch_first=True, **options)
        self.head = nn.Linear(options.get("proj_size") or 32, 5)

    def forward(self, tokens):
        return self.head(self.rnn(self.embed(tokens))[0][:, -1])


class Bare(nn.Module):
    """Weights that belong to no layer."""

    def __init__(self):
        super().__init__()
        self.w, self.v = nn.Parameter(torch.randn(64, 96)), nn.Parameter(torch.randn(64, 96))
        self.head = nn.Linear(64, 3)

    def forward(self, x):
        return self.head(F.relu(x @ self.w) @ self.v.t())


class PlainBlocks(nn.Module):
    """A residual network without normalization."""

    def __init__(self, depth=24, d=48):
        super().__init__()
        pairs = [nn.Sequential(nn.Linear(d, d), nn.ReLU(), nn.Linear(d, d)) for _ in range(depth)]
        self.stem, self.blocks, self.head = nn.Linear(64, d), nn.ModuleList(pairs), nn.Linear(d, 3)
        for layer in self.modules():
            if isinstance(layer, nn.Linear):
                nn.init.kaiming_normal_(layer.weight)

    def forward(self, x):
        x = self.stem(x)
        for block in self.blocks:
            x = x + block(x)
        return self.head(x)


def generator():
    return nn.Sequential(
        nn.ConvTranspose2d(20, 32, 4, 1, 0), nn.ReLU(), nn.ConvTranspose2d(32, 16, 4, 2, 1),
        nn.ReLU(), nn.ConvTranspose2d(16, 8, 4, 2, 1), nn.ReLU(), nn.ConvTranspose2d(8, 1, 4, 2, 1),
        nn.Tanh(),
    )  # fmt: skip


def with_weight_norm():
    layers = [nn.utils.parametrizations.weight_norm(nn.Linear(64, 64)) for _ in range(3)]
    return nn.Sequential(layers[0], nn.ReLU(), layers[1], nn.ReLU(), layers[2])


VECTORS, TOKENS = torch.randn(32, 64), torch.randint(0, 20, (32, 16))
MODELS = {
    "30 default ReLU layers": (lambda: mlp([64] + [64] * 30 + [10], "relu"), VECTORS),
    "50 tanh layers": (lambda: mlp([64] + [64] * 50 + [10], "tanh"), VECTORS),
    "10 leaky layers": (lambda: mlp([64] + [64] * 10 + [10], "leaky_relu"), VECTORS),
    "GELU": (lambda: mlp([64] + [64] * 10 + [10], "gelu"), VECTORS),
    "SiLU": (lambda: mlp([64] + [64] * 10 + [10], "silu"), VECTORS),
    "SELU": (lambda: mlp([64] + [64] * 10 + [10], "selu"), VECTORS),
    "GPT": (GPT, TOKENS),
    "encoder": (
        lambda: nn.TransformerEncoder(nn.TransformerEncoderLayer(32, 4, 64, batch_first=True), 4),
        torch.randn(16, 10, 32),
    ),
    "LSTM": (lambda: Recurrent(nn.LSTM), TOKENS),
    "LSTM with a projection": (lambda: Recurrent(nn.LSTM, proj_size=8), TOKENS),
    "GRU": (lambda: Recurrent(nn.GRU), TOKENS),
    "RNN": (lambda: Recurrent(nn.RNN), TOKENS),
    "generator": (generator, torch.randn(16, 20, 1, 1)),
    "bare weights": (Bare, VECTORS),
    "weight norm": (with_weight_norm, VECTORS),
    "residual": (PlainBlocks, VECTORS),
    "the course's transformer": (lambda: transformer(depth=4), torch.rand(16, 784)),
}


def started(make, x, *, seen=True):
    torch.manual_seed(0)
    model, names = make(), {}
    text = suggest(model, x) if seen else suggest(model)
    exec(text, names)
    return model.apply(names["init_weights"]), text


@pytest.mark.parametrize("seen", [True, False], ids=["with a batch", "without"])
@pytest.mark.parametrize("name", MODELS)
def test_what_is_printed_runs_and_leaves_nothing_fatal(name, seen):
    make, x = MODELS[name]
    model, _ = started(make, x, seen=seen)
    findings = diagnose(model, x).findings
    assert [f for f in findings if f.severity == "fatal"] == []
    if seen:
        assert [f for f in findings if f.severity == "bad"] == []


def test_the_signal_keeps_its_size_through_30_layers():
    model, _ = started(*MODELS["30 default ReLU layers"])
    table = diagnose(model, VECTORS).table
    layers = table[table["operation"] == "linear"]["std"].to_numpy()[:-1]
    assert 0.2 < layers[-1] / layers[0] < 5


def test_the_gains_are_those_of_a_standard_normal():
    for name, square in GAINS.items():
        phi = getattr(F, name)

        def weighed(z, phi=phi):
            return phi(torch.tensor(z, dtype=torch.float64)).item() ** 2 * stats.norm.pdf(z)

        mean_square = integrate.quad(weighed, -12, 12, points=[-3, 0, 3], limit=200)[0]
        assert square == pytest.approx(1 / mean_square, rel=0.005)


def test_each_gate_is_orthogonal_and_the_forget_gate_begins_open():
    model, _ = started(*MODELS["LSTM"])
    for layer in range(2):
        for gate in getattr(model.rnn, f"weight_hh_l{layer}").chunk(4):
            torch.testing.assert_close(gate @ gate.t(), torch.eye(32), atol=1e-5, rtol=0)
        bias = getattr(model.rnn, f"bias_ih_l{layer}").chunk(4)
        assert [b.unique().tolist() for b in bias] == [[0], [1], [0], [0]]
        assert not getattr(model.rnn, f"bias_hh_l{layer}").any()


def test_what_ends_a_branch_is_scaled_by_the_number_of_branches():
    model, text = started(*MODELS["GPT"])
    small = 0.02 * math.sqrt(768 / 64)
    for block in model.blocks:
        for layer, factor in ((block.qkv, 1), (block.up, 1), (block.proj, 8), (block.down, 8)):
            assert layer.weight.std().item() == pytest.approx(small / factor**0.5, rel=0.06)
    assert "8 branches write into one stream" in text


def test_transposed_convolutions_get_the_fan_of_their_own_sums():
    model, _ = started(*MODELS["generator"])
    for index, fan in ((2, 32 * 16 / 4), (4, 16 * 16 / 4)):
        assert model[index].weight.std().item() == pytest.approx((2 / fan) ** 0.5, rel=0.06)


def test_weights_of_no_layer_are_drawn_by_what_the_product_sums():
    model, _ = started(*MODELS["bare weights"])
    assert model.w.std().item() == pytest.approx((2 / 64) ** 0.5, rel=0.06)
    assert model.v.std().item() == pytest.approx((1 / 96) ** 0.5, rel=0.06)


def test_a_weight_norm_computes_what_was_drawn():
    model, _ = started(*MODELS["weight norm"])
    assert model[0].weight.std().item() == pytest.approx((2 / 64) ** 0.5, rel=0.06)


def test_the_model_is_left_as_it_was():
    model = GPT()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    state = torch.get_rng_state()
    suggest(model, TOKENS)
    assert torch.equal(torch.get_rng_state(), state)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


@pytest.mark.parametrize("bad", [None, 3, nn.ReLU(), nn.LazyLinear(3)])
def test_what_cannot_be_looked_into_is_said(bad):
    with pytest.raises(ValueError, match=r"model must|no parameter|lazy"):
        suggest(bad)
