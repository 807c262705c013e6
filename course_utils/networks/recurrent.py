"""A recurrent network that reads an image row by row.

>>> RowLSTM(depth=1, width=64)(images).shape  # (batch, 784) → (batch, 10)
"""

from __future__ import annotations

from torch import Tensor, nn


class RowLSTM(nn.Module):
    """LSTM layers over the rows of images, and a linear layer over the state after the last row.

    Parameters
    ----------
    depth
        LSTM layers, one over the other.
    width
        Numbers of a state.
    tokens, pixels
        Rows of an image, and pixels of a row.
    classes
        Scores per image.
    """

    def __init__(
        self, depth: int, width: int, *, tokens: int = 28, pixels: int = 28, classes: int = 10
    ) -> None:
        super().__init__()
        self.tokens = tokens
        self.recurrent = nn.LSTM(pixels, width, num_layers=depth, batch_first=True)
        self.head = nn.Linear(width, classes)

    def forward(self, images: Tensor) -> Tensor:
        """Map (batch, tokens · pixels) to (batch, classes)."""
        states, _ = self.recurrent(images.unflatten(-1, (self.tokens, -1)))
        return self.head(states[:, -1])
