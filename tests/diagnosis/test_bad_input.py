"""What cannot be diagnosed is refused in one sentence, and nothing is left behind."""

import pandas as pd
import pytest
import torch
from diagnosis import people
from helpers.states import strange_torch
from torch import nn
from torch.overrides import _get_current_function_mode_stack

from course_utils.diagnosis import assert_healthy, diagnose

X, LABELS = torch.randn(16, 32), torch.arange(16) % 10


def small():
    torch.manual_seed(0)
    return people.mlp(nn.ReLU, depth=3)


NET = small()


class Fails(nn.Module):
    def __init__(self, error):
        super().__init__()
        self.first, self.norm, self.error = nn.Linear(32, 10), nn.BatchNorm1d(10), error

    def forward(self, x):
        self.norm(self.first(x))
        self.eval()
        torch.randn(3)
        raise self.error


class Silent(nn.Linear):
    def forward(self, x):
        super().forward(x)


def compiled_in_place():
    net = small()
    net.compile()
    return net


def partly_compiled():
    net = small()
    net[0] = torch.compile(net[0])
    return net


MODELS = {
    "a class": (lambda: nn.Linear, "must be a torch.nn.Module, got type"),
    "a function": (lambda: torch.relu, "must be a torch.nn.Module"),
    "a name": (lambda: "resnet18", "must be a torch.nn.Module, got str"),
    "raises": (lambda: Fails(KeyError("no")), "raised KeyError .* shape .16, 32."),
    "compiled": (lambda: torch.compile(small()), "compiled"),
    "compiled in place": (compiled_in_place, "compiled"),
    "compiled in part": (partly_compiled, "part '0' is compiled"),
    "scripted": (lambda: torch.jit.script(small()), "scripted"),
    "traced": (lambda: torch.jit.trace(small(), X), "scripted"),
    "without parameters": (lambda: nn.Sequential(nn.ReLU()), "no parameter"),
    "complex": (lambda: nn.Linear(32, 4).to(torch.complex64), "'weight' is complex"),
    "lazy": (lambda: nn.Sequential(nn.LazyLinear(4)), "'0.weight' is lazy"),
    "lazy norm": (lambda: nn.Sequential(nn.LazyBatchNorm1d()), "'0.weight' is lazy"),
    "meta": (lambda: small().to("meta"), "'0.weight' is on the meta device"),
    "returns nothing": (lambda: Silent(32, 4), "returned no tensor but NoneType"),
}

BATCHES = {
    "None": (None, "batch must be .* got NoneType"),
    "a number": (3, "batch must be .* got int"),
    "an array": (X.numpy(), "batch must be .* got ndarray"),
    "an iterator": (iter([X]), "batch must be"),
    "another shape": (X[:, :5], "raised RuntimeError .*shape .16, 5."),
    "another dtype": (X.double(), "raised RuntimeError .*dtype"),
    "another name": ({"images": X}, "raised TypeError .*images"),
    "empty": (X[:0], "batch is empty, of shape .0, 32."),
    "an empty tuple": ((), "raised TypeError"),
}

TARGETS = {
    "another shape": (torch.zeros(16, 3), None, "no loss fits"),
    "too few": (LABELS[:4], None, "no loss fits"),
    "another dtype": (LABELS.float(), None, "no loss fits"),
    "a class too many": (LABELS + 1, None, "names class 10, but the output has 10"),
    "a negative class": (LABELS - 1, None, "names class -1"),
    "a list": ([1, 2], None, "target must be a tensor, got list"),
    "a vector": (LABELS, nn.CrossEntropyLoss(reduction="none"), "must return one number"),
    "a float": (LABELS, lambda output, target: 1.0, "must return one number, got float"),
    "no gradient": (LABELS, lambda output, target: output.detach().sum(), "without a gradient"),
    "no function": (LABELS, "cross_entropy", "must be a function"),
    "loss raises": (LABELS, lambda output: output.sum(), "loss raised TypeError"),
}


def refused(words, *given):
    with pytest.raises(ValueError, match=words) as caught:
        diagnose(*given)
    assert "\n" not in str(caught.value)
    assert _get_current_function_mode_stack() == []


@pytest.mark.parametrize("name", MODELS)
def test_a_model_that_cannot_be_looked_into(name):
    make, words = MODELS[name]
    refused(words, make(), X)


