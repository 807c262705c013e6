"""Checkers of notebook 06: a scheme for a new activation, transposed fans, the default's decay."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from course_utils.exercises.judging import (
    NotAttempted,
    close,
    explanation,
    judge,
    layers_until,
    no_function,
    report,
)
from course_utils.exercises.reading import is_open

DEPTH, WIDTH, SEEDS = 30, 256, 16

# The std that each common mistake leads to, for w of shape (n_out, n_in).
LIMP_MISTAKES: dict[str, Callable[[int, int], float]] = {
    "That is He's scheme for ReLU, 2/n_in. limp lets some of the negative side through too, so it "
    "needs less.": lambda n_out, n_in: math.sqrt(2 / n_in),
    "That is the scheme of a linear layer, 1/n_in. limp takes off some of the mean square, and the "
    "weights have to make up for it.": lambda n_out, n_in: math.sqrt(1 / n_in),
    "You counted the outputs: a unit adds up n_in terms. w has the shape (n_out, n_in).": (
        lambda n_out, n_in: math.sqrt(8 / (5 * n_out))
    ),
    "That is Xavier's compromise between both fans; asked is the way forward, fan_in.": (
        lambda n_out, n_in: math.sqrt(2 / (n_in + n_out))
    ),
    "That has the right factor, but for the mean of both fans; asked is the way forward, fan_in.": (
        lambda n_out, n_in: math.sqrt(16 / (5 * (n_in + n_out)))
    ),
    "8/(5 n_in) is the variance, and you used it as the std. Take the root.": (
        lambda n_out, n_in: 8 / (5 * n_in)
    ),
    "You took a root too many: the std is the square root of 8/(5 n_in), once.": (
        lambda n_out, n_in: (8 / (5 * n_in)) ** 0.25
    ),
    "E[φ²] = 5/8 has to be made up for: Var(W) is 1/(5/8 · n_in), not 5/8 · 1/n_in.": (
        lambda n_out, n_in: math.sqrt(5 / (8 * n_in))
    ),
    "Each side of 0 holds half of the mean square, so E[φ²] = ½ (1 + ¼). You left out the ½.": (
        lambda n_out, n_in: math.sqrt(4 / (5 * n_in))
    ),
    "The slope −½ enters squared: φ² is z²/4 on the negative side.": (
        lambda n_out, n_in: math.sqrt(4 / (3 * n_in))
    ),
    "The slope −½ enters squared, so the negative side adds to the mean square and takes nothing "
    "away from it.": lambda n_out, n_in: math.sqrt(4 / n_in),
    "You made up for Var(φ). The next layer, with weights of mean 0, needs the mean square E[φ²], "
    "in which the mean of φ counts too.": (
        lambda n_out, n_in: 1 / math.sqrt((5 / 8 - 9 / (8 * math.pi)) * n_in)
    ),
    "The std is √3 too small: U(−a, a) has the std a/√3, so a is √3 times the std.": (
        lambda n_out, n_in: math.sqrt(8 / (15 * n_in))
    ),
    "That is PyTorch's default, 1/(3 n_in), made for no activation at all.": (
        lambda n_out, n_in: math.sqrt(1 / (3 * n_in))
    ),
}


def check_limp_scheme(answer: Callable[..., object]) -> None:
    """Check an initialization for φ(z) = max(z, −z/2), which nobody has a name for.

    Parameters
    ----------
    answer
        ``answer(w, *, generator=None)`` fills w, shape (n_out, n_in), in place with independent
        weights of mean 0 and variance 8 / (5 n_in), normal or uniform; what it returns is not
        looked at. It is tried on single matrices and then on a stack of 30 layers.
    """

    def attempt() -> str | None:
        with torch.no_grad():
            return no_function(answer) or _filling(answer) or _moments(answer) or _stack(answer)

    report("Exercise 1", attempt)


def _filling(limp_: Callable[..., object]) -> str | None:
    """Say what is wrong with how a scheme fills a matrix and uses its generator; None if nothing.

    Raises NotAttempted if nothing was filled, nothing returned and no random number drawn.
    """
    w, state = torch.full((8, 6), 7.0), torch.get_rng_state()
    returned = limp_(w)
    if (w == 7).all():
        if is_open(returned) and torch.equal(state, torch.get_rng_state()):
            raise NotAttempted
        return "w is as it was: fill it in place, as w.normal_(…) does, and not a new tensor."
    if (w == 7).any() or not w.isfinite().all():
        return "Some weights are no finite numbers or not filled: draw every number of w anew."
    first, second, other = (_filled(limp_, 8, 6, seed) for seed in (1, 1, 2))
    if not torch.equal(first, second):
        return (
            "Two generators with the same seed gave different weights: pass the generator on, "
            "w.normal_(…, generator=generator)."
        )
    if torch.equal(first, other):
        return (
            "Generators with different seeds gave the same weights: draw from the generator that "
            "is given."
        )
    return None


def _filled(limp_: Callable[..., object], n_out: int, n_in: int, seed: int) -> Tensor:
    """Return a matrix (n_out, n_in) that the learner's scheme has filled."""
    w = torch.zeros(n_out, n_in)
    limp_(w, generator=torch.Generator().manual_seed(seed))
    return w


