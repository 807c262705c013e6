"""One fault planted in a healthy network is found, where it is; the healthy twin gives no alarm."""

import copy
import math

import pytest
import torch
from diagnosis import people
from helpers.faults import Double, filled, serious, times
from torch import nn

from course_utils.diagnosis import KINDS, diagnose


def built(name):
    torch.manual_seed(0)
    network = getattr(people, name)()
    return network, people.BATCHES[name]()


# ---- faults: functions that take a network and spoil it


def every_weight(draw):
    """Draw every weight of two axes or more."""

    def plant(net):
        for parameter in net.parameters():
            if parameter.dim() > 1:
                draw(parameter)

    return plant


def one_number(path, value):
    """Set a single number of a parameter."""

    def plant(net):
        with torch.no_grad():
            net.get_parameter(path).view(-1)[3] = value

    return plant


def changed(path, function):
    """Do something to what a module returns."""

    def plant(net):
        module = net.get_submodule(path)
        forward = module.forward
        module.forward = lambda *args, **kwargs: function(forward(*args, **kwargs))

    return plant


def frozen(path):
    def plant(net):
        net.get_submodule(path).requires_grad_(False)

    return plant


def default_of_torch(net):
    for module in net.modules():
        if isinstance(module, (nn.Linear, nn.Conv2d)):
            module.reset_parameters()


def without_gradient(path):
    def plant(net):
        module = net.get_submodule(path)
        module.forward = torch.no_grad()(module.forward)

    return plant


def copies(path):
    """Make all blocks deep copies of the first, as nn.TransformerEncoder does."""

    def plant(net):
        blocks = net.get_submodule(path)
        for block in list(blocks)[1:]:
            block.load_state_dict(copy.deepcopy(blocks[0].state_dict()))

    return plant


def transposed_he(net):
    """Draw transposed convolutions as if they were plain ones."""
    for module in net.modules():
        if isinstance(module, nn.ConvTranspose2d):
            nn.init.kaiming_normal_(module.weight)


def untouched(net):
    """The network is itself the fault."""


def deep_gpt_without_scale():
    net = people.GPT(layers=12, width=32)
    for block in net.blocks:
        for writer in (block.attn.proj, block.proj):
            nn.init.normal_(writer.weight, std=0.02)
    return net


def tied_gpt():
    net = people.GPT(tied=True)
    nn.init.normal_(net.tokens.weight)
    return net


def deep_residual():
    """50 blocks of He weights, no norm, nothing scaled."""
    return people.ResNet(blocks=50, width=8, norm=False)


def depthwise():
    """Three depthwise convolutions drawn by fan_out as torch counts it: 32 times too large."""
    layers = [nn.Conv2d(3, 32, 1), nn.ReLU()]
    for _ in range(3):
        layers += [nn.Conv2d(32, 32, 3, padding=1, groups=32), nn.ReLU()]
    net = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(32, 10))
    people.he_(net)
    people.small_head_(net[-1])
    for module in net.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out")
    return net


class Conv1D(nn.Module):
    """GPT-2's own layer: its weight is (in, out)."""

    def __init__(self, inputs, outputs):
        super().__init__()
        self.weight = nn.Parameter(torch.empty(inputs, outputs))
        self.bias = nn.Parameter(torch.zeros(outputs))
        nn.init.kaiming_normal_(self.weight)

    def forward(self, x):
        flat = torch.addmm(self.bias, x.reshape(-1, x.shape[-1]), self.weight)
        return flat.view(*x.shape[:-1], -1)


def conv1d_of_gpt2():
    return nn.Sequential(Conv1D(32, 256), nn.ReLU(), Conv1D(256, 32), nn.ReLU(), nn.Linear(32, 10))


class OwnFunction(nn.Module):
    def forward(self, x):
        return Double.apply(x)


def with_own_function():
    net = people.relu_mlp()
    net[3] = OwnFunction()
    return net


class Numpy(nn.Module):
    def forward(self, x):
        return torch.from_numpy(x.detach().numpy() * 2)


def through_numpy():
    net = people.relu_mlp()
    net.insert(7, Numpy())
    return net


class Half(nn.Module):
    """One layer computed in half precision, on numbers that do not fit."""

    def forward(self, x):
        return (x * 1e4).half().mul(100).float() / 1e6


def in_half():
    net = people.relu_mlp()
    net.insert(6, Half())
    return net


def sigmoids():
    net = people.mlp(nn.Sigmoid, depth=4)
    for module in net:
        if isinstance(module, nn.Linear):
            nn.init.normal_(module.weight, std=5)
    return net


def with_unused_layer():
    net = people.ActorCritic()
    net.spare = nn.Linear(64, 64)
    return net


def default_lstm():
    torch.manual_seed(0)
    net = people.Recurrent()
    net.rnn.reset_parameters()
    return net


