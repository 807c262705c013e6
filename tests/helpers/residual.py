"""Residual networks and transformers that have been given their first weights."""

from helpers.numbers import seeded

from course_utils.initializers import gpt2_, start_
from course_utils.networks import residual_mlp, transformer
from course_utils.probes import measure_stream


def drawn(start, depth=6, layers=2, seed=0, **options):
    """Return a residual network of width 300, begun as ``start`` says."""
    network = residual_mlp([20, 300, 10], depth, branch_layers=layers, **options)
    return start_(network, start, generator=seeded(seed))


def with_and_without_the_factor(depth, images, *, seed=0, std=0.02, **shape):
    """Measure two transformers of the same draw: by GPT-2's 1/√(2 L) (True), and without (False).

    Returns a dict of what `measure_stream` says.
    """
    measured = {}
    for scaled in (True, False):
        network = transformer(depth, **shape)
        gpt2_(network, std=std, scaled=scaled, generator=seeded(seed))
        measured[scaled] = measure_stream(network, images, seed=seed)
    return measured
