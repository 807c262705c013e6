"""Small networks of many families, each with a sensible start: the healthy twins."""

import math

import torch
import torch.nn.functional as F
from torch import nn


def he_(network):
    """Draw every Linear layer and convolution for ReLU by its own fan_in; biases are 0."""
    for module in network.modules():
        if isinstance(module, (nn.Linear, nn.Conv1d, nn.Conv2d)):
            nn.init.kaiming_normal_(module.weight)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
    return network


def xavier_(network, std=None):
    """Draw Linear layers and convolutions for tanh, or with a std; biases are 0."""
    for module in network.modules():
        if isinstance(module, (nn.Linear, nn.Conv1d, nn.Conv2d)):
            if std is None:
                nn.init.xavier_normal_(module.weight)
            else:
                nn.init.normal_(module.weight, std=std)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
        elif isinstance(module, nn.Embedding) and std is not None:
            nn.init.normal_(module.weight, std=std)
    return network


def small_head_(layer):
    """Let logits begin small."""
    with torch.no_grad():
        layer.weight.mul_(0.1)


def mlp(activation, depth=8, width=64, inputs=32, outputs=10):
    layers = []
    for i in range(depth - 1):
        layers += [nn.Linear(inputs if i == 0 else width, width), activation()]
    net = nn.Sequential(*layers, nn.Linear(width, outputs))
    (he_ if activation is nn.ReLU else xavier_)(net)
    small_head_(net[-1])
    return net


def relu_mlp():
    return mlp(nn.ReLU)


def tanh_mlp():
    return mlp(nn.Tanh)


def deep_tanh_mlp():
    return mlp(nn.Tanh, depth=20)


