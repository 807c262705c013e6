from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest
import torch
from torch import nn

from course_utils.boltzmann import DBN, RBM
from course_utils.networks import mlp, weight_layers
from course_utils.training import StopTraining, interrupts_passed_on


def patterns(n=200, pixels=12, dtype=torch.float32, seed=1):
    """Blurred stripes: probabilities, not bits."""
    generator = torch.Generator().manual_seed(seed)
    where = torch.randint(pixels, (n, 1), generator=generator)
    distance = (torch.arange(pixels) - where).abs()
    return torch.exp(-distance / 2.0).to(dtype)


def learnt(sizes=(12, 9, 7, 5), dtype=torch.float32, seed=3, **options):
    dbn = DBN(sizes, seed=seed, dtype=dtype)
    dbn.fit(patterns(dtype=dtype), epochs=3, batch_size=20, log=None, **options)
    return dbn


def numbers(rbm):
    return [t.clone() for t in (rbm.weight, rbm.visible_bias, rbm.hidden_bias)]


def same(a, b):
    return all(torch.equal(x, y) for x, y in zip(numbers(a), numbers(b), strict=True))


def hear(lines):
    return {"log": lines.append, "batch_size": 20}


@pytest.mark.filterwarnings("ignore:.*Gaussian visible units have 1")
@pytest.mark.parametrize("visible", ["bernoulli", "gaussian"])
def test_the_network_computes_in_its_hidden_layers_what_transform_does(visible):
    images = patterns(dtype=torch.float64)
    dbn = DBN([12, 9, 7, 5], visible=visible, std=0.5, dtype=torch.float64)
    dbn.fit(images, epochs=2, batch_size=20, lr=0.01, log=None)
    network = dbn.to_network(4)
    h = images
    for layers in (1, 2, 3):
        h = network[2 * layers - 1](network[2 * layers - 2](h))
        assert dbn.transform(images, layers).shape == (200, dbn.sizes[layers])
        assert (h - dbn.transform(images, layers)).abs().max() < 1e-12
    assert (network[6](h) - network(images)).abs().max() < 1e-12
    assert torch.equal(dbn.transform(images), dbn.transform(images, 3))
    assert dbn.transform(images, 0) is images


def test_the_network_is_the_mlp_of_the_other_notebooks_and_shares_no_memory():
    dbn = learnt()
    before = [numbers(rbm) for rbm in dbn.rbms]
    network = dbn.to_network(10)
    plain = mlp([12, 9, 7, 5, 10], "sigmoid")
    assert repr(network) == repr(plain) and type(network) is nn.Sequential
    assert {n: p.shape for n, p in network.named_parameters()} == {
        n: p.shape for n, p in plain.named_parameters()
    }
    assert all(p.requires_grad and p.device.type == "cpu" for p in network.parameters())
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(1.0)
    for rbm, old in zip(dbn.rbms, before, strict=True):
        assert all(torch.equal(a, b) for a, b in zip(numbers(rbm), old, strict=True))


def test_the_output_layer_is_normal_without_bias_and_from_its_generator_alone():
    dbn = DBN([12, 3000], dtype=torch.float64)
    state = torch.get_rng_state()
    one, two, other = (
        weight_layers(dbn.to_network(10, generator=torch.Generator().manual_seed(seed)))[-1]
        for seed in (0, 0, 1)
    )
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.equal(one.weight, two.weight) and not torch.equal(one.weight, other.weight)
    assert one.weight.shape == (10, 3000) and one.weight.dtype == torch.float64
    assert one.weight.std().item() == pytest.approx(0.01, rel=0.03)
    assert abs(one.weight.mean().item()) < 4 * 0.01 / 30000**0.5
    assert torch.count_nonzero(one.bias) == 0
    wide = weight_layers(dbn.to_network(10, std=0.3, generator=torch.Generator()))[-1]
    assert wide.weight.std().item() == pytest.approx(0.3, rel=0.03)