def own(name):
    """Return a network of this file and the batch that fits it."""
    torch.manual_seed(0)
    network = globals()[name]()
    batch = {
        "deep_gpt_without_scale": people.words,
        "tied_gpt": people.words,
        "deep_residual": people.images,
        "depthwise": people.images,
        "default_lstm": people.BATCHES["Recurrent"],
    }.get(name, people.vectors)
    return network, batch()


def zeroed(*paths):
    def plant(net):
        for path in paths:
            nn.init.zeros_(net.get_parameter(path))

    return plant


def many(*plants):
    def plant(net):
        for one in plants:
            one(net)

    return plant


def attention_times(net):
    """Let attention's logits be a hundred times as large."""
    with torch.no_grad():
        net.blocks[2].attn.qkv.weight[:128].mul_(100)


def functional_attention_times(net):
    with torch.no_grad():
        net.q[1].mul_(100)


def packed_xavier(net):
    for layer in net.encoder.layers:
        nn.init.xavier_uniform_(layer.self_attn.in_proj_weight)


def output_bias(net):
    """Weights so small beside their biases that all inputs look alike."""
    with torch.no_grad():
        net[6].weight.mul_(1e-3)
        net[6].bias.normal_(0, 10)


CROSS = "transformer.decoder.layers.1.multihead_attn"

