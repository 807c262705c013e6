"""Networks of every kind: no exception, no false alarm, the numbers of a hook, nothing touched."""

import copy
import random
from dataclasses import dataclass

import numpy as np
import pytest
import torch
import torch.nn.functional as F
import torchvision
from diagnosis import people
from torch import nn
from torch.utils.checkpoint import checkpoint

from course_utils.diagnosis import diagnose


def state(net):
    """Return copies of all that a diagnosis must leave alone."""
    tensors = [*net.parameters(), *net.buffers()]
    return (
        [t.detach().clone() for t in tensors],
        [None if t.grad is None else t.grad.clone() for t in tensors],
        [t.requires_grad for t in tensors],
        [m.training for m in net.modules()],
        [(set(vars(m)), len(m._forward_hooks), len(m._forward_pre_hooks)) for m in net.modules()],
        torch.get_rng_state(),
        random.getstate(),
        np.random.get_state(),
    )


def same(a, b):
    if isinstance(a, torch.Tensor):
        return torch.equal(a, b)
    if isinstance(a, np.ndarray):
        return np.array_equal(a, b)
    if isinstance(a, (tuple, list)):
        return len(a) == len(b) and all(same(x, y) for x, y in zip(a, b, strict=True))
    return a == b


def hooked(net, batch):
    """Return the std of what each leaf module returns, by hooks of its own, on a copy."""
    net, stds = copy.deepcopy(net), {}
    for name, module in net.named_modules():
        if not list(module.children()):

            def hook(module, inputs, output, name=name):
                output = output[0] if isinstance(output, tuple) else output
                if isinstance(output, torch.Tensor) and output.is_floating_point():
                    given = [t for t in inputs if isinstance(t, torch.Tensor)]
                    if not any(t.data_ptr() == output.data_ptr() for t in given):
                        std = output.detach().double().std(correction=0).item()
                        stds.setdefault(name, []).append(std)

            module.register_forward_hook(hook)
    states = torch.get_rng_state()
    torch.set_grad_enabled(True)
    if isinstance(batch, dict):
        net(**batch)
    else:
        net(*batch) if isinstance(batch, tuple) else net(batch)
    torch.set_rng_state(states)
    return stds


def looked_at(net, batch):
    """Diagnose, and check that nothing was touched and each std is that of a hook."""
    before = state(net)
    diagnosis = diagnose(net, batch)
    assert same(before, state(net))
    table = diagnosis.table
    for name, stds in hooked(net, batch).items():
        recorded = table[table["module"] == name]["std"].tolist()
        for std in stds if recorded else []:
            assert min(abs(r - std) for r in recorded) <= 1e-5 * max(1.0, std), name
    assert len(table) > 0 and str(diagnosis) and diagnosis._repr_html_()
    return diagnosis


def severe(diagnosis):
    return [str(f) for f in diagnosis.findings if f.severity == "fatal"]


SMALL = ["resnet18", "mobilenet_v3_small", "shufflenet_v2_x0_5", "squeezenet1_1", "mnasnet0_5"]


@pytest.mark.parametrize("name", SMALL)
def test_classifiers_of_torchvision(name):
    torch.manual_seed(0)
    net = torchvision.models.get_model(name, num_classes=10)
    diagnosis = looked_at(net, torch.randn(8, 3, 64, 64))
    assert [f for f in diagnosis.findings if f.severity != "note"] == []


def test_a_small_vision_transformer():
    torch.manual_seed(0)
    net = torchvision.models.VisionTransformer(32, 8, 3, 4, 48, 96, num_classes=10)
    diagnosis = looked_at(net, torch.randn(8, 3, 32, 32))
    assert [f for f in diagnosis.findings if f.severity != "note"] == []


@pytest.mark.parametrize("name", people.BATCHES)
def test_networks_of_people(name):
    torch.manual_seed(0)
    net, batch = getattr(people, name)(), people.BATCHES[name]()
    assert severe(looked_at(net, batch)) == []


# ---- networks that are written or called in unusual ways