def test_a_greedy_step_trains_one_rbm_and_leaves_all_others_bit_for_bit():
    dbn, images = learnt(), patterns(seed=8)
    before = [numbers(rbm) for rbm in dbn.rbms]
    states = [rbm.generator.get_state() for rbm in dbn.rbms]
    dbn.fit_layer(1, images, epochs=1, batch_size=20, log=None)
    for i, (rbm, old) in enumerate(zip(dbn.rbms, before, strict=True)):
        kept = [torch.equal(a, b) for a, b in zip(numbers(rbm), old, strict=True)]
        assert kept == [i != 1] * 3
        assert torch.equal(rbm.generator.get_state(), states[i]) == (i != 1)


def test_an_rbm_learns_from_the_hidden_probabilities_of_the_one_below_not_from_samples():
    dbn, images, seen = DBN([12, 9, 7, 5]), patterns(), []
    for rbm in dbn.rbms:
        rbm.fit = lambda data, rbm=rbm, **options: (
            seen.append((data, options["held_out"])) or RBM.fit(rbm, data, **options)
        )
    dbn.fit(images, held_out=patterns(seed=2)[:50], epochs=2, batch_size=20, log=None)
    for inputs in zip(*seen, strict=True):  # the training images, then the held out
        for rbm, below, above in zip(dbn.rbms, inputs, inputs[1:], strict=False):
            by_hand = torch.sigmoid(below @ rbm.weight.T + rbm.hidden_bias)
            assert torch.allclose(above, by_hand, rtol=0, atol=1e-6)
            assert ((above > 0.01) & (above < 0.99)).float().mean() > 0.5  # not 0 or 1
    assert seen[0][0] is images


def test_fit_is_one_greedy_step_after_the_other():
    whole, steps, called = DBN([12, 9, 7]), DBN([12, 9, 7]), []
    images, held_out = patterns(), patterns(seed=2)[:50]
    options = {"held_out": held_out, "epochs": 2, "batch_size": 20, "log": None}
    histories = whole.fit(images, after_layer=lambda *seen: called.append(seen), **options)
    alone = [steps.fit_layer(i, images, **options) for i in range(2)]
    for a, b in zip(whole.rbms, steps.rbms, strict=True):
        assert same(a, b)
    assert called == list(enumerate(histories))
    assert [h.steps for h in histories] == [20, 20] == [rbm.learner.steps for rbm in whole.rbms]
    for a, b in zip(histories, alone, strict=True):
        assert a.reconstruction_error == b.reconstruction_error
        assert len(a.free_energy_gap) == 2 and a.free_energy_gap == b.free_energy_gap


def test_the_first_rbm_is_an_rbm_trained_alone():
    dbn = DBN([12, 9, 7], seed=5)
    alone = RBM(12, 9)
    alone.weight.copy_(dbn.rbms[0].weight)
    alone.generator.set_state(dbn.rbms[0].generator.get_state())
    alone.fit(patterns(), epochs=2, batch_size=20, log=None)
    dbn.fit(patterns(), epochs=2, batch_size=20, log=None)
    assert same(dbn.rbms[0], alone)


def test_the_same_seed_gives_the_same_stack_and_a_taller_one_begins_with_it():
    a, b, other, taller = learnt(), learnt(), learnt(seed=4), learnt(sizes=(12, 9, 7, 5, 3))
    for i, rbm in enumerate(a.rbms):
        assert same(rbm, b.rbms[i]) and same(rbm, taller.rbms[i])
        assert not torch.equal(rbm.weight, other.rbms[i].weight)
    first, second = DBN([8, 8, 8]).rbms
    assert not torch.equal(first.weight, second.weight)
    assert first.generator is not second.generator


def test_training_draws_nothing_from_the_global_generator():
    state = torch.get_rng_state()
    learnt().dream(3, 5)
    assert torch.equal(torch.get_rng_state(), state)


