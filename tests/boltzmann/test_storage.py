"""A file is the machine that was saved, or it is refused: nothing between, and nothing is run."""

import errno
import hashlib
import io
import math
import os
import random
import zipfile

import numpy as np
import pytest
import torch
from helpers.boltzmann import bits

from course_utils.boltzmann import DBN, RBM
from course_utils.boltzmann.storage import save_state

CORRUPTIONS = int(os.environ.get("CORRUPTIONS", 500))  # of each kind of file
HEAD = b"A machine of course_utils.boltzmann, version 2\n"


class Evil:
    def __reduce__(self):
        return (print, ("code from the file ran",))


def sealed(payload):
    """Return a file with a checksum that is right, whatever the payload."""
    return HEAD + hashlib.sha256(payload).digest() + payload


def payload_of(content):
    buffer = io.BytesIO()
    torch.save(content, buffer)
    return buffer.getvalue()


def learned_rbm():
    rbm = RBM(6, 4, visible="gaussian", seed=3)
    for _ in range(2):
        rbm.partial_fit(bits(5, 6, dtype=torch.float32), lr=0.01, persistent=True, momentum=0.5)
    return rbm


def dreamt_dbn():
    dbn = DBN([6, 4, 3], seed=3)
    dbn.rbms[0].partial_fit(bits(5, 6, dtype=torch.float32), persistent=True)
    dbn.dream(2, 3)
    return dbn


MACHINES = {"RBM": learned_rbm, "DBN": dreamt_dbn}


def wrong_files(folder):
    torch.save({"weight": torch.zeros(2, 2)}, folder / "other.pt")
    torch.save([1, 2], folder / "list.pt")
    torch.save(torch.zeros(3), folder / "tensor.pt")
    torch.save({"kind": Evil()}, folder / "evil.pt")
    (folder / "text.pt").write_text("hello")
    (folder / "empty.pt").write_bytes(b"")
    (folder / "head.pt").write_bytes(HEAD)
    (folder / "sealed_nothing.pt").write_bytes(sealed(b""))
    (folder / "sealed_text.pt").write_bytes(sealed(b"hello"))
    (folder / "sealed_evil.pt").write_bytes(sealed(payload_of({"kind": Evil()})))
    (folder / "sealed_list.pt").write_bytes(sealed(payload_of([1, 2])))
    huge = torch.zeros(1).expand(10**6, 10**6)  # one number that says that it is a trillion
    state = RBM(6, 4).state()
    state["model"] = {"weight": huge, "visible_bias": huge[0], "hidden_bias": huge[0]}
    (folder / "sealed_huge.pt").write_bytes(sealed(payload_of(state)))
    whole = folder / "whole.pt"
    RBM(6, 4).save(whole)
    (folder / "half.pt").write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    with zipfile.ZipFile(folder / "zip.pt", "w") as archive:
        archive.writestr("a.txt", "hello")
    whole.unlink()
    return sorted(folder.iterdir())


@pytest.mark.parametrize("kind", [RBM, DBN])
def test_a_wrong_file_is_named_and_no_code_in_it_runs(tmp_path, capsys, kind):
    name = kind.__name__
    for path in wrong_files(tmp_path):
        with pytest.raises(ValueError, match=f"{path.name}' holds no {name}: try a file that"):
            kind.load(path)
    assert "code from the file ran" not in capsys.readouterr().out
    with pytest.raises(FileNotFoundError):
        kind.load(tmp_path / "nowhere.pt")
    with pytest.raises(OSError):
        kind.load(tmp_path)


def test_an_rbm_is_no_stack_and_a_stack_no_rbm(tmp_path):
    learned_rbm().save(tmp_path / "rbm.pt")
    dreamt_dbn().save(tmp_path / "dbn.pt")
    with pytest.raises(ValueError, match=r"holds no DBN: .*it holds a machine of the kind 'RBM'"):
        DBN.load(tmp_path / "rbm.pt")
    with pytest.raises(ValueError, match=r"holds no RBM: .*it holds a machine of the kind 'DBN'"):
        RBM.load(tmp_path / "dbn.pt")


def test_a_file_of_an_older_version_is_refused_with_the_reason(tmp_path):
    torch.save({"kind": "course_utils.rbm.RBM, version 1"}, tmp_path / "old.pt")
    with pytest.raises(ValueError, match="written by an older version of the course"):
        RBM.load(tmp_path / "old.pt")