FAULTS = [
    # signal vanishes, explodes
    ("relu_mlp", times("6.weight", 1e-4), "signal vanishes", "6", "bad"),
    ("relu_mlp", times("0.weight", 1e-7), "signal vanishes", "0", "fatal"),
    ("relu_mlp", times("14.weight", 1e-7), "signal vanishes", "14", "fatal"),
    ("relu_mlp", zeroed("8.weight"), "signal vanishes", "8", "fatal"),
    ("tanh_mlp", times("4.weight", 1e-4), "signal vanishes", "4", "bad"),
    (
        "deep_tanh_mlp",
        every_weight(lambda w: nn.init.normal_(w, std=0.01)),
        "signal vanishes",
        "4",
        "fatal",
    ),
    ("cnn", times("2.weight", 1e-4), "signal vanishes", "2", "bad"),
    ("cnn", times("4.weight", 1e4), "signal explodes", "4", "bad"),
    ("relu_mlp", times("6.weight", 1e4), "signal explodes", "6", "bad"),
    ("relu_mlp", every_weight(lambda w: nn.init.normal_(w, std=1)), "signal explodes", "8", "bad"),
    ("Functional", times("w.3", 1e-4), "signal vanishes", "w.3", "bad"),
    ("Functional", times("w.2", 1e7), "signal explodes", "w.2", "fatal"),
    ("Autoencoder", times("encoder.2.weight", 1e-4), "signal vanishes", "encoder.2", "bad"),
    ("siren", times("4.weight", 1e-4), "signal vanishes", "4", "bad"),
    ("ReZero", times("stem.weight", 1e-4), "signal vanishes", "stem", "bad"),
    ("Recurrent", times("rnn.weight_ih_l0", 1e-5), "signal vanishes", "rnn", "fatal"),
    ("UNet", times("out.weight", 1e-4), "signal vanishes", "out", "bad"),
    ("GPT", times("blocks.2.fc.weight", 1e-4), "signal vanishes", "blocks.2.fc", "bad"),
    ("GPT", times("blocks.2.proj.weight", 1e-4), "signal vanishes", "blocks.2.proj", "bad"),
    ("GPT", times("blocks.2.attn.qkv.weight", 1e-4), "signal vanishes", "blocks.2.attn.qkv", "bad"),
    ("GPT", times("tokens.weight", 1e-4), "signal vanishes", "tokens", "bad"),
    ("GPT", times("tokens.weight", 1e4), "signal explodes", "tokens", "bad"),
    ("GPT", times("blocks.2.proj.weight", 1e4), "signal explodes", "blocks.2.proj", "bad"),
    ("ResNet", times("blocks.2.conv1.weight", 1e-4), "signal vanishes", "blocks.2.conv1", "bad"),
    ("ResNet", times("stem.weight", 1e4), "signal explodes", "stem", "bad"),
    ("ResNet", zeroed("stem.weight"), "signal vanishes", "stem", "fatal"),
    ("tanh_mlp", zeroed("6.weight"), "signal vanishes", "6", "bad"),
    ("UNet", zeroed("middle.0.weight"), "signal vanishes", "middle.0", "bad"),
    ("UNet", times("middle.0.weight", 1e-4), "signal vanishes", "middle.0", "bad"),
    ("DiffusionUNet", times("time.2.weight", 1e4), "signal explodes", "time.2", "bad"),
    ("LayerScale", times("first.2.weight", 1e-4), "signal vanishes", "first.2", "bad"),
    ("Experts", times("experts.2.0.weight", 1e4), "signal explodes", "experts.2.0", "bad"),
    ("Generator", times("main.3.weight", 1e-4), "signal vanishes", "main.3", "bad"),
    ("ActorCritic", times("value.weight", 1e5), "signal explodes", "value", "bad"),
    ("ActorCritic", times("value.weight", 1e-5), "signal vanishes", "value", "bad"),
    (
        "Seq2Seq",
        times(CROSS + ".out_proj.weight", 1e4),
        "signal explodes",
        CROSS + ".out_proj",
        "bad",
    ),
    ("FunctionalAttention", times("v.1", 1e-4), "signal vanishes", "v.1", "bad"),
    # gradient vanishes, explodes
    ("ActorCritic", times("value.weight", 1e5), "gradient explodes", "value", "bad"),
    (
        "deep_tanh_mlp",
        every_weight(lambda w: nn.init.normal_(w, std=0.05)),
        "gradient vanishes",
        None,
        "fatal",
    ),
    (
        "deep_tanh_mlp",
        every_weight(lambda w: nn.init.normal_(w, std=0.5)),
        "gradient explodes",
        None,
        "bad",
    ),
    ("relu_mlp", times("6.weight", 1e4), "gradient explodes", "6", "bad"),
    ("siren", times("4.weight", 1e4), "signal explodes", "4", "bad"),
    # no gradient
    ("relu_mlp", changed("7", torch.Tensor.detach), "no gradient", "6", "fatal"),
    ("ResNet", changed("blocks.1", torch.Tensor.detach), "no gradient", "blocks.1.norm2", "fatal"),
    ("GPT", changed("blocks.1", torch.Tensor.detach), "no gradient", "blocks.1.proj", "fatal"),
    (
        "GPT",
        changed("blocks.1.attn", torch.Tensor.detach),
        "no gradient",
        "blocks.1.attn.proj",
        "bad",
    ),
    ("cnn", without_gradient("2"), "no gradient", "2", "fatal"),
    ("UNet", without_gradient("middle"), "no gradient", "middle.4", "bad"),
    (
        "Seq2Seq",
        changed("transformer.encoder", torch.Tensor.detach),
        "no gradient",
        "transformer.encoder.norm",
        "bad",
    ),
    ("through_numpy", untouched, "no gradient", "6", "fatal"),
    ("lora", many(zeroed("2.a"), zeroed("2.b")), "no gradient", "2", "fatal"),
    ("relu_mlp", zeroed("6.weight"), "no gradient", "6", "fatal"),
    ("ActorCritic", changed("value", torch.Tensor.detach), "no gradient", "value", "bad"),
    ("Experts", changed("experts.1", torch.Tensor.detach), "no gradient", "experts.1.2", "bad"),
    # dead, saturated
    ("relu_mlp", filled("6.bias", -100.0), "dead units", "6", "fatal"),
    ("cnn", filled("2.bias", -100.0), "dead units", "2", "fatal"),
    ("cnn_with_norm", filled("4.bias", -10.0), "dead units", "4", "fatal"),
    ("ResNet", filled("blocks.2.norm1.bias", -10.0), "dead units", "blocks.2.norm1", "bad"),
    ("Autoencoder", filled("decoder.0.bias", -100.0), "dead units", "decoder.0", "fatal"),
    ("Functional", filled("b.2", -100.0), "dead units", None, "fatal"),
    ("tanh_mlp", filled("6.bias", 1000.0), "saturated", "6", "fatal"),
    ("tanh_mlp", every_weight(lambda w: nn.init.normal_(w, std=1)), "saturated", "0", "bad"),
    ("sigmoids", untouched, "saturated", "0", "bad"),
    ("ActorCritic", times("body.2.weight", 1e4), "saturated", "body.2", "fatal"),
    ("Generator", times("main.9.weight", 1e4), "saturated", "main.9", "fatal"),
    ("GPT", attention_times, "saturated", "blocks.2.attn", "bad"),
    ("FunctionalAttention", functional_attention_times, "saturated", None, "bad"),
    ("DiffusionUNet", filled("time.0.bias", -100.0), "dead units", "time.0", "bad"),
    ("Experts", filled("experts.2.0.bias", -100.0), "dead units", "experts.2.0", "bad"),
    ("Autoencoder", filled("encoder.2.bias", 1000.0), "saturated", "decoder.2", "fatal"),
    # twins
    ("relu_mlp", every_weight(nn.init.zeros_), "twin units", "0", "fatal"),
    ("relu_mlp", filled("6.weight", 0.1), "twin units", "6", "bad"),
    ("tanh_mlp", every_weight(lambda w: nn.init.constant_(w, 0.1)), "twin units", "2", "fatal"),
    ("cnn", filled("2.weight", 0.01), "twin units", "2", "bad"),
    (
        "Recurrent",
        many(filled("rnn.weight_ih_l0", 0.1), filled("rnn.weight_hh_l0", 0.1)),
        "twin units",
        "rnn",
        "bad",
    ),
    ("Encoder", copies("encoder.layers"), "twin layers", "encoder.layers.1", "bad"),
    ("GPT", copies("blocks"), "twin layers", "blocks.1", "bad"),
    ("Experts", copies("experts"), "twin layers", "experts.1", "bad"),
    # constant output
    ("relu_mlp", output_bias, "constant output", "6", "bad"),
    ("relu_mlp", filled("14.bias", 1e6), "constant output", "14", "fatal"),
    # not finite
    ("relu_mlp", one_number("6.weight", math.nan), "not finite", "6", "fatal"),
    ("GPT", one_number("blocks.1.fc.weight", math.inf), "not finite", "blocks.1.fc", "fatal"),
    ("in_half", untouched, "not finite", "6", "fatal"),
    # stream, writers
    ("deep_residual", untouched, "stream grows", None, "bad"),
    ("deep_gpt_without_scale", untouched, "writer not scaled", "blocks.0.attn.proj", "note"),
    # fans
    ("Generator", transposed_he, "wrong fan", "main.0", "note"),
    ("depthwise", untouched, "wrong fan", "2", "bad"),
    ("conv1d_of_gpt2", untouched, "wrong fan", "0", "bad"),
    ("Encoder", packed_xavier, "wrong fan", "encoder.layers.0.self_attn", "note"),
    # what the parameters say
    ("tied_gpt", untouched, "tied embedding", "tokens", "bad"),
    ("default_lstm", untouched, "forget bias", "rnn", "note"),
    ("deep_tanh_mlp", default_of_torch, "default start", "0", "bad"),
    ("with_unused_layer", untouched, "unused parameter", "spare", "note"),
    ("with_own_function", untouched, "not seen", "3", "note"),
]