def test_dreams_are_probabilities_the_same_for_the_same_seed_and_others_later():
    a, b = learnt(), learnt()
    first = a.dream(6, 10)
    assert first.shape == (6, 12) and first.dtype == torch.float32
    assert ((first > 0) & (first < 1)).all()
    assert torch.equal(first, b.dream(6, 10))
    assert not torch.equal(first, a.dream(6, 10))
    assert a.chains.shape == (6, 7) and set(a.chains.unique().tolist()) <= {0.0, 1.0}


def test_a_dream_in_two_parts_is_the_dream_in_one():
    whole, parts = learnt(), learnt()
    expected = whole.dream(6, 15)
    parts.dream(6, 10)
    assert torch.equal(parts.dream(steps=5, start=parts.chains), expected)
    assert torch.equal(parts.chains, whole.chains)


def test_a_dream_is_the_top_rbm_alone_and_then_the_way_down():
    dbn, twin = learnt(dtype=torch.float64), learnt(dtype=torch.float64)
    start = dbn.transform(patterns(dtype=torch.float64)[:4], 2)
    pictures = dbn.dream(steps=3, start=start, temperature=0.05)
    low, middle, top = twin.rbms
    states = top.sample(4, 3, start=start, temperature=0.05)
    assert torch.equal(dbn.chains, states)
    h = torch.sigmoid(states @ middle.weight + middle.visible_bias)
    assert torch.allclose(pictures, torch.sigmoid(h @ low.weight + low.visible_bias), atol=1e-12)


@pytest.mark.parametrize(
    "sizes", [(12, 9, 7), (12, 9, 7, 5), (12, 9, 8, 7, 5), (12, 11, 9, 8, 7, 5)]
)
def test_the_way_down_passes_through_every_rbm_below_the_top(sizes):
    dbn = DBN(sizes, std=1.0, dtype=torch.float64, seed=2)
    for rbm in dbn.rbms:
        rbm.visible_bias.normal_(generator=rbm.generator)
    states = torch.bernoulli(torch.full((6, sizes[-2]), 0.5, dtype=torch.float64))
    expected = states
    for i in range(len(sizes) - 3, -1, -1):
        expected = torch.sigmoid(expected @ dbn.rbms[i].weight + dbn.rbms[i].visible_bias)
    assert (dbn.down(states) - expected).abs().max() < 1e-12
    assert dbn.dream(3, 2).shape == (3, 12)


@pytest.mark.parametrize("sizes", [(12, 9), (12, 9, 7), (12, 9, 8, 7, 5), (12, 11, 9, 8, 7, 5)])
def test_the_way_up_passes_through_every_rbm_and_so_does_the_network(sizes):
    dbn, images = DBN(sizes, std=1.0, dtype=torch.float64), patterns(dtype=torch.float64)[:9]
    h = images
    for rbm in dbn.rbms:
        rbm.hidden_bias.normal_(generator=rbm.generator)
        h = torch.sigmoid(h @ rbm.weight.T + rbm.hidden_bias)
    assert (dbn.transform(images) - h).abs().max() < 1e-12
    network = dbn.to_network(4)
    assert (network[:-1](images) - h).abs().max() < 1e-12


def test_a_stack_of_one_rbm_dreams_pixels_as_probabilities():
    dbn = DBN([12, 9])
    dbn.fit(patterns(), epochs=2, batch_size=20, log=None)
    pictures = dbn.dream(5, 3)
    assert torch.equal(pictures, dbn.rbms[0].reconstruct(dbn.chains))


def test_only_the_pixels_may_be_gaussian():
    dbn = DBN([12, 9, 7], visible="gaussian", seed=2)
    assert [rbm.visible for rbm in dbn.rbms] == ["gaussian", "bernoulli"]
    images = 3 * (patterns() - 0.3)
    rates = [0.005, 0.1]
    for i, lr in enumerate(rates):
        history = dbn.fit_layer(i, images, lr=lr, batch_size=20, epochs=3, log=None)
        assert history.outcome == "finished"
    pictures = dbn.dream(4, 5)
    h = dbn.rbms[1].gibbs(dbn.transform(images, 1), 1)
    means = h @ dbn.rbms[0].weight + dbn.rbms[0].visible_bias
    assert torch.allclose(dbn.down(h), means, atol=1e-6) and pictures.shape == (4, 12)