def _moments(limp_: Callable[..., object]) -> str | None:
    """Say whether weights are copies, or have a wrong mean or std; None if nothing is wrong."""
    shapes = [(1024, 128), (160, 640)]  # (n_out, n_in)
    weights = [_filled(limp_, *shape, seed=3).double() for shape in shapes]
    if any(torch.linalg.matrix_rank(w) < min(w.shape) for w in weights):
        return "Rows or columns of w are copies: every single weight must be drawn for itself."
    if any(w.mean().abs() > 0.02 * w.std() for w in weights):
        return "The weights do not have mean 0: in the sum z their signs must cancel."
    stds = [w.std().item() for w in weights]
    if close(stds, [math.sqrt(8 / (5 * n_in)) for _, n_in in shapes]):
        return None
    words = explanation(stds, shapes, LIMP_MISTAKES)
    return words or (
        "Average φ(z)² over a z symmetric about 0, half for each sign: E[φ²] = c E[z²]. Then "
        "Var(W) is 1/(c n_in)."
    )


def _stack(limp_: Callable[..., object]) -> str | None:
    """Say whether 30 layers lose or blow up a signal; None if they keep it."""
    generator = torch.Generator().manual_seed(4)
    changes = []
    for seed in range(SEEDS):
        z = torch.randn(32, WIDTH, generator=generator)  # (inputs, width)
        first = z.square().mean()
        for layer in range(DEPTH):
            w = _filled(limp_, WIDTH, WIDTH, seed * DEPTH + layer)
            z = torch.maximum(z, -z / 2) @ w.T
        changes.append((z.square().mean() / first).log())
    if abs(torch.stack(changes).mean()) < math.log(3):
        return None
    return (
        "Mean and std are right, yet 30 layers do not keep the signal: the weights must be "
        "independent of each other."
    )


def check_transposed_std(answer: Callable[[int, int, int, int], float]) -> None:
    """Check the std that keeps a signal through ReLU and a square ``nn.ConvTranspose2d``.

    Away from the borders an output adds up in · k² / stride² terms on average over positions, so
    the std is √(2 · stride² / (in · k²)).

    Parameters
    ----------
    answer
        ``answer(in_channels, out_channels, kernel_size, stride)`` returns the std of the weights.
    """
    layers = [(16, 32, 4, 2), (64, 8, 3, 2), (8, 12, 6, 3), (10, 20, 3, 1)]
    known = {
        "That is what torch.nn.init does: it reads fan_in off weight.size(1), which is the number "
        "of outputs in a transposed convolution, and it knows no stride.": (
            lambda i, o, k, s: math.sqrt(2 / (o * k**2))
        ),
        "The stride is right, but out · k² counts the connections out of an input. How many inputs "
        "does one output add up?": lambda i, o, k, s: math.sqrt(2 * s**2 / (o * k**2)),
        "You forgot the stride: inputs lie stride pixels apart in the output, so only some taps of "
        "the kernel meet one.": lambda i, o, k, s: math.sqrt(2 / (i * k**2)),
        "The stride works in both directions of the image: 1 in stride² places holds an input.": (
            lambda i, o, k, s: math.sqrt(2 * s / (i * k**2))
        ),
        "A stride leaves fewer terms to add up, so the weights must be larger, not smaller.": (
            lambda i, o, k, s: math.sqrt(2 / (i * k**2 * s**2))
        ),
        "That is the variance. Its square root is the std.": (
            lambda i, o, k, s: 2 * s**2 / (i * k**2)
        ),
        "You left out the 2: ReLU halves the mean square on the way in.": (
            lambda i, o, k, s: math.sqrt(s**2 / (i * k**2))
        ),
        "The kernel is square: it has k² taps, of which 1 in stride² meets an input.": (
            lambda i, o, k, s: math.sqrt(2 * s / (i * k))
        ),
    }

    def right(in_channels: int, out_channels: int, kernel_size: int, stride: int) -> float:
        return math.sqrt(2 * stride**2 / (in_channels * kernel_size**2))

    hint = (
        "Put ones into a layer whose weights are all 1: an output far from the border counts its "
        "terms. Average over positions, then give back what ReLU halves."
    )
    report("Exercise 2", lambda: judge(answer, layers, right, known, hint))


def check_depth_of_default(answer: Callable[[float], int]) -> None:
    """Check after how many ReLU layers PyTorch's default leaves less than a fraction of the rms.

    Biases are zero. Each layer multiplies the mean square by 1/6 and so the root mean square (rms)
    by 1/√6; asked is the first whole n with (1/√6)ⁿ < fraction.

    Parameters
    ----------
    answer
        ``answer(fraction)`` returns the number of layers behind the first, for 0 < fraction < 1.
    """
    fractions = [(0.5,), (0.1,), (0.01,), (1e-3,), (1e-6,)]

    def right(fraction: float) -> int:
        return layers_until(fraction, 6**-0.5)

    known = {
        "That is when the mean square falls below the fraction: it loses a factor 6 a layer, its "
        "root, the rms, only √6.": lambda f: layers_until(f, 1 / 6),
        "1/3 is what the weights alone leave of a mean square. ReLU halves it: 1/6.": (
            lambda f: layers_until(f, 3**-0.5)
        ),
        "1/3 is what the weights alone leave, and of the mean square: with ReLU it is 1/6, and the "
        "rms is its root.": lambda f: layers_until(f, 1 / 3),
        "1/2 is what weights of variance 1/n_in leave of the mean square. PyTorch's default has a "
        "third of that variance.": lambda f: layers_until(f, 2**-0.5),
        "One layer too few: there the fraction or more is still left. Round up, to the first layer "
        "below.": lambda f: right(f) - 1,
        "One layer too many: the first layer, where nothing is lost yet, does not count.": (
            lambda f: right(f) + 1
        ),
    }
    hint = "After n layers (1/√6)ⁿ of the rms is left: which is the first n below the fraction?"
    report("Exercise 3", lambda: judge(answer, fractions, right, known, hint, whole=True))


EXERCISES = (check_limp_scheme, check_transposed_std, check_depth_of_default)