def damaged(content, chance):
    """Return other bytes than ``content``: cut, flipped, zeroed, swapped or with some appended."""
    data, n = bytearray(content), len(content)
    kind = chance.choice(["cut", "front", "flip", "zero", "swap", "append"])
    at, length = chance.randrange(n), chance.choice([1, 16, 512])
    if kind == "cut":
        del data[at:]
    elif kind == "front":
        del data[: 1 + at]
    elif kind == "zero":
        data[at : at + length] = bytes(len(data[at : at + length]))
    elif kind == "swap":
        other = chance.randrange(n)
        here, there = data[at : at + length], data[other : other + length]
        data[at : at + len(here)] = there[: len(here)].ljust(len(here), b"\0")
        data[other : other + len(there)] = here[: len(there)].ljust(len(there), b"\0")
    elif kind == "append":
        data += chance.randbytes(length)
    if kind == "flip" or bytes(data) == content:
        data[at] ^= 1 << chance.randrange(8)
    return bytes(data)


@pytest.mark.parametrize("name", MACHINES)
def test_not_one_damaged_file_is_loaded(tmp_path, name):
    path, chance = tmp_path / "machine.pt", random.Random(0)
    machine = MACHINES[name]()
    machine.save(path)
    content = path.read_bytes()
    for _ in range(CORRUPTIONS):
        path.write_bytes(damaged(content, chance))
        with pytest.raises(ValueError, match=f"holds no {name}"):
            type(machine).load(path)
    path.write_bytes(content)
    type(machine).load(path)