def test_an_interrupt_in_the_second_rbm_keeps_the_first_and_what_was_learnt():
    whole, lines, done, untouched = learnt(), [], [], DBN([12, 9, 7, 5], seed=3)

    def stop(step):
        done.append(step)
        if len(done) == 30 + 4:  # 30 updates of the first, 4 of the second
            raise KeyboardInterrupt

    dbn = DBN([12, 9, 7, 5], seed=3)
    before = numbers(dbn.rbms[1])
    histories = dbn.fit(patterns(), epochs=3, after_step=stop, **hear(lines))
    assert [h.outcome for h in histories] == ["finished", "interrupted"]
    assert same(dbn.rbms[0], whole.rbms[0]) and same(dbn.rbms[2], untouched.rbms[2])
    assert dbn.rbms[1].learner.steps == 4 and not torch.equal(dbn.rbms[1].weight, before[0])
    assert len(lines) == 1 and lines[0].startswith("rbms[1]: Interrupted")


def test_a_callback_in_the_second_rbm_ends_the_training_without_a_word():
    whole, lines, done = learnt(), [], []

    def stop(step):
        done.append(step)
        if len(done) == 30 + 4:  # 30 updates of the first, 4 of the second
            raise StopTraining

    dbn = DBN([12, 9, 7, 5], seed=3)
    before = numbers(dbn.rbms[1])
    histories = dbn.fit(patterns(), epochs=3, after_step=stop, **hear(lines))
    assert [h.outcome for h in histories] == ["finished", "stopped"] and not lines
    assert [rbm.learner.steps for rbm in dbn.rbms] == [30, 4, 0]
    assert same(dbn.rbms[0], whole.rbms[0])
    assert not torch.equal(dbn.rbms[1].weight, before[0])


def test_a_callback_between_two_rbms_ends_the_training_without_a_word():
    dbn, lines = DBN([12, 9, 7, 5], seed=3), []

    def stop(i, history):
        if i == 1:
            raise StopTraining

    histories = dbn.fit(patterns(), epochs=3, after_layer=stop, **hear(lines))
    assert [h.outcome for h in histories] == ["finished"] * 2 and not lines
    assert [rbm.learner.steps for rbm in dbn.rbms] == [30, 30, 0]


def test_an_interrupt_between_two_rbms_keeps_what_was_learnt():
    dbn, lines = DBN([12, 9, 7, 5], seed=3), []

    def stop(i, history):
        if i == 1:
            raise KeyboardInterrupt

    histories = dbn.fit(patterns(), epochs=3, after_layer=stop, **hear(lines))
    assert [h.outcome for h in histories] == ["finished"] * 2
    assert [rbm.learner.steps for rbm in dbn.rbms] == [30, 30, 0]
    assert lines == ["Interrupted after rbms[1]: the stack keeps what it has learned."]


def test_an_interrupt_between_two_rbms_is_passed_on_to_who_wants_results():
    def stop(i, history):
        raise KeyboardInterrupt

    dbn = DBN([12, 9, 7], seed=3)
    with pytest.raises(KeyboardInterrupt), interrupts_passed_on():
        dbn.fit(patterns(), epochs=1, after_layer=stop, log=[].append)
    with pytest.raises(KeyboardInterrupt):  # nor without words
        DBN([12, 9, 7], seed=3).fit(patterns(), epochs=1, after_layer=stop, log=None)
    assert [rbm.learner.steps for rbm in dbn.rbms] == [2, 0]