class Siamese(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = people.mlp(nn.ReLU, depth=3, outputs=16)

    def forward(self, a, b):
        return F.pairwise_distance(self.body(a), self.body(b))


class TakesNames(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = people.relu_mlp()

    def forward(self, *, x, scale=1.0, mask=None):
        return {"logits": self.body(x) * scale, "hidden": x}


class OwnLoss(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = people.relu_mlp()

    def forward(self, x, y):
        return F.cross_entropy(self.body(x), y)


@dataclass
class Answer:
    loss: torch.Tensor | None = None
    logits: torch.Tensor | None = None


class AsDataclass(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = people.relu_mlp()

    def forward(self, x):
        return Answer(logits=self.body(x))


class VAE(nn.Module):
    """Its forward pass draws random numbers."""

    def __init__(self):
        super().__init__()
        self.encoder, self.decoder = nn.Linear(32, 16), nn.Linear(8, 32)

    def forward(self, x):
        mean, log_variance = self.encoder(x).chunk(2, 1)
        z = mean + (log_variance / 2).exp() * torch.randn_like(mean)
        return self.decoder(z), mean, log_variance


class Checkpointed(nn.Module):
    def __init__(self, reentrant):
        super().__init__()
        self.first, self.body = nn.Linear(32, 32), people.mlp(nn.ReLU, depth=3, inputs=32)
        self.reentrant = reentrant

    def forward(self, x):
        return checkpoint(self.body, self.first(x), use_reentrant=self.reentrant)


class Autocast(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = people.relu_mlp()

    def forward(self, x):
        with torch.autocast("cpu", torch.bfloat16):
            return self.body(x)


class Counts(nn.Module):
    """Changes its attributes, its buffers and its mode while it runs."""

    def __init__(self):
        super().__init__()
        self.body, self.calls, self.seen = people.relu_mlp(), 0, []
        self.register_buffer("steps", torch.zeros(()))

    def forward(self, x):
        self.calls += 1
        self.last = x
        self.steps += 1
        self.body.eval()
        return self.body(x)


class Packed(nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn, self.head = nn.LSTM(8, 16, 2, batch_first=True), nn.Linear(16, 4)

    def forward(self, x, lengths):
        packed = nn.utils.rnn.pack_padded_sequence(x, lengths, True, enforce_sorted=False)
        return self.head(self.rnn(packed)[1][0][-1])


def critic():
    net = nn.Sequential(
        nn.Conv2d(3, 16, 4, 2, 1),
        nn.LeakyReLU(0.2, inplace=True),
        nn.Conv2d(16, 32, 4, 2, 1),
        nn.LeakyReLU(0.2, inplace=True),
        nn.Flatten(),
        nn.Linear(512, 1),
    )
    for i in (0, 2, 5):
        net[i] = nn.utils.parametrizations.spectral_norm(net[i])
    return net


def audio():
    return nn.Sequential(
        nn.Conv1d(1, 8, 9, 4),
        nn.BatchNorm1d(8),
        nn.GELU(),
        nn.Conv1d(8, 16, 9, 4),
        nn.GroupNorm(4, 16),
        nn.GLU(1),
        nn.AdaptiveMaxPool1d(1),
        nn.Flatten(),
        nn.Linear(8, 5),
    )


def weight_normed():
    net = people.relu_mlp()
    for i in (0, 4):
        nn.utils.parametrizations.weight_norm(net[i])
    return net


def with_hooks():
    net = people.relu_mlp()
    net[0].register_forward_hook(lambda module, inputs, output: output * 2)
    net[2].register_full_backward_hook(lambda module, given, made: None)
    return net


def half(dtype):
    return people.relu_mlp().to(dtype)


def x(*shape):
    return torch.randn(*(shape or (64, 32)))


UNUSUAL = {
    "Siamese": (Siamese, lambda: (x(), x())),
    "a dict": (TakesNames, lambda: {"x": x(), "scale": 2.0}),
    "returns its own loss": (OwnLoss, lambda: (x(), torch.arange(64) % 10)),
    "returns a dataclass": (AsDataclass, x),
    "VAE": (VAE, x),
    "checkpoint": (lambda: Checkpointed(False), x),
    "reentrant checkpoint": (lambda: Checkpointed(True), x),
    "autocast": (Autocast, x),
    "changes attributes": (Counts, x),
    "packed sequence": (Packed, lambda: (x(16, 9, 8), torch.arange(1, 17).clamp(max=9))),
    "critic with spectral norm": (critic, lambda: x(16, 3, 16, 16)),
    "audio": (audio, lambda: x(8, 1, 800)),
    "weight norm": (weight_normed, x),
    "hooks of its own": (with_hooks, x),
    "bfloat16": (lambda: half(torch.bfloat16), lambda: x().bfloat16()),
    "float64": (lambda: half(torch.float64), lambda: x().double()),
    "float16": (lambda: half(torch.float16), lambda: x().half()),
    "channels last": (people.cnn, lambda: people.images().to(memory_format=torch.channels_last)),
    "a batch of one": (people.relu_mlp, lambda: x(1, 32)),
    "no batch axis": (people.relu_mlp, lambda: x(32)),
    "one layer": (lambda: nn.Linear(32, 4), x),
    "dropout": (lambda: nn.Sequential(nn.Linear(32, 8), nn.Dropout(0.5), nn.Linear(8, 2)), x),
    "evaluation mode": (lambda: people.ResNet().eval(), people.images),
    "RNN": (lambda: nn.RNN(8, 16, 2), lambda: x(7, 16, 8)),
    "bidirectional GRU": (lambda: nn.GRU(8, 16, bidirectional=True), lambda: x(7, 16, 8)),
    "LSTM cell": (lambda: nn.LSTMCell(8, 16), lambda: x(16, 8)),
    "encoder in evaluation": (lambda: people.Encoder().eval(), people.words),
    "decoder layer": (
        lambda: nn.TransformerDecoderLayer(32, 4, 64, batch_first=True),
        lambda: (x(8, 5, 32), x(8, 6, 32)),
    ),
    "attention": (lambda: nn.MultiheadAttention(32, 4), lambda: (x(5, 8, 32),) * 3),
    "embedding bag": (
        lambda: nn.Sequential(nn.EmbeddingBag(50, 16), nn.Linear(16, 4)),
        people.words,
    ),
    "sparse embedding": (
        lambda: nn.Sequential(nn.Embedding(50, 16, sparse=True), nn.Flatten(), nn.Linear(256, 4)),
        people.words,
    ),
    "bilinear": (lambda: nn.Bilinear(8, 8, 4), lambda: (x(16, 8), x(16, 8))),
    "frozen": (lambda: people.relu_mlp().requires_grad_(False), x),
}


@pytest.mark.parametrize("name", UNUSUAL)
def test_networks_written_or_called_in_unusual_ways(name):
    torch.manual_seed(0)
    make, given = UNUSUAL[name]
    net = make()
    assert severe(looked_at(net, given())) == []


def test_gradients_and_frozen_parameters_are_as_before():
    torch.manual_seed(0)
    net = people.ResNet()
    net.stem.weight.requires_grad_(False)
    net(people.images()).sum().backward()
    looked_at(net, people.images())


RECTIFIERS = {
    "clamp(min=0)": lambda x: x.clamp(min=0),
    "torch.clamp": lambda x: torch.clamp(x, min=0),
    "relu6": F.relu6,
    "clamp(0, 6)": lambda x: x.clamp(0, 6),
    "relu": torch.relu,
}


class Bent(nn.Module):
    """Two hidden layers of 64 and a rectifier, however it is written; weights of He."""

    def __init__(self, bend):
        super().__init__()
        self.bend, self.layers = bend, nn.ModuleList([nn.Linear(8, 64), nn.Linear(64, 64)])
        self.last = nn.Linear(64, 4)
        for layer in self.layers:
            nn.init.kaiming_normal_(layer.weight)
            nn.init.zeros_(layer.bias)

    def forward(self, x):
        for layer in self.layers:
            x = self.bend(layer(x))
        return self.last(x)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("name", RECTIFIERS)
def test_half_of_a_rectifiers_inputs_lie_below_0_and_are_meant_to(name, seed):
    torch.manual_seed(seed)
    net, target = Bent(RECTIFIERS[name]), torch.randint(0, 4, (64,))
    assert [
        f for f in diagnose(net, torch.randn(64, 8), target).findings if f.severity != "note"
    ] == []


@pytest.mark.parametrize("bend", [F.relu6, lambda x: x.clamp(0, 6)])
def test_a_rectifier_that_is_driven_to_its_upper_bound_is_saturated(bend):
    torch.manual_seed(0)
    net = Bent(bend)
    with torch.no_grad():
        net.layers[0].weight.mul_(100)
    findings = diagnose(net, torch.randn(64, 8), torch.randint(0, 4, (64,))).findings
    assert ("saturated", "layers.0", "fatal") in [(f.kind, f.where, f.severity) for f in findings]


SEVERAL = {
    "hidden and logits": lambda h, o: {"hidden": h, "logits": o},
    "hidden first": lambda h, o: (h, o),
    "hidden last": lambda h, o: (o, h),
    "other names": lambda h, o: {"state": h, "out": o},
    "with its loss": lambda h, o: (o, F.cross_entropy(o, torch.zeros(len(o)).long())),
}


class Several(nn.Module):
    def __init__(self, how):
        super().__init__()
        self.how, self.body, self.head = how, nn.Linear(8, 64), nn.Linear(64, 4)

    def forward(self, x):
        hidden = self.body(x).relu()
        return self.how(hidden, self.head(hidden))


@pytest.mark.parametrize("name", SEVERAL)
def test_the_target_is_compared_with_what_nothing_else_is_made_of(name):
    torch.manual_seed(0)
    x, target = torch.randn(64, 8), torch.randint(0, 4, (64,))
    net = Several(SEVERAL[name])
    diagnosis = diagnose(net, x, target)
    assert severe(diagnosis) == []
    assert diagnosis._run.loss == pytest.approx(
        F.cross_entropy(net.head(net.body(x).relu()), target).item()
    )


@pytest.mark.parametrize("size", [8, 16, 64])
def test_a_weight_that_is_computed_is_no_signal(size):
    torch.manual_seed(0)
    first = nn.utils.parametrizations.orthogonal(nn.Linear(size, size))
    net = nn.Sequential(first, nn.ReLU(), nn.Linear(size, 4))
    diagnosis = diagnose(net, torch.randn(64, size), torch.randint(0, 4, (64,)))
    assert severe(diagnosis) == [] and [f for f in diagnosis.findings if f.severity == "bad"] == []
