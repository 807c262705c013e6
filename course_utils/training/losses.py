"""Loss functions: which labels they compare with, and whether they return what can be minimized."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from course_utils.data import is_one_hot, way_to_classes

_CROSS_ENTROPIES = (F.cross_entropy, nn.CrossEntropyLoss)
_OF_CLASSES = (*_CROSS_ENTROPIES, F.nll_loss, nn.NLLLoss)
_OF_FLOATS = (
    *(F.binary_cross_entropy, F.binary_cross_entropy_with_logits, F.huber_loss),
    *(nn.BCELoss, nn.BCEWithLogitsLoss, nn.HuberLoss),
)
_OF_NUMBERS = (
    *_OF_FLOATS,
    *(F.mse_loss, F.l1_loss, F.smooth_l1_loss),
    *(nn.MSELoss, nn.L1Loss, nn.SmoothL1Loss),
)


def is_of_classes(loss: Callable) -> bool:
    """Whether a loss compares scores (batch, classes) with classes: torch's own, however called."""
    return _is_one(loss, _OF_CLASSES)


def check_loss(loss: object) -> None:
    """Raise TypeError unless ``loss`` can be called with scores and labels."""
    name = getattr(loss, "__name__", repr(loss))
    if isinstance(loss, type):
        raise TypeError(f"loss must be a function of scores and labels: try loss={name}()")
    if not callable(loss):
        wish = "try loss=torch.nn.functional.mse_loss"
        raise TypeError(f"loss must be a function of scores and labels, got {name}: {wish}")


def check_labels(labels: Tensor, loss: Callable) -> None:
    """Raise ValueError if torch's losses of classes, or of numbers, cannot use these labels."""
    if _is_one(loss, _CROSS_ENTROPIES) and _are_weights(labels):
        sums = labels.sum(1)
        if not torch.allclose(sums, torch.ones_like(sums), atol=1e-2):
            raise ValueError(
                "labels of a cross-entropy are classes (n,) or probabilities (n, classes) that sum "
                f"to 1, got sums from {sums.min():g} to {sums.max():g}: "
                "try labels / labels.sum(1, keepdim=True)"
            )
    elif is_of_classes(loss):
        check_classes(labels, places=True)
    elif _is_one(loss, _OF_FLOATS) and not labels.is_floating_point():
        given = f"{labels.dtype} {tuple(labels.shape)}"
        raise ValueError(f"labels must be floats for this loss, got {given}: try labels.float()")


def check_classes(labels: Tensor, *, places: bool = False) -> None:
    """Raise ValueError unless labels are classes 0, 1, … as int64 (n,).

    With ``places`` also (n, …), one class for each place of an image.
    """
    dense = labels.layout == torch.strided
    fits = dense and labels.dtype == torch.int64 and labels.numel() > 0 and labels.min() >= 0
    if labels.ndim > 1:
        fits = fits and places and labels.shape[1] > 1 and not is_one_hot(labels)
    if not fits:
        given = f"{labels.dtype} {tuple(labels.shape)}{way_to_classes(labels)}"
        raise ValueError(f"labels must be classes 0, 1, … as torch.int64 (n,), got {given}")


def check_first(scores: object, labels: Tensor, loss: Callable, members: int | None) -> None:
    """Raise, before anything is learned, if a network's first scores do not fit the labels.

    ``scores`` are (batch, …) or, of an ensemble, (members, batch, …); ``labels`` (batch, …).
    """
    if not isinstance(scores, Tensor):
        kind = type(scores).__name__
        raise TypeError(
            f"the network must return a tensor of scores, got {kind}: choose one in its forward"
        )
    shape = tuple(scores.shape[members is not None :])
    if _is_one(loss, _OF_NUMBERS) and shape != labels.shape:
        given = f"the scores of a batch are {shape}, its labels {tuple(labels.shape)}"
        wish = ": try labels[:, None]" if shape == (*labels.shape, 1) == (len(labels), 1) else ""
        raise ValueError(f"{given}, but this loss compares number with number{wish}")
    if is_of_classes(loss) and not labels.is_floating_point():
        wanted = (len(labels), *shape[2:])
        if len(shape) < 2 or labels.shape != wanted:
            raise ValueError(
                f"the scores of a batch are {shape}, its labels {tuple(labels.shape)}: for scores "
                "(batch, classes, …) the labels are (batch, …)"
            )


def check_value(value: object, members: int | None) -> None:
    """Raise unless a loss has returned one number, or one of each member, with a gradient."""
    if not isinstance(value, Tensor):
        kind = type(value).__name__
        raise TypeError(f"loss must return a tensor of one number, got {kind}: leave out .item()")
    wanted = (members,) if members is not None else ()
    if value.shape != wanted and not (members is None and value.numel() == 1):
        raise ValueError(
            f"loss must return one number for a batch, got a tensor {tuple(value.shape)}: try its "
            "mean()"
        )
    if not value.requires_grad:
        raise ValueError(
            "loss returned a number without a gradient: look for detach, item or argmax in it"
        )


def _is_one(loss: Callable, known: tuple) -> bool:
    while isinstance(loss, partial):
        loss = loss.func
    return loss in known or type(loss) in known


def _are_weights(labels: Tensor) -> bool:
    """Whether floats (n, classes, …) are shares of the classes, and not one 1 in each row."""
    dense = labels.layout == torch.strided and labels.is_floating_point()
    if not dense or labels.ndim < 2 or labels.shape[1] < 2 or is_one_hot(labels):
        return False
    return bool((labels >= 0).all())