def test_without_a_word_a_stack_dreams_twenty_pictures_of_a_thousand_steps():
    usual, said = (DBN([6, 4, 3], std=1.0) for _ in range(2))
    dreamt = usual.dream()
    assert torch.equal(dreamt, said.dream(20, 1000, temperature=1.0)) and len(dreamt) == 20
    assert torch.equal(usual.rbms[-1].generator.get_state(), said.rbms[-1].generator.get_state())


def test_without_a_word_a_stack_is_small_weights_of_seed_0_and_learns_for_five_epochs():
    dbn = DBN([12, 9, 7])
    said = DBN([12, 9, 7], std=0.01, seed=0)
    assert all(same(a, b) for a, b in zip(dbn.rbms, said.rbms, strict=True))
    assert not same(dbn.rbms[0], DBN([12, 9, 7], seed=1).rbms[0])
    histories = dbn.fit(patterns(), batch_size=100, log=None)
    assert [history.steps for history in histories] == [10, 10]


def test_a_layer_that_learns_in_silence_says_nothing(capsys):
    diverged = DBN([12, 9]).fit_layer(0, patterns(), lr=1e30, batch_size=20, log=None)
    assert diverged.outcome == "diverged" and capsys.readouterr().out == ""


@pytest.mark.filterwarnings("ignore:.*Gaussian visible units have 1")
def test_an_rbm_that_diverges_is_told_and_nothing_is_built_on_it():
    dbn, lines, called = DBN([12, 9, 7], visible="gaussian"), [], []
    options = hear(lines) | {"after_layer": lambda i, history: called.append(history.outcome)}
    histories = dbn.fit(100 * patterns(), lr=10.0, epochs=3, **options)
    assert [h.outcome for h in histories] == ["diverged"] == called
    assert dbn.rbms[1].learner.steps == 0
    assert len(lines) == 1 and lines[0].startswith("rbms[0]: ") and "rate" in lines[0]


@pytest.mark.filterwarnings("ignore:.*Gaussian visible units have 1")
@pytest.mark.parametrize("visible", ["bernoulli", "gaussian"])
def test_a_stack_that_was_saved_goes_on_as_it_would_have(tmp_path, visible):
    dbn = DBN([12, 9, 7], visible=visible, dtype=torch.float64, seed=3)
    options = {"epochs": 1, "batch_size": 20, "lr": 0.01, "log": None}
    images = patterns(dtype=torch.float64)
    dbn.fit(images, **options)
    dbn.dream(4, 3)
    dbn.save(tmp_path / "stack.pt")
    loaded, kept = DBN.load(tmp_path / "stack.pt"), copy.deepcopy(dbn.chains)
    assert loaded.sizes == dbn.sizes
    assert torch.equal(loaded.chains, kept) and loaded.rbms[0].visible == visible
    for stack in (dbn, loaded):
        stack.fit(images, **options)
    assert all(same(a, b) for a, b in zip(dbn.rbms, loaded.rbms, strict=True))
    assert torch.equal(dbn.dream(4, 3), loaded.dream(4, 3))
    never = DBN([12, 9])
    never.save(tmp_path / "never.pt")
    assert DBN.load(tmp_path / "never.pt").chains is None


def test_it_says_what_it_is_and_how_long_each_rbm_has_learned():
    dbn = DBN([12, 9, 7], visible="gaussian")
    dbn.rbms[1].partial_fit(torch.rand(5, 9))
    made = "DBN([12, 9, 7], visible='gaussian', dtype=torch.float32, device=cpu; "
    assert repr(dbn) == made + "[0, 1] steps learned)"


def test_moved_to_where_it_is_a_stack_goes_on_as_if_nothing_had_happened():
    moved, stayed = learnt(), learnt()
    assert moved.to("cpu") is moved and moved.chains is None
    assert torch.equal(moved.dream(4, 3), stayed.dream(4, 3))
    assert torch.equal(moved.to(torch.device("cpu")).chains, stayed.chains)
    assert torch.equal(moved.dream(4, 3), stayed.dream(4, 3))
    with pytest.raises(ValueError, match="device must be one that this machine has, got 'meta'"):
        moved.to("meta")