@pytest.mark.parametrize("name", MACHINES)
def test_what_is_damaged_below_a_right_checksum_is_refused_or_a_whole_machine(tmp_path, name):
    path, chance = tmp_path / "machine.pt", random.Random(1)
    machine = MACHINES[name]()
    machine.save(path)
    payload, refused = path.read_bytes()[len(HEAD) + 32 :], 0
    for _ in range(CORRUPTIONS // 5):
        path.write_bytes(sealed(damaged(payload, chance)))
        try:
            loaded = type(machine).load(path)
        except ValueError as error:
            assert f"holds no {name}: try a file that {name}.save wrote" in str(error)
            refused += 1
            continue
        loaded.save(path)  # says whether all its numbers are finite
        for rbm in [loaded] if name == "RBM" else loaded.rbms:
            rbm.sample(2, 2)
            rbm.learner.step(rbm.parameters(), torch.zeros(5, rbm.n_visible), lr=0.0, momentum=0.5)
    assert refused > CORRUPTIONS // 20


def change(state, *keys, to):
    """Set what lies behind the keys."""
    *way, last = keys
    for key in way:
        state = state[key]
    state[last] = to(state[last]) if callable(to) else to


def remove(state, *keys):
    *way, last = keys
    for key in way:
        state = state[key]
    del state[last]


def poisoned(tensor):
    tensor = tensor.clone()
    tensor.view(-1)[-1] = math.nan
    return tensor


NOT_AN_RBM = {
    "no kind": lambda s: remove(s, "kind"),
    "a list in place of the model": lambda s: change(s, "model", to=[1, 2]),
    "no bias": lambda s: remove(s, "model", "hidden_bias"),
    "a flat weight": lambda s: change(s, "model", "weight", to=lambda w: w.flatten()),
    "an empty weight": lambda s: change(s, "model", "weight", to=torch.zeros(0, 6)),
    "a transposed weight": lambda s: change(s, "model", "weight", to=lambda w: w.T.contiguous()),
    "a strided weight": lambda s: change(s, "model", "weight", to=lambda w: w.T.contiguous().T),
    "a shorter bias": lambda s: change(s, "model", "visible_bias", to=lambda b: b[:-1].clone()),
    "a single bias": lambda s: change(s, "model", "visible_bias", to=lambda b: b[:1].clone()),
    "another dtype": lambda s: change(s, "model", "hidden_bias", to=lambda b: b.double()),
    "half precision": lambda s: change(
        s, "model", to=lambda model: {name: t.half() for name, t in model.items()}
    ),
    "whole numbers": lambda s: change(s, "model", "weight", to=lambda w: w.long()),
    "a number in place of a tensor": lambda s: change(s, "model", "weight", to=1.0),
    "a sparse weight": lambda s: change(s, "model", "weight", to=lambda w: w.to_sparse()),
    "a weight without numbers": lambda s: change(s, "model", "weight", to=lambda w: w.to("meta")),
    "nan in the weight": lambda s: change(s, "model", "weight", to=poisoned),
    "nan in a bias": lambda s: change(s, "model", "visible_bias", to=poisoned),
    "infinity in a bias": lambda s: change(s, "model", "hidden_bias", to=lambda b: b + math.inf),
    "units of a third kind": lambda s: change(s, "options", "visible", to="binary"),
    "no units": lambda s: remove(s, "options", "visible"),
    "no seed": lambda s: remove(s, "options", "seed"),
    "a negative std": lambda s: change(s, "options", "std", to=-1.0),
    "a broken seed": lambda s: change(s, "options", "seed", to=1.5),
    "no generator": lambda s: remove(s, "generator"),
    "half a generator": lambda s: change(
        s, "generator", to=lambda pair: (pair[0], pair[1][:100].clone())
    ),
    "a generator of floats": lambda s: change(
        s, "generator", to=lambda pair: (pair[0], pair[1].float())
    ),
    "a generator of a device without a name": lambda s: change(
        s, "generator", to=lambda pair: (None, pair[1])
    ),
    "a generator of zeros": lambda s: change(
        s, "generator", to=lambda pair: (pair[0], torch.zeros_like(pair[1]))
    ),
    "two velocities": lambda s: change(s, "learner", "velocities", to=lambda v: v[:2]),
    "nan in a velocity": lambda s: change(s, "learner", "velocities", 1, to=poisoned),
    "a velocity of another shape": lambda s: change(
        s, "learner", "velocities", 0, to=torch.zeros(1, 6)
    ),
    "a velocity of another dtype": lambda s: change(
        s, "learner", "velocities", 0, to=lambda v: v.double()
    ),
    "chains without hidden states": lambda s: change(s, "learner", "particles", to=None),
    "hidden states without chains": lambda s: change(s, "learner", "chains", to=None),
    "fewer hidden states": lambda s: change(s, "learner", "particles", to=lambda h: h[:-1].clone()),
    "narrower chains": lambda s: change(s, "learner", "chains", to=lambda v: v[:, 1:].contiguous()),
    "chains of another dtype": lambda s: change(s, "learner", "chains", to=lambda v: v.double()),
    "nan in a chain": lambda s: change(s, "learner", "chains", to=poisoned),
    "nan in a hidden state": lambda s: change(s, "learner", "particles", to=poisoned),
    "no chains, but not None": lambda s: (
        change(s, "learner", "chains", to=torch.zeros(0, 6)),
        change(s, "learner", "particles", to=torch.zeros(0, 4)),
    ),
    "negative steps": lambda s: change(s, "learner", "steps", to=-1),
    "half a step": lambda s: change(s, "learner", "steps", to=0.5),
    "steps that are true": lambda s: change(s, "learner", "steps", to=True),
    "products of another precision": lambda s: change(
        s, "learner", "compute_dtype", to=torch.float16
    ),
    "products without a dtype": lambda s: change(s, "learner", "compute_dtype", to="float32"),
    "no steps": lambda s: remove(s, "learner", "steps"),
}


@pytest.mark.filterwarnings("ignore:Validating sparse tensor")
@pytest.mark.parametrize("alter", NOT_AN_RBM.values(), ids=NOT_AN_RBM.keys())
def test_contents_that_are_no_rbms_are_refused_although_their_checksum_is_right(tmp_path, alter):
    state = learned_rbm().state()
    save_state(tmp_path / "rbm.pt", state)
    assert RBM.load(tmp_path / "rbm.pt").learner.steps == 2
    alter(state)
    save_state(tmp_path / "rbm.pt", state)
    with pytest.raises(ValueError, match="holds no RBM: try a file that RBM.save wrote"):
        RBM.load(tmp_path / "rbm.pt")


def dbn_state(sizes=(6, 4, 3), **options):
    rbms = [RBM(*pair, **options) for pair in zip(sizes, sizes[1:], strict=False)]
    return {"kind": "DBN", "chains": torch.zeros(2, sizes[-2]), "rbms": [r.state() for r in rbms]}


NOT_A_DBN = {
    "no RBM": lambda s: change(s, "rbms", to=[]),
    "RBMs in the wrong order": lambda s: change(s, "rbms", to=lambda rbms: rbms[::-1]),
    "a wider RBM": lambda s: change(s, "rbms", 1, to=RBM(5, 3).state()),
    "a Gaussian RBM above": lambda s: change(
        s, "rbms", 1, to=RBM(4, 3, visible="gaussian").state()
    ),
    "another dtype above": lambda s: change(
        s, "rbms", 1, to=RBM(4, 3, dtype=torch.float64).state()
    ),
    "a damaged RBM": lambda s: change(s, "rbms", 1, "model", "weight", to=poisoned),
    "a stack in the stack": lambda s: change(s, "rbms", 1, to=dbn_state()),
    "wider chains": lambda s: change(s, "chains", to=torch.zeros(2, 6)),
    "chains of another dtype": lambda s: change(s, "chains", to=lambda v: v.double()),
    "no chains, but not None": lambda s: change(s, "chains", to=torch.zeros(0, 4)),
    "chains in a list": lambda s: change(s, "chains", to=[[0.0] * 4]),
    "nan in a chain": lambda s: change(s, "chains", to=poisoned),
    "nothing about chains": lambda s: remove(s, "chains"),
}


@pytest.mark.parametrize("alter", NOT_A_DBN.values(), ids=NOT_A_DBN.keys())
def test_contents_that_are_no_stacks_are_refused_although_their_checksum_is_right(tmp_path, alter):
    state = dbn_state()
    save_state(tmp_path / "dbn.pt", state)
    assert DBN.load(tmp_path / "dbn.pt").sizes == [6, 4, 3]
    alter(state)
    save_state(tmp_path / "dbn.pt", state)
    with pytest.raises(ValueError, match="holds no DBN: try a file that DBN.save wrote"):
        DBN.load(tmp_path / "dbn.pt")


@pytest.mark.parametrize("name", MACHINES)
@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_a_full_disk_or_a_crash_leaves_the_old_file_and_no_other(tmp_path, monkeypatch, name, call):
    machine, path = MACHINES[name](), tmp_path / "machine.pt"
    machine.save(path)
    before = path.read_bytes()

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, call, full)
    with pytest.raises(OSError, match="No space left"):
        MACHINES[name]().save(path)
    assert path.read_bytes() == before and list(tmp_path.iterdir()) == [path]


