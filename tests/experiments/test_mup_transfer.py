"""The coordinate check with planted faults, the sweep of rates, and what its stored run says."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from helpers.numbers import seeded
from helpers.states import strange_torch
from hypothesis import given
from hypothesis import strategies as st

from course_utils import load_mnist
from course_utils.experiments import (
    TransferSetting,
    best_rate,
    coordinate_check,
    growth,
    stored,
    train_rates,
)
from course_utils.initializers import MUP, STANDARD, parameter_groups
from course_utils.networks import weight_layers

WIDTHS = (256, 512, 1024)
TANH = TransferSetting(depth=3, activation="tanh", sigma_w2=1.0, batch_size=100)


@pytest.fixture(scope="module")
def digits():
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COURSE_DATA", "digits")
        return load_mnist(log=None)


def test_the_learners_random_numbers_are_left_alone(digits):
    before, setting = torch.get_rng_state(), TransferSetting(lrs=(1e-3,), depth=1, steps=1)
    coordinate_check(setting, MUP, 64, digits)
    train_rates(setting, STANDARD, 64, digits)
    assert torch.equal(torch.get_rng_state(), before)


def powers(kind, data, **options):
    """Return the powers of the width of (change, own): (2, layers), by the mean of two seeds."""
    sizes = [
        [coordinate_check(TANH, kind, width, data, seed=seed, **options) for seed in (0, 1)]
        for width in WIDTHS
    ]
    change, own = np.array(sizes).mean(1).swapaxes(0, 1)  # (widths, layers) each
    return growth(WIDTHS, change), growth(WIDTHS, own)


# ---------------------------------------------------------------- the coordinate check


def test_standard_networks_fail_the_coordinate_check(digits):
    change, own = powers(STANDARD, digits)
    assert (own[1:] > 0.8).all() and abs(own[0]) < 0.15  # all but the input layer: in proportion
    assert change[-1] > 0.8 and (np.diff(change) > 0.05).all()  # it adds up from layer to layer


@pytest.mark.parametrize("steps", [1, 5])
def test_mup_passes_the_coordinate_check(digits, steps):
    change, own = powers(MUP, digits, steps=steps)
    assert np.abs(change).max() < 0.15 and np.abs(own).max() < 0.15


def test_a_hidden_rate_that_is_not_divided_shows_in_the_hidden_layers_only(digits):
    change, own = powers(replace(MUP, adam=(0, 0, -1)), digits)
    assert (own[1:3] > 0.8).all() and (np.abs(own[[0, 3]]) < 0.15).all()
    assert (change[1:] > 0.3).all()


def test_an_output_rate_that_is_not_divided_shows_in_the_output_only(digits):
    change, own = powers(replace(MUP, adam=(0, -1, 0)), digits)
    assert own[3] > 0.8 and (np.abs(own[:3]) < 0.15).all() and change[3] > 0.2


def test_an_output_drawn_too_large_shows_in_its_whole_change(digits):
    change, own = powers(replace(MUP, variance=(0, 0, 0)), digits)
    assert change[3] > 0.35 and (np.abs(change[:3]) < 0.15).all()


def test_an_input_rate_divided_like_the_hidden_one_shows_in_the_input_layer(digits):
    change, own = powers(replace(MUP, adam=(-1, -1, -1)), digits)
    assert own[0] < -0.7 and (np.abs(own[1:]) < 0.15).all() and (change < -0.1).all()


def test_sgd_needs_its_own_row_of_the_table(digits):
    options = {"rule": "sgd", "lr": 0.1, "steps": 3}
    change, own = powers(MUP, digits, **options)
    assert np.abs(change).max() < 0.25 and np.abs(own).max() < 0.3
    change, own = powers(STANDARD, digits, **options)
    assert change[0] < -0.4 and change[3] > change[0] + 0.6


def test_the_shares_of_a_step_are_those_of_the_definition(digits):
    """Against torch.optim on a network of its own, with hooks in place of a second network."""
    setting = TransferSetting(depth=2, activation="tanh", sigma_w2=1.0, batch_size=30)
    change, own = coordinate_check(setting, MUP, 32, digits, lr=0.01, steps=2, seed=5)
    network = setting.network(MUP, 32, digits, 5)
    x, y = digits.train_images[:30], digits.train_labels[:30]
    seen = []
    for layer in weight_layers(network):
        layer.register_forward_hook(lambda _, given, z: seen.append((given[0], z)))
    before = [p.detach().clone() for p in network.parameters()]
    optimizer = torch.optim.Adam(parameter_groups(network, MUP, 64, 0.01))
    for _ in range(2):
        optimizer.zero_grad()
        F.cross_entropy(network(x), y).backward()
        optimizer.step()
    network(x)
    first, last, after = seen[:3], seen[-3:], list(network.parameters())
    for i in range(3):
        moved = (last[i][1] - first[i][1]).square().mean().sqrt().item()
        share = last[i][0] @ (after[2 * i] - before[2 * i]).T + after[2 * i + 1] - before[2 * i + 1]
        assert change[i] == pytest.approx(moved, rel=1e-4)
        assert own[i] == pytest.approx(share.square().mean().sqrt().item(), rel=1e-3)
    assert change[0] == pytest.approx(own[0], rel=1e-5)  # nothing lies below the input layer
    assert abs(change[2] - own[2]) > 0.01 * change[2]


def test_growth_is_the_power_of_a_power_law():
    widths = [64, 128, 512]
    sizes = np.array([[3 * n**0.5, n**-1.0, 7] for n in widths])
    assert growth(widths, sizes) == pytest.approx([0.5, -1, 0], abs=1e-12)


# ---------------------------------------------------------------- many rates side by side


def test_the_loss_at_a_rate_does_not_depend_on_the_others_nor_on_the_threads(digits):
    setting = TransferSetting(lrs=(1e-3, 4e-3, 1e-2), depth=2, base_width=8, steps=40)
    losses = train_rates(setting, MUP, 16, digits)
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(2)
        assert train_rates(setting, MUP, 16, digits) == losses
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(threads)
    assert train_rates(replace(setting, lrs=(4e-3,)), MUP, 16, digits) == pytest.approx(
        losses[1:2], rel=1e-3
    )
    assert train_rates(setting, MUP, 16, digits, seed=1) != losses
    assert train_rates(setting, STANDARD, 16, digits) != losses
    assert losses[2] < losses[0] < math.log(10)  # forty steps: the rate decides


@pytest.mark.parametrize("seed", [0, 3])
def test_the_loss_at_a_rate_is_that_of_a_plain_loop_whose_seed_fixes_weights_and_batches(
    seed, digits
):
    setting = TransferSetting(lrs=(4e-3,), depth=2, base_width=8, steps=20)
    network, order = setting.network(MUP, 16, digits, seed), seeded(seed)
    rule, losses = torch.optim.Adam(parameter_groups(network, MUP, 8, 4e-3)), []
    for chosen in torch.randperm(len(digits.train_images), generator=order).split(50)[:20]:
        loss = F.cross_entropy(network(digits.train_images[chosen]), digits.train_labels[chosen])
        rule.zero_grad()
        loss.backward()
        rule.step()
        losses.append(loss.item())
    found = train_rates(setting, MUP, 16, digits, seed)
    assert found == pytest.approx([np.mean(losses[-2:])], rel=1e-3)


def test_losses_are_the_same_in_any_state_of_torch(digits):
    setting = TransferSetting(lrs=(1e-3, 4e-3, 1e-2), depth=2, base_width=8, steps=10)
    with strange_torch(device="meta"):
        strange = train_rates(setting, MUP, 16, digits)
        check = coordinate_check(setting, MUP, 16, digits)
    assert strange == train_rates(setting, MUP, 16, digits)
    np.testing.assert_array_equal(check, coordinate_check(setting, MUP, 16, digits))


@pytest.mark.parametrize("after", [1, 20])
def test_interrupted_rates_are_no_result_and_not_called_diverged(after, digits, interrupt_training):
    interrupt_training(after)
    with pytest.raises(KeyboardInterrupt):
        train_rates(TransferSetting(depth=2, base_width=8, steps=30), MUP, 16, digits)


def test_a_training_that_diverges_has_the_loss_nan_and_does_not_hurt_the_others(digits):
    setting = TransferSetting(lrs=(1e-2, 1e38), depth=2, base_width=8, steps=20)
    good, bad = train_rates(setting, STANDARD, 16, digits)
    assert math.isnan(bad)
    assert good == pytest.approx(
        train_rates(replace(setting, lrs=(1e-2,)), STANDARD, 16, digits)[0]
    )


# ---------------------------------------------------------------- the best rate


@given(tip=st.floats(-7.4, -4.6), bend=st.floats(0.01, 10), least=st.floats(-1, 1))
def test_the_best_rate_of_a_parabola_is_its_tip(tip, bend, least):
    exponents = np.arange(-9, -2)
    losses = least + bend * (exponents - tip) ** 2
    assert math.log2(best_rate(2.0**exponents, losses)) == pytest.approx(tip, abs=1e-6)


def test_the_best_rate_lies_within_half_a_step_of_the_least_loss():
    assert best_rate([1, 10, 100], [5, 0, 5]) == pytest.approx(10)
    assert best_rate([1, 10, 100], [1e-9, 0, 5]) == pytest.approx(10**0.5, rel=1e-6)


def test_a_range_whose_end_is_best_has_no_best_rate():
    assert math.isnan(best_rate([1, 2, 4], [3, 2, 1]))
    assert math.isnan(best_rate([1, 2, 4], [1, 2, 3]))
    assert math.isnan(best_rate([1, 2, 4, 8], [3, 2, math.nan, math.nan]))
    assert best_rate([1, 2, 4, 8], [3, 2, 3, math.nan]) == pytest.approx(2)


@pytest.mark.parametrize("lrs", [[1, 2], [1, 2, 3], [4, 2, 1], [1, 2, 4, 8]])
def test_rates_that_do_not_rise_in_equal_ratios_are_refused(lrs):
    with pytest.raises(ValueError, match="rise in equal ratios"):
        best_rate(lrs, [1.0, 0.5, 1.0] if len(lrs) != 2 else [1.0, 0.5])


# ---------------------------------------------------------------- the stored run


def stored_best_rates():
    """Return {(parametrization, width): log2 of the best rate for the mean over seeds}."""
    content, losses = stored("mup_transfer"), {}
    for row in content["rows"]:
        key = row["parametrization"], row["width"]
        losses.setdefault(key, []).append(np.array(row["loss"], dtype=float))
    assert all(len(rows) >= 5 for rows in losses.values())
    lrs = content["setting"]["lrs"]
    return {key: math.log2(best_rate(lrs, np.mean(rows, 0))) for key, rows in losses.items()}


def test_the_stored_best_rate_falls_with_the_width_in_standard_networks_and_stays_in_mup():
    best = stored_best_rates()
    widths = [64, 128, 256, 512]
    standard = [best[STANDARD.name, width] for width in widths]
    mup = [standard[0]] + [best[MUP.name, width] for width in widths[1:]]
    assert all(a > b for a, b in zip(standard, standard[1:], strict=False))
    assert standard[0] - standard[-1] > 1.3  # two and a half times lower, or more
    assert max(mup) - min(mup) < 0.7