@pytest.mark.parametrize("way", [copy.deepcopy, lambda dbn: pickle.loads(pickle.dumps(dbn))])
def test_a_copy_goes_on_as_the_stack_would_and_shares_nothing_with_it(way):
    dbn = learnt()
    dbn.dream(4, 3)
    twin = way(dbn)
    for stack in (dbn, twin):
        stack.fit(patterns(), epochs=1, batch_size=20, log=None)
    assert all(map(same, dbn.rbms, twin.rbms))
    assert torch.equal(dbn.dream(4, 3), twin.dream(4, 3))


def test_whole_numbers_of_numpy_are_whole_numbers():
    ours, plain = DBN(np.array([12, 9, 7]), seed=np.int64(3)), DBN([12, 9, 7], seed=3)
    ours.fit(patterns(), epochs=np.int64(1), batch_size=np.int64(20), log=None)
    plain.fit(patterns(), epochs=1, batch_size=20, log=None)
    ours.fit_layer(np.int64(1), patterns(), epochs=1, log=None)
    plain.fit_layer(1, patterns(), epochs=1, log=None)
    assert all(map(same, ours.rbms, plain.rbms)) and ours.sizes == [12, 9, 7]
    assert torch.equal(ours.transform(patterns(), np.int64(1)), plain.transform(patterns(), 1))
    assert torch.equal(ours.dream(np.int64(3), np.int64(2)), plain.dream(3, 2))
    assert repr(ours.to_network(np.int64(4))) == repr(plain.to_network(4))


def test_arrays_and_lists_are_images():
    ours, plain, images = DBN([12, 9, 7]), DBN([12, 9, 7]), patterns()
    ours.fit(images.numpy(), held_out=images[:50].tolist(), epochs=1, batch_size=20, log=None)
    plain.fit(images, held_out=images[:50], epochs=1, batch_size=20, log=None)
    assert all(map(same, ours.rbms, plain.rbms))
    assert torch.equal(ours.transform(images.numpy()), plain.transform(images))
    start = plain.transform(images, 1)[:3]
    assert torch.equal(ours.dream(steps=2, start=start.numpy()), plain.dream(steps=2, start=start))
    with pytest.raises(TypeError, match="images must be a tensor of numbers, got dict"):
        ours.fit({}, log=None)


def test_states_that_are_not_finite_are_refused():
    dbn, bad = DBN([12, 9, 7]), patterns()
    bad[3, 4] = torch.nan
    for call in (dbn.transform, dbn.fit, lambda v: dbn.fit_layer(1, v)):
        with pytest.raises(ValueError, match="must be finite"):
            call(bad)
    with pytest.raises(ValueError, match="must be finite"):
        dbn.down(torch.full((2, 9), torch.inf))
    with pytest.raises(ValueError, match="must be finite"):
        dbn.dream(start=torch.full((2, 9), torch.nan))


def test_pixels_that_were_not_standardized_are_warned_of_in_the_lowest_rbm_only():
    dbn = DBN([12, 9, 7], visible="gaussian")
    with pytest.warns(UserWarning, match="Gaussian visible units have 1") as seen:
        dbn.fit(patterns(), epochs=1, lr=0.001, log=None)
    assert len(seen) == 1


def test_a_file_that_is_no_stack_is_refused_and_its_code_is_not_run(tmp_path, capsys):
    class Evil:
        def __reduce__(self):
            return print, ("pwned",)

    rbm, evil, text = tmp_path / "rbm.pt", tmp_path / "evil.pt", tmp_path / "text.pt"
    RBM(3, 2).save(rbm)
    torch.save({"kind": "course_utils.dbn.DBN, version 1", "rbms": Evil()}, evil)
    text.write_text("no tensors here")
    for path in (rbm, evil, text):
        with pytest.raises(ValueError, match="holds no DBN: try a file that DBN.save wrote"):
            DBN.load(path)
    assert "pwned" not in capsys.readouterr().out
    with pytest.raises(FileNotFoundError):
        DBN.load(tmp_path / "missing.pt")


