"""A small transformer, which is a residual network: two branches a block.

A block is x + attention(norm(x)), then x + mlp(norm(x)): the stream holds ``width`` numbers for
each token, attention carries numbers from token to token, the rest treats every token alike. Here
the tokens are the rows of an image. That is "pre-norm"; the first transformers were "post-norm",
norm(x + attention(x)) (Vaswani et al., 2017; Xiong et al., 2020, compare the two).

>>> network = transformer(depth=12)
>>> network(images).shape  # (batch, 784) → (batch, 10)

`initializers.gpt2_` gives it its first weights, `probes.measure_stream` looks at its stream.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from course_utils.networks.residual import Residual, ResidualNetwork

BRANCHES_PER_BLOCK = 2
"""Attention and MLP: L blocks add to the stream 2 L times."""


class Attention(nn.Module):
    """Let every token read from all tokens, or from those before it and itself.

    Each head compares a query of the reader with a key of every token, and takes the average of the
    values, weighted by the softmax of the comparisons.

    Parameters
    ----------
    width
        Numbers per token.
    heads
        How many averages are taken side by side, each of ``width / heads`` numbers.
    causal
        Whether a token cannot read from those after it.
    """

    def __init__(self, width: int, heads: int, *, causal: bool) -> None:
        super().__init__()
        self.heads, self.causal = heads, causal
        self.query_key_value = nn.Linear(width, 3 * width)
        self.projection = nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(batch, tokens, width)`` to the same shape."""
        parts = self.query_key_value(x).chunk(3, dim=-1)
        query, key, value = (p.unflatten(-1, (self.heads, -1)).transpose(-3, -2) for p in parts)
        logits = query @ key.transpose(-2, -1) / math.sqrt(query.shape[-1])
        if self.causal:
            later = torch.ones_like(logits[0, 0], dtype=torch.bool).triu(1)  # (reader, read)
            logits = logits.masked_fill(later, -math.inf)
        mixed = logits.softmax(dim=-1) @ value  # (batch, heads, tokens, width / heads)
        return self.projection(mixed.transpose(-3, -2).flatten(-2))


class RowTokens(nn.Module):
    """The stem: cut an image into rows, map each to the stream, add what marks its position."""

    def __init__(self, tokens: int, pixels: int, width: int) -> None:
        super().__init__()
        self.tokens = tokens
        self.embed = nn.Linear(pixels, width)
        self.position = nn.Parameter(torch.zeros(tokens, width))

    def forward(self, images: Tensor) -> Tensor:
        """Map ``(batch, tokens · pixels)`` to ``(batch, tokens, width)``."""
        return self.embed(images.unflatten(-1, (self.tokens, -1))) + self.position


class Readout(nn.Module):
    """The head: normalize, take the mean of the tokens (causal: the last), map to the scores."""

    def __init__(self, width: int, classes: int, *, causal: bool) -> None:
        super().__init__()
        self.causal = causal
        self.norm, self.scores = nn.LayerNorm(width), nn.Linear(width, classes)

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(batch, tokens, width)`` to ``(batch, classes)``."""
        x = self.norm(x)
        return self.scores(x[:, -1] if self.causal else x.mean(dim=1))


def transformer(
    depth: int,
    *,
    width: int = 64,
    heads: int = 4,
    causal: bool = False,
    norm_first: bool = True,
    tokens: int = 28,
    pixels: int = 28,
    classes: int = 10,
) -> ResidualNetwork:
    """Stack ``depth`` transformer blocks over the rows of images.

    Parameters
    ----------
    depth
        Blocks, at least 1; ``network.blocks`` holds twice as many branches, attention and MLP in
        turn. The MLP is Linear to 4 · width, GELU, Linear back.
    width, heads
        Numbers per token, and heads of the attention: ``width`` must be a multiple of ``heads``.
    causal
        Whether a row reads from the rows above it only.
    norm_first
        Whether a normalization begins each branch ("pre-norm"), or follows each sum ("post-norm").
    tokens, pixels
        Rows of an image, and pixels of a row.
    classes
        Scores per image.

    Returns
    -------
    ResidualNetwork
        Maps ``(batch, tokens · pixels)`` to ``(batch, classes)``, with the weights that PyTorch
        gives its layers by default and positions of 0: `course_utils.initializers.gpt2_` draws.

    Raises
    ------
    ValueError
        If a size is no whole number of at least 1, or ``heads`` does not divide ``width``.
    """
    sizes = {"depth": depth, "width": width, "heads": heads, "tokens": tokens}
    for name, value in {**sizes, "pixels": pixels, "classes": classes}.items():
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise ValueError(f"{name} must be a whole number of at least 1, got {value!r}")
    if width % heads:
        raise ValueError(
            f"width must be a multiple of heads, got {width} and {heads}: try heads=1, 2 or 4"
        )
    blocks = []
    for _ in range(depth):
        attention = Attention(width, heads, causal=causal)
        mlp = (nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))
        for branch in ((attention,), mlp):
            norm = nn.LayerNorm(width)
            before, after = ((norm,), None) if norm_first else ((), norm)
            blocks.append(Residual(nn.Sequential(*before, *branch), norm=after))
    stem = RowTokens(tokens, pixels, width)
    head = Readout(width, classes, causal=causal)
    return ResidualNetwork(stem, blocks, head)