def test_saving_again_replaces_the_file_that_a_link_points_to(tmp_path):
    path, link = tmp_path / "rbm.pt", tmp_path / "link.pt"
    RBM(6, 4).save(path)
    link.symlink_to(path)
    learned_rbm().save(link)
    assert link.is_symlink() and RBM.load(path).learner.steps == 2
    assert sorted(tmp_path.iterdir()) == [link, path]


def test_a_folder_that_is_not_there_or_in_the_way_is_an_os_error(tmp_path):
    with pytest.raises(OSError):
        RBM(6, 4).save(tmp_path / "nowhere" / "rbm.pt")
    (tmp_path / "folder").mkdir()
    with pytest.raises(OSError):
        RBM(6, 4).save(tmp_path / "folder")
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]


@pytest.mark.parametrize("name", ["weight", "visible_bias", "hidden_bias"])
def test_an_rbm_that_diverged_is_not_written(tmp_path, name):
    rbm = learned_rbm()
    rbm.save(tmp_path / "rbm.pt")
    getattr(rbm, name).view(-1)[-1] = math.nan
    with pytest.raises(ValueError, match=f"{name} must be finite, but holds nan"):
        rbm.save(tmp_path / "rbm.pt")
    assert RBM.load(tmp_path / "rbm.pt").learner.steps == 2


@pytest.mark.parametrize("name", ["velocity", "chains", "particles"])
def test_what_an_rbm_learns_with_must_be_finite_too(tmp_path, name):
    rbm = learned_rbm()
    learner = rbm.learner
    held = {"velocity": learner.velocities[1], "chains": learner.chains}
    held.get(name, learner.particles).view(-1)[-1] = math.nan
    with pytest.raises(ValueError, match=f"^{name} must be finite, but holds nan"):
        rbm.save(tmp_path / "rbm.pt")
    assert not (tmp_path / "rbm.pt").exists()