def cnn():
    net = nn.Sequential(
        nn.Conv2d(3, 16, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(16, 32, 3, stride=2, padding=1),
        nn.ReLU(),
        nn.Conv2d(32, 32, 3, stride=2, padding=1),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(32, 10),
    )
    he_(net)
    small_head_(net[-1])
    return net


def cnn_with_norm():
    return nn.Sequential(
        nn.Conv2d(3, 16, 3, padding=1, bias=False),
        nn.BatchNorm2d(16),
        nn.ReLU(),
        nn.Conv2d(16, 32, 3, stride=2, padding=1, bias=False),
        nn.BatchNorm2d(32),
        nn.ReLU(),
        nn.Conv2d(32, 32, 3, stride=2, padding=1, bias=False),
        nn.BatchNorm2d(32),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(32, 10),
    )


class ResidualBlock(nn.Module):
    def __init__(self, width, norm=True):
        super().__init__()
        make = nn.BatchNorm2d if norm else nn.Identity
        self.conv1 = nn.Conv2d(width, width, 3, padding=1, bias=not norm)
        self.norm1 = make(width)
        self.conv2 = nn.Conv2d(width, width, 3, padding=1, bias=not norm)
        self.norm2 = make(width)

    def forward(self, x):
        y = F.relu(self.norm1(self.conv1(x)))
        return F.relu(x + self.norm2(self.conv2(y)))


class ResNet(nn.Module):
    def __init__(self, blocks=4, width=16, norm=True):
        super().__init__()
        self.stem = nn.Conv2d(3, width, 3, padding=1)
        self.blocks = nn.Sequential(*[ResidualBlock(width, norm) for _ in range(blocks)])
        self.head = nn.Linear(width, 10)
        he_(self)
        small_head_(self.head)

    def forward(self, x):
        return self.head(self.blocks(F.relu(self.stem(x))).mean((2, 3)))


def fixup():
    """Residual blocks without norm whose last layer begins at zero."""
    net = ResNet(blocks=6, norm=False)
    for block in net.blocks:
        nn.init.zeros_(block.conv2.weight)
    return net


class Attention(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)

    def forward(self, x):
        b, n, d = x.shape
        q, k, v = self.qkv(x).split(d, dim=-1)
        q, k, v = (t.view(b, n, self.heads, d // self.heads).transpose(1, 2) for t in (q, k, v))
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        return self.proj(y.transpose(1, 2).reshape(b, n, d))


class GPTBlock(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.ln1, self.attn = nn.LayerNorm(width), Attention(width, heads)
        self.ln2 = nn.LayerNorm(width)
        self.fc, self.proj = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, x):
        x = x + self.attn(self.ln1(x))
        return x + self.proj(F.gelu(self.fc(self.ln2(x))))


class GPT(nn.Module):
    def __init__(self, layers=4, width=64, heads=4, words=50, tied=False):
        super().__init__()
        self.tokens, self.places = nn.Embedding(words, width), nn.Embedding(64, width)
        self.blocks = nn.ModuleList([GPTBlock(width, heads) for _ in range(layers)])
        self.ln = nn.LayerNorm(width)
        self.head = nn.Linear(width, words, bias=False)
        xavier_(self, std=0.02)
        if tied:
            self.head.weight = self.tokens.weight
        for block in self.blocks:
            for writer in (block.attn.proj, block.proj):
                nn.init.normal_(writer.weight, std=0.02 / math.sqrt(2 * layers))

    def forward(self, words):
        x = self.tokens(words) + self.places(torch.arange(words.shape[1]))
        for block in self.blocks:
            x = block(x)
        return self.head(self.ln(x))


class Encoder(nn.Module):
    def __init__(self, layers=4, width=32, words=50):
        super().__init__()
        self.tokens = nn.Embedding(words, width)
        layer = nn.TransformerEncoderLayer(width, 4, 64, dropout=0.0, batch_first=True)
        self.encoder = nn.TransformerEncoder(layer, layers, enable_nested_tensor=False)
        self.head = nn.Linear(width, 10)
        for parameter in self.encoder.parameters():
            if parameter.dim() > 1:
                nn.init.xavier_uniform_(parameter)
        for block in self.encoder.layers:
            for rows in block.self_attn.in_proj_weight.chunk(3):
                nn.init.xavier_uniform_(rows)

    def forward(self, words):
        return self.head(self.encoder(self.tokens(words)).mean(1))


class FunctionalAttention(nn.Module):
    """Attention of bare parameters, matmul and softmax, with layer norms by function."""

    def __init__(self, layers=3, width=32):
        super().__init__()
        make = lambda *shape: nn.Parameter(torch.randn(shape) / shape[0] ** 0.5)  # noqa: E731
        self.q = nn.ParameterList([make(width, width) for _ in range(layers)])
        self.k = nn.ParameterList([make(width, width) for _ in range(layers)])
        self.v = nn.ParameterList([make(width, width) for _ in range(layers)])
        self.o = nn.ParameterList([make(width, width) for _ in range(layers)])
        self.head = make(width, 10)
        self.width = width

    def forward(self, x):
        for q, k, v, o in zip(self.q, self.k, self.v, self.o, strict=True):
            h = F.layer_norm(x, (self.width,))
            logits = (h @ q) @ (h @ k).transpose(-2, -1) / self.width**0.5
            x = x + logits.softmax(-1) @ (h @ v) @ o
        return F.layer_norm(x, (self.width,)).mean(1) @ self.head * 0.1


class Recurrent(nn.Module):
    def __init__(self, kind=nn.LSTM, layers=1, width=32):
        super().__init__()
        self.tokens = nn.Embedding(20, width)
        self.rnn = kind(width, width, layers, batch_first=True)
        self.head = nn.Linear(width, 10)
        for name, parameter in self.rnn.named_parameters():
            if "weight" in name:
                for gate in parameter.chunk(parameter.shape[0] // width):
                    nn.init.orthogonal_(gate)
            else:
                nn.init.zeros_(parameter)
            if kind is nn.LSTM and "bias_ih" in name:
                with torch.no_grad():
                    parameter[width : 2 * width] = 1.0
        small_head_(self.head)

    def forward(self, words):
        return self.head(self.rnn(self.tokens(words))[0][:, -1])


def gru():
    return Recurrent(nn.GRU)


class Generator(nn.Module):
    """DCGAN: transposed convolutions, batch norm, ReLU, tanh at the end; N(0, 0.02)."""

    def __init__(self, z=32, width=16, norm=True):
        super().__init__()
        norms = (lambda n: nn.BatchNorm2d(n)) if norm else (lambda n: nn.Identity())
        self.main = nn.Sequential(
            nn.ConvTranspose2d(z, 4 * width, 4, 1, 0, bias=False),
            norms(4 * width),
            nn.ReLU(True),
            nn.ConvTranspose2d(4 * width, 2 * width, 4, 2, 1, bias=False),
            norms(2 * width),
            nn.ReLU(True),
            nn.ConvTranspose2d(2 * width, width, 4, 2, 1, bias=False),
            norms(width),
            nn.ReLU(True),
            nn.ConvTranspose2d(width, 3, 4, 2, 1, bias=False),
            nn.Tanh(),
        )
        for module in self.modules():
            if isinstance(module, nn.ConvTranspose2d):
                nn.init.normal_(module.weight, 0, 0.02)

    def forward(self, z):
        return self.main(z)


def double_conv(before, after):
    return nn.Sequential(
        nn.Conv2d(before, after, 3, padding=1, bias=False),
        nn.BatchNorm2d(after),
        nn.ReLU(inplace=True),
        nn.Conv2d(after, after, 3, padding=1, bias=False),
        nn.BatchNorm2d(after),
        nn.ReLU(inplace=True),
    )


class UNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.down1, self.down2 = double_conv(3, 8), double_conv(8, 16)
        self.middle = double_conv(16, 32)
        self.up2, self.up1 = nn.ConvTranspose2d(32, 16, 2, 2), nn.ConvTranspose2d(16, 8, 2, 2)
        self.dec2, self.dec1 = double_conv(32, 16), double_conv(16, 8)
        self.out = nn.Conv2d(8, 1, 1)

    def forward(self, x):
        a = self.down1(x)
        b = self.down2(F.max_pool2d(a, 2))
        c = self.middle(F.max_pool2d(b, 2))
        y = self.dec2(torch.cat([self.up2(c), b], 1))
        return self.out(self.dec1(torch.cat([self.up1(y), a], 1)))


class TimeBlock(nn.Module):
    def __init__(self, before, after, time=32):
        super().__init__()
        self.norm1, self.conv1 = nn.GroupNorm(4, before), nn.Conv2d(before, after, 3, padding=1)
        self.time = nn.Linear(time, after)
        self.norm2, self.conv2 = nn.GroupNorm(4, after), nn.Conv2d(after, after, 3, padding=1)
        self.skip = nn.Conv2d(before, after, 1) if before != after else nn.Identity()
        nn.init.zeros_(self.conv2.weight)

    def forward(self, x, t):
        h = self.conv1(F.silu(self.norm1(x))) + self.time(F.silu(t))[:, :, None, None]
        return self.skip(x) + self.conv2(F.silu(self.norm2(h)))


class DiffusionUNet(nn.Module):
    """A time embedding is added in every block; last convolutions begin at zero."""

    def __init__(self):
        super().__init__()
        self.time = nn.Sequential(nn.Linear(16, 32), nn.SiLU(), nn.Linear(32, 32))
        self.stem = nn.Conv2d(3, 8, 3, padding=1)
        self.down = nn.ModuleList([TimeBlock(8, 8), TimeBlock(8, 16)])
        self.middle = TimeBlock(16, 16)
        self.up = nn.ModuleList([TimeBlock(32, 8), TimeBlock(16, 8)])
        self.norm, self.out = nn.GroupNorm(4, 8), nn.Conv2d(8, 3, 3, padding=1)
        nn.init.zeros_(self.out.weight)

    def forward(self, x, t):
        angles = t[:, None] * torch.logspace(0, -3, 8)
        t = self.time(torch.cat([angles.sin(), angles.cos()], 1))
        x = self.stem(x)
        a = self.down[0](x, t)
        b = self.down[1](F.avg_pool2d(a, 2), t)
        x = self.middle(b, t)
        x = F.interpolate(self.up[0](torch.cat([x, b], 1), t), scale_factor=2)
        return self.out(F.silu(self.norm(self.up[1](torch.cat([x, a], 1), t))))


class Autoencoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 8))
        self.decoder = nn.Sequential(nn.Linear(8, 32), nn.ReLU(), nn.Linear(32, 64), nn.Sigmoid())
        he_(self)

    def forward(self, x):
        return self.decoder(self.encoder(x))


class LoRA(nn.Module):
    def __init__(self, layer, rank=4):
        super().__init__()
        self.base = layer.requires_grad_(False)
        self.a = nn.Parameter(torch.randn(rank, layer.in_features) / layer.in_features**0.5)
        self.b = nn.Parameter(torch.zeros(layer.out_features, rank))

    def forward(self, x):
        return self.base(x) + F.linear(F.linear(x, self.a), self.b)


def lora():
    net = mlp(nn.ReLU, depth=4)
    return nn.Sequential(*[LoRA(m) if isinstance(m, nn.Linear) else m for m in net])


class ReZero(nn.Module):
    def __init__(self, blocks=6, width=32, start=0.0):
        super().__init__()
        self.stem = nn.Linear(32, width)
        self.layers = nn.ModuleList([nn.Linear(width, width) for _ in range(blocks)])
        self.alpha = nn.Parameter(torch.full((blocks,), start))
        self.head = nn.Linear(width, 10)
        he_(self)
        small_head_(self.head)

    def forward(self, x):
        x = self.stem(x)
        for alpha, layer in zip(self.alpha, self.layers, strict=True):
            x = x + alpha * F.relu(layer(x))
        return self.head(x)


class LayerScale(nn.Module):
    """ConvNeXt and CaiT: each branch begins at 1e-6."""

    def __init__(self, blocks=6, width=32):
        super().__init__()
        self.stem = nn.Linear(32, width)
        self.norms = nn.ModuleList([nn.LayerNorm(width) for _ in range(blocks)])
        self.first = nn.ModuleList([nn.Linear(width, 4 * width) for _ in range(blocks)])
        self.second = nn.ModuleList([nn.Linear(4 * width, width) for _ in range(blocks)])
        self.gamma = nn.ParameterList([nn.Parameter(1e-6 * torch.ones(width))] * 0)
        for _ in range(blocks):
            self.gamma.append(nn.Parameter(1e-6 * torch.ones(width)))
        self.norm, self.head = nn.LayerNorm(width), nn.Linear(width, 10)
        he_(self)
        small_head_(self.head)

    def forward(self, x):
        x = self.stem(x)
        parts = zip(self.norms, self.first, self.second, self.gamma, strict=True)
        for norm, first, second, gamma in parts:
            x = x + gamma * second(F.gelu(first(norm(x))))
        return self.head(self.norm(x))


class Experts(nn.Module):
    """A mixture of experts: a router, and for each input its two best."""

    def __init__(self, experts=4, width=32):
        super().__init__()
        self.stem = nn.Linear(32, width)
        self.router = nn.Linear(width, experts, bias=False)
        self.experts = nn.ModuleList(
            [
                nn.Sequential(nn.Linear(width, 64), nn.ReLU(), nn.Linear(64, width))
                for _ in range(experts)
            ]
        )
        self.head = nn.Linear(width, 10)
        he_(self)
        nn.init.normal_(self.router.weight, std=0.02)
        small_head_(self.head)

    def forward(self, x):
        x = F.relu(self.stem(x))
        gates, chosen = self.router(x).softmax(-1).topk(2, dim=-1)
        y = torch.zeros_like(x)
        for i, expert in enumerate(self.experts):
            rows, slot = (chosen == i).nonzero(as_tuple=True)
            if len(rows):
                y = y.index_add(0, rows, gates[rows, slot, None] * expert(x[rows]))
        return self.head(x + y)


class Sine(nn.Module):
    def forward(self, x):
        return torch.sin(30 * x)


def siren():
    sizes = [2, 64, 64, 64, 64]
    layers = [m for a, b in zip(sizes, sizes[1:], strict=False) for m in (nn.Linear(a, b), Sine())]
    net = nn.Sequential(*layers, nn.Linear(64, 3))
    for i, module in enumerate(net):
        if isinstance(module, nn.Linear):
            fan_in = module.in_features
            bound = 1 / fan_in if i == 0 else math.sqrt(6 / fan_in) / 30
            nn.init.uniform_(module.weight, -bound, bound)
    return net


class ActorCritic(nn.Module):
    """Two heads: the policy's begins small, orthogonal layers before."""

    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(32, 64), nn.Tanh(), nn.Linear(64, 64), nn.Tanh())
        self.policy, self.value = nn.Linear(64, 6), nn.Linear(64, 1)
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.orthogonal_(module.weight, math.sqrt(2))
                nn.init.zeros_(module.bias)
        nn.init.orthogonal_(self.policy.weight, 0.01)
        nn.init.orthogonal_(self.value.weight, 1.0)

    def forward(self, x):
        h = self.body(x)
        return self.policy(h), self.value(h)


class Seq2Seq(nn.Module):
    """Encoder and decoder with cross-attention, each layer drawn by itself."""

    def __init__(self, words=30, width=32, layers=2):
        super().__init__()
        self.tokens = nn.Embedding(words, width)
        self.transformer = nn.Transformer(width, 4, layers, layers, 64, 0.0, batch_first=True)
        self.head = nn.Linear(width, words)
        for parameter in self.transformer.parameters():
            if parameter.dim() > 1:
                for rows in parameter.chunk(3 if parameter.shape[0] == 3 * width else 1):
                    nn.init.xavier_uniform_(rows)

    def forward(self, source, target):
        mask = nn.Transformer.generate_square_subsequent_mask(target.shape[1])
        y = self.transformer(self.tokens(source), self.tokens(target), tgt_mask=mask)
        return self.head(y)


class Functional(nn.Module):
    """A plain network of bare parameters: F.linear here, a matrix product there."""

    def __init__(self, depth=6, width=64):
        super().__init__()
        self.w = nn.ParameterList(
            [nn.Parameter(torch.randn(width, 32 if i == 0 else width)) for i in range(depth)]
        )
        self.b = nn.ParameterList([nn.Parameter(torch.zeros(width)) for _ in range(depth)])
        self.out = nn.Parameter(0.1 * torch.randn(width, 10) / width**0.5)
        with torch.no_grad():
            for w in self.w:
                w.mul_(math.sqrt(2 / w.shape[1]))

    def forward(self, x):
        for i, (w, b) in enumerate(zip(self.w, self.b, strict=True)):
            x = F.relu(F.linear(x, w, b) if i % 2 else x @ w.t() + b)
        return x @ self.out


def vectors(batch=64, size=32):
    return torch.randn(batch, size)


def images(batch=32, size=16):
    return torch.randn(batch, 3, size, size)


def words(batch=32, length=16, many=50):
    return torch.randint(many, (batch, length))


BATCHES = {
    "relu_mlp": vectors,
    "tanh_mlp": vectors,
    "deep_tanh_mlp": vectors,
    "cnn": images,
    "cnn_with_norm": images,
    "ResNet": images,
    "fixup": images,
    "GPT": words,
    "Encoder": words,
    "FunctionalAttention": lambda: torch.randn(32, 12, 32),
    "Recurrent": lambda: words(32, 16, 20),
    "gru": lambda: words(32, 16, 20),
    "Generator": lambda: torch.randn(32, 32, 1, 1),
    "UNet": images,
    "DiffusionUNet": lambda: (images(), torch.rand(32) * 1000),
    "Autoencoder": lambda: torch.rand(64, 64),
    "lora": vectors,
    "ReZero": vectors,
    "LayerScale": vectors,
    "Experts": vectors,
    "siren": lambda: torch.rand(64, 2) * 2 - 1,
    "ActorCritic": vectors,
    "Seq2Seq": lambda: (words(16, 12, 30), words(16, 10, 30)),
    "Functional": vectors,
}
"""What each network is called with."""