@pytest.mark.parametrize(
    "network, plant, kind, where, severity",
    FAULTS,
    ids=[f"{i}-{fault[0]}-{fault[2]}" for i, fault in enumerate(FAULTS)],
)
def test_a_planted_fault_is_found_where_it_is(network, plant, kind, where, severity):
    net, batch = built(network) if network in people.BATCHES else own(network)
    plant(net)
    found = diagnose(net, batch).of_kind(kind)
    assert severity in [f.severity for f in found if where in (None, f.where)], found


@pytest.mark.parametrize("name", people.BATCHES)
def test_a_healthy_network_gives_no_alarm(name):
    assert serious(diagnose(*built(name)).findings) == []


def test_a_first_loss_far_from_guessing_is_found_at_the_head():
    net, images = built("relu_mlp")
    labels = torch.arange(len(images)) % 10
    assert diagnose(net, images, labels).of_kind("first loss") == []
    nn.init.normal_(net[14].weight, std=10)
    (finding,) = diagnose(net, images, labels).of_kind("first loss")
    assert (finding.where, finding.severity) == ("14", "fatal")


@pytest.mark.parametrize("std, severity", [(0.02, None), (1.0, "fatal")])
def test_the_first_loss_of_a_tied_language_model(std, severity):
    torch.manual_seed(0)
    net = people.GPT(tied=True)
    nn.init.normal_(net.tokens.weight, std=std)
    words = people.words()
    found = diagnose(net, words, words.roll(-1, 1)).of_kind("first loss")
    assert [f.severity for f in found] == [severity] * (severity is not None)
    assert all("embedding" in f.sentence and f.where == "head" for f in found)


@pytest.mark.parametrize(
    "name, zeros",
    [
        ("relu_mlp", ["14.weight"]),
        ("ResNet", [f"blocks.{i}.norm2.weight" for i in range(4)]),
        ("GPT", ["head.weight"]),
        ("GPT", [f"blocks.{i}.{part}.weight" for i in range(4) for part in ("proj", "attn.proj")]),
        ("DiffusionUNet", ["time.2.weight"]),
        ("ActorCritic", ["policy.weight", "value.weight"]),
        ("UNet", ["out.weight", "up1.weight"]),
        ("fixup", ["head.weight"]),
        ("lora", []),
        ("ReZero", []),
    ],
)
def test_what_is_zero_on_purpose_is_a_note(name, zeros):
    net, batch = built(name)
    zeroed(*zeros)(net)
    findings = diagnose(net, batch).findings
    assert serious(findings) == []
    assert any(f.kind == "no gradient" and "zero on purpose" in f.sentence for f in findings)


def test_every_kind_is_planted():
    assert {fault[2] for fault in FAULTS} | {"first loss"} == set(KINDS)