def test_the_file_holds_the_states_and_not_the_memory_around_them(tmp_path):
    rbm = RBM(6, 4)
    rbm.start_chains(torch.zeros(100_000, 6)[:3])
    rbm.save(tmp_path / "rbm.pt")
    assert (tmp_path / "rbm.pt").stat().st_size < 20_000
    assert RBM.load(tmp_path / "rbm.pt").learner.chains.shape == (3, 6)


def test_numbers_of_numpy_and_weights_that_autograd_watches_can_be_saved(tmp_path):
    rbm = RBM(np.int64(6), np.int32(4), std=np.float64(0.5), seed=np.int64(3))
    for parameter in rbm.parameters():
        parameter.requires_grad_()
    rbm.save(tmp_path / "rbm.pt")
    loaded = RBM.load(tmp_path / "rbm.pt")
    assert torch.equal(loaded.weight, rbm.weight) and not loaded.weight.requires_grad
    assert (loaded.n_visible, loaded.n_hidden, loaded.std, loaded.seed) == (6, 4, 0.5, 3)


@pytest.mark.parametrize("kind", [RBM, DBN])
@pytest.mark.parametrize("device", ["meta", "gpu", 1.5])
def test_a_device_that_is_not_here_is_named_before_the_file_is(tmp_path, kind, device):
    with pytest.raises(
        ValueError, match=f"device must be one that this machine has, got '?{device}"
    ):
        kind.load(tmp_path / "nowhere.pt", device=device)


def test_draws_saved_on_another_kind_of_device_start_anew_from_the_seed():
    rbm, state = RBM(6, 4, seed=3), learned_rbm().state()
    state["generator"] = ("cuda", torch.zeros(16, dtype=torch.uint8))
    loaded = RBM.from_state(state)
    assert torch.equal(loaded.generator.get_state(), rbm.generator.get_state())


REASONS = {
    "a velocity of another shape": r"\(a velocity is no torch.float32 of the shape",
    "nan in a velocity": r"\(a velocity must be finite",
    "no chains, but not None": r"\(the number of chains must be",
    "nan in a chain": r"\(chains must be finite",
    "narrower chains": r"\(chains is no torch.float32 of the shape \(5, 6\)",
    "nan in a hidden state": r"\(particles must be finite",
    "fewer hidden states": r"\(particles is no torch.float32 of the shape",
    "negative steps": r"\(steps must be",
    "nan in the weight": r"\(weight must be finite",
    "another dtype": r"\(hidden_bias is no torch.float32 of the shape \(4,\)",
    "a generator of floats": r"\(generator is no torch.uint8 of the shape",
}
REASONS_OF_STACKS = {
    "no chains, but not None": r"\(the number of chains must be",
    "chains in a list": r"\(chains is no torch.float32 of the shape",
    "wider chains": r"\(chains is no torch.float32 of the shape \(2, 4\)",
    "nan in a chain": r"\(chains must be finite",
}


@pytest.mark.parametrize("case", REASONS)
def test_the_reason_names_what_is_wrong_in_an_rbm(tmp_path, case):
    state = learned_rbm().state()
    NOT_AN_RBM[case](state)
    save_state(tmp_path / "rbm.pt", state)
    with pytest.raises(ValueError, match=REASONS[case]):
        RBM.load(tmp_path / "rbm.pt")


@pytest.mark.parametrize("case", REASONS_OF_STACKS)
def test_the_reason_names_what_is_wrong_in_a_stack(tmp_path, case):
    state = dbn_state()
    NOT_A_DBN[case](state)
    save_state(tmp_path / "dbn.pt", state)
    with pytest.raises(ValueError, match=REASONS_OF_STACKS[case]):
        DBN.load(tmp_path / "dbn.pt")


def test_a_stack_whose_chains_are_not_finite_is_not_written(tmp_path):
    dbn = DBN([6, 4])
    dbn.chains = torch.full((2, 6), math.nan)
    with pytest.raises(ValueError, match="^chains must be finite"):
        dbn.save(tmp_path / "dbn.pt")