@pytest.mark.parametrize("name", BATCHES)
def test_a_batch_that_does_not_fit(name):
    batch, words = BATCHES[name]
    refused(words, small(), batch)


@pytest.mark.parametrize("name", TARGETS)
def test_a_target_or_a_loss_that_does_not_fit(name):
    target, loss, words = TARGETS[name]
    refused(words, small(), X, target, loss)


@pytest.mark.parametrize("error", [KeyboardInterrupt(), RuntimeError("no"), SystemExit()])
def test_after_an_exception_everything_is_as_before(error):
    torch.manual_seed(0)
    net = Fails(error)
    net.first.weight.grad = torch.ones(10, 32)
    before = {name: t.clone() for name, t in net.state_dict().items()}
    generator = torch.get_rng_state()
    with pytest.raises(ValueError if isinstance(error, RuntimeError) else type(error)):
        diagnose(net, X)
    assert all(torch.equal(t, before[name]) for name, t in net.state_dict().items())
    assert net.training and net.norm.training and bool((net.first.weight.grad == 1).all())
    assert torch.equal(torch.get_rng_state(), generator)
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in net.modules())
    assert _get_current_function_mode_stack() == []


@pytest.mark.parametrize("look", [diagnose, assert_healthy])
def test_a_network_made_in_inference_mode_is_told_what_it_is(look):
    with torch.inference_mode():
        net = small()
    with pytest.raises(ValueError, match="made inside torch.inference_mode.*make the model outs"):
        look(net, X, LABELS)


def test_a_batch_and_a_target_of_inference_mode_are_as_good_as_any():
    with torch.inference_mode():
        batch, target = X.clone(), LABELS.clone()
        inside = diagnose(NET, batch, target)
    assert str(inside) == str(diagnose(NET, X, LABELS))
    assert str(diagnose(NET, batch, target)) == str(inside)


def test_the_networks_device_counts_and_not_the_default_one():
    with strange_torch(device="meta"):
        strange = [str(diagnose(NET, X, LABELS)), str(diagnose(NET, X))]
    assert strange == [str(diagnose(NET, X, LABELS)), str(diagnose(NET, X))]


def test_a_batch_with_nan_is_named_before_the_network():
    (finding, *_) = diagnose(small(), X * torch.nan).findings
    assert finding.kind == "not finite" and "batch" in finding.sentence


@pytest.mark.parametrize("bad", [torch.nan, torch.inf])
def test_a_loss_that_is_not_finite_is_told_of_the_loss(bad):
    (finding, *_) = diagnose(small(), X, loss=lambda output: output.sum() * bad).findings
    assert finding.kind == "not finite" and finding.sentence.startswith("The loss is")


def test_a_test_suite_hears_the_sentences():
    net = small()
    assert_healthy(net, X)
    nn.init.constant_(net[0].bias, -100.0)
    with pytest.raises(AssertionError, match="units of '0' are 0 for every input"):
        assert_healthy(net, X)


ADVICE = {
    "array": (X.numpy(), "batch = torch.as_tensor(batch)"),
    "table": (pd.DataFrame(X.numpy()), "batch = torch.as_tensor(batch.to_numpy())"),
    "float64": (X.double(), "batch = batch.to(torch.float32)"),
    "bytes": (X.abs().mul(50).byte(), "batch = batch.to(torch.float32) / 255"),
    "with its labels": ((X, LABELS), "batch, target = batch[0], batch[1]"),
    "loader": (
        torch.utils.data.DataLoader(list(zip(X, LABELS, strict=True)), batch_size=16),
        "batch, target = next(iter(batch))",
    ),
}


@pytest.mark.parametrize("name", ADVICE)
def test_what_is_advised_on_a_batch_serves_when_it_is_typed(name):
    batch, typed = ADVICE[name]
    with pytest.raises(ValueError) as caught:
        diagnose(NET, batch)
    code = typed.rpartition("= ")[2].replace("batch.to(", "x.to(")
    assert code in str(caught.value)
    known = {"torch": torch, "batch": batch, "target": LABELS}
    exec(typed, known)
    assert diagnose(NET, known["batch"], known["target"]).table is not None


@pytest.mark.parametrize("kind", [torch.int32, torch.uint8, torch.int16])
def test_classes_of_every_whole_kind_are_classes(kind):
    assert str(diagnose(NET, X, LABELS.to(kind))) == str(diagnose(NET, X, LABELS))