@pytest.mark.parametrize("sizes", [[784], []])
def test_a_stack_needs_two_sizes(sizes):
    with pytest.raises(ValueError, match=r"pixels and a layer.*try \[784, 500\]"):
        DBN(sizes)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"sizes": 784}, "sizes must be a list of whole numbers, got 784"),
        ({"sizes": [784, 0]}, "each of sizes must be a whole number of at least 1, got 0"),
        ({"sizes": [784, 10.0]}, "each of sizes must be a whole number of at least 1, got 10.0"),
        ({"sizes": [784, True]}, "each of sizes must be a whole number of at least 1, got True"),
        ({"sizes": "784"}, "each of sizes must be a whole number of at least 1, got '7'"),
        ({"seed": 1.5}, "seed must be a whole number of at most 64 bits, got 1.5"),
        ({"seed": True}, "seed must be a whole number"),
        ({"device": "gpu"}, "device must be one that this machine has, got 'gpu'"),
        ({"visible": "binary"}, "visible must be"),
    ],
)
def test_an_impossible_stack_is_refused(wrong, words):
    with pytest.raises(ValueError, match=words):
        DBN(**({"sizes": [12, 9]} | wrong))


@pytest.mark.parametrize("n_classes", [0, 2.0, True, None])
def test_classes_that_are_no_number_are_refused(n_classes):
    with pytest.raises(ValueError, match=f"n_classes must be a whole number .*, got {n_classes}"):
        DBN([12, 9]).to_network(n_classes)


@pytest.mark.parametrize("i", [-1, 2, 0.5, 1.0, True, None])
def test_an_rbm_that_is_not_there_is_refused(i):
    with pytest.raises(ValueError, match=f"i must be a whole number from 0 to 1, got {i}"):
        DBN([12, 9, 7]).fit_layer(i, patterns(), log=None)


@pytest.mark.parametrize("layers", [-1, 3, 1.5, True])
def test_layers_that_are_not_there_are_refused(layers):
    with pytest.raises(
        ValueError, match=f"layers must be a whole number from 0 to 2, got {layers}"
    ):
        DBN([12, 9, 7]).transform(patterns(), layers)


def test_states_of_another_level_cannot_start_a_dream():
    advice = r"start must have the shape \(n, 9\), got \(3, 12\): try dbn.chains"
    with pytest.raises(ValueError, match=advice):
        DBN([12, 9, 7]).dream(start=patterns()[:3])
    with pytest.raises(ValueError, match=r"or dbn.transform\(images, 2\)$"):
        DBN([12, 9, 7, 5]).dream(start=patterns()[:3])
    with pytest.raises(TypeError, match="^start must be a tensor of numbers"):
        DBN([12, 9, 7]).dream(start="images")
    wide, tall = DBN([12, 9, 7], dtype=torch.float64), np.zeros((3, 9))
    wide.rbms[0] = RBM(12, 9)  # of another dtype: the states are the top RBM's
    with pytest.raises(ValueError, match="dtype|float"):
        wide.dream(start=torch.zeros(3, 9))
    assert DBN([12, 9, 7]).dream(2, 1, start=tall).shape == (3, 12)


def test_a_network_of_square_layers_has_the_hidden_biases_and_no_matrix_on_its_side():
    dbn = DBN([6, 6, 6, 6], std=1.0, seed=1)
    for i, rbm in enumerate(dbn.rbms):
        rbm.visible_bias.normal_(-3 - i, generator=rbm.generator)
        rbm.hidden_bias.normal_(3 + i, generator=rbm.generator)
    *hidden, output = weight_layers(dbn.to_network(4))
    for layer, rbm in zip(hidden, dbn.rbms, strict=True):
        assert torch.equal(layer.bias, rbm.hidden_bias)
        assert torch.equal(layer.weight, rbm.weight)
    assert output.bias.count_nonzero() == 0
